"""`<Gather>`: keys that a phone presses, and the parameters of its action."""

from __future__ import annotations

from tests.harness.stage import Stage, samples_heard, seconds_of_tone, together, until_tone
from tests.harness.webhook_app import Answer
from tests.interop.test_voice_prompts import tone_wav


def gather(own: Stage, attributes: str, press: str, *, inside: str = "") -> str:
    """Call a phone that presses keys, with a Gather that is followed by a redirect to `nothing`; the SID."""
    own.web.twiml(
        "voice", f'<Gather action="digits" {attributes}>{inside}</Gather><Redirect>nothing</Redirect>'
    )
    own.web.twiml("digits", "<Hangup/>")
    own.web.twiml("nothing", "<Hangup/>")
    phone = own.phone(press=press, press_after=0.3)
    return own.call(phone, url=own.web.url("voice"))


def test_digits_reach_the_action(stage: Stage) -> None:
    def number_of_digits() -> None:
        own = stage.another()
        sid = gather(own, 'numDigits="4"', "12*4")
        told = own.web.wait("digits")
        assert told.method == "POST"
        assert (told.params["Digits"], told.params["CallSid"]) == ("12*4", sid)
        assert "FinishedOnKey" not in told.params

    def finish_key() -> None:
        own = stage.another()
        gather(own, "", "#678#")
        told = own.web.wait("digits").params
        assert (told["Digits"], told["FinishedOnKey"]) == ("678", "#")

    def other_finish_key_by_get() -> None:
        own = stage.another()
        gather(own, 'finishOnKey="*" method="GET"', "5#5*")
        told = own.web.wait("digits")
        assert (told.method, told.params["Digits"], told.form) == ("GET", "5#5", {})

    def silence_after_digits() -> None:
        own = stage.another()
        gather(own, 'timeout="3" finishOnKey=""', "90#")
        assert own.web.wait("digits").params["Digits"] == "90#"

    def nothing_falls_through() -> None:
        own = stage.another()
        gather(own, 'timeout="1"', "")
        assert "Digits" not in own.web.wait("nothing").params
        assert own.web.received("digits") == []

    def nothing_is_told_when_wanted() -> None:
        own = stage.another()
        gather(own, 'timeout="1" actionOnEmptyResult="true"', "")
        assert own.web.wait("digits").params["Digits"] == ""

    def action_is_the_document_itself() -> None:
        own = stage.another()
        own.web.twiml("voice", '<Gather numDigits="1"/>', "<Hangup/>")
        own.call(own.phone(press="3"), url=own.web.url("voice"))
        assert own.web.wait("voice", 2).params["Digits"] == "3"

    together(
        number_of_digits,
        finish_key,
        other_finish_key_by_get,
        silence_after_digits,
        nothing_falls_through,
        nothing_is_told_when_wanted,
        action_is_the_document_itself,
    )


def test_prompts_and_keys(stage: Stage) -> None:
    def key_stops_the_prompt() -> None:
        own = stage.another()
        url = own.web.answer("tone.wav", Answer(tone_wav(500.0, 60.0), "audio/wav"))
        gather(own, 'numDigits="1"', "", inside=f"<Play>{url}</Play>")
        call = own.called.wait_for_call("answered")
        until_tone(call, 500)
        call.press("1")
        assert own.web.wait("digits").params["Digits"] == "1"
        assert seconds_of_tone(samples_heard(call.wait("ended")), 500) < 50

    def without_barge_in_the_prompt_goes_on() -> None:
        own = stage.another()
        url = own.web.answer("tone.wav", Answer(tone_wav(500.0, 2.0), "audio/wav"))
        gather(own, 'numDigits="1" bargeIn="false"', "1", inside=f"<Play>{url}</Play>")
        assert own.web.wait("digits").params["Digits"] == "1"
        heard = samples_heard(own.called.wait_for_call("ended"))
        assert seconds_of_tone(heard, 500) > 1.5

    def typed_ahead() -> None:
        own = stage.another()
        own.web.twiml("voice", '<Pause length="2"/><Gather numDigits="2" timeout="3" action="digits"/>')
        own.web.twiml("digits", "<Hangup/>")
        own.call(own.phone(press="42", press_after=0.2), url=own.web.url("voice"))
        assert own.web.wait("digits").params["Digits"] == "42"

    def keys_pressed_by_hand() -> None:
        own = stage.another()
        own.web.twiml("voice", '<Gather numDigits="1" action="first"/>')
        own.web.twiml("first", '<Gather numDigits="1" action="second"/>')
        own.web.twiml("second", "<Hangup/>")
        phone = own.phone()
        own.call(phone, url=own.web.url("voice"))
        call = phone.wait_for_call("answered")
        call.press("A")
        assert own.web.wait("first").params["Digits"] == "A"
        call.press("0")
        assert own.web.wait("second").params["Digits"] == "0"

    together(key_stops_the_prompt, without_barge_in_the_prompt_goes_on, typed_ahead, keys_pressed_by_hand)

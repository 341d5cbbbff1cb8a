"""`<Dial>`: two phones in one call, who hears what, and what the action is told."""

from __future__ import annotations

from typing import Any

from tests.harness.stage import (
    Stage,
    samples_heard,
    samples_of,
    seconds_of_tone,
    together,
    until_told,
)
from tests.harness.transcribe import require_transcription
from tests.harness.waiting import until
from tests.harness.webhook_app import Answer
from tests.interop.test_voice_prompts import tone_wav
from tests.interop.test_voice_record import download
from twilio.rest import Client  # type: ignore[import-untyped]


def dial(own: Stage, number: str, attributes: str = "", **caller: Any) -> str:
    """Call a phone whose TwiML dials another, with an action that hangs up; the SID."""
    own.web.twiml("voice", f'<Dial action="done" {attributes}>{number}</Dial><Redirect>no</Redirect>')
    own.web.twiml("done", "<Hangup/>")
    return own.call(own.phone(**caller), url=own.web.url("voice"))


def noun(number: str) -> str:
    """A `<Number>` whose call tells the path `child` how it ended."""
    return f'<Number statusCallback="child">{number}</Number>'


def test_both_hear_each_other(stage: Stage) -> None:
    require_transcription()
    other = stage.phone()
    sid = dial(stage, noun(other.number))
    stage.until(sid, "child joined")
    caller, called = stage.called.wait_for_call("answered"), other.wait_for_call("answered")
    caller.say("Good evening. This is the weather report for Friday.")
    until_told(called, "weather report for friday")
    called.say("My name is Robert and I live in London.")
    until_told(caller, "my name is robert and i live in london")
    called.hang_up()
    done = stage.web.wait("done").params
    assert (done["DialCallStatus"], done["DialBridged"]) == ("completed", "true")
    assert int(done["DialCallDuration"]) >= 4
    stage.web.statuses("child")
    child = stage.client.calls(done["DialCallSid"]).fetch()
    assert (child.parent_call_sid, child.direction, child.status) == (sid, "outbound-dial", "completed")
    assert (child.to, child.duration) == (other.number, done["DialCallDuration"])
    assert [found.sid for found in stage.client.calls.list(parent_call_sid=sid)] == [child.sid]


def test_how_dials_end(stage: Stage) -> None:
    def ended(status: str, *, attributes: str = "", **behaviour: Any) -> None:
        own = stage.another()
        other = own.phone(**behaviour)
        dial(own, noun(other.number), attributes)
        done = own.web.wait("done").params
        assert (done["DialCallStatus"], done["DialBridged"]) == (status, "false")
        assert own.web.statuses("child")[-1].params["CallSid"] == done["DialCallSid"]
        child = own.client.calls(done["DialCallSid"]).fetch()
        assert child.status == status
        assert other.wait_for_call("ended").outcome is not None

    def caller_gives_up() -> None:
        own = stage.another()
        other = own.phone(on_call="no-answer")
        dial(own, other.number)
        other.wait_for_call("ringing")
        own.called.wait_for_call("answered").hang_up()
        assert own.web.wait("done").params["DialCallStatus"] == "canceled"
        assert other.wait_for_call("ended").outcome == "canceled"
        assert own.final_status() == "completed"

    def without_action_the_next_verb_runs() -> None:
        own = stage.another()
        other = own.phone(on_call="busy")
        own.web.twiml("voice", f'<Dial>{other.number}</Dial><Play digits="5"/>')
        own.call(own.phone(), url=own.web.url("voice"))
        assert own.called.wait_for_call("ended").digits_heard == "5"

    def caller_id_of_nobody() -> None:
        own = stage.another()
        other = own.phone()
        sid = dial(own, other.number, 'callerId="+15005550123"')
        assert own.web.wait("done").params["DialCallStatus"] == "failed"
        assert own.final_status() == "completed"
        assert 13247 in own.error_codes(sid)
        assert 13247 in own.timeline_codes(sid)
        assert "DialCallSid" not in own.web.wait("done").params
        assert other.calls() == []

    together(
        lambda: ended("busy", on_call="busy"),
        lambda: ended("busy", on_call="reject"),
        lambda: ended("failed", on_call="unreachable"),
        lambda: ended("no-answer", on_call="no-answer", attributes='timeout="5"'),
        caller_gives_up,
        without_action_the_next_verb_runs,
        caller_id_of_nobody,
    )


def test_bridged_calls_end_and_are_recorded(stage: Stage) -> None:
    def star_of_the_caller() -> None:
        own = stage.another()
        other = own.phone()
        own.until(dial(own, other.number, 'hangupOnStar="true"'), "child joined")
        own.called.wait_for_call("answered").press("1w*")
        assert own.web.wait("done").params["DialCallStatus"] == "completed"
        call = other.wait_for_call("ended")
        assert (call.outcome, call.digits_heard[:1]) == ("the platform hung up", "1")
        assert own.called.wait_for_call("ended").outcome == "the platform hung up"

    def time_limit() -> None:
        own = stage.another()
        other = own.phone()
        dial(own, other.number, 'timeLimit="2"')
        done = own.web.wait("done").params
        assert done["DialCallStatus"] == "completed"
        assert 2 <= int(done["DialCallDuration"]) < 30
        assert other.wait_for_call("ended").outcome == "the platform hung up"

    def caller_hangs_up() -> None:
        own = stage.another()
        other = own.phone()
        own.until(dial(own, other.number), "child joined")
        own.called.wait_for_call("answered").hang_up()
        done = own.web.wait("done").params
        assert (done["DialCallStatus"], done["CallStatus"]) == ("completed", "completed")
        assert other.wait_for_call("ended").outcome == "the platform hung up"

    def recorded(record: str, channels: str) -> None:
        own = stage.another()
        other = own.phone(say="I am the one who was called.")
        sid = dial(own, other.number, f'record="{record}" recordingStatusCallback="recorded"')
        own.until(sid, "child joined")
        call = other.wait_for_call("answered")
        call.say("And I say something more.")
        own.called.wait_for_call("answered").wait_for_phrases(1)
        call.hang_up()
        done = own.web.wait("done").params
        told = own.web.wait("recorded").params
        assert told["RecordingSid"] == done["RecordingSid"]
        assert (told["RecordingSource"], told["RecordingChannels"]) == ("DialVerb", channels)
        kept = samples_of(download(own, done["RecordingUrl"]))
        assert 1.0 < len(kept) / 8000 < 30
        assert abs(kept).max() > 1000

    def owned_caller_id_and_whisper() -> None:
        own = stage.another()
        mine = own.number()
        other = own.phone()
        tone = own.web.answer("tone.wav", Answer(tone_wav(620.0, 0.5), "audio/wav"))
        events = "ringing answered completed"
        own.web.twiml("whisper", f"<Play>{tone}</Play>")
        called = f'<Number url="whisper" statusCallback="child" statusCallbackEvent="{events}">{other.number}</Number>'
        own.until(dial(own, called, f'callerId="{mine}"'), "child joined")
        other.wait_for_call("answered").hang_up()
        whispered = own.web.wait("whisper").params
        assert (whispered["Direction"], whispered["From"]) == ("outbound-dial", mine)
        assert whispered["ParentCallSid"] == own.web.wait("voice").params["CallSid"]
        call = other.wait_for_call("ended")
        assert call.from_ == mine
        assert 0.2 < seconds_of_tone(samples_heard(call), 620) < 0.6
        assert own.web.wait("done").params["DialCallStatus"] == "completed"
        told = own.web.statuses("child")
        assert [one.params["CallStatus"] for one in told] == ["ringing", "in-progress", "completed"]
        assert {one.params["CallSid"] for one in told} == {whispered["CallSid"]}
        assert seconds_of_tone(samples_heard(own.called.wait_for_call("ended")), 620) < 0.1

    def first_to_answer_wins() -> None:
        own = stage.another()
        slow, quick, busy = (
            own.phone(answer_after=9),
            own.phone(answer_after=1, hangup_after=1),
            own.phone(on_call="busy"),
        )
        dial(own, "".join(f"<Number>{one.number}</Number>" for one in (slow, quick, busy)))
        done = own.web.wait("done").params
        assert done["DialCallStatus"] == "completed"
        assert own.client.calls(done["DialCallSid"]).fetch().to == quick.number
        assert slow.wait_for_call("ended").outcome == "canceled"

    def one_after_another() -> None:
        own = stage.another()
        busy, other = own.phone(on_call="busy"), own.phone(hangup_after=1.0)
        dial(own, f"<Number>{busy.number}</Number><Number>{other.number}</Number>", 'sequential="true"')
        done = own.web.wait("done").params
        assert done["DialCallStatus"] == "completed"
        assert busy.wait_for_call("ended").outcome == "busy"

    together(
        star_of_the_caller,
        time_limit,
        caller_hangs_up,
        lambda: recorded("record-from-answer", "1"),
        lambda: recorded("record-from-answer-dual", "2"),
        owned_caller_id_and_whisper,
        first_to_answer_wins,
        one_after_another,
    )


def test_changing_calls_that_are_bridged(stage: Stage) -> None:
    def the_dialling_one_goes_on_alone() -> None:
        own = stage.another()
        other = own.phone()
        sid = dial(own, noun(other.number))
        caller = own.called
        own.until(sid, "child joined")
        own.client.calls(sid).update(twiml='<Response><Play digits="3"/></Response>')
        assert other.wait_for_call("ended").outcome == "the platform hung up"
        assert own.web.statuses("child")[-1].params["CallStatus"] == "completed"
        assert caller.wait_for_call("ended").digits_heard == "3"
        assert own.web.received("done") == []

    def the_dialled_one_leaves() -> None:
        own = stage.another()
        other = own.phone()
        own.web.twiml("voice", f'<Dial>{noun(other.number)}</Dial><Play digits="4"/>')
        sid = own.call(own.phone(), url=own.web.url("voice"))
        caller = own.called
        own.until(sid, "child joined")
        [child] = own.client.calls.list(parent_call_sid=sid)
        child.update(twiml='<Response><Play digits="5"/></Response>')
        assert other.wait_for_call("ended").digits_heard == "5"
        assert caller.wait_for_call("ended").digits_heard == "4"
        assert own.final_status() == "completed"

    def the_dialled_one_leaves_after_its_whisper() -> None:
        own = stage.another()
        other = own.phone()
        own.web.twiml("whisper", '<Play digits="1"/>')
        own.web.twiml("voice", f'<Dial action="done"><Number url="whisper">{other.number}</Number></Dial>')
        own.web.twiml("done", '<Play digits="4"/>')
        sid = own.call(own.phone(), url=own.web.url("voice"))
        caller = own.called
        own.until(sid, "child joined")
        [child] = own.client.calls.list(parent_call_sid=sid)
        child.update(twiml='<Response><Play digits="5"/></Response>')
        assert other.wait_for_call("ended").digits_heard == "15"
        assert caller.wait_for_call("ended").digits_heard == "4"
        done = own.web.wait("done").params
        assert (done["DialCallSid"], done["DialBridged"]) == (child.sid, "true")
        assert "DialCallDuration" not in done

    def a_whisper_may_last_longer_than_it_may_ring() -> None:
        own = stage.another()
        other = own.phone()
        own.web.twiml("whisper", '<Pause length="6"/>')
        called = f'<Number url="whisper">{other.number}</Number>'
        own.until(dial(own, called, 'timeout="5"'), "child joined")
        other.wait_for_call("answered").hang_up()
        done = own.web.wait("done").params
        assert (done["DialCallStatus"], done["DialBridged"]) == ("completed", "true")

    def from_one_recorded_dial_into_another() -> None:
        own = stage.another()
        first, second = own.phone(), own.phone()
        sid = dial(own, first.number, 'record="record-from-answer"')
        own.until(sid, "child joined")
        again = f'<Dial action="{own.web.url("second")}" record="record-from-answer">{second.number}</Dial>'
        own.web.twiml("second", "<Hangup/>")
        own.client.calls(sid).update(twiml=f"<Response>{again}</Response>")
        own.until(sid, "child joined", 2)
        second.wait_for_call("answered").hang_up()
        told = own.web.wait("second").params
        own.web.statuses()

        def completed() -> set[str]:
            return {one.sid for one in own.client.recordings.list(call_sid=sid) if one.status == "completed"}

        until(lambda: len(completed()) == 2)
        assert told["RecordingSid"] in completed()
        assert own.client.recordings(told["RecordingSid"]).fetch().start_time == max(
            one.start_time for one in own.client.recordings.list(call_sid=sid)
        )

    def digits_pass_between_them() -> None:
        own = stage.another()
        other = own.phone()
        sid = dial(own, other.number)
        own.until(sid, "child joined")
        own.called.wait_for_call("answered").press("78")
        call = other.wait_for_call("answered")
        until(lambda: call.refresh().digits_heard == "78")
        call.hang_up()

    together(
        the_dialling_one_goes_on_alone,
        the_dialled_one_leaves,
        the_dialled_one_leaves_after_its_whisper,
        a_whisper_may_last_longer_than_it_may_ring,
        from_one_recorded_dial_into_another,
        digits_pass_between_them,
    )


def test_numbers_that_dial_each_other_come_to_an_end(stage: Stage) -> None:
    inbound = stage.web.url("inbound")
    one = stage.number(voice_url=stage.web.url("one"), status_callback=inbound)
    other = stage.number(voice_url=stage.web.url("other"), status_callback=inbound)
    stage.web.twiml("one", f"<Dial>{other}</Dial>")
    stage.web.twiml("other", f"<Dial>{one}</Dial>")
    stage.call(one, twiml="<Pause length='60'/>")
    assert stage.final_status() == "completed"
    codes = [notification.error_code for notification in stage.client.notifications.list(limit=100)]
    assert codes.count("32006") == 1, codes


def test_a_live_call_of_an_account_that_is_suspended_goes_on_and_calls_nobody(stage: Stage) -> None:
    suspended = stage.client.api.accounts.create()
    client = Client(suspended.sid, suspended.auth_token)
    client.api.base_url = stage.platform.api_url
    voice = stage.web.twiml("voice", '<Gather numDigits="1" timeout="60" action="dials"/>')
    number = client.incoming_phone_numbers.create(area_code="415", voice_url=voice)
    other = stage.phone()
    stage.web.twiml("dials", f'<Dial action="done">{other.number}</Dial>')
    stage.web.twiml("done", '<Pause length="60"/>')
    call = stage.phone().call(number.phone_number)
    sid = stage.web.wait("voice").params["CallSid"]
    stage.client.api.accounts(suspended.sid).update(status="suspended")
    call.press("1")
    assert stage.web.wait("done").params["DialCallStatus"] == "failed"
    assert other.calls() == []
    theirs = stage.client.api.accounts(suspended.sid).calls(sid)
    assert theirs.update(status="completed").status == "completed"
    stage.called.wait_for_call("ended")
    assert [notification.error_code for notification in theirs.notifications.list()] == ["10001"]

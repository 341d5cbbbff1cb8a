"""<Dial>.

| attribute | default | bad value |
|---|---|---|
| action | none: the next verb | 11100 |
| method | POST | 13210 |
| timeout | 30 s, 5 to 600 | 13212 |
| hangupOnStar | false | 13213 |
| timeLimit | 14400 s | 13216 |
| callerId | the caller's number | 13214 |
| record | do-not-record | 13217 |
| trim | do-not-trim | 12200 |
| recordingTrack | both | 12200 |
| recordingStatusCallback | none | 13256 |
| recordingStatusCallbackMethod | POST | 13210 |
| recordingStatusCallbackEvent | completed | 13621 |
| answerOnBridge | false | 13219 |
| ringTone | automatic | 13220 |
| sequential | false | 13218 |
"""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import CALLER, RINGING, Transcript, attribute_table, codes, run

from offhook.twiml.effects import (
    Answer,
    Dial,
    DialNumber,
    EndDial,
    Fetch,
    HangUp,
    OnRefer,
    Speak,
    StatusCallback,
)
from offhook.twiml.entry import CallFacts, EntryPoint, Purpose
from offhook.twiml.events import DialDone, HungUp
from offhook.twiml.unbuilt import NOUNS as NOT_BUILT
from offhook.twiml.verbs.dial import Dial as DialVerb

NUMBER = "+15554445555"
DONE = "https://app.example/voice/done"


def plain(dial: int = 2) -> Dial:
    return Dial(
        dial,
        targets=(DialNumber(NUMBER),),
        caller_id=CALLER,
        check_caller_id=False,
        timeout=30,
        time_limit=14400,
        hangup_on_star=False,
        ring_tone="automatic",
        sequential=False,
        record="do-not-record",
        trim="do-not-trim",
    )


def dialled(call: Transcript) -> Dial:
    return call.active(Dial)


def test_attributes() -> None:
    assert attribute_table(DialVerb) == {
        "action": (None, 11100),
        "recordingTrack": ("both", 12200),
        "method": ("POST", 13210),
        "timeout": (30, 13212),
        "hangupOnStar": (False, 13213),
        "timeLimit": (14400, 13216),
        "callerId": (None, 13247),
        "record": ("do-not-record", 13217),
        "trim": ("do-not-trim", 12200),
        "recordingStatusCallback": (None, 13256),
        "recordingStatusCallbackMethod": ("POST", 13210),
        "recordingStatusCallbackEvent": (("completed",), 13621),
        "answerOnBridge": (False, 13219),
        "ringTone": ("automatic", 13220),
        "sequential": (False, 13218),
        "referUrl": (None, 11100),
        "referMethod": ("POST", 12200),
    }


def test_dials_and_goes_on_with_the_next_verb() -> None:
    call = run(f"<Dial>{NUMBER}</Dial><Say>after</Say>")
    assert call.asked == [plain()]
    assert call.on(DialDone(2, "busy")) == [Speak(3, "after", "man", "en-US")]


def test_tells_its_action() -> None:
    call = run(f'<Dial action="done" method="GET">{NUMBER}</Dial>')
    asked = call.on(
        DialDone(2, "completed", "CA1", 12, bridged=True, recording_url="http://r", recording_sid="RE1")
    )
    params = (
        ("DialCallStatus", "completed"),
        ("DialCallSid", "CA1"),
        ("DialCallDuration", "12"),
        ("DialBridged", "true"),
        ("RecordingUrl", "http://r"),
        ("RecordingSid", "RE1"),
    )
    assert asked == [Fetch(3, DONE, "GET", params)]


def test_tells_of_sip() -> None:
    call = run('<Dial action="done"><Sip>sip:a@b.example</Sip></Dial>')
    (fetch,) = call.on(DialDone(2, "failed", "CA1", sip_call_id="x@y", sip_response_code=404))
    assert isinstance(fetch, Fetch)
    assert fetch.params == (
        ("DialCallStatus", "failed"),
        ("DialCallSid", "CA1"),
        ("DialCallDuration", "0"),
        ("DialBridged", "false"),
        ("DialSipCallId", "x@y"),
        ("DialSipResponseCode", "404"),
    )


def test_tells_of_the_headers_of_a_sip_answer() -> None:
    call = run('<Dial action="done"><Sip>sip:a@b.example</Sip></Dial>')
    headers = (("X-Agent", "7"), ("X-Queue", "sales"))
    (fetch,) = call.on(DialDone(2, "completed", "CA1", 5, bridged=True, sip_headers=headers))
    assert isinstance(fetch, Fetch)
    assert fetch.params[-2:] == (("DialSipHeader_X-Agent", "7"), ("DialSipHeader_X-Queue", "sales"))


@pytest.mark.parametrize(
    ("attributes", "field", "value"),
    [
        ('timeout="5"', "timeout", 5),
        ('timeLimit="60"', "time_limit", 60),
        ('hangupOnStar="true"', "hangup_on_star", True),
        ('record="true"', "record", "record-from-answer"),
        ('record="false"', "record", "do-not-record"),
        ('record="record-from-ringing-dual"', "record", "record-from-ringing-dual"),
        ('ringTone="us"', "ring_tone", "us"),
        ('sequential="true"', "sequential", True),
        ('trim="trim-silence"', "trim", "trim-silence"),
        (
            'recordingStatusCallback="/r" recordingStatusCallbackMethod="GET"',
            "recording_callback",
            StatusCallback("https://app.example/r", "GET", ("completed",)),
        ),
    ],
)
def test_attributes_are_carried(attributes: str, field: str, value: object) -> None:
    assert getattr(dialled(run(f"<Dial {attributes}>{NUMBER}</Dial>")), field) == value


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        ('method="x"', 13210),
        ('ifMachine="x"', 13211),
        ('timeout="soon"', 13212),
        ('hangupOnStar="x"', 13213),
        ('timeLimit="0"', 13216),
        ('record="x"', 13217),
        ('sequential="x"', 13218),
        ('answerOnBridge="x"', 13219),
        ('ringTone="x"', 13220),
        ('recordingStatusCallback="mailto:x"', 13256),
        ('recordingStatusCallbackEvent="x"', 13621),
        ('recordingTrack="x"', 12200),
        ('ifMachine="hangup" events="x" passports="y"', 12200),
    ],
)
def test_bad_values_are_ignored_with_a_warning(attribute: str, code: int) -> None:
    call = run(f"<Dial {attribute}>{NUMBER}</Dial>")
    assert codes(call.asked) == [code]
    assert call.asked[-1] == plain()


@pytest.mark.parametrize(
    ("attribute", "code", "field", "nearest"),
    [
        ('timeout="2"', 13212, "timeout", 5),
        ('timeout="-1"', 13212, "timeout", 5),
        ('timeout="601"', 13212, "timeout", 600),
        ('timeLimit="86401"', 13216, "time_limit", 86400),
    ],
)
def test_bad_times_become_the_nearest_that_is_allowed(
    attribute: str, code: int, field: str, nearest: int
) -> None:
    call = run(f"<Dial {attribute}>{NUMBER}</Dial>")
    assert codes(call.asked) == [code]
    assert getattr(dialled(call), field) == nearest


def test_a_call_may_last_a_day() -> None:
    call = run(f'<Dial timeLimit="86400">{NUMBER}</Dial>')
    assert codes(call.asked) == []
    assert dialled(call).time_limit == 86400


def test_an_unknown_word_does_not_drop_the_others() -> None:
    call = run(
        '<Dial recordingStatusCallback="/r" recordingStatusCallbackEvent="started Absent completed">'
        f"{NUMBER}</Dial>"
    )
    assert codes(call.asked) == [13621]
    callback = dialled(call).recording_callback
    assert callback is not None
    assert callback.events == ("absent", "completed")


@pytest.mark.parametrize("caller_id", ["", "foo bar", "&lt;x&gt;", "a" * 65, "+1 555 010 0000 or so"])
@pytest.mark.parametrize("noun", [NUMBER, "<Sip>sip:a@b.example</Sip>"])
def test_a_bad_caller_id_is_nobodys_and_nobody_is_called(caller_id: str, noun: str) -> None:
    call = run(f'<Dial action="done" callerId="{caller_id}">{noun}</Dial>')
    assert codes(call.asked) == [13247]
    assert call.asked[-1] == Fetch(2, DONE, "POST", (("DialCallStatus", "failed"), ("DialBridged", "false")))


@pytest.mark.parametrize("caller_id", ["alice.b", "al+i_c-e.9", "sip:alice@b.example", "client:alice"])
def test_who_is_called_by_sip_may_see_any_name(caller_id: str) -> None:
    dial = dialled(run(f'<Dial callerId="{caller_id}"><Sip>sip:a@b.example</Sip></Dial>'))
    assert (dial.caller_id, dial.check_caller_id) == (caller_id, False)


def test_a_name_is_no_caller_id_for_a_telephone() -> None:
    call = run(f'<Dial callerId="alice.b">{NUMBER}</Dial>')
    assert codes(call.asked) == [13247]
    assert call.asked[-1] == HangUp()


@pytest.mark.parametrize(
    ("given", "shown", "checked"),
    [
        (CALLER, CALLER, False),
        ("+15552223333", "+15552223333", False),
        ("(555) 999-8888", "+15559998888", True),
        ("15559998888", "+15559998888", True),
    ],
)
def test_a_caller_id_that_is_not_of_the_call_is_to_be_checked(given: str, shown: str, checked: bool) -> None:
    dial = dialled(run(f'<Dial callerId="{given}">{NUMBER}</Dial>'))
    assert (dial.caller_id, dial.check_caller_id) == (shown, checked)


def test_a_dial_that_could_not_be_placed_has_failed() -> None:
    call = run(f'<Dial action="done" callerId="+15559998888">{NUMBER}</Dial>')
    asked = call.on(DialDone(2, "failed"))
    assert asked[-1] == Fetch(3, DONE, "POST", (("DialCallStatus", "failed"), ("DialBridged", "false")))


@pytest.mark.parametrize("who", ["client:alice", "sip:alice@b.example"])
def test_who_has_no_number_needs_a_caller_id_to_dial_a_telephone(who: str) -> None:
    facts = CallFacts(who, "+15552223333", answered=True)
    call = run(f'<Dial action="done">{NUMBER}</Dial>', facts)
    assert codes(call.asked) == [13214]
    assert dict(call.asked[-1].params)["DialCallStatus"] == "failed"  # type: ignore[union-attr]
    assert dialled(run(f"<Dial callerId='+15552223333'>{NUMBER}</Dial>", facts)).caller_id == "+15552223333"
    assert dialled(run("<Dial><Sip>sip:b@c.example</Sip></Dial>", facts)).caller_id == who


def test_a_withheld_number_is_passed_on_as_such() -> None:
    call = run(f"<Dial>{NUMBER}</Dial>", CallFacts("anonymous", "+15552223333", answered=True))
    assert dialled(call).caller_id == "anonymous"


def test_several_at_once_but_not_more_than_ten() -> None:
    numbers = "".join(f"<Number>+1555000{n:04}</Number>" for n in range(12))
    call = run(f"<Dial>{numbers}</Dial>")
    assert codes(call.asked) == [13215]
    assert [target.number for target in dialled(call).targets][:2] == ["+15550000000", "+15550000001"]  # type: ignore[union-attr]
    assert len(dialled(call).targets) == 10


@pytest.mark.parametrize(
    ("noun", "code"),
    [
        *((f"<{name}/>", row.code) for name, row in NOT_BUILT.items()),
        ("<Say>Hello</Say>", 13215),
        ("<Number>nobody</Number>", 13223),
        ("nobody", 13223),
        ("", 13223),
    ],
)
def test_what_cannot_be_dialled_fails_the_dial(noun: str, code: int) -> None:
    call = run(f'<Dial action="done">{noun}</Dial>')
    assert codes(call.asked) == [code]
    assert call.asked[-1] == Fetch(2, DONE, "POST", (("DialCallStatus", "failed"), ("DialBridged", "false")))


def test_a_noun_that_cannot_be_dialled_does_not_keep_the_others_from_it() -> None:
    call = run(f"<Dial><Say>Hello</Say><Number>{NUMBER}</Number></Dial>")
    assert codes(call.asked) == [13215]
    assert dialled(call).targets == (DialNumber(NUMBER),)


def test_answers_an_inbound_call_before_it_dials() -> None:
    assert run(f"<Dial>{NUMBER}</Dial>", RINGING).asked == [Answer(), plain()]


def test_answer_on_bridge_leaves_the_answer_to_the_bridge() -> None:
    call = run(f'<Dial answerOnBridge="true">{NUMBER}</Dial><Hangup/>', RINGING)
    assert [type(effect) for effect in call.asked] == [Dial]
    assert call.on(DialDone(2, "completed", "CA1", 3, bridged=True)) == [HangUp()]


def test_answer_on_bridge_when_nobody_answers_leaves_it_to_the_next_verb() -> None:
    call = run(f'<Dial answerOnBridge="true">{NUMBER}</Dial><Say>Sorry</Say>', RINGING)
    assert call.on(DialDone(2, "no-answer")) == [Answer(), Speak(3, "Sorry", "man", "en-US")]


def test_the_caller_hangs_up() -> None:
    call = run(f'<Dial action="done">{NUMBER}</Dial>')
    assert call.on(HungUp()) == [EndDial(2)]
    (fetch,) = call.on(DialDone(2, "completed", "CA1", 5, bridged=True))
    assert isinstance(fetch, Fetch)
    assert fetch.final
    assert not call.finished
    assert call.respond("<Response><Say>nobody hears this</Say></Response>") == []
    assert call.finished


def test_the_caller_hangs_up_and_nobody_is_to_be_told() -> None:
    call = run(f"<Dial>{NUMBER}</Dial><Say>never</Say>")
    assert call.on(HungUp()) == [EndDial(2)]
    assert call.on(DialDone(2, "canceled")) == []
    assert call.finished


def test_digits_of_a_bridged_call_are_not_kept() -> None:
    call = run(f"<Pause/><Dial>{NUMBER}</Dial><Gather numDigits='1'/>")
    call.press("1")
    call.fired()
    call.press("23")
    assert type(call.on(DialDone(3, "completed", "CA1", 5, bridged=True))[-1]).__name__ == "StartTimer"


def test_a_dialled_leg_cannot_dial() -> None:
    facts = CallFacts(CALLER, NUMBER, "outbound-dial", answered=True)
    call = Transcript(EntryPoint("http://app.example/w"), facts, Purpose.WHISPER)
    assert codes(call.respond(f"<Response><Dial>{NUMBER}</Dial></Response>")) == [13201]


@pytest.mark.parametrize("keeps", [False, True])
def test_where_a_transfer_is_asked_about(keeps: bool) -> None:
    bridged = 'answerOnBridge="true"' if keeps else ""
    call = run(f'<Dial {bridged} referUrl="/refer" referMethod="GET">{NUMBER}</Dial>')
    assert dialled(call).on_refer == OnRefer("https://app.example/refer", "GET", keeps)

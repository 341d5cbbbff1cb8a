"""<Number> (sendDigits none 13222, method POST 13221, statusCallbackEvent completed) and <Sip> (13241, 13249)."""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import CALLED, RINGING, attribute_table, codes, only, run

from offhook.twiml.effects import (
    Answer,
    Confer,
    Dial,
    DialApplication,
    DialClient,
    DialNumber,
    DialSip,
    DialTarget,
    EndDial,
    Fetch,
    HangUp,
    StatusCallback,
    Take,
)
from offhook.twiml.entry import EntryPoint
from offhook.twiml.events import DialDone, HungUp
from offhook.twiml.holdmusic import HOLD_MUSIC
from offhook.twiml.nouns.application import Application
from offhook.twiml.nouns.client import Client
from offhook.twiml.nouns.conference import Conference
from offhook.twiml.nouns.number import Number
from offhook.twiml.nouns.queue import Queue
from offhook.twiml.nouns.sip import Sip


def targets(nouns: str) -> tuple[DialTarget, ...]:
    return run(f"<Dial>{nouns}</Dial>").active(Dial).targets


def test_attributes_of_number() -> None:
    assert attribute_table(Number) == {
        "sendDigits": (None, 13222),
        "url": (None, 11100),
        "method": ("POST", 13221),
        "statusCallback": (None, 11100),
        "statusCallbackMethod": ("POST", 13221),
        "statusCallbackEvent": (("completed",), 12200),
    }


def test_attributes_of_sip() -> None:
    assert attribute_table(Sip) == {
        "username": (None, 13249),
        "password": (None, 13249),
        "url": (None, 11100),
        "method": ("POST", 13241),
        "statusCallback": (None, 11100),
        "statusCallbackMethod": ("POST", 13241),
        "statusCallbackEvent": (("completed",), 12200),
    }


def test_number() -> None:
    assert targets(
        '<Number sendDigits="wwA12#" url="whisper" method="GET" statusCallback="/cb"'
        ' statusCallbackEvent="initiated ringing answered completed">(555) 444-5555</Number>'
    ) == (
        DialNumber(
            "+15554445555",
            "wwA12#",
            "https://app.example/voice/whisper",
            "GET",
            StatusCallback(
                "https://app.example/cb", "POST", ("initiated", "ringing", "answered", "completed")
            ),
        ),
    )


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        ('method="x"', 13221),
        ('byoc="BY1" machineDetection="Enable"', 12200),
        ('statusCallbackEvent="x"', 12200),
    ],
)
def test_bad_values_of_number(attribute: str, code: int) -> None:
    call = run(f"<Dial><Number {attribute}>+15554445555</Number></Dial>")
    assert codes(call.asked) == [code]
    assert call.active(Dial).targets == (DialNumber("+15554445555"),)


@pytest.mark.parametrize(
    ("noun", "code"),
    [
        ('<Number sendDigits="x">+15554445555</Number>', 13222),
        ('<Number url="mailto:x">+15554445555</Number>', 11100),
        ('<Number url="http://">+15554445555</Number>', 11100),
        ('<Number url="https:whisper">+15554445555</Number>', 11100),
        ('<Sip url="mailto:x">sip:a@b.example</Sip>', 11100),
    ],
)
def test_who_cannot_be_reached_or_screened_as_written_is_not_called(noun: str, code: int) -> None:
    call = run(f"<Dial>{noun}</Dial>")
    assert codes(call.asked) == [code]
    assert call.asked[-1] == HangUp()
    others = run(f"<Dial>{noun}<Number>+15556667777</Number></Dial>")
    assert others.active(Dial).targets == (DialNumber("+15556667777"),)


def test_empty_digits_and_an_empty_url_are_none() -> None:
    assert targets('<Number sendDigits="" url="">+15554445555</Number>') == (
        DialNumber("+15554445555", send_digits=""),
    )


def test_of_a_list_of_events_the_known_ones_are_told() -> None:
    (target,) = targets(
        '<Number statusCallback="/cb" statusCallbackEvent="Answered busy completed">+15554445555</Number>'
    )
    assert target.callback is not None
    assert target.callback.events == ("answered", "completed")


def test_sip() -> None:
    assert targets(
        '<Sip username="u" password="p">sip:a@b.example:5070;transport=tcp?X-Id=1&amp;User-to-User=a%3Db</Sip>'
    ) == (DialSip("sip:a@b.example:5070;transport=tcp", (("X-Id", "1"), ("User-to-User", "a=b")), "u", "p"),)


def test_sip_with_uris_and_headers_of_their_own() -> None:
    assert targets(
        '<Sip username="u"><Uri>sip:a@b.example</Uri><Uri username="v">sips:[2001:db8::1]</Uri>'
        '<Headers><Header name="X-A" value="1"/></Headers></Sip>'
    ) == (
        DialSip("sip:a@b.example", (("X-A", "1"),), "u"),
        DialSip("sips:[2001:db8::1]", (("X-A", "1"),), "v"),
    )


def test_addresses_are_in_the_order_of_priority_and_weight() -> None:
    assert targets(
        '<Sip><Uri priority="2">sip:c@b.example</Uri><Uri priority="1" weight="1">sip:b@b.example</Uri>'
        '<Uri priority="1" weight="9">sip:a@b.example</Uri><Uri priority="2">sip:d@b.example</Uri></Sip>'
    ) == tuple(DialSip(f"sip:{name}@b.example") for name in "abcd")


@pytest.mark.parametrize("uri", ["", "a@b", "tel:+1", "sip:", "sip:a b@c", "sip:a@b@c", "sip:a@b\r\nX: y"])
def test_what_is_no_sip_address(uri: str) -> None:
    assert codes(run(f"<Dial><Sip>{uri}</Sip></Dial>").asked) == [13243]


@pytest.mark.parametrize(
    ("query", "code"),
    [("Via=x", 13252), ("X-A=%0d%0aB:c", 13252), ("X-A=" + "a" * 1100, 13253)],
)
def test_headers_that_may_not_be_sent(query: str, code: int) -> None:
    call = run(f"<Dial><Sip>sip:a@b.example?{query}</Sip></Dial>")
    assert codes(call.asked) == [code]
    assert call.active(Dial).targets == (DialSip("sip:a@b.example"),)


# Rooms

WEEKLY = "<Dial><Conference {}>Weekly</Conference></Dial><Say>Over</Say>"


def conference(attributes: str = "", of_dial: str = "") -> Confer:
    return run(WEEKLY.format(attributes).replace("<Dial", f"<Dial {of_dial}")).active(Confer)


def test_attributes_of_conference() -> None:
    assert attribute_table(Conference) == {
        "muted": (False, 13230),
        "beep": ("true", 13235),
        "startConferenceOnEnter": (True, 13232),
        "endConferenceOnExit": (False, 13231),
        "waitUrl": (None, 13233),
        "waitMethod": ("POST", 13234),
        "maxParticipants": (250, 12200),
        "record": ("do-not-record", 12200),
        "trim": ("trim-silence", 13239),
        "coach": (None, 12200),
        "participantLabel": (None, 12200),
        "jitterBufferSize": ("large", 12200),
        "eventCallbackUrl": (None, 11100),
        "statusCallback": (None, 11100),
        "statusCallbackMethod": ("POST", 12200),
        "statusCallbackEvent": ((), 12200),
        "recordingStatusCallback": (None, 13256),
        "recordingStatusCallbackMethod": ("POST", 12200),
        "recordingStatusCallbackEvent": (("completed",), 13621),
    }


def test_conference() -> None:
    assert conference() == Confer(
        2,
        "Weekly",
        muted=False,
        beep="true",
        start_on_enter=True,
        end_on_exit=False,
        wait=HOLD_MUSIC,
        most=250,
        coach=None,
        label=None,
        time_limit=14400,
        hangup_on_star=False,
        record=False,
        trim="trim-silence",
    )


def test_conference_with_everything() -> None:
    sid = f"CA{'0' * 32}"
    assert conference(
        'muted="true" beep="onExit" startConferenceOnEnter="false" endConferenceOnExit="true" waitUrl="wait"'
        ' waitMethod="GET" maxParticipants="7" record="record-from-start" trim="do-not-trim"'
        f' coach="{sid}" participantLabel="agent" statusCallback="/cb" statusCallbackMethod="GET"'
        ' statusCallbackEvent="start speaker" recordingStatusCallback="/rec" jitterBufferSize="small"',
        'timeLimit="60" hangupOnStar="true"',
    ) == Confer(
        2,
        "Weekly",
        muted=True,
        beep="onExit",
        start_on_enter=False,
        end_on_exit=True,
        wait=EntryPoint("https://app.example/voice/wait", "GET"),
        most=7,
        coach=sid,
        label="agent",
        time_limit=60,
        hangup_on_star=True,
        record=True,
        trim="do-not-trim",
        recording_callback=StatusCallback("https://app.example/rec", "POST", ("completed",)),
        callback=StatusCallback("https://app.example/cb", "GET", ("start", "speaker")),
        jitter_buffer="small",
    )


def test_an_empty_wait_url_is_silence_and_a_wrong_one_too() -> None:
    assert conference('waitUrl=""').wait is None
    call = run(WEEKLY.format('waitUrl="mailto:x"'))
    assert codes(call.asked) == [13233] and call.active(Confer).wait is None


@pytest.mark.parametrize("record", ["true", "record-from-start"])
def test_a_conference_is_recorded(record: str) -> None:
    assert conference(f'record="{record}"').record and not conference('record="false"').record


def test_the_older_callback_of_a_recording_counts_where_the_newer_is_not_given() -> None:
    told = StatusCallback("https://app.example/old", "POST", ("completed",))
    assert conference('record="true" eventCallbackUrl="/old"').recording_callback == told
    both = conference('record="true" eventCallbackUrl="/old" recordingStatusCallback="/rec"')
    assert both.recording_callback == StatusCallback("https://app.example/rec", "POST", ("completed",))


@pytest.mark.parametrize("label", ["", "a/b", "x" * 129, f"CA{'0' * 32}"])
def test_what_cannot_be_a_label_is_none(label: str) -> None:
    call = run(WEEKLY.format(f'participantLabel="{label}"'))
    assert codes(call.asked) == [16023] and call.active(Confer).label is None


@pytest.mark.parametrize(
    ("noun", "code"),
    [
        ("<Conference> </Conference>", 13237),
        (f"<Conference>{'x' * 129}</Conference>", 13237),
        ('<Conference coach="CA1">Weekly</Conference>', 13240),
        ("<Queue/>", 14212),
        (f"<Queue>{'x' * 65}</Queue>", 14213),
        ('<Queue reservationSid="WR1">Line</Queue>', 14219),
        ('<Queue postWorkActivitySid="WA1">Line</Queue>', 14219),
    ],
)
def test_what_names_no_room_fails(noun: str, code: int) -> None:
    call = run(f'<Dial action="done">{noun}</Dial>')
    assert codes(call.asked) == [code]
    assert dict(only(Fetch, call.asked).params)["DialCallStatus"] == "failed"


def test_who_enters_a_conference_is_answered() -> None:
    call = run('<Dial answerOnBridge="true"><Conference>Weekly</Conference></Dial>', RINGING)
    assert [type(effect) for effect in call.asked] == [Answer, Confer]


def test_beside_a_room_nobody_is_dialled() -> None:
    call = run("<Dial><Number>+15554445555</Number><Queue>Line</Queue><Sip>sip:a@b.example</Sip></Dial>")
    assert codes(call.asked) == [13215, 13215] and call.active(Take)


def test_attributes_of_queue() -> None:
    assert attribute_table(Queue) == {
        "url": (None, 14211),
        "method": ("POST", 14210),
        "reservationSid": (None, 12200),
        "postWorkActivitySid": (None, 12200),
    }


def test_queue() -> None:
    call = run(
        '<Dial timeout="9" timeLimit="60" hangupOnStar="true" ringTone="de" record="true" trim="trim-silence"'
        ' recordingTrack="inbound" recordingStatusCallback="/rec"><Queue url="next" method="GET">Line</Queue></Dial>'
    )
    assert call.active(Take) == Take(
        2,
        "Line",
        EntryPoint("https://app.example/voice/next", "GET"),
        timeout=9,
        time_limit=60,
        hangup_on_star=True,
        ring_tone="de",
        record="record-from-answer",
        trim="trim-silence",
        recording_callback=StatusCallback("https://app.example/rec", "POST", ("completed",)),
        recording_track="inbound",
    )


def test_a_queue_without_a_document_or_with_a_wrong_one() -> None:
    assert run("<Dial><Queue>Line</Queue></Dial>").active(Take).entry is None
    call = run('<Dial><Queue url="mailto:x">Line</Queue></Dial>')
    assert codes(call.asked) == [14211] and call.active(Take).entry is None


def test_a_room_is_left_like_any_dial() -> None:
    call = run("<Dial><Queue>Line</Queue></Dial><Say>Over</Say>")
    taken = call.active(Take).dial
    assert call.on(HungUp()) == [EndDial(taken)]
    assert call.on(DialDone(taken, "canceled")) == [] and call.finished


# Clients


def test_attributes_of_client() -> None:
    assert attribute_table(Client) == {
        "url": (None, 11100),
        "method": ("POST", 12200),
        "statusCallback": (None, 11100),
        "statusCallbackMethod": ("POST", 12200),
        "statusCallbackEvent": (("completed",), 12200),
    }


def test_client() -> None:
    assert targets("<Client>alice</Client>") == (DialClient("alice"),)
    assert targets(
        '<Client url="whisper" method="GET" statusCallback="/cb"><Identity>bob</Identity>'
        '<Parameter name="tier" value="gold &amp; blue"/><Parameter name="n" value="1"/></Client>'
    ) == (
        DialClient(
            "bob",
            headers=(("X-Twilio-Params", "tier=gold+%26+blue&n=1"),),
            url="https://app.example/voice/whisper",
            method="GET",
            callback=StatusCallback("https://app.example/cb", "POST", ("completed",)),
        ),
    )


@pytest.mark.parametrize(
    "noun", ["<Client/>", "<Client>a b</Client>", "<Client>a@b</Client>", f"<Client>{'x' * 122}</Client>"]
)
def test_what_is_no_identity_is_not_called(noun: str) -> None:
    assert codes(run(f"<Dial>{noun}</Dial>").asked) == [13215]


def test_a_client_with_a_wrong_whisper_is_not_called() -> None:
    assert codes(run('<Dial><Client url="mailto:x">alice</Client></Dial>').asked) == [11100]


def test_parameters_that_are_too_long_are_not_told() -> None:
    written = f'<Client>alice<Parameter name="n" value="{"x" * 800}"/></Client>'
    call = run(f"<Dial>{written}</Dial>")
    assert codes(call.asked) == [13215] and call.active(Dial).targets == (DialClient("alice"),)


# Applications

AP = "AP" + "a" * 32


def test_attributes_of_application() -> None:
    assert attribute_table(Application) == {
        "customerId": (None, 12200),
        "copyParentTo": (False, 12200),
        "url": (None, 11100),
        "method": ("POST", 12200),
        "statusCallback": (None, 11100),
        "statusCallbackMethod": ("POST", 12200),
        "statusCallbackEvent": (("completed",), 12200),
    }


def test_application() -> None:
    assert targets(f"<Application>{AP}</Application>") == (DialApplication(AP, to=AP),)
    assert targets(
        '<Application customerId="gold" copyParentTo="true" url="whisper" method="GET" statusCallback="/cb">'
        f'<ApplicationSid>{AP}</ApplicationSid><Parameter name="Ticket" value="9 &amp; 8"/></Application>'
    ) == (
        DialApplication(
            AP,
            to=CALLED,
            parameters=(("Param_Ticket", "9 & 8"),),
            customer_id="gold",
            url="https://app.example/voice/whisper",
            method="GET",
            callback=StatusCallback("https://app.example/cb", "POST", ("completed",)),
        ),
    )


@pytest.mark.parametrize("sid", ["", "AP1", "CA" + "a" * 32])
def test_what_is_no_application_is_not_called(sid: str) -> None:
    written = f"<Application><ApplicationSid>{sid}</ApplicationSid></Application>"
    assert codes(run(f"<Dial>{written}</Dial>").asked) == [21218]


def test_an_application_with_a_wrong_whisper_is_not_called() -> None:
    assert codes(run(f'<Dial><Application url="mailto:x">{AP}</Application></Dial>').asked) == [11100]


def test_an_application_is_called_with_any_caller_id() -> None:
    call = run(f'<Dial callerId="reception"><Application>{AP}</Application></Dial>')
    assert (call.active(Dial).caller_id, call.active(Dial).check_caller_id) == ("reception", False)

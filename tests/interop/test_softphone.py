"""A softphone (baresip) at the platform's registrar: it is called, calls, presses keys and hangs up."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.harness.softphone import TONE_HZ, Softphone, softphone
from tests.harness.stage import Stage, loudest_hz, samples_of
from tests.harness.transcribe import require_transcription, transcribe, words

TRANSPORTS = ["udp", "tcp"]


def credentials(stage: Stage) -> tuple[str, str]:
    """The user and password that `offhook up` prints."""
    made = json.loads((Path(stage.platform.facts["data_dir"]) / "settings.json").read_text())
    return made["sip_username"], made["sip_password"]


def sip_address(stage: Stage, user: str) -> str:
    return f"sip:{user}@{stage.platform.facts['sip']}"


@contextmanager
def registered(stage: Stage, transport: str = "udp", codecs: str = "pcmu") -> Iterator[Softphone]:
    """A softphone that registered as the account's."""
    with softphone() as phone:
        address = f"{stage.platform.facts['sip']};transport={transport}"
        assert phone.register(address, *credentials(stage), audio_codecs=codecs) == "REGISTER_OK"
        yield phone


def test_a_wrong_password_does_not_register(stage: Stage) -> None:
    with softphone() as phone:
        assert phone.register(stage.platform.facts["sip"], credentials(stage)[0], "wrong") == "REGISTER_FAIL"
    sid = stage.call(sip_address(stage, credentials(stage)[0]), twiml="<Say>Hello.</Say>")
    assert stage.final_status() == "failed"
    assert stage.error_codes(sid) == [32009]


@pytest.mark.parametrize(("transport", "codecs"), [("udp", "pcmu"), ("tcp", "pcma")])
def test_it_is_called_and_hears_what_is_said(stage: Stage, transport: str, codecs: str) -> None:
    require_transcription()
    with registered(stage, transport, codecs) as phone:
        address = sip_address(stage, credentials(stage)[0])
        sid = stage.call(address, twiml="<Pause/><Say>The blue train leaves at nine.</Say><Pause/>")
        phone.wait_for("CALL_CLOSED")
        assert words(transcribe(phone.heard())) == "the blue train leaves at nine"
    assert stage.final_status() == "completed"
    call = stage.client.calls(sid).fetch()
    assert (call.to, call.direction) == (address, "outbound-api")
    messages = [entry for entry in stage.whole_timeline(sid) if entry["kind"] == "sip"]
    assert {entry["detail"]["peer"].split()[0] for entry in messages} == {transport.upper()}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_it_calls_and_presses_keys(stage: Stage, transport: str) -> None:
    gather = '<Gather numDigits="4" finishOnKey="" timeout="10" action="keys"/>'
    number = stage.number(voice_url=stage.web.twiml("voice", gather))
    stage.web.twiml("keys", "<Hangup/>")
    with registered(stage, transport) as phone:
        phone.do("dial", f"{sip_address(stage, number)};transport={transport}")
        phone.wait_for("CALL_ESTABLISHED")
        phone.press("4#90")
        keys = stage.web.wait("keys")
        phone.wait_for("CALL_CLOSED")
    assert keys.params["Digits"] == "4#90"
    asked = stage.web.wait("voice").params
    host = stage.platform.facts["sip"].partition(":")[0]
    assert asked["From"] == f"sip:{credentials(stage)[0]}@{host}"
    assert (asked["To"], asked["Direction"], asked["SipDomain"]) == (number, "inbound", host)
    digits = [entry for entry in stage.whole_timeline(asked["CallSid"]) if entry["name"] == "digit"]
    assert [entry["detail"]["source"] for entry in digits] == ["rfc4733"] * 4
    assert stage.final_status() == "completed"


def test_what_it_says_is_recorded_and_it_hangs_up(stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", '<Record playBeep="false" action="done"/>'))
    with registered(stage) as phone:
        phone.do("dial", sip_address(stage, number))
        phone.wait_for("CALL_ESTABLISHED")
        phone.wait_for("CALL_RTPESTAB", "CALL_RTCP")
        phone.wait_for("CALL_RTCP")
        phone.do("hangup")
        assert stage.final_status() == "completed"
        done = stage.web.wait("done").params
    assert done["CallStatus"] == "completed"
    with urllib.request.urlopen(done["RecordingUrl"], timeout=30) as response:
        assert abs(loudest_hz(samples_of(response.read())) - TONE_HZ) < 5


def test_it_holds_and_resumes(stage: Stage) -> None:
    number = stage.number(
        voice_url=stage.web.twiml("voice", '<Gather numDigits="1" timeout="15" action="key"/>')
    )
    stage.web.twiml("key", "<Hangup/>")
    with registered(stage) as phone:
        phone.do("dial", sip_address(stage, number))
        phone.wait_for("CALL_ESTABLISHED")
        phone.do("hold")
        phone.wait_for("CALL_REMOTE_SDP")
        phone.do("resume")
        phone.wait_for("CALL_REMOTE_SDP")
        phone.press("7")
        assert stage.web.wait("key").params["Digits"] == "7"
        phone.wait_for("CALL_CLOSED")
    assert stage.final_status() == "completed"

"""A softphone (baresip) at the platform's registrar: it is called, calls, presses keys and hangs up."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.harness.media import as_ulaw, find, speech
from tests.harness.raw_sip import SDP, RawPeer, answer_to, tag_of
from tests.harness.softphone import TONE_HZ, Softphone, softphone
from tests.harness.stage import Stage, loudest_hz, samples_of, seconds_of_tone
from tests.harness.transcribe import require_transcription, transcribe, was_said
from tests.harness.waiting import HANGS
from tests.harness.webhook_app import Answer

from offhook.audio import g711, wav
from offhook.audio.tones import tone
from offhook.rtp import packet as rtp

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
        assert was_said("the blue train leaves at nine", transcribe(phone.heard()))
    assert stage.final_status() == "completed"
    call = stage.client.calls(sid).fetch()
    assert (call.to, call.direction) == (address, "outbound-api")
    messages = [entry for entry in stage.whole_timeline(sid) if entry["kind"] == "sip"]
    assert {entry["detail"]["peer"].split()[0] for entry in messages} == {transport.upper()}


def test_it_hears_a_prompt_to_its_end(stage: Stage) -> None:
    # At BYE it throws away what waits in its jitter buffer, as telephones do.
    url = stage.web.answer("tone.wav", Answer(wav.write(tone((620.0,), 8000)), "audio/wav"))
    with registered(stage) as phone:
        stage.call(sip_address(stage, credentials(stage)[0]), twiml=f"<Pause/><Play>{url}</Play><Hangup/>")
        phone.wait_for("CALL_CLOSED")
        assert abs(seconds_of_tone(phone.heard(), 620) - 1.0) < 0.1


def test_every_octet_of_a_prompt_leaves_before_the_call_is_hung_up(stage: Stage) -> None:
    said = speech(1.005)
    url = stage.web.answer("said.wav", Answer(wav.write(said), "audio/wav"))
    number = stage.number(voice_url=stage.web.twiml("voice", f"<Play>{url}</Play><Hangup/>"))
    host, port = stage.platform.facts["sip"].split(":")
    uri = f"sip:{number}@{host}:{port}"
    with udp_socket() as signalling, udp_socket() as audio:
        peer = RawPeer(signalling, (host, int(port)))
        offer = SDP.replace("audio 9", f"audio {audio.getsockname()[1]}")
        peer.send(peer.request("INVITE", uri, body=offer))
        challenge = peer.final()
        peer.send(peer.request("ACK", uri, to_tag=tag_of(challenge)))
        rows = answer_to(challenge, "INVITE", uri, *credentials(stage))
        peer.send(peer.request("INVITE", uri, cseq=2, body=offer, rows=rows))
        peer.send(peer.request("ACK", uri, cseq=2, to_tag=tag_of(peer.final())))
        while not (bye := signalling.recv(65535)).startswith(b"BYE "):
            pass
        received = payloads(audio)
        kept = re.findall(rb"^(?:Via|From|To|Call-ID|CSeq):[^\n]*\n", bye, re.MULTILINE)
        peer.send(b"SIP/2.0 200 OK\r\n" + b"".join(kept) + b"Content-Length: 0\r\n\r\n")
    heard = g711.ulaw_decode(np.frombuffer(received, dtype=np.uint8))
    assert (at := find(heard, as_ulaw(said))) >= 0
    assert len(heard) - at - len(said) >= 0.16 * 8000, "no time to play it"
    assert stage.final_status() == "completed"


def udp_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(HANGS)
    return made


def payloads(audio: socket.socket) -> bytes:
    """The payloads of all RTP packets that have come, one after another."""
    audio.setblocking(False)
    packets = b""
    with contextlib.suppress(BlockingIOError):
        while True:
            packets += rtp.unpack(audio.recv(2048)).payload
    return packets


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_it_calls_and_presses_keys(stage: Stage, transport: str) -> None:
    gather = '<Gather numDigits="4" finishOnKey="" timeout="60" action="keys"/>'
    number = stage.number(voice_url=stage.web.twiml("voice", gather))
    stage.web.twiml("keys", "<Hangup/>")
    with registered(stage, transport) as phone:
        phone.do("dial", f"{sip_address(stage, number)};transport={transport}")
        phone.wait_for("CALL_ESTABLISHED")
        sid = stage.web.wait("voice").params["CallSid"]
        for count, key in enumerate("4#90", 1):
            phone.press(key)
            stage.until(sid, "digit", count)
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
    with urllib.request.urlopen(done["RecordingUrl"], timeout=HANGS) as response:
        assert abs(loudest_hz(samples_of(response.read())) - TONE_HZ) < 5


def test_it_holds_and_resumes(stage: Stage) -> None:
    number = stage.number(
        voice_url=stage.web.twiml("voice", '<Gather numDigits="1" timeout="60" action="key"/>')
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

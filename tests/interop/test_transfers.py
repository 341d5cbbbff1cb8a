"""Transfers by REFER: a softphone (baresip) transfers and is transferred, a phone written by hand does it attended."""

from __future__ import annotations

import re
import socket
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.harness.raw_sip import SDP, RawPeer, answer_to, status_of, tag_of
from tests.harness.softphone import Softphone
from tests.harness.stage import Stage, samples_heard, until_tone
from tests.harness.waiting import until
from tests.harness.webhook_app import Answer
from tests.interop.test_softphone import credentials, registered, sip_address, udp_socket
from tests.interop.test_voice_conference import conference, seconds_heard
from tests.interop.test_voice_prompts import tone_wav

from offhook.testing import Call, Phone


def dials_the_phone(stage: Stage, attributes: str) -> tuple[str, str]:
    """An outbound call whose TwiML dials the softphone: its SID, and the phone's address."""
    agent = sip_address(stage, credentials(stage)[0])
    voice = stage.web.twiml("voice", f'<Dial action="done" {attributes}><Sip>{agent}</Sip></Dial>')
    return stage.call(stage.phone(), url=voice), agent


# A softphone transfers


def test_a_blind_transfer_asks_refer_url(stage: Stage) -> None:
    customer, carol = stage, stage.another()
    stage.web.twiml("refer", f"<Dial>{carol.phone().number}</Dial>")
    with registered(stage) as phone:
        sid, _ = dials_the_phone(customer, 'referUrl="refer"')
        phone.wait_for("CALL_ESTABLISHED")
        phone.do("transfer", "sip:carol@pbx.example")
        asked = stage.web.wait("refer").params
        assert "sip:carol@pbx.example" in asked["ReferTransferTarget"]
        assert (asked["CallSid"], asked["CallStatus"]) == (sid, "in-progress")
        phone.wait_for("CALL_CLOSED")
        assert carol.called.wait_for_call("answered")
    for note in ("is transferred", "redirected"):
        stage.until(sid, note)
    customer.called.wait_for_call("answered").hang_up()
    assert stage.final_status() == "completed"
    assert not stage.web.received("done"), "the first <Dial> was replaced, not ended"


def test_a_transfer_without_refer_url_is_refused(stage: Stage) -> None:
    with registered(stage) as phone:
        sid, _ = dials_the_phone(stage, "")
        phone.wait_for("CALL_ESTABLISHED")
        phone.do("transfer", "sip:carol@pbx.example")
        phone.wait_for("TRANSFER_FAILED")
        phone.do("hangup")
        assert stage.web.wait("done").params["DialCallStatus"] == "completed"
    assert stage.final_status() == "completed"
    assert 13802 in stage.error_codes(sid)


def test_a_transfer_that_nobody_answers_for_leaves_the_call(stage: Stage) -> None:
    with registered(stage) as phone:
        stage.web.answer("refer", Answer(b"out of order", status=500))
        sid, _ = dials_the_phone(stage, 'answerOnBridge="true" referUrl="refer"')
        phone.wait_for("CALL_ESTABLISHED")
        phone.do("transfer", "sip:carol@pbx.example")
        phone.wait_for("TRANSFER_FAILED")
        phone.do("hangup")
        assert stage.web.wait("done").params["DialCallStatus"] == "completed"
    assert stage.final_status() == "completed"
    assert 11200 in stage.error_codes(sid)


# A softphone is transferred


def referred(stage: Stage, phone: Softphone, target: str) -> dict[str, str]:
    """The action's parameters of a `<Refer>` of the softphone's call."""
    voice = stage.web.twiml("voice", f'<Refer action="done"><Sip>{target}</Sip></Refer>')
    stage.web.twiml("done", "<Hangup/>")
    stage.call(sip_address(stage, credentials(stage)[0]), url=voice)
    return stage.web.wait("done").params


def test_refer_lets_the_softphone_call_somebody_else(stage: Stage) -> None:
    number = stage.another().number(voice_url=stage.web.twiml("target", "<Pause length='9'/>"))
    with registered(stage) as phone:
        done = referred(stage, phone, sip_address(stage, number))
        assert stage.web.wait("target").params["To"] == number
    told = {name: value for name, value in done.items() if "Refer" in name or "Notify" in name}
    assert told == {
        "ReferCallStatus": "in-progress",
        "ReferSipResponseCode": "202",
        "NotifySipResponseCode": "200",
    }


def test_refer_tells_of_a_call_that_failed(stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("target", '<Reject reason="busy"/>'))
    with registered(stage) as phone:
        done = referred(stage, phone, sip_address(stage, number))
    assert (done["ReferCallStatus"], done["NotifySipResponseCode"]) == ("busy", "486")


def test_a_telephone_cannot_be_referred(stage: Stage) -> None:
    sid = stage.call(stage.phone(), twiml="<Refer><Sip>sip:carol@pbx.example</Sip></Refer>")
    assert stage.final_status() == "completed"
    assert stage.error_codes(sid) == [13801]


# Attended


class Line:
    """One call of a SIP phone of the account's, written by hand; its audio is silence."""

    def __init__(self, stage: Stage, bound: socket.socket) -> None:
        self._stage = stage
        self._socket = bound
        host, port = stage.platform.facts["sip"].split(":")
        self._at = f"{host}:{port}"
        self._peer = RawPeer(bound, (host, int(port)))
        self._uri = ""
        self.tag = ""
        self.sid = ""
        self._cseq = 2

    @property
    def replaces(self) -> str:
        """Its dialog, as the platform knows it."""
        return f"{self._peer.call_id};to-tag={self.tag};from-tag={self._peer.call_id}"

    def call(self, user: str, rows: str = "") -> int:
        """Call, prove who it is, and acknowledge the answer; its status."""
        self._uri = f"sip:{user}@{self._at}"
        self._peer.send(self._peer.request("INVITE", self._uri, body=SDP, rows=rows))
        challenge = self._peer.final()
        self._peer.send(self._peer.request("ACK", self._uri, to_tag=tag_of(challenge)))
        proof = answer_to(challenge, "INVITE", self._uri, *credentials(self._stage))
        self._peer.send(self._peer.request("INVITE", self._uri, cseq=2, body=SDP, rows=rows + proof))
        answer = self._answer("2 INVITE")
        self.tag = tag_of(answer)
        found = re.search(r"^X-Twilio-CallSid: (\w+)", answer, re.MULTILINE)
        self.sid = found[1] if found is not None else ""
        self._peer.send(self._peer.request("ACK", self._uri, cseq=2, to_tag=self.tag))
        return status_of(answer)

    def offer(self, user: str, rows: str) -> int:
        """Call without a proof; the status of the answer."""
        return self._peer.status(self._peer.request("INVITE", f"sip:{user}@{self._at}", body=SDP, rows=rows))

    def refer(self, to: str) -> int:
        """Send REFER; the status of its answer."""
        self._cseq += 1
        rows = f"Refer-To: <{to}>\r\n"
        self._peer.send(self._peer.request("REFER", self._uri, cseq=self._cseq, to_tag=self.tag, rows=rows))
        return status_of(self._answer(f"{self._cseq} REFER"))

    def _answer(self, cseq: str) -> str:
        """The final response to a request; that to an earlier one may come again."""
        while f"CSeq: {cseq}" not in (answer := self._peer.final()):
            pass
        return answer

    def hang_up(self) -> None:
        self._cseq += 1
        self._peer.send(self._peer.request("BYE", self._uri, cseq=self._cseq, to_tag=self.tag))

    def asked(self, until: str = "BYE") -> list[str]:
        """The platform's requests, each answered 200, up to the first of this method: their methods and bodies."""
        seen: list[str] = []
        while not seen or not seen[-1].startswith(until):
            text = self._socket.recv(65535).decode()
            if text.startswith("SIP/2.0"):
                continue
            head, _, body = text.partition("\r\n\r\n")
            kept = re.findall(r"^(?:Via|From|To|Call-ID|CSeq):[^\n]*\n", head + "\r\n", re.MULTILINE)
            self._peer.send(("SIP/2.0 200 OK\r\n" + "".join(kept) + "Content-Length: 0\r\n\r\n").encode())
            seen.append(f"{head.split()[0]} {body}".strip())
        return list(dict.fromkeys(seen))


@contextmanager
def lines(stage: Stage, count: int) -> Iterator[list[Line]]:
    with ExitStack() as stack:
        yield [Line(stage, stack.enter_context(udp_socket())) for _ in range(count)]


def dialling(stage: Stage, phone: Phone) -> str:
    """TwiML by which a SIP phone calls a telephone."""
    return f'<Dial callerId="{stage.owned}">{phone.number}</Dial>'


def play(call: Call, hz: float, folder: Path) -> None:
    path = folder / f"{hz}.wav"
    path.write_bytes(tone_wav(hz, 2))
    call.play(path)


def test_an_attended_transfer_connects_the_two_that_remain(stage: Stage, tmp_path: Path) -> None:
    bob, carol = stage.phone(), stage.another().phone()
    with lines(stage, 2) as (one, two):
        for line, phone in ((one, bob), (two, carol)):
            path = f"dial-{phone.number[1:]}"
            number = stage.number(voice_url=stage.web.twiml(path, dialling(stage, phone)))
            assert line.call(number) == 200
        bobs, carols = bob.wait_for_call("answered"), carol.wait_for_call("answered")
        for line in (one, two):
            stage.until(line.sid, "child joined")
        replaces = urllib.parse.quote(two.replaces)
        assert one.refer(f"sip:carol@pbx.example?Replaces={replaces}") == 202
        assert one.asked() == ["NOTIFY SIP/2.0 100 Trying", "NOTIFY SIP/2.0 200 OK", "BYE"]
        assert two.asked() == ["BYE"]
    play(bobs, 500, tmp_path)
    play(carols, 800, tmp_path)
    until_tone(carols, 500, 1.0)
    until_tone(bobs, 800, 1.0)
    bobs.hang_up()
    carols.wait("ended")
    assert {stage.client.calls(line.sid).fetch().status for line in (one, two)} == {"completed"}
    stage.until(bobs.sid, "transferred")


def test_a_participant_of_a_conference_passes_its_place_on(stage: Stage, tmp_path: Path) -> None:
    bob, carol = stage.phone(), stage.another().phone()
    room = f"transfer-{bob.number[1:]}"
    waiting = stage.call(carol, twiml=conference(stage, room))
    stage.until(waiting, "Dial")
    with lines(stage, 2) as (one, two):
        dial = stage.number(voice_url=stage.web.twiml("dial", dialling(stage, bob)))
        join = stage.number(voice_url=stage.web.twiml("join", conference(stage, room)))
        assert one.call(dial) == two.call(join) == 200
        bobs, carols = bob.wait_for_call("answered"), carol.wait_for_call("answered")
        stage.until(one.sid, "child joined")
        stage.until(two.sid, "Dial")
        assert one.refer(f"sip:carol@pbx.example?Replaces={urllib.parse.quote(two.replaces)}") == 202
        assert one.asked()[-2:] == ["NOTIFY SIP/2.0 200 OK", "BYE"]
        assert two.asked() == ["BYE"]
    stage.until(bobs.sid, "transferred")
    play(bobs, 500, tmp_path)
    play(carols, 800, tmp_path)
    until(lambda: seconds_heard(samples_heard(carols), 500) > 1.0)
    until(lambda: seconds_heard(samples_heard(bobs), 800) > 1.0)
    bobs.hang_up()
    carols.hang_up()


def test_a_call_that_is_not_ours_is_no_attended_transfer(stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", dialling(stage, stage.phone())))
    with lines(stage, 1) as (line,):
        assert line.call(number) == 200
        stage.until(line.sid, "child joined")
        assert line.refer("sip:c@pbx.example?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2") == 603
        line.hang_up()
    assert stage.final_status() == "completed"
    assert stage.error_codes(line.sid) == [13802]


def test_another_phone_takes_a_call_over(stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", '<Gather timeout="20"/>'))
    with lines(stage, 2) as (first, second):
        assert first.call(number) == 200
        assert second.call("anybody", f"Replaces: {first.replaces}\r\nRequire: replaces\r\n") == 200
        assert second.sid == first.sid
        assert first.asked() == ["BYE"]
        second.hang_up()
    assert stage.final_status() == "completed"
    stage.until(first.sid, "leg replaced")


def test_no_phone_takes_over_what_is_not_there(stage: Stage) -> None:
    with lines(stage, 1) as (line,):
        assert line.offer("anybody", "Replaces: nothing;to-tag=1;from-tag=2\r\n") == 481

"""Conferences and queues by REST, on a live platform: what the API says is what has happened to the calls."""

from __future__ import annotations

import re
import socket
import time

import pytest
from tests.harness.raw_sip import SDP
from tests.harness.stage import Stage, samples_heard
from tests.harness.waiting import until
from tests.interop.test_softphone import udp_socket
from tests.interop.test_voice_conference import seconds_heard
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from offhook.audio.g711 import ulaw_encode
from offhook.audio.tones import tone
from offhook.rtp.packet import Packet, pack


def test_participants_are_dialled_changed_and_removed(stage: Stage) -> None:
    name, client = "By REST", stage.client
    agent, customer = stage.phone(), stage.phone()
    callback = stage.web.url("conference")
    dialled = client.conferences(name).participants
    first = dialled.create(
        to=agent.number,
        from_=stage.owned,
        label="agent",
        beep="false",
        wait_url="",
        conference_status_callback=callback,
        conference_status_callback_event=["start", "end", "join", "leave", "mute", "hold"],
    )
    second = dialled.create(to=customer.number, from_=stage.owned, beep="false", wait_url="")
    assert first.conference_sid == second.conference_sid
    room = client.conferences(first.conference_sid)
    for phone in (agent, customer):
        phone.wait_for_call("answered")
    joined = [stage.web.wait("conference", number).params for number in (1, 2, 3)]
    assert [params["StatusCallbackEvent"] for params in joined] == [
        "participant-join",
        "participant-join",
        "conference-start",
    ]
    assert {params["ConferenceSid"] for params in joined} == {first.conference_sid}
    until(lambda: {one.status for one in room.participants.list()} == {"connected"})
    assert room.fetch().status == "in-progress"
    assert room.participants("agent").update(muted=True).muted is True
    assert room.participants(second.call_sid).update(hold=True, hold_url="").hold is True
    until(lambda: [one.call_sid for one in room.participants.list(hold=True)] == [second.call_sid])
    with pytest.raises(TwilioRestException) as held:
        room.participants("agent").update(call_sid_to_coach=second.call_sid)
    assert held.value.code == 16027
    assert room.participants("agent").delete()
    until(lambda: [one.call_sid for one in room.participants.list()] == [second.call_sid])
    agent.wait_for_call("ended")
    ended = room.update(status="completed")
    assert (ended.status, ended.reason_conference_ended) == ("completed", "conference-ended-via-api")
    customer.wait_for_call("ended")
    told = [stage.web.wait("conference", number).params for number in range(1, 9)]
    assert [params["SequenceNumber"] for params in told] == list("12345678")
    assert told[-1]["StatusCallbackEvent"] == "conference-end"
    again = dialled.create(to=stage.phone().number, from_=stage.owned, wait_url="")
    assert again.conference_sid != first.conference_sid
    client.conferences(again.conference_sid).update(status="completed")


class Ringing:
    """A SIP phone written by hand that is called, and says a tone before it answers."""

    def __init__(self, sip: socket.socket, audio: socket.socket) -> None:
        self._sip, self._audio = sip, audio
        self.address = "sip:desk@{}:{}".format(*sip.getsockname())
        self._invite = ""
        self._platform = ("", 0)

    def is_called(self) -> None:
        """Wait for the INVITE, and say that audio comes."""
        while not self._invite.startswith("INVITE "):
            octets, self._platform = self._sip.recvfrom(65535)
            self._invite = octets.decode()
        port = self._audio.getsockname()[1]
        self.answer("183 Session Progress", SDP.replace("m=audio 9 ", f"m=audio {port} "))

    def answer(self, status: str, body: str = "") -> None:
        """Answer the INVITE."""
        kept = re.findall(r"^(?:Via|From|Call-ID|CSeq):[^\n]*\n", self._invite, re.MULTILINE)
        to = re.findall(r"^To:[^\r\n]*", self._invite, re.MULTILINE)[0] + ";tag=desk\r\n"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        head = f"SIP/2.0 {status}\r\n{''.join(kept)}{to}Contact: <{self.address}>\r\n{kind}"
        text = f"{head}Content-Length: {len(body)}\r\n\r\n{body}"
        self._sip.sendto(text.encode(), self._platform)

    def says(self, hz: float, seconds: float) -> None:
        """Send a tone at the pace of a telephone, a little ahead of it: a busy machine is not heard then."""
        port = int(re.findall(r"^m=audio (\d+)", self._invite, re.MULTILINE)[0])
        payload = ulaw_encode(tone([hz], int(8000 * seconds))).tobytes()
        due = time.monotonic() - 0.16
        for number, start in enumerate(range(0, len(payload), 160)):
            packet = Packet(0, number == 0, number, start, 7, payload[start : start + 160])
            self._audio.sendto(pack(packet), ("127.0.0.1", port))
            due += 0.02
            time.sleep(max(0.0, due - time.monotonic()))


def test_a_participant_is_heard_before_it_answers(stage: Stage) -> None:
    client, agent = stage.client, stage.phone()
    first = client.conferences("Early").participants.create(
        to=agent.number,
        from_=stage.owned,
        beep="false",
        wait_url="",
        conference_status_callback=stage.web.url("early"),
        conference_status_callback_event=["start", "end", "join", "leave"],
    )
    call = agent.wait_for_call("answered")
    stage.web.wait("early", 1)
    participants = client.conferences(first.conference_sid).participants
    with udp_socket() as sip, udp_socket() as audio:
        desk = Ringing(sip, audio)
        second = participants.create(to=desk.address, from_=stage.owned, beep="false", wait_url="")
        desk.is_called()
        stage.web.wait("early", 3)
        until(lambda: [one for one in participants.list() if one.status == "ringing"])
        with pytest.raises(TwilioRestException) as rings:
            participants(second.call_sid).update(muted=True)
        assert rings.value.code == 21220
        desk.says(500, 1.5)
        desk.answer("486 Busy Here")
        stage.web.wait("early", 4)
    client.conferences(first.conference_sid).update(status="completed")
    told = [stage.web.wait("early", number).params for number in range(1, 7)]
    assert [params["StatusCallbackEvent"] for params in told] == [
        *("participant-join", "participant-join", "conference-start"),
        *("participant-leave", "participant-leave", "conference-end"),
    ]
    assert (told[3]["CallSid"], told[3]["ParticipantCallStatus"]) == (second.call_sid, "busy")
    assert seconds_heard(samples_heard(call.wait("ended")), 500) > 1.0


def test_who_answers_after_the_end_of_its_conference_makes_no_other(stage: Stage) -> None:
    client, agent = stage.client, stage.phone()
    first = client.conferences("Over").participants.create(
        to=agent.number,
        from_=stage.owned,
        wait_url="",
        conference_status_callback=stage.web.url("over"),
        conference_status_callback_event=["join", "end"],
    )
    call = agent.wait_for_call("answered")
    stage.web.wait("over", 1)
    with udp_socket() as sip, udp_socket() as audio:
        desk = Ringing(sip, audio)
        second = client.conferences(first.conference_sid).participants.create(
            to=desk.address, from_=stage.owned, wait_url="", early_media=False
        )
        desk.is_called()
        call.hang_up()
        stage.web.wait("over", 2)
        desk.answer("200 OK", SDP)
        stage.until(second.call_sid, "16022")
    assert len(client.conferences.list(friendly_name="Over")) == 1


def test_calls_are_taken_out_of_a_queue(stage: Stage) -> None:
    client = stage.client
    queue = client.queues.create(friendly_name="By REST")
    taken = stage.web.twiml("taken", "<Hangup/>")
    action = stage.web.twiml("action", "<Hangup/>")
    enqueue = f'<Enqueue waitUrl="" action="{action}">By REST</Enqueue>'
    members = client.queues(queue.sid).members
    calls = []
    for position in (1, 2):
        calls.append(stage.call(stage.phone(), twiml=enqueue))
        stage.called.wait_for_call("answered")
        stage.until(calls[-1], "Enqueue")
        until(lambda: len(members.list()) == position)  # noqa: B023
        assert client.queues(queue.sid).members(calls[-1]).fetch().position == position
    assert client.queues(queue.sid).fetch().current_size == 2
    front = client.queues(queue.sid).members("Front").update(url=taken, method="GET")
    assert front.call_sid == calls[0]
    assert stage.web.wait("taken").params["CallSid"] == calls[0]
    assert stage.web.wait("action").params["QueueResult"] == "redirected"
    until(lambda: [member.call_sid for member in members.list()] == [calls[1]])
    with pytest.raises(TwilioRestException) as occupied:
        client.queues(queue.sid).delete()
    assert occupied.value.code == 20409
    client.calls(calls[1]).update(status="completed")
    stage.called.wait_for_call("ended")
    until(lambda: members.list() == [])
    assert client.queues(queue.sid).delete()


def test_a_queue_that_is_deleted_while_somebody_comes_is_the_next_of_its_name(stage: Stage) -> None:
    client, beside = stage.client, stage.another()
    first = client.queues.create(friendly_name="Deleted")
    stage.call(stage.phone(), twiml="<Dial timeout='60'><Queue>Deleted</Queue></Dial>")
    stage.until(first.sid, "call comes for the first")
    assert client.queues(first.sid).delete()
    caller = beside.call(beside.phone(), twiml='<Enqueue waitUrl="">Deleted</Enqueue>')
    stage.until(caller, "bridged")
    (second,) = [queue for queue in client.queues.list() if queue.friendly_name == "Deleted"]
    assert second.sid != first.sid and second.current_size == 0
    stage.until(second.sid, "call has come for the first")
    stage.called.wait_for_call("answered").hang_up()
    assert client.queues(second.sid).delete()


def test_who_leaves_last_and_comes_back_at_once_is_in_another_conference(stage: Stage) -> None:
    noun = '<Dial><Conference beep="false" waitUrl="">Back at once</Conference></Dial>'
    conferences = stage.client.conferences
    sid = stage.call(stage.phone(), twiml=noun * 2)
    stage.called.wait_for_call("answered")
    until(lambda: conferences.list(friendly_name="Back at once"))
    (first,) = conferences.list(friendly_name="Back at once")
    until(conferences(first.sid).participants.list)
    assert conferences(first.sid).participants(sid).delete()
    until(lambda: conferences.list(friendly_name="Back at once", status="init"))
    (second,) = conferences.list(friendly_name="Back at once", status="init")
    assert second.sid != first.sid
    until(lambda: conferences(first.sid).fetch().reason_conference_ended == "last-participant-kicked")
    until(conferences(second.sid).participants.list)
    until(lambda: [one.call_sid for one in conferences(second.sid).participants.list()] == [sid])
    conferences(second.sid).update(status="completed")

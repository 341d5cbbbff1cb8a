"""Two platforms on one PostgreSQL and one NATS: calls of different voice nodes meet in a conference or a queue."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fault.running import command_of
from tests.harness.services import running_nats, running_postgres
from tests.harness.stage import Stage, samples_heard
from tests.harness.waiting import until
from tests.harness.webhook_app import WebhookApp
from tests.interop.test_voice_conference import (
    TONES,
    Member,
    all_but_oneself,
    conference,
    in_progress,
    matrix,
    play_all,
    seconds_heard,
    until_heard,
)

from offhook.supervisor.process import descendants
from offhook.testing import Call, Platform

RTP_PORTS = ("16384-19999", "20000-23999")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, Platform]]:
    """Two nodes with the same account and sandboxes of their own."""
    top = tmp_path_factory.mktemp("nodes")
    started: list[Platform] = []
    with running_postgres() as postgres, running_nats() as nats, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OFFHOOK_DATABASE_URL", postgres.url)
        environment.setenv("OFFHOOK_NATS_URL", nats.url)
        try:
            for number, ports in enumerate(RTP_PORTS, 1):
                data = top / f"node-{number}"
                if started:
                    data.mkdir(mode=0o700)
                    shutil.copy(top / "node-1" / "settings.json", data)
                environment.setenv("OFFHOOK_NODE", f"node-{number}")
                environment.setenv("OFFHOOK_RTP_PORTS", ports)
                started.append(Platform.start(data))
            yield started[0], started[1]
        finally:
            for platform in started:
                platform.stop()


@dataclass
class Pair:
    """A stage at each node."""

    one: Stage
    other: Stage


@pytest.fixture
def stages(nodes: tuple[Platform, Platform], webhook_app: WebhookApp) -> Pair:
    return Pair(Stage(nodes[0], webhook_app), Stage(nodes[1], webhook_app))


def call_in(stage: Stage, twiml: str) -> tuple[str, Call]:
    """Have a phone call this node, which runs TwiML; the SID, and the phone's call."""
    number = stage.number(voice_url=stage.web.twiml("voice", twiml))
    call = stage.phone().call(number).wait("answered")
    return call.sid, call


def enter(stage: Stage, name: str, hz: float, attributes: str = "") -> Member:
    """Have a phone call this node, and enter a conference."""
    sid, call = call_in(stage, conference(stage, name, attributes))
    return Member(sid, call, hz)


def met(stage: Stage, name: str, count: int) -> str:
    """Wait until so many are in a conference that has begun; its SID."""
    return str(in_progress(stage, name, count).sid)


def settled(status: Callable[[], str]) -> None:
    """Wait until something is completed: of what a dead node had, the janitor says so."""
    until(lambda: status() == "completed")


def voice_of(platform: Platform) -> int:
    """The process of a node's voice."""
    return next(
        pid for pid in descendants(platform.facts["pid"]) if command_of(pid)[-2:] == ["role", "voice"]
    )


def test_one_conference_over_two_nodes(stages: Pair, tmp_path: Path) -> None:
    members = [
        enter(stage, "over", hz)
        for stage, hz in zip((stages.one, stages.other, stages.other.another()), TONES, strict=False)
    ]
    sid = met(stages.one, "over", 3)
    play_all(members, tmp_path, 3)
    until_heard(members, all_but_oneself(3))
    stages.other.client.conferences(sid).update(status="completed")
    assert matrix(members) == all_but_oneself(3)
    stages.other.until(members[1].sid, "entered at another node")


def test_the_muted_the_kicked_and_the_one_who_ends_it(stages: Pair, tmp_path: Path) -> None:
    ended = stages.other.web.url("ended")
    stages.other.web.twiml("ended", "<Hangup/>")
    host = enter(stages.one, "ruled", TONES[0], 'endConferenceOnExit="true"')
    far = stages.other
    number = far.number(
        voice_url=far.web.twiml(
            "voice",
            f'<Dial action="{ended}"><Conference beep="false" waitUrl="">ruled</Conference></Dial>',
        )
    )
    call = far.phone().call(number).wait("answered")
    guest = Member(call.sid, call, TONES[1])
    kicked = enter(stages.other.another(), "ruled", TONES[2])
    participants = far.client.conferences(met(far, "ruled", 3)).participants
    assert participants(guest.sid).update(muted=True).muted
    participants(kicked.sid).delete()
    kicked.call.wait("ended")
    play_all([host, guest], tmp_path, 3)
    guest.call.wait_for_phrases(1)
    assert not participants(guest.sid).update(muted=False).muted
    play_all([guest], tmp_path, 3)
    host.call.wait_for_phrases(1)
    host.call.hang_up()
    assert far.web.wait("ended").params["DialCallStatus"] == "answered"
    heard = seconds_heard(samples_heard(guest.call.wait("ended")), host.hz)
    assert heard > 1, "the host was heard"
    heard = seconds_heard(samples_heard(host.call.wait("ended")), guest.hz)
    assert 1 < heard < 5, "the guest was heard once of the two times"


def test_a_wait_document_is_heard_until_the_one_at_the_other_node_comes(stages: Pair) -> None:
    wait = stages.other.web.twiml("wait", "<Pause length='1'/>")
    twiml = f'<Dial><Conference beep="false" waitUrl="{{}}" {{}}>{"awaited"}</Conference></Dial>'
    host = stages.one.web.twiml("first", "<Pause length='1'/>")
    _, first = call_in(stages.one, twiml.format(host, 'startConferenceOnEnter="false"'))
    stages.one.web.wait("first")
    _, second = call_in(stages.other, twiml.format(wait, 'startConferenceOnEnter="false"'))
    asked = stages.other.web.wait("wait").params
    assert asked["FriendlyName"] == "awaited"
    assert asked["ConferenceSid"].startswith("CF")
    third = enter(stages.one.another(), "awaited", TONES[0])
    met(stages.one, "awaited", 3)
    for call in (first, second, third.call):
        call.hang_up()
    assert stages.other.final_status() == "completed"


def wait_in_queue(stage: Stage, name: str) -> tuple[str, Call]:
    """Have a phone call this node, and wait in a queue."""
    wait = stage.web.twiml("wait", "<Pause length='30'/>")
    left = stage.web.twiml("left", "<Hangup/>")
    sid, call = call_in(stage, f'<Enqueue action="{left}" waitUrl="{wait}">{name}</Enqueue>')
    stage.web.wait("wait")
    return sid, call


def come_for(stage: Stage, name: str, attributes: str = "") -> tuple[str, Call]:
    """Have a phone call this node, and come for the first in a queue."""
    taken = stage.web.twiml("taken", "<Hangup/>")
    return call_in(stage, f'<Dial action="{taken}" timeout="20"><Queue {attributes}>{name}</Queue></Dial>')


@pytest.mark.parametrize("keeper", ["the caller's", "the agent's"])
def test_an_agent_at_the_other_node_is_connected(stages: Pair, tmp_path: Path, keeper: str) -> None:
    name = keeper.replace(" ", "-")
    caller_stage, agent_stage = stages.one, stages.other
    if keeper == "the agent's":
        # The node whose call was the first to wait keeps the queue.
        _, before = wait_in_queue(agent_stage.another(), name)
        before.hang_up()
    sid, caller = wait_in_queue(caller_stage, name)
    asked = caller_stage.web.wait("wait").params
    assert (asked["QueuePosition"], asked["CurrentQueueSize"]) == ("1", "1")
    before_url = agent_stage.web.twiml("before", "<Pause length='1'/>")
    agent_sid, agent = come_for(agent_stage, name, f'url="{before_url}"')
    told = agent_stage.web.wait("before").params
    assert (told["CallSid"], told["DequeingCallSid"]) == (sid, agent_sid)
    caller_stage.until(sid, "bridged")
    agent_stage.until(agent_sid, "bridged")
    # Far from the ringing tone that the agent hears before.
    members = [Member(sid, caller, TONES[0]), Member(agent_sid, agent, TONES[4])]
    play_all(members, tmp_path, 3)
    until_heard(members, all_but_oneself(2))
    agent.hang_up()
    assert caller_stage.web.wait("left").params["QueueResult"] == "bridged"
    taken = agent_stage.web.wait("taken").params
    assert (taken["DialCallStatus"], taken["DialBridged"], taken["DialCallSid"]) == ("completed", "true", sid)
    assert matrix(members) == all_but_oneself(2)


def test_the_node_that_keeps_the_rooms_dies(stages: Pair) -> None:
    ended = stages.other.web.twiml("ended", "<Hangup/>")
    enter(stages.one, "dies", TONES[0])
    far = stages.other
    sid, guest = call_in(far, f'<Dial action="{ended}"><Conference waitUrl="">dies</Conference></Dial>')
    waits = stages.one.another()
    wait_in_queue(waits, "dies")
    _, waiting = wait_in_queue(far.another(), "dies")
    conference_sid = met(far, "dies", 2)
    os.kill(voice_of(stages.one.platform), signal.SIGKILL)
    assert far.web.wait("ended").params["DialCallStatus"] == "answered"
    guest.wait("ended")
    waiting.wait("ended")
    settled(lambda: far.client.conferences(conference_sid).fetch().status)
    settled(lambda: far.client.calls(sid).fetch().status)


def test_what_a_participant_at_the_other_node_hears_and_what_is_recorded(
    stages: Pair, tmp_path: Path
) -> None:
    near, far = stages.one, stages.other
    told = f'statusCallback="{near.web.url("room")}" statusCallbackEvent="announcement"'
    recorded = f'recordingStatusCallback="{near.web.url("recorded")}" trim="do-not-trim"'
    host = enter(near, "kept", TONES[0], f'record="record-from-start" {recorded} {told}')
    guest = enter(far, "kept", TONES[1])
    conference_sid = met(far, "kept", 2)
    participant = far.client.conferences(conference_sid).participants(guest.sid)
    held = far.web.twiml("held", "<Pause length='60'/>")
    assert participant.update(hold=True, hold_url=held).hold
    assert far.web.wait("held").params["ConferenceSid"] == conference_sid
    news = far.web.twiml("news", "<Pause length='1'/>")
    participant.update(announce_url=news)
    assert far.web.wait("news").params["CallSid"] == guest.sid
    event = near.web.wait("room").params
    assert (event["StatusCallbackEvent"], event["CallSid"]) == ("announcement-end", guest.sid)
    assert not participant.update(hold=False).hold
    play_all([host, guest], tmp_path, 3)
    host.call.wait_for_phrases(1)
    guest.call.wait_for_phrases(1)
    host.call.hang_up()
    guest.call.hang_up()
    assert matrix([host, guest]) == all_but_oneself(2)
    kept = near.web.wait("recorded").params
    assert kept["ConferenceSid"] == conference_sid
    assert int(kept["RecordingDuration"]) >= 3


def test_the_node_of_a_participant_dies(stages: Pair) -> None:
    near, far = stages.one, stages.other
    told = f'statusCallback="{near.web.url("room")}" statusCallbackEvent="leave"'
    stay = [enter(near, "goes", TONES[0], told), enter(near.another(), "goes", TONES[1])]
    guest = enter(far, "goes", TONES[2])
    conference_sid = met(near, "goes", 3)
    os.kill(voice_of(far.platform), signal.SIGKILL)
    left = near.web.wait("room").params
    assert (left["CallSid"], left["ParticipantCallStatus"]) == (guest.sid, "completed")
    assert near.client.conferences(conference_sid).fetch().status == "in-progress"
    for member in stay:
        member.call.hang_up()
    settled(lambda: near.client.conferences(conference_sid).fetch().status)
    settled(lambda: near.client.calls(guest.sid).fetch().status)

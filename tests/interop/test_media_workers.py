"""Two media workers: calls hear each other wherever they are, and a worker that dies takes only its own calls."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fault.running import command_of
from tests.harness.stage import Stage, until_tone
from tests.harness.waiting import until
from tests.harness.webhook_app import WebhookApp
from tests.interop.test_voice_conference import (
    TONES,
    Member,
    all_but_oneself,
    conference,
    end,
    enter,
    in_progress,
    matrix,
    play_all,
    speak_in_turn,
    until_heard,
)
from tests.interop.test_voice_prompts import tone_wav
from tests.interop.test_voice_queue import enqueue, take

from offhook.config import RTP_PORTS
from offhook.supervisor.media_workers import split_ports
from offhook.supervisor.process import descendants
from offhook.testing import Platform

PARTS = split_ports(RTP_PORTS, 2)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with two media workers."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OFFHOOK_MEDIA_WORKERS", "2")
        running = Platform.start(tmp_path_factory.mktemp("two") / "data")
    yield running
    running.stop()


@pytest.fixture
def stage(platform: Platform, webhook_app: WebhookApp) -> Stage:
    """A stage on which no worker has a leg: those of the test before are over a moment after its phones' calls."""
    made = Stage(platform, webhook_app)
    until(lambda: not made.client.calls.list(status="in-progress"))
    return made


def worker_of(stage: Stage, sid: str) -> int:
    """The media worker of a call whose phone has begun to send, by the port in our offer."""
    stage.until(sid, "first packet")
    body = next(
        entry["detail"]["body"] for entry in stage.platform.timeline(sid) if "body" in entry["detail"]
    )
    found = re.search(r"m=audio (\d+)", body)
    assert found is not None
    return next(worker for worker, (low, high) in enumerate(PARTS) if low <= int(found[1]) <= high)


def test_two_on_different_workers_talk(stage: Stage, tmp_path: Path) -> None:
    waits = stage.another()
    sid, caller = enqueue(waits, "apart")
    agent_sid, agent = take(stage, "apart")
    assert worker_of(stage, sid) != worker_of(stage, agent_sid)
    for call, hz in ((caller, TONES[0]), (agent, TONES[1])):
        path = tmp_path / f"{hz}.wav"
        path.write_bytes(tone_wav(hz, 3))
        call.play(path)
    until_tone(caller, TONES[1], 1.5)
    until_tone(agent, TONES[0], 1.5)
    agent.press("5")
    stage.until(agent_sid, "digit")
    caller.hang_up()
    agent.wait("ended")
    caller.wait("ended")
    keys = [sum(entry["name"] == "digit" for entry in stage.whole_timeline(one)) for one in (agent_sid, sid)]
    assert keys == [1, 0]


def test_a_conference_over_two_workers(stage: Stage, tmp_path: Path) -> None:
    members = enter(stage, tmp_path, "over", 3, "", "", 'muted="true"')
    phone = stage.phone()
    sid = stage.call(phone, twiml=conference(stage, "over", f'coach="{members[1].sid}"'))
    members.append(Member(sid, phone.wait_for_call("answered"), TONES[3]))
    stage.until(sid, "Dial")
    assert [worker_of(stage, member.sid) for member in members] in ([0, 1, 0, 1], [1, 0, 1, 0])
    play_all(members, tmp_path, 3)
    wanted = [
        [False, True, False, False],
        [True, False, False, True],
        [True, True, False, False],
        [True, True, False, False],
    ]
    until_heard(members, wanted)
    end(stage, "over")
    assert matrix(members) == wanted


def test_who_speaks_is_told_wherever_they_are(stage: Stage, tmp_path: Path) -> None:
    speak_in_turn(stage, tmp_path, "speakers")


def test_the_held_hear_nobody_and_come_back(stage: Stage, tmp_path: Path) -> None:
    members = enter(stage, tmp_path, "held", 2)
    found = in_progress(stage, "held", 2)
    held = stage.client.conferences(found.sid).participants(members[1].sid)
    held.update(hold=True, hold_url="")
    play_all(members[:1], tmp_path, 2)
    held.update(hold=False)
    play_all(members[1:], tmp_path, 2)
    until_heard(members, [[False, True], [False, False]])
    end(stage, "held")
    assert matrix(members)[0] == [False, True]


def worker_process(platform: Platform, worker: int) -> int:
    """The process of a media worker."""
    for pid in descendants(platform.facts["pid"]):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        if command_of(pid)[-2:] == ["role", "media"] and f'"media_worker":{worker}'.encode() in environment:
            return pid
    raise AssertionError(f"media worker {worker} does not run")


def test_a_worker_that_dies_costs_its_own_calls_their_audio(stage: Stage, tmp_path: Path) -> None:
    members = enter(stage, tmp_path, "hit", 4)
    dead = worker_of(stage, members[0].sid)
    hit = [member for member in members if worker_of(stage, member.sid) == dead]
    left = [member for member in members if member not in hit]
    assert len(left) == 2
    os.kill(worker_process(stage.platform, dead), signal.SIGKILL)
    for member in hit:
        member.call.wait("ended")
    play_all(left, tmp_path, 3)
    until_heard(left, all_but_oneself(2))
    end(stage, "hit")
    assert matrix(left) == all_but_oneself(2)


def test_a_worker_that_was_started_again_is_used_again(stage: Stage, tmp_path: Path) -> None:
    old = worker_process(stage.platform, 1)
    os.kill(old, signal.SIGKILL)

    def at_both() -> list[Member] | None:
        """Two calls, as soon as each has a worker of its own."""
        members = enter(stage, tmp_path, "again", 2)
        if {worker_of(stage, member.sid) for member in members} == {0, 1}:
            return members
        end(stage, "again")
        return None

    members = next(filter(None, (at_both() for _ in range(20))))
    play_all(members, tmp_path, 2)
    until_heard(members, all_but_oneself(2))
    end(stage, "again")

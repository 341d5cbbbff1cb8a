"""The `offhook` command against a running platform, as from a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fault.running import ANY_PORTS, Running


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform with the sandbox's phones."""
    running = Running(tmp_path_factory.mktemp("cli") / "data", *ANY_PORTS)
    running.ready()
    yield running
    running.stop()


def offhook(*arguments: str, data: Path, status: int = 0) -> str:
    """Run a command and return what it printed (stdout, then stderr)."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "offhook", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "OFFHOOK_DATA": str(data)},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_call_says_something_and_is_followed_to_its_end(platform: Running) -> None:
    said = offhook("call", "+15551230000", "--say", "Hello & welcome", "--follow", data=platform.data)
    for step in ("queued", "ringing", "in-progress", "<Say>", "Hello & welcome", "completed"):
        assert step in said
    sid = re.search(r"CA[0-9a-f]{32}", said)
    assert sid is not None
    assert "completed" in offhook("timeline", sid[0], data=platform.data)


def test_text_is_followed_to_its_delivery(platform: Running) -> None:
    said = offhook("text", "+15551230000", "Hello", "--follow", data=platform.data)
    for step in ("queued", "sent", "delivered"):
        assert step in said


def test_a_refusal_is_one_line_with_its_code(platform: Running) -> None:
    said = offhook("text", "+15551230000", "Hello", "--from", "+15005550199", data=platform.data, status=1)
    assert said.count("\n") == 1
    assert "HTTP 400" in said


def test_call_wants_exactly_one_thing_to_do(platform: Running) -> None:
    assert "--say" in offhook("call", "+15551230000", data=platform.data, status=2)


def test_an_unknown_timeline_is_one_line(platform: Running) -> None:
    assert "HTTP 404" in offhook("timeline", f"CA{'0' * 32}", data=platform.data, status=1)


def test_doctor_finds_a_running_platform_well(platform: Running) -> None:
    said = offhook("doctor", data=platform.data)
    assert f"process {platform.process.pid} answers" in said
    assert "bad" not in said


def test_commands_without_an_instance_say_so(tmp_path: Path) -> None:
    for command in (("call", "+15551230000", "--say", "x"), ("text", "+15551230000", "x"), ("timeline", "x")):
        said = offhook(*command, data=tmp_path, status=2)
        assert said.count("\n") == 1
        assert "no instance runs" in said


def test_demo_calls_and_texts(tmp_path: Path) -> None:
    said = offhook("demo", "--data", str(tmp_path / "demo"), data=tmp_path)
    for step in (
        "queued",
        "ringing",
        "answered",
        'said "Hello world."',
        "ended",
        "sent",
        "delivered",
        "price",
    ):
        assert step in said
    (heard,) = (tmp_path / "demo" / "demo").glob("CA*.wav")
    assert str(heard) in said
    with wave.open(str(heard)) as recording:
        assert recording.getframerate() == 8000
        assert recording.getnframes() > 4000

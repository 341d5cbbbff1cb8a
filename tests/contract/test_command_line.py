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
from tests.harness.processes import running


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform with the sandbox's phones."""
    with Running(tmp_path_factory.mktemp("cli") / "data", *ANY_PORTS) as instance:
        instance.ready()
        yield instance


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


def test_texts_may_begin_with_a_dash(platform: Running) -> None:
    assert "queued" in offhook("text", "+15551230009", "-5 degrees --today", data=platform.data)
    assert "-5 degrees --today" in offhook("texts", data=platform.data)


def test_an_option_that_is_none_is_still_refused(platform: Running) -> None:
    assert "--folow" in offhook("text", "+15551230009", "Hello", "--folow", data=platform.data, status=2)


def test_the_latest_timeline_needs_no_sid(platform: Running) -> None:
    said = offhook("call", "+15551230008", "--say", "Hi", data=platform.data)
    assert offhook("timeline", "--follow", data=platform.data).startswith(said[:34])


def test_a_number_is_pointed_at_a_program_and_called_and_texted_by_a_phone(
    platform: Running, tmp_path: Path
) -> None:
    url = "http://twimlets.com/echo?Twiml=%3CResponse%3E%3CPlay%20digits%3D%2242%22%2F%3E%3C%2FResponse%3E"
    said = offhook("number", "+14155550123", "--voice-url", url, "--sms-url", url, data=platform.data)
    assert said.startswith("+14155550123  PN")
    assert "+14155550123" in offhook("number", data=platform.data)
    heard = tmp_path / "heard.wav"
    called = offhook(
        *("phone", "+15551230007", "call", "+14155550123", "--save", str(heard)), data=platform.data
    )
    assert "completed" in called
    assert "pressed keys 42" in called
    with wave.open(str(heard)) as recording:
        assert recording.getframerate() == 8000
    offhook("phone", "+15551230007", "text", "+14155550123", "-1 is a text", data=platform.data)
    history = offhook("phone", "+15551230007", data=platform.data)
    assert called[:34] in history
    assert "-1 is a text" in history
    assert called[:34] in offhook("calls", data=platform.data)


def test_a_call_to_a_number_that_is_not_owned_says_what_to_do(platform: Running) -> None:
    said = offhook("phone", "+15551230007", "call", "+14155550188", data=platform.data, status=1)
    assert "offhook number +14155550188" in said


def test_an_owned_number_is_no_virtual_phone(platform: Running) -> None:
    owned = platform.facts["phone_numbers"][0]
    said = offhook("phone", owned, "call", "+14155550188", data=platform.data, status=2)
    assert "one of your own numbers" in said


def test_tail_follows_everything(platform: Running) -> None:
    with running(
        *(sys.executable, "-P", "-m", "offhook", "tail", "--data", platform.data),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as following:
        assert following.stdout is not None
        assert following.stdout.readline().startswith("Following AC")
        sid = offhook("text", "+15551230006", "Hello", "--follow", data=platform.data)[:34]
        for line in following.stdout:
            if sid in line and "delivered" in line:
                break


def test_a_program_that_fails_is_one_warning(platform: Running) -> None:
    offhook("number", "+14155550124", "--sms-url", "http://127.0.0.1:1/sms?secret=1", data=platform.data)
    offhook("phone", "+15551230007", "text", "+14155550124", "Private", data=platform.data)
    line = platform.said("WARNING", "127.0.0.1:1/sms")
    assert re.search(r"SM[0-9a-f]{32} to 127\.0\.0\.1:1/sms: error 11202, ", line)
    assert "secret" not in line


def test_output_that_knows_ascii_only(platform: Running) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "offhook", "number", "--data", str(platform.data)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert b"calls -> " in done.stdout


def test_version(tmp_path: Path) -> None:
    assert re.fullmatch(r"offhook \d+\.\d+\.\d+\S*\n", offhook("--version", data=tmp_path))


def test_the_sandbox_is_not_shown_to_others_by_accident(tmp_path: Path) -> None:
    said = offhook("up", *ANY_PORTS[:-1], "0.0.0.0:0", data=tmp_path / "data", status=2)
    assert said.count("\n") == 1
    assert "--expose-sandbox" in said


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

"""`kill -9` of any one process of the platform: it recovers by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fault.running import ANY_PORTS, Running, wait_until_gone
from tests.fault.test_supervisor import free_port
from tests.harness.waiting import HANGS


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One platform whose parts are killed one after the other."""
    with Running(tmp_path_factory.mktemp("kills") / "data", *ANY_PORTS) as running:
        running.ready()
        yield running


@pytest.mark.parametrize(
    "name", ["api", "voice", "media", "streams", "messaging", "sandbox", "postgres", "nats"]
)
def test_a_killed_part_is_started_again_and_said_so(instance: Running, name: str) -> None:
    before = instance.child(name)
    os.kill(before, signal.SIGKILL)
    instance.said(f"{name} ended (SIGKILL), starting it again")
    instance.said(f"{name} is back")
    assert instance.child(name) != before


def test_children_end_with_a_killed_supervisor_and_the_next_start_is_clean(tmp_path: Path) -> None:
    data = tmp_path / "data"
    flags = (
        *("--http", f"127.0.0.1:{free_port()}", "--sip", f"127.0.0.1:{free_port()}"),
        *("--smpp", f"127.0.0.1:{free_port()}", "--sandbox", f"127.0.0.1:{free_port()}"),
    )
    with Running(data, *flags) as first:
        facts = first.ready()
        family = first.family()
        old_run_dir = Path((data / "run").read_text().strip())
        first.process.kill()
        first.process.wait()
    assert wait_until_gone(family, HANGS) == []
    with Running(data, *flags) as second:
        again = second.ready()
        assert not old_run_dir.exists()
        assert again["account_sid"] == facts["account_sid"]


def test_a_start_right_after_the_kill_waits_for_what_still_ends(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Running(data, *ANY_PORTS) as first:
        while len(first.family()) < 3:
            assert first.process.poll() is None
        family = first.family()
        first.process.kill()
        first.process.wait()
    with Running(data, *ANY_PORTS) as second:
        second.ready()
        assert wait_until_gone(family, 0) == []

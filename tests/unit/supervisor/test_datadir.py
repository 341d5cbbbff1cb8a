"""The data directory's locks, secrets and pointers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.harness.processes import running
from tests.harness.waiting import HANGS

from offhook.config import ConfigurationError
from offhook.supervisor import datadir
from offhook.supervisor.datadir import DataDirectory, InstanceFacts, find_instance

FACTS = InstanceFacts(
    local_url="http://127.0.0.1:8080",
    api_url="http://127.0.0.1:1",
    account_sid="AC1",
    auth_token="t",
    phone_numbers=("+15105550100",),
    sip="127.0.0.1:2",
    smpp="127.0.0.1:3",
    sandbox_url="http://127.0.0.1:4",
    data_dir="/data",
    pid=os.getpid(),
)


def test_secrets_are_made_once(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    made = directory.secrets()
    assert directory.secrets() == made
    assert (tmp_path / "settings.json").stat().st_mode & 0o777 == 0o600
    directory.close()


def test_damaged_secrets_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    directory = DataDirectory(tmp_path)
    with pytest.raises(ConfigurationError, match=r"settings\.json cannot be read"):
        directory.secrets()
    assert (tmp_path / "settings.json").read_text() == "{"
    directory.close()


def test_an_instance_is_found_while_its_lock_is_held(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no instance runs"):
        find_instance(tmp_path)
    directory = DataDirectory(tmp_path)
    directory.publish(FACTS)
    assert find_instance(tmp_path) == FACTS
    directory.close()
    with pytest.raises(ConfigurationError, match="no instance runs"):
        find_instance(tmp_path)


def test_only_one_uses_the_directory(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    with pytest.raises(ConfigurationError, match="in use by another instance"):
        DataDirectory(tmp_path)
    directory.close()
    DataDirectory(tmp_path).close()


async def test_processes_of_an_earlier_run_are_waited_for_and_then_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = DataDirectory(tmp_path)
    await earlier.orphans_ended()
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    with running(*command, pass_fds=[earlier.children_lock]) as orphan:
        earlier.close()
        monkeypatch.setattr(datadir, "_ORPHAN_SECONDS", 0.3)
        later = DataDirectory(tmp_path)
        await later.orphans_ended()
        assert orphan.wait(HANGS) == -9
        later.close()


def test_the_run_directory_is_short_private_and_replaced(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    first = directory.make_run_dir()
    assert len(str(first / "run" / "streams-audio.sock")) < 108
    assert (first / "run").stat().st_mode & 0o777 == 0o700
    second = directory.make_run_dir()
    assert not first.exists()
    directory.remove_run_dir()
    assert not second.exists()
    directory.close()


def test_a_foreign_directory_named_in_run_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    directory = DataDirectory(tmp_path / "data")
    (tmp_path / "data" / "run").write_text(f"{precious}\n")
    directory.remove_run_dir()
    assert precious.exists()
    directory.close()

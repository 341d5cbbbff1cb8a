"""Running PostgreSQL as another user from where only root may go."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.supervisor import unprivileged
from offhook.supervisor.postgres import postgres_programs
from offhook.supervisor.process import Account

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory that every user can reach, unlike tmp_path."""
    with tempfile.TemporaryDirectory(prefix="offhook-test-", dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def test_reach_ends_at_a_closed_directory(open_dir: Path) -> None:
    stranger = Account("stranger", 54321, 54321)
    program = open_dir / "closed" / "program"
    program.parent.mkdir(mode=0o755)
    program.touch()
    program.chmod(0o755)
    assert unprivileged.can_execute(stranger, program)
    program.parent.chmod(0o700)
    assert not unprivileged.can_execute(stranger, program)


@root_only
def test_programs_out_of_reach_are_copied_once(open_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unprivileged, "COPIES", open_dir / "copies")
    monkeypatch.setattr("offhook.supervisor.postgres.can_execute", lambda account, program: False)
    account = unprivileged.service_account(open_dir)
    assert account is not None
    assert account.uid != 0
    programs = postgres_programs(account)
    assert programs.is_relative_to(open_dir / "copies")
    assert unprivileged.can_execute(account, programs / "postgres")
    version = subprocess.run(
        [programs / "postgres", "--version"], user=account.uid, capture_output=True, text=True, check=True
    )
    assert version.stdout.startswith("postgres (PostgreSQL)")
    made = programs.stat().st_ctime_ns
    assert postgres_programs(account).stat().st_ctime_ns == made
    assert len(list((open_dir / "copies").iterdir())) == 1


@root_only
def test_the_owner_of_existing_data_is_kept(open_dir: Path) -> None:
    os.chown(open_dir, 65534, 65534)
    account = unprivileged.service_account(open_dir)
    assert account is not None
    assert account.uid == 65534

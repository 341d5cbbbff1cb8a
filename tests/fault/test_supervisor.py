"""The platform as a whole: what `offhook up` prints, keeps and leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import phonenumbers
import pytest
from tests.fault.running import ANY_PORTS, Running, alive, wait_until_gone
from tests.fault.traffic import settings_of
from tests.harness.services import _execute
from tests.harness.waiting import HANGS

from offhook.supervisor.nats import Nats


@pytest.fixture
def started() -> Iterator[contextlib.ExitStack]:
    """What ends instances when the test is over."""
    with contextlib.ExitStack() as stack:
        yield stack


def up(
    started: contextlib.ExitStack, data: Path, *flags: str, environ: dict[str, str] | None = None
) -> Running:
    return started.enter_context(Running(data, *flags, environ=environ))


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One platform whose data lies below a directory that only its owner may enter."""
    closed = tmp_path_factory.mktemp("closed") / "root-only"
    closed.mkdir(mode=0o700)
    with Running(closed / "deep" / "data", *ANY_PORTS) as instance:
        instance.ready()
        yield instance


def test_json_line_names_everything_and_all_of_it_accepts_traffic(running: Running) -> None:
    facts = running.facts
    assert set(facts) == {
        *("api_url", "account_sid", "auth_token", "phone_numbers", "sip", "smpp"),
        *("sandbox_url", "local_url", "data_dir", "pid"),
    }
    assert re.fullmatch(r"AC[0-9a-f]{32}", facts["account_sid"])
    assert re.fullmatch(r"[0-9a-f]{32}", facts["auth_token"])
    assert facts["pid"] == running.process.pid
    assert facts["data_dir"] == str(running.data)
    assert len(facts["phone_numbers"]) == 2
    for number in facts["phone_numbers"]:
        assert phonenumbers.is_possible_number(phonenumbers.parse(number))
    for address in (facts["api_url"], facts["sandbox_url"], facts["sip"], facts["smpp"]):
        host, _, port = address.removeprefix("http://").rpartition(":")
        socket.create_connection((host, int(port)), HANGS).close()


def test_what_has_done_its_work_is_collected(running: Running) -> None:
    states = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in running.family()]
    assert len(states) > 5
    assert "Z" not in states


def test_secrets_are_for_their_owner_only(running: Running) -> None:
    assert running.data.stat().st_mode & 0o777 == 0o700
    for name in ("settings.json", "instance.json"):
        assert (running.data / name).stat().st_mode & 0o777 == 0o600


def test_directories_above_the_data_stay_closed(running: Running) -> None:
    assert running.data.parents[1].stat().st_mode & 0o777 == 0o700


def test_a_data_directory_in_use_is_one_clear_line(running: Running, started: contextlib.ExitStack) -> None:
    second = up(started, running.data, *ANY_PORTS)
    said = second.rest_of_stderr()
    assert second.process.wait() == 2
    assert said.count("\n") == 1
    assert f"in use by another instance (process {running.process.pid})" in said
    assert alive(running.process.pid)


def test_a_restart_keeps_account_and_data_and_leaves_nothing_behind(
    tmp_path: Path, started: contextlib.ExitStack
) -> None:
    data = tmp_path / "data"
    flags = ("--http", f"127.0.0.1:{free_port()}", *ANY_PORTS[2:])
    first = up(started, data, *flags)
    facts = first.ready()
    family = first.family()
    run_dir = Path((data / "run").read_text().strip())
    first.stop()
    assert first.process.returncode == 0
    assert wait_until_gone(family, 0) == []
    assert not run_dir.exists()
    assert not (data / "instance.json").exists()

    second = up(started, data, *flags)
    again = second.ready()
    for name in ("api_url", "account_sid", "auth_token", "phone_numbers"):
        assert again[name] == facts[name]

    family = second.family()
    os.kill(second.child("media"), signal.SIGSTOP)
    # A role that hangs does not keep it.
    second.stop()
    assert wait_until_gone(family, 0) == []


@pytest.mark.parametrize("name", ["http", "sip", "smpp", "sandbox"])
def test_a_port_in_use_is_one_clear_line(tmp_path: Path, started: contextlib.ExitStack, name: str) -> None:
    kind = socket.SOCK_DGRAM if name == "sip" else socket.SOCK_STREAM
    with socket.socket(type=kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        instance = up(started, tmp_path / "data", *ANY_PORTS, f"--{name}", f"127.0.0.1:{port}")
        said = instance.rest_of_stderr()
    assert instance.process.wait() == 2
    assert said.count("\n") == 1
    assert f"--{name}" in said
    assert f":{port}" in said
    assert "in use" in said


@pytest.mark.parametrize(
    ("flags", "environ", "words"),
    [
        (("--http", "nonsense"), {}, "--http 'nonsense': expected HOST:PORT"),
        (("--http", "192.0.2.1:0"), {}, "this machine does not have the address"),
        (("--trunk", "http://example.com"), {}, "--trunk"),
        (("--trunk", "sip:nowhere.invalid:5060"), {}, "--trunk nowhere.invalid:5060"),
        (("--smsc", "smpp://nobody"), {}, "--smsc"),
        (("--allow-net", "10.0.0.1/8"), {}, "--allow-net"),
        ((), {"OFFHOOK_DATABASE_URL": "mysql://localhost/x"}, "OFFHOOK_DATABASE_URL"),
        ((), {"OFFHOOK_NATS_URL": "nats://127.0.0.1:1"}, "OFFHOOK_NATS_URL"),
        ((), {"OFFHOOK_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "OFFHOOK_DATABASE_URL"),
        (("--data", "/dev/null/x"), {}, "--data /dev/null/x"),
        ((), {"OFFHOOK_TRUNKS": "sip:x"}, "OFFHOOK_TRUNKS is not a setting: did you mean OFFHOOK_TRUNK?"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(
    tmp_path: Path, started: contextlib.ExitStack, flags: tuple[str, ...], environ: dict[str, str], words: str
) -> None:
    instance = up(started, tmp_path / "data", *ANY_PORTS, *flags, environ=environ)
    said = instance.rest_of_stderr()
    assert instance.process.wait() == 2
    assert said.count("\n") == 1, said
    assert words in said


def test_a_nats_that_does_not_let_us_in_is_one_clear_line(
    tmp_path: Path, started: contextlib.ExitStack, own_nats: Nats
) -> None:
    url = own_nats.url.replace("test@", "wrong@")
    instance = up(started, tmp_path / "data", *ANY_PORTS, environ={"OFFHOOK_NATS_URL": url})
    said = instance.rest_of_stderr()
    assert instance.process.wait() == 2
    assert said.count("\n") == 1, said
    assert "does not let us in: 'Authorization Violation'" in said
    assert "wrong" not in said


def test_a_database_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, started: contextlib.ExitStack
) -> None:
    data = tmp_path / "data"
    instance = up(started, data, *ANY_PORTS)
    instance.ready()
    pretend = "UPDATE alembic_version SET version_num = '9999'"
    asyncio.run(_execute(settings_of(instance).database_url, pretend))
    instance.stop()
    refused(started, data, "its schema 9999 is newer than this version of Offhook")
    if os.geteuid() == 0:
        owner = (data / "postgres").stat()
        os.chown(data / "postgres", 0, 0)
        refused(started, data, "belongs to root, as a copy does that was made without `cp -a`")
        os.chown(data / "postgres", owner.st_uid, owner.st_gid)
    (data / "postgres" / "PG_VERSION").write_text("17\n")
    refused(started, data, "was made by PostgreSQL 17, and 18 is installed")


def refused(started: contextlib.ExitStack, data: Path, words: str) -> None:
    """A start on `data` ends with status 2, and a last line that contains `words`."""
    instance = up(started, data, *ANY_PORTS)
    said = instance.rest_of_stderr()
    assert instance.process.wait() == 2
    assert words in said.splitlines()[-1]
    assert "Traceback" not in said
    assert said.count("offhook: ") == 1


def test_interrupted_while_starting_it_ends_cleanly(tmp_path: Path, started: contextlib.ExitStack) -> None:
    instance = up(started, tmp_path / "data", *ANY_PORTS)
    while len(instance.family()) < 3:
        assert alive(instance.process.pid)
    family = instance.family()
    instance.stop()
    assert wait_until_gone(family, 0) == []

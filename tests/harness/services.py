"""A PostgreSQL and a NATS server for tests, run the way the supervisor runs them, in directories of their own.

The servers live as long as the test session. A test that asks for `database_url` (or `store`) gets a
database of its own, copied from a migrated template; one that asks for `nats_url` (or `bus`) gets a
server without a stream. Tests that kill servers ask for `own_postgres` or `own_nats`, which nobody shares.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import nats as nats_client
import pytest
from nats.js.errors import NotFoundError

from offhook.bus.nats import Bus
from offhook.bus.subjects import STREAM
from offhook.clock import utcnow
from offhook.store.migrate import migrate
from offhook.store.records import AccountRecord
from offhook.store.store import Store
from offhook.supervisor.nats import Nats
from offhook.supervisor.postgres import Postgres

ACCOUNT = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
TEMPLATE = "offhook_template"

_numbers = count(1)


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path is short enough for a Unix socket and open to the servers' own user."""
    path = Path(tempfile.mkdtemp(prefix="oh-", dir="/tmp"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server with an empty database."""
    with short_directory() as top:
        server = Postgres(top / "data", top / "run", top / "postgres.log")
        try:
            asyncio.run(server.start())
            yield server
        finally:
            asyncio.run(server.stop())


@contextmanager
def running_nats() -> Iterator[Nats]:
    """A NATS server without streams."""
    with short_directory() as top:
        server = Nats(top / "nats", top / "nats.conf", top / "nats.log", token="test")
        try:
            asyncio.run(server.start())
            yield server
        finally:
            asyncio.run(server.stop())


def with_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _trust_the_power_supply(server: Postgres) -> None:
    """Have the server not wait for the disk: what a test session writes need not survive a power cut.

    Nor vacuum by itself: a worker of a superuser's keeps its database from being dropped.
    """
    assert server.child is not None
    with (server.data_dir / "local.conf").open("a") as settings:
        settings.write("fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\n")
    os.kill(server.child.pid, signal.SIGHUP)


async def _make_template(url: str) -> None:
    await _execute(url, f"CREATE DATABASE {TEMPLATE}")
    await migrate(with_database(url, TEMPLATE))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL server of the test session, with a migrated template."""
    with running_postgres() as server:
        _trust_the_power_supply(server)
        asyncio.run(_make_template(server.url))
        yield server


@pytest.fixture(scope="session")
def nats_server() -> Iterator[Nats]:
    """The NATS server of the test session."""
    with running_nats() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server that only this test uses, so that it may be killed; its database is empty."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def own_nats() -> Iterator[Nats]:
    """A NATS server that only this test uses, so that it may be killed."""
    with running_nats() as server:
        yield server


@pytest.fixture
async def database_url(postgres: Postgres) -> AsyncIterator[str]:
    """The URL of a migrated, empty database that only this test uses."""
    name = f"test_{next(_numbers)}"
    await _execute(postgres.url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield with_database(postgres.url, name)
    await _execute(postgres.url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A store with the account `ACCOUNT`, on a database of its own, without a bus."""
    opened = await Store.open(database_url)
    now = utcnow()
    await opened.accounts.create(AccountRecord(ACCOUNT, AUTH_TOKEN, "Test", now, now))
    yield opened
    await opened.close()


@pytest.fixture
async def nats_url(nats_server: Nats) -> str:
    """The URL of a NATS server on which nothing is queued."""
    client = await nats_client.connect(nats_server.url)
    with suppress(NotFoundError):
        await client.jetstream().delete_stream(STREAM)
    await client.close()
    return nats_server.url


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    """A bus on a server on which nothing is queued."""
    connected = await Bus.connect(nats_url, "test")
    yield connected
    await connected.close()

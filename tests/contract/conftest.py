"""The api role as a real process, on a database of its own, for the tests of this folder.

Nothing else of the platform runs: calls stay queued, and a test that needs a voice node answers for it on
the bus.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from tests.harness.processes import end, running
from tests.harness.services import TEMPLATE, _execute, with_database
from tests.harness.waiting import HANGS
from twilio.rest import Client  # type: ignore[import-untyped]

from offhook import clock
from offhook.config import READY_VARIABLE, SETTINGS_VARIABLE, Settings, TrunkSettings
from offhook.smsc import SmscSettings
from offhook.store.records import AccountRecord, NumberRecord
from offhook.store.store import Store
from offhook.supervisor.nats import Nats
from offhook.supervisor.postgres import Postgres

_area_codes = itertools.count(201)


@dataclass(frozen=True, slots=True)
class Api:
    """A running api process."""

    url: str
    settings: Settings
    pid: int

    def with_store(self, work: Callable[[Store], Coroutine[Any, Any, Any]]) -> Any:
        """Do something with the store that the process uses."""

        async def run() -> Any:
            store = await Store.open(self.settings.database_url)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())


@dataclass(frozen=True, slots=True)
class Tenant:
    """An account that only one test uses, with one number."""

    api: Api
    account_sid: str
    auth_token: str
    number: str
    number_sid: str

    @property
    def root(self) -> str:
        """The address of the account, without a suffix."""
        return f"{self.api.url}/2010-04-01/Accounts/{self.account_sid}"

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request with the account's credentials, below its address."""
        options.setdefault("auth", (self.account_sid, self.auth_token))
        return requests.request(method, self.root + path, timeout=HANGS, **options)

    def client(self) -> Client:
        """The official SDK, pointed here."""
        client = Client(self.account_sid, self.auth_token)
        client.api.base_url = self.api.url
        return client


@pytest.fixture(scope="session")
def api(postgres: Postgres, nats_server: Nats, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The api process of the test session."""
    asyncio.run(_execute(postgres.url, f"CREATE DATABASE contract TEMPLATE {TEMPLATE}"))
    listener = socket.create_server(("127.0.0.1", 0))
    data = tmp_path_factory.mktemp("data")
    settings = make_settings(listener, with_database(postgres.url, "contract"), nats_server.url, data)
    ready, told = os.pipe()
    role = running(
        *(sys.executable, "-m", "offhook", "role", "api"),
        env={
            **os.environ,
            SETTINGS_VARIABLE: msgspec.json.encode(settings).decode(),
            READY_VARIABLE: str(told),
        },
        pass_fds=(told, listener.fileno()),
    )
    with listener, role as process:
        os.close(told)
        with os.fdopen(ready) as line:
            assert line.readline(), "the api process ended before it was ready"
        yield Api(settings.public_url, settings, process.pid)
        assert end(process) == 0


def make_settings(listener: socket.socket, database: str, nats: str, data: Path) -> Settings:
    """The settings of an api process on `listener`, with nothing else of the platform there."""
    port = listener.getsockname()[1]
    nowhere = SmscSettings("none", "none", "127.0.0.1", 1)
    return Settings(
        data_dir=str(data),
        run_dir=str(data),
        database_url=database,
        nats_url=nats,
        http_host="127.0.0.1",
        http_port=port,
        public_url=f"http://127.0.0.1:{port}",
        sip_host="127.0.0.1",
        sip_port=1,
        sandbox_url="",
        sandbox_sip="127.0.0.1:1",
        sandbox_smsc=nowhere,
        trunks=(TrunkSettings("127.0.0.1", 1),),
        smscs=(nowhere,),
        sockets={"http": listener.fileno()},
        account_sid="AC" + "0" * 32,
        sip_username="none",
        sip_password="none",
    )


@pytest.fixture
def tenant(api: Api) -> Tenant:
    """An account with one number, of this test only."""
    now = clock.utcnow()
    account = AccountRecord(clock.new_sid("AC"), "t" * 32, "Contract", now, now)
    phone = f"+1{next(_area_codes)}5550100"
    number = NumberRecord(clock.new_sid("PN"), account.sid, phone, "First", now, now)

    async def seed(store: Store) -> None:
        await store.accounts.create(account)
        await store.numbers.create(number)

    api.with_store(seed)
    return Tenant(api, account.sid, account.auth_token, phone, number.sid)

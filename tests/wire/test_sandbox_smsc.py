"""The virtual SMSC on real sockets: who gets which receipt."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.harness.waiting import HANGS

from offhook.config import Settings, TrunkSettings
from offhook.messaging.connection import SmppConnection
from offhook.sandbox.behaviour import Behaviour
from offhook.sandbox.smsc import Smsc
from offhook.smpp import events
from offhook.smpp.bodies import (
    Bind,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    DeliverSmResp,
    SubmitSm,
)
from offhook.smpp.receipt import read
from offhook.smpp.session import Role, SessionConfig
from offhook.smsc import SmscSettings

ACCOUNT = SmscSettings("esme", "secret", "127.0.0.1", 9)


class Esme:
    """A session of a program that sends texts: the ids it was given, and those that receipts named."""

    def __init__(self) -> None:
        self.submitted: list[str] = []
        self.receipts: list[str] = []
        self.changed = asyncio.Event()
        self.connection: SmppConnection

    def hear(self, connection: SmppConnection, happened: Sequence[events.Event]) -> None:
        for event in happened:
            match event:
                case events.Answered(body=body):
                    self.submitted.append(getattr(body, "message_id", ""))
                case events.Requested(sequence, DeliverSm() as deliver):
                    connection.session.respond(sequence, DeliverSmResp())
                    receipt = read(deliver)
                    assert receipt is not None
                    self.receipts.append(receipt.message_id)
        self.changed.set()

    async def until(self, submitted: int = 0, receipts: int = 0) -> None:
        async with asyncio.timeout(HANGS):
            while len(self.submitted) < submitted or len(self.receipts) < receipts:
                self.changed.clear()
                await self.changed.wait()

    def submit(self, count: int) -> None:
        for number in range(count):
            text = SubmitSm("15550100100", "15551230000", b"%d" % number, registered_delivery=1)
            self.connection.session.request(text, number, self.connection.now())
        self.connection.flush()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where a virtual SMSC listens that reports at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        smsc = Smsc(_settings(listener.fileno()), lambda number: Behaviour(deliver_after=0))
        await smsc.start()
        yield listener.getsockname()[1]
        await smsc.close()


@asynccontextmanager
async def bound(port: int, kind: type[Bind] = BindTransceiver) -> AsyncIterator[Esme]:
    """A session that is bound."""
    esme = Esme()
    _, esme.connection = await asyncio.get_running_loop().create_connection(
        lambda: SmppConnection(Role.ESME, SessionConfig(), esme.hear), "127.0.0.1", port
    )
    esme.connection.session.bind(kind(ACCOUNT.system_id, ACCOUNT.password), esme.connection.now())
    esme.connection.flush()
    await asyncio.wait_for(esme.changed.wait(), HANGS)
    try:
        yield esme
    finally:
        esme.connection.abort()


async def test_a_receipt_goes_to_the_session_that_submitted(port: int) -> None:
    async with bound(port) as one, bound(port) as other, bound(port) as third:
        one.submit(20)
        third.submit(20)
        await one.until(receipts=20)
        await third.until(receipts=20)
        assert (one.receipts, third.receipts) == (one.submitted, third.submitted)
        assert other.receipts == []


async def test_a_receipt_for_a_transmitter_goes_to_the_receiver(port: int) -> None:
    async with (
        bound(port) as other,
        bound(port, BindTransmitter) as transmitter,
        bound(port, BindReceiver) as receiver,
    ):
        transmitter.submit(20)
        await transmitter.until(submitted=20)
        await receiver.until(receipts=20)
        assert receiver.receipts == transmitter.submitted
        assert other.receipts == []


async def test_a_receipt_for_a_session_that_is_gone_goes_to_another(port: int) -> None:
    async with bound(port) as gone:
        gone.submit(1)
        gone.connection.abort()
    async with bound(port) as other:
        await other.until(receipts=1)


def _settings(listener: int) -> Settings:
    return Settings(
        data_dir="",
        run_dir="",
        database_url="",
        nats_url="",
        http_host="127.0.0.1",
        http_port=9,
        public_url="http://127.0.0.1:9",
        sip_host="127.0.0.1",
        sip_port=9,
        sandbox_url="",
        sandbox_sip="",
        sandbox_smsc=ACCOUNT,
        trunks=(TrunkSettings("127.0.0.1", 9),),
        smscs=(ACCOUNT,),
        account_sid="AC" + "0" * 32,
        sip_username="",
        sip_password="",
        sockets={"smpp": listener},
    )

"""`kill -9` while texts are on their way: none that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from tests.fault.running import ANY_PORTS, Running
from tests.harness.smsc import Smsc
from tests.harness.waiting import HANGS

TEXTS = 300


class Customer:
    """Posts texts and asks what became of them."""

    def __init__(self, http: aiohttp.ClientSession, facts: dict[str, object]) -> None:
        self._http = http
        numbers = facts["phone_numbers"]
        assert isinstance(numbers, list)
        self._from = numbers[0]
        self._url = f"{str(facts['api_url']).rstrip('/')}/2010-04-01/Accounts/{facts['account_sid']}"

    async def post(self, body: str) -> str | None:
        """The SID of a text that was acknowledged, None when it was not."""
        form = {"To": "+15551230000", "From": self._from, "Body": body}
        try:
            async with self._http.post(f"{self._url}/Messages.json", data=form) as response:
                return str((await response.json())["sid"]) if response.status == 201 else None
        except aiohttp.ClientError:
            return None

    async def status(self, sid: str) -> str:
        """The status of a text."""
        async with self._http.get(f"{self._url}/Messages/{sid}.json") as response:
            return str((await response.json())["status"])

    async def until_delivered(self, sid: str) -> None:
        """Wait until a text is delivered."""
        while (status := await self.status(sid)) != "delivered":
            assert status in ("queued", "sending", "sent")
            await asyncio.sleep(0.1)


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    async with Smsc() as running:
        yield running


@pytest.mark.parametrize("victim", ["messaging", "nats", "postgres"])
async def test_no_acknowledged_text_is_lost(smsc: Smsc, tmp_path: Path, victim: str) -> None:
    address = f"smpp://offhook:secret@127.0.0.1:{smsc.port}"
    running = await asyncio.to_thread(Running, tmp_path / "data", *ANY_PORTS, "--smsc", address)
    try:
        facts = await asyncio.to_thread(running.ready)
        login = aiohttp.encode_basic_auth(str(facts["account_sid"]), str(facts["auth_token"]))
        async with aiohttp.ClientSession(headers={"Authorization": login}) as http:
            customer = Customer(http, facts)
            acknowledged = await _post_while_killing(customer, running, smsc, victim)
            assert len(acknowledged) > TEXTS // 2
            async with asyncio.timeout(HANGS):
                for sid in acknowledged:
                    await customer.until_delivered(sid)
            arrived = {text.short_message.decode() for text in smsc.texts}
            assert set(acknowledged.values()) <= arrived
    finally:
        await asyncio.to_thread(running.stop)


async def _post_while_killing(
    customer: Customer, running: Running, smsc: Smsc, victim: str
) -> dict[str, str]:
    """Post texts, kill when a third has arrived, and give those that were acknowledged: body by SID."""
    acknowledged: dict[str, str] = {}

    async def post_share(first: int) -> None:
        for number in range(first, TEXTS, 8):
            if (sid := await customer.post(f"text {number}")) is not None:
                acknowledged[sid] = f"text {number}"

    posting = [asyncio.ensure_future(post_share(first)) for first in range(8)]
    await smsc.wait(lambda: smsc.count >= TEXTS // 3)
    os.kill(running.child(victim), signal.SIGKILL)
    await asyncio.gather(*posting)
    return acknowledged

"""SIPp, which shares no code with us, calls an endpoint and is called by one."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.harness.processes import running_beside
from tests.harness.sockets import bind_both
from tests.harness.waiting import HANGS

from offhook.clock import monotonic
from offhook.sdp.negotiate import answer, offer, read_answer
from offhook.signalling.transports import SipTransports
from offhook.sip import dtmf_relay
from offhook.sip.config import EndpointConfig
from offhook.sip.digest import Password
from offhook.sip.endpoint import Endpoint
from offhook.sip.events import (
    Answered,
    Confirmed,
    Ended,
    Event,
    Failed,
    IncomingInvite,
    Info,
    Referred,
    RegisterRequest,
    Reinvite,
    SipMessageLog,
)
from offhook.sip.flow import TCP, UDP, Address
from offhook.sip.headers import parse_name_addr

SIPP = shutil.which("sipp")
SCENARIOS = Path(__file__).parent / "sipp"
CALLS = 40
SECONDS = int(HANGS)
MODES = {UDP: "u1", TCP: "t1"}

pytestmark = pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian package sip-tester)")


class Phone:
    """A small user agent on a free port: answers calls, changes, and registrations of alice, and counts events."""

    def __init__(self, *, algorithms: tuple[str, ...] = ("MD5", "SHA-256")) -> None:
        udp, tcp = bind_both("127.0.0.1")
        self.address = Address(*udp.getsockname())
        config = EndpointConfig(
            nonce_secret=secrets.token_bytes(16), digest_algorithms=algorithms, transfers=True
        )
        self.endpoint = Endpoint(config, lambda: secrets.token_hex(8))
        self.transports = SipTransports.over(self.endpoint, udp, tcp, self._on_events)
        self.seen: dict[type[Event], list[Event]] = {}
        self.ended = asyncio.Event()
        self.expected_ends = CALLS

    def count(self, kind: type[Event]) -> int:
        return len(self.seen.get(kind, ()))

    def _on_events(self, events: list[Event]) -> None:
        for event in events:
            self.seen.setdefault(type(event), []).append(event)
            self._handle(event)
        self.transports.flush()
        if self.count(Ended) + self.count(Failed) >= self.expected_ends:
            self.ended.set()

    def _handle(self, event: Event) -> None:
        now = monotonic()
        match event:
            case IncomingInvite(leg=leg, sdp=bytes(sdp)):
                self.endpoint.provisional(leg, 180, now)
                self.endpoint.answer(leg, answer(sdp, "127.0.0.1", 4000, session_id=leg).body, now)
            case Reinvite(leg=leg, sdp=bytes(sdp)):
                body = answer(sdp, "127.0.0.1", 4000, session_id=leg, version=2).body
                self.endpoint.answer_reinvite(leg, body, now)
            case Referred(leg=leg):
                self.endpoint.accept_refer(leg, now)
                # As if somebody else had been called: SIPp gives up when a request comes while it sends.
                asyncio.get_running_loop().call_later(0.2, self._transferred, leg)
            case RegisterRequest(request_id=number, request=request):
                user = self.endpoint.verify(request, {"alice": Password("wonderland")}.get, now)
                if user is None:
                    self.endpoint.challenge(number, now)
                else:
                    self.endpoint.accept_register(number, user, now)
            case Answered(leg=leg, sdp=bytes(sdp)):
                read_answer(self.offer(), sdp)
                self.endpoint.bye(leg, now)

    def _transferred(self, leg: int) -> None:
        self.endpoint.notify_refer(leg, 200, "OK", monotonic())
        self.transports.flush()

    def offer(self) -> bytes:
        return offer("127.0.0.1", 4000, session_id=1)

    def call(self, address: Address, transport: str) -> None:
        self.endpoint.invite(
            monotonic(),
            request_uri=f"sip:service@{address.host}:{address.port}",
            from_=parse_name_addr("<sip:offhook@127.0.0.1>"),
            to=parse_name_addr("<sip:service@127.0.0.1>"),
            destination=self.transports.flow(transport, address),
            body=self.offer(),
            timeout=SECONDS,
        )
        self.transports.flush()

    def strange(self) -> list[str]:
        """Failures in the log: any 4xx or 5xx but the challenge."""
        lines = [
            event.summary for event in self.seen.get(SipMessageLog, []) if isinstance(event, SipMessageLog)
        ]
        return [line for line in lines if re.match(r"[45]\d\d", line) and not line.startswith("401")]


@asynccontextmanager
async def phone(**arguments: object) -> AsyncIterator[Phone]:
    made = Phone(**arguments)  # type: ignore[arg-type]
    await made.transports.start()
    try:
        yield made
    finally:
        await made.transports.close()


@asynccontextmanager
async def sipp(directory: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    assert SIPP is not None
    async with running_beside(
        SIPP,
        *arguments,
        *("-i", "127.0.0.1", "-nostdin", "-timeout", f"{SECONDS}s", "-timeout_error", "-m", str(CALLS)),
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    ) as process:
        yield process


async def run_sipp(directory: Path, *arguments: str) -> None:
    """Run SIPp to its end: its exit status is 0 when every call has ended well."""
    async with sipp(directory, *arguments) as process, asyncio.timeout(SECONDS + 5):
        _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


def free_port() -> int:
    """A port that is free for both transports."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, socket.socket() as listener:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        listener.bind(("127.0.0.1", port))
    return port


@pytest.mark.parametrize("transport", [UDP, TCP])
async def test_sipp_calls(transport: str, tmp_path: Path) -> None:
    async with phone() as callee:
        target = f"{callee.address.host}:{callee.address.port}"
        await run_sipp(tmp_path, "-sn", "uac", "-t", MODES[transport], "-r", "100", "-d", "20", target)
        assert callee.count(IncomingInvite) == callee.count(Confirmed) == callee.count(Ended) == CALLS
        assert callee.strange() == []


@pytest.mark.parametrize("transport", [UDP, TCP])
async def test_sipp_holds_and_sends_a_digit(transport: str, tmp_path: Path) -> None:
    async with phone() as callee:
        target = f"{callee.address.host}:{callee.address.port}"
        scenario = str(SCENARIOS / "hold.xml")
        await run_sipp(tmp_path, "-sf", scenario, "-t", MODES[transport], "-r", "100", target)
        assert callee.count(Reinvite) == callee.count(Ended) == CALLS
        digits = [event for event in callee.seen[Info] if isinstance(event, Info)]
        assert {dtmf_relay.parse(event.content_type, event.body) for event in digits} == {("5", 160)}
        assert callee.strange() == []


@pytest.mark.parametrize("transport", [UDP, TCP])
async def test_sipp_transfers_and_is_told_of_it(transport: str, tmp_path: Path) -> None:
    async with phone() as callee:
        target = f"{callee.address.host}:{callee.address.port}"
        scenario = str(SCENARIOS / "refer.xml")
        await run_sipp(tmp_path, "-sf", scenario, "-t", MODES[transport], "-r", "100", target)
        assert callee.count(Referred) == callee.count(Ended) == CALLS
        assert callee.strange() == []


async def test_sipp_registers_with_digest(tmp_path: Path) -> None:
    async with phone() as registrar:
        target = f"{registrar.address.host}:{registrar.address.port}"
        scenario = str(SCENARIOS / "register.xml")
        await run_sipp(tmp_path, "-sf", scenario, "-r", "100", "-s", "alice", target)
        assert registrar.count(RegisterRequest) == 2 * CALLS
        assert len(registrar.endpoint.bindings("alice", monotonic())) == 1


@pytest.mark.parametrize("transport", [UDP, TCP])
async def test_sipp_is_called(transport: str, tmp_path: Path) -> None:
    port = free_port()
    serving = sipp(tmp_path, "-sn", "uas", "-t", MODES[transport], "-p", str(port))
    async with serving, phone() as caller:
        await answering(port, transport)
        for _ in range(CALLS):
            caller.call(Address("127.0.0.1", port), transport)
        async with asyncio.timeout(SECONDS):
            await caller.ended.wait()
        assert caller.count(Answered) == caller.count(Ended) == CALLS
        assert caller.strange() == []


async def answering(port: int, transport: str) -> None:
    """Wait until SIPp has bound its port, which it tells nobody."""
    kind = socket.SOCK_STREAM if transport == TCP else socket.SOCK_DGRAM
    async with asyncio.timeout(SECONDS):
        while True:
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    return
            await asyncio.sleep(0.02)

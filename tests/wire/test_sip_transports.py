"""SIP over real sockets: both transports, reuse of connections, and peers that break off or never speak."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from tests.harness.sockets import bind_both
from tests.harness.waiting import HANGS, eventually

from offhook.clock import monotonic
from offhook.signalling import connections as module
from offhook.signalling.transports import SipTransports
from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.sip.events import Answered, Ended, Event, Failed, IncomingInvite, SipMessageLog
from offhook.sip.flow import TCP, UDP, Address
from offhook.sip.headers import parse_name_addr

SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
PING = b"\r\n\r\n"
OPTIONS = (
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class Agent:
    """An endpoint on a free port of loopback, answering every call, with an inbox of what it told."""

    def __init__(self, host: str, **settings: object) -> None:
        udp, tcp = bind_both(host)
        self.address = Address(host, udp.getsockname()[1])
        config = EndpointConfig(nonce_secret=b"s", **settings)  # type: ignore[arg-type]
        self.endpoint = Endpoint(config, lambda: secrets.token_hex(8))
        self.transports = SipTransports.over(self.endpoint, udp, tcp, self._on_events)
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        self.log: list[SipMessageLog] = []

    def _on_events(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, SipMessageLog):
                self.log.append(event)
                continue
            if isinstance(event, IncomingInvite):
                self.endpoint.answer(event.leg, SDP, monotonic())
                self.transports.flush()
            self.told.put_nowait(event)

    def call(self, address: Address, transport: str, **arguments: object) -> int:
        leg = self.endpoint.invite(
            monotonic(),
            request_uri=f"sip:x@{address.host if ':' not in address.host else f'[{address.host}]'}:{address.port}",
            from_=parse_name_addr("<sip:a@b>"),
            to=parse_name_addr("<sip:x@b>"),
            destination=self.transports.flow(transport, address),
            body=SDP,
            **arguments,  # type: ignore[arg-type]
        )
        self.transports.flush()
        return leg

    def bye(self, leg: int) -> None:
        self.endpoint.bye(leg, monotonic())
        self.transports.flush()

    async def next(self, kind: type[Event]) -> Event:
        """The next event of that kind; others before it are skipped."""
        async with asyncio.timeout(HANGS):
            while not isinstance(event := await self.told.get(), kind):
                pass
        return event


@asynccontextmanager
async def agents(*hosts: str, **settings: object) -> AsyncIterator[list[Agent]]:
    made = [Agent(host, **settings) for host in hosts]
    for agent in made:
        await agent.transports.start()
    try:
        yield made
    finally:
        for agent in made:
            await agent.transports.close()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", [UDP, TCP])
async def test_a_call_by_either_transport(host: str, transport: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    async with agents(host, host) as (alice, bob):
        leg = alice.call(bob.address, transport)
        await alice.next(Answered)
        alice.bye(leg)
        await bob.next(Ended)
        await alice.next(Ended)
        assert {entry.flow.transport for entry in alice.log} == {transport}
        assert len({entry.flow.remote for entry in bob.log}) == 1


async def test_the_called_side_hangs_up_on_the_callers_connection() -> None:
    async with agents("127.0.0.1", "127.0.0.1") as (alice, bob):
        alice.call(bob.address, TCP)
        invite = await bob.next(IncomingInvite)
        await alice.next(Answered)
        assert isinstance(invite, IncomingInvite)
        bob.bye(invite.leg)
        await alice.next(Ended)
        assert len({entry.flow.remote for entry in bob.log}) == 1


async def test_many_calls_share_one_connection() -> None:
    async with agents("127.0.0.1", "127.0.0.1") as (alice, bob):
        for _ in range(20):
            alice.call(bob.address, TCP)
        for _ in range(20):
            await alice.next(Answered)
        assert len(bob.transports._tcp._open) == 1


async def test_a_refused_connection_fails_the_call() -> None:
    async with agents("127.0.0.1") as (alice,):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            address = Address(*gone.getsockname())
        alice.call(address, TCP)
        failed = await alice.next(Failed)
        assert isinstance(failed, Failed)
        assert (failed.status, failed.source) == (503, "transport")


async def test_an_unreachable_udp_peer_fails_by_timer_b() -> None:
    async with agents("127.0.0.1", t1=0.01) as (alice,):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            alice.call(Address(*silent.getsockname()), UDP)
            failed = await alice.next(Failed)
        assert isinstance(failed, Failed)
        assert (failed.status, failed.source) == (408, "timeout")


async def test_a_wildcard_socket_tells_the_address_the_peer_can_reach() -> None:
    async with agents("0.0.0.0", "127.0.0.1") as (alice, bob):
        leg = alice.call(bob.address, UDP)
        await alice.next(Answered)
        assert b"Contact: <sip:offhook@127.0.0.1:" in alice.log[0].data
        alice.bye(leg)
        await alice.next(Ended)


async def open_to(
    agent: Agent, source: str = "127.0.0.1"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*agent.address, local_addr=(source, 0))


async def closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(HANGS):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def test_keep_alives_and_requests_in_pieces() -> None:
    async with agents("127.0.0.1") as (bob,):
        reader, writer = await open_to(bob)
        writer.write(PING)
        assert await reader.readexactly(2) == b"\r\n"
        for piece in (OPTIONS[:40], OPTIONS[40:] + OPTIONS[:7]):
            writer.write(piece)
            await writer.drain()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200 OK")
        writer.close()


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + b"\0" * 70_000])
async def test_what_is_no_sip_closes_the_connection(data: bytes) -> None:
    async with agents("127.0.0.1") as (bob,):
        reader, writer = await open_to(bob)
        writer.write(data)
        assert await closed(reader)
        writer.close()


async def test_a_message_that_never_ends_closes_the_connection() -> None:
    async with agents("127.0.0.1", partial_timeout=0.05) as (bob,):
        reader, writer = await open_to(bob)
        writer.write(OPTIONS[:60])
        assert await closed(reader)
        writer.close()


@pytest.mark.parametrize("length", [b"Content-Length: x", b"l: 0\r\nContent-Length: 0", b"X-No: length"])
async def test_a_stream_without_a_usable_length_is_answered_and_closed(length: bytes) -> None:
    async with agents("127.0.0.1") as (bob,):
        reader, writer = await open_to(bob)
        writer.write(
            OPTIONS + OPTIONS.replace(b"Content-Length: 0", length).replace(b"z9hG4bK1", b"z9hG4bK2")
        )
        answers = await asyncio.wait_for(reader.read(), HANGS)
        assert [line.split()[1] for line in answers.splitlines() if line.startswith(b"SIP/2.0 ")] == [
            b"200",
            b"400",
        ]
        writer.close()


async def test_a_silent_connection_is_closed_and_too_many_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.05)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(module, "MAX_CONNECTIONS_PER_HOST", 2)
    async with agents("127.0.0.1") as (bob,):
        opened = [await open_to(bob) for _ in range(3)]
        for reader, writer in opened:
            assert await closed(reader)
            writer.close()


async def test_who_fills_the_table_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 4)
    async with agents("127.0.0.1") as (bob,):
        crowd = [await open_to(bob, "127.0.0.2") for _ in range(3)]
        honest = [await open_to(bob, host) for host in ("127.0.0.3", "127.0.0.4")]
        assert await closed(crowd[0][0])
        late = await open_to(bob, "127.0.0.5")
        assert await closed(crowd[1][0])
        # Nobody has more than one any more: the next that comes has to go.
        refused = await open_to(bob, "127.0.0.6")
        assert await closed(refused[0])
        for reader, writer in (*honest, late):
            writer.write(PING)
            assert await asyncio.wait_for(reader.readexactly(2), HANGS) == b"\r\n"
        for _, writer in (*crowd, *honest, late, refused):
            writer.close()


async def test_peers_that_do_not_read_hold_only_so_much_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNSENT", 1_000_000_000)
    monkeypatch.setattr(module, "MAX_UNSENT_TOGETHER", 400_000)
    hops = b"Via: SIP/2.0/TCP x;y=%s\r\n" % (b"z" * 8_000) * 7
    request = OPTIONS.replace(b"From", hops + b"From", 1)
    async with agents("127.0.0.1") as (bob,):
        opened = [await open_to(bob) for _ in range(4)]
        asked = [asyncio.create_task(flood(writer, request)) for _, writer in opened]
        # What none of them reads grows until one after the other has gone.
        await asyncio.wait_for(asyncio.gather(*asked), HANGS)

        async def all_gone() -> bool:
            return not bob.transports._tcp._open

        await eventually(all_gone)
        for _, writer in opened:
            writer.close()


async def flood(writer: asyncio.StreamWriter, request: bytes) -> None:
    """Ask, and read no answer, until the peer has had enough."""
    number = 0
    with suppress(OSError):
        while not writer.is_closing():
            number += 1
            writer.write(request.replace(b"z9hG4bK1", b"z9hG4bK%d" % number))
            await writer.drain()


async def test_garbage_over_udp_is_survived() -> None:
    async with agents("127.0.0.1", "127.0.0.1") as (alice, bob):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
            for data in (b"", b"\0" * 65_000, b"INVITE", OPTIONS[:80], secrets.token_bytes(1400), PING):
                noise.sendto(data, bob.address)
        alice.bye(alice.call(bob.address, UDP))
        assert await alice.next(Failed)


async def test_a_defect_of_the_application_does_not_stop_the_sockets() -> None:
    async with agents("127.0.0.1", "127.0.0.1") as (alice, bob):
        handle: Callable[[list[Event]], None] = bob.transports._on_events

        def fail_once(events: list[Event]) -> None:
            bob.transports._on_events = handle
            raise RuntimeError("a defect")

        bob.transports._on_events = fail_once
        alice.call(bob.address, UDP, timeout=0.2)
        await alice.next(Failed)
        alice.call(bob.address, UDP)
        await alice.next(Answered)

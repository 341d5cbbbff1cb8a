"""An SMSC that misbehaves in a new way on each of its first connections, and then calms down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from struct import pack, unpack

BIND_TRANSCEIVER = 0x09
SUBMIT_SM = 0x04
DELIVER_SM = 0x05
ENQUIRE_LINK = 0x15
RESPONSE = 0x80000000

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def pdu(command: int, sequence: int, body: bytes, status: int = 0) -> bytes:
    """A PDU whose header is right, whatever its body."""
    return pack(">IIII", 16 + len(body), command, status, sequence) + body


def _deliver(
    sequence: int, message: bytes, *, esm_class: int = 0, coding: int = 0, size: int | None = None
) -> bytes:
    head = b"\0\1\x0115557654321\0\1\x0115105550100\0" + bytes((esm_class,)) + bytes(5)
    length = len(message) if size is None else size
    return pdu(DELIVER_SM, sequence, head + b"\0" + bytes((coding, 0, length)) + message)


MALFORMED = (
    pdu(DELIVER_SM, 1, b""),
    pdu(DELIVER_SM, 2, b"\0\1\1" + b"1" * 40),
    _deliver(3, b"short", size=250),
    _deliver(4, b"\x05\x00\x03\x01", esm_class=0x40),
    _deliver(5, b"\xff" * 20, esm_class=0x40),
    _deliver(6, b"\x05\x00\x03\x01\x00\x00x", esm_class=0x40),
    _deliver(7, b"id: sub: stat:", esm_class=0x04),
    _deliver(8, b"id:1 stat:NONSENSE err:\xff\xff\xff", esm_class=0x04),
    _deliver(9, b"\xd8\x00\xdc", coding=8),
    _deliver(10, b"\x1b", coding=0xFF),
    _deliver(11, b"x")[:-1] + b"x\x04\x24\xff\xff",
    pdu(DELIVER_SM, 12, b"\xff" * 60_000),
    pdu(0x12345678, 13, b"?"),
    pdu(BIND_TRANSCEIVER, 14, b"a\0b\0\0\x34\0\0\0"),
    pdu(RESPONSE | SUBMIT_SM, 0x7FFFFFF0, b"no such request\0"),
    pdu(RESPONSE, 0, b"", 3),
    pdu(RESPONSE | 0x15, 999, b"trailing"),
)


class HostileSmsc:
    """Listens on `port`. `calmed` is set once it behaves; from then on it takes every text."""

    def __init__(self) -> None:
        self.port = 0
        self.calmed = asyncio.Event()
        self._scripts: list[Script] = [_garbage, _huge, self._malformed, self._bad_responses]

    async def __aenter__(self) -> HostileSmsc:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts.pop(0) if self._scripts else self._behave
        try:
            await script(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _malformed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept the bind, then send what is malformed: the link is still answered afterwards."""
        await _accept(reader, writer)
        writer.write(b"".join(MALFORMED) + pdu(ENQUIRE_LINK, 1000, b""))
        while True:
            command, sequence = await _request(reader)
            if command == RESPONSE | ENQUIRE_LINK and sequence == 1000:
                return

    async def _bad_responses(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer texts with what is no submit_sm_resp, then those that come again as they should be."""
        await _accept(reader, writer)
        broken = [b"x" * 100, b"", b"\xff\0", b"id\0\x04\x24\xff\xff"]
        while broken:
            command, sequence = await _request(reader)
            if command == SUBMIT_SM:
                writer.write(pdu(RESPONSE | SUBMIT_SM, sequence, broken.pop()))
        await self._take(reader, writer)

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _accept(reader, writer)
        await self._take(reader, writer)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calmed.set()
        while True:
            command, sequence = await _request(reader)
            if command < RESPONSE:
                writer.write(
                    pdu(RESPONSE | command, sequence, b"%x\0" % sequence if command == SUBMIT_SM else b"")
                )


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(range(256)) * 20)
    await reader.read()


async def _huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _accept(reader, writer)
    writer.write(pack(">IIII", 0xFFFFFFFF, DELIVER_SM, 0, 1) + bytes(100_000))
    await reader.read()


async def _accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    command, sequence = await _request(reader)
    writer.write(pdu(RESPONSE | command, sequence, b"hostile\0"))


async def _request(reader: asyncio.StreamReader) -> tuple[int, int]:
    """The command_id and sequence_number of the next PDU."""
    length, command, _, sequence = unpack(">IIII", await reader.readexactly(16))
    await reader.readexactly(length - 16)
    return command, sequence

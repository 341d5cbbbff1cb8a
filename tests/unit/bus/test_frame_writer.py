"""Messages that leave for another process together."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from offhook.bus.frame_writer import FrameWriter
from offhook.bus.ipc import Frames


class Stop(msgspec.Struct, tag=True, array_like=True, frozen=True):
    leg: int


class Transport(asyncio.Transport):
    """Keeps what is written to it, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[list[Stop]] = []
        self._closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(Frames[Stop](Stop).feed(data))

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True


def run(scenario: Callable[[FrameWriter, Transport], Awaitable[None]]) -> None:
    async def main() -> None:
        loop, transport, reader = asyncio.get_running_loop(), Transport(), asyncio.StreamReader()
        stream = asyncio.StreamWriter(transport, asyncio.StreamReaderProtocol(reader), reader, loop)
        await scenario(FrameWriter(stream), transport)
        stream.close()

    asyncio.run(main())


def test_messages_of_one_turn_leave_in_one_write() -> None:
    async def scenario(writer: FrameWriter, transport: Transport) -> None:
        writer.write(Stop(1))
        writer.write(Stop(2))
        assert transport.writes == []
        await asyncio.sleep(0)
        assert transport.writes == [[Stop(1), Stop(2)]]
        writer.write(Stop(3))
        await asyncio.sleep(0)
        assert transport.writes == [[Stop(1), Stop(2)], [Stop(3)]]

    run(scenario)


def test_what_was_written_leaves_before_the_end_and_nothing_after_it() -> None:
    async def scenario(writer: FrameWriter, transport: Transport) -> None:
        writer.write(Stop(1))
        writer.close()
        writer.write(Stop(2))
        await asyncio.sleep(0)
        assert transport.writes == [[Stop(1)]]

    run(scenario)

"""An answer on its way to the socket, and requests that take too long to come."""

import asyncio
import logging
from typing import Any

import pytest
import uvicorn
from tests.harness.fake_clock import on_fake_clock
from uvicorn.server import ServerState

from offhook.api.connection import Connection, Exchange


class Transport:
    """Remembers what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.writes.append(b"closed")


class Flow:
    """A client that takes everything."""

    write_paused = False


def exchange(transport: Transport, method: str = "POST", *, keep_alive: bool = True) -> Exchange:
    log = logging.getLogger(__name__)
    scope: Any = {"type": "http", "method": method}
    writer: Any = transport
    flow: Any = Flow()
    date = [(b"date", b"today")]
    return Exchange(
        scope, writer, flow, log, log, False, date, asyncio.Event(), False, keep_alive, lambda: None
    )


def start(*headers: tuple[bytes, bytes], status: int = 201) -> Any:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes, *, more: bool = False) -> Any:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def test_a_whole_answer_is_one_write() -> None:
    transport = Transport()
    under_way = exchange(transport)
    await under_way.send(start((b"content-length", b"2")))
    assert not transport.writes
    await under_way.send(body(b"{}"))
    assert transport.writes == [b"HTTP/1.1 201 Created\r\ndate: today\r\ncontent-length: 2\r\n\r\n{}"]
    assert under_way.response_complete


async def test_an_error_takes_the_place_of_a_head_that_waits() -> None:
    transport = Transport()
    under_way = exchange(transport)
    await under_way.send(start((b"content-length", b"2")))
    await under_way.send_500_response()
    assert b"".join(transport.writes).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")


@pytest.mark.parametrize(("method", "keep_alive"), [("HEAD", True), ("GET", False)])
async def test_what_is_not_plain_is_written_as_uvicorn_does(method: str, keep_alive: bool) -> None:
    transport = Transport()
    under_way = exchange(transport, method, keep_alive=keep_alive)
    await under_way.send(start((b"content-length", b"2")))
    await under_way.send(body(b"{}"))
    written = b"".join(transport.writes)
    assert (b"{}" in written) == (method == "GET")
    assert (b"connection: close" in written) != keep_alive


async def test_pieces_are_written_as_they_come() -> None:
    transport = Transport()
    under_way = exchange(transport)
    await under_way.send(start())
    await under_way.send(body(b"one", more=True))
    assert b"transfer-encoding: chunked" in transport.writes[0]
    assert transport.writes[1] == b"3\r\none\r\n"


async def test_no_header_breaks_the_line() -> None:
    transport = Transport()
    under_way = exchange(transport)
    await under_way.send(start((b"content-length", b"2"), (b"x-a", b"1\r\nx-b: 2")))
    with pytest.raises(RuntimeError):
        await under_way.send(body(b"{}"))
    assert not transport.writes


class Socket(asyncio.Transport):
    """A client's connection, which remembers what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed_at: float | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        if self.closed_at is None:
            self.closed_at = asyncio.get_running_loop().time()

    def is_closing(self) -> bool:
        return self.closed_at is not None

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def consume(scope: Any, receive: Any, send: Any) -> None:
    """An application that waits for the whole body."""
    while (await receive()).get("more_body"):
        pass


HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize(("pause", "taken"), [(1.0, 14), (14.0, 1), (0.25, 59)])
def test_a_body_that_dribbles_is_waited_for_no_longer_than_one_that_does_not_come(
    pause: float, taken: int
) -> None:
    client = Socket()

    async def scene() -> int:
        config = uvicorn.Config(consume, lifespan="off", log_config=None)
        config.load()
        state = ServerState()
        connection = Connection(config, state, {})
        connection.connection_made(client)
        connection.data_received(HEAD)
        for octets in range(1000):
            await asyncio.sleep(pause)
            if client.is_closing():
                connection.connection_lost(None)
                await asyncio.gather(*state.tasks)
                return octets
            connection.data_received(b"a")
        raise AssertionError("it is waited for")

    assert on_fake_clock(scene()) == taken
    assert client.closed_at == Connection.patience
    assert client.written.startswith(b"HTTP/1.1 408 Request Timeout\r\n")

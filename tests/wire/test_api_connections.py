"""What the HTTP server does with clients that send too much, too little, or take nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import falcon.asgi
import msgspec
import pytest
import uvicorn
from tests.harness.waiting import HANGS, eventually

from offhook.api.body import read_form
from offhook.api.connection import MAX_HEAD, Connection

HOST = b"Host: here\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
LARGE = 40_000_000


class Impatient(Connection):
    patience = 0.4


class Echo:
    """Answers with the form; with a body that fills every buffer, if asked for it."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.data = b"x" * LARGE if req.query_string == "large" else b"hello"

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.media = await read_form(req)


class Client:
    """A connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def until_closed(self) -> bytes:
        """All that comes before the server closes the connection."""
        async with asyncio.timeout(HANGS):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b"reset"


@pytest.fixture
async def server() -> AsyncIterator[uvicorn.Server]:
    app = falcon.asgi.App()
    app.add_route("/", Echo())
    config = uvicorn.Config(app, http=Impatient, ws="none", lifespan="off", log_config=None)
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(config)
    config.load()
    running.lifespan = config.lifespan_class(config)
    await running.startup([listener])
    yield running
    await running.shutdown([listener])


@asynccontextmanager
async def connected(server: uvicorn.Server) -> AsyncIterator[Client]:
    host, port = server.servers[0].sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 10\r\n\r\n",
        POST + b"Content-Length: 10\r\n\r\na=1",
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n",
        POST + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
        GET + b"Content-Length: 10\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\n\r\n",
        GET + b"Accept: */*\r\n",
        b"GET / HT",
    ],
)
async def test_a_request_that_does_not_go_on_is_answered_and_dropped(
    server: uvicorn.Server, request_: bytes
) -> None:
    async with connected(server) as client:
        await client.send(request_)
        answer = (await client.until_closed()).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in head
    assert msgspec.json.decode(body)["code"] == 20408

    async def done() -> bool:
        return not server.server_state.tasks

    await eventually(done)


@pytest.mark.parametrize("octets", [b"", b"\r\n"])
async def test_a_connection_that_asks_nothing_is_closed(server: uvicorn.Server, octets: bytes) -> None:
    async with connected(server) as client:
        await client.send(octets)
        assert await client.until_closed() == b""


async def test_one_connection_too_many_is_answered_and_closed(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Impatient, "most", 2)
    monkeypatch.setattr(Impatient, "patience", 60.0)

    async def there(count: int) -> bool:
        return len(server.server_state.connections) == count

    async with connected(server) as first, connected(server) as second:
        await eventually(lambda: there(2))
        async with connected(server) as third:
            answer = await third.until_closed()
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])["code"] == 20503
        for client in (first, second):
            await client.send(GET + b"Connection: close\r\n\r\n")
            assert (await client.until_closed()).endswith(b"hello")
    await eventually(lambda: there(0))
    async with connected(server) as client:
        await client.send(GET + b"Connection: close\r\n\r\n")
        assert (await client.until_closed()).endswith(b"hello")


async def test_an_answer_that_nobody_takes_is_given_up(server: uvicorn.Server) -> None:
    async with connected(server) as client:

        async def idle() -> bool:
            return not (server.server_state.connections or server.server_state.tasks)

        await client.send(GET.replace(b"/ ", b"/?large ") + b"\r\n")
        await eventually(idle)
        assert len(await client.until_closed()) < LARGE


async def test_requests_that_are_whole_are_answered_on_one_connection(server: uvicorn.Server) -> None:
    async with connected(server) as client:
        for _ in range(3):
            await client.send(POST + b"Content-Length: 3\r\n\r\n", b"a=1")
            assert await client.reader.readuntil(b'{"a": ["1"]}')
            await asyncio.sleep(Impatient.patience)
        await client.send(GET + b"Connection: close\r\n\r\n")
        assert (await client.until_closed()).endswith(b"hello")


@pytest.mark.parametrize(
    "pieces",
    [
        [GET + b"X: " + b"x" * MAX_HEAD + b"\r\n\r\n"],
        [GET, *[b"X: " + b"x" * 8000 + b"\r\n"] * 40],
        [GET, b"X: ", *[b"x" * 8000] * 100],
        [b"GET /", *[b"x" * 8000] * 100],
        [GET, *[b"a:b\r\n" * 1000] * 100],
    ],
)
async def test_a_head_that_is_too_large_is_refused(server: uvicorn.Server, pieces: list[bytes]) -> None:
    async with connected(server) as client:
        try:
            await client.send(*pieces)
        except ConnectionError:
            return
        answer = await client.until_closed()
        assert answer == b"reset" or answer.startswith(b"HTTP/1.1 431 ")


async def test_a_large_head_is_taken_whatever_came_before(server: uvicorn.Server) -> None:
    body = b"a=" + b"1" * 200_000
    first = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    second = GET + b"X: " + b"x" * (MAX_HEAD - 1000) + b"\r\nConnection: close\r\n\r\n"
    async with connected(server) as client:
        await client.send(first + second[:100], second[100:])
        assert (await client.until_closed()).endswith(b"hello")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        GET + HOST + b"\r\n",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused(server: uvicorn.Server, request_: bytes) -> None:
    async with connected(server) as client:
        await client.send(request_)
        answer = await client.until_closed()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])["code"] == 20400


async def test_http_1_0_needs_no_host(server: uvicorn.Server) -> None:
    async with connected(server) as client:
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.until_closed()).endswith(b"hello")

"""The HTTP client and answers that are late, large, compressed, cut short, or none."""

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from tests.harness.webserver import failure, raw_server, serving

from offhook.delivery.client import FetchRequest, WebhookClient
from offhook.delivery.guard import Guard


@pytest.fixture
async def client() -> AsyncIterator[WebhookClient]:
    async with WebhookClient(Guard(allow_loopback=True), "http://127.0.0.1:9") as client:
        yield client


async def test_a_server_that_never_answers(client: WebhookClient) -> None:
    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(hang) as url:
        error = await failure(client, FetchRequest(url, timeout=0.4))
    assert error.code == 11203
    assert error.elapsed_ms >= 300


async def test_a_slow_loris(client: WebhookClient) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_server(drip) as url:
        assert (await failure(client, FetchRequest(url, timeout=0.4))).code == 11203


async def test_connecting_takes_too_long(client: WebhookClient) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        request = FetchRequest(f"http://127.0.0.1:{port}/#rc=0", connect_timeout=0.3)
        error = await failure(client, request)
        for filler in fillers:
            filler.close()
    assert error.code == 11201


async def test_ten_megabytes_end_early(client: WebhookClient) -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        if "length" in request.query:
            response.content_length = 10_000_000
        await response.prepare(request)
        for _ in range(1000):
            await response.write(bytes(10_000))
            sent += 10_000
        return response

    async with serving(("/", flood)) as url:
        for query in ("", "?length=1"):
            sent = 0
            assert (await failure(client, FetchRequest(url + "/" + query))).code == 11750
            assert sent < 9_000_000


async def test_audio_may_go_to_a_file(client: WebhookClient, tmp_path: Path) -> None:
    file = tmp_path / "audio"

    async def long(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": request.query["type"]})
        await response.prepare(request)
        await response.write(b"x" * 100_000)
        return response

    async with serving(("/", long)) as url:
        answer = await client.fetch(FetchRequest(f"{url}/?type=audio/mpeg", audio_to=file))
        assert (answer.status, answer.content_type, answer.body) == (200, "audio/mpeg", b"")
        assert file.read_bytes() == b"x" * 100_000
        for request in (
            FetchRequest(f"{url}/?type=audio/mpeg"),
            FetchRequest(f"{url}/?type=text/xml", audio_to=file),
        ):
            assert (await failure(client, request)).code == 11750
        nowhere = FetchRequest(f"{url}/?type=audio/mpeg", audio_to=tmp_path / "none" / "audio")
        assert (await failure(client, nowhere)).code == 12400


async def test_the_limit_is_exact(client: WebhookClient) -> None:
    async def body(request: web.Request) -> web.Response:
        return web.Response(body=bytes(int(request.query["size"])))

    async with serving(("/", body)) as url:
        assert len((await client.fetch(FetchRequest(f"{url}/?size=65536"))).body) == 65536
        assert (await failure(client, FetchRequest(f"{url}/?size=65537"))).code == 11750


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
async def test_compressed_bodies(client: WebhookClient, coding: str) -> None:
    text = b"<Response><Say>" + b"Hello " * 1000 + b"</Say></Response>"
    raw = zlib.compressobj(wbits=-15)
    body = {
        "gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "raw deflate": raw.compress(text) + raw.flush(),
    }[coding]

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": coding.rpartition(" ")[2]})

    async with serving(("/", handler)) as url:
        assert (await client.fetch(FetchRequest(url))).body == text


async def test_a_gzip_bomb(client: WebhookClient) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 65536

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with serving(("/", handler)) as url:
        assert (await failure(client, FetchRequest(url))).code == 11750


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "gzip"])
async def test_codings_that_cannot_be_read(client: WebhookClient, coding: str) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"not compressed", headers={"Content-Encoding": coding})

    async with serving(("/", handler)) as url:
        assert (await failure(client, FetchRequest(url))).code == 11206


@pytest.mark.parametrize("answer", [b"SIP/2.0 200 OK\r\n\r\n", b"\x00\xff\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
async def test_what_is_no_http(client: WebhookClient, answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with raw_server(talk) as url:
        assert (await failure(client, FetchRequest(url))).code == 11206


async def test_a_body_cut_short(client: WebhookClient) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<Response>")
        await writer.drain()

    async with raw_server(talk) as url:
        assert (await failure(client, FetchRequest(url))).code == 11206


async def test_an_application_that_sends_head_and_body_apart_is_not_kept_waiting(
    client: WebhookClient,
) -> None:
    """With Nagle's algorithm it sends the body only when the head is acknowledged, by default after 40 ms."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(
                int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            )
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n")
            writer.write(b"<Response/>")

    async with raw_server(talk) as url:

        async def waited() -> int:
            return (await client.fetch(FetchRequest(url, params=[("CallSid", "CA1")]))).elapsed_ms

        # A new connection acknowledges its first few answers at once in any case.
        for _ in range(30):
            await waited()
        # A busy machine may be slow, but not each time; an acknowledgement that is held back takes 40 ms at least.
        while await waited() >= 40:
            pass

"""The guarded HTTP client against real servers on loopback, most of them ill-behaved."""

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from offhook.delivery.client import FetchError, FetchRequest, WebhookClient
from offhook.delivery.evidence import Evidence
from offhook.delivery.guard import Guard
from offhook.delivery.hops import without_credentials
from offhook.webhook.signature import sign

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN = "0123456789abcdef0123456789abcdef"


@asynccontextmanager
async def serving(*routes: tuple[str, Handler], context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on a free port; yields its URL."""
    app = web.Application()
    for path, handler in routes:
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that says whatever `talk` writes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.fixture
async def client() -> AsyncIterator[WebhookClient]:
    async with WebhookClient(Guard(allow_loopback=True), "http://127.0.0.1:9") as client:
        yield client


async def failure(client: WebhookClient, request: FetchRequest) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await client.fetch(request)
    return caught.value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="<Response/>", content_type="text/xml")


async def test_a_post_is_a_signed_form(client: WebhookClient) -> None:
    seen: list[tuple[str, dict[str, str], dict[str, str]]] = []

    async def handler(request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        seen.append((request.method, dict(request.headers), form))
        return await hello(request)

    params = [("CallSid", "CA1"), ("From", "+15551230000"), ("Name", "Zoë & co")]
    async with serving(("/voice", handler)) as url:
        response = await client.fetch(FetchRequest(f"{url}/voice?a=b%20c", params=params, auth_token=TOKEN))
        expected = sign(TOKEN, f"{url}/voice?a=b%20c", params)
    method, headers, form = seen[0]
    assert (method, form) == ("POST", dict(params))
    assert headers["X-Twilio-Signature"] == expected
    assert headers["User-Agent"] == "TwilioProxy/1.1"
    assert headers["I-Twilio-Idempotency-Token"]
    assert (response.status, response.body, response.content_type) == (
        200,
        b"<Response/>",
        "text/xml; charset=utf-8",
    )


async def test_a_get_merges_its_parameters_into_the_query_and_signs_all_of_it(client: WebhookClient) -> None:
    seen: list[tuple[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((str(request.raw_path), request.headers["X-Twilio-Signature"]))
        return await hello(request)

    async with serving(("/voice", handler)) as url:
        params = [("From", "+1 5"), ("To", "x")]
        response = await client.fetch(FetchRequest(f"{url}/voice?a=1", "GET", params, TOKEN))
        assert seen == [("/voice?a=1&From=%2B1+5&To=x", sign(TOKEN, f"{url}/voice?a=1&From=%2B1+5&To=x"))]
        assert response.url == f"{url}/voice?a=1&From=%2B1+5&To=x"


async def test_any_status_is_an_answer(client: WebhookClient) -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=500, text="oops")

    async with serving(("/", broken)) as url:
        response = await client.fetch(FetchRequest(url))
    assert (response.status, response.body) == (500, b"oops")


async def test_redirects_of_a_post_become_gets_and_are_signed_anew(client: WebhookClient) -> None:
    seen: list[tuple[str, str, str]] = []

    async def move(request: web.Request) -> web.Response:
        status = int(request.match_info["status"])
        return web.Response(status=status, headers={"Location": "../end?x=1"})

    async def end(request: web.Request) -> web.Response:
        body = await request.text()
        seen.append((request.method, body, request.headers["X-Twilio-Signature"]))
        return await hello(request)

    async with serving(("/from/{status}", move), ("/end", end)) as url:
        for status in (301, 302, 303, 307, 308):
            request = FetchRequest(f"{url}/from/{status}", params=[("A", "1")], auth_token=TOKEN)
            assert (await client.fetch(request)).url == f"{url}/end?x=1"
        as_get = ("GET", "", sign(TOKEN, f"{url}/end?x=1"))
        as_post = ("POST", "A=1", sign(TOKEN, f"{url}/end?x=1", [("A", "1")]))
    assert seen == [as_get, as_get, as_get, as_post, as_post]


async def test_redirects_are_told_hop_by_hop(client: WebhookClient) -> None:
    async def move(request: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": "/next"})

    async def lost(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "ftp://nowhere/"})

    async with serving(("/from", move), ("/next", hello), ("/lost", lost)) as url:
        secret = f"{url}/from".replace("http://", "http://user:pass@")
        response = await client.fetch(FetchRequest(secret, params=[("A", "1")]))
        (redirect,) = Evidence(secret, "POST", [("A", "1")], response).detail()["redirects"]
        assert redirect["status"] == 301
        assert (redirect["from"], redirect["to"]) == (f"POST {url}/from", f"GET {url}/next")
        assert "without its parameters" in redirect["note"]
        as_get = await client.fetch(FetchRequest(f"{url}/from", method="GET"))
        assert "note" not in Evidence(f"{url}/from", "GET", [], as_get).detail()["redirects"][0]
        assert (await failure(client, FetchRequest(f"{url}/lost"))).code == 11100


async def test_the_redirects_before_a_failure_are_told(client: WebhookClient) -> None:
    async def move(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    async with serving(("/", move)) as url:
        failed = await failure(client, FetchRequest(f"{url}/", params=[("A", "1")]))
    detail = Evidence(f"{url}/", "POST", [("A", "1")], failed).detail()
    assert (detail["status"], detail["response"], detail["error"]) == (None, None, 11202)
    assert detail["redirects"][0]["to"] == "GET http://127.0.0.1:1/"


async def test_ten_redirects_are_followed_and_no_more(client: WebhookClient) -> None:
    async def count(request: web.Request) -> web.Response:
        left = int(request.query["left"])
        if left == 0:
            return await hello(request)
        return web.Response(status=302, headers={"Location": f"/?left={left - 1}"})

    async with serving(("/", count)) as url:
        assert (await client.fetch(FetchRequest(f"{url}/?left=10"))).status == 200
        assert (await failure(client, FetchRequest(f"{url}/?left=11"))).code == 11215


async def test_a_redirect_to_a_forbidden_address_is_not_followed(client: WebhookClient) -> None:
    async def away(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})

    async with serving(("/", away)) as url:
        error = await failure(client, FetchRequest(url))
    assert error.code == 11205
    assert error.url.startswith("http://169.254.169.254/")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "[::]",
        "0.0.0.0",
    ],
)
async def test_no_spelling_of_loopback_passes_a_guard_that_forbids_it(host: str) -> None:
    async def never(_: web.Request) -> web.Response:
        raise AssertionError("the guard let it through")

    async with serving(("/", never)) as url, WebhookClient(Guard(), "http://127.0.0.1:9") as client:
        error = await failure(client, FetchRequest(f"http://{host}:{url.rpartition(':')[2]}/"))
    assert error.code in (11100, 11205, 11210)


async def test_refused(client: WebhookClient) -> None:
    error = await failure(client, FetchRequest(f"http://127.0.0.1:{free_port()}/x"))
    assert error.code == 11202


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://no-such-host.invalid/", 11210),
        ("http://bad_host_.invalid/", 11210),
        ("ftp://example.com/", 11100),
        ("/voice", 11100),
        ("http://", 11100),
        ("http://[::1", 11100),
        ("http://example.com:99999/", 11100),
        ("http://example.com:0/", 11100),
        ("http://exa mple.com/", 11100),
        ("http://example.com\\@127.0.0.1/", 11100),
        ("http://a\tb/", 11100),
        ("http://example.com/" + "a" * 20000, 11100),
        ("http://example.com/#rp=never", 11243),
    ],
)
async def test_urls_that_lead_nowhere(client: WebhookClient, url: str, code: int) -> None:
    assert (await failure(client, FetchRequest(url))).code == code


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


async def test_userinfo_becomes_basic_authentication_and_is_shown_nowhere(client: WebhookClient) -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/end"})
        return await hello(request)

    async with serving(("/moved", handler), ("/end", handler)) as url, serving(("/end", handler)) as other:
        host = url.removeprefix("http://")
        response = await client.fetch(FetchRequest(f"http://me:p%40ss@{host}/moved"))
        assert seen == ["Basic bWU6cEBzcw=="] * 2
        assert response.url == f"http://me:p%40ss@{host}/end"
        assert without_credentials(response.url) == f"{url}/end"

        async def leave(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"{other}/end"})

        seen.clear()
        async with serving(("/", leave)) as third:
            await client.fetch(FetchRequest(f"http://me:secret@{third.removeprefix('http://')}/"))
        assert seen == [None], "credentials stay with their origin"
    error = await failure(client, FetchRequest(f"http://me:secret@{host}/end#rc=0"))
    assert "secret" not in str(error) + error.url + error.detail


async def test_cookies_are_kept_apart_by_key(client: WebhookClient) -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        response = await hello(request)
        response.set_cookie("session", str(len(seen)))
        return response

    async with serving(("/", handler)) as url:
        for key in ("a", "a", "b", None, "a"):
            await client.fetch(FetchRequest(url, cookies=key))
    assert seen == [None, "session=1", None, None, "session=2"]


async def test_a_refused_connection_is_tried_twice_with_one_token(client: WebhookClient) -> None:
    port = free_port()
    tokens: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        tokens.append(request.headers["I-Twilio-Idempotency-Token"])
        return web.Response(status=500 if len(tokens) < 3 else 200)

    assert (await failure(client, FetchRequest(f"http://127.0.0.1:{port}/"))).code == 11202
    async with serving(("/", handler)) as url:
        response = await client.fetch(FetchRequest(f"{url}/#rc=4&rp=5xx"))
    assert response.status == 200
    assert len(tokens) == 3 and len(set(tokens)) == 1


async def test_a_kept_alive_connection_that_was_closed_is_replaced(client: WebhookClient) -> None:
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        await reader.read(10)

    async with raw_server(once) as url:
        for _ in range(3):
            assert (await client.fetch(FetchRequest(url))).body == b"ok"
    assert connections == 3


async def test_a_request_that_may_have_been_handled_is_not_repeated(client: WebhookClient) -> None:
    requests = 0

    async def drop(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        await reader.readuntil(b"\r\n\r\n")

    async with raw_server(drop) as url:
        assert (await failure(client, FetchRequest(url))).code == 11205
        assert requests == 1


async def test_twimlets_are_served_by_the_platform_itself() -> None:
    seen: list[str] = []

    async def message(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return await hello(request)

    async with (
        serving(("/twimlets/message", message)) as url,
        WebhookClient(Guard(own_urls=[url]), url) as client,
    ):
        for host in ("http://twimlets.com", "https://twimlets.com", "https://www.twimlets.com"):
            response = await client.fetch(FetchRequest(f"{host}/message?Message[0]=Hello%20world."))
            assert response.url == f"{host}/message?Message[0]=Hello%20world."
    assert seen == ["/twimlets/message?Message[0]=Hello%20world."] * 3


async def test_certificates_that_nobody_vouches_for(client: WebhookClient, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = (
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1"),
    )
    subprocess.run(make, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with serving(("/", hello), context=context) as url:
        assert (await failure(client, FetchRequest(url))).code == 11237
    async with serving(("/", hello)) as url:
        assert (await failure(client, FetchRequest(url.replace("http", "https")))).code == 11220


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

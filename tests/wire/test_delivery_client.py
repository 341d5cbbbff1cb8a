"""The guarded HTTP client against real servers on loopback: what it asks, of whom, how often, and who it says it is."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from tests.harness.webserver import failure, free_port, hello, raw_server, serving

from offhook.delivery.client import FetchRequest, WebhookClient
from offhook.delivery.evidence import Evidence
from offhook.delivery.guard import Guard
from offhook.delivery.hops import without_credentials
from offhook.webhook.signature import sign

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def client() -> AsyncIterator[WebhookClient]:
    async with WebhookClient(Guard(allow_loopback=True), "http://127.0.0.1:9") as client:
        yield client


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

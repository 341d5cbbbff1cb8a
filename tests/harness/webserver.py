"""Servers of customers for the HTTP client, well and ill behaved, on free ports of loopback."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.harness.web_site import serving_site

from offhook.delivery.client import FetchError, FetchRequest, WebhookClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(*routes: tuple[str, Handler], context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on a free port; yields its URL."""
    app = web.Application()
    for path, handler in routes:
        app.router.add_route("*", path, handler)
    async with serving_site(app, context) as url:
        yield url


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

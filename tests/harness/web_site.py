"""A web application on a free port of loopback, and nothing left of it afterwards."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

_TURNS: Final = 10
"""Turns of the loop within which asyncio hands a connection that it has accepted to its server."""


@asynccontextmanager
async def serving_site(app: web.Application, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve an application; yields its URL.

    At the end nothing more is accepted, and what was by then reaches the server and is closed with the rest: a
    connection that comes at this moment would else be left to the collector.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await site.stop()
        await _turns()
        await runner.cleanup()
        await _turns()


async def _turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)

"""The sandbox role: its SIP peer, its SMSC and its HTTP API in one process."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack

import uvloop
from aiohttp import web

from offhook import log
from offhook.config import Settings, announce_ready, inherited_socket
from offhook.sandbox.http import SandboxApi
from offhook.sandbox.phones import Phones
from offhook.sandbox.smsc import Smsc
from offhook.signalling.transports import SipTransports
from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.streams.client import StreamsClient
from offhook.streams.protocol import RecordingFinished
from offhook.termination import termination


def main(settings: Settings) -> None:
    """Run the sandbox role until SIGTERM."""
    log.configure(settings.log_level, settings.log_format)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = termination()
    async with AsyncExitStack() as stack:
        streams = StreamsClient(f"{settings.run_dir}/streams.sock", _no_recordings)
        await streams.start()
        stack.push_async_callback(streams.close)
        phones = await _serve_sip(settings, streams, stack)
        smsc = Smsc(settings, phones.behaviour)
        await smsc.start()
        stack.push_async_callback(smsc.close)
        await _serve_http(settings, SandboxApi(phones, smsc, settings.sandbox_url), stack)
        announce_ready(settings)
        await stop.wait()


async def _serve_sip(settings: Settings, streams: StreamsClient, stack: AsyncExitStack) -> Phones:
    config = EndpointConfig(
        nonce_secret=secrets.token_bytes(16),
        user_agent="Offhook sandbox",
        registrar=False,
        log_messages=False,
    )
    endpoint = Endpoint(config, lambda: secrets.token_hex(8))
    transports = SipTransports(
        endpoint, settings, lambda happened: phones.on_sip(happened), udp="sandbox_sip_udp", tcp=None
    )
    phones = Phones(settings, transports, streams)
    await transports.start()
    stack.push_async_callback(transports.close)
    return phones


async def _serve_http(settings: Settings, api: SandboxApi, stack: AsyncExitStack) -> None:
    runner = web.AppRunner(api.app(), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    listener = inherited_socket(settings, "sandbox_http")
    assert listener is not None, "the supervisor binds the sandbox's socket"
    await web.SockSite(runner, listener).start()


def _no_recordings(_: RecordingFinished) -> None:
    """The sandbox records nothing by streams."""

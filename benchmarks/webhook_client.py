"""What one webhook costs, and how long one waits for an application that sends head and body apart.

Two applications on this machine: one answers in one piece, the other writes the head and then the body, as many
frameworks do, on a socket with Nagle's algorithm. The second is asked with the client's immediate acknowledgement
and without it. Beside the processor time of a fetch stands that of aiohttp alone with the same request; the
applications' own share, which is in both, runs in the same process.

    python -m benchmarks.webhook_client [--requests 400]
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import uvloop

from offhook.delivery import client as module
from offhook.delivery.client import FetchRequest, WebhookClient
from offhook.delivery.guard import Guard

BODY = b"<Response><Say>Hello</Say></Response>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(BODY)
NAMES = (
    "CallSid",
    "AccountSid",
    "From",
    "To",
    "Caller",
    "Called",
    "CallStatus",
    "ApiVersion",
    "Direction",
    "Digits",
)
PARAMS = [(name, "CA0123456789abcdef0123456789abcdef") for name in NAMES]

Ask = Callable[[], Awaitable[object]]


@asynccontextmanager
async def application(*pieces: bytes) -> AsyncIterator[str]:
    """An HTTP server that answers every form with these pieces, one send each; gives its URL."""
    loop = asyncio.get_running_loop()
    serving: set[asyncio.Task[None]] = set()

    async def serve(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            received = b""
            while data := await loop.sock_recv(peer, 65536):
                received += data
                head, found, body = received.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                if found and len(body) >= length:
                    received = b""
                    for piece in pieces:
                        await loop.sock_sendall(peer, piece)

    async def accept(listener: socket.socket) -> None:
        while True:
            peer, _ = await loop.sock_accept(listener)
            peer.setblocking(False)
            serving.add(asyncio.create_task(serve(peer)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        accepting = asyncio.create_task(accept(listener))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/voice"
        finally:
            for task in (accepting, *serving):
                task.cancel()
            await asyncio.wait([accepting, *serving])


async def median_wait(ask: Ask, requests: int) -> float:
    """Milliseconds, one request after the other."""
    waits = []
    for _ in range(requests):
        began = time.perf_counter()
        await ask()
        waits.append((time.perf_counter() - began) * 1000)
    return statistics.median(waits)


async def cost(ask: Ask, requests: int) -> float:
    """Microseconds of processor time a request: the least of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(requests):
            await ask()
        rounds.append((time.process_time() - began) / requests * 1e6)
    return min(rounds)


async def measure(requests: int) -> None:
    """Ask both applications in every way, and print the figures."""
    guard = Guard(allow_loopback=True)
    async with (
        application(HEAD + BODY) as whole,
        application(HEAD, BODY) as apart,
        WebhookClient(guard, "http://127.0.0.1:1") as client,
        aiohttp.ClientSession() as session,
    ):

        async def bare() -> None:
            async with session.post(whole, data=PARAMS) as response:
                await response.read()

        def fetch(url: str) -> Ask:
            return lambda: client.fetch(FetchRequest(url, params=PARAMS, auth_token="x" * 32, cookies="jar"))

        ours, aiohttps = await cost(fetch(whole), requests), await cost(bare, requests)
        at_once = await median_wait(fetch(apart), requests)
        acknowledge, module._acknowledge = module._acknowledge, lambda response: None
        delayed = await median_wait(fetch(apart), min(requests, 100))
        module._acknowledge = acknowledge
    print(f"head and body apart   {delayed:8.2f} ms with delayed acknowledgement")
    print(f"                      {at_once:8.2f} ms with an immediate one")
    print(f"ratio                 {delayed / at_once:8.1f}")
    print(f"a fetch               {ours:8.0f} µs of processor time, application included")
    print(f"aiohttp alone         {aiohttps:8.0f} µs")
    print(f"ratio                 {ours / aiohttps:8.2f}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=400)
    uvloop.run(measure(parser.parse_args().requests))


if __name__ == "__main__":
    main()

"""Texts a second through the whole platform: POST /Messages, committed before its 201, to submit_sm at an SMSC.

    python benchmarks/texts.py [--seconds 20] [--rate 1500] [--connections 64]

The platform is started as a user starts it, with ``--smsc`` pointing to a sink that takes everything and sends a
delivery receipt for it. Requests are sent at the given rate by a process of its own (0: as fast as they are
answered). In the same run a bare Falcon handler is asked in the same way, as fast as it answers: the ratio is what
of that rate arrives as texts. The sink and the client share the machine's cores with the platform.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src"), str(ROOT / "benchmarks")]

from api_requests import Client, Load, listening, measure, port, request, serving_bare  # noqa: E402
from tests.harness.smsc import Smsc  # noqa: E402

from offhook import clock  # noqa: E402
from offhook.store.records import AccountRecord  # noqa: E402
from offhook.testing import Platform  # noqa: E402

_PASSWORD = "secret"
_PATIENCE = 60.0


def run_sink(listening_on: Synchronized[int], taken: Synchronized[int]) -> None:
    """An SMSC that counts what it takes."""
    import uvloop

    async def serve() -> None:
        async with Smsc("offhook", _PASSWORD, keep=False) as smsc:
            listening_on.value = smsc.port
            while True:
                await asyncio.sleep(0.02)
                taken.value = smsc.count

    uvloop.run(serve())


async def _paced(load: Load, rate: int) -> tuple[int, int, float]:
    """Requests at a rate: how many were answered and failed, and in how many seconds."""
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    clients = [PacedClient(load, rate, index, started) for index in range(load.connections)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", load.port)  # type: ignore[misc]
    await asyncio.gather(*(client.done for client in clients))
    return (
        sum(len(client.delays) for client in clients),
        sum(client.failed for client in clients),
        time.perf_counter() - started,
    )


class PacedClient(Client):
    """A connection that sends its share of the rate, each request at its time or as soon as it can."""

    def __init__(self, load: Load, rate: int, index: int, started: float) -> None:
        super().__init__(load.request, started + load.seconds)
        self._interval = load.connections / rate if rate else 0.0
        self._due = started + index * (self._interval / load.connections)

    def _next(self) -> None:
        self._due += self._interval
        wait = self._due - time.perf_counter()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, super()._next)
        else:
            super()._next()


def send_paced(load: Load, rate: int) -> tuple[int, int, float]:
    """Send requests from a process of its own."""
    import uvloop

    return uvloop.run(_paced(load, rate))


def main() -> int:
    """Measure and print; 1 when the rate was not kept or a text was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=1500)
    parser.add_argument("--connections", type=int, default=64)
    asked = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    sink_port, taken = context.Value("i", 0), context.Value("i", 0)
    sink = context.Process(target=run_sink, args=(sink_port, taken), daemon=True)
    sink.start()
    while not sink_port.value:
        time.sleep(0.05)
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as name, listening() as bare:
        folder = Path(name)
        smsc = f"smpp://offhook:{_PASSWORD}@127.0.0.1:{sink_port.value}"
        with (folder / "log").open("wb") as log:
            platform = Platform.start(folder / "data", arguments=["--smsc", smsc], log=log)
        try:
            load = _load(platform, asked.connections, asked.seconds)
            with context.Pool(1) as pool:
                pool.apply(send_paced, (_load(platform, asked.connections, 2.0), asked.rate))
                _settle(taken)
                before = taken.value
                answered, failed, seconds = pool.apply(send_paced, (load, asked.rate))
            at_once = taken.value - before
            drained = time.perf_counter()
            while taken.value - before < answered - failed and time.perf_counter() - drained < _PATIENCE:
                time.sleep(0.02)
            lost = answered - failed - (taken.value - before)
            drain = time.perf_counter() - drained
        finally:
            platform.stop()
            sink.kill()
        account = AccountRecord(platform.account_sid, platform.auth_token, "", clock.utcnow(), clock.utcnow())
        with serving_bare(bare):
            plain = measure(Load(port(bare), request("/x", {"a": "1"}, account), asked.connections, 5.0))
    print(f"POST /Messages   {answered / seconds:8.0f}/s answered 201, {failed} failed, {seconds:.1f} s")
    print(f"submit_sm        {at_once / seconds:8.0f}/s at the SMSC while requests came")
    print(f"                 {lost} lost; the last one arrived {drain:.2f} s after the last 201")
    print(f"bare handler     {plain.rate:8.0f}/s; ratio {at_once / seconds / plain.rate:.2f}")
    kept = asked.rate == 0 or at_once / seconds >= asked.rate * 0.97
    return 0 if kept and not failed and not lost else 1


def _load(platform: Platform, connections: int, seconds: float) -> Load:
    account = AccountRecord(platform.account_sid, platform.auth_token, "", clock.utcnow(), clock.utcnow())
    form = {"To": "+15551230000", "From": platform.phone_numbers[0], "Body": "Hello world."}
    path = f"/2010-04-01/Accounts/{account.sid}/Messages.json"
    number = int(platform.api_url.rpartition(":")[2])
    return Load(number, request(path, form, account), connections, seconds)


def _settle(taken: Synchronized[int]) -> None:
    """Wait until nothing more arrives."""
    seen = -1
    while taken.value != seen:
        seen = taken.value
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())

"""A customer's web application for tests: serves what a test tells it to, and remembers every request.

The application runs in a thread with a loop of its own, so that a test may wait in whatever way it likes. A path has
a list of answers, given one after another; the last is repeated. Waiting is on requests, never on time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count

from aiohttp import web
from tests.harness.waiting import HANGS
from tests.harness.web_site import serving_site


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `hang` keeps the client waiting until the application ends."""

    body: bytes = b""
    content_type: str = "text/xml"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came. `params` are those of the query and the form together."""

    method: str
    url: str
    params: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


class WebhookApp:
    """The application; a context manager that serves while it is entered."""

    def __init__(self) -> None:
        self.url = ""
        self._answers: dict[str, list[Answer]] = {}
        self._received: defaultdict[str, list[Received]] = defaultdict(list)
        self._changed = threading.Condition()
        self._scenes = count(1)
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread

    def __enter__(self) -> WebhookApp:
        started: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        started.result(HANGS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(HANGS)

    def folder(self) -> Folder:
        """A place of its own for one scenario."""
        return Folder(self, f"/{next(self._scenes)}")

    def answer(self, path: str, *answers: Answer) -> None:
        """What requests to `path` get, one after another."""
        self._answers[path] = list(answers)

    def received(self, path: str) -> list[Received]:
        """The requests to `path` so far, oldest first."""
        with self._changed:
            return list(self._received[path])

    def wait(self, path: str, number: int, seconds: float = HANGS) -> list[Received]:
        """The requests to `path`, once there are `number`. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._received[path]) >= number, seconds):
                raise TimeoutError(f"{len(self._received[path])} of {number} requests to {path}")
            return list(self._received[path])

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        async with serving_site(app) as self.url:
            started.set_result(None)
            await self._stop.wait()

    async def _handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        received = Received(
            request.method,
            self.url + request.raw_path,
            {**request.query, **form},
            form,
            dict(request.headers),
        )
        with self._changed:
            seen = self._received[request.path]
            seen.append(received)
            answers = self._answers.get(request.path) or [Answer(status=204)]
            answer = answers[min(len(seen), len(answers)) - 1]
            self._changed.notify_all()
        if answer.hang:
            await self._stop.wait()
        headers = {"Content-Type": answer.content_type, **answer.headers}
        return web.Response(body=answer.body, status=answer.status, headers=headers)


class Folder:
    """The paths below one prefix of the application."""

    def __init__(self, app: WebhookApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    def url(self, name: str) -> str:
        """The address of a path."""
        return f"{self._app.url}{self._prefix}/{name}"

    def twiml(self, name: str, *documents: object) -> str:
        """Answer with TwiML: text between `<Response>` and its end, or a builder's whole document. The URL."""
        texts = [str(document) for document in documents]
        wrapped = [text if text.startswith("<?xml") else f"<Response>{text}</Response>" for text in texts]
        return self.answer(name, *(Answer(text.encode()) for text in wrapped))

    def answer(self, name: str, *answers: Answer) -> str:
        """Answer with anything; the URL."""
        self._app.answer(f"{self._prefix}/{name}", *answers)
        return self.url(name)

    def received(self, name: str) -> list[Received]:
        """The requests so far."""
        return self._app.received(f"{self._prefix}/{name}")

    def wait(self, name: str, number: int = 1, *, seconds: float = HANGS) -> Received:
        """The `number`th request, once it has come. Raises TimeoutError."""
        return self._app.wait(f"{self._prefix}/{name}", number, seconds)[number - 1]

    def statuses(self, name: str = "status", *, seconds: float = HANGS) -> list[Received]:
        """The status callbacks of one call or text in the order they came, once the last has.

        Raises TimeoutError.
        """
        deadline = time.monotonic() + seconds
        number = 1
        while True:
            left = max(0.0, deadline - time.monotonic())
            callbacks = self._app.wait(f"{self._prefix}/{name}", number, left)
            last = callbacks[-1].params
            if last.get("CallStatus", last.get("MessageStatus")) in _TERMINAL:
                return callbacks
            number = len(callbacks) + 1


_TERMINAL = frozenset({"completed", "busy", "failed", "no-answer", "canceled", "delivered", "undelivered"})

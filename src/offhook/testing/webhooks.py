"""A program of the test's own, which the platform asks: it answers with TwiML and remembers what it was asked.

    url = offhook.webhooks.answer("/voice", "<Response><Say>Hello</Say></Response>")
    …
    assert offhook.webhooks.wait("/status").params["CallStatus"] == "completed"

A path has a list of answers, given one after another; the last is repeated. What has none is answered with 204. A
path is below an address of the running test, so that what an earlier test caused is not heard in a later one.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from offhook.testing.phones import LONGEST_SECONDS
from offhook.webhook.signature import verify

_MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that is more than TwiML."""

    body: str | bytes = b""
    status: int = 200
    content_type: str = "text/xml"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request as it came.

    Attributes:
        path: without the test's own prefix.
        params: of the query and the form together.
        signed: whether `X-Twilio-Signature` is that of the account.
    """

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    signed: bool


Reply = str | bytes | Answer | Callable[[Webhook], "str | bytes | Answer"]
"""TwiML, a whole answer, or what makes one of the request."""


class Webhooks:
    """The program. Serves from the first use to `stop`, on a free port of loopback."""

    def __init__(self, auth_token: str) -> None:
        self._auth_token = auth_token
        self._changed = threading.Condition()
        self._generations = itertools.count(1)
        self._server: ThreadingHTTPServer | None = None
        self._forget()

    def url(self, path: str) -> str:
        """The address of a path such as `/status`, of the running test."""
        return f"{self._base()}/{self._generation}{path}"

    def answer(self, path: str, *replies: Reply) -> str:
        """Answer requests to a path with these, one after another; its address."""
        with self._changed:
            self._replies[path] = list(replies)
        return self.url(path)

    def received(self, path: str) -> list[Webhook]:
        """The requests to a path so far, oldest first."""
        with self._changed:
            return list(self._received[path])

    def all_received(self) -> list[Webhook]:
        """The requests to all paths, oldest first in each."""
        with self._changed:
            return [webhook for webhooks in self._received.values() for webhook in webhooks]

    def wait(self, path: str, *, count: int = 1, timeout: float = LONGEST_SECONDS, **params: str) -> Webhook:
        """The `count`th request to a path with these parameters, once it came. Raises TimeoutError.

        `wait("/status", CallStatus="completed")` waits for the end of a call.
        """

        def matching() -> list[Webhook]:
            return [hook for hook in self._received[path] if params.items() <= hook.params.items()]

        with self._changed:
            if not self._changed.wait_for(lambda: len(matching()) >= count, timeout):
                raise TimeoutError(
                    f"{path} was asked {len(self._received[path])} times within {timeout} s, not as wanted"
                )
            return matching()[count - 1]

    def reset(self) -> None:
        """Forget all answers and requests; requests to the addresses given out before are refused."""
        with self._changed:
            self._forget()

    def stop(self) -> None:
        """End to serve."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def take(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Note a request and return what it gets."""
        parts = urlsplit(target)
        form = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
        generation, _, path = parts.path.removeprefix("/").partition("/")
        signature = headers.get("x-twilio-signature", "")
        webhook = Webhook(
            method,
            f"/{path}",
            {**dict(parse_qsl(parts.query, keep_blank_values=True)), **dict(form)},
            headers,
            verify(self._auth_token, self._base() + target, form, signature),
        )
        with self._changed:
            if generation != str(self._generation):
                return Answer(status=410)
            received = self._received[webhook.path]
            received.append(webhook)
            replies = self._replies.get(webhook.path) or [Answer(status=204)]
            reply = replies[min(len(received), len(replies)) - 1]
            self._changed.notify_all()
        made = reply(webhook) if callable(reply) else reply
        return made if isinstance(made, Answer) else Answer(made)

    def _forget(self) -> None:
        self._generation = next(self._generations)
        self._replies: dict[str, list[Reply]] = {}
        self._received: defaultdict[str, list[Webhook]] = defaultdict(list)

    def _base(self) -> str:
        with self._changed:
            if self._server is None:
                self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
                threading.Thread(target=self._server.serve_forever, daemon=True).start()
            return f"http://127.0.0.1:{self._server.server_port}"


def _handler(webhooks: Webhooks) -> type[BaseHTTPRequestHandler]:
    """The class that serves one program's requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet: what came is asked of `Webhooks`."""

        def _serve(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), _MAX_BODY)
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                answer = webhooks.take(self.command, self.path, headers, body)
            except Exception as error:
                # The test's own function failed: the platform sees a program that fails, and its timeline says why.
                answer = Answer(f"{type(error).__name__}: {error}", 500, "text/plain")
            content = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(content)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    return Handler

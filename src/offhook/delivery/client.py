"""The one HTTP client of the platform: requests to customers' servers, guarded, signed, limited and timed.

Used for TwiML (voice, messaging), status callbacks (the dispatcher) and audio files (streams). What it does
besides HTTP: checks each address at connect time (`offhook.delivery.guard`), signs every hop
(`offhook.webhook.signature`), turns a URL's userinfo into Basic authentication (RFC 7617), follows redirects
as browsers do (RFC 9110 §15.4), keeps cookies per jar key, serves ``twimlets.com`` and ``demo.twilio.com``
from the platform's own twimlets, and turns whatever goes wrong into a notification code. It does not judge a
response's status or content.
"""

import contextlib
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from aiohttp import ClientTimeout, TCPConnector, TraceConfig
from msgspec import Struct, structs
from multidict import CIMultiDict
from yarl import URL

from offhook.config import Settings
from offhook.delivery import failures
from offhook.delivery.body import (
    BodyNotStoredError,
    BodyTooLargeError,
    BodyUnreadableError,
    read_body,
    store_body,
)
from offhook.delivery.cookies import CookieShelf
from offhook.delivery.failures import FetchError, Redirect
from offhook.delivery.form import encode
from offhook.delivery.guard import Guard
from offhook.delivery.hops import (
    Hop,
    basic_auth,
    first_hop,
    next_hop,
    shown_url,
    with_userinfo,
    without_credentials,
)
from offhook.delivery.overrides import InvalidRetryPolicyError, Overrides, read_overrides
from offhook.webhook.signature import sign

__all__ = ["FetchError", "FetchRequest", "FetchResponse", "WebhookClient"]

TWIML_MAX_BYTES = 65536
AUDIO_MAX_BYTES = 40 * 1024 * 1024
_USER_AGENT = "TwilioProxy/1.1"
_BUILT_IN = {"twimlets.com": "/twimlets", "www.twimlets.com": "/twimlets", "demo.twilio.com": "/demo"}
"""Where the platform's own HTTP server serves what others have at these hosts."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONNECTIONS = 2000
_CONNECTIONS_PER_HOST = 400


class FetchRequest(Struct, frozen=True):
    """One request.

    Attributes:
        url: http or https; userinfo becomes Basic authentication; the fragment may hold connection overrides.
        method: ``POST`` (params as a form) or ``GET`` (params merged into the query).
        params: parameters in order.
        auth_token: signs the request when given.
        headers: more request headers.
        timeout: seconds for everything: retries, redirects and the whole body.
        connect_timeout: seconds for name resolution, TCP and TLS of one hop.
        max_bytes: limit of the decompressed body; 11750 beyond it.
        audio_to: the file to write the body of audio to, which is then of any size up to `AUDIO_MAX_BYTES` and
            not in the response.
        max_redirects: 11215 beyond it.
        cookies: the key of the cookie jar to use; None for no cookies.
        idempotency_token: I-Twilio-Idempotency-Token; made up when None, the same on every retry.
        once: never retried here, whatever the fragment says: the caller does that.
    """

    url: str
    method: str = "POST"
    params: Sequence[tuple[str, str]] = ()
    auth_token: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    timeout: float = 15.0
    connect_timeout: float = 5.0
    max_bytes: int = TWIML_MAX_BYTES
    audio_to: Path | None = None
    max_redirects: int = 10
    cookies: str | None = None
    idempotency_token: str | None = None
    once: bool = False


class FetchResponse(Struct, frozen=True):
    """An answer of any status.

    Attributes:
        headers: the last hop's; repeated ones joined by a comma, names in lower case.
        content_type: as sent, with its parameters; None when absent.
        url: of the last hop, against which relative URLs resolve. Keeps the credentials of the request's URL
            (the next relative URL needs them): show `without_credentials(url)`.
        elapsed_ms: of all of it.
        redirects: what was followed to come there.
    """

    status: int
    headers: dict[str, str]
    content_type: str | None
    body: bytes
    url: str
    elapsed_ms: int
    redirects: tuple[Redirect, ...] = ()


class WebhookClient:
    """A session; made and used inside one event loop, safe for any number of concurrent fetches."""

    def __init__(self, guard: Guard, own_url: str) -> None:
        """Args:
        guard: decides which addresses may be connected to.
        own_url: where the platform's own HTTP server is reached, whose twimlets stand in for twimlets.com.
        """
        self._guard = guard
        self._own_url = own_url.rstrip("/")
        self._cookies = CookieShelf()
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def for_platform(cls, settings: Settings) -> Self:
        """The client of a role."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(
            settings.http_host, settings.http_host
        )
        own_url = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"
        guard = Guard(
            allow_nets=settings.allow_nets,
            allow_loopback=settings.loopback_only,
            own_urls=(own_url, settings.public_url),
        )
        return cls(guard, own_url)

    @property
    def guard(self) -> Guard:
        """What decides which addresses may be connected to."""
        return self._guard

    async def close(self) -> None:
        """Close all connections; fetches in progress fail."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def fetch(self, request: FetchRequest) -> FetchResponse:
        """Make a request, with redirects and retries, and read all of its answer.

        A request that failed to connect is retried once (or as the URL's fragment says). A status is never an
        error.

        Raises:
            FetchError: no complete answer came; its code says why.
        """
        started = time.monotonic()
        request, overrides = _apply_overrides(request)
        deadline = started + overrides.total_timeout
        attempt = 0
        while True:
            try:
                response = await self._follow(request, overrides, started, deadline)
                if attempt >= overrides.retries or f"{response.status // 100}xx" not in overrides.retry_on:
                    return response
            except FetchError as error:
                if (
                    attempt >= overrides.retries
                    or error.kind not in overrides.retry_on
                    or time.monotonic() >= deadline
                ):
                    raise
            attempt += 1

    async def _follow(
        self, request: FetchRequest, overrides: Overrides, started: float, deadline: float
    ) -> FetchResponse:
        hop = first_hop(request.method.upper(), request.url, request.params)
        for _ in range(request.max_redirects + 1):
            connection: dict[str, bool] = {}
            try:
                result = await self._exchange(request, hop, overrides, started, deadline, connection)
            except FetchError as error:
                error.redirects = hop.redirects
                raise
            except (
                aiohttp.ClientError,
                OSError,
                ValueError,
                BodyTooLargeError,
                BodyUnreadableError,
                BodyNotStoredError,
            ) as error:
                raise _failure(error, hop, started, "reused" in connection) from error
            if isinstance(result, Hop):
                hop = result
                continue
            return result
        raise FetchError(
            failures.TOO_MANY_REDIRECTS,
            f"more than {request.max_redirects} redirects",
            url=without_credentials(hop.url),
            elapsed_ms=_milliseconds(started),
            redirects=hop.redirects,
        )

    async def _exchange(
        self,
        request: FetchRequest,
        hop: Hop,
        overrides: Overrides,
        started: float,
        deadline: float,
        connection: dict[str, bool],
    ) -> FetchResponse | Hop:
        """One request and its answer, or the hop that the answer redirects to."""
        url = URL(self._served_from(hop.url), encoded=True)
        timeout = ClientTimeout(
            total=max(0.001, deadline - time.monotonic()),
            connect=overrides.connect_timeout,
            sock_read=overrides.read_timeout,
        )
        form = encode(hop.params).encode() if hop.method == "POST" else None
        async with self._open_session().request(
            hop.method,
            url,
            data=form,
            headers=self._headers(request, hop, url),
            allow_redirects=False,
            timeout=timeout,
            trace_request_ctx=connection,
        ) as response:
            if request.cookies is not None:
                self._cookies.store(request.cookies, response.cookies, url, time.monotonic())
            location = response.headers.get("Location")
            if response.status in _REDIRECTS and location:
                return next_hop(hop, response.status, location)
            _acknowledge(response)
            body = b""
            if request.audio_to is not None and response.content_type.startswith("audio/"):
                await store_body(response, AUDIO_MAX_BYTES, request.audio_to)
            else:
                body = await read_body(response, request.max_bytes)
            return FetchResponse(
                status=response.status,
                headers=_joined(response.headers),
                content_type=_text(response.headers.get("Content-Type", "")) or None,
                body=body,
                url=with_userinfo(hop.url, hop.userinfo),
                elapsed_ms=_milliseconds(started),
                redirects=hop.redirects,
            )

    def _headers(self, request: FetchRequest, hop: Hop, url: URL) -> CIMultiDict[str]:
        headers = CIMultiDict(
            {
                "User-Agent": _USER_AGENT,
                "Accept": "*/*",
                "Accept-Encoding": "gzip, deflate",
                "I-Twilio-Idempotency-Token": request.idempotency_token or "",
            }
        )
        if hop.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        if hop.userinfo:
            headers["Authorization"] = basic_auth(hop.userinfo)
        if request.auth_token is not None:
            headers["X-Twilio-Signature"] = sign(
                request.auth_token, hop.url, hop.params if hop.method == "POST" else ()
            )
        if request.cookies is not None and (
            cookie := self._cookies.header(request.cookies, url, time.monotonic())
        ):
            headers["Cookie"] = cookie
        headers.update(request.headers)
        return headers

    def _served_from(self, url: str) -> str:
        """The URL itself, or the platform's own copy of it for twimlets.com and demo.twilio.com."""
        parts = urlsplit(url)
        place = _BUILT_IN.get(parts.hostname or "")
        if place is None:
            return url
        own = urlsplit(self._own_url)
        return urlunsplit((own.scheme, own.netloc, f"{own.path}{place}{parts.path}", parts.query, ""))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=TCPConnector(
                    socket_factory=self._guard.open_socket,
                    limit=_CONNECTIONS,
                    limit_per_host=_CONNECTIONS_PER_HOST,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[_reuse_trace()],
            )
        return self._session


def _apply_overrides(request: FetchRequest) -> tuple[FetchRequest, Overrides]:
    """The request without its URL's fragment and with a token, and how it is to be made."""
    url, _, fragment = request.url.strip().partition("#")
    defaults = Overrides(
        connect_timeout=request.connect_timeout, read_timeout=request.timeout, total_timeout=request.timeout
    )
    try:
        overrides = read_overrides(fragment, defaults)
    except InvalidRetryPolicyError as error:
        detail = f"the retry policy {error} is invalid"
        raise FetchError(failures.INVALID_RETRY_POLICY, detail, url=shown_url(url)) from None
    token = request.idempotency_token or str(uuid.uuid4())
    if request.once:
        overrides = replace(overrides, retries=0)
    return structs.replace(request, url=url, idempotency_token=token), overrides


def _joined(headers: Any) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key, text = name.lower(), _text(value)
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


def _text(value: str) -> str:
    """A header's value as text that can be stored: octets that are not UTF-8 come as lone surrogates."""
    if value.isascii():
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _failure(error: Exception, hop: Hop, started: float, reused: bool) -> FetchError:
    kind = ""
    if isinstance(error, BodyTooLargeError):
        code, detail = failures.BODY_TOO_LARGE, str(error)
    elif isinstance(error, BodyUnreadableError):
        code, detail = failures.PROTOCOL_VIOLATION, str(error)
    elif isinstance(error, BodyNotStoredError):
        code, detail = failures.INTERNAL_FAILURE, str(error)
    else:
        code, detail = failures.describe(error)
        kind = failures.retry_kind(error, reused)
    return FetchError(
        code,
        detail,
        url=shown_url(hop.url),
        elapsed_ms=_milliseconds(started),
        kind=kind,
        redirects=hop.redirects,
    )


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _acknowledge(response: aiohttp.ClientResponse) -> None:
    """Have what came so far acknowledged at once, if the body is still to come (tcp(7), TCP_QUICKACK).

    An application that writes head and body apart, without TCP_NODELAY, sends the body only when its head is
    acknowledged (RFC 896), which would wait for 40 ms here.
    """
    connection = response.connection
    if connection is None or connection.transport is None or response.content.is_eof():
        return
    endpoint = connection.transport.get_extra_info("socket")
    if endpoint is not None:
        with contextlib.suppress(OSError):
            endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _reuse_trace() -> TraceConfig:
    """Notes in the request's trace context that its connection was a kept-alive one."""

    async def reused(_session: Any, context: Any, _params: Any) -> None:
        context.trace_request_ctx["reused"] = True

    trace = TraceConfig()
    trace.on_connection_reuseconn.append(reused)
    return trace

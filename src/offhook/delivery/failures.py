"""Which notification code tells a customer why their server could not be reached.

Codes are those of Twilio's 11xxx family (`offhook.errors.NOTIFICATIONS`). What a server answers with a status
is not a failure here: the caller of `offhook.delivery.client` sees the status and judges it.
"""

import asyncio
import errno
import socket
import ssl
from dataclasses import dataclass

import aiohttp

from offhook.delivery.guard import AddressRefusedError

INVALID_URL = 11100
TCP_TIMED_OUT = 11201
TCP_REFUSED = 11202
TOTAL_TIMEOUT = 11203
CONNECTION_FAILURE = 11205
PROTOCOL_VIOLATION = 11206
BAD_HOST_NAME = 11210
TOO_MANY_REDIRECTS = 11215
TLS_FAILURE = 11220
CERTIFICATE_MISMATCH = 11235
CERTIFICATE_EXPIRED = 11236
CERTIFICATE_NO_PATH = 11237
INVALID_RETRY_POLICY = 11243
BODY_TOO_LARGE = 11750
INTERNAL_FAILURE = 12400

# OpenSSL's X509_V_ERR_… numbers.
_EXPIRED = 10
_NO_PATH = frozenset({2, 18, 19, 20, 21})
_HOST_MISMATCH = frozenset({62, 64})


@dataclass(frozen=True, slots=True)
class Redirect:
    """An answer that led elsewhere. URLs are without credentials.

    Attributes:
        params_dropped: the request had a form, and the next one has none.
    """

    status: int
    method: str
    url: str
    next_method: str
    next_url: str
    params_dropped: bool


class FetchError(Exception):
    """A URL could not be fetched.

    Attributes:
        code: notification code, 11xxx.
        detail: what happened, for the timeline; holds no credentials.
        status: the HTTP status that was seen, if any.
        url: the URL that failed (after redirects), without credentials.
        elapsed_ms: from the start of the fetch.
        kind: in the words of the retry policies, ``ct`` when the request cannot have reached the server,
            ``rt`` when it may have; empty when trying again is of no use.
        redirects: those that were followed before it.
    """

    def __init__(
        self,
        code: int,
        detail: str,
        *,
        status: int | None = None,
        url: str = "",
        elapsed_ms: int = 0,
        kind: str = "",
        redirects: tuple[Redirect, ...] = (),
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status
        self.url = url
        self.elapsed_ms = elapsed_ms
        self.kind = kind
        self.redirects = redirects


def describe(error: Exception) -> tuple[int, str]:
    """The notification code and a sentence for an exception of aiohttp."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return BAD_HOST_NAME, f"the host name {error.host} cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return TLS_FAILURE, "TLS handshake failed"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _connect(error.os_error)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return TCP_TIMED_OUT, "connecting took too long"
    if isinstance(error, asyncio.TimeoutError):
        return TOTAL_TIMEOUT, "the server took too long to answer"
    if isinstance(error, (aiohttp.InvalidURL, ValueError)):
        return INVALID_URL, "the URL is not valid"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return CONNECTION_FAILURE, "the server closed the connection without an answer"
    if isinstance(error, (aiohttp.ClientOSError, aiohttp.ClientConnectionError)):
        return CONNECTION_FAILURE, "the connection broke"
    if isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ClientResponseError)):
        return PROTOCOL_VIOLATION, "the answer is not valid HTTP"
    return CONNECTION_FAILURE, type(error).__name__


def retry_kind(error: Exception, reused: bool) -> str:
    """`FetchError.kind` of an exception; `reused` tells that it happened on a kept-alive connection."""
    if isinstance(error, aiohttp.ClientConnectorError):
        refused = isinstance(error.os_error, AddressRefusedError) or error.os_error.errno == errno.EACCES
        return "" if refused or isinstance(error, aiohttp.ClientSSLError) else "ct"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "ct"
    if isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        # A server may close a kept-alive connection at the moment it is used again; nothing was read then.
        return "ct" if reused else "rt"
    return "rt" if isinstance(error, asyncio.TimeoutError) else ""


def _connect(error: OSError) -> tuple[int, str]:
    if isinstance(error, AddressRefusedError) or error.errno == errno.EACCES:
        return (
            CONNECTION_FAILURE,
            "the host is at an address that URLs may not lead to, unless --allow-net names it",
        )
    if isinstance(error, ConnectionRefusedError) or error.errno == errno.ECONNREFUSED:
        return TCP_REFUSED, "the connection was refused"
    if isinstance(error, socket.gaierror):
        return BAD_HOST_NAME, "the host name cannot be resolved"
    if isinstance(error, ssl.SSLError):
        return TLS_FAILURE, "TLS handshake failed"
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return TCP_TIMED_OUT, "connecting took too long"
    return CONNECTION_FAILURE, f"cannot connect: {error.strerror or type(error).__name__}"


def _certificate(error: Exception) -> tuple[int, str]:
    number = getattr(error, "verify_code", None)
    if number in _HOST_MISMATCH:
        return CERTIFICATE_MISMATCH, "the certificate is for another host"
    if number == _EXPIRED:
        return CERTIFICATE_EXPIRED, "the certificate has expired"
    if number in _NO_PATH:
        return CERTIFICATE_NO_PATH, "the certificate is not signed by a trusted authority"
    return TLS_FAILURE, "the certificate is not valid"

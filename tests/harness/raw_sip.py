"""SIP written by hand into a UDP socket: for what no well-behaved peer would send, or would send twice."""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import select
import socket

from tests.harness.waiting import HANGS

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)

_branches = itertools.count(1)
_REPEAT_SECONDS = 1.0
"""After which a request is sent again: a socket that is flooded may have lost it."""


class RawPeer:
    """A user agent with one dialog at a time; its socket is bound and has a timeout."""

    def __init__(
        self, bound: socket.socket, platform: tuple[str, int], *, user: str = "+15557770123"
    ) -> None:
        self._socket = bound
        self._platform = platform
        self._user = user
        self._address = "{}:{}".format(*bound.getsockname())
        self.call_id = secrets.token_hex(8)
        self._seen: set[str] = set()

    def request(
        self,
        method: str,
        uri: str,
        *,
        cseq: int = 1,
        body: str = "",
        to: str = "",
        to_tag: str = "",
        rows: str = "",
    ) -> bytes:
        """The octets of a request; `rows` are further header rows, each with its line end."""
        tag = f";tag={to_tag}" if to_tag else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self._address};branch=z9hG4bK{self.call_id}{next(_branches)}\r\n"
            f"From: <sip:{self._user}@{self._address}>;tag={self.call_id}\r\nTo: <{to or uri}>{tag}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{self._user}@{self._address}>\r\n"
            f"Max-Forwards: 70\r\n{rows}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def send(self, *messages: bytes) -> None:
        """Send messages, each a datagram."""
        for message in messages:
            self._socket.sendto(message, self._platform)

    def final(self, *, again: bool = False) -> str:
        """The next final response to come; one that was given out before only if it is wanted `again`.

        Raises TimeoutError.
        """
        while True:
            text = self._socket.recv(65535).decode()
            if re.match(r"SIP/2\.0 [2-6]", text) and (again or text not in self._seen):
                self._seen.add(text)
                return text

    def status(self, message: bytes) -> int:
        """Send a request, as often as it takes (RFC 3261, 17.1); the status of its final response.

        Raises TimeoutError.
        """
        left = self._socket.gettimeout() or HANGS
        while True:
            self.send(message)
            if select.select([self._socket], [], [], min(left, _REPEAT_SECONDS))[0]:
                return status_of(self.final())
            if (left := left - _REPEAT_SECONDS) <= 0:
                raise TimeoutError("no final response")


def status_of(response: str) -> int:
    """The status code of a response."""
    return int(response.split()[1])


def tag_of(response: str) -> str:
    """The To tag of a response."""
    found = re.search(r"^To:.*;tag=([^;\r]+)", response, re.MULTILINE)
    assert found is not None, response
    return found[1]


def answer_to(challenge: str, method: str, uri: str, user: str, password: str) -> str:
    """The Authorization row that answers a 401 (RFC 2617, MD5, qop=auth)."""
    nonce, realm = (re.findall(f'{name}="([^"]+)"', challenge)[0] for name in ("nonce", "realm"))
    ha1, ha2 = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
    response = _md5(f"{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}")
    return (
        f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'cnonce="c0ffee", nc=00000001, qop=auth, response="{response}", algorithm=MD5\r\n'
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()

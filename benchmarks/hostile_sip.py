"""SIP that no well-behaved peer sends: mutations of RFC 4475's messages and of the flows of calls and transfers.

Every message follows from the seed. Of the flows some name a dialog that is live, so that what is wrong with them
is found as late as it can be.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TORTURE = Path(__file__).parent.parent / "tests" / "unit" / "sip" / "torture"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)
SDP_ROW = "Content-Type: application/sdp\r\n"
WORDS = (
    b"", b"\0", b"\r\n", b"\r\n\r\n", b"\r\n ", b"%00", b"%", b'"', b"<", b">", b";", b",", b"=", b"@", b":", b"\\",
    b"-1", b"0", b"65536", b"2147483648", b"4294967296", b"99999999999999999999", b"\xff\xfe", "é€😀".encode(),
    b";tag=x", b";lr", b"sips:", b"tel:+1", b"[::1]", b"A" * 300, b"9" * 300, b"<sip:x@y>," * 60, b"(" * 200,
    b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n" * 30, b"Record-Route: <sip:192.0.2.9;lr>\r\n" * 30,
)  # fmt: skip
"""What is put in somewhere."""
_CALL_ID = re.compile(rb"(?im)^(call-id|i)([ \t]*:[ \t]*)[^\r\n]*")
_BRANCH = re.compile(rb"(?i)branch=[^;,\s]*")
_LENGTH = re.compile(rb"(?im)^(content-length|l)[ \t]*:[ \t]*[0-9]+")


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog with the platform, as this side knows it."""

    call_id: str
    local_tag: str
    remote_tag: str


class Messages:
    """All that is sent, of which none is like another."""

    def __init__(self, seed: int, platform: str, number: str) -> None:
        """`platform` is its SIP address, `number` one of its phone numbers."""
        self.chance = random.Random(seed)
        self.dialogs: list[Dialog] = []
        self._platform = platform
        self._number = number
        self._torture = [path.read_bytes() for path in sorted(TORTURE.glob("*.dat"))]
        self._count = 0

    def token(self) -> str:
        """A word that no other message has."""
        self._count += 1
        return f"{self._count:x}h{self.chance.randrange(2**32):x}"

    def request(
        self, method: str, *, dialog: Dialog | None = None, cseq: int = 1, rows: str = "", body: str = ""
    ) -> bytes:
        """A request that is as it should be, in a dialog or in none."""
        call_id, tag, to_tag = self.token(), self.token(), ""
        if dialog is not None:
            call_id, tag, to_tag = dialog.call_id, dialog.local_tag, f";tag={dialog.remote_tag}"
        uri = f"sip:{self._number}@{self._platform}"
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{self.token()}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:+15551230000@127.0.0.1>;tag={tag}\r\nTo: <{uri}>{to_tag}\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:trunk@127.0.0.1>\r\n"
            f"{rows}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def mutated(self) -> bytes:
        """A broken message, rarely one that is whole."""
        if self.chance.random() < 0.4:
            message = self._renewed(self.chance.choice(self._torture))
        else:
            message = self.chance.choice(_FLOWS)(self)
        octets = bytearray(message)
        for _ in range(self.chance.randrange(5)):
            self.chance.choice(_CHANGES)(self.chance, octets)
        result = bytes(octets[:65_000])
        return result if self.chance.random() < 0.2 else _LENGTH.sub(_length_of(result), result)

    def in_dialog(self, method: str, rows: str = "", body: str = "") -> bytes:
        """A request in a dialog that is or was live."""
        dialog = self.chance.choice(self.dialogs) if self.dialogs else None
        return self.request(method, dialog=dialog, cseq=self.chance.randrange(2, 2**31), rows=rows, body=body)

    def replaces(self) -> str:
        """A Replaces value that names a dialog, or none."""
        if not self.dialogs or self.chance.random() < 0.3:
            return f"{self.token()};to-tag=a;from-tag=b"
        known = self.chance.choice(self.dialogs)
        return f"{known.call_id};to-tag={known.remote_tag};from-tag={known.local_tag}"

    def _renewed(self, message: bytes) -> bytes:
        """The same under another Call-ID and branch: otherwise it would be taken for a copy."""
        token = self.token().encode()
        message = _CALL_ID.sub(rb"\g<1>\g<2>" + token, message, count=1)
        return _BRANCH.sub(b"branch=z9hG4bK" + token, message, count=1)


def _length_of(message: bytes) -> bytes:
    return rb"\g<1>: %d" % len(message.partition(b"\r\n\r\n")[2])


def _refer(messages: Messages) -> bytes:
    target = messages.chance.choice(
        (
            "sip:+15550009999@127.0.0.1",
            f"sip:x@127.0.0.1?Replaces={messages.replaces().replace(';', '%3B').replace('=', '%3D')}",
            "tel:+15550009999",
            "sip:" + "x" * 3000,
        )
    )
    return messages.in_dialog("REFER", f"Refer-To: <{target}>\r\nReferred-By: <sip:a@b>\r\n")


def _notify(messages: Messages) -> bytes:
    rows = "Event: refer;id=2\r\nSubscription-State: active;expires=60\r\nContent-Type: message/sipfrag\r\n"
    return messages.in_dialog("NOTIFY", rows, "SIP/2.0 180 Ringing\r\n")


_FLOWS: tuple[Callable[[Messages], bytes], ...] = (
    lambda messages: messages.request("INVITE", rows=SDP_ROW, body=SDP),
    lambda messages: messages.request(
        "INVITE", rows=f"Replaces: {messages.replaces()}\r\n{SDP_ROW}", body=SDP
    ),
    lambda messages: messages.request("OPTIONS"),
    lambda messages: messages.request("REGISTER", rows="Expires: 3600\r\n"),
    lambda messages: messages.request("CANCEL"),
    lambda messages: messages.request("MESSAGE", rows="Content-Type: text/plain\r\n", body="hello"),
    lambda messages: messages.in_dialog("INVITE", SDP_ROW, SDP),
    lambda messages: messages.in_dialog("ACK"),
    lambda messages: messages.in_dialog(
        "INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n"
    ),
    _refer,
    _refer,
    _notify,
    lambda messages: messages.request("REFER", rows="Refer-To: <sip:+15550009999@127.0.0.1>\r\n"),
    lambda messages: messages.request("INVITE", rows=SDP_ROW, body=SDP).replace(
        b"INVITE sip", b"SIP/2.0 200 OK", 1
    ),
)


def _flip(chance: random.Random, octets: bytearray) -> None:
    if octets:
        octets[chance.randrange(len(octets))] = chance.randrange(256)


def _insert(chance: random.Random, octets: bytearray) -> None:
    at = chance.randrange(len(octets) + 1)
    octets[at:at] = chance.choice(WORDS)


def _delete(chance: random.Random, octets: bytearray) -> None:
    at = chance.randrange(len(octets) + 1)
    del octets[at : at + chance.randrange(1, 40)]


def _repeat(chance: random.Random, octets: bytearray) -> None:
    at = chance.randrange(len(octets) + 1)
    octets[at:at] = octets[at : at + chance.randrange(1, 200)] * chance.choice((1, 2, 20))


def _swap(chance: random.Random, octets: bytearray) -> None:
    rows = bytes(octets).split(b"\r\n")
    one, other = chance.randrange(len(rows)), chance.randrange(len(rows))
    rows[one], rows[other] = rows[other], rows[one]
    octets[:] = b"\r\n".join(rows)


def _number(chance: random.Random, octets: bytearray) -> None:
    found = list(re.finditer(rb"[0-9]+", octets))
    if found:
        at = chance.choice(found)
        octets[at.start() : at.end()] = chance.choice((b"0", b"1", b"-1", b"2147483648", b"9" * 30))


def _cut(chance: random.Random, octets: bytearray) -> None:
    if chance.random() < 0.2:
        del octets[chance.randrange(len(octets) + 1) :]


_CHANGES = (_flip, _insert, _delete, _repeat, _swap, _number, _cut)

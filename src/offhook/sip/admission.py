"""What every request is checked for before anybody works on it (RFC 3261 sections 8.2.1 to 8.2.3, 16.3)."""

from __future__ import annotations

from typing import NamedTuple

from offhook.sip import dtmf_relay
from offhook.sip.body import SDP, is_multipart, parts_of
from offhook.sip.message import Field, Request

KNOWN_METHODS = frozenset(
    {
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER",
        "REGISTER", "SUBSCRIBE", "UPDATE",
    }
)  # fmt: skip
"""Methods of other RFCs: known, and not allowed. What is in no list is not implemented."""


class Refusal(NamedTuple):
    """A status to refuse a request with, and the rows that explain it."""

    status: int
    fields: tuple[Field, ...] = ()


def admit(request: Request, methods: tuple[str, ...], extensions: tuple[str, ...] = ()) -> Refusal | None:
    """Why a request is refused, None when it is not. ACK is never refused, CANCEL only by method.

    `extensions` are the option tags that it may require.

    Raises:
        RemoteProtocolError: 400, a header that is looked at is malformed.
    """
    if request.method not in methods:
        status = 405 if request.method in KNOWN_METHODS else 501
        return Refusal(status, (("Allow", ", ".join(methods)),))
    if request.method in ("ACK", "CANCEL"):
        return None
    if request.request_uri.scheme.lower() not in ("sip", "sips", "tel"):
        return Refusal(416)
    unsupported = [tag for tag in request.values("Require") if tag.lower() not in extensions]
    if unsupported:
        return Refusal(420, (("Unsupported", ", ".join(unsupported)),))
    return _check_body(request) or _check_hops(request)


def _check_body(request: Request) -> Refusal | None:
    """Section 8.2.3. A body that may be ignored is; INVITE takes and gives SDP, INFO takes digits.

    What stands beside a session description in a multipart is nobody's reason to refuse a call.
    """
    if request.method == "INVITE" and not _accepts_sdp(request):
        return Refusal(406, (("Accept", SDP),))
    if not request.body or request.method not in ("INVITE", "INFO"):
        return None
    parts = parts_of(request)
    if not parts:
        return None if is_multipart(request.content_type) else Refusal(400)
    taken = (SDP,) if request.method == "INVITE" else dtmf_relay.MEDIA_TYPES
    if is_multipart(request.content_type) and any(
        item.content_type in taken and item.plain for item in parts
    ):
        return None
    needed = [item for item in parts if not item.optional]
    if any(not item.plain for item in needed):
        return Refusal(415, (("Accept-Encoding", "identity"),))
    if any(item.content_type not in taken for item in needed):
        return Refusal(415, (("Accept", ", ".join(taken)),))
    return None


def _accepts_sdp(request: Request) -> bool:
    """An Accept that leaves SDP out cannot be answered with one; an absent one means SDP (section 20.1)."""
    if request.get("Accept") is None:
        return True
    types = [value.split(";", 1)[0].strip().lower() for value in request.values("Accept")]
    return any(item in (SDP, "application/*", "*/*") for item in types)


def _check_hops(request: Request) -> Refusal | None:
    """A call that may go no further is refused, since this side may call on (RFC 7332)."""
    if (
        request.method == "INVITE"
        and request.to.tag is None
        and request.get("Max-Forwards") in ("0", "00", "000")
    ):
        return Refusal(483)
    return None

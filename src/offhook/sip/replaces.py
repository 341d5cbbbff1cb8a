"""The Replaces header: which dialog an INVITE takes the place of (RFC 3891)."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.errors import RemoteProtocolError
from offhook.sip.grammar import parameter, parse_parameters
from offhook.sip.message import Request
from offhook.sip.uri import Uri

_NO_TAG = "0"
"""Section 3: the tag of a peer of RFC 2543, which has none."""


@dataclass(frozen=True, slots=True)
class Replaces:
    """A dialog as the side that is asked to replace it knows it: `to_tag` is that side's own."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @property
    def remote_tag(self) -> str:
        """The peer's tag in the dialog, empty where it has none."""
        return "" if self.from_tag == _NO_TAG else self.from_tag


def parse_replaces(text: str) -> Replaces:
    """Read the value of a Replaces header (section 6.1).

    Raises:
        RemoteProtocolError: 400.
    """
    call_id, semicolon, _ = text.partition(";")
    call_id = call_id.strip()
    parameters = parse_parameters(text, len(text.partition(";")[0])) if semicolon else ()
    to_tag, from_tag = parameter(parameters, "to-tag"), parameter(parameters, "from-tag")
    if not call_id or any(mark.isspace() or mark == "," for mark in call_id) or not to_tag or not from_tag:
        raise RemoteProtocolError("malformed Replaces", 400)
    return Replaces(call_id, to_tag, from_tag, parameter(parameters, "early-only") is not None)


def replaces_of_invite(invite: Request) -> Replaces | None:
    """What a new INVITE is to take the place of, None for one like any other.

    Raises:
        RemoteProtocolError: 400, it names several dialogs or none that can be read (section 3).
    """
    rows = invite.get_all("Replaces")
    if len(rows) > 1:
        raise RemoteProtocolError("more than one Replaces", 400)
    return parse_replaces(rows[0]) if rows else None


def replaces_of_uri(uri: Uri) -> Replaces | None:
    """What the INVITE that a Refer-To asks for would take the place of, None for one like any other.

    Raises:
        RemoteProtocolError: 400.
    """
    values = [value for name, value in uri.header_fields if name.lower() == "replaces"]
    if len(values) > 1:
        raise RemoteProtocolError("more than one Replaces", 400)
    return parse_replaces(values[0]) if values else None

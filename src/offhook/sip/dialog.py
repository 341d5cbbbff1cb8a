"""A dialog: what two user agents know of each other for as long as they talk (RFC 3261 section 12)."""

from __future__ import annotations

import ipaddress

from offhook.errors import RemoteProtocolError
from offhook.sip.flow import DEFAULT_PORT, Address, Flow
from offhook.sip.grammar import memoised
from offhook.sip.headers import parse_name_addr, parse_name_addrs
from offhook.sip.message import Field, Request, Response
from offhook.sip.uri import Uri, parse_uri

_REACHABLE = ("UDP", "TCP")
"""Transports that a URI can lead to from here."""


class Dialog:
    """State of one dialog.

    `local` and `remote` are From and To of our requests, tags included, as written. `origin` is the flow that the
    peer was last heard on, and where requests go when it is `pinned`: the peer is behind a NAT, or was reached at
    another address than it names. `connected` is false once the origin's connection is gone.
    """

    __slots__ = (
        "call_id",
        "connected",
        "local",
        "local_seq",
        "local_tag",
        "origin",
        "pinned",
        "remote",
        "remote_seq",
        "remote_tag",
        "route_set",
        "target",
    )

    def __init__(
        self,
        *,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        local_seq: int,
        remote_seq: int | None,
        route_set: tuple[str, ...],
        target: str,
        origin: Flow,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.local_seq = local_seq
        self.remote_seq = remote_seq
        self.route_set = route_set
        self.target = target
        self.origin = origin
        self.pinned = False
        self.connected = True

    @property
    def flow(self) -> Flow:
        """Where the next request goes: by the route set and the target as they are at that time (12.2.1.1)."""
        return choose_flow(self.next_hop(), self.origin, pinned=self.pinned, connected=self.connected)

    def next_hop(self) -> Uri:
        """The URI that the next request's packets go to (section 8.1.2)."""
        return parse_name_addr(self.route_set[0]).uri if self.route_set else parse_uri(self.target)

    def next_request(
        self, method: str, via: str, fields: tuple[Field, ...] = (), body: bytes = b""
    ) -> Request:
        """A new request in the dialog; its CSeq is one higher than the last one's (section 12.2.1.1)."""
        self.local_seq += 1
        return self.request(method, self.local_seq, via, fields, body)

    def request(
        self, method: str, cseq: int, via: str, fields: tuple[Field, ...] = (), body: bytes = b""
    ) -> Request:
        """A request in the dialog with a CSeq number of one's own choice, as ACK has it."""
        uri, routes = self._routing()
        rows: list[Field] = [("Via", via), ("Max-Forwards", "70")]
        rows += [("Route", route) for route in routes]
        rows += [
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        return Request((*rows, *fields), body, method, uri)

    def refresh_by_request(self, request: Request, flow: Flow) -> None:
        """Take over the Contact of a target refresh request, which came by `flow` (section 12.2.2).

        Raises:
            RemoteProtocolError: 400, the Contact is not usable.
        """
        target = contact_uri(request)
        if target is not None:
            self.target = target
            self.pinned = self._is_behind_nat(request, flow)
        self.origin = flow
        self.connected = True

    def refresh_by_response(self, response: Response) -> None:
        """Take over the Contact of the 2xx to our target refresh request (section 12.2.1.2)."""
        target = contact_uri(response)
        if target is not None and target != self.target:
            self.target = target
            self.pinned = False

    def pin(self, request: Request) -> None:
        """Find out, for a dialog that the peer's request makes, whether its Contact leads back to it."""
        self.pinned = not request.get_all("Contact") or self._is_behind_nat(request, self.origin)

    def _is_behind_nat(self, request: Request, flow: Flow) -> bool:
        via = request.via.host.strip("[]")
        return is_address(via) and via != flow.remote.host and not self.route_set

    def take_remote_seq(self, number: int) -> bool:
        """Note the CSeq of a request in the dialog; False when it is out of order (section 12.2.2)."""
        if self.remote_seq is not None and number < self.remote_seq:
            return False
        self.remote_seq = number
        return True

    def _routing(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Route rows; a first hop without lr is a strict router of RFC 2543."""
        if not self.route_set:
            return self.target, ()
        first = parse_name_addr(self.route_set[0]).uri
        if first.parameter("lr") is not None:
            return self.target, self.route_set
        return str(first), (*self.route_set[1:], f"<{self.target}>")


def dialog_of_response(request: Request, response: Response, flow: Flow) -> Dialog:
    """The caller's dialog, made by a 2xx (section 12.1.2); RFC 2543 peers may leave the To tag out."""
    target = contact_uri(response) or request.uri
    dialog = Dialog(
        call_id=request.call_id,
        local=request.require("From"),
        local_tag=request.from_.tag or "",
        remote=response.require("To"),
        remote_tag=response.to.tag or "",
        local_seq=request.cseq.number,
        remote_seq=None,
        route_set=tuple(reversed(response.values("Record-Route"))),
        target=target,
        origin=flow,
    )
    dialog.pinned = _leads_elsewhere(dialog.next_hop(), request.request_uri, flow)
    return dialog


def dialog_of_request(request: Request, local_tag: str, flow: Flow) -> Dialog:
    """The callee's dialog, made by its answer to an INVITE (section 12.1.1).

    RFC 2543 peers may leave Contact out: they are spoken to where they spoke from.

    Raises:
        RemoteProtocolError: 400, the Contact is not usable.
    """
    target = contact_uri(request) or str(request.from_.uri)
    dialog = Dialog(
        call_id=request.call_id,
        local=f"{request.require('To')};tag={local_tag}",
        local_tag=local_tag,
        remote=request.require("From"),
        remote_tag=request.from_.tag or "",
        local_seq=0,
        remote_seq=request.cseq.number,
        route_set=tuple(request.values("Record-Route")),
        target=target,
        origin=flow,
    )
    dialog.pin(request)
    return dialog


def contact_uri(message: Request | Response) -> str | None:
    """The URI of the Contact that makes a dialog's target, None when there is none.

    Raises:
        RemoteProtocolError: 400, a request has none that is a SIP URI, or several of them. Of a response the first
        is taken.
    """
    contacts = [item.uri for item in parse_name_addrs(message.get_all("Contact"))]
    usable = [uri for uri in contacts if uri.is_sip]
    if isinstance(message, Request) and contacts and len(usable) != 1:
        raise RemoteProtocolError("a dialog needs one SIP Contact", 400)
    return str(usable[0]) if usable else None


def choose_flow(next_hop: Uri, origin: Flow, *, pinned: bool, connected: bool = True) -> Flow:
    """How to reach `next_hop`, when `origin` is the flow that the dialog began on.

    The origin is kept when `pinned` (the peer is behind a NAT, or was reached at another address than it
    names), when the host is a name (the peer that answered is one of its addresses), when a private address
    is named by a peer that speaks from a public one, and for the same host on the same connection while there is
    one.
    """
    host = next_hop.address
    transport = next_hop.transport or origin.transport
    if pinned or not is_address(host) or transport not in _REACHABLE:
        return origin
    if is_private(host) and not is_private(origin.remote.host):
        return origin
    if connected and host == origin.remote.host and origin.reliable and transport == origin.transport:
        return origin
    return Flow(transport, origin.local, Address(host, next_hop.port or DEFAULT_PORT))


def _leads_elsewhere(hop: Uri, asked: Uri, flow: Flow) -> bool:
    """Whether the next hop is where the INVITE was addressed to, and the INVITE was sent somewhere else."""
    same = (hop.address, hop.port) == (asked.address, asked.port)
    return same and (asked.address, asked.port or DEFAULT_PORT) != tuple(flow.remote)


@memoised
def is_address(host: str) -> bool:
    """Whether `host`, without brackets, is an IP address literal."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@memoised
def is_private(host: str) -> bool:
    """Whether an address literal cannot be reached from elsewhere."""
    return is_address(host) and not ipaddress.ip_address(host).is_global

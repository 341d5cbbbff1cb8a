"""The registrar's bindings (RFC 3261 section 10.3): which contacts an address of record has, and until when.

Who may register what is decided before (`endpoint.verify`). Path and GRUU are not supported.
"""

from __future__ import annotations

from dataclasses import dataclass

from offhook.errors import RemoteProtocolError
from offhook.sip.config import EndpointConfig
from offhook.sip.flow import Flow
from offhook.sip.headers import NameAddr, parse_delta_seconds, parse_name_addrs
from offhook.sip.message import Field, Request
from offhook.sip.uri import Uri


@dataclass(frozen=True, slots=True)
class Binding:
    """One Contact of an address of record.

    `flow` is how the REGISTER came: send requests for `contact` there, it works through NAT too. Times are in the
    clock of `now`.
    """

    contact: Uri
    flow: Flow
    q: float
    registered_at: float
    expires_at: float
    call_id: str
    cseq: int
    user_agent: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How to answer a REGISTER."""

    status: int
    fields: tuple[Field, ...] = ()


class Registrar:
    """All bindings of one endpoint. A binding made over a connection ends with it: nobody else can be reached there."""

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        self._bindings: dict[str, dict[str, Binding]] = {}
        # Which addresses of record have bindings on a connection.
        self._on_stream: dict[Flow, set[str]] = {}

    def bindings(self, aor: str, now: float) -> list[Binding]:
        """The live bindings of an address of record, highest q first, then newest first."""
        live = self._live(aor, now)
        return sorted(live.values(), key=lambda item: (-item.q, -item.registered_at))

    def restore(self, aor: str, binding: Binding) -> None:
        """Take over a binding of an earlier life of this endpoint, unless it was made again since."""
        known = self._bindings.get(aor, {})
        if _key(binding.contact) not in known and len(known) < self._config.max_bindings:
            self._store(aor, {**known, _key(binding.contact): binding})

    def connection_lost(self, flow: Flow) -> None:
        """The bindings made over a connection are gone."""
        for aor in self._on_stream.pop(flow, ()):
            known = self._bindings.get(aor, {})
            self._store(aor, {key: item for key, item in known.items() if item.flow != flow})

    def register(self, aor: str, request: Request, flow: Flow, now: float) -> Outcome:
        """Apply a REGISTER to `aor`, all of it or nothing (step 7), and say how to answer.

        Raises:
            RemoteProtocolError: 400, the request is malformed; 500, it is out of order.
        """
        rows = request.get_all("Contact")
        if any(row.strip() == "*" for row in rows):
            return self._clear(aor, request, rows, now)
        updates: list[tuple[str, Binding | None]] = []
        live = self._live(aor, now)
        for contact in parse_name_addrs(rows):
            expires = self._expires(contact, request)
            if 0 < expires < self._config.register_min_expires:
                return Outcome(423, (("Min-Expires", str(self._config.register_min_expires)),))
            key = _key(contact.uri)
            _check_order(live.get(key), request)
            binding = self._binding(contact, request, flow, expires, now) if expires else None
            updates.append((key, binding))
        return self._apply(aor, live, updates, now)

    def _apply(
        self, aor: str, live: dict[str, Binding], updates: list[tuple[str, Binding | None]], now: float
    ) -> Outcome:
        after = dict(live)
        for key, binding in updates:
            after.pop(key, None)
            if binding is not None:
                after[key] = binding
        if len(after) > self._config.max_bindings:
            return Outcome(503, (("Retry-After", str(self._config.register_min_expires)),))
        if aor not in self._bindings and len(self._bindings) >= self._config.max_aors:
            self._purge(now)
            if len(self._bindings) >= self._config.max_aors:
                return Outcome(503, (("Retry-After", str(self._config.register_min_expires)),))
        self._store(aor, after)
        return self._listing(aor, now)

    def _clear(self, aor: str, request: Request, rows: list[str], now: float) -> Outcome:
        """Step 6: `*` stands alone, with Expires: 0, and removes what is not newer."""
        if len(rows) > 1 or parse_delta_seconds(request.get("Expires") or "") != 0:
            raise RemoteProtocolError("Contact: * needs Expires: 0 and nothing beside it", 400)
        live = self._live(aor, now)
        for binding in live.values():
            _check_order(binding, request)
        self._store(aor, {})
        return self._listing(aor, now)

    def _expires(self, contact: NameAddr, request: Request) -> int:
        """The contact's own parameter, the Expires header, or the default, never above the maximum."""
        own = contact.parameter("expires")
        asked = parse_delta_seconds(own if own is not None else request.get("Expires") or "")
        if asked is None:
            asked = self._config.register_default_expires
        return min(asked, self._config.register_max_expires)

    def _binding(self, contact: NameAddr, request: Request, flow: Flow, expires: int, now: float) -> Binding:
        if not contact.uri.is_sip:
            raise RemoteProtocolError("Contact is no SIP URI", 400)
        return Binding(
            contact=contact.uri,
            flow=flow,
            q=_preference(contact),
            registered_at=now,
            expires_at=now + expires,
            call_id=request.call_id,
            cseq=request.cseq.number,
            user_agent="".join(filter(str.isprintable, request.get("User-Agent") or ""))[:256],
        )

    def _live(self, aor: str, now: float) -> dict[str, Binding]:
        return {key: item for key, item in self._bindings.get(aor, {}).items() if item.expires_at > now}

    def _store(self, aor: str, bindings: dict[str, Binding]) -> None:
        for item in self._bindings.get(aor, {}).values():
            if (sharing := self._on_stream.get(item.flow)) is not None:
                sharing.discard(aor)
                if not sharing:
                    del self._on_stream[item.flow]
        for item in bindings.values():
            if item.flow.reliable:
                self._on_stream.setdefault(item.flow, set()).add(aor)
        if bindings:
            self._bindings[aor] = bindings
        else:
            self._bindings.pop(aor, None)

    def _purge(self, now: float) -> None:
        for aor in list(self._bindings):
            self._store(aor, self._live(aor, now))

    def _listing(self, aor: str, now: float) -> Outcome:
        """Step 8: the answer lists every current binding with what is left of it."""
        rows = [
            ("Contact", f"<{item.contact}>;expires={max(1, round(item.expires_at - now))}")
            for item in self.bindings(aor, now)
        ]
        return Outcome(200, tuple(rows))


def _key(uri: Uri) -> str:
    """What makes two contacts one: scheme, user, host and port. Phones change their parameters."""
    return f"{uri.scheme}:{uri.user_text}@{uri.host.lower()}:{uri.port or 0}"


def _preference(contact: NameAddr) -> float:
    try:
        return min(1.0, max(0.0, float(contact.parameter("q") or "1")))
    except ValueError:
        return 1.0


def _check_order(binding: Binding | None, request: Request) -> None:
    """Within one Call-ID the CSeq must rise (step 7)."""
    if binding is not None and binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
        raise RemoteProtocolError("REGISTER out of order", 500)

"""What the sessions of one endpoint share: settings, tokens, timers, transactions, and who is who."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable
from typing import TYPE_CHECKING

from offhook.sip.config import EndpointConfig
from offhook.sip.flow import UDP, Address, Flow, host_port
from offhook.sip.headers import MAGIC_COOKIE
from offhook.sip.message import Field, Request
from offhook.sip.outbox import Outbox
from offhook.sip.replaces import Replaces
from offhook.sip.timers import Timers
from offhook.sip.transaction_table import TransactionTable

if TYPE_CHECKING:
    from offhook.sip.session import Session

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO")
"""Methods answered here; REGISTER joins them where there is a registrar."""
TRANSFER_METHODS = ("REFER", "NOTIFY", "SUBSCRIBE")
"""Methods answered in a dialog only, where there are transfers."""
TRANSFER_EXTENSIONS = ("replaces", "norefersub")
"""Option tags of RFC 3891 and RFC 4488."""

LOG_LINGER = 64
"""In units of T1: messages after a leg's end (retransmissions, the ACK of a 487) are logged with it for this long."""


class Core:
    """The shared parts. `dialogs` finds a session by Call-ID and local tag."""

    def __init__(self, config: EndpointConfig, tokens: Callable[[], str]) -> None:
        self.config = config
        self.token = tokens
        self.outbox = Outbox(log=config.log_messages)
        self.timers = Timers()
        self.transactions = TransactionTable(config, self.timers, self.outbox)
        self.legs: dict[int, Session] = {}
        self.dialogs: dict[tuple[str, str], Session] = {}
        # INVITEs being worked on, by what is the same in all copies that a forking proxy makes of one.
        self.invites: dict[tuple[str, str, int], Session] = {}
        self.methods = (*METHODS, "REGISTER") if config.registrar else METHODS
        self.dialog_methods = (*self.methods, *TRANSFER_METHODS) if config.transfers else self.methods
        self.extensions = TRANSFER_EXTENSIONS if config.transfers else ()
        self.allow: Field = ("Allow", ", ".join(self.dialog_methods))
        self.supported: tuple[Field, ...] = (
            (("Supported", ", ".join(self.extensions)),) if self.extensions else ()
        )
        self.server: Field = ("Server", config.user_agent)
        self.user_agent: Field = ("User-Agent", config.user_agent)
        self._last_id = 0

    def new_id(self) -> int:
        """A number for a leg or a waiting request."""
        self._last_id += 1
        return self._last_id

    def advertised(self, flow: Flow) -> Address:
        """Our address as peers of `flow` see it: the local one for programs of this machine."""
        remote = flow.remote.host
        if remote == flow.local.host or remote.startswith("127.") or remote == "::1":
            return flow.local
        return self.config.public.get(flow.transport, flow.local)

    def via(self, flow: Flow) -> str:
        """Our Via, with a fresh branch."""
        sent_by = host_port(self.advertised(flow))
        return f"SIP/2.0/{flow.transport} {sent_by};branch={MAGIC_COOKIE}{self.token()};rport"

    def contact(self, flow: Flow) -> Field:
        """Our Contact towards the peers of `flow`."""
        transport = "" if flow.transport == UDP else f";transport={flow.transport.lower()}"
        return ("Contact", f"<sip:{self.config.contact_user}@{host_port(self.advertised(flow))}{transport}>")

    def jitter(self) -> float:
        """A random number in [0, 1)."""
        return crc32(self.token().encode()) / 2**32

    def find(self, request: Request) -> Session | None:
        """The session whose dialog a request names by its To tag, Call-ID and From tag."""
        session = self.dialogs.get((request.call_id, request.to.tag or ""))
        if session is None or session.dialog is None:
            return None
        return session if session.dialog.remote_tag == (request.from_.tag or "") else None

    def replaced(self, replaces: Replaces) -> Session | None:
        """The session whose dialog is to be replaced (RFC 3891 section 3)."""
        session = self.dialogs.get((replaces.call_id, replaces.to_tag))
        if session is None or session.dialog is None:
            return None
        return session if session.dialog.remote_tag == replaces.remote_tag else None

    def connection_lost(self, flow: Flow) -> None:
        """The dialogs that a connection served go on over another one."""
        if flow.reliable:
            for session in self.legs.values():
                if session.dialog is not None and session.dialog.origin == flow:
                    session.dialog.connected = False

    def add(self, session: Session) -> None:
        """Make a session known."""
        self.legs[session.leg] = session
        self.dialogs[session.call_id, session.local_tag] = session
        self.outbox.legs[session.call_id] = session.leg
        if session.invite_key is not None:
            self.invites[session.invite_key] = session

    def remove(self, session: Session, now: float) -> None:
        """Forget a session that is over."""
        if self.legs.pop(session.leg, None) is None:
            return
        if session.invite_key is not None:
            self.invites.pop(session.invite_key, None)
        if self.dialogs.get((session.call_id, session.local_tag)) is session:
            del self.dialogs[session.call_id, session.local_tag]
        self.timers.start(now + LOG_LINGER * self.config.t1, _LogEntry(self.outbox, session), "forget")


class _LogEntry:
    """The Call-ID of a leg that is over."""

    __slots__ = ("_call_id", "_leg", "_outbox")

    def __init__(self, outbox: Outbox, session: Session) -> None:
        self._outbox = outbox
        self._call_id = session.call_id
        self._leg = session.leg

    def on_timer(self, name: str, now: float) -> None:
        """Forget it."""
        self._outbox.forget(self._leg, self._call_id)

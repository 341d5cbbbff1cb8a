"""A 2xx to INVITE on its way: repeated by the user agent until its ACK comes (RFC 3261 section 13.3.1.4)."""

from __future__ import annotations

from typing import Protocol

from offhook.sip.core import Core
from offhook.sip.message import Response
from offhook.sip.timers import Timer
from offhook.sip.transaction import Input
from offhook.sip.transaction_table import ServerTransaction


class AcceptanceUser(Protocol):
    """Who accepted the INVITE; lets go of the acceptance when it is over."""

    def on_unacknowledged(self, now: float) -> None:
        """No ACK came in 64*T1."""


class Acceptance:
    """Sends a 2xx at once, then at T1, 2*T1, … up to T2 apart, whatever the transport."""

    __slots__ = ("_core", "_deadline", "_interval", "_timer", "_transaction", "_user", "cseq", "offered")

    def __init__(
        self,
        core: Core,
        transaction: ServerTransaction,
        response: Response,
        user: AcceptanceUser,
        now: float,
        *,
        offered: bool,
    ) -> None:
        """`offered`: the 2xx carries an offer, so that the ACK must bring the answer."""
        self._core = core
        self._transaction = transaction
        self._user = user
        self._interval = core.config.t1
        self._deadline = now + 64 * core.config.t1
        self.cseq = transaction.request.cseq.number
        self.offered = offered
        transaction.respond(response, now)
        self._timer: Timer = core.timers.start(now + self._interval, self, "2xx")

    def stop(self) -> None:
        """The ACK came, or nobody cares any more."""
        self._core.timers.stop(self._timer)

    def on_timer(self, name: str, now: float) -> None:
        """Repeat, or give up."""
        if now >= self._deadline:
            self._user.on_unacknowledged(now)
            return
        self._transaction.feed(Input.SUCCESS, now)
        self._interval = min(2 * self._interval, self._core.config.t2)
        self._timer = self._core.timers.start(min(now + self._interval, self._deadline), self, name)

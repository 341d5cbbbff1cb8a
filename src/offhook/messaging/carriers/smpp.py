"""The way out over SMPP: a transceiver, a transmitter, or a transmitter and a receiver, bound to one SMSC.

While no transmitter is bound there is no room, so texts stay queued in the database. What the window and the
pace allow is written at once, several segments to a write; no task and no timer belongs to a text. What
becomes of each text is decided in `messaging.sending`.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, assert_never

from offhook.clock import utcnow
from offhook.config import Settings
from offhook.errors import LocalProtocolError
from offhook.messaging import sending
from offhook.messaging.carriers import OutgoingText, Reports
from offhook.messaging.carriers.smpp_bind import KeptBind, shown
from offhook.messaging.carriers.smpp_inbox import Inbox
from offhook.messaging.connection import SmppConnection
from offhook.messaging.outcomes import TEMPORARY
from offhook.messaging.pacing import SenderPacing
from offhook.messaging.sending import Sending, Write
from offhook.messaging.submission import submissions
from offhook.smpp import events as e
from offhook.smpp.bodies import Bind, BindReceiver, BindTransceiver, BindTransmitter, SubmitSmResp
from offhook.smpp.vocabulary import status_name
from offhook.smpp.window import Window
from offhook.smsc import SmscSettings
from offhook.store.store import Store

logger = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 3.0

WARN_SECONDS: Final = 60.0
"""Seconds between two lines in the log about the same temporary refusal."""

BUSY_SECONDS: Final = 60.0
"""How long after a temporary refusal the SMSC is still called busy."""


class SmppCarrier:
    """See the module."""

    def __init__(self, smsc: SmscSettings) -> None:
        self.smsc = smsc
        self.name = smsc.carrier
        self._sending = Sending(SenderPacing(smsc.sender_rate))
        self._window = Window(smsc.window)
        self._answers = 0
        self._warned: dict[int, float] = {}
        self._busy_with = 0
        self._busy_since = utcnow()
        self._busy_until = float("-inf")
        self._full = False
        kind = BindTransceiver if smsc.bind == "transceiver" else BindTransmitter
        self._transmitter = KeptBind(smsc, _request(kind, smsc), self._on_events, self._on_lost)
        self._binds = [self._transmitter]
        if smsc.bind == "pair":
            self._binds.append(
                KeptBind(smsc, _request(BindReceiver, smsc), self._on_received, lambda reason: None)
            )
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._drained: asyncio.Future[None] | None = None

    def start(self, reports: Reports) -> None:
        """Begin to connect."""
        self._reports = reports
        self._inbox = Inbox(self.smsc, reports)
        for bind in self._binds:
            bind.start()

    async def close(self) -> None:
        """Give responses a moment to come, unbind, and return what was not taken."""
        self._stopping = True
        for bind in self._binds:
            bind.closing()
        connection = self._transmitter.connection
        if connection is not None and connection.session.waiting:
            self._drained = connection.closed.get_loop().create_future()
            await asyncio.wait([self._drained, connection.closed], timeout=DRAIN_SECONDS)
        await self._inbox.settled(DRAIN_SECONDS)
        await asyncio.gather(*(bind.close() for bind in self._binds))
        if self._timer is not None:
            self._timer.cancel()
        self._give_back("the node is stopping")

    async def serves(self, recipients: Sequence[str]) -> Sequence[bool]:
        """An SMSC is the way to every number, or to those with the prefixes of its contract."""
        prefixes = self.smsc.prefixes
        return [not prefixes or each.removeprefix("+").startswith(prefixes) for each in recipients]

    def room(self) -> int:
        """Texts that fit in the queue for the window."""
        return 0 if self._transmitter.connection is None else self._sending.room()

    def obstacle(self) -> str:
        """Why it is not bound."""
        return self._transmitter.obstacle()

    def hindrance(self) -> str:
        """With what it refuses texts for now, and since when."""
        if self._transmitter.connection is None or asyncio.get_running_loop().time() >= self._busy_until:
            return ""
        status = status_name(self._busy_with)
        return f"{self.name} takes fewer texts than it is offered: {status} since {shown(self._busy_since)}"

    def submit(self, texts: Sequence[OutgoingText]) -> None:
        """Queue the segments of the texts and write what may go."""
        now = asyncio.get_running_loop().time()
        for text in texts:
            self._sending.submit(text, submissions(text, self.smsc), now)
        if self._transmitter.connection is None:
            self._give_back(self.obstacle())
            return
        self._full = self.room() == 0
        self._pump()

    def _on_events(self, connection: SmppConnection, events: Sequence[e.Event]) -> None:
        now = connection.now()
        for event in events:
            if isinstance(event, e.Answered):
                self._answered(event, now)
            elif isinstance(event, e.Requested):
                self._inbox.take(connection, event)
            elif isinstance(event, e.Throttled):
                self._answers += 1
                self._is_busy(event.status, now)
                self._sending.throttled(_write(event.token), event.status)
            elif isinstance(event, e.Overdue):
                self._sending.overdue(_write(event.token), self.smsc.response, now)
            elif isinstance(event, e.Bound):
                self._answers = 0
                self._reports.available(self.name)
            elif isinstance(event, e.Closed):
                unanswered = sum(isinstance(each, e.Unanswered) for each in events)
                self._window.lost(unanswered, self._answers > 0, now)
        self._pump()
        if self._drained is not None and not self._drained.done() and not connection.session.waiting:
            self._drained.set_result(None)

    def _on_received(self, connection: SmppConnection, events: Sequence[e.Event]) -> None:
        """Something happened on the receiver of a pair."""
        for event in events:
            if isinstance(event, e.Requested):
                self._inbox.take(connection, event)

    def _answered(self, event: e.Answered, now: float) -> None:
        self._answers += 1
        if event.status in TEMPORARY:
            self._is_busy(event.status, now)
        message_id = event.body.message_id if isinstance(event.body, SubmitSmResp) else ""
        self._sending.answered(_write(event.token), event.status, message_id, now)

    def _is_busy(self, status: int, now: float) -> None:
        """Note that the SMSC takes no texts for now, and log it once in a while."""
        if now >= self._busy_until:
            self._busy_since = utcnow()
        self._busy_with, self._busy_until = status, now + BUSY_SECONDS
        if now - self._warned.get(status, float("-inf")) >= WARN_SECONDS:
            self._warned[status] = now
            logger.warning(
                "%s: refuses texts for now (%s); they are tried again", self.name, status_name(status)
            )

    def _pump(self) -> None:
        """Write as many segments as the session takes now, and tell what came of texts."""
        now = asyncio.get_running_loop().time()
        self._sending.tick(now)
        connection = self._transmitter.connection
        if connection is not None and not self._stopping:
            session = connection.session
            for _ in range(min(session.capacity(now), self._window.size(now) - session.waiting)):
                if (write := self._sending.next()) is None:
                    break
                self._write(connection, write, now)
        self._report()
        if self._full and self.room() >= sending.ROOM // 2:
            self._full = False
            self._reports.available(self.name)
        self._arm(now)
        if connection is not None:
            connection.flush()

    def _write(self, connection: SmppConnection, write: Write, now: float) -> None:
        try:
            connection.session.request(write.segment.body, write, now)
        except LocalProtocolError as error:
            self._sending.unsendable(write, str(error))

    def _arm(self, now: float) -> None:
        """Have `_pump` called when something waits for its moment."""
        moment = self._sending.next_timer()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if moment is not None:
            self._timer = asyncio.get_running_loop().call_at(max(moment, now), self._pump)

    def _report(self, reason: str = "") -> None:
        for outcome in self._sending.outcomes():
            match outcome:
                case sending.Accepted(text, ids):
                    self._reports.accepted(self.name, text, [each or "" for each in ids])
                case sending.Refused(text, code, detail):
                    self._reports.refused(self.name, text, code, detail)
                case sending.Deferred(text, ids, detail, seconds):
                    self._reports.deferred(self.name, text, ids, detail, seconds)
                case sending.Returned(text, ids, written):
                    self._reports.returned(self.name, text, ids, written, reason)
                case _:
                    assert_never(outcome)

    def _on_lost(self, reason: str) -> None:
        self._give_back(reason)

    def _give_back(self, reason: str) -> None:
        """Return everything that is under way: the bind is gone."""
        self._sending.lost()
        self._report(reason)
        self._full = False


def _write(token: object) -> Write:
    assert isinstance(token, Write)
    return token


def _request(kind: type[Bind], smsc: SmscSettings) -> Bind:
    return kind(
        smsc.system_id,
        smsc.password,
        smsc.system_type,
        addr_ton=smsc.addr_ton,
        addr_npi=smsc.addr_npi,
        address_range=smsc.address_range,
    )


def configured(settings: Settings, store: Store) -> list[SmppCarrier]:
    """The carriers of a role: one for each SMSC, those with prefixes first, the longest before all."""
    by_prefix = sorted(settings.smscs, key=lambda smsc: -max(map(len, smsc.prefixes), default=0))
    return [SmppCarrier(smsc) for smsc in by_prefix]

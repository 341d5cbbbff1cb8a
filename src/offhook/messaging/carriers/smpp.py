"""The way out over SMPP: one transceiver bind to an SMSC, kept up for ever.

While the bind is down there is no room, so texts stay queued in the database; it is made again with
growing, spread-out waits. What the session's window and pace allow is written at once, several segments to
a write; no task and no timer belongs to a text.

A text ends as accepted when every segment has an id, as refused with the first segment that the SMSC
refuses for good, and as returned when a response never came or the bind was lost: it may then arrive twice,
with the same references.
"""

import asyncio
import heapq
import logging
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from offhook.config import Settings
from offhook.errors import LocalProtocolError
from offhook.messaging.carriers import OutgoingText, Reports
from offhook.messaging.carriers.smpp_inbox import Inbox
from offhook.messaging.connection import SmppConnection
from offhook.messaging.outcomes import TEMPORARY, UNKNOWN_ERROR, refusal
from offhook.messaging.pacing import SenderPacing
from offhook.messaging.submission import submissions
from offhook.smpp import events as e
from offhook.smpp.backoff import Backoff
from offhook.smpp.bodies import BindTransceiver, SubmitSm, SubmitSmResp
from offhook.smpp.session import Role, SessionConfig
from offhook.smpp.vocabulary import status_name
from offhook.store.store import Store

_log = logging.getLogger(__name__)

ROOM: Final = 2000
"""Segments that may wait here for the window: enough to keep it full, few enough to be given back at once.
"""

TRIES: Final = 4
"""How often a segment is written that the SMSC says it cannot take for now."""

RETRY_AFTER: Final = (0.5, 2.0, 8.0)
CONNECT_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class SmscAccount:
    """Where to bind, as whom, and how fast to send.

    Attributes:
        rate: segments a second in all, None for no limit; `sender_rate` the same for each sender.
    """

    host: str
    port: int
    system_id: str
    password: str
    window: int = 500
    rate: float | None = None
    sender_rate: float | None = None


class _Text:
    """A text under way."""

    __slots__ = ("done", "ids", "missing", "parts", "text", "tries", "written")

    def __init__(self, text: OutgoingText, parts: list[SubmitSm]) -> None:
        self.text = text
        self.parts = parts
        self.ids = [""] * len(parts)
        self.tries = 0
        self.missing = len(parts)
        self.done = False
        self.written = False


_Segment = tuple[_Text, int]


class SmppCarrier:
    """See the module."""

    def __init__(self, account: SmscAccount) -> None:
        self.account = account
        self.name = f"smpp:{account.system_id}@{account.host}"
        self._config = SessionConfig(window=account.window, rate=account.rate)
        self._texts: dict[str, _Text] = {}
        self._queue: deque[_Segment] = deque()
        self._later: list[tuple[float, int, _Segment]] = []
        self._order = count()
        self._pacing = SenderPacing(account.sender_rate)
        self._full = False
        self._connection: SmppConnection | None = None
        self._wake_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._drained: asyncio.Future[None] | None = None
        self._reason = ""
        self._bound_at = 0.0

    def start(self, reports: Reports) -> None:
        """Begin to connect."""
        self._reports = reports
        self._inbox = Inbox(self.name, reports)
        self._task = asyncio.get_running_loop().create_task(self._keep_bound())

    async def close(self) -> None:
        """Give responses a moment to come, unbind, and return what was not taken."""
        self._closing = True
        connection = self._connection
        if connection is not None:
            self._queue.clear()
            self._later.clear()
            self._drained = connection.closed.get_loop().create_future()
            if connection.session.waiting:
                await asyncio.wait([self._drained, connection.closed], timeout=DRAIN_SECONDS)
            await self._inbox.settled(DRAIN_SECONDS)
            connection.session.unbind(connection.now())
            connection.flush()
            await asyncio.wait([connection.closed], timeout=1)
            connection.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._give_back("the node is stopping")

    async def serves(self, recipients: Sequence[str]) -> Sequence[bool]:
        """An SMSC is the way to every number."""
        return [True] * len(recipients)

    def room(self) -> int:
        """Texts that fit in the queue for the window."""
        if self._connection is None:
            return 0
        return max(0, ROOM - len(self._queue) - len(self._later))

    def submit(self, texts: Sequence[OutgoingText]) -> None:
        """Queue the segments of the texts and write what may go."""
        for text in texts:
            if text.sid in self._texts:
                continue
            under_way = self._texts[text.sid] = _Text(text, submissions(text))
            for index in range(len(under_way.parts)):
                self._enqueue(under_way, index)
        self._full = self.room() == 0
        self._pump()

    async def _keep_bound(self) -> None:
        backoff = Backoff()
        while True:
            lasted, reason = await self._stay_bound()
            if self._closing:
                return
            backoff = backoff.failed(lasted)
            wait = backoff.wait(random.random())  # spreads reconnects; no secret
            _log.warning("%s: %s; binding again in %.1f s", self.name, reason, wait)
            await asyncio.sleep(wait)

    async def _stay_bound(self) -> tuple[float, str]:
        """Connect, bind, and return when that is over: how long the bind lasted, and why it ended."""
        loop = asyncio.get_running_loop()
        self._reason, self._bound_at = "", 0.0
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: SmppConnection(Role.ESME, self._config, self._on_events, self._bind),
                    self.account.host,
                    self.account.port,
                )
        except (OSError, TimeoutError) as error:
            return 0.0, f"cannot connect ({type(error).__name__})"
        try:
            await asyncio.shield(connection.closed)
        finally:
            connection.abort()
            self._connection = None
            self._give_back(self._reason or "the connection was lost")
        return (loop.time() - self._bound_at if self._bound_at else 0.0), self._reason or "connection lost"

    def _bind(self, connection: SmppConnection) -> None:
        connection.session.bind(
            BindTransceiver(self.account.system_id, self.account.password), connection.now()
        )

    def _on_events(self, connection: SmppConnection, events: Sequence[e.Event]) -> None:
        for event in events:
            if isinstance(event, e.Answered):
                self._answered(event)
            elif isinstance(event, e.Requested):
                self._inbox.take(connection, event)
            elif isinstance(event, e.Throttled):
                self._queue.appendleft(self._segment(event.token))
            elif isinstance(event, e.Unanswered):
                self._return(self._segment(event.token)[0], "no response came")
            elif isinstance(event, e.Bound):
                self._bound(connection)
            elif isinstance(event, e.ProtocolViolation):
                _log.warning("%s: %s (%s)", self.name, event.detail, status_name(event.status))
            elif isinstance(event, e.Closed):
                self._reason = event.reason
        self._pump()
        if self._drained is not None and not self._drained.done() and not connection.session.waiting:
            self._drained.set_result(None)

    def _bound(self, connection: SmppConnection) -> None:
        _log.info("%s: bound", self.name)
        self._connection = connection
        self._bound_at = connection.now()
        self._reports.available(self.name)

    @staticmethod
    def _segment(token: object) -> _Segment:
        assert isinstance(token, tuple)
        return token

    def _enqueue(self, under_way: _Text, index: int) -> None:
        now = asyncio.get_running_loop().time()
        moment = self._pacing.moment(under_way.text.sender, now)
        if moment > now:
            heapq.heappush(self._later, (moment, next(self._order), (under_way, index)))
        else:
            self._queue.append((under_way, index))

    def _pump(self) -> None:
        """Write as many segments as the session takes now."""
        connection = self._connection
        if connection is None:
            return
        now = connection.now()
        while self._later and self._later[0][0] <= now:
            self._queue.append(heapq.heappop(self._later)[2])
        for _ in range(min(connection.session.capacity(now), len(self._queue))):
            self._write(connection, self._queue.popleft(), now)
        if self._full and self.room() >= ROOM // 2:
            self._full = False
            self._reports.available(self.name)
        self._wake_for_later(connection, now)
        connection.flush()

    def _write(self, connection: SmppConnection, segment: _Segment, now: float) -> None:
        under_way, index = segment
        if under_way.done:
            return
        try:
            connection.session.request(under_way.parts[index], segment, now)
            under_way.written = True
        except LocalProtocolError as error:
            self._refuse(under_way, UNKNOWN_ERROR, str(error))

    def _wake_for_later(self, connection: SmppConnection, now: float) -> None:
        if self._later and not now < self._wake_at <= self._later[0][0]:
            self._wake_at = self._later[0][0]
            asyncio.get_running_loop().call_at(self._wake_at, self._pump)

    def _answered(self, event: e.Answered) -> None:
        under_way, index = self._segment(event.token)
        if under_way.done:
            return
        if event.status in TEMPORARY and under_way.tries < TRIES - 1:
            wait = RETRY_AFTER[min(under_way.tries, len(RETRY_AFTER) - 1)]
            under_way.tries += 1
            moment = asyncio.get_running_loop().time() + wait
            heapq.heappush(self._later, (moment, next(self._order), (under_way, index)))
        elif event.status:
            self._refuse(under_way, refusal(event.status), status_name(event.status))
        else:
            body = event.body
            under_way.ids[index] = body.message_id if isinstance(body, SubmitSmResp) else ""
            under_way.missing -= 1
            if under_way.missing == 0:
                self._finish(under_way)
                self._reports.accepted(self.name, under_way.text, under_way.ids)

    def _refuse(self, under_way: _Text, code: int, detail: str) -> None:
        self._finish(under_way)
        self._reports.refused(self.name, under_way.text, code, detail)

    def _return(self, under_way: _Text, detail: str) -> None:
        if not under_way.done:
            self._finish(under_way)
            self._reports.returned(self.name, under_way.text, under_way.written, detail)

    def _finish(self, under_way: _Text) -> None:
        under_way.done = True
        self._texts.pop(under_way.text.sid, None)

    def _give_back(self, detail: str) -> None:
        """Return everything that is under way: the bind is gone."""
        for under_way in list(self._texts.values()):
            self._return(under_way, detail)
        self._queue.clear()
        self._later.clear()
        self._full = False


def configured(settings: Settings, store: Store) -> SmppCarrier:
    """The carrier of a role: one bind to the SMSC that the settings name."""
    smsc = settings.smsc
    return SmppCarrier(SmscAccount(smsc.host, smsc.port, smsc.system_id, smsc.password))

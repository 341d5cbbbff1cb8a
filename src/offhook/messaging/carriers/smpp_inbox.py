"""What an SMSC sends us: delivery receipts and texts, acknowledged once they are committed.

A segment of a text whose other segments are missing is acknowledged after `HOLD` all the same, since an
SMSC may send the next only then; such a text is lost if the process dies before it is whole. Everything
else is acknowledged only when it is in the database, so that the SMSC sends again what a dead process had
not committed.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from offhook.errors import RemoteProtocolError
from offhook.messaging.arrival import Arrivals
from offhook.messaging.carriers import DeliveryReport, IncomingText, Reports, UnknownRecipientError
from offhook.messaging.connection import SmppConnection
from offhook.messaging.outcomes import FINAL, outcome
from offhook.smpp import receipt as receipts
from offhook.smpp.bodies import Body, DataSm, DataSmResp, DeliverSm, DeliverSmResp
from offhook.smpp.events import Requested
from offhook.smpp.pdu import MAX_SALVAGED
from offhook.smpp.vocabulary import Status
from offhook.sms.reassembly import Repeated
from offhook.smsc import SmscSettings

logger = logging.getLogger(__name__)

HOLD: Final = 2.0
"""Seconds for which the segments of a text that is not whole yet are left unacknowledged."""

MOST_UNCOMMITTED: Final = 1000
"""Texts that may wait for their commit at a time; more are refused with ESME_RMSGQFUL, to be sent again."""

EXPIRY_CHECK: Final = 30.0


class _Unacknowledged:
    """A request of the SMSC that has no response yet."""

    __slots__ = ("connection", "response", "sequence")

    def __init__(self, connection: SmppConnection, sequence: int, response: Body) -> None:
        self.connection: SmppConnection | None = connection
        self.sequence = sequence
        self.response = response

    def acknowledge(self, status: int = 0) -> None:
        """Respond, once."""
        if self.connection is not None:
            self.connection.session.respond(self.sequence, self.response, status)
            self.connection.flush_soon()
            self.connection = None


class Inbox:
    """Takes the requests of an SMSC and reports what is in them."""

    def __init__(self, smsc: SmscSettings, reports: Reports) -> None:
        self._carrier = smsc.carrier
        self._reports = reports
        self._arrivals: Arrivals[_Unacknowledged] = Arrivals(smsc.alphabet)
        self._commits: set[asyncio.Task[None]] = set()
        self._expiry: asyncio.TimerHandle | None = None

    async def settled(self, seconds: float) -> None:
        """Wait until what came is committed, at most this long."""
        if self._expiry is not None:
            self._expiry.cancel()
        if self._commits:
            await asyncio.wait(self._commits, timeout=seconds)

    def take(self, connection: SmppConnection, event: Requested) -> None:
        """A request came. Never raises: what cannot be used is refused."""
        body = event.body
        if isinstance(body, DataSm):
            request = _Unacknowledged(connection, event.sequence, DataSmResp())
            body = _as_deliver_sm(body)
        elif isinstance(body, DeliverSm):
            request = _Unacknowledged(connection, event.sequence, DeliverSmResp())
        else:
            # alert_notification: a handset is back, which no one here waits for.
            return
        if receipts.is_receipt(body):
            self._take_receipt(body, request)
        else:
            self._take_text(body, request, connection.now())

    def _take_receipt(self, message: DeliverSm, request: _Unacknowledged) -> None:
        receipt = receipts.read(message)
        if receipt is None:
            logger.warning("%s: a receipt that names no message", self._carrier)
            request.acknowledge()
            return
        if receipt.state is None:
            logger.warning("%s: the receipt of %.64r names no known state", self._carrier, receipt.message_id)
        final = receipt.state in FINAL and not receipt.intermediate
        report = DeliveryReport(
            receipt.message_id[:MAX_SALVAGED],
            receipt.word,
            final,
            outcome(receipt) if final else None,
            receipt.error[:20],
            receipt.done_date[:20],
        )
        self._reports.reported(self._carrier, report, request.acknowledge)

    def _take_text(self, message: DeliverSm, request: _Unacknowledged, now: float) -> None:
        if len(self._commits) >= MOST_UNCOMMITTED:
            request.acknowledge(Status.RMSGQFUL)
            return
        try:
            arrived = self._arrivals.take(message, request, now)
        except RemoteProtocolError as error:
            logger.warning("%s: a text that cannot be read: %s", self._carrier, error)
            request.acknowledge(Status.RX_P_APPN)
            return
        if isinstance(arrived, Repeated):
            request.acknowledge()
            return
        if arrived is not None:
            self._commit(*arrived)
            return
        loop = asyncio.get_running_loop()
        loop.call_later(HOLD, request.acknowledge)
        if self._expiry is None:
            self._expiry = loop.call_later(EXPIRY_CHECK, self._expire)

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        for text, requests in self._arrivals.expire(loop.time()):
            logger.warning("%s: %d segments of a text did not come", self._carrier, text.missing)
            self._commit(text, requests)
        self._expiry = loop.call_later(EXPIRY_CHECK, self._expire)

    def _commit(self, text: IncomingText, requests: Sequence[_Unacknowledged]) -> None:
        task = asyncio.get_running_loop().create_task(self._commit_text(text, requests))
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)

    async def _commit_text(self, text: IncomingText, requests: Sequence[_Unacknowledged]) -> None:
        status = 0
        try:
            await self._reports.incoming(text)
        except UnknownRecipientError:
            logger.warning("%s: a text to a number that no account owns", self._carrier)
            status = Status.RX_P_APPN
        except Exception:
            logger.exception("%s: a text could not be committed", self._carrier)
            status = Status.RX_T_APPN
        for request in requests:
            request.acknowledge(status)


def _as_deliver_sm(message: DataSm) -> DeliverSm:
    """data_sm as the deliver_sm that says the same; its message is in message_payload already."""
    return DeliverSm(
        message.source_addr,
        message.destination_addr,
        b"",
        message.source_addr_ton,
        message.source_addr_npi,
        message.dest_addr_ton,
        message.dest_addr_npi,
        message.esm_class,
        message.data_coding,
        message.registered_delivery,
        message.tlvs,
    )

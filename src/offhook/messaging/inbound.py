"""Texts that come in: committed for the account that owns the number, then answered with messaging TwiML.

The webhook is a job in the outbox, so it is asked even if this process dies after the commit. It may then
be asked twice, with the same idempotency token; the replies it gives get the same SIDs again and are sent
once.
"""

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from offhook.billing.rating import rate_message
from offhook.clock import new_sid, utcnow
from offhook.delivery.client import WebhookClient
from offhook.errors import DELIVERY
from offhook.ids import MESSAGE
from offhook.messaging.carriers import IncomingText, UnknownRecipientError
from offhook.messaging.loops import Loops
from offhook.messaging.notifications import notify
from offhook.messaging.outcomes import MISSING_SEGMENT
from offhook.messaging.reply import Reply, entry_of
from offhook.sms.message_state import MessageStatus
from offhook.store.ledger import Posting
from offhook.store.records import MessageRecord, NumberRecord, TimelineEntry, TimelineKind, Topic
from offhook.store.store import Store
from offhook.twiml.entry import EntryPoint

logger = logging.getLogger(__name__)

CONCURRENT: Final = 200
"""Webhooks asked at a time."""


class Inbound:
    """See the module.

    Args:
        released: told when the job of a message has ended.
    """

    def __init__(self, store: Store, http: WebhookClient, released: Callable[[str], None]) -> None:
        self._store = store
        self._http = http
        self._released = released
        self._loops = Loops()
        self._free = asyncio.Semaphore(CONCURRENT)
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self, seconds: float = 5.0) -> None:
        """Let webhooks under way end for a while, then leave them to the next life of the node."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def receive(self, text: IncomingText) -> None:
        """Commit a text from outside together with the job of asking its webhook.

        Raises:
            UnknownRecipientError: no active account owns the number.
        """
        number = await self._store.numbers.cached.get(text.recipient)
        if number is None or not await self._store.accounts.is_active(number.account_sid):
            raise UnknownRecipientError
        now = utcnow()
        record = MessageRecord(
            sid=new_sid(MESSAGE),
            account_sid=number.account_sid,
            to=text.recipient,
            from_=text.sender,
            body=text.body,
            status=MessageStatus.RECEIVED,
            direction="inbound",
            date_created=now,
            date_updated=now,
            date_sent=now,
            num_segments=text.segments,
            price=rate_message("inbound", text.segments).amount,
            error_code=MISSING_SEGMENT if text.missing else None,
            error_message=DELIVERY[MISSING_SEGMENT] if text.missing else None,
        )
        await self._store.messages.insert_inbound(record)
        detail = {"status": "received", "from": text.sender, "to": text.recipient, "segments": text.segments}
        if text.missing:
            detail["missing"] = text.missing
        self._note(record, TimelineKind.STATUS, "received", detail)

    def answer(self, record: MessageRecord) -> None:
        """Do the webhook job of a received message, whose claim this node holds."""
        task = asyncio.get_running_loop().create_task(self._answer(record))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, record: MessageRecord) -> None:
        try:
            async with self._free:
                await self._run(record)
            price = record.price or Decimal(0)
            await self._store.ledger.post([Posting(record.account_sid, record.sid, "message", price)])
            await self._store.outbox.done_for(Topic.MESSAGES, [record.sid])
        except Exception:
            logger.exception("%s: its webhook is asked again later", record.sid)
        finally:
            self._released(record.sid)

    async def _run(self, record: MessageRecord) -> None:
        number = await self._store.numbers.cached.get(record.to)
        account = await self._store.accounts.cached.get(record.account_sid)
        if record.error_code == MISSING_SEGMENT:
            # What is not whole is shown, but not handed on as if it were.
            await notify(self._store, record, MISSING_SEGMENT)
            return
        entry = await self._entry(number) if number is not None else None
        if entry is None or account is None:
            self._note(record, TimelineKind.NOTE, "no webhook", {"reason": "the number has no SmsUrl"})
            return
        if not account.is_active:
            self._note(
                record, TimelineKind.NOTE, "no webhook", {"reason": f"the account is {account.status}"}
            )
            return
        await Reply(self._store, self._http, record, account, self._loops).run(entry)

    async def _entry(self, number: NumberRecord) -> EntryPoint | None:
        """Where texts to a number are answered: an application goes before the number's own URLs."""
        applications = self._store.applications
        application = await applications.of_account(number.account_sid, number.sms_application_sid)
        return entry_of(application or number)

    def _note(self, record: MessageRecord, kind: TimelineKind, name: str, detail: dict[str, Any]) -> None:
        self._store.timelines.add(TimelineEntry(record.sid, record.account_sid, utcnow(), kind, name, detail))

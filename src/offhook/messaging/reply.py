"""The answer to one text: its webhook asked, the messaging TwiML carried out, its replies queued.

The interpreter decides; here its effects become requests, rows and timeline entries.
"""

import hashlib
from typing import Any, Final, assert_never

from offhook.clock import monotonic, utcnow
from offhook.delivery.client import WebhookClient
from offhook.delivery.documents import fetch_document
from offhook.delivery.evidence import Evidence
from offhook.ids import ENTROPY_BYTES, MESSAGE, sid_milliseconds
from offhook.ids import new_sid as sid_of
from offhook.messaging.loops import MOST_IN_A_ROW, QUIET_SECONDS, Loops
from offhook.messaging.moves import params_of
from offhook.messaging.notifications import notify
from offhook.sms import segments
from offhook.sms.message_state import MessageStatus
from offhook.store.erasure import ORIGIN
from offhook.store.records import (
    AccountRecord,
    ApplicationRecord,
    MessageRecord,
    NumberRecord,
    TimelineEntry,
    TimelineKind,
)
from offhook.store.store import Store
from offhook.store.timeline import queued
from offhook.twiml import effects, events
from offhook.twiml.entry import EntryPoint, MessageFacts, method_of
from offhook.twiml.messaging import interpreter
from offhook.webhook.params import message_params
from offhook.webhook.policy import cookie_key

NOT_OURS: Final = 14108
TOO_MANY_REPLIES: Final = 14109
MOST_REPLIES: Final = 10
LOOP: Final = 14107


class Reply:
    """The execution of the TwiML that answers one text."""

    def __init__(
        self, store: Store, http: WebhookClient, record: MessageRecord, account: AccountRecord, loops: Loops
    ) -> None:
        self._store = store
        self._http = http
        self._record = record
        self._account = account
        self._loops = loops
        self._replies = 0
        self._requests = 0
        self._evidence: Evidence | None = None

    async def run(self, entry: EntryPoint) -> None:
        """Ask `entry` and do what the documents say."""
        facts = MessageFacts(self._record.from_ or "", self._record.to)
        state, wanted = interpreter.start(entry, facts)
        queue = list(wanted)
        while queue:
            event = await self._carry_out(queue.pop(0))
            if event is not None:
                state, wanted = interpreter.step(state, event)
                queue.extend(wanted)

    async def _carry_out(self, effect: interpreter.Wanted) -> interpreter.Event | None:
        match effect:
            case effects.Fetch():
                return await self._fetch(effect)
            case effects.SendMessage():
                return await self._send(effect)
            case effects.Notify(code, message, url):
                await notify(self._store, self._record, code, message, url, self._evidence)
            case effects.Trace(verb, line, detail):
                self._note(TimelineKind.TWIML, verb, {"line": line, **dict(detail)})
            case _:
                assert_never(effect)
        return None

    async def _fetch(self, effect: effects.Fetch) -> events.Fetched | events.FetchFailed:
        of_text = message_params(params_of(self._record))
        # An action's parameters are the reply's: they stand in the place of the text's of the same name.
        own = dict(effect.params)
        self._requests += 1
        event, self._evidence = await fetch_document(
            self._http,
            effect,
            [pair for pair in of_text if pair[0] not in own] + list(effect.params),
            auth_token=self._account.auth_token,
            cookies=cookie_key(self._account.sid, self._record.from_ or "", self._record.to),
            idempotency_token=f"{self._record.sid}-{self._requests}",
        )
        failed = isinstance(event, events.FetchFailed)
        self._note(TimelineKind.WEBHOOK, "failed" if failed else "fetched", self._evidence.detail())
        return event

    async def _send(self, effect: effects.SendMessage) -> events.MessageQueued:
        """Queue a reply; its SID follows from that of the text, so that a repeat makes it once."""
        index, self._replies = self._replies, self._replies + 1
        digest = hashlib.sha256(f"{self._record.sid}:{index}".encode()).digest()
        sid = sid_of(MESSAGE, sid_milliseconds(self._record.sid), digest[:ENTROPY_BYTES])
        status = "failed"
        if index >= MOST_REPLIES:
            await self._refuse(TOO_MANY_REPLIES, f"More than {MOST_REPLIES} replies to one message")
        elif not await self._owned(effect.from_):
            await self._refuse(NOT_OURS, "The 'from' number of <Message> is not the account's")
        elif not self._loops.allows(effect.from_, effect.to, monotonic()):
            why = f"More than {MOST_IN_A_ROW} replies between two numbers, each within {QUIET_SECONDS:g} s"
            await self._refuse(LOOP, why)
        else:
            reply = self._reply(sid, effect)
            await self._store.messages.create_message(reply)
            self._store.timelines.add(queued(reply, {"reply_to": self._record.sid}))
            self._note(TimelineKind.SMS, "reply", {"message_sid": sid})
            status = "queued"
        return events.MessageQueued(effect.message, sid, status)

    def _reply(self, sid: str, effect: effects.SendMessage) -> MessageRecord:
        now = utcnow()
        return MessageRecord(
            sid=sid,
            account_sid=self._record.account_sid,
            to=effect.to,
            from_=effect.from_,
            body=effect.body,
            status=MessageStatus.QUEUED,
            direction="outbound-reply",
            date_created=now,
            date_updated=now,
            num_segments=segments.count(effect.body),
            status_callback=effect.status_callback,
            request={ORIGIN: self._record.sid},
        )

    async def _owned(self, sender: str) -> bool:
        number = await self._store.numbers.cached.get(sender)
        return number is not None and number.account_sid == self._record.account_sid

    async def _refuse(self, code: int, message: str) -> None:
        await notify(self._store, self._record, code, message)

    def _note(self, kind: TimelineKind, name: str, detail: dict[str, Any]) -> None:
        entry = TimelineEntry(self._record.sid, self._record.account_sid, utcnow(), kind, name, detail)
        self._store.timelines.add(entry)


def entry_of(answering: NumberRecord | ApplicationRecord) -> EntryPoint | None:
    """Where texts are answered by a number, or by the application it points to; None if nowhere."""
    if not answering.sms_url:
        return None
    return EntryPoint(
        answering.sms_url,
        method_of(answering.sms_method),
        answering.sms_fallback_url or None,
        method_of(answering.sms_fallback_method),
    )

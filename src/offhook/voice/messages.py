"""``<Sms>`` in a call: a text is queued as the API would queue it."""

from __future__ import annotations

from offhook.clock import new_sid, utcnow
from offhook.sms import segments
from offhook.store.database import DatabaseUnavailableError
from offhook.store.erasure import ORIGIN
from offhook.store.records import CallRecord, MessageRecord
from offhook.store.timeline import queued
from offhook.twiml import effects
from offhook.twiml.events import MessageQueued
from offhook.voice.services import Services

_NOT_OURS = 14108
_INTERNAL_FAILURE = 15000


async def queue_message(services: Services, call: CallRecord, effect: effects.SendMessage) -> MessageQueued:
    """Queue a text from one of the account's numbers; from any other it is refused."""
    if not await services.owns(call.account_sid, effect.from_):
        return MessageQueued(
            effect.message, "", "failed", _NOT_OURS, "The 'from' number of <Sms> is not one of the account's."
        )
    now = utcnow()
    message = MessageRecord(
        sid=new_sid("SM"),
        account_sid=call.account_sid,
        to=effect.to,
        from_=effect.from_,
        body=effect.body,
        status="queued",
        direction="outbound-call",
        date_created=now,
        date_updated=now,
        num_segments=segments.count(effect.body),
        status_callback=effect.status_callback,
        request={ORIGIN: call.sid},
    )
    try:
        await services.store.messages.create_message(message)
    except DatabaseUnavailableError as error:
        return MessageQueued(effect.message, "", "failed", _INTERNAL_FAILURE, str(error))
    services.store.timelines.add(queued(message, {"call": call.sid}))
    return MessageQueued(effect.message, message.sid, "sent")

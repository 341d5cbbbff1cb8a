"""The moves of a message between statuses, with what is committed with each: price, ids, callbacks. Pure."""

from collections.abc import Sequence
from datetime import datetime

from offhook.billing.rating import rate_message
from offhook.errors import DELIVERY
from offhook.messaging.carriers import DeliveryReport
from offhook.sms.message_state import CALLED_BACK, MessageStatus, sources_of
from offhook.store.message_transitions import MessageTransition
from offhook.store.records import CallbackDraft, MessageRecord
from offhook.webhook.params import MessageParams, message_status_params

DELIVERED = "DELIVERED"


def params_of(record: MessageRecord) -> MessageParams:
    """What webhooks say of a message."""
    return MessageParams(
        message_sid=record.sid,
        account_sid=record.account_sid,
        from_=record.from_ or "",
        to=record.to,
        body=record.body,
        num_segments=record.num_segments,
        messaging_service_sid=record.messaging_service_sid,
    )


def sent_move(
    record: MessageRecord, carrier: str, ids: Sequence[str | None], at: datetime
) -> MessageTransition:
    """The carrier took every segment: the text is sent, and is paid for by the segment.

    `ids` are None where they were noted before.
    """
    return MessageTransition(
        record.sid,
        MessageStatus.SENT,
        sources_of(MessageStatus.SENT),
        date_sent=at,
        price=rate_message(record.direction, len(ids)).amount,
        num_segments=len(ids),
        callbacks=_callbacks(record, MessageStatus.SENT),
        smsc=carrier,
        smsc_ids=ids,
    )


def failed_move(record: MessageRecord, error_code: int) -> MessageTransition:
    """The text was never sent, and never will be."""
    return MessageTransition(
        record.sid,
        MessageStatus.FAILED,
        sources_of(MessageStatus.FAILED),
        error_code=error_code,
        error_message=DELIVERY.get(error_code),
        callbacks=_callbacks(record, MessageStatus.FAILED, error_code),
    )


def queued_move(record: MessageRecord, carrier: str, ids: Sequence[str | None]) -> MessageTransition:
    """The carrier gave the text back, but for the segments with `ids`; nobody is told."""
    return MessageTransition(
        record.sid,
        MessageStatus.QUEUED,
        {MessageStatus.SENDING, MessageStatus.QUEUED},
        smsc=carrier,
        smsc_ids=ids,
    )


def settled_move(record: MessageRecord, verdict: str, report: DeliveryReport) -> MessageTransition:
    """The receipts are complete: `verdict` is `DELIVERED`, or the error code of why it was not."""
    code = None if verdict == DELIVERED else int(verdict)
    status = MessageStatus.DELIVERED if code is None else MessageStatus.UNDELIVERED
    return MessageTransition(
        record.sid,
        status,
        sources_of(status),
        error_code=code,
        error_message=None if code is None else DELIVERY.get(code),
        callbacks=_callbacks(record, status, code, report.done_at[:10] or None),
    )


def _callbacks(
    record: MessageRecord, status: MessageStatus, code: int | None = None, done_at: str | None = None
) -> tuple[CallbackDraft, ...]:
    if not record.status_callback or status not in CALLED_BACK:
        return ()
    params = message_status_params(
        params_of(record), status=status, error_code=code, raw_dlr_done_date=done_at
    )
    return (CallbackDraft(record.account_sid, record.status_callback, "POST", tuple(params), status.value),)

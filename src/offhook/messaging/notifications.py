"""Tells the owner of a text what went wrong with it: a notification, and the same in the text's timeline."""

from dataclasses import replace

from offhook.clock import new_sid, utcnow
from offhook.delivery.evidence import Evidence, shown_url
from offhook.delivery.failure_log import log_failed_webhook
from offhook.errors import DELIVERY, NOTIFICATIONS
from offhook.ids import NOTIFICATION
from offhook.store.records import MessageRecord, NotificationRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store


async def notify(
    store: Store,
    record: MessageRecord,
    code: int,
    message: str = "",
    url: str = "",
    evidence: Evidence | None = None,
) -> None:
    """Commit a notification of the message `record`; `message` is what the code means unless given.

    `evidence` is the latest request of the text: it is shown when it is the one for `url`.
    """
    known = NOTIFICATIONS.get(code)
    level = 1 if known is not None and known.level == "warning" else 0
    words = message or DELIVERY.get(code, "")
    if url and level == 0:
        log_failed_webhook(record.sid, url, code, words)
    row = NotificationRecord(
        sid=new_sid(NOTIFICATION),
        account_sid=record.account_sid,
        call_sid=None,
        message_sid=record.sid,
        log=level,
        error_code=code,
        message_date=utcnow(),
        message_text=words,
        request_url=shown_url(url) or None,
    )
    if evidence is not None and evidence.is_about(url):
        row = replace(row, **evidence.notified())
    await store.notifications.create(row)
    detail = {"message": words, "url": shown_url(url)}
    store.timelines.add(
        TimelineEntry(record.sid, record.account_sid, utcnow(), TimelineKind.ERROR, str(code), detail)
    )

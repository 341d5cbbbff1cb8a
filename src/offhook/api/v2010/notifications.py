"""Notifications: the debugger's log of an account or a call.

https://www.twilio.com/docs/usage/api (Notifications), https://www.twilio.com/docs/voice/api/call-notification
"""

from __future__ import annotations

from offhook import errors
from offhook.api.forms import Form
from offhook.api.operations import Context, Resource
from offhook.store.notifications import NotificationFilters
from offhook.store.paging import Page, PageResult, TimeRange
from offhook.store.records import NotificationRecord

notifications = Resource(
    NotificationRecord,
    {
        "date_created": lambda row: row.message_date,
        "date_updated": lambda row: row.message_date,
        "more_info": lambda row: errors.more_info(row.error_code),
    },
)


class ListNotifications(Form):
    """Filters; `log` is 0 for errors and 1 for warnings."""

    log: int | None = None
    message_date: TimeRange = TimeRange()


@notifications.operation("ListNotification")
async def list_notifications(
    context: Context, filters: ListNotifications, page: Page
) -> PageResult[NotificationRecord]:
    """Notifications of the account, newest first."""
    chosen = NotificationFilters(filters.log, filters.message_date)
    return await context.store.notifications.list_page(context.account.sid, chosen, page)


@notifications.operation("FetchNotification")
async def fetch_notification(context: Context, sid: str) -> NotificationRecord | None:
    """One notification, with the request and the response that it is about."""
    return await context.store.notifications.fetch(context.account.sid, sid)


@notifications.operation("ListCallNotification")
async def list_call_notifications(
    context: Context, call_sid: str, filters: ListNotifications, page: Page
) -> PageResult[NotificationRecord] | None:
    """Notifications of one call, newest first."""
    if await context.store.calls.fetch(context.account.sid, call_sid) is None:
        return None
    chosen = NotificationFilters(filters.log, filters.message_date, call_sid)
    return await context.store.notifications.list_page(context.account.sid, chosen, page)


@notifications.operation("FetchCallNotification")
async def fetch_call_notification(context: Context, call_sid: str, sid: str) -> NotificationRecord | None:
    """One notification of a call."""
    found = await context.store.notifications.fetch(context.account.sid, sid)
    return found if found is not None and found.call_sid == call_sid else None

"""Messages: send a text, look at it, redact or delete it. https://www.twilio.com/docs/sms/api/message-resource"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from offhook import clock, errors, ids
from offhook.api.forms import Between, Form, read_url
from offhook.api.operations import Context, Resource
from offhook.numbers import e164
from offhook.sms.segments import MAX_BODY, count
from offhook.store.messages import MessageFilters
from offhook.store.paging import Page, PageResult, TimeRange
from offhook.store.records import DeleteOutcome, MessageRecord, NumberRecord

MAX_VALIDITY: Final = 36_000

messages = Resource(MessageRecord)


class CreateMessage(Form):
    """A new text. `validity_period`: seconds for which it may wait to be sent."""

    codes: ClassVar = {
        "ValidityPeriod": 21624,
        "MediaUrl": 21622,
        "MessagingServiceSid": 21701,
        "ApplicationSid": 21218,
    }
    refuses: ClassVar = {
        "AddressRetention": "what is kept of a message cannot be chosen yet: redact or delete it",
        "ContentRetention": "what is kept of a message cannot be chosen yet: redact or delete it",
        "ContentSid": "content templates are not built yet: use Body",
        "MaxPrice": "a limit of the price is not built yet",
        "MediaUrl": "media messages are not built yet: send a Body alone",
        "MessagingServiceSid": "Messaging Services are not built yet: use From",
        "ScheduleType": "scheduled messages are not built yet",
        "SendAt": "scheduled messages are not built yet",
    }
    harmless: ClassVar = {
        "AddressRetention": frozenset({"retain"}),
        "ContentRetention": frozenset({"retain"}),
    }

    to: str = ""
    from_: str = ""
    body: str = ""
    status_callback: str = ""
    application_sid: str = ""
    validity_period: Annotated[int, Between(1, MAX_VALIDITY)] = MAX_VALIDITY


class UpdateMessage(Form):
    """An empty `body` redacts."""

    refuses: ClassVar = {"Status": "scheduled messages are not built yet, so there is none to cancel"}

    body: str | None = None


class ListMessages(Form):
    """Filters."""

    to: str | None = None
    from_: str | None = None
    date_sent: TimeRange = TimeRange()


@messages.operation("CreateMessage")
async def create_message(context: Context, form: CreateMessage) -> MessageRecord:
    """Queue a text; the messaging node sends it at once."""
    to = _recipient(form.to)
    number = await _sender(context, form)
    if number.phone_number == to:
        raise errors.rest(21266)
    _check_content(form)
    now = clock.utcnow()
    message = MessageRecord(
        sid=clock.new_sid(ids.MESSAGE),
        account_sid=context.account.sid,
        to=to,
        from_=number.phone_number,
        body=form.body,
        status="queued",
        direction="outbound-api",
        date_created=now,
        date_updated=now,
        num_segments=count(form.body),
        status_callback=await _callback(context, form),
        request={"validity_period": form.validity_period},
    )
    await context.store.messages.create_message(message)
    detail = {"from": number.phone_number, "to": to, "segments": message.num_segments}
    if form.status_callback and not message.status_callback:
        detail["warning"] = "21609: StatusCallback is not a valid URL; there will be no callbacks"
    context.queued(message.sid, detail)
    return message


@messages.operation("ListMessage")
async def list_messages(context: Context, filters: ListMessages, page: Page) -> PageResult[MessageRecord]:
    """Messages of the account, newest first."""
    chosen = MessageFilters(
        to=filters.to and (e164(filters.to) or filters.to),
        from_=filters.from_ and (e164(filters.from_) or filters.from_),
        date_sent=filters.date_sent,
    )
    return await context.store.messages.list_page(context.account.sid, chosen, page)


@messages.operation("FetchMessage")
async def fetch_message(context: Context, sid: str) -> MessageRecord | None:
    """One message."""
    return await context.store.messages.fetch(context.account.sid, sid)


@messages.operation("UpdateMessage")
async def update_message(context: Context, sid: str, form: UpdateMessage) -> MessageRecord | None:
    """Redact a message: its body, and what its timeline quotes, are emptied for ever."""
    message = await fetch_message(context, sid)
    if message is None or form.body is None:
        return message
    if form.body:
        raise errors.rest(20001, "Body can only be changed to the empty text", parameter="Body")
    if message.status in ("accepted", "queued", "sending", "receiving"):
        raise errors.rest(20009, "Cannot redact this message before it is complete")
    return await context.store.messages.redact(context.account.sid, sid)


@messages.operation("DeleteMessage")
async def delete_message(context: Context, sid: str) -> None:
    """Delete a message that is not on its way."""
    match await context.store.messages.delete(context.account.sid, sid):
        case DeleteOutcome.LIVE:
            raise errors.rest(20009)
        case DeleteOutcome.NOT_FOUND:
            raise errors.rest(20404)


def _recipient(to: str) -> str:
    if not to.strip():
        raise errors.rest(21604)
    if (number := e164(to)) is None:
        raise errors.rest(21211, f"The 'To' number {to[:100]} is not a valid phone number.")
    return number


async def _sender(context: Context, form: CreateMessage) -> NumberRecord:
    """The account's number that the text is from."""
    if not form.from_.strip():
        raise errors.rest(21603)
    number = e164(form.from_)
    owned = await context.owned_number(number) if number is not None else None
    if owned is not None and owned.capabilities.get("sms"):
        return owned
    shown = form.from_[:100]
    # Alphanumeric senders and short codes have the form of a sender, so they are refused as one not owned.
    if number is None and not (shown.isascii() and shown.isalnum() and len(shown) <= 11):
        raise errors.rest(21212, f"The 'From' number {shown} is not a valid phone number or shortcode.")
    raise errors.rest(
        21606,
        f"The From phone number {shown} is not a valid, SMS-capable inbound phone number"
        " or short code for your account.",
    )


def _check_content(form: CreateMessage) -> None:
    if not form.body:
        raise errors.rest(21602)
    if len(form.body) > MAX_BODY:
        raise errors.rest(21617)


async def _callback(context: Context, form: CreateMessage) -> str | None:
    """The status callback, or without one the application's.

    A malformed one does not keep the text from being sent, as at Twilio (21609).
    """
    if not form.status_callback and form.application_sid:
        application = await context.store.applications.of_account(context.account.sid, form.application_sid)
        if application is None:
            raise errors.rest(21218)
        return application.message_status_callback or application.sms_status_callback
    try:
        return read_url(form.status_callback) or None
    except ValueError:
        return None

"""IncomingPhoneNumbers: the numbers an account owns, and what answers calls and texts to them.

https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource

Decision: the inventory of a self-hosted platform is every possible number that nobody on it owns. Creating
one says that the operator's carrier delivers it here; nothing is ordered from anyone. With `AreaCode` the
platform chooses a number of the range kept for fiction (555-0100 to 555-0199), which no real subscriber
can lose.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, ClassVar, Final

import msgspec

from offhook import clock, errors, ids
from offhook.api.forms import Form, Method, Url
from offhook.api.operations import Context, Resource
from offhook.numbers import e164, formatted
from offhook.store.numbers import NumberFilters, NumberTakenError
from offhook.store.paging import Page, PageResult
from offhook.store.records import NumberRecord

MAX_FRIENDLY_NAME: Final = 64
FICTION: Final = range(100, 200)
APPLICATIONS: Final = ("voice_application_sid", "sms_application_sid")

incoming_phone_numbers = Resource(NumberRecord, {"status": lambda row: "in-use", "type": lambda row: "local"})


class Settings(Form):
    """What can be set of a number. An empty URL or SID clears it; an application's URLs go before the number's."""

    codes: ClassVar = {
        "VoiceUrl": 21402,
        "VoiceMethod": 21403,
        "VoiceFallbackUrl": 21402,
        "VoiceFallbackMethod": 21403,
        "SmsUrl": 21402,
        "SmsMethod": 21403,
        "SmsFallbackUrl": 21402,
        "SmsFallbackMethod": 21403,
        "StatusCallback": 21502,
        "StatusCallbackMethod": 21403,
        "SmsApplicationSid": 21218,
        "VoiceApplicationSid": 21218,
    }
    refuses: ClassVar = {
        "TrunkSid": "SIP trunks of accounts are not built yet",
    }

    friendly_name: str | None = None
    voice_url: Url | None = None
    voice_method: Method | None = None
    voice_fallback_url: Url | None = None
    voice_fallback_method: Method | None = None
    voice_caller_id_lookup: bool | None = None
    voice_application_sid: str | None = None
    sms_url: Url | None = None
    sms_method: Method | None = None
    sms_fallback_url: Url | None = None
    sms_fallback_method: Method | None = None
    sms_application_sid: str | None = None
    status_callback: Url | None = None
    status_callback_method: Method | None = None

    def changes(self) -> dict[str, Any]:
        """The columns that were given."""
        if self.friendly_name is not None and len(self.friendly_name) > MAX_FRIENDLY_NAME:
            raise errors.rest(20002, f"FriendlyName is longer than {MAX_FRIENDLY_NAME} characters")
        given = msgspec.structs.asdict(self)
        changed = {name: given[name] for name in Settings.__struct_fields__ if given[name] is not None}
        return changed | {name: changed[name] or None for name in APPLICATIONS if name in changed}


class CreateNumber(Settings):
    """A new number: a certain one, or any of an American area code."""

    phone_number: str = ""
    area_code: str = ""


class UpdateNumber(Settings):
    """Changes; `account_sid` gives the number to a subaccount, or back."""

    account_sid: str | None = None


class ListNumbers(Form):
    """Filters; `phone_number` may be a part of a number, with ``*`` for any digit."""

    phone_number: str | None = None
    friendly_name: str | None = None
    beta: bool | None = None
    origin: str | None = None


@incoming_phone_numbers.operation("CreateIncomingPhoneNumber")
async def create_number(context: Context, form: CreateNumber) -> NumberRecord:
    """Take a number into the account."""
    _check_fallback(form, form.voice_url)
    await _check_applications(context, form, context.account.sid)
    if form.phone_number:
        number = _number(form.phone_number)
        try:
            return await _own(context, form, number)
        except NumberTakenError:
            raise errors.rest(21422, f"{number} is not available.") from None
    if not form.area_code:
        raise errors.rest(21421, "PhoneNumber or AreaCode is required")
    if not re.fullmatch(r"[2-9][0-9]{2}", form.area_code):
        raise errors.rest(21451, f"{form.area_code[:20]} is not an area code")
    return await _own_any(context, form)


@incoming_phone_numbers.operation("ListIncomingPhoneNumber")
async def list_numbers(context: Context, filters: ListNumbers, page: Page) -> PageResult[NumberRecord]:
    """Numbers of the account, newest first."""
    chosen = NumberFilters(filters.phone_number, filters.friendly_name, filters.beta, filters.origin)
    return await context.store.numbers.list_page(context.account.sid, chosen, page)


@incoming_phone_numbers.operation("FetchIncomingPhoneNumber")
async def fetch_number(context: Context, sid: str) -> NumberRecord | None:
    """One number."""
    return await context.store.numbers.fetch(context.account.sid, sid)


@incoming_phone_numbers.operation("UpdateIncomingPhoneNumber")
async def update_number(context: Context, sid: str, form: UpdateNumber) -> NumberRecord | None:
    """Change what is given; the rest stays."""
    changes = form.changes()
    if form.voice_fallback_url:
        number = await fetch_number(context, sid)
        _check_fallback(
            form, form.voice_url if form.voice_url is not None or not number else number.voice_url
        )
    owner = context.account.sid
    if form.account_sid is not None:
        owner = changes["account_sid"] = await _new_owner(context, form.account_sid)
    await _check_applications(context, form, owner)
    if owner != context.account.sid:
        # The applications of one account are none of another's.
        changes = dict.fromkeys(APPLICATIONS) | changes
    return await context.store.numbers.update(context.account.sid, sid, changes)


@incoming_phone_numbers.operation("DeleteIncomingPhoneNumber")
async def delete_number(context: Context, sid: str) -> None:
    """Give a number back: calls and texts to it go to the trunk from now on."""
    if not await context.store.numbers.delete(context.account.sid, sid):
        raise errors.rest(20404)


def _check_fallback(form: Settings, voice_url: str | None) -> None:
    """A URL that is asked when another fails needs the other."""
    if form.voice_fallback_url and not voice_url:
        raise errors.rest(21405)


async def _check_applications(context: Context, form: Settings, account_sid: str) -> None:
    """What a number points to must be an application of the account that has the number."""
    for sid in {form.voice_application_sid, form.sms_application_sid} - {None, ""}:
        if await context.store.applications.of_account(account_sid, sid) is None:
            raise errors.rest(21218, f"{str(sid)[:100]} is not an application of the account")


def _number(text: str) -> str:
    if (number := e164(text)) is None:
        raise errors.rest(21421, f"{text[:100]} is not a valid number")
    return number


async def _own_any(context: Context, form: CreateNumber) -> NumberRecord:
    """Take the first free number of an area code; another request may be faster with one that seemed free."""
    for last in FICTION:
        number = f"+1{form.area_code}5550{last}"
        if await context.store.numbers.find_by_number(number) is None:
            with suppress(NumberTakenError):
                return await _own(context, form, number)
    raise errors.rest(21452)


async def _own(context: Context, form: CreateNumber, number: str) -> NumberRecord:
    """Raises NumberTakenError."""
    now = clock.utcnow()
    settings = {"friendly_name": formatted(number), **form.changes()}
    record = NumberRecord(
        sid=clock.new_sid(ids.PHONE_NUMBER),
        account_sid=context.account.sid,
        phone_number=number,
        date_created=now,
        date_updated=now,
        **settings,
    )
    await context.store.numbers.create(record)
    return record


async def _new_owner(context: Context, sid: str) -> str:
    """The account a number is given to: one of the same owner."""
    account = await context.store.accounts.cached.get(sid) if ids.is_sid(sid, ids.ACCOUNT) else None
    here = context.account
    family = {here.sid, here.owner_account_sid}
    if (
        account is None
        or not account.is_active
        or not {account.sid, account.owner_account_sid} & (family - {None})
    ):
        raise errors.rest(21470, "AccountSid is not an active account of yours")
    return account.sid

"""Applications: URLs that numbers, calls and texts point to by a SID. https://www.twilio.com/docs/usage/api/applications"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from offhook import clock, errors, ids
from offhook.api.forms import Form, Method, Url
from offhook.api.operations import Context, Resource
from offhook.store.paging import Page, PageResult
from offhook.store.records import ApplicationRecord

MAX_FRIENDLY_NAME: Final = 64

applications = Resource(ApplicationRecord)


class ApplicationForm(Form):
    """What can be set of an application. An empty URL clears it."""

    codes: ClassVar = {
        "VoiceUrl": 21402,
        "VoiceMethod": 21403,
        "VoiceFallbackUrl": 21402,
        "VoiceFallbackMethod": 21403,
        "SmsUrl": 21402,
        "SmsMethod": 21403,
        "SmsFallbackUrl": 21402,
        "SmsFallbackMethod": 21403,
        "SmsStatusCallback": 21502,
        "MessageStatusCallback": 21502,
        "StatusCallback": 21502,
        "StatusCallbackMethod": 21403,
    }
    refuses: ClassVar = {"ApiVersion": "2010-04-01 is the only version here"}
    harmless: ClassVar = {"ApiVersion": frozenset({"2010-04-01"})}

    friendly_name: str | None = None
    voice_url: Url | None = None
    voice_method: Method | None = None
    voice_fallback_url: Url | None = None
    voice_fallback_method: Method | None = None
    voice_caller_id_lookup: bool | None = None
    sms_url: Url | None = None
    sms_method: Method | None = None
    sms_fallback_url: Url | None = None
    sms_fallback_method: Method | None = None
    sms_status_callback: Url | None = None
    message_status_callback: Url | None = None
    status_callback: Url | None = None
    status_callback_method: Method | None = None
    public_application_connect_enabled: bool | None = None

    def changes(self) -> dict[str, Any]:
        """The columns that were given."""
        if self.friendly_name is not None and len(self.friendly_name) > MAX_FRIENDLY_NAME:
            raise errors.rest(20002, f"FriendlyName is longer than {MAX_FRIENDLY_NAME} characters")
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class ListApplications(Form):
    """Filters."""

    friendly_name: str | None = None


@applications.operation("CreateApplication")
async def create_application(context: Context, form: ApplicationForm) -> ApplicationRecord:
    """Make an application; none of its settings is required."""
    now = clock.utcnow()
    settings = {"friendly_name": f"Application Created at {now:%Y-%m-%d %I:%M %p}", **form.changes()}
    application = ApplicationRecord(
        sid=clock.new_sid(ids.APPLICATION),
        account_sid=context.account.sid,
        date_created=now,
        date_updated=now,
        **settings,
    )
    await context.store.applications.create(application)
    return application


@applications.operation("ListApplication")
async def list_applications(
    context: Context, filters: ListApplications, page: Page
) -> PageResult[ApplicationRecord]:
    """Applications of the account, newest first."""
    return await context.store.applications.list_page(context.account.sid, filters.friendly_name, page)


@applications.operation("FetchApplication")
async def fetch_application(context: Context, sid: str) -> ApplicationRecord | None:
    """One application."""
    return await context.store.applications.fetch(context.account.sid, sid)


@applications.operation("UpdateApplication")
async def update_application(context: Context, sid: str, form: ApplicationForm) -> ApplicationRecord | None:
    """Change what is given; calls and texts from now on are answered by it."""
    return await context.store.applications.update(context.account.sid, sid, form.changes())


@applications.operation("DeleteApplication")
async def delete_application(context: Context, sid: str) -> None:
    """Delete an application; numbers that pointed to it answer by their own URLs again."""
    if not await context.store.applications.delete(context.account.sid, sid):
        raise errors.rest(20404)

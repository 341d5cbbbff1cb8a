"""Conferences: look at them, end one, announce something. https://www.twilio.com/docs/voice/api/conference-resource"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import ClassVar

from offhook import errors
from offhook.api import voice
from offhook.api.authentication import require_active
from offhook.api.forms import Form, HttpMethod, Method, Url
from offhook.api.operations import Context, Resource
from offhook.api.v2010.calls import UpdateStatus, end_call, fetch_call
from offhook.calls.rooms.conference import ConferenceStatus, ReasonEnded
from offhook.calls.status import TERMINAL
from offhook.store.conferences import ConferenceChange, ConferenceFilters
from offhook.store.paging import Page, PageResult, TimeRange
from offhook.store.records import ConferenceRecord

conferences = Resource(ConferenceRecord)


class EndStatus(StrEnum):
    """The only status that a conference can be given."""

    COMPLETED = "completed"


class UpdateConference(Form):
    """The end of a conference, or an announcement to everybody in it."""

    codes: ClassVar = {"AnnounceUrl": 21205, "AnnounceMethod": 21209}

    status: EndStatus | None = None
    announce_url: Url = ""
    announce_method: Method = HttpMethod.POST


class ListConferences(Form):
    """Filters."""

    status: ConferenceStatus | None = None
    friendly_name: str | None = None
    date_created: TimeRange = TimeRange()
    date_updated: TimeRange = TimeRange()


@conferences.operation("ListConference")
async def list_conferences(
    context: Context, filters: ListConferences, page: Page
) -> PageResult[ConferenceRecord]:
    """Conferences of the account, newest first."""
    chosen = ConferenceFilters(
        filters.status, filters.friendly_name, filters.date_created, filters.date_updated
    )
    return await context.store.conferences.list_page(context.account.sid, chosen, page)


@conferences.operation("FetchConference")
async def fetch_conference(context: Context, sid: str) -> ConferenceRecord | None:
    """One conference."""
    return await context.store.conferences.fetch(context.account.sid, sid)


@conferences.operation("UpdateConference")
async def update_conference(context: Context, sid: str, form: UpdateConference) -> ConferenceRecord | None:
    """End a conference, or have everybody in it hear an announcement."""
    conference = await fetch_conference(context, sid)
    if conference is None:
        return None
    if conference.status == ConferenceStatus.COMPLETED:
        raise errors.rest(16022)
    if form.status is not None:
        return await _end(context, conference)
    if form.announce_url:
        require_active(context.account)
        await _announce(context, conference, form)
    return conference


async def _announce(context: Context, conference: ConferenceRecord, form: UpdateConference) -> None:
    if conference.node is None:
        raise errors.rest(16022, "Nobody is in the conference yet")
    await voice.ask(
        context.services,
        conference.node,
        {
            "op": "conference",
            "account": conference.account_sid,
            "sid": conference.sid,
            "action": "announce",
            "url": form.announce_url,
            "method": form.announce_method,
        },
    )


async def _end(context: Context, conference: ConferenceRecord) -> ConferenceRecord:
    """End a conference: in the store while nobody has come to it, else by its node.

    Calls that are still being dialled for it end too: they would make another one of the same name.
    """
    account_sid, sid = conference.account_sid, conference.sid
    everybody = await context.store.conferences.participants([sid])
    if conference.node is None:
        await context.store.conferences.change(
            ConferenceChange(
                sid,
                conference.revision + 1,
                ConferenceStatus.COMPLETED,
                reason_conference_ended=ReasonEnded.API,
            )
        )
    else:
        request = {"op": "conference", "account": account_sid, "sid": sid, "action": "end"}
        await voice.ask(context.services, conference.node, request)
    await asyncio.gather(*(hang_up(context, one.call_sid) for one in everybody if one.status == "queued"))
    found = await voice.once(
        lambda: fetch_conference(context, sid),
        lambda row: row is None or row.status == ConferenceStatus.COMPLETED,
    )
    return found or conference


async def hang_up(context: Context, call_sid: str) -> None:
    """End a call that is dialled for a conference, if it is not over."""
    call = await fetch_call(context, call_sid)
    if call is not None and call.status not in TERMINAL:
        await end_call(context, call, UpdateStatus.COMPLETED)

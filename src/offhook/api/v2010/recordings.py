"""Recordings: of an account, a call or a conference, and their audio. https://www.twilio.com/docs/voice/api/recording"""

from __future__ import annotations

import asyncio
from pathlib import Path

from offhook import errors, ids
from offhook.api.forms import Form
from offhook.api.operations import Context, Media, Resource
from offhook.api.rendering import Suffix
from offhook.api.schema import API_VERSION
from offhook.api.services import Services
from offhook.store.paging import Page, PageResult, TimeRange
from offhook.store.recordings import RecordingFilters
from offhook.store.records import DeleteOutcome, RecordingRecord

recordings = Resource(
    RecordingRecord,
    links={"media_url": lambda row: f"/{API_VERSION}/Accounts/{row.account_sid}/Recordings/{row.sid}"},
)


class ListRecordings(Form):
    """Filters."""

    call_sid: str | None = None
    conference_sid: str | None = None
    date_created: TimeRange = TimeRange()
    include_soft_deleted: bool = False


class ListCallRecordings(Form):
    """Filters of one call's recordings."""

    date_created: TimeRange = TimeRange()


class FetchRecording(Form):
    """Options."""

    include_soft_deleted: bool = False


@recordings.operation("ListRecording")
async def list_recordings(
    context: Context, filters: ListRecordings, page: Page
) -> PageResult[RecordingRecord]:
    """Recordings of the account, newest first."""
    chosen = RecordingFilters(
        filters.call_sid, filters.conference_sid, filters.date_created, filters.include_soft_deleted
    )
    return await context.store.recordings.list_page(context.account.sid, chosen, page)


@recordings.operation("FetchRecording")
async def fetch_recording(context: Context, sid: str, options: FetchRecording) -> RecordingRecord | None:
    """One recording's metadata."""
    return await context.store.recordings.fetch(
        context.account.sid, sid, include_deleted=options.include_soft_deleted
    )


@recordings.operation("DeleteRecording")
async def delete_recording(context: Context, sid: str) -> None:
    """Delete a finished recording and its audio; its metadata stays readable with IncludeSoftDeleted."""
    found = await context.store.recordings.fetch(context.account.sid, sid)
    match await context.store.recordings.delete(context.account.sid, sid):
        case DeleteOutcome.LIVE:
            raise errors.rest(20009)
        case DeleteOutcome.NOT_FOUND:
            raise errors.rest(20404)
    if found is not None and found.path:
        path = _file(context.services, found.path)
        await asyncio.to_thread(path.unlink, missing_ok=True)


@recordings.operation("ListCallRecording")
async def list_call_recordings(
    context: Context, call_sid: str, filters: ListCallRecordings, page: Page
) -> PageResult[RecordingRecord] | None:
    """Recordings of one call, newest first."""
    if await context.store.calls.fetch(context.account.sid, call_sid) is None:
        return None
    chosen = RecordingFilters(call_sid=call_sid, date_created=filters.date_created)
    return await context.store.recordings.list_page(context.account.sid, chosen, page)


@recordings.operation("FetchCallRecording")
async def fetch_call_recording(context: Context, call_sid: str, sid: str) -> RecordingRecord | None:
    """One recording of a call."""
    found = await context.store.recordings.fetch(context.account.sid, sid)
    return found if found is not None and found.call_sid == call_sid else None


@recordings.operation("DeleteCallRecording")
async def delete_call_recording(context: Context, call_sid: str, sid: str) -> None:
    """Delete a recording by way of its call."""
    if await fetch_call_recording(context, call_sid, sid) is None:
        raise errors.rest(20404)
    await delete_recording(context, sid)


@recordings.operation("ListConferenceRecording")
async def list_conference_recordings(
    context: Context, conference_sid: str, filters: ListCallRecordings, page: Page
) -> PageResult[RecordingRecord] | None:
    """Recordings of one conference, newest first."""
    if await context.store.conferences.fetch(context.account.sid, conference_sid) is None:
        return None
    chosen = RecordingFilters(conference_sid=conference_sid, date_created=filters.date_created)
    return await context.store.recordings.list_page(context.account.sid, chosen, page)


@recordings.operation("FetchConferenceRecording")
async def fetch_conference_recording(
    context: Context, conference_sid: str, sid: str
) -> RecordingRecord | None:
    """One recording of a conference."""
    found = await context.store.recordings.fetch(context.account.sid, sid)
    return found if found is not None and found.conference_sid == conference_sid else None


@recordings.operation("DeleteConferenceRecording")
async def delete_conference_recording(context: Context, conference_sid: str, sid: str) -> None:
    """Delete a recording by way of its conference."""
    if await fetch_conference_recording(context, conference_sid, sid) is None:
        raise errors.rest(20404)
    await delete_recording(context, sid)


@recordings.media("FetchRecording")
async def recording_audio(services: Services, suffix: Suffix, account_sid: str, sid: str) -> Media | None:
    """The audio: WAV, with ``.wav`` or no suffix. MP3 is not built yet."""
    if suffix not in (Suffix.WAV, Suffix.NONE) or not ids.is_sid(sid, ids.RECORDING):
        return None
    found = await services.store.recordings.fetch(account_sid, sid)
    if found is None or not found.path:
        return None
    return Media(str(_file(services, found.path)), "audio/x-wav")


@recordings.media("FetchCallRecording")
async def call_recording_audio(
    services: Services, suffix: Suffix, account_sid: str, call_sid: str, sid: str
) -> Media | None:
    """The same audio by way of its call: where the `uri` of a call's recordings leads."""
    found = await services.store.recordings.fetch(account_sid, sid)
    if found is None or found.call_sid != call_sid:
        return None
    return await recording_audio(services, suffix, account_sid, sid)


def _file(services: Services, path: str) -> Path:
    """Where a recording's file is; `path` is relative to the data directory."""
    return Path(services.settings.data_dir) / path

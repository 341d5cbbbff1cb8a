"""Participants of a conference: look at them, change one, remove one.

https://www.twilio.com/docs/voice/api/conference-participant-resource. Dialling one is in `new_participant`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from offhook import errors
from offhook.api import voice
from offhook.api.authentication import require_active
from offhook.api.forms import Form, HttpMethod, Method, Url
from offhook.api.operations import Context, Resource
from offhook.api.v2010.conferences import fetch_conference, hang_up
from offhook.calls.rooms.conference import ConferenceStatus
from offhook.store.conferences import ParticipantFilters
from offhook.store.paging import Page, PageResult
from offhook.store.records import ConferenceRecord, ParticipantRecord

participants = Resource(ParticipantRecord)


def read_lenient(text: str) -> bool:
    """What is not ``true`` is false, as Twilio takes it here."""
    return text.strip().lower() == "true"


class UpdateParticipant(Form):
    """A change of a participant; what is not given stays as it is."""

    codes: ClassVar = {
        "HoldUrl": 21205,
        "HoldMethod": 21209,
        "AnnounceUrl": 21205,
        "AnnounceMethod": 21209,
        "WaitUrl": 21205,
        "WaitMethod": 21209,
    }

    muted: Annotated[bool, read_lenient] | None = None
    hold: bool | None = None
    hold_url: Url | None = None
    hold_method: Method = HttpMethod.GET
    announce_url: Url = ""
    announce_method: Method = HttpMethod.POST
    wait_url: Url | None = None
    wait_method: Method = HttpMethod.POST
    beep_on_exit: bool | None = None
    end_conference_on_exit: bool | None = None
    coaching: bool | None = None
    call_sid_to_coach: str = ""

    @property
    def coaches(self) -> str | None:
        """The SID of the call that alone hears it; empty for nobody, None when that stays as it is.

        Raises:
            RestError: 20001 coaching, but nobody.
        """
        if self.coaching is False:
            return ""
        if self.coaching and not self.call_sid_to_coach:
            raise errors.rest(20001, "CallSidToCoach is required when Coaching is true")
        return self.call_sid_to_coach or None


class ListParticipants(Form):
    """Filters."""

    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None


@participants.operation("ListParticipant")
async def list_participants(
    context: Context, conference_sid: str, filters: ListParticipants, page: Page
) -> PageResult[ParticipantRecord] | None:
    """Those who are in a conference and on their way to it, newest first; nobody once it is completed."""
    if await fetch_conference(context, conference_sid) is None:
        return None
    chosen = ParticipantFilters(filters.muted, filters.hold, filters.coaching)
    return await context.store.conferences.participants_page(conference_sid, chosen, page)


@participants.operation("FetchParticipant")
async def fetch_participant(context: Context, conference_sid: str, call_sid: str) -> ParticipantRecord | None:
    """One participant, by the SID of its call or by its label."""
    if await fetch_conference(context, conference_sid) is None:
        return None
    return await context.store.conferences.participant(conference_sid, call_sid)


@participants.operation("UpdateParticipant")
async def update_participant(
    context: Context, conference_sid: str, call_sid: str, form: UpdateParticipant
) -> ParticipantRecord | None:
    """Change a participant that is in the conference."""
    require_active(context.account)
    conference, one = await _found(context, conference_sid, call_sid)
    changes = _changes(form)
    if not changes:
        return one
    if conference.node is None or await _is_on_its_way(context, one):
        raise errors.rest(21220, "The participant's call has not come to the conference yet.")
    await _ask(context, conference, one, changes)
    return await voice.once(
        lambda: context.store.conferences.participant(conference_sid, one.call_sid),
        lambda row: row is None or _is_written(row, changes),
    )


@participants.operation("DeleteParticipant")
async def delete_participant(context: Context, conference_sid: str, call_sid: str) -> None:
    """Remove a participant: its call goes on after the ``<Dial>``. One that is still dialled is hung up."""
    conference, one = await _found(context, conference_sid, call_sid)
    if await _is_on_its_way(context, one) or conference.node is None:
        await hang_up(context, one.call_sid)
        return
    await _ask(context, conference, one, {"kick": True})
    await voice.once(
        lambda: context.store.conferences.participant(conference_sid, one.call_sid), lambda row: row is None
    )


async def _found(
    context: Context, conference_sid: str, call_sid: str
) -> tuple[ConferenceRecord, ParticipantRecord]:
    """A participant of a conference that is not over. Raises RestError 20404."""
    conference = await fetch_conference(context, conference_sid)
    if conference is None or conference.status == ConferenceStatus.COMPLETED:
        raise errors.rest(20404)
    one = await context.store.conferences.participant(conference_sid, call_sid)
    if one is None:
        raise errors.rest(20404)
    return conference, one


async def _is_on_its_way(context: Context, one: ParticipantRecord) -> bool:
    """Whether the call has not come into the conference yet, whatever it does meanwhile."""
    rows = await context.store.conferences.participants([one.conference_sid])
    return any(row.call_sid == one.call_sid and row.status == "queued" for row in rows)


async def _ask(
    context: Context, conference: ConferenceRecord, one: ParticipantRecord, changes: dict[str, Any]
) -> None:
    request = {
        "op": "participant",
        "account": conference.account_sid,
        "sid": conference.sid,
        "call": one.call_sid,
    }
    await voice.ask(context.services, conference.node or "", request | changes)


def _changes(form: UpdateParticipant) -> dict[str, Any]:
    """What a voice node is asked to change: what was given, and methods with the URLs they are for."""
    given: dict[str, Any] = {
        "muted": form.muted,
        "hold": form.hold,
        "coaches": form.coaches,
        "end_on_exit": form.end_conference_on_exit,
        "beep_on_exit": form.beep_on_exit,
    }
    if form.hold:
        given |= {"hold_url": form.hold_url, "hold_method": form.hold_method}
    if form.announce_url:
        given |= {"announce_url": form.announce_url, "announce_method": form.announce_method}
    if form.wait_url is not None:
        given |= {"wait_url": form.wait_url, "wait_method": form.wait_method}
    return {name: value for name, value in given.items() if value is not None}


def _is_written(row: ParticipantRecord, changes: dict[str, Any]) -> bool:
    """Whether a participant's row says what was asked for."""
    says = {
        "muted": row.muted,
        "hold": row.hold,
        "coaches": row.call_sid_to_coach or "",
        "end_on_exit": row.end_conference_on_exit,
    }
    return all(says[name] == value for name, value in changes.items() if name in says)

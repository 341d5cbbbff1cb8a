"""What one conference puts on record: its row, those in it, and its callbacks; in order, behind it, never lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from offhook.calls.rooms.callback import conference_callback
from offhook.calls.rooms.conference import Conference, ConferenceStatus
from offhook.calls.rooms.effects import Report
from offhook.calls.rooms.participant import Participant
from offhook.clock import new_sid, utcnow
from offhook.errors import NOTIFICATIONS
from offhook.store.conferences import ConferenceChange
from offhook.store.records import CallbackDraft, NotificationRecord, ParticipantRecord
from offhook.store.store import Store
from offhook.voice.writes import Writes


class ConferenceRows:
    """The writes of one conference. Reports of a step are told before what the step has `changed`."""

    def __init__(self, store: Store, conference: Conference) -> None:
        self._store = store
        self._sid = conference.sid
        self._account_sid = conference.account_sid
        self._revision = 0
        self._reports: list[tuple[Report, datetime]] = []
        self._entered: dict[str, datetime] = {}
        self._writes = Writes(conference.sid)

    def report(self, report: Report) -> None:
        """Have the callback told, together with the change that it is about."""
        self._reports.append((report, utcnow()))

    def changed(self, before: Conference, after: Conference) -> None:
        """Write what is different, and have the callback told."""
        reports, self._reports = self._reports, []
        present = [one for one in after.participants if before.find(one.call_sid) != one]
        gone = [one.call_sid for one in before.participants if after.find(one.call_sid) is None]
        if not (reports or present or gone or before.status is not after.status):
            return
        self._revision += 1
        callbacks = [conference_callback(after, report, at) for report, at in reports]
        ended_by = after.ended_by
        change = ConferenceChange(
            self._sid,
            self._revision,
            after.status,
            sequence=after.sequence,
            reason_conference_ended=after.reason,
            call_sid_ending_conference=ended_by.call_sid if ended_by is not None else None,
            present=[self._row(one) for one in present],
            gone=gone,
            callbacks=[CallbackDraft.of_conference(self._account_sid, one) for one in callbacks if one],
        )
        over = after.status is ConferenceStatus.COMPLETED
        self._writes.put(partial(self._store.conferences.change, change), final=over)

    def notify(self, code: int, message: str, url: str) -> None:
        """Put a notification on record."""
        entry = NOTIFICATIONS.get(code)
        row = NotificationRecord(
            sid=new_sid("NO"),
            account_sid=self._account_sid,
            call_sid=None,
            message_sid=None,
            log=1 if entry is not None and entry.level == "warning" else 0,
            error_code=code,
            message_date=utcnow(),
            message_text=message or (entry.title if entry is not None else ""),
            request_url=url or None,
        )
        self._writes.put(partial(self._store.notifications.create, row))

    async def write(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do another write of the conference's in its turn; return when it is done, or given up for good."""
        await self._writes.put(work).done.wait()

    async def settled(self) -> None:
        """Return when all that has changed is written."""
        await self._writes.settled()

    async def close(self) -> None:
        """Return when everything is written."""
        await self._writes.close()

    def _row(self, one: Participant) -> ParticipantRecord:
        now = utcnow()
        return ParticipantRecord(
            conference_sid=self._sid,
            call_sid=one.call_sid,
            account_sid=self._account_sid,
            status="queued" if one.rings else "connected",
            date_created=self._entered.setdefault(one.call_sid, now),
            date_updated=now,
            label=one.label,
            muted=one.muted,
            hold=one.hold,
            coaching=one.coaches is not None,
            call_sid_to_coach=one.coaches,
            start_conference_on_enter=one.start_on_enter,
            end_conference_on_exit=one.end_on_exit,
        )

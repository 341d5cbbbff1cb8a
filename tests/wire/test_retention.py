"""What grows with every call and text, removed by age and by size, on a real PostgreSQL and a real directory."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import msgspec
from tests.harness import rows
from tests.harness.services import ACCOUNT

from offhook import metrics
from offhook.clock import new_sid, utcnow
from offhook.config import Keep
from offhook.config import Retention as Limits
from offhook.janitor.retention import Retention
from offhook.store import retention as batches
from offhook.store.notifications import NotificationFilters
from offhook.store.paging import Page
from offhook.store.records import NotificationRecord, RecordingRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store

FOREVER = Limits(Keep(), Keep(), Keep(), Keep())


def keeping(**limits: Keep) -> Limits:
    return msgspec.structs.replace(FOREVER, **limits)


async def write_timeline(store: Store, sid: str, *days_ago: float) -> None:
    for age in days_ago:
        at = utcnow() - timedelta(days=age)
        store.timelines.add(
            TimelineEntry(sid, ACCOUNT, at, TimelineKind.NOTE, f"{age}", {"text": "x" * 1000})
        )
    await store.timelines.flush()


async def entries(store: Store, sid: str) -> list[str]:
    return [entry.name for entry in await store.timeline.list(sid)]


async def test_old_entries_of_timelines_go_and_the_call_stays(store: Store, tmp_path: Path) -> None:
    call = rows.call()
    await store.calls.insert(call)
    await write_timeline(store, call.sid, 40, 31, 29, 1)
    await Retention(store, tmp_path, keeping(timelines=Keep(days=30))).round()
    assert await entries(store, call.sid) == ["29", "1"]
    assert await store.calls.fetch(ACCOUNT, call.sid) == call


async def test_the_oldest_entries_go_until_the_size_is_kept(store: Store, tmp_path: Path) -> None:
    sid = new_sid("CA")
    await write_timeline(store, sid, *[2.0] * 500, *[1.0] * 500)
    retention = Retention(store, tmp_path, keeping(timelines=Keep(octets=200_000)))
    await retention.round()
    left = await entries(store, sid)
    assert 100 < len(left) < 500
    assert set(left) == {"1.0"}
    await retention.round()
    assert await entries(store, sid) == left


async def test_notifications_go_by_age(store: Store, tmp_path: Path) -> None:
    for age in (31, 1):
        at = utcnow() - timedelta(days=age)
        await store.notifications.create(
            NotificationRecord(new_sid("NO"), ACCOUNT, None, None, 0, 11200 + age, at, "text")
        )
    await Retention(store, tmp_path, keeping(notifications=Keep(days=30))).round()
    page = await store.notifications.list_page(ACCOUNT, NotificationFilters(), Page())
    assert [notification.error_code for notification in page.items] == [11201]


async def record(store: Store, directory: Path, status: str, days_ago: float) -> str:
    """A recording of 1,000 octets; its SID is as old as it is."""
    made = utcnow() - timedelta(days=days_ago)
    sid = f"RE{int(made.timestamp() * 1000):012x}{new_sid('RE')[14:]}"
    await store.recordings.create(
        RecordingRecord(
            sid, ACCOUNT, new_sid("CA"), "RecordVerb", status, made, made, path=f"recordings/{sid}.wav"
        )
    )
    directory.mkdir(exist_ok=True)
    (directory / f"{sid}.wav").write_bytes(bytes(1000))
    return sid


async def test_old_recordings_are_deleted_with_their_files(store: Store, tmp_path: Path) -> None:
    directory = tmp_path / "recordings"
    old = await record(store, directory, "completed", 400)
    forgotten = await record(store, directory, "in-progress", 390)
    young = await record(store, directory, "completed", 300)
    (directory / f"{old[:-1]}x.wav").write_bytes(b"of nobody")
    await Retention(store, tmp_path, keeping(recordings=Keep(days=365))).round()
    assert {path.stem for path in directory.iterdir()} == {young, f"{old[:-1]}x"}
    for sid in (old, forgotten):
        assert await store.recordings.fetch(ACCOUNT, sid) is None
        kept = await store.recordings.fetch(ACCOUNT, sid, include_deleted=True)
        assert kept is not None
        assert (kept.status, kept.path) == ("deleted", None)


async def test_a_recording_that_is_being_made_stays_however_large_all_are(
    store: Store, tmp_path: Path
) -> None:
    directory = tmp_path / "recordings"
    live = await record(store, directory, "in-progress", 0.5)
    done = [await record(store, directory, "completed", age) for age in (0.4, 0.3, 0.2)]
    await Retention(store, tmp_path, keeping(recordings=Keep(octets=2500))).round()
    assert {path.stem for path in directory.iterdir()} == {live, *done[1:]}


async def test_cached_audio_goes_by_its_last_use_with_its_note(store: Store, tmp_path: Path) -> None:
    now = utcnow().timestamp()
    for part, name, age in (("prompts", "old", 40), ("prompts", "new", 1), ("speech", "older", 50)):
        directory = tmp_path / "cache" / part
        directory.mkdir(parents=True, exist_ok=True)
        for suffix in (".l16", ".note"):
            (directory / f"{name}{suffix}").write_bytes(b"12")
            os.utime(directory / f"{name}{suffix}", (now - age * 86400,) * 2)
    await Retention(store, tmp_path, keeping(cache=Keep(days=30))).round()
    left = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert left == {"new.l16", "new.note"}


async def test_health_tells_what_is_kept_in_words(store: Store, tmp_path: Path) -> None:
    await record(store, tmp_path / "recordings", "completed", 400)
    limits = keeping(recordings=Keep(365, 20 * 10**9))
    retention = Retention(store, tmp_path, limits)
    assert retention.report() == {}
    await retention.round()
    told = metrics.registry.report()["retention"]
    assert told == retention.report()
    assert retention.report()["recordings"] == {
        "octets": 0,
        "most_octets": 20 * 10**9,
        "days": 365,
        "removed": 1,
    }


async def test_more_than_a_batch_goes_in_one_round(store: Store, tmp_path: Path) -> None:
    sid = new_sid("CA")
    await write_timeline(store, sid, *[40.0] * (batches.BATCH + 10), 1.0)
    await Retention(store, tmp_path, keeping(timelines=Keep(days=30))).round()
    assert await entries(store, sid) == ["1.0"]

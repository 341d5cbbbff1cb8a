"""Recordings whose disk is full: `/dev/full` takes every open and no write."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np

from offhook.audio.frames import FRAME_SAMPLES
from offhook.clock import new_sid
from offhook.streams.protocol import RecordingFinished, StartRecording
from offhook.streams.recordings import Recordings

TAP = 7
VOICE = (10000 * np.sin(np.arange(FRAME_SAMPLES * 50) / 5)).astype("<i2").tobytes()


def command(sid: str) -> StartRecording:
    return StartRecording(sid, (TAP,), 1, 60.0, None, False)


async def record(recordings: Recordings, sid: str) -> RecordingFinished:
    """Two seconds of speech, and what became of them."""
    news: asyncio.Future[RecordingFinished] = asyncio.get_running_loop().create_future()
    recordings.start(command(sid), lambda finished: None)
    for _ in range(2):
        recordings.hear([(TAP, VOICE)])
    recordings.stop(sid, news.set_result)
    return await news


async def test_a_recording_that_can_be_written_is_complete(tmp_path: Path) -> None:
    recordings, sid = Recordings(tmp_path), new_sid("RE")
    finished = await record(recordings, sid)
    assert (finished.reason, finished.empty, finished.milliseconds) == ("stopped", False, 2000)
    assert [path.name for path in tmp_path.iterdir()] == [f"{sid}.wav"]
    await recordings.close()


async def test_a_recording_on_a_full_disk_has_failed_and_leaves_nothing(tmp_path: Path) -> None:
    recordings, sid = Recordings(tmp_path), new_sid("RE")
    (tmp_path / f"{sid}.wav.part").symlink_to("/dev/full")
    assert await record(recordings, sid) == RecordingFinished(sid, "", 0, "failed", empty=False)
    assert list(tmp_path.iterdir()) == []
    await recordings.close()


async def test_a_disk_that_fills_up_in_the_middle_fails_the_recording_and_is_given_its_room_back(
    tmp_path: Path,
) -> None:
    recordings, sid = Recordings(tmp_path), new_sid("RE")
    news: asyncio.Future[RecordingFinished] = asyncio.get_running_loop().create_future()
    recordings.start(command(sid), news.set_result)
    recordings.hear([(TAP, VOICE)])
    await asyncio.get_running_loop().run_in_executor(recordings._disk, fill_up, recordings, sid)
    recordings.hear([(TAP, VOICE)])
    recordings.stop(sid, news.set_result)
    assert (await news).reason == "failed"
    assert list(tmp_path.iterdir()) == []
    await recordings.close()


def fill_up(recordings: Recordings, sid: str) -> None:
    """In the writing thread: from here on the file takes nothing."""
    writer = recordings._by_sid[sid].writer
    assert writer is not None
    with Path("/dev/full").open("wb") as full:
        os.dup2(full.fileno(), writer._file.fileno())

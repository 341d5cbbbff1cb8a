"""The recording of a conference, changed by the API: what it has of a pause, how long it is, what its timeline says."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.harness.stage import Stage, samples_of
from tests.harness.transcribe import Samples
from tests.interop.test_voice_conference import Member, end, enter, in_progress, seconds_heard
from tests.interop.test_voice_prompts import tone_wav
from tests.interop.test_voice_record import download
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

BEFORE, PAUSED, AFTER = 500.0, 650.0, 800.0


def heard_from(member: Member, by: Member, hz: float, folder: Path) -> None:
    """Have one play a second of a tone, and wait until the other has heard all of it."""
    path = folder / f"{hz}.wav"
    path.write_bytes(tone_wav(hz, 1.0))
    phrases = by.call.refresh().phrases_heard
    member.call.play(path)
    by.call.wait_for_phrases(phrases + 1)


def silence_before(samples: Samples, hz: float) -> float:
    """How long nothing was recorded before a tone, in seconds."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    tone = np.abs(frames @ np.exp(-2j * np.pi * hz * np.arange(160) / 8000)) / 80 > 500
    begins = int(np.flatnonzero(tone)[0])
    loud = np.flatnonzero(np.abs(frames[:begins]).max(axis=1) > 300)
    return float((begins - int(loud[-1])) * 0.02)


def seconds_between(timeline: list[dict[str, Any]], *names: str) -> float:
    """From the first entry of one name to that of another."""
    first, second = (
        next(datetime.fromisoformat(entry["at"]) for entry in timeline if entry["name"] == name)
        for name in names
    )
    return (second - first).total_seconds()


@pytest.mark.parametrize("behavior", ["skip", "silence"])
def test_a_conference_is_recorded_but_for_its_pause(stage: Stage, tmp_path: Path, behavior: str) -> None:
    callback = f'recordingStatusCallback="{stage.web.url("recorded")}" trim="do-not-trim"'
    speaker, hearer = enter(
        stage, tmp_path, f"paused-{behavior}", 2, f'record="record-from-start" {callback}'
    )
    found = in_progress(stage, f"paused-{behavior}", 2)
    recordings = stage.client.conferences(found.sid).recordings
    heard_from(speaker, hearer, BEFORE, tmp_path)
    paused = recordings("Twilio.CURRENT").update(status="paused", pause_behavior=behavior)
    assert (paused.status, paused.source, paused.conference_sid) == ("paused", "Conference", found.sid)
    heard_from(speaker, hearer, PAUSED, tmp_path)
    assert recordings(paused.sid).update(status="in-progress").status == "in-progress"
    heard_from(speaker, hearer, AFTER, tmp_path)
    stopped = recordings("Twilio.CURRENT").update(status="stopped")
    assert (stopped.sid, stopped.status) == (paused.sid, "completed")
    with pytest.raises(TwilioRestException) as over:
        recordings("Twilio.CURRENT").update(status="paused")
    assert (over.value.status, over.value.code) == (404, 20404)
    told = stage.web.wait("recorded").params
    assert (told["RecordingSid"], told["RecordingStatus"]) == (paused.sid, "completed")
    samples = samples_of(download(stage, told["RecordingUrl"]))
    assert seconds_heard(samples, BEFORE) > 0.8 and seconds_heard(samples, AFTER) > 0.8
    assert seconds_heard(samples, PAUSED) < 0.1
    stage.until(found.sid, "recorded")
    timeline = stage.platform.timeline(found.sid)
    changes = [entry["detail"] for entry in timeline if entry["name"] == "recording changed"]
    assert [(change["status"], change.get("behavior")) for change in changes] == [
        ("paused", behavior),
        ("in-progress", None),
        ("stopped", None),
    ]
    if behavior == "silence":
        assert silence_before(samples, AFTER) > 1.0
    else:
        # It ran for all that time but for the pause, in which a tone of a second was played.
        assert len(samples) / 8000 < seconds_between(timeline, "recording", "recorded") - 1.0
    end(stage, f"paused-{behavior}")

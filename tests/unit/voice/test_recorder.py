"""What a finished recording is called."""

from __future__ import annotations

import pytest

from offhook.streams.protocol import RecordingFinished, RecordingReason
from offhook.voice.recorder import Source, status_of

SID = "RE" + "0" * 32


@pytest.mark.parametrize(
    ("reason", "empty", "source", "status"),
    [
        ("stopped", False, Source.VERB, "completed"),
        ("silence", True, Source.VERB, "absent"),
        ("interrupted", True, Source.VERB, "absent"),
        ("stopped", True, Source.DIAL, "completed"),
        ("stopped", True, Source.CALL, "completed"),
        ("failed", True, Source.VERB, "failed"),
        ("failed", False, Source.DIAL, "failed"),
    ],
)
def test_a_recording_that_was_lost_is_not_one_in_which_nobody_spoke(
    reason: RecordingReason, empty: bool, source: Source, status: str
) -> None:
    assert status_of(RecordingFinished(SID, "", 0, reason, empty), source) == status

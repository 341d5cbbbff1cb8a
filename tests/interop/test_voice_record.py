"""`<Record>` and recordings of whole calls: what is kept, what is told, what can be downloaded."""

from __future__ import annotations

import time

import requests
from tests.harness.stage import Stage, loudest_hz, samples_of, seconds_of_tone, together
from tests.harness.transcribe import require_transcription, transcribe, was_among
from tests.harness.waiting import HANGS
from tests.harness.webhook_app import Answer
from tests.interop.test_voice_prompts import tone_wav


def download(stage: Stage, url: str) -> bytes:
    """A recording, with the account's credentials."""
    login = (stage.platform.account_sid, stage.platform.auth_token)
    response = requests.get(url, auth=login, timeout=HANGS)
    assert response.status_code == 200
    assert response.headers["Content-Type"] in ("audio/x-wav", "audio/wav")
    return response.content


def recorded(own: Stage, attributes: str, otherwise: str, said: str) -> str:
    """Have a caller say something while it is recorded; the SID of the call.

    It is told the same before, so that its own words need not be made when the recording has begun.
    """
    before = f"<Say>{said}</Say>" if said else ""
    own.web.twiml("voice", f"{before}<Record {attributes}/><Redirect>{otherwise}</Redirect>")
    sid = own.call(own.phone(), url=own.web.url("voice"))
    own.until(sid, "Record")
    if said:
        own.called.wait_for_call("answered").say(said)
    return sid


def test_what_the_caller_says_is_kept(stage: Stage) -> None:
    require_transcription()
    stage.web.twiml("kept", "<Hangup/>")
    attributes = 'action="kept" timeout="4" recordingStatusCallback="recorded"'
    sid = recorded(stage, attributes, "no", "Hold on please. The blue door is open.")
    kept = stage.web.wait("kept").params
    assert kept["CallSid"] == sid
    assert kept["CallStatus"] == "in-progress"
    assert "Digits" not in kept
    heard = transcribe(samples_of(download(stage, kept["RecordingUrl"])))
    assert was_among("the blue door is open", heard)
    told = stage.web.wait("recorded").params
    assert told["RecordingStatus"] == "completed"
    assert told["RecordingSource"] == "RecordVerb"
    for name in ("RecordingSid", "RecordingUrl", "RecordingDuration"):
        assert told[name] == kept[name]
    recording = stage.client.recordings(kept["RecordingSid"]).fetch()
    assert (recording.call_sid, recording.status, recording.duration) == (
        sid, "completed", kept["RecordingDuration"],
    )  # fmt: skip
    assert stage.web.received("no") == []


def test_how_a_recording_ends(stage: Stage) -> None:
    def record(own: Stage, attributes: str, said: str = "") -> None:
        own.web.twiml("kept", "<Hangup/>")
        own.web.twiml("empty", "<Hangup/>")
        recorded(own, f'action="kept" {attributes}', "empty", said)

    def by_a_key() -> None:
        own = stage.another()
        record(own, 'trim="do-not-trim"', "One two three four five.")
        own.called.wait_for_call("answered").press("wwww5")
        kept = own.web.wait("kept").params
        assert kept["Digits"] == "5"
        assert int(kept["RecordingDuration"]) >= 1

    def by_its_greatest_length() -> None:
        own = stage.another()
        limits = 'maxLength="2" playBeep="false" finishOnKey="" trim="do-not-trim"'
        record(own, limits, "This is longer than the two seconds which are kept.")
        kept = own.web.wait("kept").params
        assert (kept["RecordingDuration"], "Digits" in kept) == ("2", False)
        assert 1.9 < len(samples_of(download(own, kept["RecordingUrl"]))) / 8000 < 2.1

    def by_hanging_up() -> None:
        own = stage.another()
        record(own, 'trim="do-not-trim"', "I shall hang up soon.")
        time.sleep(3)
        own.called.wait_for_call("answered").hang_up()
        kept = own.web.wait("kept").params
        assert (kept["Digits"], kept["CallStatus"]) == ("hangup", "completed")
        assert len(samples_of(download(own, kept["RecordingUrl"]))) > 8000
        assert own.final_status() == "completed"

    def by_silence_with_nothing_in_it() -> None:
        own = stage.another()
        record(own, 'timeout="1"')
        own.web.wait("empty")
        assert own.web.received("kept") == []

    together(by_a_key, by_its_greatest_length, by_hanging_up, by_silence_with_nothing_in_it)


def test_whole_call(stage: Stage) -> None:
    def both_sides(channels: str) -> None:
        own = stage.another()
        url = own.web.answer("tone.wav", Answer(tone_wav(620.0, 2.0), "audio/wav"))
        sid = own.call(
            own.phone(),
            twiml=f"<Play>{url}</Play>",
            record=True,
            recording_channels=channels,
            recording_status_callback=own.web.url("recorded"),
        )
        told = own.web.wait("recorded").params
        assert (told["CallSid"], told["RecordingSource"]) == (sid, "OutboundAPI")
        assert told["RecordingChannels"] == ("2" if channels == "dual" else "1")
        heard = samples_of(download(own, told["RecordingUrl"] + ".wav"))
        assert abs(loudest_hz(heard) - 620) < 5
        assert seconds_of_tone(heard, 620) > 1.5
        assert [found.sid for found in own.client.calls(sid).recordings.list()] == [told["RecordingSid"]]

    together(lambda: both_sides("mono"), lambda: both_sides("dual"))

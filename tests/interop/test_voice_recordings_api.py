"""Recording a call by the API and by `<Start>`: from when to when, with a pause, which track."""

from __future__ import annotations

from pathlib import Path

from tests.harness.stage import Stage, samples_of
from tests.harness.webhook_app import Answer
from tests.interop.test_voice_conference import seconds_heard
from tests.interop.test_voice_prompts import tone_wav
from tests.interop.test_voice_record import download


def while_another_call_lasts(stage: Stage, seconds: int) -> None:
    """Wait by the platform's own clock."""
    other = stage.another()
    phone = other.phone()
    other.call(phone, twiml=f'<Pause length="{seconds}"/>')
    phone.wait_for_call("ended")


def test_a_recording_is_begun_paused_and_stopped_by_the_api(stage: Stage, tmp_path: Path) -> None:
    phone = stage.phone()
    sid = stage.call(phone, twiml='<Pause length="30"/>')
    call = phone.wait_for_call("answered")
    recordings = stage.client.calls(sid).recordings
    begun = recordings.create(
        recording_status_callback=stage.web.url("recorded"), recording_track="inbound", trim="do-not-trim"
    )
    assert (begun.status, begun.source, begun.track) == ("in-progress", "StartCallRecordingAPI", "inbound")
    tone = tmp_path / "tone.wav"
    tone.write_bytes(tone_wav(500.0, 2.0))
    assert recordings("Twilio.CURRENT").update(status="paused", pause_behavior="skip").status == "paused"
    call.play(tone)
    while_another_call_lasts(stage, 3)
    assert recordings("Twilio.CURRENT").update(status="in-progress").status == "in-progress"
    tone.write_bytes(tone_wav(800.0, 2.0))
    call.play(tone)
    while_another_call_lasts(stage, 3)
    assert recordings(begun.sid).update(status="stopped").status == "completed"
    told = stage.web.wait("recorded").params
    assert (told["RecordingSid"], told["RecordingTrack"]) == (begun.sid, "inbound")
    samples = samples_of(download(stage, told["RecordingUrl"]))
    assert seconds_heard(samples, 500.0) < 0.5
    assert seconds_heard(samples, 800.0) > 1.5
    call.hang_up()


def test_start_records_beside_the_document(stage: Stage) -> None:
    stage.web.twiml(
        "voice",
        f'<Start><Recording channels="dual" recordingStatusCallback="{stage.web.url("recorded")}"/></Start>'
        "<Play>tone.wav</Play>",
    )
    stage.web.answer("tone.wav", Answer(tone_wav(500.0, 2.0), "audio/wav"))
    sid = stage.call(stage.phone(), url=stage.web.url("voice"))
    told = stage.web.wait("recorded").params
    assert (told["CallSid"], told["RecordingChannels"], told["RecordingStatus"]) == (sid, "2", "completed")
    assert seconds_heard(samples_of(download(stage, told["RecordingUrl"])), 500.0) > 1.5

"""`<Say>`, `<Play>`, `<Pause>`, `<Redirect>` and `<Hangup>`, heard at a phone at the other end of a call."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from tests.harness.stage import (
    Stage,
    loudest_hz,
    samples_heard,
    seconds_of_speech,
    seconds_of_tone,
    together,
    until_tone,
    was_told,
)
from tests.harness.transcribe import require_transcription
from tests.harness.webhook_app import Answer


def tone_wav(hz: float, seconds: float, *, rate: int = 16000) -> bytes:
    """A WAV file with a tone."""
    at = np.arange(int(rate * seconds)) / rate
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((8000 * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes())
    return file.getvalue()


def test_say_in_the_order_of_the_document(stage: Stage) -> None:
    require_transcription()
    phone = stage.phone()
    stage.web.twiml("voice", "<Say>First comes the apple.</Say><Say>Then comes the orange.</Say>")
    stage.call(phone, url=stage.web.url("voice"))
    assert was_told(phone.wait_for_call("ended"), "First comes the apple. Then comes the orange.")
    assert stage.final_status() == "completed"


def test_say_loops_and_redirect_changes_the_document(stage: Stage) -> None:
    require_transcription()
    phone = stage.phone()
    stage.web.twiml(
        "voice",
        '<Say loop="2">Good morning.</Say><Redirect method="GET">next?step=2</Redirect><Say>No.</Say>',
    )
    stage.web.twiml("next", "<Say>The end.</Say><Hangup/><Say>No.</Say>")
    stage.call(phone, url=stage.web.url("voice"))
    assert was_told(phone.wait_for_call("ended"), "Good morning. Good morning. The end.")
    redirected = stage.web.wait("next")
    assert (redirected.method, redirected.params["step"]) == ("GET", "2")
    assert redirected.params["CallStatus"] == "in-progress"


def test_play_pause_and_digits(stage: Stage) -> None:
    def wav() -> None:
        own = stage.another()
        url = own.web.answer("tone.wav", Answer(tone_wav(620.0, 0.6), "audio/wav"))
        phone = own.phone()
        own.call(phone, twiml=f'<Play loop="2">{url}</Play><Pause length="1"/><Play digits="12w#"/>')
        call = phone.wait_for_call("ended")
        heard = samples_heard(call)
        assert abs(loudest_hz(heard) - 620) < 5
        assert 0.8 <= seconds_of_tone(heard, 620) <= 1.3
        assert len(heard) / 8000 > 2.2
        assert call.digits_heard == "12#"
        assert len(own.web.received("tone.wav")) == 1

    def relative_mp3() -> None:
        if shutil.which("ffmpeg") is None:
            pytest.skip("ffmpeg is not installed: no MP3 can be made")
        own = stage.another()
        made = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", "-", "-f", "mp3", "-"],
            input=tone_wav(770.0, 1.0, rate=44100), capture_output=True, check=True,
        )  # fmt: skip
        own.web.answer("tone.mp3", Answer(made.stdout, "audio/mpeg"))
        own.web.twiml("voice", "<Play>tone.mp3</Play>")
        phone = own.phone()
        own.call(phone, url=own.web.url("voice"))
        heard = samples_heard(phone.wait_for_call("ended"))
        assert 0.7 <= seconds_of_tone(heard, 770) <= 1.1

    def instead_of_a_document() -> None:
        own = stage.another()
        url = own.web.answer("voice", Answer(tone_wav(990.0, 2.5), "audio/wav"))
        phone = own.phone()
        sid = own.call(phone, url=url)
        heard = samples_heard(phone.wait_for_call("ended"))
        assert 2.0 <= seconds_of_tone(heard, 990) <= 2.6
        assert own.final_status() == "completed"
        assert [request.method for request in own.web.received("voice")] == ["POST"]
        cache = Path(own.platform.facts["data_dir"], "cache", "prompts")
        assert not list(cache.glob(f"{sid}*"))

    def until_hung_up() -> None:
        own = stage.another()
        url = own.web.answer("tone.wav", Answer(tone_wav(880.0, 0.2), "audio/x-wav"))
        phone = own.phone()
        own.call(phone, twiml=f'<Play loop="0">{url}</Play>')
        call = phone.wait_for_call("answered")
        until_tone(call, 880, 1.0)
        call.hang_up()
        assert own.final_status() == "completed"

    def not_audio() -> None:
        own = stage.another()
        url = own.web.answer("page", Answer(b"<p>no</p>", "text/html"))
        phone = own.phone()
        sid = own.call(phone, twiml=f'<Play>{url}</Play><Play digits="7"/>')
        heard = phone.wait_for_call("ended")
        assert seconds_of_speech(heard) > 1.5
        assert heard.digits_heard == ""
        assert own.final_status() == "completed"
        assert own.error_codes(sid) == own.timeline_codes(sid) == [13420]

    together(wav, relative_mp3, instead_of_a_document, until_hung_up, not_audio)

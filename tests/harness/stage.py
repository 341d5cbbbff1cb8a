"""What one test of a call needs: phones and numbers nobody else uses, paths of a web application, an SDK client.

Scenarios of one test may run at the same time (`together`), each on a stage of its own (`Stage.another`): a
call spends its time waiting.
"""

from __future__ import annotations

import io
import itertools
import tempfile
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tests.harness.transcribe import Samples, read_wav, transcribe, was_among, was_said
from tests.harness.waiting import until
from tests.harness.webhook_app import Folder, WebhookApp
from twilio.rest import Client  # type: ignore[import-untyped]

from offhook.testing import Call, Phone, Platform

ALL_EVENTS = ["initiated", "ringing", "answered", "completed"]

_phones = itertools.count(1)


class Stage:
    """One scenario's surroundings. `web` are its paths, `owned` a number that calls out, `called` the last phone."""

    def __init__(self, platform: Platform, app: WebhookApp) -> None:
        self.platform = platform
        self.app = app
        self.web: Folder = app.folder()
        self.client = Client(platform.account_sid, platform.auth_token)
        self.client.api.base_url = platform.api_url
        self.owned = platform.phone_numbers[0]
        self.called: Phone

    def another(self) -> Stage:
        """A stage beside this one."""
        return Stage(self.platform, self.app)

    def phone(self, **behaviour: Any) -> Phone:
        """A phone that was never called; it answers at once unless told otherwise."""
        phone = self.platform.phone(f"+1555{next(_phones):07d}")
        phone.behave(**{"answer_after": 0.0, **behaviour})
        self.called = phone
        return phone

    def number(self, **settings: Any) -> str:
        """A new number of the account, with these settings (`voice_url=…`)."""
        settings.setdefault("status_callback", self.web.url("status"))
        bought = self.client.incoming_phone_numbers.create(area_code="415", **settings)
        return str(bought.phone_number)

    def call(self, phone: Phone | str, **parameters: Any) -> str:
        """Call a phone through the API, with all status callbacks to the path `status`; its SID."""
        if "twiml" in parameters:
            parameters["twiml"] = f"<Response>{parameters['twiml']}</Response>"
        parameters.setdefault("status_callback", self.web.url("status"))
        parameters.setdefault("status_callback_event", ALL_EVENTS)
        to = phone if isinstance(phone, str) else phone.number
        made = self.client.calls.create(to=to, from_=parameters.pop("from_", self.owned), **parameters)
        return str(made.sid)

    def final_status(self) -> str:
        """The status that the call of this stage ended with, once its last callback has come."""
        return self.web.statuses()[-1].params["CallStatus"]

    def error_codes(self, sid: str) -> list[int]:
        """The codes of a call's notifications, oldest first."""
        listed = self.client.calls(sid).notifications.list()
        return [int(notification.error_code) for notification in reversed(listed)]

    def until(self, sid: str, name: str, count: int = 1) -> None:
        """Wait for an entry of a call's timeline, or for more of that name. Raises TimeoutError."""
        until(lambda: sum(entry["name"] == name for entry in self.platform.timeline(sid)) >= count)

    def whole_timeline(self, sid: str) -> list[dict[str, Any]]:
        """The timeline of a call that had audio, once its last entry is written: a moment after its last status."""
        self.until(sid, "counters")
        return list(self.platform.timeline(sid))

    def timeline_codes(self, sid: str) -> list[int]:
        """The codes of the errors in a call's timeline, in order, once all of it is written."""
        return [int(entry["name"]) for entry in self.whole_timeline(sid) if entry["kind"] == "error"]


def together(*scenarios: Callable[[], None]) -> None:
    """Run scenarios at the same time, each in a thread. Raises ExceptionGroup with what failed."""
    with ThreadPoolExecutor(len(scenarios)) as threads:
        done = [threads.submit(scenario) for scenario in scenarios]
    errors = [error for future in done if (error := future.exception()) is not None]
    if errors:
        raise BaseExceptionGroup("scenarios failed", errors)


def samples_heard(call: Call) -> Samples:
    """What a phone heard, at 8 kHz."""
    return samples_of(call.heard())


def samples_of(content: bytes) -> Samples:
    """The samples of a WAV file at 8 kHz, its channels averaged."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "heard.wav"
        path.write_bytes(content)
        samples, rate = read_wav(path)
    assert rate == 8000
    return samples


def channels_of(content: bytes) -> tuple[Samples, ...]:
    """The samples of each channel of a 16-bit WAV file."""
    with wave.open(io.BytesIO(content)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return tuple(frames.reshape(-1, file.getnchannels()).T)


def heard_by(call: Call) -> str:
    """What was said to a phone, as words, some of which are misheard: see `was_said` and `was_among`."""
    return transcribe(samples_heard(call))


def until_told(call: Call, said: str) -> None:
    """Wait until this is among what a phone has heard, which may come in pieces. Raises TimeoutError."""
    until(lambda: was_among(said, heard_by(call)))


def was_told(call: Call, said: str) -> bool:
    """Whether a phone heard this and nothing else."""
    return was_said(said, heard_by(call))


def until_tone(call: Call, hz: float, seconds: float = 0.3) -> None:
    """Wait until a phone has heard so much of a tone. Raises TimeoutError."""
    until(lambda: seconds_of_tone(samples_heard(call), hz) > seconds)


def loudest_hz(samples: Samples) -> float:
    """The frequency with most energy in 8 kHz audio."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64)))
    return float(np.argmax(spectrum) * 8000 / len(samples))


def seconds_of_tone(samples: Samples, hz: float) -> float:
    """For how long a tone is heard, in steps of 20 ms."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    at = np.arange(160) / 8000
    strength = np.abs(frames @ np.exp(-2j * np.pi * hz * at)) / 80
    power = np.sqrt((frames**2).mean(axis=1)) * np.sqrt(2)
    return float(((strength > 500) & (strength > 0.7 * power)).sum() * 0.02)


def seconds_of_speech(call: Call) -> float:
    """For how long a phone heard anything, in steps of 20 ms."""
    samples = samples_heard(call)
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.int32)
    return float((np.abs(frames).max(axis=1, initial=0) > 300).sum() * 0.02)

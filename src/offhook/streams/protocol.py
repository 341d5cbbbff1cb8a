"""What the voice role and the streams role say to each other on ``streams.sock``, and its limits.

Framing is `offhook.bus.ipc` (u32 length and msgpack). Voice sends commands and streams answers: a request by
its number, a recording by its SID. Audio never travels here: it is passed as paths of raw files (signed
16-bit little endian, 8 kHz, mono) that media maps into memory, and the audio to be recorded comes from media
by ``streams-audio.sock``.
"""

from pathlib import Path
from typing import Literal

import msgspec

SAMPLE_RATE = 8000
BYTES_PER_MILLISECOND = SAMPLE_RATE * 2 // 1000

PROMPTS = Path("cache", "prompts")
"""Where the audio files of customers are, below the data directory."""

RecordingReason = Literal["silence", "max-length", "stopped", "interrupted", "failed"]


def received_file(data_dir: str, name: str) -> Path:
    """Where voice puts an audio file that it has downloaded; what is left there goes when streams begins."""
    return Path(data_dir) / PROMPTS / f"{name}.part"


class Prepare(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Download and convert the audio file at `url`; answered by `Prepared` or `RequestFailed`.

    One that voice has downloaded is at `path`, and is kept there until the answer.
    """

    request: int
    url: str
    auth_token: str | None
    path: str = ""
    content_type: str = ""


class Synthesize(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Speak `text`; answered by `SegmentReady`s and one `SynthesisFinished` or `RequestFailed`."""

    request: int
    text: str
    voice: str | None
    language: str | None


class Expect(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """A call begins: a text to speak may follow soon."""


class Cancel(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The answers to `request` are no longer wanted."""

    request: int


class StartRecording(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Record the audio of one or two taps.

    With one channel all taps are mixed; with two, the first tap is the left and the second the right channel.
    """

    sid: str
    taps: tuple[int, ...]
    channels: int
    max_seconds: float
    silence_seconds: float | None
    trim: bool


class PauseRecording(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Leave out what is heard from now on, or have `silence` instead; one that does not run is passed over."""

    sid: str
    silence: bool


class ResumeRecording(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Record what is heard again."""

    sid: str


class StopRecording(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """End a recording; answered by `RecordingFinished`, also when streams was restarted in between."""

    sid: str


class Prepared(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The audio file of a `Prepare`."""

    request: int
    path: str
    milliseconds: int


class SegmentReady(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The next piece of a `Synthesize`: an audio file, its pause included."""

    request: int
    path: str
    milliseconds: int


class SynthesisFinished(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """All pieces of a `Synthesize` were sent."""

    request: int


class RequestFailed(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """A `Prepare` or `Synthesize` ended with a notification code of `offhook.errors`."""

    request: int
    code: int
    detail: str


class RecordingFinished(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """A recording has ended and its WAV file is complete.

    `reason`: ``silence`` (nobody spoke for `silence_seconds`), ``max-length``, ``stopped`` (by
    `StopRecording`), ``interrupted`` (streams was restarted; what was written before is kept) or ``failed``
    (`path` is then empty). `empty` tells that not one voiced frame was heard, which is not known of one that failed.
    """

    sid: str
    path: str
    milliseconds: int
    reason: RecordingReason
    empty: bool


Command = (
    Expect | Prepare | Synthesize | Cancel | StartRecording | PauseRecording | ResumeRecording | StopRecording
)
Reply = Prepared | SegmentReady | SynthesisFinished | RequestFailed | RecordingFinished

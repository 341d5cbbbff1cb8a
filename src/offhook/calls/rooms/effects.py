"""What a room wants done. Rows are not among it: whoever keeps a room compares what it was with what it is."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.effects import RoomRecording
from offhook.twiml.effects import JitterBuffer, Pairs
from offhook.twiml.entry import Entry


@dataclass(frozen=True, slots=True)
class Connect:
    """Let two calls hear each other. `detect_star`: look for ``*`` in the audio of the first."""

    call_sid: str
    other: str
    detect_star: bool


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Let a call hear nobody."""

    call_sid: str


@dataclass(frozen=True, slots=True)
class Mix:
    """Take a call into the mix, or change its part in it.

    `heard`: by everybody, or only by the call `coaches`. `hears`: everybody but itself.
    """

    call_sid: str
    heard: bool
    hears: bool
    coaches: str | None = None
    jitter_buffer: JitterBuffer = "large"


@dataclass(frozen=True, slots=True)
class Unmix:
    """Take a call out of the mix."""

    call_sid: str


@dataclass(frozen=True, slots=True)
class Beep:
    """Let everybody hear that somebody comes or goes."""

    entering: bool


@dataclass(frozen=True, slots=True)
class Announce:
    """Run a document that everybody hears; `AnnouncementOver(None)` follows."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Record:
    """Record a call's conversation, or (None) all that is mixed; `RecordingComplete` follows."""

    call_sid: str | None
    request: RoomRecording


@dataclass(frozen=True, slots=True)
class StopRecording:
    """End it; `RecordingComplete` still follows."""

    call_sid: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """Put an event on record, and tell the room's status callback of it unless `sequence` is None.

    `params` are those of the event alone.
    """

    event: str
    sequence: int | None
    params: Pairs = ()

"""What the outside world tells the interpreter. Each names the effect it answers by that effect's id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.twiml.effects import Pairs
from offhook.twiml.entry import Entry, Purpose

QueueResult = Literal[
    "bridged",
    "bridging-in-process",
    "error",
    "hangup",
    "leave",
    "queue-full",
    "redirected",
    "redirected-from-bridged",
    "system-error",
]
DialStatus = Literal["completed", "answered", "busy", "no-answer", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """An HTTP response, whatever its status. `url` is the one that answered, after HTTP redirects."""

    request: int
    url: str
    status: int
    content_type: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No HTTP response: `code` is of the 11xxx family."""

    request: int
    code: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Played:
    """A Speak, PlayUrl, PlayDigits or Beep came to its end by itself; `silent`: there was nothing to hear of it."""

    play: int
    silent: bool = False


@dataclass(frozen=True, slots=True)
class PlayFailed:
    """It could not be played: 13420, or 11xxx when the audio could not be fetched."""

    play: int
    code: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The caller pressed one of `0-9 * # A-D`. Digits of a bridged leg are reported too and ignored."""

    digit: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer ran out."""

    timer: int


@dataclass(frozen=True, slots=True)
class RecordingDone:
    """A recording ended. `duration` in seconds; `empty`: nothing but silence, there is no recording."""

    recording: int
    sid: str
    url: str
    duration: int
    reason: Literal["silence", "max-length", "digit", "hangup", "stopped"]
    empty: bool = False


@dataclass(frozen=True, slots=True)
class DialDone:
    """A dial is over: nobody answered, or the bridge ended. The legs it made are gone.

    `call_sid` is the leg that answered, else the last tried; `duration` the seconds it was up, None when it was given
    other TwiML and still is. `sip_headers`: the ``X-`` headers of its answer. What kept a call from being placed is a
    notification already.
    """

    dial: int
    status: DialStatus
    call_sid: str | None = None
    duration: int | None = 0
    bridged: bool = False
    recording_sid: str | None = None
    recording_url: str | None = None
    recording_duration: int | None = None
    sip_call_id: str | None = None
    sip_response_code: int | None = None
    sip_headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class EnqueueDone:
    """The call is in the queue no more, nor with whoever came for it. `waited` in seconds; None: it never was in it."""

    enqueue: int
    result: QueueResult
    queue_sid: str | None = None
    waited: int | None = None


@dataclass(frozen=True, slots=True)
class ReferDone:
    """What became of a `Refer`. `status` is that of the call that the far end makes, None when it has told of none.

    `response` is that to the REFER, `notified` the last that the far end told of; None: there was none.
    """

    refer: int
    status: str | None
    response: int | None = None
    notified: int | None = None


@dataclass(frozen=True, slots=True)
class Popped:
    """The document for this purpose, above the call's own, is to end."""

    purpose: Purpose


@dataclass(frozen=True, slots=True)
class MessageQueued:
    """What became of a `SendMessage`; `status` as in MessageStatus, `failed` when it was refused.

    A refused text has no SID, and `code` and `detail` say why.
    """

    message: int
    sid: str
    status: str
    code: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Redirected:
    """A REST update of the live call (`Url=` or `Twiml=`): whatever runs is stopped, this runs instead.

    `after` is what a verb that was at work had come to by it, if it is to tell its application.
    """

    entry: Entry
    after: EnqueueDone | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """Another document is to run above those at work: the whisper of a dialled call."""

    purpose: Purpose
    entry: Entry


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller is gone, or the call was ended from outside (REST `Status=completed`)."""


Answer = Played | PlayFailed | TimerFired | RecordingDone | DialDone | EnqueueDone | ReferDone | MessageQueued
"""Events that answer an effect which starts something, by its id in their first field."""

Event = Fetched | FetchFailed | Answer | DigitPressed | Redirected | Pushed | Popped | HungUp

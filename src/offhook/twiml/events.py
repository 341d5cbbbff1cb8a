"""What the outside world tells the interpreter. Each names the effect it answers by that effect's id."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

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


class Fetched(Struct, frozen=True):
    """An HTTP response, whatever its status. `url` is the one that answered, after HTTP redirects."""

    request: int
    url: str
    status: int
    content_type: str | None
    body: bytes


class FetchFailed(Struct, frozen=True):
    """No HTTP response: `code` is of the 11xxx family."""

    request: int
    code: int
    detail: str = ""


class Played(Struct, frozen=True):
    """A Speak, PlayUrl, PlayDigits or Beep came to its end by itself; `silent`: there was nothing to hear of it."""

    play: int
    silent: bool = False


class PlayFailed(Struct, frozen=True):
    """It could not be played: 13420, or 11xxx when the audio could not be fetched."""

    play: int
    code: int
    detail: str = ""


class DigitPressed(Struct, frozen=True):
    """The caller pressed one of `0-9 * # A-D`. Digits of a bridged leg are reported too and ignored."""

    digit: str


class TimerFired(Struct, frozen=True):
    """A timer ran out."""

    timer: int


class RecordingDone(Struct, frozen=True):
    """A recording ended. `duration` in seconds; `empty`: nothing but silence, there is no recording."""

    recording: int
    sid: str
    url: str
    duration: int
    reason: Literal["silence", "max-length", "digit", "hangup", "stopped"]
    empty: bool = False


class DialDone(Struct, frozen=True):
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


class EnqueueDone(Struct, frozen=True):
    """The call is in the queue no more, nor with whoever came for it. `waited` in seconds; None: it never was in it."""

    enqueue: int
    result: QueueResult
    queue_sid: str | None = None
    waited: int | None = None


class ReferDone(Struct, frozen=True):
    """What became of a `Refer`. `status` is that of the call that the far end makes, None when it has told of none.

    `response` is that to the REFER, `notified` the last that the far end told of; None: there was none.
    """

    refer: int
    status: str | None
    response: int | None = None
    notified: int | None = None


class Popped(Struct, frozen=True):
    """The document for this purpose, above the call's own, is to end."""

    purpose: Purpose


class MessageQueued(Struct, frozen=True):
    """What became of a `SendMessage`; `status` as in MessageStatus, `failed` when it was refused.

    A refused text has no SID, and `code` and `detail` say why.
    """

    message: int
    sid: str
    status: str
    code: int | None = None
    detail: str = ""


class Redirected(Struct, frozen=True):
    """A REST update of the live call (`Url=` or `Twiml=`): whatever runs is stopped, this runs instead.

    `after` is what a verb that was at work had come to by it, if it is to tell its application.
    """

    entry: Entry
    after: EnqueueDone | None = None


class Pushed(Struct, frozen=True):
    """Another document is to run above those at work: the whisper of a dialled call."""

    purpose: Purpose
    entry: Entry


class HungUp(Struct, frozen=True):
    """The caller is gone, or the call was ended from outside (REST `Status=completed`)."""


Answer = Played | PlayFailed | TimerFired | RecordingDone | DialDone | EnqueueDone | ReferDone | MessageQueued
"""Events that answer an effect which starts something, by its id in their first field."""

Event = Fetched | FetchFailed | Answer | DigitPressed | Redirected | Pushed | Popped | HungUp

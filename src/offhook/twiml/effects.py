"""What the interpreter asks of the outside world: frozen values, in the order they are to be carried out.

Ids (`request`, `play`, `timer`, `recording`, `dial`, `message`) are integers from one counter per
interpretation: an id never means two things in one call. An effect that starts something is answered by the
event of the same id (see `offhook.twiml.events`); an answer to something already stopped is ignored, so the
shell may report it or not. Stopping what has ended is harmless.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from offhook.twiml.entry import EntryPoint, Method, Purpose

Pairs = tuple[tuple[str, str], ...]
Track = Literal["both", "inbound", "outbound"]
"""What is recorded of a call: what its far end says (inbound), hears (outbound), or both."""
JitterBuffer = Literal["off", "small", "medium", "large"]
"""How late the audio of a participant may come, and so how much later the others hear it."""


class Fetch(Struct, frozen=True):
    """Request a document. Answered by `Fetched` or `FetchFailed`.

    `params` are only those that the verb adds (`Digits`, `RecordingUrl`, …); the shell puts the standard ones
    before them. `error` is (ErrorCode, ErrorUrl) when this is the fallback URL. `final`: the caller is gone,
    the request is made for the application's sake and the document that comes back is not run. `purpose`: what the
    document is for; that of a room's is told the room's facts.
    """

    request: int
    url: str
    method: Method
    params: Pairs = ()
    error: tuple[int, str] | None = None
    final: bool = False
    purpose: Purpose = Purpose.MAIN


class Answer(Struct, frozen=True):
    """Answer the inbound call. Not awaited: what follows is played as soon as media flows."""


class Decline(Struct, frozen=True):
    """Refuse the unanswered inbound call: `rejected` (no longer in service) or `busy`. The last effect."""

    reason: Literal["rejected", "busy"]


class HangUp(Struct, frozen=True):
    """End the answered call. The last effect; `HungUp` follows where a verb waits below the document that ends it.

    `code`: the error that its TwiML has come to, if it has failed.
    """

    code: int | None = None


class Join(Struct, frozen=True):
    """The whisper document has ended: bridge the called leg with the caller. The last effect."""


class Speak(Struct, frozen=True):
    """Say `text` (plain, at most 4096 characters) `loop` times; 0 is until stopped. Answered by `Played`."""

    play: int
    text: str
    voice: str
    language: str
    loop: int = 1


class PlayUrl(Struct, frozen=True):
    """Play the audio at the absolute `url` `loop` times; 0 is until stopped. Answered by `Played`."""

    play: int
    url: str
    loop: int = 1


class PlayDigits(Struct, frozen=True):
    """Send DTMF: `0-9 * # A-D`, `w` waits 0.5 s and `W` 1 s. Answered by `Played`."""

    play: int
    digits: str
    loop: int = 1


class Beep(Struct, frozen=True):
    """The tone before a recording. Answered by `Played`."""

    play: int


class StopPlay(Struct, frozen=True):
    """Stop a Speak, PlayUrl, PlayDigits or Beep at once."""

    play: int


class StartTimer(Struct, frozen=True):
    """Fire `TimerFired` after `seconds`."""

    timer: int
    seconds: float


class StopTimer(Struct, frozen=True):
    """Forget a timer."""

    timer: int


class StatusCallback(Struct, frozen=True):
    """Whom to tell about a recording or a called leg, and of which events."""

    url: str
    method: Method
    events: tuple[str, ...]


class StartRecording(Struct, frozen=True):
    """Record what the caller says. Answered by `RecordingDone`, once the file is there or found empty.

    `max_length`, `silence_timeout` in seconds: the recorder enforces both; None is any silence.
    """

    recording: int
    max_length: int
    silence_timeout: int | None
    trim: Literal["trim-silence", "do-not-trim"]
    callback: StatusCallback | None = None


class RecordCall(Struct, frozen=True):
    """Record the call from now on, beside what else it does (``<Start><Recording>``). Nothing answers it."""

    channels: int
    track: Track
    trim: Literal["trim-silence", "do-not-trim"]
    callback: StatusCallback | None = None


class StopRecording(Struct, frozen=True):
    """End a recording; `RecordingDone` still follows."""

    recording: int


class DialNumber(Struct, frozen=True):
    """A `<Number>`: `number` is E.164. `url` is the whisper document, absolute."""

    number: str
    send_digits: str | None = None
    url: str | None = None
    method: Method = "POST"
    callback: StatusCallback | None = None


class DialSip(Struct, frozen=True):
    """A `<Sip>`: `uri` without its header part, which is in `headers` as (name, value)."""

    uri: str
    headers: Pairs = ()
    username: str | None = None
    password: str | None = None
    url: str | None = None
    method: Method = "POST"
    callback: StatusCallback | None = None


class DialClient(Struct, frozen=True):
    """A `<Client>`: whoever is registered as `identity`. `headers` are told to its phone."""

    identity: str
    headers: Pairs = ()
    url: str | None = None
    method: Method = "POST"
    callback: StatusCallback | None = None


class DialApplication(Struct, frozen=True):
    """An `<Application>`: whatever answers at the VoiceUrl of `sid`.

    `to` is whom it sees called. It is told the `parameters`, and who calls: `customer_id`, by default the account.
    """

    sid: str
    to: str
    parameters: Pairs = ()
    customer_id: str | None = None
    url: str | None = None
    method: Method = "POST"
    callback: StatusCallback | None = None


DialTarget = DialNumber | DialSip | DialClient | DialApplication
RecordMode = Literal[
    "do-not-record",
    "record-from-answer",
    "record-from-ringing",
    "record-from-answer-dual",
    "record-from-ringing-dual",
]


class OnRefer(Struct, frozen=True):
    """Where the TwiML is for the other party when one of a dial transfers the call by REFER (``referUrl``).

    `keeps`: the two stay connected when there is none to be had.
    """

    url: str
    method: Method
    keeps: bool


class Dial(Struct, frozen=True):
    """Call `targets` (1 to 10) and bridge the first that answers. Answered by `DialDone` when all is over.

    `timeout`: seconds to ring; `time_limit`: seconds the bridge may last. `caller_id` is what the called
    party sees; `check_caller_id`: it is not a number of this call, so the shell must see that the account
    owns or has verified it, and otherwise notify of 13247 and answer `DialDone(status="failed")`.
    `sequential`: one target after the other instead of all at once. `hangup_on_star`: `*` from the caller
    ends the bridge.
    """

    dial: int
    targets: tuple[DialTarget, ...]
    caller_id: str
    check_caller_id: bool
    timeout: int
    time_limit: int
    hangup_on_star: bool
    ring_tone: str
    sequential: bool
    record: RecordMode
    trim: Literal["trim-silence", "do-not-trim"]
    recording_callback: StatusCallback | None = None
    on_refer: OnRefer | None = None
    recording_track: Track = "both"


class Confer(Struct, frozen=True):
    """Enter a conference (``<Dial><Conference>``). Answered by `DialDone` when the call has left it.

    `wait`: what is heard until it starts, None is silence. `coach`: the SID of the only call that hears this one.
    `most`, `callback`, `record`, `trim` and `recording_callback` are those of the conference when this call is its
    first. `leg`: how this call itself is recorded while it is there (``<Dial record>``).
    """

    dial: int
    name: str
    muted: bool
    beep: Literal["true", "false", "onEnter", "onExit"]
    start_on_enter: bool
    end_on_exit: bool
    wait: EntryPoint | None
    most: int
    coach: str | None
    label: str | None
    time_limit: int
    hangup_on_star: bool
    record: bool
    trim: Literal["trim-silence", "do-not-trim"]
    recording_callback: StatusCallback | None = None
    callback: StatusCallback | None = None
    leg: RecordCall | None = None
    jitter_buffer: JitterBuffer = "large"


class Take(Struct, frozen=True):
    """Be connected with the first call in a queue (``<Dial><Queue>``). Answered by `DialDone`.

    `entry`: what that call hears before. `timeout`: seconds to wait while nobody is in the queue.
    """

    dial: int
    queue: str
    entry: EntryPoint | None
    timeout: int
    time_limit: int
    hangup_on_star: bool
    ring_tone: str
    record: RecordMode
    trim: Literal["trim-silence", "do-not-trim"]
    recording_callback: StatusCallback | None = None
    recording_track: Track = "both"


class EndDial(Struct, frozen=True):
    """Hang up every leg of a dial, or leave the conference or queue; `DialDone` still follows."""

    dial: int


class Enqueue(Struct, frozen=True):
    """Wait in a queue. Answered by `EnqueueDone`. `wait`: what is heard meanwhile, None is silence."""

    enqueue: int
    queue: str
    wait: EntryPoint | None
    most: int | None


class LeaveQueue(Struct, frozen=True):
    """Leave the queue (``<Leave>``); `EnqueueDone` follows."""


class Announced(Struct, frozen=True):
    """An announcement's document, the one at `url` or an inline one, has ended, or could not be run."""

    failed: str | None = None
    url: str = ""


class Echo(Struct, frozen=True):
    """Let the far end hear itself. Nothing answers it."""

    echo: int


class EndEcho(Struct, frozen=True):
    """Let the far end hear itself no longer."""

    echo: int


class EndEnqueue(Struct, frozen=True):
    """Be in the queue, or with whoever came for this call, no longer; `EnqueueDone` still follows."""

    enqueue: int


class Refer(Struct, frozen=True):
    """Ask the far end to call `uri` instead (``<Refer>``). Answered by `ReferDone`."""

    refer: int
    uri: str


class EndRefer(Struct, frozen=True):
    """Wait no longer for what becomes of it; `ReferDone` follows."""

    refer: int


class SendMessage(Struct, frozen=True):
    """Send a text (`<Sms>` in a call, `<Message>` in a reply). Answered by `MessageQueued`."""

    message: int
    to: str
    from_: str
    body: str
    status_callback: str | None = None


class Notify(Struct, frozen=True):
    """Write a notification (`offhook.errors.NOTIFICATIONS` has the level and title of `code`).

    `url` is the document that is to blame, empty for inline TwiML.
    """

    code: int
    message: str
    url: str


class Trace(Struct, frozen=True):
    """A timeline entry: the verb at `line` of the document begins; `detail` has its attributes and text."""

    verb: str
    line: int
    detail: Pairs = ()
    purpose: Purpose = Purpose.MAIN


Play = Speak | PlayUrl | PlayDigits | Beep
Started = Play | Echo | StartTimer | StartRecording | Dial | Confer | Take | Enqueue | Refer | SendMessage
Effect = (
    Fetch
    | Echo
    | EndEcho
    | RecordCall
    | Answer
    | Decline
    | HangUp
    | Join
    | Speak
    | PlayUrl
    | PlayDigits
    | Beep
    | StartTimer
    | StartRecording
    | Dial
    | Confer
    | Take
    | Enqueue
    | Refer
    | LeaveQueue
    | SendMessage
    | StopPlay
    | StopTimer
    | StopRecording
    | Announced
    | EndDial
    | EndEnqueue
    | EndRefer
    | Notify
    | Trace
)

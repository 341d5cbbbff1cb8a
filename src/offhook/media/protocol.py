"""What voice and a media worker say to each other on the worker's private Unix socket.

Messages are msgspec arrays in the frames of `offhook.bus.ipc`. Voice sends commands, the worker sends
events. A leg is one RTP session with one peer, named by a number that voice chooses and does not reuse
while the leg is open. A room, in which legs hear each other, has a number of the same kind: what is said of a leg
in Play, ExtendPlay, StopPlay, Tap, CloseLeg and GetStats holds for a room. Plays, taps and feeds are numbers chosen
by voice too. Commands take effect in the order they are sent; a command for a leg that is not open is ignored, since
the leg may have just ended.

Closing the connection closes every leg and room that was opened on it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Codec = Literal["PCMU", "PCMA"]
TapSource = Literal["received", "sent"]
DigitSource = Literal["rfc4733", "inband"]
LONGEST_BUFFER_MS = 240
"""The delay that jitter may bring about for a leg of which nothing else was said."""


def control_socket(run_dir: str, worker: int) -> str:
    """The path at which a node's media worker is steered; workers are numbered from 0."""
    return f"{run_dir}/media-{worker}.sock"


class _Message(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """A message is an array: its name, then its fields in order; fields with defaults may be missing at the end."""


# What can be played


class AudioFile(_Message, frozen=True):
    """A file of raw 16-bit little-endian samples, 8 kHz, mono.

    It must not be changed once named here; it may be unlinked.
    """

    path: str


class Tone(_Message, frozen=True):
    """A sum of sine waves (1 to 4, in whole Hz), each at about -16 dBm0."""

    hz: tuple[float, ...]
    milliseconds: int


class Silence(_Message, frozen=True):
    milliseconds: int


class Digits(_Message, frozen=True):
    """DTMF: `0-9 * # A-D`, `w` waits half a second, `W` a second.

    RFC 4733 events when negotiated, else in-band tones.
    """

    text: str


class Live(_Message, frozen=True):
    """Audio that streams pushes on the audio socket as channel `feed`; silent while none has come; ends
    with the feed.
    """

    feed: int


Item = AudioFile | Tone | Silence | Digits | Live


# Commands


class OpenLeg(_Message, frozen=True):
    """Bind an RTP/RTCP port pair. Answered by LegOpened or LegFailed.

    host: the local address to bind and to name in SDP; empty for the worker's default.
    rtp_timeout: seconds of silence from the peer until RtpTimeout; 0 for never. It runs while SetRemote's
    `receive` holds and, with or without SetRemote, from Expect on.
    """

    leg: int
    host: str = ""
    rtp_timeout: float = 30.0


class SetRemote(_Message, frozen=True):
    """What SDP negotiated; sent again on every change.

    Packets are sent from now on when `send`, and heard when `receive`. Answered by RemoteRefused if nothing can
    be sent there; the leg is left as it is then.

    host, port: where the peer said that it receives. Where its packets really come from is learnt again
    (symmetric RTP) whenever the address changes here, and as `offhook.rtp.latch` says.
    payload_type, dtmf_payload_type: what audio and telephone-event/8000 are sent with; None when the peer has no
    events.
    heard, dtmf_heard: what the peer may send audio and events with. Empty: the same numbers as above.
    ptime: milliseconds of audio in each packet that is sent, 10 to 160.
    """

    leg: int
    host: str
    port: int
    codec: Codec
    payload_type: int
    dtmf_payload_type: int | None = None
    send: bool = True
    receive: bool = True
    heard: tuple[tuple[int, Codec], ...] = ()
    dtmf_heard: tuple[int, ...] = ()
    ptime: int = 20


class Expect(_Message, frozen=True):
    """The call is answered: the peer should be sending from now on, even if nothing has been negotiated.

    Its silence is counted from here.
    """

    leg: int


class Play(_Message, frozen=True):
    """Play `items` one after the other, the whole list `loop` times (0: until stopped).

    What is played to a room is heard by every leg in it that hears the others. Plays of one leg run in the order they
    were given, without a gap. With `more`, the play does not finish
    at the end of its items but is silent until ExtendPlay brings others; a play that loops has all its
    items from the start.
    """

    leg: int
    play: int
    items: tuple[Item, ...]
    loop: int = 1
    more: bool = False


class ExtendPlay(_Message, frozen=True):
    """Append items to a play begun with `more`. The last one has `more=False`, and may have no items."""

    leg: int
    play: int
    items: tuple[Item, ...]
    more: bool = False


class StopPlay(_Message, frozen=True):
    """End a play now, or drop it if its turn has not come. PlayFinished follows with reason "stopped"."""

    leg: int
    play: int


class Tap(_Message, frozen=True):
    """Send streams what the leg receives or is sent, as channel `tap`: a frame every tick.

    What it receives is decoded, de-jittered and concealed; whether others hear it makes no difference. Of a room,
    "received" is all that is said to everybody and played to the room; "sent" is what is played to it alone.
    """

    leg: int
    tap: int
    source: TapSource


class Untap(_Message, frozen=True):
    """End a tap: its channel ends on the audio socket after the frames already heard. A leg's taps end with it."""

    tap: int


class Bridge(_Message, frozen=True):
    """Let two legs hear each other, or one itself. Each leg has at most one partner; a former bridge of either ends.

    A leg that is in a room leaves it.

    detect_inband: digits sent as tones have to be heard too (hangupOnStar where telephone-event was not
    negotiated). Telephone events are always heard. What is played to a bridged leg is mixed with what its
    partner says.
    """

    a: int
    b: int
    detect_inband: bool = False


class Unbridge(_Message, frozen=True):
    """End the bridge of this leg, if it has one; if it is in a room, it leaves it."""

    leg: int


class OpenRoom(_Message, frozen=True):
    """Make a room. Answered by RoomOpened or RoomFailed.

    CloseLeg ends it, and its plays and taps: the legs in it stay open and hear nobody.

    speech: tell by Speech when legs that are heard in it begin and cease to speak.
    """

    room: int
    speech: bool = False


class Mix(_Message, frozen=True):
    """Take a leg into a room, or change its part there. It leaves the room it was in; its bridge ends.

    Each hears all the others, and not itself. What is played to a leg is mixed over what it hears, so one that is
    not to hear the others (on hold) still hears its own plays. Whoever comes, goes, or is changed fades within
    20 ms. Telephone events of a leg are reported as Digit, and others do not hear them.

    heard: the others hear this leg (not: muted). hears: it hears them, and what is played to the room.
    coaches: a leg in the same room that alone is to hear this one, while it is heard; 0: all do. When that leg is
    not in the room nobody does.
    buffer_ms: the delay that jitter of what the leg sends may bring about, while it is in the room; a multiple of 20.
    """

    room: int
    leg: int
    heard: bool = True
    hears: bool = True
    coaches: int = 0
    buffer_ms: int = LONGEST_BUFFER_MS


class Unmix(_Message, frozen=True):
    """Take a leg out of the room it is in, if it is in one."""

    leg: int


class CloseLeg(_Message, frozen=True):
    """End a leg or a room. Answered by LegClosed. A leg's ports rest a while before another leg gets them."""

    leg: int


class GetStats(_Message, frozen=True):
    """Answered by LegStats."""

    leg: int


class GetLoad(_Message, frozen=True):
    """Answered by Load."""


Command = (
    OpenLeg
    | SetRemote
    | Expect
    | Play
    | ExtendPlay
    | StopPlay
    | Tap
    | Untap
    | Bridge
    | Unbridge
    | OpenRoom
    | Mix
    | Unmix
    | CloseLeg
    | GetStats
    | GetLoad
)


# Events


class LegOpened(_Message, frozen=True):
    leg: int
    host: str
    port: int


class LegFailed(_Message, frozen=True):
    """The leg could not be opened: no free port, or the address is not ours."""

    leg: int
    reason: str


class RoomOpened(_Message, frozen=True):
    room: int


class RoomFailed(_Message, frozen=True):
    """The room could not be made: the worker is full."""

    room: int
    reason: str


class Counters(_Message, frozen=True):
    """What passed through a leg until now. `bytes_*` counts RTP payload; loss and jitter as in RFC 3550 A.3 and A.8.

    lost: packets that never came. late: came after their time to be played. discarded: not played for other
    reasons: late, twice, malformed, unknown payload, or from a source that is not trusted (while the address
    that SDP named is heard, others are passed over by the kernel, and not counted). concealed: frames of 20 ms
    made up.
    delay_ms: the jitter buffer's depth now; 0 for a relayed leg. rtt_ms, remote_lost, remote_jitter_ms: by
    the peer's RTCP; None without.
    remote_host, remote_port: where packets are sent.
    A room has no packets: all but `seconds` is 0, None or empty.
    """

    packets_sent: int
    bytes_sent: int
    packets_received: int
    bytes_received: int
    lost: int
    jitter_ms: float
    concealed: int
    discarded: int
    late: int
    delay_ms: float
    rtt_ms: float | None
    remote_lost: int | None
    remote_jitter_ms: float | None
    remote_host: str
    remote_port: int
    codec: str
    seconds: float


class LegClosed(_Message, frozen=True):
    leg: int
    stats: Counters


class LegStats(_Message, frozen=True):
    leg: int
    stats: Counters


class PlayStarted(_Message, frozen=True):
    """The first packet of a play has left. delay_ms: since the worker read the Play, or since the play
    before it finished, if later.
    """

    leg: int
    play: int
    delay_ms: float


class PlayFinished(_Message, frozen=True):
    """A play is over: "finished" when its last packet has left, "stopped", "failed" (`detail`: why), or
    "closed" with its leg.
    """

    leg: int
    play: int
    reason: Literal["finished", "stopped", "failed", "closed"]
    milliseconds: int
    """How much of it was sent."""
    detail: str = ""


class Digit(_Message, frozen=True):
    """The peer pressed a key: reported when it is recognised (events: at their first packet; tones: after 40 ms,
    until the leg has had an event). A key that comes as a tone first and as an event then is reported as each.
    """

    leg: int
    digit: str
    source: DigitSource


class FirstPacket(_Message, frozen=True):
    """The first good RTP packet of the peer came, from this address."""

    leg: int
    host: str
    port: int


class SourceChanged(_Message, frozen=True):
    """The peer's packets come from this address now.

    Either the one that SDP named has turned up after another was trusted, or a NAT has given the peer another port.
    """

    leg: int
    host: str
    port: int


class RemoteRefused(_Message, frozen=True):
    """A SetRemote cannot be carried out, so the leg has no audio or goes on as before; why, in words."""

    leg: int
    reason: str


class RtpTimeout(_Message, frozen=True):
    """The peer, which should be sending, has been silent for this long. Repeated each time as much has passed."""

    leg: int
    silent_seconds: float


class Speech(_Message, frozen=True):
    """In a room that asked for it (`leg`), the leg `speaker` begins to speak, or has been silent for a second.

    Who is muted, coaches, or leaves its room ceases to speak then; of a leg that is closed nothing more is said.
    """

    leg: int
    speaker: int
    speaking: bool


class Load(_Message, frozen=True):
    """How the worker does, since it started. A tick is late when it begins more than 10 ms after its time.

    tick_ms, tick_ms_worst: how long a tick's work takes, on average and at worst since Load was last asked.
    cpu_seconds: of the process. taps_dropped: tick batches that streams was too slow to take.
    """

    legs: int
    relayed: int
    ticks: int
    late_ticks: int
    worst_lateness_ms: float
    tick_ms: float
    tick_ms_worst: float
    cpu_seconds: float
    taps_dropped: int


LegEvent = (
    PlayStarted | PlayFinished | Digit | Speech | FirstPacket | SourceChanged | RemoteRefused | RtpTimeout
)
"""What happens on a leg without being asked for."""

Event = LegEvent | LegOpened | LegFailed | RoomOpened | RoomFailed | LegClosed | LegStats | Load

"""A leg: the RTP session with one peer. What was negotiated, what it counts, and packets out of the ordinary.

Ordinary packets, 20 ms in the format that the peer sent last, are taken by the tick for all legs at once;
everything else comes through `receive_odd`. Whose packets they are is the business of the leg's `Transport`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.media import protocol
from offhook.media.audible import Audible
from offhook.media.kernel import TickKernel
from offhook.media.packing import Packer
from offhook.media.sources import SendEvent, Source
from offhook.media.transport import Transport
from offhook.rtp import packet as rtp
from offhook.rtp.latch import Address, Stream
from offhook.rtp.stats import Reception
from offhook.rtp.telephone_event import KeyReader

if TYPE_CHECKING:
    from offhook.media.relay import Relay
    from offhook.media.rooms import Seat

LAWS: Final = {"PCMU": 0, "PCMA": 1}
COMFORT_NOISE: Final = 13
CLOCK_RATE: Final = 8000
TICK_MILLISECONDS: Final = 20
NOT_FAST: Final = -1
"""The fast payload type of a leg whose packets all need a closer look."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a leg's own stream begins with; random, as RFC 3550 section 5.1 wants."""

    ssrc: int
    sequence: int
    timestamp: int
    cname: str


class Leg(Audible):
    """One open leg. Attributes without an underscore are for the engine; the hot ones are plain on purpose.

    packet: the tick's outgoing packet. event: what replaces it in this tick. packer: what cuts and joins packets,
    for a peer that wants them of another length. fast_payload_type: of packets that need no closer look.
    heard_law: how the audio that comes is encoded. event_types: the payload types of telephone events that come.
    partner: whom it is bridged with. seat: its place in a room.
    """

    __slots__ = (
        "_discarded",
        "_earlier_lost",
        "_earlier_received",
        "_heard_type",
        "_kernel",
        "_laws",
        "_on_change",
        "_on_key",
        "_tell",
        "bytes_received",
        "bytes_sent",
        "detect_inband",
        "event",
        "event_timestamp",
        "event_types",
        "expected",
        "fast_payload_type",
        "fileno",
        "first_heard",
        "heard_law",
        "host",
        "identity",
        "key_reader",
        "keys",
        "last_heard",
        "packer",
        "packet",
        "packets_sent",
        "partner",
        "reception",
        "relay",
        "remote",
        "remote_ssrc",
        "rtcp",
        "rtcp_state",
        "rtp",
        "rtp_timeout",
        "saw_event",
        "seat",
        "timeouts",
        "transport",
    )

    def __init__(
        self,
        number: int,
        slot: int,
        sockets: tuple[socket.socket, socket.socket],
        host: str,
        identity: Identity,
        kernel: TickKernel,
        tell: Callable[[protocol.Event], None],
        on_key: Callable[[Leg, str], None],
        on_change: Callable[[Leg], None],
        rtp_timeout: float,
        now: float,
    ) -> None:
        """on_key: a key came as an event that is not relayed. on_change: whether the leg can be relayed may be
        another matter now.
        """
        super().__init__(number, slot, kernel.frames_out[slot], now)
        self.rtp, self.rtcp = sockets
        self.fileno = self.rtp.fileno()
        self.host = host
        self.identity = identity
        self.rtp_timeout = rtp_timeout
        self._kernel = kernel
        self._tell = tell
        self._on_key = on_key
        self._on_change = on_change
        self.transport = Transport(self.rtp, self._take, self._latched, self._stream)
        kernel.clear(slot, ssrc=identity.ssrc, sequence=identity.sequence, timestamp=identity.timestamp)
        self.packet = kernel.packet(slot)
        self.event: bytes | None = None
        self.event_timestamp = 0
        self.packer: Packer | None = None
        self.remote: protocol.SetRemote | None = None
        self._laws: dict[int, int] = {}
        self._heard_type = NOT_FAST
        self.heard_law = 0
        self.event_types: frozenset[int] = frozenset()
        self.fast_payload_type = NOT_FAST
        self.reception: Reception | None = None
        self.remote_ssrc = -1
        self.first_heard = False
        self.expected = False
        self._count_silence_from(now)
        self.bytes_received = self.bytes_sent = self.packets_sent = 0
        self._discarded = self._earlier_received = self._earlier_lost = 0
        self.key_reader = KeyReader()
        self.saw_event = False
        self.keys: list[Source] = []
        self.partner: Leg | None = None
        self.seat: Seat | None = None
        self.detect_inband = False
        self.relay: Relay | None = None
        self.rtcp_state = RtcpState()

    # What was negotiated

    def set_remote(self, remote: protocol.SetRemote, now: float) -> None:
        """Take over what SDP says. The source is learnt again if the address is another."""
        before = self.remote
        self.remote = remote
        self.ready = True
        if before is None or (before.codec, before.payload_type) != (remote.codec, remote.payload_type):
            self._kernel.speak_as(self.slot, law=LAWS[remote.codec], payload_type=remote.payload_type)
        if before is None or (before.host, before.port) != (remote.host, remote.port):
            self.transport.name((remote.host, remote.port))
        if remote.receive and not (before and before.receive):
            self._count_silence_from(now)
        self._hear_formats(remote)
        if remote.ptime != (before.ptime if before else TICK_MILLISECONDS):
            self._pack_as(remote.ptime)
        if self.packer is not None and not remote.send:
            self.packer.flush()

    def expect(self, now: float) -> None:
        """The peer should be sending from now on."""
        self.expected = True
        self._count_silence_from(now)

    def _count_silence_from(self, now: float) -> None:
        self.last_heard = now
        self.timeouts = 0

    def _hear_formats(self, remote: protocol.SetRemote) -> None:
        """Know the formats that may come. The one that came last goes on, if it is still among them."""
        heard = remote.heard or ((remote.payload_type, remote.codec),)
        self._laws = {number: LAWS[codec] for number, codec in heard}
        default = () if remote.dtmf_payload_type is None else (remote.dtmf_payload_type,)
        self.event_types = frozenset(remote.dtmf_heard or default)
        heard_type = self._heard_type
        if heard_type not in self._laws:
            heard_type = remote.payload_type if remote.payload_type in self._laws else next(iter(self._laws))
        self._hear_as(heard_type)

    def _hear_as(self, payload_type: int) -> None:
        """From now on the peer sends this format."""
        self._heard_type = payload_type
        self.heard_law = self._laws[payload_type]
        self._kernel.hear_as(self.slot, law=self.heard_law)
        fast = self.remote is not None and self.remote.receive
        self.fast_payload_type = payload_type if fast else NOT_FAST

    def _pack_as(self, milliseconds: int) -> None:
        """Send packets of this length."""
        packer, self.packer = self.packer, None
        sequence, timestamp = self._kernel.outgoing(self.slot)
        if packer is not None:
            packer.flush()
            sequence = packer.sequence
            self._kernel.continue_from(self.slot, sequence, timestamp)
        if milliseconds != TICK_MILLISECONDS:
            self.packer = Packer(milliseconds, sequence, self._transmit)

    def send_packed(self) -> None:
        """Give the packer what the tick has made. Raises OSError."""
        event, self.event = self.event, None
        if self.packer is None:
            return
        if event is not None:
            self.packer.event(event)
        else:
            self.packer.audio(self.packet)

    def _transmit(self, data: bytes) -> None:
        """Send a packet of the packer's, and count it."""
        self.transport.send(data)
        self.packets_sent += 1
        self.bytes_sent += len(data) - rtp.HEADER_BYTES

    # Whom the leg hears

    def _latched(self, source: Address) -> None:
        """The peer's packets come from here now."""
        if not self.first_heard:
            self.first_heard = True
            self._tell(protocol.FirstPacket(self.number, *source))
        else:
            self._tell(protocol.SourceChanged(self.number, *source))
        self._on_change(self)

    def _stream(self) -> Stream | None:
        """What was last heard of the peer."""
        if self.reception is None:
            return None
        return Stream(self.remote_ssrc, self.reception.highest & rtp.SEQUENCE_MASK, self.last_heard)

    # Packets that need a closer look

    def receive_odd(self, data: memoryview, now: float) -> None:
        """Take a packet of the peer's, of any kind and quality."""
        if rtp.kind_of(data) is not rtp.Kind.RTP:
            self._discarded += 1
            return
        try:
            packet = rtp.unpack(data)
        except rtp.PacketError:
            self._discarded += 1
            return
        self._take(packet, now)

    def _take(self, packet: rtp.Packet, now: float) -> None:
        """Count a packet of the peer, and hand it to whom it concerns."""
        is_event = packet.payload_type in self.event_types
        if is_event and packet.ssrc != self.remote_ssrc and self.reception is not None:
            # Events of an SSRC of their own (RFC 4733 section 2.2) leave the stream of audio alone.
            self._earlier_received += 1
        elif not self._count(packet, now):
            self._discarded += 1
            return
        self.last_heard = now
        self.bytes_received += len(packet.payload)
        if is_event:
            self._take_event(packet)
        elif packet.payload_type in self._laws:
            self._take_audio(packet)
        else:
            self._discarded += packet.payload_type != COMFORT_NOISE

    def _count(self, packet: rtp.Packet, now: float) -> bool:
        """Count a packet of the stream of audio; False when it is not accepted."""
        if packet.ssrc != self.remote_ssrc or self.reception is None:
            self._new_source(packet, now)
        assert self.reception is not None
        return self.reception.receive(packet.sequence, packet.timestamp, arrival_at(now))

    def _take_audio(self, packet: rtp.Packet) -> None:
        if packet.payload_type != self._heard_type:
            self._hear_as(packet.payload_type)
            self._on_change(self)
        if self.relay:
            self.relay.pass_on(packet)
        elif self.remote is not None and self.remote.receive and self.reception is not None:
            newest = packet.sequence == self.reception.highest & rtp.SEQUENCE_MASK
            follows = packet.marker or newest
            if not self._kernel.receive_odd(self.slot, packet.timestamp, packet.payload, follows=follows):
                self._discarded += 1

    def _take_event(self, packet: rtp.Packet) -> None:
        key = self.key_reader.receive(packet)
        if key:
            self.saw_event = True
            self._tell(protocol.Digit(self.number, key, "rfc4733"))
        if self.relay and self.relay.takes_events:
            self.relay.pass_on(packet)
        elif key:
            self._on_key(self, key)

    def _new_source(self, packet: rtp.Packet, now: float) -> None:
        """The peer's stream begins, or another one of the peer's does."""
        if self.reception:
            self._earlier_received += self.reception.received
            self._earlier_lost += self.reception.lost
            self._kernel.flush(self.slot)
        self.reception = Reception(packet.sequence, packet.timestamp, arrival_at(now))
        self.remote_ssrc = packet.ssrc

    def discard(self) -> None:
        """Count a packet that could not be played."""
        self._discarded += 1

    # Telephone events out

    @property
    def key_sender(self) -> SendEvent | None:
        negotiated = self.remote is not None and self.remote.dtmf_payload_type is not None
        return self.send_event if negotiated else None

    def send_event(self, payload: bytes, begins: bool) -> None:
        """Send this telephone event instead of the current tick's audio."""
        sequence, timestamp = self._kernel.outgoing(self.slot)
        if begins:
            self.event_timestamp = (timestamp + 160) & rtp.TIMESTAMP_MASK
        remote = self.remote
        if remote is None or remote.dtmf_payload_type is None:
            return
        self.event = rtp.pack(
            rtp.Packet(
                remote.dtmf_payload_type,
                begins,
                (sequence + 1) & rtp.SEQUENCE_MASK,
                self.event_timestamp,
                self.identity.ssrc,
                payload,
            )
        )

    # Counting

    def counters(self, now: float) -> protocol.Counters:
        """What passed through this leg until now."""
        late, concealed, delay = self._kernel.received_late(self.slot)
        received, lost, jitter = self._earlier_received, self._earlier_lost, 0.0
        if self.reception:
            received += self.reception.received
            lost += self.reception.lost
            jitter = self.reception.jitter
        state = self.rtcp_state
        host, port = self.transport.target or ("", 0)
        return protocol.Counters(
            packets_sent=self.packets_sent,
            bytes_sent=self.bytes_sent,
            packets_received=received,
            bytes_received=self.bytes_received,
            lost=lost,
            jitter_ms=round(jitter * 1000 / CLOCK_RATE, 3),
            concealed=concealed,
            discarded=self._discarded + self.transport.discarded,
            late=late,
            delay_ms=0.0 if self.relay else delay * 20.0,
            rtt_ms=state.rtt_ms,
            remote_lost=state.remote_lost,
            remote_jitter_ms=state.remote_jitter_ms,
            remote_host=host,
            remote_port=port,
            codec=self.remote.codec if self.remote else "",
            seconds=round(now - self.opened_at, 3),
        )


class RtcpState:
    """What a leg remembers between reports."""

    __slots__ = (
        "last_sr",
        "last_sr_at",
        "packets_reported",
        "remote_jitter_ms",
        "remote_lost",
        "rtt_ms",
    )

    def __init__(self) -> None:
        self.last_sr = 0
        self.last_sr_at = 0.0
        self.packets_reported = 0
        self.rtt_ms: float | None = None
        self.remote_lost: int | None = None
        self.remote_jitter_ms: float | None = None


def arrival_at(now: float) -> int:
    """A monotonic time in timestamp units."""
    return int(now * CLOCK_RATE)

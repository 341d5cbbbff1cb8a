"""A leg: the RTP session with one peer. Its sockets, whom it believes, what it counts, and packets out of
the ordinary.

Ordinary packets, 20 ms of the negotiated codec from a settled source, are taken by the tick for all legs at
once; everything else comes through `receive_odd`.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.media import protocol
from offhook.media.kernel import TickKernel
from offhook.media.playback import PlayQueue
from offhook.media.sources import Source
from offhook.rtp import packet as rtp
from offhook.rtp.latch import Address, Latch, Verdict
from offhook.rtp.stats import Reception
from offhook.rtp.telephone_event import KeyReader

if TYPE_CHECKING:
    from offhook.media.relay import Relay

LAWS: Final = {"PCMU": 0, "PCMA": 1}
COMFORT_NOISE: Final = 13
CLOCK_RATE: Final = 8000
MAX_DRAINED: Final = 1000
NOT_FAST: Final = -1
"""The fast payload type of a leg whose packets all need a closer look."""

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a leg's own stream begins with; random, as RFC 3550 section 5.1 wants."""

    ssrc: int
    sequence: int
    timestamp: int
    cname: str


class Leg:
    """One open leg. Attributes without an underscore are for the engine; the hot ones are plain on purpose.

    recv: reads a packet into a buffer. send: sends one to the peer. packet: the tick's outgoing packet.
    event: what replaces it in this tick. fast_payload_type: of packets that need no closer look.
    """

    __slots__ = (
        "_discarded",
        "_earlier_jitter",
        "_earlier_lost",
        "_earlier_received",
        "_kernel",
        "_latch",
        "_on_key",
        "_on_settled",
        "_source",
        "_tell",
        "bytes_received",
        "bytes_sent",
        "detect_inband",
        "event",
        "event_timestamp",
        "fast_payload_type",
        "fileno",
        "first_heard",
        "frame_out",
        "host",
        "identity",
        "key_reader",
        "keys",
        "last_heard",
        "last_play_end",
        "number",
        "opened_at",
        "packet",
        "packets_sent",
        "partner",
        "queue",
        "reception",
        "recv",
        "relay",
        "remote",
        "remote_ssrc",
        "rtcp",
        "rtcp_state",
        "rtp",
        "rtp_timeout",
        "saw_event",
        "send",
        "settled",
        "slot",
        "taps",
        "target",
        "timed_out",
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
        on_settled: Callable[[Leg], None],
        rtp_timeout: float,
        now: float,
    ) -> None:
        self.number = number
        self.slot = slot
        self.rtp, self.rtcp = sockets
        self.fileno = self.rtp.fileno()
        self.host = host
        self.identity = identity
        self.rtp_timeout = rtp_timeout
        self.opened_at = self.last_heard = now
        self._kernel = kernel
        self._tell = tell
        self._on_key = on_key
        self._on_settled = on_settled
        kernel.clear(slot, ssrc=identity.ssrc, sequence=identity.sequence, timestamp=identity.timestamp)
        self.packet = kernel.packet(slot)
        self.frame_out = kernel.frames_out[slot]
        self.event: bytes | None = None
        self.event_timestamp = 0
        self.remote: protocol.SetRemote | None = None
        self.target: Address | None = None
        self._latch: Latch | None = None
        self._source: Address = ("", 0)
        self.settled = False
        self.fast_payload_type = NOT_FAST
        self.recv: Callable[[memoryview], int] = self._recv_from_anyone
        self.send: Callable[[bytes | memoryview], int] = self._send_nowhere
        self.reception: Reception | None = None
        self.remote_ssrc = -1
        self.first_heard = False
        self.timed_out = False
        self.bytes_received = self.bytes_sent = self.packets_sent = 0
        self._discarded = self._earlier_received = self._earlier_lost = 0
        self._earlier_jitter = 0.0
        self.key_reader = KeyReader()
        self.saw_event = False
        self.queue = PlayQueue()
        self.keys: list[Source] = []
        self.last_play_end = now
        self.taps: dict[int, protocol.TapSource] = {}
        self.partner: Leg | None = None
        self.detect_inband = False
        self.relay: Relay | None = None
        self.rtcp_state = RtcpState()

    # Where packets go to and come from

    def set_remote(self, remote: protocol.SetRemote, now: float) -> None:
        """Take over what SDP says. The source is learnt anew if the address is another."""
        before = self.remote
        self.remote = remote
        if before is None or (before.codec, before.payload_type) != (remote.codec, remote.payload_type):
            self._kernel.configure(self.slot, law=LAWS[remote.codec], payload_type=remote.payload_type)
        if before is None or (before.host, before.port) != (remote.host, remote.port):
            self._learn_anew((remote.host, remote.port))
        if remote.receive and not (before and before.receive):
            self.last_heard = now
            self.timed_out = False
        self._set_fast()

    def _learn_anew(self, named: Address) -> None:
        if self.settled:
            _disconnect(self.rtp)
        self.settled = False
        self._latch = Latch(named)
        self.recv = self._recv_from_anyone
        self._aim(named)

    def _aim(self, target: Address) -> None:
        """Send to this address from now on."""
        self.target = target
        sendto = self.rtp.sendto
        self.send = lambda data: sendto(data, target)
        self.rtcp_state.target = (target[0], min(65535, target[1] + 1))

    def _settle_if_sure(self, now: float) -> None:
        """When no other source will be believed, let the kernel pass over all others."""
        latch = self._latch
        if latch is None or latch.source is None or not latch.settled(now):
            return
        try:
            self.rtp.connect(latch.source)
        except OSError:
            return
        self._drain(latch.source, now)
        self.settled = True
        self.recv = self.rtp.recv_into
        self.send = self.rtp.send
        self._set_fast()
        self._on_settled(self)

    def _drain(self, peer: Address, now: float) -> None:
        """Take what had been queued before the socket was connected, leaving out what others sent."""
        with contextlib.suppress(OSError):
            for _ in range(MAX_DRAINED):
                data, source = self.rtp.recvfrom(rtp.MAX_PACKET_BYTES)
                if source[:2] != peer:
                    self._discarded += 1
                    continue
                with contextlib.suppress(rtp.PacketError):
                    self._take(rtp.unpack(data), now)

    def _set_fast(self) -> None:
        fast = self.settled and self.remote is not None and self.remote.receive
        self.fast_payload_type = self.remote.payload_type if fast and self.remote else NOT_FAST

    def _recv_from_anyone(self, buffer: memoryview) -> int:
        count, source = self.rtp.recvfrom_into(buffer)
        self._source = source[:2]
        return count

    def _send_nowhere(self, data: bytes | memoryview) -> int:
        return 0

    # Packets that need a closer look

    def receive_odd(self, data: memoryview, now: float) -> None:
        """Take a packet of any kind and quality."""
        if rtp.kind_of(data) is not rtp.Kind.RTP:
            self._discarded += 1
            return
        try:
            packet = rtp.unpack(data)
        except rtp.PacketError:
            self._discarded += 1
            return
        if self.settled:
            self._take(packet, now)
        elif self._believes(packet, now):
            self._take(packet, now)
            self._settle_if_sure(now)
        else:
            self._discarded += 1

    def _believes(self, packet: rtp.Packet, now: float) -> bool:
        """Judge the source of a packet, and follow it if it is the peer's."""
        latch = self._latch
        if latch is None:
            return False
        source = self._source
        verdict = latch.receive(source, packet.ssrc, packet.sequence, now)
        if verdict is Verdict.REJECT:
            return False
        if verdict is Verdict.LATCHED:
            self._aim(source)
        if not self.first_heard:
            self.first_heard = True
            self._tell(protocol.FirstPacket(self.number, *source))
        return True

    def _take(self, packet: rtp.Packet, now: float) -> None:
        """Count a packet of the peer, and hand it to whom it concerns."""
        if packet.ssrc != self.remote_ssrc or self.reception is None:
            self._new_source(packet, now)
        reception = self.reception
        if reception is None or not reception.receive(packet.sequence, packet.timestamp, arrival_at(now)):
            self._discarded += 1
            return
        self.last_heard = now
        self.bytes_received += len(packet.payload)
        remote = self.remote
        if remote is None:
            return
        if packet.payload_type == remote.dtmf_payload_type:
            self._take_event(packet)
        elif packet.payload_type != remote.payload_type:
            self._discarded += packet.payload_type != COMFORT_NOISE
        elif self.relay:
            self.relay.pass_on(packet)
        elif remote.receive:
            newest = packet.sequence == reception.highest & rtp.SEQUENCE_MASK
            follows = packet.marker or newest
            if not self._kernel.receive_odd(self.slot, packet.timestamp, packet.payload, follows=follows):
                self._discarded += 1

    def _take_event(self, packet: rtp.Packet) -> None:
        key = self.key_reader.receive(packet.timestamp, packet.payload)
        if key:
            self.saw_event = True
            self._tell(protocol.Digit(self.number, key, "rfc4733"))
        if self.relay:
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
        self.key_reader = KeyReader()

    def discard(self) -> None:
        """Count a packet that could not be played."""
        self._discarded += 1

    # Telephone events out

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
        host, port = self.target or ("", 0)
        return protocol.Counters(
            packets_sent=self.packets_sent,
            bytes_sent=self.bytes_sent,
            packets_received=received,
            bytes_received=self.bytes_received,
            lost=lost,
            jitter_ms=round(jitter * 1000 / CLOCK_RATE, 3),
            concealed=concealed,
            discarded=self._discarded,
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
        "target",
    )

    def __init__(self) -> None:
        self.target: Address | None = None
        self.last_sr = 0
        self.last_sr_at = 0.0
        self.packets_reported = 0
        self.rtt_ms: float | None = None
        self.remote_lost: int | None = None
        self.remote_jitter_ms: float | None = None


def arrival_at(now: float) -> int:
    """A monotonic time in timestamp units."""
    return int(now * CLOCK_RATE)


class _Unspecified(ctypes.Structure):
    """A sockaddr of AF_UNSPEC: connecting a datagram socket to it ends its connection (connect(2))."""

    _fields_ = (("family", ctypes.c_ushort), ("data", ctypes.c_char * 26))


def _disconnect(connected: socket.socket) -> None:
    """Let a socket hear everyone again, at the same port."""
    nowhere = _Unspecified(socket.AF_UNSPEC)
    with contextlib.suppress(OSError):
        _libc.connect(connected.fileno(), ctypes.byref(nowhere), ctypes.sizeof(nowhere))

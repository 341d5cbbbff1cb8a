"""Relaying: packets of one leg go out on its partner's socket as they arrive, under the partner's own
numbering.

The receiver sees one stream of one SSRC, whose sequence numbers and timestamps go on where the tick left
them, and where the tick will go on from them. Headers are rewritten, payloads are not touched. Events that come
under an SSRC of their own are put in between.
"""

from __future__ import annotations

import time
from typing import Final

from offhook.audio.frames import FRAME_SAMPLES
from offhook.media.kernel import FRAME_PACKET_BYTES, TickKernel
from offhook.media.leg import CLOCK_RATE, Leg
from offhook.rtp import packet as rtp

_BUFFER = bytearray(rtp.MAX_PACKET_BYTES)
_BUFFER_VIEW: Final = memoryview(_BUFFER)
_FRAME_VIEW: Final = _BUFFER_VIEW[:FRAME_PACKET_BYTES]


class Relay:
    """From one leg to another, until it is stopped. What the one hears must be what the other sends.

    takes_events: whether telephone events can be passed on, too.
    """

    __slots__ = (
        "_dtmf_out",
        "_event",
        "_event_timestamp",
        "_from",
        "_kernel",
        "_payload_type_out",
        "_recv_via",
        "_send_via",
        "_sequence",
        "_sequence_step",
        "_since",
        "_ssrc",
        "_ssrc_in",
        "_timestamp",
        "_timestamp_step",
        "_to",
        "takes_events",
    )

    def __init__(self, source: Leg, target: Leg, kernel: TickKernel, now: float) -> None:
        if source.remote is None or target.remote is None:
            raise ValueError("both legs must have a remote")
        self._from = source
        self._to = target
        self._kernel = kernel
        self._recv_via = source.transport
        self._send_via = target.transport
        self._ssrc = target.identity.ssrc
        self._ssrc_in = -1
        self._payload_type_out = target.remote.payload_type
        self.takes_events = target.remote.dtmf_payload_type is not None
        self._dtmf_out = target.remote.dtmf_payload_type or 0
        self._event = (-1, -1)
        self._event_timestamp = 0
        self._sequence, self._timestamp = kernel.outgoing(target.slot)
        self._sequence_step = self._timestamp_step = 0
        self._since = now

    def forward(self, _events: int = 0) -> None:
        """Take one packet off the socket and pass it on: the hot path of a bridged call."""
        try:
            count = self._recv_via.recv(_BUFFER_VIEW)
        except OSError:
            return
        first, second, sequence, timestamp, ssrc = rtp.unpack_header(_BUFFER)
        leg = self._from
        now = time.monotonic()
        if (
            first != 0x80
            or count < rtp.HEADER_BYTES
            or second & 0x7F != leg.fast_payload_type
            or ssrc != self._ssrc_in
            or ssrc != leg.remote_ssrc
        ):
            leg.receive_odd(_BUFFER_VIEW[:count], now)
            return
        if not leg.reception.receive(sequence, timestamp, int(now * CLOCK_RATE)):  # type: ignore[union-attr]
            leg.discard()
            return
        leg.last_heard = now
        leg.bytes_received += count - rtp.HEADER_BYTES
        self._sequence = sequence = (sequence + self._sequence_step) & rtp.SEQUENCE_MASK
        self._timestamp = timestamp = (timestamp + self._timestamp_step) & rtp.TIMESTAMP_MASK
        rtp.pack_header_into(
            _BUFFER, 0, 0x80, second & 0x80 | self._payload_type_out, sequence, timestamp, self._ssrc
        )
        target = self._to
        try:
            self._send_via.send(_FRAME_VIEW if count == FRAME_PACKET_BYTES else _BUFFER_VIEW[:count])
        except OSError:
            return
        target.packets_sent += 1
        target.bytes_sent += count - rtp.HEADER_BYTES

    def pass_on(self, packet: rtp.Packet) -> None:
        """Send a packet that the leg has counted: the first of a stream, an event, or one with more than a
        plain header.
        """
        marker = packet.marker
        is_event = packet.payload_type in self._from.event_types
        if packet.ssrc != self._ssrc_in:
            if is_event and self._ssrc_in == self._from.remote_ssrc:
                self._put_between(packet)
                return
            self._continue_with(packet)
            marker = True
        sequence = (packet.sequence + self._sequence_step) & rtp.SEQUENCE_MASK
        timestamp = (packet.timestamp + self._timestamp_step) & rtp.TIMESTAMP_MASK
        self._sequence, self._timestamp = sequence, timestamp
        payload_type = self._dtmf_out if is_event else self._payload_type_out
        self._transmit(rtp.Packet(payload_type, marker, sequence, timestamp, self._ssrc, packet.payload))

    def _put_between(self, event: rtp.Packet) -> None:
        """Send a packet of an event that has an SSRC of its own: the audio after it moves on by one."""
        if self._event != (event.ssrc, event.timestamp):
            self._event = (event.ssrc, event.timestamp)
            self._event_timestamp = (self._timestamp + FRAME_SAMPLES) & rtp.TIMESTAMP_MASK
        self._sequence_step += 1
        self._sequence = sequence = (self._sequence + 1) & rtp.SEQUENCE_MASK
        timestamp = self._event_timestamp
        self._transmit(
            rtp.Packet(self._dtmf_out, event.marker, sequence, timestamp, self._ssrc, event.payload)
        )

    def _continue_with(self, packet: rtp.Packet) -> None:
        """Choose the steps so that this packet follows the last one sent; at first by as much time as has
        passed.
        """
        waited = time.monotonic() - self._since if self._ssrc_in < 0 else 0.0
        frames = max(1, round(waited * CLOCK_RATE / FRAME_SAMPLES))
        self._sequence_step = self._sequence + 1 - packet.sequence
        self._timestamp_step = self._timestamp + frames * FRAME_SAMPLES - packet.timestamp
        self._ssrc_in = packet.ssrc

    def _transmit(self, packet: rtp.Packet) -> None:
        try:
            self._send_via.send(rtp.pack(packet))
        except OSError:
            return
        self._to.packets_sent += 1
        self._to.bytes_sent += len(packet.payload)

    def stop(self) -> None:
        """Let the tick go on where this ends."""
        self._kernel.continue_from(self._to.slot, self._sequence, self._timestamp)

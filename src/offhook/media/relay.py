"""Relaying: packets of one leg go out on its partner's socket as they arrive, under the partner's own numbering.

The receiver sees one stream of one SSRC, whose sequence numbers and timestamps go on where the tick left
them, and where the tick will go on from them. Headers are rewritten, payloads are not touched. Events that come
under an SSRC of their own are put in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from offhook.audio.frames import FRAME_SAMPLES
from offhook.media.kernel import FRAME_PACKET_BYTES, TickKernel
from offhook.media.leg import CLOCK_RATE, Leg, arrival_at
from offhook.rtp.packet import (
    HEADER_BYTES,
    MAX_PACKET_BYTES,
    SEQUENCE_MASK,
    TIMESTAMP_MASK,
    Packet,
    pack,
    pack_header_into,
    unpack_header,
)

_BUFFER = bytearray(MAX_PACKET_BYTES)
_BUFFER_VIEW: Final = memoryview(_BUFFER)
_FRAME_VIEW: Final = _BUFFER_VIEW[:FRAME_PACKET_BYTES]


class Relay:
    """From one leg to another, until it is stopped. What the one hears must be what the other sends.

    takes_events: whether telephone events can be passed on, too. sequence, timestamp: of the last packet that was
    sent; the steps: what is added to those of the stream `ssrc_in` that comes. payload_type, ssrc: of what is sent.
    """

    __slots__ = (
        "_dtmf_out",
        "_event",
        "_event_timestamp",
        "_kernel",
        "_since",
        "payload_type",
        "sequence",
        "sequence_step",
        "source",
        "ssrc",
        "ssrc_in",
        "takes_events",
        "target",
        "timestamp",
        "timestamp_step",
    )

    def __init__(self, source: Leg, target: Leg, kernel: TickKernel, now: float) -> None:
        if source.remote is None or target.remote is None:
            raise ValueError("both legs must have a remote")
        self.source = source
        self.target = target
        self._kernel = kernel
        self.ssrc = target.identity.ssrc
        self.ssrc_in = -1
        self.payload_type = target.remote.payload_type
        self.takes_events = target.remote.dtmf_payload_type is not None
        self._dtmf_out = target.remote.dtmf_payload_type or 0
        self._event = (-1, -1)
        self._event_timestamp = 0
        self.sequence, self.timestamp = kernel.outgoing(target.slot)
        self.sequence_step = self.timestamp_step = 0
        self._since = now

    def pass_on(self, packet: Packet) -> None:
        """Send a packet that the leg has counted: a stream's first, an event, or one with more than a plain header."""
        marker = packet.marker
        is_event = packet.payload_type in self.source.event_types
        if packet.ssrc != self.ssrc_in:
            if is_event and self.ssrc_in == self.source.remote_ssrc:
                self._put_between(packet)
                return
            self._continue_with(packet)
            marker = True
        sequence = (packet.sequence + self.sequence_step) & SEQUENCE_MASK
        timestamp = (packet.timestamp + self.timestamp_step) & TIMESTAMP_MASK
        self.sequence, self.timestamp = sequence, timestamp
        payload_type = self._dtmf_out if is_event else self.payload_type
        self._transmit(Packet(payload_type, marker, sequence, timestamp, self.ssrc, packet.payload))

    def _put_between(self, event: Packet) -> None:
        """Send a packet of an event that has an SSRC of its own: the audio after it moves on by one."""
        if self._event != (event.ssrc, event.timestamp):
            self._event = (event.ssrc, event.timestamp)
            self._event_timestamp = (self.timestamp + FRAME_SAMPLES) & TIMESTAMP_MASK
        self.sequence_step += 1
        self.sequence = sequence = (self.sequence + 1) & SEQUENCE_MASK
        timestamp = self._event_timestamp
        self._transmit(Packet(self._dtmf_out, event.marker, sequence, timestamp, self.ssrc, event.payload))

    def _continue_with(self, packet: Packet) -> None:
        """Choose the steps so that this packet follows the last one sent; at first by as much time as has passed."""
        waited = time.monotonic() - self._since if self.ssrc_in < 0 else 0.0
        frames = max(1, round(waited * CLOCK_RATE / FRAME_SAMPLES))
        self.sequence_step = self.sequence + 1 - packet.sequence
        self.timestamp_step = self.timestamp + frames * FRAME_SAMPLES - packet.timestamp
        self.ssrc_in = packet.ssrc

    def _transmit(self, packet: Packet) -> None:
        try:
            self.target.transport.send(pack(packet))
        except OSError:
            return
        self.target.packets_sent += 1
        self.target.bytes_sent += len(packet.payload)

    def stop(self) -> None:
        """Let the tick go on where this ends."""
        self._kernel.continue_from(self.target.slot, self.sequence, self.timestamp)


class Relays:
    """The relays of a worker, by the file descriptor that each reads."""

    def __init__(self) -> None:
        self._relays: dict[int, Relay] = {}

    def __len__(self) -> int:
        return len(self._relays)

    def add(self, relay: Relay) -> None:
        self._relays[relay.source.fileno] = relay

    def remove(self, relay: Relay) -> None:
        self._relays.pop(relay.source.fileno, None)

    def forward(
        self,
        ready: list[tuple[int, int]],
        handlers: Mapping[int, Callable[[int], None]],
        now: float,
    ) -> None:
        """Pass on one packet of each relayed leg that is ready, as `epoll` says; others are for their handlers.

        The hot path of bridged calls: one loop, in which as little as can be is looked up or called.
        """
        relays, buffer, arrival = self._relays, _BUFFER_VIEW, arrival_at(now)
        for fileno, events in ready:
            relay = relays.get(fileno)
            if relay is None:
                handler = handlers.get(fileno)
                if handler is not None:
                    handler(events)
                continue
            leg = relay.source
            recv = leg.transport.recv
            try:
                count = recv(buffer)
            except OSError:
                continue
            first, second, sequence, timestamp, ssrc = unpack_header(buffer)
            if (
                first != 0x80
                or second & 0x7F != leg.fast_payload_type
                or ssrc != relay.ssrc_in
                or ssrc != leg.remote_ssrc
                or count < HEADER_BYTES
            ):
                leg.receive_odd(buffer[:count], now)
                continue
            if not leg.reception.receive(sequence, timestamp, arrival):  # type: ignore[union-attr]
                leg.discard()
                continue
            leg.last_heard = now
            leg.bytes_received += count - HEADER_BYTES
            relay.sequence = sequence = (sequence + relay.sequence_step) & SEQUENCE_MASK
            relay.timestamp = timestamp = (timestamp + relay.timestamp_step) & TIMESTAMP_MASK
            marker_and_type = second & 0x80 | relay.payload_type
            pack_header_into(buffer, 0, 0x80, marker_and_type, sequence, timestamp, relay.ssrc)
            target = relay.target
            send = target.transport.send
            try:
                send(_FRAME_VIEW if count == FRAME_PACKET_BYTES else buffer[:count])
            except OSError:
                continue
            target.packets_sent += 1
            target.bytes_sent += count - HEADER_BYTES

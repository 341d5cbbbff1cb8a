"""The tick: every 20 ms each leg that is not relayed hears a frame and is sent one, and rooms are mixed.

What is to be sent leaves before what was heard is looked at, so that the work on the one does not delay the
other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import numpy as np

from offhook.audio.frames import FRAME_BYTES, FRAME_MILLISECONDS, FRAME_SAMPLES
from offhook.audio.g711 import Samples
from offhook.audio.mixer import mix
from offhook.media import protocol
from offhook.media.kernel import Slots, TickKernel
from offhook.media.leg import Leg
from offhook.media.legs import Legs
from offhook.media.mixing import Mixer
from offhook.media.reports import REPORT_SECONDS
from offhook.media.streams_link import StreamsLink
from offhook.rtp.packet import HEADER_BYTES

TICKS_PER_SECOND: Final = 1000 // FRAME_MILLISECONDS
REPORT_TICKS: Final = int(REPORT_SECONDS * TICKS_PER_SECOND)
GUARD_TICKS: Final = TICKS_PER_SECOND // 2
"""How often a look is taken whether a source has fallen silent."""
SENT_AT_ONCE: Final = 100
SILENT_FRAME: Final = bytes(FRAME_BYTES)
NOT_HEARD: Final = -1


class Tick:
    """Runs ticks over the legs."""

    def __init__(
        self, legs: Legs, kernel: TickKernel, link: StreamsLink, breathe: Callable[[], None] = lambda: None
    ) -> None:
        """breathe: called between the parts of a tick, for what cannot wait for its end."""
        self._breathe = breathe
        self._legs = legs
        self._kernel = kernel
        self._link = link
        self._plays = legs.plays
        self._mixer = Mixer(legs.rooms, kernel)
        self._number = 0
        self._heard_slots: Slots = np.zeros(0, dtype=np.intp)
        self._speaking_slots = self._cleared_slots = self._heard_slots
        self._detecting_rows = self._heard_slots
        self._ticked: list[Leg] = []
        self._speaking: list[Leg] = []
        self._packing: list[Leg] = []
        self._silent: list[Leg] = []
        self._bridged: list[tuple[Leg, int]] = []
        self._tapped: list[tuple[Leg, int]] = []
        self._by_slot: dict[int, Leg] = {}
        self._reporting: list[list[Leg]] = [[] for _ in range(REPORT_TICKS)]

    def run(self, now: float) -> None:
        """One tick; `now` is when."""
        if self._legs.changed:
            self._arrange()
        heard = self._kernel.listen(self._heard_slots)
        self._breathe()
        self._kernel.frames_out[self._cleared_slots] = 0
        for audible in self._plays.playing.values():
            if audible.ready:
                audible.queue.fill(audible.frame_out)
        for leg, row in self._bridged:
            self._pass_between(leg, heard[row])
        self._mixer.mix(heard)
        self._kernel.speak(self._speaking_slots)
        self._breathe()
        self._send()
        for audible in list(self._plays.playing.values()):
            if audible.queue.started or audible.queue.ended:
                self._plays.report(audible, now)
        self._detect(heard)
        self._breathe()
        self._hear_taps(heard)
        self._link.flush(now)
        for room, number, speaking in self._mixer.speech:
            self._legs.tell(protocol.Speech(room.number, number, speaking))
        self._mixer.speech.clear()
        if self._mixer.fading:
            self._legs.settle(self._mixer.fading)
        self._number += 1
        self._report(now)

    def _arrange(self) -> None:
        """Sort the legs by what is to be done with them; needed only when something has changed."""
        legs = list(self._legs.open.values())
        self._legs.changed = False
        ticked = self._ticked = [leg for leg in legs if leg.remote is not None and leg.relay is None]
        self._heard_slots = np.array([leg.slot for leg in ticked], dtype=np.intp)
        self._mixer.arrange(ticked)
        self._cleared_slots = np.concatenate((self._heard_slots, self._mixer.slots))
        speaking = [leg for leg in ticked if leg.remote and leg.remote.send]
        self._speaking = [leg for leg in speaking if leg.packer is None]
        self._packing = [leg for leg in speaking if leg.packer is not None]
        self._silent = [leg for leg in ticked if leg.remote and not leg.remote.send]
        self._speaking_slots = np.array([leg.slot for leg in speaking], dtype=np.intp)
        rows = {leg.number: row for row, leg in enumerate(ticked)}
        self._bridged = [
            (leg, rows[leg.partner.number])
            for leg in ticked
            if leg.partner is not None and leg.partner.number in rows
        ]
        self._tapped = [(leg, rows.get(leg.number, NOT_HEARD)) for leg in legs if leg.taps]
        self._by_slot = {leg.slot: leg for leg in ticked}
        self._detecting_rows = np.array(
            [row for row, leg in enumerate(ticked) if not leg.saw_event], dtype=np.intp
        )
        for bucket in self._reporting:
            bucket.clear()
        for leg in legs:
            self._reporting[leg.slot % REPORT_TICKS].append(leg)

    def _pass_between(self, leg: Leg, voice: Samples) -> None:
        """Let a bridged leg hear its partner, over what is played to it, and the keys its partner pressed."""
        out = leg.frame_out
        if leg.keys:
            if leg.keys[0].fill(out) < FRAME_SAMPLES:
                leg.keys.pop(0)
                if not leg.keys:
                    self._legs.refresh(leg)
        elif leg.queue:
            out[:] = mix(out, voice)
        else:
            out[:] = voice

    def _send(self) -> None:
        """Send every leg its packet. An unreachable peer is not a reason to stop: it may be there later."""
        for start in range(0, len(self._speaking), SENT_AT_ONCE):
            self._send_to(self._speaking[start : start + SENT_AT_ONCE])
            self._breathe()
        for leg in self._packing:
            with suppress(OSError):
                leg.send_packed()
        for leg in self._silent:
            leg.event = None
            self._kernel.skip(leg.slot)

    @staticmethod
    def _send_to(legs: list[Leg]) -> None:
        for leg in legs:
            packet: bytes | memoryview = leg.packet
            if leg.event is not None:
                packet, leg.event = leg.event, None
            send = leg.transport.send
            try:
                send(packet)
            except OSError:
                continue
            leg.packets_sent += 1
            leg.bytes_sent += len(packet) - HEADER_BYTES

    def _detect(self, heard: Samples) -> None:
        """Tell of keys pressed as tones."""
        rows = self._detecting_rows
        if not len(rows):
            return
        if len(rows) < len(self._ticked):
            slots, frames = self._heard_slots[rows], heard[rows]
        else:
            slots, frames = self._heard_slots, heard
        for slot, key in self._kernel.detect(slots, frames):
            leg = self._by_slot[slot]
            if not leg.saw_event:
                self._legs.tell(protocol.Digit(leg.number, key, "inband"))

    def _hear_taps(self, heard: Samples) -> None:
        """Put every tap's frame into the batch for streams."""
        for leg, row in self._tapped:
            received = SILENT_FRAME if row == NOT_HEARD else heard[row].tobytes()
            sent = SILENT_FRAME if row == NOT_HEARD else leg.frame_out.tobytes()
            for tap, source in leg.taps.items():
                self._link.hear(tap, received if source == "received" else sent)
        for tap, frame in self._mixer.taps():
            self._link.hear(tap, frame)

    def _report(self, now: float) -> None:
        """Send the RTCP that is due in this tick, and now and then look for silent peers."""
        for leg in self._reporting[self._number % REPORT_TICKS]:
            self._legs.report(leg, now)
        if self._number % GUARD_TICKS == 0:
            for leg in self._legs.open.values():
                leg.transport.guard(leg.last_heard, now)
        if self._number % TICKS_PER_SECOND == 0:
            for leg in self._legs.open.values():
                self._watch_silence(leg, now)

    def _watch_silence(self, leg: Leg, now: float) -> None:
        """Tell of a peer that should be sending and is silent, each time the limit has passed once more."""
        should_send = leg.expected if leg.remote is None else leg.remote.receive
        if not should_send or leg.rtp_timeout <= 0:
            return
        silent = now - leg.last_heard
        if silent < leg.rtp_timeout:
            leg.timeouts = 0
        elif silent >= leg.rtp_timeout * (leg.timeouts + 1):
            leg.timeouts = int(silent / leg.rtp_timeout)
            self._legs.tell(protocol.RtpTimeout(leg.number, round(silent, 3)))

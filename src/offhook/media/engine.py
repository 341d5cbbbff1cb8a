"""The worker's loop: packets in between, and every 20 ms a tick over all legs.

Legs that the tick hears are polled a few times a tick. Relayed legs, control and audio sockets are waited
for, and served at once; relayed legs are served between the parts of a poll and of a tick as well. Nothing here
blocks but the wait itself, and nothing awaits. Without legs or rooms there are no ticks: the worker sleeps until
voice wants something.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from offhook import heap
from offhook.audio.frames import FRAME_MILLISECONDS
from offhook.media import protocol
from offhook.media.control import ControlServer
from offhook.media.kernel import NumpyKernel, TickKernel
from offhook.media.legs import Legs
from offhook.media.ports import PortPool
from offhook.media.streams_link import StreamsLink
from offhook.media.tick import Tick

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = FRAME_MILLISECONDS / 1000
POLLS_PER_TICK: Final = 4
"""How often legs are polled: packets wait for 5 ms at most, and the jitter reported is that coarse."""
LATE_SECONDS: Final = 0.010
MAX_TICKS_BEHIND: Final = 5
"""Ticks that are made up for after a standstill; more are left out."""
WARNING_SECONDS: Final = 10.0
COLLECT_TICKS: Final = 250
"""Garbage of the youngest generation is collected just after a tick, this often, and at no other time."""
COALESCE_PACKETS: Final = 8
COALESCE_SECONDS: Final = 0.0001
"""When so many relayed packets come at once, the next ones gather for a moment: one wait then serves many."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """host: where RTP is bound by default. rtp_ports: first and last. legs: how many there may be."""

    host: str
    rtp_ports: tuple[int, int]
    control_path: str
    audio_path: str
    legs: int = 2048


class Engine:
    """One worker."""

    def __init__(self, settings: EngineSettings, kernel: TickKernel | None = None) -> None:
        """Binds the control socket. Raises OSError."""
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._running = True
        self._stopped = os.eventfd(0)
        self._watch(self._stopped, select.EPOLLIN, lambda events: None)
        kernel = kernel or NumpyKernel(settings.legs)
        self._link = StreamsLink(settings.audio_path, self._watch)
        self._control = ControlServer(settings.control_path, self._watch, self._command, self._close_legs)
        self._legs = Legs(
            settings.host,
            PortPool(*settings.rtp_ports),
            settings.legs,
            kernel,
            self._link,
            self._watch,
            self._control.tell,
        )
        self._tick = Tick(self._legs, kernel, self._link, self._relay_waiting)
        self._load = LoadMeter()
        self._standstills = 0
        self._warn_again_at = 0.0

    def _watch(self, fileno: int, events: int, handler: Callable[[int], None] | None) -> None:
        """Call the handler when a file descriptor is ready; no longer when it is None."""
        if handler is None:
            if self._handlers.pop(fileno, None):
                with contextlib.suppress(OSError):
                    self._epoll.unregister(fileno)
        elif fileno in self._handlers:
            self._handlers[fileno] = handler
            self._epoll.modify(fileno, events)
        else:
            self._handlers[fileno] = handler
            self._epoll.register(fileno, events)

    def stop(self) -> None:
        """Let `run` return; may be called from a signal handler."""
        self._running = False
        os.eventfd_write(self._stopped, 1)

    def run(self) -> None:
        """Work until stopped."""
        gc.collect()
        gc.freeze()
        gc.disable()
        due = time.monotonic() + TICK_SECONDS
        step = TICK_SECONDS / POLLS_PER_TICK
        polls_left = POLLS_PER_TICK - 1
        while self._running:
            if self._legs.idle and not self._link.waiting:
                self._serve_until_a_leg()
                due, polls_left = time.monotonic() + TICK_SECONDS, POLLS_PER_TICK - 1
            self._serve_until(due - polls_left * step)
            self._legs.poller.poll(time.monotonic(), self._relay_waiting)
            if polls_left:
                polls_left -= 1
            else:
                due = self._run_tick(due)
                polls_left = POLLS_PER_TICK - 1
            self._control.flush()
        self._close()

    def _serve_until_a_leg(self) -> None:
        """Serve what is waited for until there is a leg to tick for, or the worker is to stop."""
        heap.give_back()
        while self._running and self._legs.idle:
            for fileno, events in self._epoll.poll():
                if (handler := self._handlers.get(fileno)) is not None:
                    handler(events)
            self._control.flush()

    def _serve_until(self, until: float) -> None:
        """Serve what is waited for until a moment has come; at least once."""
        forward = self._legs.relays.forward
        now = time.monotonic()
        while True:
            ready = self._epoll.poll(max(0.0, until - now))
            now = time.monotonic()
            if ready:
                forward(ready, self._handlers, now)
                self._control.flush()
                now = time.monotonic()
            if now >= until:
                return
            if len(ready) >= COALESCE_PACKETS:
                time.sleep(COALESCE_SECONDS)
                now = time.monotonic()

    def _relay_waiting(self) -> None:
        """Pass on what has come for relayed legs, in the midst of other work; commands and the rest wait."""
        if len(self._legs.relays):
            ready = self._epoll.poll(0)
            if ready:
                self._legs.relays.forward(ready, {}, time.monotonic())

    def _run_tick(self, due: float) -> float:
        """Run the tick that was due then; when the next one is."""
        began = time.monotonic()
        self._tick.run(began)
        ended = time.monotonic()
        self._load.count(began - due, ended - began)
        if self._load.ticks % COLLECT_TICKS == 0:
            gc.collect(0)
        if ended - due > MAX_TICKS_BEHIND * TICK_SECONDS:
            self._warn_of_standstill(began, ended - due)
            self._link.leave_out(int((ended - due) / TICK_SECONDS))
            return ended + TICK_SECONDS
        return due + TICK_SECONDS

    def _warn_of_standstill(self, now: float, seconds: float) -> None:
        """Say that ticks are left out, in one line for all that are within the same ten seconds."""
        self._standstills += 1
        if now < self._warn_again_at:
            return
        count, self._standstills = self._standstills, 0
        self._warn_again_at = now + WARNING_SECONDS
        logger.warning(
            "the tick stood still for %d ms (times since this was last said: %d)", seconds * 1000, count
        )

    def _command(self, command: protocol.Command) -> None:
        if isinstance(command, protocol.GetLoad):
            self._control.tell(
                self._load.load(len(self._legs.open), len(self._legs.relays), self._link.dropped)
            )
        else:
            self._legs.command(command)

    def _close_legs(self) -> None:
        self._legs.close_all()

    def _close(self) -> None:
        self._legs.close_all()
        self._control.close()
        self._link.close()
        self._epoll.close()
        os.close(self._stopped)


class LoadMeter:
    """Counts ticks and how well they keep their time."""

    def __init__(self) -> None:
        self.ticks = 0
        self._late = 0
        self._worst_lateness = 0.0
        self._seconds = 0.0
        self._worst_seconds = 0.0

    def count(self, lateness: float, seconds: float) -> None:
        """One tick: how late it began and how long it took."""
        self.ticks += 1
        self._seconds += seconds
        self._late += lateness > LATE_SECONDS
        if lateness > self._worst_lateness:
            self._worst_lateness = lateness
        if seconds > self._worst_seconds:
            self._worst_seconds = seconds

    def load(self, legs: int, relayed: int, dropped: int) -> protocol.Load:
        """What was counted; the worst values start again."""
        load = protocol.Load(
            legs=legs,
            relayed=relayed,
            ticks=self.ticks,
            late_ticks=self._late,
            worst_lateness_ms=round(self._worst_lateness * 1000, 3),
            tick_ms=round(self._seconds * 1000 / max(1, self.ticks), 3),
            tick_ms_worst=round(self._worst_seconds * 1000, 3),
            cpu_seconds=round(time.process_time(), 3),
            taps_dropped=dropped,
        )
        self._worst_lateness = self._worst_seconds = 0.0
        return load

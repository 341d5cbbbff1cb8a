"""The legs of a worker and what voice commands of them: opening, playing, tapping, bridging, closing."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from offhook.media import protocol, reports
from offhook.media.items import ItemError, SourceMaker
from offhook.media.kernel import TickKernel
from offhook.media.leg import LAWS, Identity, Leg
from offhook.media.playback import Playback, Reason
from offhook.media.poller import Poller
from offhook.media.ports import NoPortError, PortPool, reachable_address
from offhook.media.relay import Relay, Relays
from offhook.media.streams_link import StreamsLink, Watch
from offhook.sdp.address import unusable

logger = logging.getLogger(__name__)

MAX_TAPS: Final = 8
"""Of one leg."""


class Legs:
    """All open legs. `changed` is set whenever the tick has to arrange them again; the tick clears it.

    playing: legs with something to play, by number.
    """

    def __init__(
        self,
        host: str,
        ports: PortPool,
        capacity: int,
        kernel: TickKernel,
        link: StreamsLink,
        watch: Watch,
        tell: Callable[[protocol.Event], None],
    ) -> None:
        self.open: dict[int, Leg] = {}
        self.playing: dict[int, Leg] = {}
        self.changed = True
        self.poller = Poller(kernel)
        self.relays = Relays()
        self._host = host
        self._ports = ports
        self._kernel = kernel
        self._link = link
        self._sources = SourceMaker(link)
        self._watch = watch
        self.tell = tell
        self._tapped: dict[int, Leg] = {}
        self._free_slots = list(range(capacity - 1, -1, -1))

    def command(self, command: protocol.Command) -> None:
        """Do what voice says. A leg that is not open is passed over."""
        if isinstance(command, protocol.OpenLeg):
            self._open(command)
        elif isinstance(command, protocol.Bridge):
            self._bridge(command)
        elif isinstance(command, protocol.Untap):
            self._untap(command.tap)
        elif not isinstance(command, protocol.GetLoad) and (leg := self.open.get(command.leg)):
            self._command_leg(leg, command)

    def _command_leg(self, leg: Leg, command: protocol.Command) -> None:
        match command:
            case protocol.SetRemote():
                self._set_remote(leg, command)
            case protocol.Expect():
                leg.expect(time.monotonic())
            case protocol.Play():
                self._play(leg, command)
            case protocol.ExtendPlay():
                self._extend(leg, command)
            case protocol.StopPlay():
                leg.queue.stop(command.play, "stopped")
                self.report_plays(leg, time.monotonic())
            case protocol.Tap():
                self._tap(leg, command)
            case protocol.Unbridge():
                self._unbridge(leg)
            case protocol.GetStats():
                self.tell(protocol.LegStats(leg.number, leg.counters(time.monotonic())))
            case protocol.CloseLeg():
                self.close(leg)

    # Opening and closing

    def _open(self, command: protocol.OpenLeg) -> None:
        now = time.monotonic()
        host = command.host or self._host
        if command.leg in self.open:
            self.tell(protocol.LegFailed(command.leg, "the leg is open already"))
            return
        if not self._free_slots:
            self.tell(protocol.LegFailed(command.leg, "the worker is full"))
            return
        try:
            ip_address(host)
            sockets = self._ports.open_pair(host, now)
        except (NoPortError, ValueError) as error:
            self.tell(protocol.LegFailed(command.leg, str(error)))
            return
        leg = Leg(
            command.leg,
            self._free_slots.pop(),
            sockets,
            reachable_address(host),
            _new_identity(),
            self._kernel,
            self.tell,
            self._on_key,
            self.refresh,
            command.rtp_timeout,
            now,
        )
        self.open[leg.number] = leg
        self.poller.add(leg)
        self._watch(leg.rtcp.fileno(), select.EPOLLIN, lambda _: self._receive_report(leg))
        self.tell(protocol.LegOpened(leg.number, leg.host, leg.rtp.getsockname()[1]))

    def close(self, leg: Leg) -> None:
        """End a leg, and tell what passed through it."""
        now = time.monotonic()
        self._unbridge(leg)
        leg.queue.stop_all("closed")
        self.report_plays(leg, now)
        for tap in list(leg.taps):
            self._untap(tap)
        counters = leg.counters(now)
        if leg.packets_sent:
            self._send_report(leg, reports.goodbye(leg))
        self.poller.remove(leg)
        self._watch(leg.rtcp.fileno(), 0, None)
        self._ports.close_pair(leg.rtp, leg.rtcp, now)
        del self.open[leg.number]
        self._free_slots.append(leg.slot)
        self.changed = True
        self.tell(protocol.LegClosed(leg.number, counters))

    def close_all(self) -> None:
        for leg in list(self.open.values()):
            self.close(leg)

    def _set_remote(self, leg: Leg, command: protocol.SetRemote) -> None:
        """What cannot be carried out leaves the leg as it is, and is reported to voice."""
        if reason := _refusal(leg, command):
            logger.warning("leg %d: %s", leg.number, reason)
            self.tell(protocol.RemoteRefused(leg.number, reason))
            return
        self._stop_relay(leg)
        leg.set_remote(command, time.monotonic())
        self.changed = True
        self.refresh(leg)

    # Playing

    def _play(self, leg: Leg, command: protocol.Play) -> None:
        playback = Playback(command.play, (), command.loop, command.more, time.monotonic())
        leg.queue.add(playback)
        self.playing[leg.number] = leg
        self._append(leg, playback, command.items, command.more)
        self.refresh(leg)

    def _extend(self, leg: Leg, command: protocol.ExtendPlay) -> None:
        playback = leg.queue.find(command.play)
        if playback is not None and playback.more:
            self._append(leg, playback, command.items, command.more)

    def _append(self, leg: Leg, playback: Playback, items: tuple[protocol.Item, ...], more: bool) -> None:
        try:
            playback.extend(self._sources.make(items, leg), more)
        except ItemError as error:
            playback.detail = str(error)
            leg.queue.stop(playback.play, "failed")
            self.report_plays(leg, time.monotonic())

    def report_plays(self, leg: Leg, now: float) -> None:
        """Tell what has begun and ended since this was last called for the leg."""
        queue = leg.queue
        for playback in queue.started:
            delay = now - max(playback.asked_at, leg.last_play_end)
            self.tell(protocol.PlayStarted(leg.number, playback.play, round(delay * 1000, 3)))
        queue.started.clear()
        for playback, reason in queue.ended:
            self.tell(_finished(leg, playback, reason))
            leg.last_play_end = now
        queue.ended.clear()
        if not queue and leg.number in self.playing:
            del self.playing[leg.number]
            self.refresh(leg)

    def _on_key(self, leg: Leg, key: str) -> None:
        """A key came as an event: the partner, if the tick bridges it, gets it in its own way."""
        partner = leg.partner
        if partner is not None and partner.remote is not None:
            partner.keys.append(self._sources.keys(key, partner))
            self.refresh(partner)

    # Listening

    def _tap(self, leg: Leg, command: protocol.Tap) -> None:
        if len(leg.taps) >= MAX_TAPS or command.tap in self._tapped:
            logger.warning("leg %d: tap %d refused", leg.number, command.tap)
            self._link.hear(command.tap, b"")
            return
        leg.taps[command.tap] = command.source
        self._tapped[command.tap] = leg
        self.refresh(leg)
        self.changed = True

    def _untap(self, tap: int) -> None:
        leg = self._tapped.pop(tap, None)
        if leg is not None:
            del leg.taps[tap]
            self._link.hear(tap, b"")
            self.refresh(leg)
            self.changed = True

    # Bridging

    def _bridge(self, command: protocol.Bridge) -> None:
        a, b = self.open.get(command.a), self.open.get(command.b)
        if a is None or b is None or a is b:
            return
        self._unbridge(a)
        self._unbridge(b)
        a.partner, b.partner = b, a
        a.detect_inband = b.detect_inband = command.detect_inband
        self.refresh(a)
        self.changed = True

    def _unbridge(self, leg: Leg) -> None:
        partner = leg.partner
        if partner is None:
            return
        self._stop_relay(leg)
        leg.partner = partner.partner = None
        leg.keys.clear()
        partner.keys.clear()
        self.changed = True

    def refresh(self, leg: Leg) -> None:
        """Something about a leg has changed: relay it and its partner if that will do, else let the tick."""
        partner = leg.partner
        if partner is None:
            self.changed = True
        elif not _relayable(leg, partner):
            self._stop_relay(leg)
        elif leg.relay is None:
            self._start_relay(leg, partner)
            self._start_relay(partner, leg)

    def _start_relay(self, leg: Leg, partner: Leg) -> None:
        leg.relay = Relay(leg, partner, self._kernel, time.monotonic())
        self.poller.remove(leg)
        self.relays.add(leg.relay)
        self._watch(leg.fileno, select.EPOLLIN, _never)
        self.changed = True

    def _stop_relay(self, leg: Leg) -> None:
        """Give a leg and its partner back to the tick."""
        for one in (leg, leg.partner):
            if one is not None and one.relay is not None:
                one.relay.stop()
                self.relays.remove(one.relay)
                one.relay = None
                self._watch(one.fileno, 0, None)
                self._kernel.flush(one.slot)
                self.poller.add(one)
                self.changed = True

    # Reports

    def _receive_report(self, leg: Leg) -> None:
        with contextlib.suppress(OSError):
            data, source = leg.rtcp.recvfrom(reports.MAX_DATAGRAM)
            reports.receive(leg, data, source[0], time.monotonic(), time.time())

    def report(self, leg: Leg, now: float) -> None:
        """Send the report that is due."""
        if leg.transport.target is not None:
            self._send_report(leg, reports.report(leg, self._kernel, now, time.time()))

    def _send_report(self, leg: Leg, data: bytes) -> None:
        """RTCP goes to the port after RTP's (RFC 3550 section 11)."""
        if (target := leg.transport.target) is not None:
            with contextlib.suppress(OSError):
                leg.rtcp.sendto(data, (target[0], min(65535, target[1] + 1)))


def _never(events: int) -> None:
    """The handler of a relayed leg, which `Relays` serves before handlers are looked for."""


def _new_identity() -> Identity:
    """A random SSRC, sequence number, timestamp and CNAME (RFC 3550 sections 5.1 and 8; RFC 7022)."""
    random = os.urandom(20)
    number = int.from_bytes
    return Identity(number(random[:4]), number(random[4:6]), number(random[6:10]), random[10:].hex())


def _refusal(leg: Leg, command: protocol.SetRemote) -> str | None:
    """Why a SetRemote cannot be carried out, if it cannot."""
    if reason := unusable(command.host, leg.host):
        return f"RTP cannot be sent to {reason}"
    if not 0 < command.port < 65536:
        return f"RTP cannot be sent to port {command.port}"
    numbers = (command.payload_type, *(number for number, _ in command.heard), *command.dtmf_heard)
    if command.dtmf_payload_type is not None:
        numbers += (command.dtmf_payload_type,)
    if not all(0 <= number < 128 for number in numbers):
        return "a payload type is over 127"
    return None if 10 <= command.ptime <= 160 else f"packets of {command.ptime} ms are not sent"


def _relayable(a: Leg, b: Leg) -> bool:
    """Whether packets can pass between two bridged legs without being decoded."""
    return _can_relay(a, b) and _can_relay(b, a)


def _can_relay(source: Leg, target: Leg) -> bool:
    """Whether what one leg hears can be sent to the other as it is."""
    if source.remote is None or target.remote is None or not source.transport.latched:
        return False
    if LAWS[target.remote.codec] != source.heard_law or source.remote.ptime != target.remote.ptime:
        return False
    if (source.remote.dtmf_payload_type is None) != (target.remote.dtmf_payload_type is None):
        return False
    busy = source.queue or source.taps or source.keys or source.detect_inband or source.packer
    return not busy and source.remote.send and source.remote.receive


def _finished(leg: Leg, playback: Playback, reason: Reason) -> protocol.PlayFinished:
    return protocol.PlayFinished(leg.number, playback.play, reason, playback.milliseconds, playback.detail)

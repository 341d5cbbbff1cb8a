"""The legs and rooms of a worker and what voice commands of them: opening, playing, tapping, joining, closing."""

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
from offhook.media.audible import Audible
from offhook.media.items import SourceMaker
from offhook.media.kernel import TickKernel
from offhook.media.leg import LAWS, Identity, Leg
from offhook.media.plays import Plays
from offhook.media.poller import Poller
from offhook.media.ports import NoPortError, PortPool, reachable_address
from offhook.media.relay import Relay, Relays
from offhook.media.rooms import Room, Rooms, Seat
from offhook.media.streams_link import StreamsLink, Watch
from offhook.sdp.address import unusable

logger = logging.getLogger(__name__)

MAX_TAPS: Final = 8
"""Of one leg or room."""

_ToLeg = protocol.SetRemote | protocol.Expect | protocol.Unbridge | protocol.Unmix
_ToOne = (
    _ToLeg
    | protocol.Play
    | protocol.ExtendPlay
    | protocol.StopPlay
    | protocol.Tap
    | protocol.GetStats
    | protocol.CloseLeg
)


class Legs:
    """All open legs and rooms. `changed` is set whenever the tick has to arrange them again; the tick clears it."""

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
        self.plays = Plays(self._sources, tell, self._refresh_player)
        self._tapped: dict[int, Audible] = {}
        self._free_slots = list(range(capacity - 1, -1, -1))
        self.rooms = Rooms(kernel, self._free_slots)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tick for."""
        return not self.open and not self.rooms.open

    def command(self, command: protocol.Command) -> None:
        """Do what voice says. A leg or room that is not open is passed over."""
        match command:
            case protocol.OpenLeg():
                self._open(command)
            case protocol.OpenRoom():
                self._open_room(command)
            case protocol.Bridge():
                self._bridge(command)
            case protocol.Mix():
                self._mix(command)
            case protocol.Untap(tap):
                self._untap(tap)
            case protocol.GetLoad():
                return
            case _:
                one = self.open.get(command.leg) or self.rooms.open.get(command.leg)
                if one is not None:
                    self._command_one(one, command)

    def _command_one(self, one: Leg | Room, command: _ToOne) -> None:
        match command:
            case protocol.Play():
                self.plays.begin(one, command)
            case protocol.ExtendPlay():
                self.plays.extend(one, command)
            case protocol.StopPlay():
                self.plays.stop(one, command.play)
            case protocol.Tap():
                self._tap(one, command)
            case protocol.GetStats():
                self.tell(protocol.LegStats(one.number, one.counters(time.monotonic())))
            case protocol.CloseLeg():
                self.close(one)
            case _ if isinstance(one, Leg):
                self._command_leg(one, command)

    def _command_leg(self, leg: Leg, command: _ToLeg) -> None:
        match command:
            case protocol.SetRemote():
                self._set_remote(leg, command)
            case protocol.Expect():
                leg.expect(time.monotonic())
            case protocol.Unbridge():
                self._separate(leg)
            case protocol.Unmix():
                self._unmix(leg)

    # Opening and closing

    def _open(self, command: protocol.OpenLeg) -> None:
        now = time.monotonic()
        host = command.host or self._host
        if command.leg in self.open or command.leg in self.rooms.open:
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

    def _open_room(self, command: protocol.OpenRoom) -> None:
        number = command.room
        if number in self.open or number in self.rooms.open:
            self.tell(protocol.RoomFailed(number, "the number is in use"))
        elif not self._free_slots:
            self.tell(protocol.RoomFailed(number, "the worker is full"))
        else:
            self.rooms.add(command, time.monotonic())
            self.changed = True
            self.tell(protocol.RoomOpened(number))

    def close(self, one: Leg | Room) -> None:
        """End a leg or a room, and tell what passed through it."""
        now = time.monotonic()
        if isinstance(one, Leg):
            self._unbridge(one)
        self.plays.close(one, now)
        for tap in list(one.taps):
            self._untap(tap)
        counters = one.counters(now)
        if isinstance(one, Room):
            self.rooms.close(one)
        else:
            self._close_leg(one, now)
        self.changed = True
        self.tell(protocol.LegClosed(one.number, counters))

    def _close_leg(self, leg: Leg, now: float) -> None:
        self.rooms.drop(leg)
        if leg.packets_sent:
            self._send_report(leg, reports.goodbye(leg))
        self.poller.remove(leg)
        self._watch(leg.rtcp.fileno(), 0, None)
        self._ports.close_pair(leg.rtp, leg.rtcp, now)
        del self.open[leg.number]
        self._free_slots.append(leg.slot)

    def close_all(self) -> None:
        for leg in list(self.open.values()):
            self.close(leg)
        for room in list(self.rooms.open.values()):
            self.close(room)

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

    def _refresh_player(self, one: Audible) -> None:
        """A leg that is played to cannot be relayed; a room never is."""
        if isinstance(one, Leg):
            self.refresh(one)

    def _on_key(self, leg: Leg, key: str) -> None:
        """A key came as an event: the partner, if the tick bridges it, gets it in its own way."""
        partner = leg.partner
        if partner is not None and partner.remote is not None:
            partner.keys.append(self._sources.keys(key, partner.key_sender))
            self.refresh(partner)

    # Listening

    def _tap(self, one: Audible, command: protocol.Tap) -> None:
        if len(one.taps) >= MAX_TAPS or command.tap in self._tapped:
            logger.warning("leg %d: tap %d refused", one.number, command.tap)
            self._link.hear(command.tap, b"")
            return
        one.taps[command.tap] = command.source
        self._tapped[command.tap] = one
        self._refresh_player(one)
        self.changed = True

    def _untap(self, tap: int) -> None:
        one = self._tapped.pop(tap, None)
        if one is not None:
            del one.taps[tap]
            self._link.hear(tap, b"")
            self._refresh_player(one)
            self.changed = True

    # Bridging

    def _bridge(self, command: protocol.Bridge) -> None:
        a, b = self.open.get(command.a), self.open.get(command.b)
        if a is None or b is None:
            return
        self._separate(a)
        self._separate(b)
        a.partner, b.partner = b, a
        a.detect_inband = b.detect_inband = command.detect_inband
        self.refresh(a)
        self.changed = True

    def _separate(self, leg: Leg) -> None:
        """Let a leg hear nobody."""
        self._unmix(leg)
        self._unbridge(leg)

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

    # Mixing

    def _mix(self, command: protocol.Mix) -> None:
        leg, room = self.open.get(command.leg), self.rooms.open.get(command.room)
        if leg is not None and room is not None:
            self._unbridge(leg)
            self.rooms.seat(leg, room, command)
            self.changed = True

    def _unmix(self, leg: Leg) -> None:
        if leg.seat is not None:
            self.rooms.leave(leg)
            self.changed = True

    def settle(self, fading: list[Seat]) -> None:
        """Called at the end of a tick in which these have faded: whoever has left a room can be relayed again."""
        for leg in self.rooms.settle(fading):
            self.refresh(leg)
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
    return a is not b and _can_relay(a, b) and _can_relay(b, a)


def _can_relay(source: Leg, target: Leg) -> bool:
    """Whether what one leg hears can be sent to the other as it is."""
    if source.remote is None or target.remote is None or not source.transport.latched:
        return False
    if LAWS[target.remote.codec] != source.heard_law or source.remote.ptime != target.remote.ptime:
        return False
    if (source.remote.dtmf_payload_type is None) != (target.remote.dtmf_payload_type is None):
        return False
    busy = source.queue or source.taps or source.keys or source.detect_inband or source.packer or source.seat
    return not busy and source.remote.send and source.remote.receive

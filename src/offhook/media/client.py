"""The media worker as voice sees it: an asyncio client of one worker's control socket.

Commands that need no answer are plain calls that never block: they are written in order, so a Play right
after a SetRemote is heard right after it. Events arrive through one callback, on the loop, in the order the
worker sent them.

The worker gets addresses only: names in session descriptions are resolved here, aside from everything else.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from offhook.bus.frame_writer import FrameWriter
from offhook.bus.ipc import Frames
from offhook.errors import RemoteProtocolError
from offhook.media import protocol
from offhook.sdp.address import family_of, is_name

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
"""A worker answers within a tick; one that takes longer is stuck or dead."""
RESOLVE_SECONDS = 5.0
_RESOLVERS = ThreadPoolExecutor(2, "media-names")
"""Threads of their own: a peer that names slow names must not hold up other look-ups."""


class MediaError(Exception):
    """The worker refused (no port), did not answer, or is gone."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A leg or room that was asked for: commands about it can be sent, and take effect once it is open."""

    number: int
    answer: asyncio.Future[protocol.Event]


class MediaClient:
    """A connection to one media worker. Legs opened on it are closed by the worker when it ends.

    worker: which of the node's workers it is. legs: how many are open, or have been asked for.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_event: Callable[[protocol.Event], None],
        on_lost: Callable[[], None],
        first_channel: int,
        worker: int,
    ) -> None:
        self.worker = worker
        self._writer = FrameWriter(writer)
        self._on_event = on_event
        self._on_lost = on_lost
        self._answers: dict[tuple[str, int], asyncio.Future[protocol.Event]] = {}
        self._legs: set[int] = set()
        self._hosts: dict[int, str] = {}
        self._resolving: dict[int, asyncio.Task[None]] = {}
        self._last_leg = 0
        self._last_play = 0
        self._last_channel = first_channel
        self._lost = False
        self._reading = asyncio.create_task(self._read(reader))

    @classmethod
    async def connect(
        cls,
        path: str,
        on_event: Callable[[protocol.Event], None],
        on_lost: Callable[[], None],
        *,
        first_channel: int = 0,
        worker: int = 0,
    ) -> MediaClient:
        """Connect to the worker that listens at `path`.

        on_event gets every `protocol.LegEvent`.
        It must not raise.
        on_lost is called once when the worker is gone; every leg is then lost, and a new client has to be
        connected.
        first_channel: taps and feeds are numbered from here; voice gives each client a range of its own,
        since streams sees them all. Raises OSError when no worker listens.
        """
        reader, writer = await asyncio.open_unix_connection(path)
        return cls(reader, writer, on_event, on_lost, first_channel, worker)

    @property
    def connected(self) -> bool:
        return not self._lost

    @property
    def legs(self) -> int:
        return len(self._legs)

    async def close(self) -> None:
        """End the connection, and with it all its legs."""
        self._writer.close()
        await asyncio.gather(self._reading, return_exceptions=True)

    # Legs

    async def open_leg(self, host: str = "", *, rtp_timeout: float = 30.0) -> protocol.LegOpened:
        """A new leg: its number, and the address to offer in SDP. Raises MediaError."""
        return await self.leg_opened(self.start_leg(host, rtp_timeout=rtp_timeout))

    def start_leg(self, host: str = "", *, rtp_timeout: float = 30.0) -> Opening:
        """Ask for a new leg. `leg_opened` is to be awaited, unless the leg is dropped."""
        self._last_leg += 1
        number = self._last_leg
        self._legs.add(number)
        return Opening(number, self._begin(protocol.OpenLeg(number, host, rtp_timeout), ("opened", number)))

    async def leg_opened(self, opening: Opening) -> protocol.LegOpened:
        """The leg that was asked for. Raises MediaError."""
        try:
            event = await self._answer_to(opening.answer, ("opened", opening.number))
            if isinstance(event, protocol.LegOpened):
                self._hosts[event.leg] = event.host
                return event
            raise MediaError(event.reason if isinstance(event, protocol.LegFailed) else "unexpected answer")
        except MediaError:
            self._legs.discard(opening.number)
            raise

    def set_remote(
        self,
        leg: int,
        host: str,
        port: int,
        codec: protocol.Codec,
        payload_type: int,
        dtmf_payload_type: int | None = None,
        *,
        send: bool = True,
        receive: bool = True,
        heard: tuple[tuple[int, protocol.Codec], ...] = (),
        dtmf_heard: tuple[int, ...] = (),
        ptime: int = 20,
    ) -> None:
        """Tell what SDP negotiated; again whenever it changes. See `protocol.SetRemote`.

        A host that is a name is resolved first. RemoteRefused follows if nothing can be sent there.
        """
        self._stop_resolving(leg)
        remote = protocol.SetRemote(
            *(leg, host, port, codec, payload_type, dtmf_payload_type),
            *(send, receive, heard, dtmf_heard, ptime),
        )
        if is_name(host):
            self._resolving[leg] = asyncio.create_task(self._set_named(remote))
        else:
            self._send(remote)

    async def _set_named(self, remote: protocol.SetRemote) -> None:
        """Give the worker what a name resolves to."""
        try:
            host = await _resolve(remote.host, self._hosts.get(remote.leg, ""))
        except (OSError, UnicodeError) as error:
            reason = f"the host name in the session description does not resolve: {error or 'no answer'}"
            self._on_event(protocol.RemoteRefused(remote.leg, reason))
        else:
            self._send(msgspec.structs.replace(remote, host=host))

    def _stop_resolving(self, leg: int) -> None:
        if (task := self._resolving.pop(leg, None)) is not None:
            task.cancel()

    def expect(self, leg: int) -> None:
        """The call is answered: the peer's silence counts from now on. See `protocol.Expect`."""
        self._send(protocol.Expect(leg))

    async def close_leg(self, leg: int) -> protocol.Counters:
        """Close a leg; what passed through it. Raises MediaError when the worker is gone or does not know the leg."""
        self._forget(leg)
        return _counters(await self._ask(protocol.CloseLeg(leg), ("closed", leg)))

    def drop_leg(self, leg: int) -> None:
        """Close a leg of which nobody wants to know what passed through it."""
        self._forget(leg)
        self._send(protocol.CloseLeg(leg))

    def _forget(self, leg: int) -> None:
        self._stop_resolving(leg)
        self._hosts.pop(leg, None)
        self._legs.discard(leg)

    async def stats(self, leg: int) -> protocol.Counters:
        """What passed through a leg until now. Raises MediaError."""
        return _counters(await self._ask(protocol.GetStats(leg), ("stats", leg)))

    async def load(self) -> protocol.Load:
        """How the worker does. Raises MediaError."""
        event = await self._ask(protocol.GetLoad(), ("load", 0))
        if isinstance(event, protocol.Load):
            return event
        raise MediaError("unexpected answer")

    # Playing

    def play(self, leg: int, items: Sequence[protocol.Item], *, loop: int = 1, more: bool = False) -> int:
        """Play to a leg; the number by which PlayStarted and PlayFinished will name it. See `protocol.Play`."""
        self._last_play += 1
        self._send(protocol.Play(leg, self._last_play, tuple(items), loop, more))
        return self._last_play

    def extend_play(self, leg: int, play: int, items: Sequence[protocol.Item], *, more: bool = False) -> None:
        """Append to a play that was begun with `more`."""
        self._send(protocol.ExtendPlay(leg, play, tuple(items), more))

    def stop_play(self, leg: int, play: int) -> None:
        """End a play now; PlayFinished follows."""
        self._send(protocol.StopPlay(leg, play))

    def new_feed(self) -> int:
        """A number for a feed that streams will push and a `Live` item will play."""
        self._last_channel += 1
        return self._last_channel

    # Listening

    def tap(self, leg: int, source: protocol.TapSource) -> int:
        """Have streams hear a leg; the channel number under which it does."""
        self._last_channel += 1
        self._send(protocol.Tap(leg, self._last_channel, source))
        return self._last_channel

    def untap(self, tap: int) -> None:
        self._send(protocol.Untap(tap))

    # Bridging

    def bridge(self, a: int, b: int, *, detect_inband: bool = False) -> None:
        """Let two legs hear each other. See `protocol.Bridge`."""
        self._send(protocol.Bridge(a, b, detect_inband))

    def unbridge(self, leg: int) -> None:
        self._send(protocol.Unbridge(leg))

    # Rooms

    async def open_room(self, *, speech: bool = False) -> int:
        """A new room: its number, by which it is played to and tapped as a leg is. Raises MediaError.

        speech: Speech tells who speaks in it.
        """
        return await self.room_opened(self.start_room(speech=speech))

    def start_room(self, *, speech: bool = False) -> Opening:
        """Ask for a new room; `room_opened` is to be awaited."""
        self._last_leg += 1
        number = self._last_leg
        return Opening(number, self._begin(protocol.OpenRoom(number, speech), ("opened", number)))

    async def room_opened(self, opening: Opening) -> int:
        """The room that was asked for. Raises MediaError."""
        event = await self._answer_to(opening.answer, ("opened", opening.number))
        if isinstance(event, protocol.RoomOpened):
            return event.room
        raise MediaError(event.reason if isinstance(event, protocol.RoomFailed) else "unexpected answer")

    def mix(
        self,
        room: int,
        leg: int,
        *,
        heard: bool = True,
        hears: bool = True,
        coaches: int = 0,
        buffer_ms: int = protocol.LONGEST_BUFFER_MS,
    ) -> None:
        """Take a leg into a room, or change its part there. See `protocol.Mix`."""
        self._send(protocol.Mix(room, leg, heard, hears, coaches, buffer_ms))

    def unmix(self, leg: int) -> None:
        """Take a leg out of its room."""
        self._send(protocol.Unmix(leg))

    async def close_room(self, room: int) -> None:
        """End a room; the legs in it stay open. Raises MediaError."""
        await self._ask(protocol.CloseLeg(room), ("closed", room))

    # The connection

    def _send(self, command: protocol.Command) -> None:
        """Write a command; dropped when the worker is gone, of which on_lost tells."""
        if not self._lost:
            self._writer.write(command)

    async def _ask(self, command: protocol.Command, key: tuple[str, int]) -> protocol.Event:
        """Send a command and wait for its answer."""
        return await self._answer_to(self._begin(command, key), key)

    def _begin(self, command: protocol.Command, key: tuple[str, int]) -> asyncio.Future[protocol.Event]:
        """Send a command whose answer will come."""
        answer: asyncio.Future[protocol.Event] = asyncio.get_running_loop().create_future()
        if self._lost:
            answer.set_exception(MediaError("the media worker is gone"))
        else:
            self._answers[key] = answer
            self._send(command)
        return answer

    async def _answer_to(
        self, answer: asyncio.Future[protocol.Event], key: tuple[str, int]
    ) -> protocol.Event:
        """The answer to a command that was sent. Raises MediaError."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except TimeoutError:
            raise MediaError("the media worker does not answer") from None
        finally:
            self._answers.pop(key, None)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Hand out events until the connection ends."""
        frames: Frames[protocol.Event] = Frames(protocol.Event)
        try:
            while data := await reader.read(65536):
                for event in frames.feed(data):
                    self._dispatch(event)
        except (OSError, RemoteProtocolError) as error:
            logger.error("media worker connection failed: %s", error)
        finally:
            self._end()

    def _dispatch(self, event: protocol.Event) -> None:
        """Give an answer to who asked, and any other event to the owner."""
        kind = _ANSWERS.get(type(event))
        if kind is None:
            self._on_event(event)
            return
        number = getattr(event, "leg", 0) or getattr(event, "room", 0)
        answer = self._answers.pop((kind, number), None)
        if answer is not None and not answer.done():
            answer.set_result(event)

    def _end(self) -> None:
        """The worker is gone: fail what waits, and say so once."""
        self._lost = True
        self._writer.close()
        for leg in list(self._resolving):
            self._stop_resolving(leg)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(MediaError("the media worker is gone"))
        self._on_lost()


_ANSWERS: dict[type, str] = {
    protocol.LegOpened: "opened",
    protocol.LegFailed: "opened",
    protocol.RoomOpened: "opened",
    protocol.RoomFailed: "opened",
    protocol.LegClosed: "closed",
    protocol.LegStats: "stats",
    protocol.Load: "load",
}


async def _resolve(name: str, local: str) -> str:
    """The first address of a name that is of the family of the address `local`. Raises OSError, UnicodeError."""
    family = socket.AF_INET6 if local and family_of(local) == "IP6" else socket.AF_INET
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(RESOLVE_SECONDS):
        found = await loop.run_in_executor(
            _RESOLVERS, lambda: socket.getaddrinfo(name, None, family, socket.SOCK_DGRAM)
        )
    return str(found[0][4][0])


def _counters(event: protocol.Event) -> protocol.Counters:
    """The counters in an answer."""
    if isinstance(event, (protocol.LegClosed, protocol.LegStats)):
        return event.stats
    raise MediaError("unexpected answer")

"""The streams role as voice sees it: prompts, speech and recordings over ``streams.sock``.

The connection is kept up for ever: while the role is away a request waits a little for it to come back, then
fails with 12400, and the recordings that were running are asked about again, so that each one ends in exactly
one `RecordingFinished`. Voice never touches a file's audio: it hands the paths on to media.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from offhook.bus.frame_writer import FrameWriter
from offhook.bus.ipc import Frames
from offhook.errors import RemoteProtocolError
from offhook.streams.protocol import (
    Cancel,
    Command,
    Expect,
    PauseRecording,
    Prepare,
    Prepared,
    RecordingFinished,
    Reply,
    RequestFailed,
    ResumeRecording,
    SegmentReady,
    StartRecording,
    StopRecording,
    SynthesisFinished,
    Synthesize,
)

logger = logging.getLogger(__name__)

_READ_SIZE = 65536
_RECONNECT_SECONDS = 0.1
_RECORDING_PATIENCE_SECONDS = 20.0
"""How long after a lost connection a recording's end is waited for before it is given up as failed."""
_EXPECT_SECONDS = 1.0
"""Calls that begin together are one hint: speech stays ready for far longer."""
_INTERNAL_FAILURE = 12400


class StreamsError(Exception):
    """A prompt or a text could not be made into audio: a notification code and what happened."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Prompt:
    """A file of signed 16-bit little-endian 8 kHz mono audio, ready for media to map."""

    path: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Received:
    """An audio file as it was downloaded, where TwiML was asked for."""

    path: Path
    content_type: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a spoken text: an audio file like `Prompt`, its pause included."""

    path: str
    milliseconds: int


class StreamsClient:
    """One connection to the streams role, shared by all calls of a voice node."""

    def __init__(
        self,
        socket_path: str,
        on_recording: Callable[[RecordingFinished], None],
        *,
        patience: float = 5.0,
    ) -> None:
        """Args:
        socket_path: ``{run_dir}/streams.sock``.
        on_recording: called in the event loop exactly once for each recording started.
        """
        self._path = socket_path
        self._on_recording = on_recording
        self._patience = patience
        self._requests = itertools.count(1)
        self._pending: dict[int, asyncio.Queue[Reply]] = {}
        self._recordings: dict[str, asyncio.TimerHandle | None] = {}
        self._writer: FrameWriter | None = None
        self._expect_from = 0.0
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect, now and whenever the connection is lost."""
        self._task = asyncio.create_task(self._run(), name="streams-client")

    async def close(self) -> None:
        """Close the connection; requests in progress fail."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for timer in self._recordings.values():
            if timer is not None:
                timer.cancel()

    def expect_speech(self) -> None:
        """Say that a call begins, so that speech is ready when it is wanted; it is only a hint."""
        now = asyncio.get_running_loop().time()
        if self._writer is not None and now >= self._expect_from:
            self._expect_from = now + _EXPECT_SECONDS
            self._writer.write(Expect())

    async def prepare(
        self, url: str, *, auth_token: str | None = None, received: Received | None = None
    ) -> Prompt:
        """Have the audio file at `url` downloaded (GET, signed if `auth_token` is given) and converted.

        Served from the cache when HTTP's caching rules allow it. What was `received` is not asked for again; its
        file is kept until this returns.

        Raises:
            StreamsError: 13420 when it is not audio, 11xxx when it could not be fetched, 12400 when streams
                is down.
        """
        request, replies = self._open()
        try:
            path, content_type = ("", "") if received is None else (str(received.path), received.content_type)
            await self._send(Prepare(request, url, auth_token, path, content_type))
            reply = await replies.get()
        finally:
            self._close_request(request, finished=True)
        if isinstance(reply, Prepared):
            return Prompt(reply.path, reply.milliseconds)
        raise _failure(reply)

    async def synthesize(
        self, text: str, voice: str | None = None, language: str | None = None
    ) -> AsyncIterator[Segment]:
        """Speak plain `text` with a Twilio voice name and a language tag.

        Yields the pieces in order, the first as soon as it is there. Closing the iterator early cancels the
        rest.

        Raises:
            StreamsError: 13520 when there is nothing to say, 12400 when streams is
                down or no engine could speak.
        """
        request, replies = self._open()
        finished = False
        try:
            await self._send(Synthesize(request, text, voice, language))
            while True:
                reply = await replies.get()
                if isinstance(reply, SegmentReady):
                    yield Segment(reply.path, reply.milliseconds)
                    continue
                finished = True
                if isinstance(reply, SynthesisFinished):
                    return
                raise _failure(reply)
        finally:
            self._close_request(request, finished)

    async def start_recording(
        self,
        sid: str,
        taps: Sequence[int],
        *,
        channels: int = 1,
        max_seconds: float = 3600,
        silence_seconds: float | None = None,
        trim: bool = False,
    ) -> None:
        """Record one or two media taps into ``recordings/{sid}.wav`` until one of its limits or `stop_recording`.

        With one channel the taps are mixed, with two the first is the left one. Ends in one
        `RecordingFinished`.

        Raises:
            StreamsError: 12400 when streams is down.
        """
        await self._send(StartRecording(sid, tuple(taps), channels, max_seconds, silence_seconds, trim))
        # Without an await in between: a connection that is lost from here on has taken the command.
        self._recordings[sid] = None

    async def pause_recording(self, sid: str, *, silence: bool) -> None:
        """Leave out what is heard from now on, or have silence instead."""
        await self._tell_recording(sid, PauseRecording(sid, silence))

    async def resume_recording(self, sid: str) -> None:
        """Record what is heard again."""
        await self._tell_recording(sid, ResumeRecording(sid))

    async def stop_recording(self, sid: str) -> None:
        """End a recording now; its `RecordingFinished` follows. Unknown or ended recordings are ignored."""
        await self._tell_recording(sid, StopRecording(sid))

    async def _tell_recording(self, sid: str, command: Command) -> None:
        if sid in self._recordings and self._writer is not None:
            with suppress(StreamsError):
                await self._send(command)

    def _open(self) -> tuple[int, asyncio.Queue[Reply]]:
        request = next(self._requests)
        replies: asyncio.Queue[Reply] = asyncio.Queue()
        self._pending[request] = replies
        return request, replies

    def _close_request(self, request: int, finished: bool) -> None:
        del self._pending[request]
        if not finished and self._writer is not None:
            self._writer.write(Cancel(request))

    async def _send(self, command: Command) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._connected.wait()
        except TimeoutError:
            raise StreamsError(_INTERNAL_FAILURE, "the streams role is not available") from None
        assert self._writer is not None
        self._writer.write(command)

    async def _run(self) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path)
            except OSError:
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            self._writer = FrameWriter(writer)
            try:
                self._resume_recordings()
                self._connected.set()
                await self._read(reader)
            except (OSError, RemoteProtocolError) as error:
                logger.warning("connection to streams failed: %s", error)
            finally:
                self._lost()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        frames: Frames[Reply] = Frames(Reply)
        while data := await reader.read(_READ_SIZE):
            for reply in frames.feed(data):
                self._receive(reply)

    def _receive(self, reply: Reply) -> None:
        if isinstance(reply, RecordingFinished):
            self._finish_recording(reply)
        elif (replies := self._pending.get(reply.request)) is not None:
            replies.put_nowait(reply)

    def _lost(self) -> None:
        """Fail what was asked of a streams role that went away, and start the clock for its recordings."""
        self._connected.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._expect_from = 0.0
        for request, replies in self._pending.items():
            replies.put_nowait(RequestFailed(request, _INTERNAL_FAILURE, "the streams role was restarted"))
        loop = asyncio.get_running_loop()
        for sid, timer in self._recordings.items():
            if timer is None:
                gone = RecordingFinished(sid, "", 0, "failed", True)
                self._recordings[sid] = loop.call_later(
                    _RECORDING_PATIENCE_SECONDS, self._finish_recording, gone
                )

    def _resume_recordings(self) -> None:
        """Ask the new streams role what is left of the recordings that ran in the old one."""
        assert self._writer is not None
        for sid in self._recordings:
            self._writer.write(StopRecording(sid))

    def _finish_recording(self, finished: RecordingFinished) -> None:
        if finished.sid not in self._recordings:
            return
        timer = self._recordings.pop(finished.sid)
        if timer is not None:
            timer.cancel()
        self._on_recording(finished)


def _failure(reply: Reply) -> StreamsError:
    if isinstance(reply, RequestFailed):
        return StreamsError(reply.code, reply.detail)
    return StreamsError(_INTERNAL_FAILURE, f"unexpected answer {type(reply).__name__}")

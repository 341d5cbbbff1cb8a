"""One voice node's connection to streams: reads its commands, runs them, writes the answers.

A request is a task, so that no download or sentence waits for another; all of them end with the connection.
"""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

from offhook.bus.frame_writer import FrameWriter
from offhook.bus.ipc import Frames
from offhook.errors import RemoteProtocolError
from offhook.speech.text import split_text
from offhook.speech.tts import Speech
from offhook.speech.workers import SpeechError
from offhook.streams.prompts import PromptError, Prompts
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
from offhook.streams.recordings import Recordings

logger = logging.getLogger(__name__)

_READ_SIZE = 65536
_MAX_TEXT = 16384
_NOTHING_TO_SAY = 13520
_INTERNAL_FAILURE = 12400


class Session:
    """A connection while it lasts."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        prompts: Prompts,
        speech: Speech,
        recordings: Recordings,
    ) -> None:
        self._reader = reader
        self._writer = FrameWriter(writer)
        self._prompts = prompts
        self._speech = speech
        self._recordings = recordings
        self._requests: dict[int, asyncio.Task[None]] = {}
        self._recording: set[str] = set()

    async def run(self) -> None:
        """Serve until voice goes away; its recordings end then, and their files stay."""
        frames: Frames[Command] = Frames(Command)
        try:
            while data := await self._reader.read(_READ_SIZE):
                for command in frames.feed(data):
                    self._execute(command)
        except (OSError, RemoteProtocolError) as error:
            logger.warning("connection of voice failed: %s", error)
        finally:
            for task in self._requests.values():
                task.cancel()
            for sid in tuple(self._recording):
                self._recordings.stop(sid, _log_orphan)
            self._writer.close()

    def _execute(self, command: Command) -> None:
        match command:
            case Prepare():
                self._spawn(command.request, self._prepare(command))
            case Synthesize():
                self._spawn(command.request, self._synthesize(command))
            case Expect():
                self._speech.expect()
            case Cancel():
                if (task := self._requests.get(command.request)) is not None:
                    task.cancel()
            case StartRecording():
                self._recording.add(command.sid)
                self._recordings.start(command, self._recorded)
            case PauseRecording(sid, silence):
                self._recordings.pause(sid, silence=silence)
            case ResumeRecording(sid):
                self._recordings.resume(sid)
            case StopRecording():
                self._recordings.stop(command.sid, self._recorded)

    def _spawn(self, request: int, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(self._answer(request, work))
        self._requests[request] = task
        task.add_done_callback(partial(self._done, request))

    def _done(self, request: int, _task: "asyncio.Task[None]") -> None:
        self._requests.pop(request, None)

    async def _answer(self, request: int, work: Coroutine[Any, Any, None]) -> None:
        """Run a request; whatever happens, voice gets an answer."""
        try:
            await work
        except PromptError as error:
            self._reply(RequestFailed(request, error.code, error.detail))
        except SpeechError as error:
            self._reply(RequestFailed(request, _INTERNAL_FAILURE, str(error)))
        except Exception:
            logger.exception("request failed")
            self._reply(RequestFailed(request, _INTERNAL_FAILURE, "internal failure"))

    async def _prepare(self, command: Prepare) -> None:
        if command.path:
            file = await self._prompts.prepare_received(command.path, command.content_type)
        else:
            file = await self._prompts.prepare(command.url, command.auth_token)
        self._reply(Prepared(command.request, str(file.path), file.milliseconds))

    async def _synthesize(self, command: Synthesize) -> None:
        text = command.text[:_MAX_TEXT]
        if not split_text(text):
            self._reply(RequestFailed(command.request, _NOTHING_TO_SAY, "there is nothing to say"))
            return
        async for piece in self._speech.speak(text, command.voice, command.language):
            self._reply(SegmentReady(command.request, str(piece.path), piece.milliseconds))
        self._reply(SynthesisFinished(command.request))

    def _recorded(self, news: RecordingFinished) -> None:
        self._recording.discard(news.sid)
        self._reply(news)

    def _reply(self, reply: Reply) -> None:
        self._writer.write(reply)


def _log_orphan(news: RecordingFinished) -> None:
    logger.warning("recording %s ended because voice went away", news.sid)

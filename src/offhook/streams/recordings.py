"""All recordings that are being made: from the taps of media to WAV files, and the news of their ends to voice.

The event loop only mixes (`offhook.streams.mixdown`); files are written by one thread, a second of audio at a
time.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from offhook.audio.frames import SAMPLE_RATE
from offhook.ids import is_sid
from offhook.streams.mixdown import Mixdown
from offhook.streams.protocol import RecordingFinished, RecordingReason, StartRecording
from offhook.streams.wavfile import WavWriter, salvage, wav_milliseconds

logger = logging.getLogger(__name__)

_WRITE_BYTES = SAMPLE_RATE * 2

Finished = Callable[[RecordingFinished], None]


class _Recording:
    """One recording; `writer` is touched by the writing thread only."""

    def __init__(self, command: StartRecording, finished: Finished) -> None:
        self.sid = command.sid
        self.channels = command.channels
        self.finished = finished
        self.mixdown = Mixdown(
            command.taps, command.channels, command.max_seconds, command.silence_seconds, command.trim
        )
        self.unwritten = bytearray()
        self.writer: WavWriter | None = None
        self.broken = False


class Recordings:
    """The recordings of one streams process; to be used inside one event loop."""

    def __init__(self, directory: Path) -> None:
        """Takes over `directory`: what an earlier process left unfinished is finished first."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        salvage(directory)
        self._directory = directory
        self._by_sid: dict[str, _Recording] = {}
        self._by_tap: dict[int, list[_Recording]] = {}
        self._ending: dict[str, _Recording] = {}
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="recordings")

    def start(self, command: StartRecording, finished: Finished) -> None:
        """Begin a recording; `finished` is called in the event loop when its file is complete."""
        sound = is_sid(command.sid, "RE") and command.channels in (1, 2) and 1 <= len(command.taps) <= 2
        if not sound or len(command.taps) < command.channels or command.sid in self._by_sid | self._ending:
            finished(_failed(command.sid))
            return
        recording = _Recording(command, finished)
        self._by_sid[command.sid] = recording
        for tap in recording.mixdown.taps:
            self._by_tap.setdefault(tap, []).append(recording)
        self._on_disk(recording, partial(_open, recording, self._directory / f"{command.sid}.wav"))

    def pause(self, sid: str, *, silence: bool) -> None:
        """Record nothing, or silence, until `resume`."""
        if (recording := self._by_sid.get(sid)) is not None:
            self._write(recording, recording.mixdown.pause(silence=silence))

    def resume(self, sid: str) -> None:
        """Record again."""
        if (recording := self._by_sid.get(sid)) is not None:
            recording.mixdown.resume()

    def stop(self, sid: str, finished: Finished) -> None:
        """End a recording now. One that this process does not know may be left from the one before it."""
        # Voice may have connected again since it started the recording: who asked last gets the answer.
        if (ending := self._ending.get(sid)) is not None:
            ending.finished = finished
            return
        if (recording := self._by_sid.get(sid)) is not None:
            recording.finished = finished
            self._write(recording, recording.mixdown.finish())
            self._end(recording)
            return
        path = self._directory / f"{sid}.wav"
        milliseconds = wav_milliseconds(path) if is_sid(sid, "RE") else None
        if milliseconds is None:
            finished(_failed(sid))
        else:
            finished(RecordingFinished(sid, str(path), milliseconds, "interrupted", milliseconds == 0))

    def hear(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Take what taps heard, as `offhook.audio.frames` reads it; a record without audio ends its tap."""
        for tap, audio in records:
            for recording in tuple(self._by_tap.get(tap, ())):
                if audio:
                    self._write(recording, recording.mixdown.feed(tap, audio))
                else:
                    self._write(recording, recording.mixdown.end_tap(tap))
                if recording.mixdown.ended is not None:
                    self._end(recording)

    async def close(self) -> None:
        """End all recordings and return when their files are complete."""
        for recording in tuple(self._by_sid.values()):
            self._write(recording, recording.mixdown.finish())
            self._end(recording)
        await asyncio.to_thread(self._disk.shutdown)

    def _write(self, recording: _Recording, audio: bytes) -> None:
        recording.unwritten += audio
        if len(recording.unwritten) >= _WRITE_BYTES:
            self._flush(recording)

    def _flush(self, recording: _Recording) -> None:
        audio = bytes(recording.unwritten)
        recording.unwritten.clear()
        self._on_disk(recording, partial(_append, recording, audio))

    def _end(self, recording: _Recording) -> None:
        self._ending[recording.sid] = self._by_sid.pop(recording.sid)
        for tap in recording.mixdown.taps:
            listening = self._by_tap[tap]
            listening.remove(recording)
            if not listening:
                del self._by_tap[tap]
        self._flush(recording)
        loop = asyncio.get_running_loop()
        self._disk.submit(self._complete, recording, loop)

    def _complete(self, recording: _Recording, loop: asyncio.AbstractEventLoop) -> None:
        """In the writing thread: finish the file and have it told."""
        mixdown, writer = recording.mixdown, recording.writer
        news = _failed(recording.sid)
        try:
            if writer is not None and not recording.broken:
                path = writer.finish(mixdown.keep_samples)
                reason: RecordingReason = mixdown.ended or "stopped"
                milliseconds = mixdown.keep_samples * 1000 // SAMPLE_RATE
                news = RecordingFinished(recording.sid, str(path), milliseconds, reason, mixdown.empty)
        except OSError as error:
            recording.broken = True
            logger.error("recording %s cannot be completed: %s", recording.sid, error.strerror)
        if writer is not None and recording.broken:
            writer.abandon()
        loop.call_soon_threadsafe(self._tell, recording, news)

    def _tell(self, recording: _Recording, news: RecordingFinished) -> None:
        del self._ending[recording.sid]
        recording.finished(news)

    def _on_disk(self, recording: _Recording, work: Callable[[], None]) -> None:
        def guarded() -> None:
            if recording.broken:
                return
            try:
                work()
            except OSError as error:
                recording.broken = True
                logger.error("recording %s cannot be written: %s", recording.sid, error.strerror)

        self._disk.submit(guarded)


def _failed(sid: str) -> RecordingFinished:
    """There is no file, and nobody knows whether anything was said."""
    return RecordingFinished(sid, "", 0, "failed", empty=False)


def _open(recording: _Recording, path: Path) -> None:
    recording.writer = WavWriter(path, recording.channels)


def _append(recording: _Recording, audio: bytes) -> None:
    if recording.writer is not None:
        recording.writer.append(audio)

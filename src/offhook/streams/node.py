"""The streams role's process: its two Unix sockets, its speech workers, and their orderly end.

``streams.sock`` takes voice nodes (`offhook.streams.session`), ``streams-audio.sock`` takes media workers,
which send what is to be recorded (`offhook.audio.frames`).
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import uvloop

from offhook import log
from offhook.audio.frames import FRAME_BYTES, FRAME_MILLISECONDS, LOST, BatchError, BatchReader
from offhook.config import Settings, announce_ready
from offhook.delivery.client import WebhookClient
from offhook.speech.tts import Speech
from offhook.streams.prompts import Prompts
from offhook.streams.protocol import PROMPTS
from offhook.streams.recordings import Recordings
from offhook.streams.session import Session
from offhook.termination import termination

logger = logging.getLogger(__name__)

_READ_SIZE = 262144
_SILENT_FRAMES = 10
_WARN_SECONDS = 10.0


def silence(frames: int, taps: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """So many frames of silence from each tap, a few at a time, so that none seems to have stopped."""
    for start in range(0, frames, _SILENT_FRAMES):
        audio = bytes(FRAME_BYTES * min(_SILENT_FRAMES, frames - start))
        for tap in taps:
            yield tap, audio


class StreamsNode:
    """Everything the role consists of."""

    def __init__(self, settings: Settings) -> None:
        data = Path(settings.data_dir)
        self._settings = settings
        self._client = WebhookClient.for_platform(settings)
        self._speech = Speech(data / "cache" / "speech")
        self._prompts = Prompts(data / PROMPTS, self._client)
        self._recordings = Recordings(data / "recordings")
        self._lost = log.RateLimit(_WARN_SECONDS)
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. The speech engine is tried meanwhile."""
        self._speech.rehearse()
        run = Path(self._settings.run_dir)
        for name, serve in (("streams.sock", self._serve_voice), ("streams-audio.sock", self._serve_media)):
            path = run / name
            path.unlink(missing_ok=True)
            self._servers.append(await asyncio.start_unix_server(serve, path))

    async def close(self) -> None:
        """Finish the recordings, and end everything else."""
        for server in self._servers:
            server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._recordings.close()
        await self._prompts.close()
        await self._speech.close()
        await self._client.close()

    async def _serve_voice(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._connection():
            await Session(reader, writer, self._prompts, self._speech, self._recordings).run()

    async def _serve_media(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the taps of one media worker; they end with it."""
        batches = BatchReader()
        taps: set[int] = set()
        with self._connection():
            try:
                while data := await reader.read(_READ_SIZE):
                    self._recordings.hear(self._in_time(batches.feed(data), taps))
            except (OSError, BatchError) as error:
                logger.warning("connection of media failed: %s", error)
            finally:
                self._recordings.hear((tap, b"") for tap in tuple(taps))
                writer.close()

    def _in_time(self, records: Iterable[tuple[int, bytes]], taps: set[int]) -> Iterator[tuple[int, bytes]]:
        """What came, with silence for what did not, so that recordings keep their time. `taps` follows who is heard."""
        for tap, audio in records:
            if tap == LOST:
                frames = int.from_bytes(audio)
                if (more := self._lost.admit(monotonic())) is not None:
                    seconds = frames * FRAME_MILLISECONDS / 1000
                    logger.warning(
                        "recordings have silence for %.2f s that media did not hear in time or streams was too slow "
                        "to take (%d more times)",
                        seconds,
                        more,
                    )
                yield from silence(frames, taps)
                continue
            (taps.add if audio else taps.discard)(tap)
            yield tap, audio

    @contextmanager
    def _connection(self) -> Iterator[None]:
        """Count the current task among those that end with the role, which is what cancels them."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(asyncio.CancelledError):
                yield
        finally:
            self._connections.discard(task)


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    node = StreamsNode(settings)
    stop = termination()
    await node.start()
    announce_ready(settings)
    try:
        await stop.wait()
    finally:
        await node.close()


def main(settings: Settings) -> None:
    """The role's entry point."""
    log.configure(settings.log_level, settings.log_format)
    uvloop.run(run(settings))

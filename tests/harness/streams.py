"""A streams role as a real process, and a media worker's side of its audio socket."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from tests.harness.processes import end
from tests.harness.waiting import HANGS

from offhook.audio.frames import FRAME_SAMPLES, lost, pack_batch
from offhook.config import READY_VARIABLE, SETTINGS_VARIABLE, Settings, TrunkSettings
from offhook.smsc import SmscSettings
from offhook.streams.client import StreamsClient
from offhook.streams.protocol import RecordingFinished

Samples = npt.NDArray[np.int16]


class StreamsProcess:
    """`python -m offhook role streams` on directories of its own."""

    def __init__(self, directory: Path) -> None:
        self.settings = _settings(directory)
        self.run_dir = Path(self.settings.run_dir)
        self.run_dir.mkdir(mode=0o700, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it accepts connections."""
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "offhook", "role", "streams"],
            pass_fds=[writing],
            env={
                **os.environ,
                SETTINGS_VARIABLE: msgspec.json.encode(self.settings).decode(),
                READY_VARIABLE: str(writing),
            },
        )
        os.close(writing)
        try:
            assert os.read(reading, 4096), "the streams role did not start"
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(reading)

    def stop(self) -> int:
        """End it; returns its exit status."""
        assert self._process is not None
        return end(self._process)

    def kill(self) -> None:
        """End it without a warning."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def children(self) -> list[int]:
        """Process ids of its speech workers."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]


class Ears:
    """Recordings' ends as voice hears of them."""

    def __init__(self) -> None:
        self.finished: list[RecordingFinished] = []
        self._news: asyncio.Queue[RecordingFinished] = asyncio.Queue()

    def __call__(self, news: RecordingFinished) -> None:
        self.finished.append(news)
        self._news.put_nowait(news)

    async def next(self, seconds: float = HANGS) -> RecordingFinished:
        """The next one."""
        async with asyncio.timeout(seconds):
            return await self._news.get()


class MediaPeer:
    """A media worker's connection: writes what taps hear, without pacing."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def hear(self, taps: dict[int, Samples]) -> None:
        """Send audio of equal length for some taps, a batch for each tick."""
        length = max(len(samples) for samples in taps.values())
        for start in range(0, length, FRAME_SAMPLES):
            records = [(tap, audio[start : start + FRAME_SAMPLES].tobytes()) for tap, audio in taps.items()]
            self._writer.write(pack_batch(records))
        await self._writer.drain()

    async def lose(self, frames: int) -> None:
        """Say that so many frames of all taps do not come."""
        self._writer.write(pack_batch([lost(frames)]))
        await self._writer.drain()

    async def end(self, *taps: int) -> None:
        """End some taps, as when their leg is closed."""
        self._writer.write(pack_batch([(tap, b"") for tap in taps]))
        await self._writer.drain()

    def close(self) -> None:
        """Go away."""
        self._writer.close()


@contextmanager
def streams_process(directory: Path) -> Iterator[StreamsProcess]:
    """A running streams role, ended with the block."""
    process = StreamsProcess(directory)
    process.start()
    try:
        yield process
    finally:
        process.stop()


@asynccontextmanager
async def streams_client(
    process: StreamsProcess, on_recording: Callable[[RecordingFinished], None] = lambda _: None
) -> AsyncIterator[StreamsClient]:
    """Voice's connection to it."""
    client = StreamsClient(str(process.run_dir / "streams.sock"), on_recording)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def media_peer(process: StreamsProcess) -> AsyncIterator[MediaPeer]:
    """Media's connection to it."""
    _, writer = await asyncio.open_unix_connection(process.run_dir / "streams-audio.sock")
    try:
        yield MediaPeer(writer)
    finally:
        writer.close()


def _settings(directory: Path) -> Settings:
    nowhere = SmscSettings("", "", "127.0.0.1", 9)
    return Settings(
        data_dir=str(directory / "data"),
        run_dir=str(directory / "run"),
        database_url="",
        nats_url="",
        http_host="127.0.0.1",
        http_port=9,
        public_url="http://127.0.0.1:9",
        sip_host="127.0.0.1",
        sip_port=9,
        sandbox_url="",
        sandbox_sip="",
        sandbox_smsc=nowhere,
        trunks=(TrunkSettings("127.0.0.1", 9),),
        smscs=(nowhere,),
        account_sid="AC" + "0" * 32,
        sip_username="",
        sip_password="",
    )

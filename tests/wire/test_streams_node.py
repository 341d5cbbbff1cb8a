"""The streams role as a process: prompts, speech and recordings over its sockets."""

import asyncio
import io
import itertools
import os
import signal
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from tests.harness.streams import (
    Ears,
    MediaPeer,
    Samples,
    StreamsProcess,
    media_peer,
    streams_client,
    streams_process,
)
from tests.harness.transcribe import missing_reason, require_transcription, transcribe, was_said
from tests.harness.waiting import HANGS, eventually
from tests.harness.web_site import serving_site

from offhook.audio.tones import tone
from offhook.streams.client import Received, StreamsClient, StreamsError

_numbers = itertools.count()

BARRIER = 999
"""A tap of nobody's."""


def new_sid() -> str:
    return f"RE{next(_numbers):032x}"


def quiet(seconds: float) -> Samples:
    return np.zeros(int(seconds * 8000), np.int16)


def beep(hz: float, seconds: float) -> Samples:
    return tone([hz], int(seconds * 8000))


def wav_of(samples: Samples, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def read(path: str) -> Samples:
    with wave.open(path, "rb") as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())


class FileServer:
    """Serves one audio file and counts how it is asked for."""

    def __init__(self) -> None:
        self.requests: list[int] = []
        self.headers: dict[str, str] = {}
        self.content_type = "audio/wav"
        self.body = wav_of(beep(440, 0.5), 8000)
        self.signature: str | None = None

    async def handle(self, request: web.Request) -> web.Response:
        self.signature = request.headers.get("X-Twilio-Signature")
        status = 304 if request.headers.get("If-None-Match") == self.headers.get("ETag", "?") else 200
        self.requests.append(status)
        if request.path == "/missing":
            return web.Response(status=404)
        if status == 304:
            return web.Response(status=304, headers=self.headers)
        return web.Response(body=self.body, content_type=self.content_type, headers=self.headers)


@asynccontextmanager
async def file_server() -> AsyncIterator[tuple[FileServer, str]]:
    files = FileServer()
    app = web.Application()
    app.router.add_get("/{name:.*}", files.handle)
    async with serving_site(app) as url:
        yield files, url


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamsProcess]:
    with streams_process(tmp_path_factory.mktemp("streams")) as process:
        yield process


async def say(client: StreamsClient, text: str, voice: str = "man", language: str = "en-US") -> Samples:
    """All of a spoken text."""
    paths = [segment.path async for segment in client.synthesize(text, voice, language)]
    return np.concatenate([np.fromfile(path or "", "<i2") for path in paths])


async def taken(client: StreamsClient) -> None:
    """Return when streams has taken what it was told: it answers what it was asked after that."""
    with pytest.raises(StreamsError):
        await client.prepare("not a url")


async def heard(client: StreamsClient, media: MediaPeer, ears: Ears) -> None:
    """Return when streams has heard what media sent: a recording that hears something after that is over."""
    sid = new_sid()
    await client.start_recording(sid, [BARRIER], max_seconds=0.1)
    await taken(client)
    await media.hear({BARRIER: quiet(0.2)})
    assert (await ears.next()).sid == sid


async def test_a_prompt_is_downloaded_once_and_revalidated(node: StreamsProcess) -> None:
    async with streams_client(node) as client, file_server() as (files, url):
        prompts = await asyncio.gather(*(client.prepare(f"{url}/a.wav") for _ in range(20)))
        assert len({prompt.path for prompt in prompts}) == 1
        assert prompts[0].milliseconds == 500
        assert len(np.fromfile(prompts[0].path, "<i2")) == 4000
        assert files.requests == [200], "twenty calls at once, one download"

        files.headers = {"ETag": '"1"'}
        await client.prepare(f"{url}/a.wav")
        await client.prepare(f"{url}/a.wav")
        assert files.requests == [200, 200, 304], "no lifetime was given: asked each time"

        files.headers = {"ETag": '"2"', "Cache-Control": "max-age=60"}
        files.body = wav_of(beep(440, 0.5), 16000)
        assert (await client.prepare(f"{url}/a.wav")).milliseconds == 250
        await client.prepare(f"{url}/a.wav")
        assert files.requests == [200, 200, 304, 200], "fresh for a minute"

        await client.prepare(f"{url}/a.wav", auth_token="secret")
        assert files.signature is not None
        assert len(files.requests) == 5, "another account's copy is its own"


async def test_a_prompt_that_has_come_is_not_downloaded(node: StreamsProcess, tmp_path: Path) -> None:
    said = beep(620, 0.25)
    file = tmp_path / "received"
    file.write_bytes(wav_of(said, 8000))
    async with streams_client(node) as client:
        received = Received(file, "audio/wav")
        prompts = [await client.prepare("http://127.0.0.1:9/a", received=received) for _ in range(2)]
        file.write_bytes(b"no audio")
        with pytest.raises(StreamsError) as refused:
            await client.prepare("http://127.0.0.1:9/a", received=received)
        file.unlink()
        with pytest.raises(StreamsError) as lost:
            await client.prepare("http://127.0.0.1:9/a", received=received)
    assert prompts[0] == prompts[1]
    assert np.array_equal(np.fromfile(prompts[0].path, "<i2"), said)
    assert (refused.value.code, lost.value.code) == (13420, 12400)


async def test_what_cannot_be_played_has_its_code(node: StreamsProcess) -> None:
    async with streams_client(node) as client, file_server() as (files, url):

        async def code(path: str) -> int:
            with pytest.raises(StreamsError) as caught:
                await client.prepare(path)
            return caught.value.code

        assert await code(f"{url}/missing") == 11200
        assert await code("http://127.0.0.1:9/") == 11202
        assert await code("http://10.255.255.1/") == 11205
        assert await code("not a url") == 11100
        files.content_type = "text/html"
        assert await code(f"{url}/page") == 13420
        files.content_type, files.body = "audio/mpeg", b"<html>" * 100
        assert await code(f"{url}/liar.mp3") == 13420
        files.body = bytes(41 * 1024 * 1024)
        assert await code(f"{url}/huge") == 11750


async def test_speech_is_understood(node: StreamsProcess) -> None:
    require_transcription()
    async with streams_client(node) as client:
        for voice in ("man", "woman"):
            audio = await say(client, "Hello world. Please press one for sales.", voice)
            assert was_said("hello world please press one for sales", transcribe(audio))


@pytest.mark.parametrize(
    ("voice", "language", "text"),
    [("alice", "de-DE", "Guten Tag."), ("Polly.Mathieu", "", "Bonjour."), ("alice", "zh-CN", "你好。")],
)
async def test_other_languages_are_spoken(node: StreamsProcess, voice: str, language: str, text: str) -> None:
    async with streams_client(node) as client:
        audio = await say(client, text, voice, language)
    assert 0.4 < len(audio) / 8000 < 4
    assert np.abs(audio).max() > 5000


async def test_what_was_said_before_comes_from_the_cache(node: StreamsProcess) -> None:
    text = "Welcome to Acme, the home of fine things. Press one for sales. Press two for support."
    async with streams_client(node) as client:
        first = await say(client, text)
        stopped = node.children()
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            assert np.array_equal(await say(client, text), first)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


async def test_nothing_to_say(node: StreamsProcess) -> None:
    async with streams_client(node) as client:
        for text in ("", "...", " \n "):
            with pytest.raises(StreamsError) as caught:
                await say(client, text)
            assert caught.value.code == 13520


async def test_a_killed_speech_worker_is_replaced(node: StreamsProcess) -> None:
    async with streams_client(node) as client:
        await say(client, "First of all.")
        before = node.children()
        assert before
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert len(await say(client, "And this comes after the accident.")) > 8000

        async def replaced() -> bool:
            return not set(before) & set(node.children())

        await eventually(replaced)


async def test_a_hanging_speech_worker_does_not_stop_the_role(node: StreamsProcess) -> None:
    async with streams_client(node) as client:
        await say(client, "First of all.")
        for pid in node.children():
            os.kill(pid, signal.SIGSTOP)
        saying = asyncio.create_task(say(client, "After the deadline."))
        async with file_server() as (_, url):
            await client.prepare(f"{url}/a.wav")
        assert not saying.done()
        async with asyncio.timeout(HANGS):
            assert len(await saying) > 4000


async def test_a_recording_is_what_was_heard(node: StreamsProcess) -> None:
    sid = new_sid()
    ears = Ears()
    async with streams_client(node, ears) as client, media_peer(node) as media:
        await client.start_recording(sid, [7])
        await taken(client)  # voice taps the leg after it has started the recording
        said = beep(300, 1.5)
        await media.hear({7: said, 8: beep(900, 1.5)})
        await media.end(7)
        news = await ears.next()
    assert (news.sid, news.reason, news.empty, news.milliseconds) == (sid, "stopped", False, 1500)
    assert news.path == str(Path(node.settings.data_dir) / "recordings" / f"{sid}.wav")
    assert np.array_equal(read(news.path)[:, 0], said)


async def test_two_channels(node: StreamsProcess) -> None:
    sid = new_sid()
    ears = Ears()
    async with streams_client(node, ears) as client, media_peer(node) as media:
        await client.start_recording(sid, [1, 2], channels=2)
        await taken(client)
        left, right = beep(300, 1), beep(700, 1)
        await media.hear({1: left, 2: right})
        await heard(client, media, ears)
        await client.stop_recording(sid)
        news = await ears.next()
    audio = read(news.path)
    assert np.array_equal(audio[:, 0], left) and np.array_equal(audio[:, 1], right)


async def test_what_did_not_come_is_silence_and_takes_its_time(node: StreamsProcess) -> None:
    sid = new_sid()
    ears = Ears()
    async with streams_client(node, ears) as client, media_peer(node) as media:
        await client.start_recording(sid, [1, 2], channels=2)
        await taken(client)
        left, right = beep(300, 1), beep(700, 1)
        await media.hear({1: left, 2: right})
        await media.lose(40)
        await media.hear({1: right, 2: left})
        await heard(client, media, ears)
        await client.stop_recording(sid)
        news = await ears.next()
    assert news.milliseconds == 2800
    audio = read(news.path)
    assert np.array_equal(audio[:, 0], np.concatenate([left, quiet(0.8), right]))
    assert np.array_equal(audio[:, 1], np.concatenate([right, quiet(0.8), left]))


async def test_silence_and_length_end_a_recording(node: StreamsProcess) -> None:
    sid, longer, silent = new_sid(), new_sid(), new_sid()
    ears = Ears()
    async with streams_client(node, ears) as client, media_peer(node) as media:
        await client.start_recording(sid, [1], silence_seconds=1, trim=True)
        await client.start_recording(longer, [1], max_seconds=2)
        await client.start_recording(silent, [2], silence_seconds=1, trim=True)
        await taken(client)
        await media.hear({1: np.concatenate([quiet(0.9), beep(300, 1), quiet(2)]), 2: quiet(3.9)})
        by_sid = {news.sid: news for news in [await ears.next() for _ in range(3)]}
    assert (by_sid[sid].reason, by_sid[sid].empty) == ("silence", False)
    assert 1000 <= by_sid[sid].milliseconds <= 1500
    assert (by_sid[longer].reason, by_sid[longer].milliseconds) == ("max-length", 2000)
    assert (by_sid[silent].reason, by_sid[silent].empty, by_sid[silent].milliseconds) == ("silence", True, 0)


async def test_many_recordings_at_once(node: StreamsProcess) -> None:
    ears = Ears()
    sids = [new_sid() for _ in range(50)]
    async with streams_client(node, ears) as client, media_peer(node) as media:
        for number, sid in enumerate(sids, 1):
            await client.start_recording(sid, [number])
        await taken(client)
        await media.hear({number: beep(200 + number, 2) for number in range(1, 51)})
        media.close()
        for _ in sids:
            await ears.next()
    assert {(news.reason, news.milliseconds) for news in ears.finished} == {("stopped", 2000)}
    assert {news.sid for news in ears.finished} == set(sids)


@pytest.mark.parametrize("sid", ["../../etc/passwd", "RE1", "CA" + "a" * 32])
async def test_a_strange_name_for_a_recording_is_refused(node: StreamsProcess, sid: str) -> None:
    ears = Ears()
    async with streams_client(node, ears) as client:
        await client.start_recording(sid, [1])
        assert (await ears.next()).reason == "failed"


async def test_a_killed_role_loses_no_more_than_the_last_second(tmp_path: Path) -> None:
    sid = new_sid()
    ears = Ears()
    with streams_process(tmp_path) as process:
        async with streams_client(process, ears) as client:
            async with media_peer(process) as media:
                await client.start_recording(sid, [1])
                await taken(client)
                await media.hear({1: beep(300, 5.5)})
                part = Path(process.settings.data_dir) / "recordings" / f"{sid}.wav.part"
                await asyncio.to_thread(wait_for_size, part, 44 + 5 * 16000)
                workers = process.children()
                process.kill()
            for pid in workers:
                await gone(pid)
            await asyncio.to_thread(process.start)
            news = await ears.next()
            assert (news.sid, news.reason) == (sid, "interrupted")
            assert news.milliseconds >= 5000
            assert len(read(news.path)) == news.milliseconds * 8
            assert len(await say(client, "Hello again.")) > 4000
    assert len(ears.finished) == 1


def wait_for_size(path: Path, size: int) -> None:
    """Blocks until a file has grown to `size` bytes."""
    deadline = time.monotonic() + HANGS
    while not path.exists() or path.stat().st_size < size:
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def gone(pid: int) -> None:
    """Returns when the process has ended."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(handle, ended.set)
        try:
            async with asyncio.timeout(HANGS):
                await ended.wait()
        finally:
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)


async def test_sigterm_finishes_recordings_and_leaves_no_process(tmp_path: Path) -> None:
    sid = new_sid()
    with streams_process(tmp_path) as process:
        ears = Ears()
        async with streams_client(process, ears) as client, media_peer(process) as media:
            await say(client, "Hello.")
            await client.start_recording(sid, [1])
            await taken(client)
            await media.hear({1: beep(300, 1)})
            await heard(client, media, ears)
            workers = process.children()
            assert await asyncio.to_thread(process.stop) == 0
    for pid in workers:
        await gone(pid)
    assert len(read(str(Path(process.settings.data_dir) / "recordings" / f"{sid}.wav"))) == 8000


async def test_requests_fail_clearly_while_the_role_is_away(tmp_path: Path) -> None:
    client = StreamsClient(str(tmp_path / "none.sock"), lambda _: None, patience=0.2)
    await client.start()
    try:
        with pytest.raises(StreamsError) as caught:
            await client.prepare("http://example.com/a.wav")
        assert caught.value.code == 12400
    finally:
        await client.close()


@pytest.mark.parametrize("noise", [b"\xff" * 100, b"\x00\x00\x00\x05hello", bytes(8)])
async def test_noise_on_its_sockets_harms_nobody(node: StreamsProcess, noise: bytes) -> None:
    for name in ("streams.sock", "streams-audio.sock"):
        _, writer = await asyncio.open_unix_connection(node.run_dir / name)
        writer.write(noise)
        await writer.drain()
        writer.close()
    async with streams_client(node) as client:
        assert len(await say(client, "Still here.")) > 4000


def test_transcription_is_there_or_says_why_not() -> None:
    assert missing_reason() is None or "install" in str(missing_reason())

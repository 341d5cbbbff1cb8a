"""Engines that are missing, broken or suspended."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.harness.transcribe import require_transcription, transcribe, was_said
from tests.harness.waiting import HANGS, eventually

from offhook.speech.engine import SpeakPiece
from offhook.speech.tts import Speech, installed_engines
from offhook.speech.workers import SpeechError, WorkerPool
from offhook.supervisor.process import descendants


@asynccontextmanager
async def speaking(directory: Path, *engines: str) -> AsyncIterator[Speech]:
    speech = Speech(directory, engines=engines)
    try:
        yield speech
    finally:
        await speech.close()


async def say(speech: Speech, text: str) -> npt.NDArray[np.int16]:
    return np.concatenate([np.fromfile(p.path, "<i2") async for p in speech.speak(text, "man", "en-US")])


async def test_espeak_speaks_english_where_piper_is_not_installed(tmp_path: Path) -> None:
    async with speaking(tmp_path, "espeak") as speech:
        audio = await say(speech, "Hello world. Thank you for calling.")
    require_transcription()
    assert was_said("hello world thank you for calling", transcribe(audio))


async def test_without_any_engine_nothing_is_said(tmp_path: Path) -> None:
    async with speaking(tmp_path) as speech:
        with pytest.raises(SpeechError, match="installed"):
            await say(speech, "Hello.")


async def test_a_worker_that_misses_its_deadline_is_replaced() -> None:
    pool = WorkerPool("espeak", 1, deadline=2)
    pool.expect()
    try:
        await pool.wait_warm()
        (before,) = pool.pids
        os.kill(before, signal.SIGSTOP)
        async with asyncio.timeout(HANGS):
            assert await pool.speak(SpeakPiece("Hello.", "en-us", False, 0), 0)
        assert before not in pool.pids
    finally:
        await pool.close()
    assert not pool.pids


async def test_an_engine_that_cannot_start_fails_its_requests() -> None:
    pool = WorkerPool("no-such-engine", 1)
    pool.expect()
    try:
        async with asyncio.timeout(HANGS):
            with pytest.raises(SpeechError, match="not available"):
                await pool.speak(SpeakPiece("Hello.", "en-us", False, 0), 0)
        assert not pool.available
    finally:
        await pool.close()


async def test_the_first_piece_of_a_text_goes_before_the_later_ones_of_others() -> None:
    pool = WorkerPool("espeak", 1)
    order: list[int] = []

    async def speak(urgency: int) -> None:
        await pool.speak(SpeakPiece(f"Number {urgency}.", "en-us", False, 0), urgency)
        order.append(urgency)

    waiting = [asyncio.create_task(speak(urgency)) for urgency in (5, 3, 0, 4)]
    await asyncio.gather(*waiting)
    await pool.close()
    assert order == [0, 3, 4, 5]


async def test_workers_run_only_while_something_is_asked_of_them() -> None:
    pool = WorkerPool("espeak", 1, idle_seconds=0.2)

    async def ended() -> bool:
        return not pool.pids

    try:
        for _ in range(2):
            assert not pool.pids
            assert await pool.speak(SpeakPiece("Hello.", "en-us", False, 0), 0)
            assert len(pool.pids) == 1
            await eventually(ended)
    finally:
        await pool.close()


@pytest.mark.parametrize("turns", range(5))
async def test_a_pool_that_is_closed_while_its_workers_start_leaves_no_process(turns: int) -> None:
    before = descendants(os.getpid())
    pool = WorkerPool("espeak", 2)
    pool.expect()
    for _ in range(turns):
        await asyncio.sleep(0)
    await pool.close()
    assert not set(descendants(os.getpid())) - set(before)


async def test_a_worker_that_cannot_be_watched_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(pid: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    before = descendants(os.getpid())
    monkeypatch.setattr(os, "pidfd_open", exhausted)
    pool = WorkerPool("espeak", 1)
    try:
        with pytest.raises(SpeechError, match="not available"):
            await pool.speak(SpeakPiece("Hello.", "en-us", False, 0), 0)
        assert not set(descendants(os.getpid())) - set(before)
    finally:
        await pool.close()


async def test_a_pool_that_is_closed_while_its_worker_ends_leaves_no_process() -> None:
    before = descendants(os.getpid())
    pool = WorkerPool("espeak", 1)
    pool.expect(0)
    while not pool.pids:  # noqa: ASYNC110 (each turn of the loop is looked at)
        await asyncio.sleep(0)
    assert set(descendants(os.getpid())) - set(before) == pool.pids
    while pool.pids:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await pool.close()
    assert not set(descendants(os.getpid())) - set(before)


async def test_the_engine_that_loads_slowly_is_loaded_when_a_call_is_expected_to_speak(
    tmp_path: Path,
) -> None:
    if "piper" not in installed_engines():
        pytest.skip("piper is not installed")
    async with speaking(tmp_path, "piper", "espeak") as speech:
        assert not speech.pools["piper"].pids
        speech.expect()
        async with asyncio.timeout(HANGS):
            await speech.pools["piper"].wait_warm()
        assert not speech.pools["espeak"].pids


async def test_an_engine_that_is_rehearsed_is_let_go_unless_a_call_is_expected() -> None:
    pool = WorkerPool("espeak", 1)
    try:
        pool.expect(0)
        while not pool.pids:  # noqa: ASYNC110 (each turn of the loop is looked at)
            await asyncio.sleep(0)
        while pool.pids:  # noqa: ASYNC110
            await asyncio.sleep(0)
        # The worker is on its way out: it is asked for again before its process has been waited for.
        pool.expect(0)
        pool.expect()
        await pool.wait_warm()
        assert pool.pids
    finally:
        await pool.close()

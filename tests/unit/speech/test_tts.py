"""The pieces of a text: in which order they are made, which are made beforehand, and which are not made again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from offhook.speech import tts
from offhook.speech.engine import SpeakPiece
from offhook.speech.tts import Speech, SpokenPiece

TEXT = "One is said. Two is said. Three is said. Four is said. Five is said."


class Engine:
    """Makes a piece when the test says so; remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.urgencies: list[int] = []
        self.may_speak = asyncio.Semaphore(0)

    async def speak(self, piece: SpeakPiece, urgency: int) -> bytes:
        self.asked.append(piece.text)
        self.urgencies.append(urgency)
        await self.may_speak.acquire()
        return bytes(1600)

    async def close(self) -> None:
        """Nothing is to be ended."""


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def speech(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Speech:
    made: Any = engine
    monkeypatch.setattr(tts, "WorkerPool", lambda *_: made)
    return Speech(tmp_path, engines=("espeak",))


async def spoken(speech: Speech) -> list[SpokenPiece]:
    return [piece async for piece in speech.speak(TEXT, "man", "en-US")]


async def test_the_first_piece_is_there_before_the_others_are_made(speech: Speech, engine: Engine) -> None:
    pieces = speech.speak(TEXT, "man", "en-US")
    engine.may_speak.release()
    assert (await anext(pieces)).milliseconds == 100
    assert engine.asked == ["One is said.", "Two is said."]
    assert engine.urgencies == [0, 1]
    for _ in range(4):
        engine.may_speak.release()
    assert len([piece async for piece in pieces]) == 4
    assert engine.urgencies == [0, 1, 2, 3, 4]


async def test_what_nobody_listens_to_any_more_is_not_made(speech: Speech, engine: Engine) -> None:
    pieces = speech.speak(TEXT, "man", "en-US")
    engine.may_speak.release()
    await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]
    for _ in range(4):
        engine.may_speak.release()
    await asyncio.sleep(0)
    assert len(engine.asked) == 2


async def test_what_was_said_before_is_in_the_cache(speech: Speech, engine: Engine) -> None:
    for _ in range(5):
        engine.may_speak.release()
    first = await spoken(speech)
    assert await spoken(speech) == first
    assert len(engine.asked) == len(first) == 5


async def test_what_two_ask_for_at_once_is_made_once(speech: Speech, engine: Engine) -> None:
    both = [asyncio.create_task(spoken(speech)) for _ in range(2)]
    for _ in range(5):
        engine.may_speak.release()
    one, other = await asyncio.gather(*both)
    assert one == other
    assert len(engine.asked) == 5

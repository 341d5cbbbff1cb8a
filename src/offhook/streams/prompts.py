"""Audio files of customers, for `<Play>`: downloaded, converted and kept for as long as HTTP allows.

A file is fetched once however many calls ask for it at the same moment. What differs by who asks (credentials
in the URL, the key that signs the request) is part of a file's name in the cache, so that no account hears
another's.
"""

import asyncio
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from offhook.delivery.client import (
    AUDIO_MAX_BYTES,
    FetchError,
    FetchRequest,
    FetchResponse,
    WebhookClient,
)
from offhook.speech.cache import AudioCache
from offhook.streams.decode import DecodeError, decode_audio, is_audio_type
from offhook.streams.freshness import Stored, remember
from offhook.streams.protocol import BYTES_PER_MILLISECOND

_CACHE_BYTES = 2 * 1024**3
_MAX_SECONDS = 3600.0
_FETCH_SECONDS = 30.0
_DOWNLOADS = 32
_DECODERS = 2
_NOT_AUDIO = 13420
_RETRIEVAL_FAILURE = 11200
_INTERNAL_FAILURE = 12400


class PromptError(Exception):
    """A file could not be fetched or is not audio: a notification code and what happened."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file of raw audio, and how long it is."""

    path: Path
    milliseconds: int


class Prompts:
    """The cache of audio files; made and used inside one event loop."""

    def __init__(self, cache_directory: Path, client: WebhookClient) -> None:
        self._cache = AudioCache(cache_directory, _CACHE_BYTES)
        self._client = client
        self._downloads = asyncio.Semaphore(_DOWNLOADS)
        self._decoders = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
        self._running: dict[str, asyncio.Task[PreparedFile]] = {}

    async def close(self) -> None:
        """End downloads in progress."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._decoders.shutdown(wait=False, cancel_futures=True)

    async def prepare(self, url: str, auth_token: str | None) -> PreparedFile:
        """The converted audio of `url`, from the cache or the network.

        Raises:
            PromptError: 13420 not audio, 11xxx not fetched, 12400 the cache cannot be written.
        """
        key = hashlib.sha256(f"{auth_token or ''}\0{url}".encode("utf-8", "surrogatepass")).hexdigest()
        task = self._running.get(key)
        if task is None:
            stored = self._stored(key)
            if stored is not None and time.time() < stored.fresh_until:
                return self._prepared(key)
            task = asyncio.create_task(self._refresh(key, url, auth_token, stored))
            self._running[key] = task
            task.add_done_callback(partial(self._forget, key))
        # Shielded: another call may want the same file when this one has hung up.
        return await asyncio.shield(task)

    async def prepare_received(self, path: str, content_type: str) -> PreparedFile:
        """The converted audio of a file that somebody else has downloaded, and keeps until this returns.

        Raises:
            PromptError: 13420 not audio, 12400 the file cannot be read or the cache not be written.
        """
        async with self._downloads:
            try:
                body = await asyncio.to_thread(Path(path).read_bytes)
                key = await asyncio.to_thread(_name_of, body, content_type)
                if self._cache.get(key) is None:
                    audio = await self._decode(body, content_type)
                    await asyncio.to_thread(self._cache.put, key, audio)
            except OSError as error:
                raise PromptError(
                    _INTERNAL_FAILURE, f"the file cannot be converted: {error.strerror}"
                ) from error
        return self._prepared(key)

    def _forget(self, key: str, task: "asyncio.Task[PreparedFile]") -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()

    def _stored(self, key: str) -> Stored | None:
        if self._cache.get(key) is None:
            return None
        try:
            return msgspec.json.decode(self._cache.note(key), type=Stored)
        except msgspec.DecodeError:
            return None

    def _prepared(self, key: str) -> PreparedFile:
        cached = self._cache.get(key)
        if cached is None:
            raise PromptError(_INTERNAL_FAILURE, "the cached audio file is gone")
        path, size = cached
        return PreparedFile(path, size // BYTES_PER_MILLISECOND)

    async def _refresh(
        self, key: str, url: str, auth_token: str | None, stored: Stored | None
    ) -> PreparedFile:
        async with self._downloads:
            response = await self._fetch(url, auth_token, stored)
            try:
                if response.status == 304 and stored is not None:
                    note = remember(response.headers, time.time(), stored)
                    self._cache.annotate(key, msgspec.json.encode(note))
                else:
                    audio = await self._decode(response.body, response.content_type)
                    note = remember(response.headers, time.time())
                    await asyncio.to_thread(self._cache.put, key, audio, msgspec.json.encode(note))
            except OSError as error:
                raise PromptError(
                    _INTERNAL_FAILURE, f"the cache cannot be written: {error.strerror}"
                ) from error
        return self._prepared(key)

    async def _fetch(self, url: str, auth_token: str | None, stored: Stored | None) -> FetchResponse:
        request = FetchRequest(
            url,
            method="GET",
            auth_token=auth_token,
            headers=stored.conditions() if stored is not None else (),
            timeout=_FETCH_SECONDS,
            max_bytes=AUDIO_MAX_BYTES,
        )
        try:
            response = await self._client.fetch(request)
        except FetchError as error:
            raise PromptError(error.code, error.detail) from error
        if response.status == 304 and stored is not None:
            return response
        if not 200 <= response.status < 300:
            raise PromptError(_RETRIEVAL_FAILURE, f"the server answered {response.status}")
        if not is_audio_type(response.content_type):
            raise PromptError(_NOT_AUDIO, f"the content type is {(response.content_type or 'missing')[:100]}")
        return response

    async def _decode(self, body: bytes, content_type: str | None) -> bytes:
        loop = asyncio.get_running_loop()
        decode = partial(decode_audio, body, content_type, _MAX_SECONDS)
        try:
            return await loop.run_in_executor(self._decoders, decode)
        except DecodeError as error:
            raise PromptError(_NOT_AUDIO, f"the file is not audio that can be played: {error}") from error


def _name_of(body: bytes, content_type: str) -> str:
    """The name in the cache of audio that has no URL to be asked for again; what it is tells how it is read."""
    return hashlib.sha256(b"%s\0%s" % (content_type.encode("utf-8", "replace"), body)).hexdigest()

"""A directory of audio files that were made once and are played many times: prompts and spoken text.

Files are raw audio (16-bit little endian, 8 kHz, mono), named by a key of the maker's choice, written aside
and renamed into place. The directory is bounded: the least recently used files go first, but never one used
within the last minutes, which media may be about to open. A file may carry a note (what the maker has to
remember of it).
"""

import os
import tempfile
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

_AUDIO = ".l16"
_NOTE = ".note"
_KEEP_SECONDS = 600.0


class AudioCache:
    """One directory with one owning process. Calls block for microseconds; `put` and opening for longer."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        """Opens the directory and takes over what earlier processes left in it."""
        self._directory = directory
        self._max_bytes = max_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._used: dict[str, float] = {}
        self._total = 0
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._scan()

    def get(self, key: str) -> tuple[Path, int] | None:
        """The file of `key` and its size in bytes, if there is one."""
        size = self._sizes.get(key)
        if size is None:
            return None
        path = self._path(key)
        try:
            os.utime(path)
        except FileNotFoundError:
            with self._lock:
                self._forget(key)
            return None
        self._sizes.move_to_end(key)
        self._used[key] = time.monotonic()
        return path, size

    def note(self, key: str) -> bytes:
        """What was noted with the file of `key`; empty when nothing was."""
        with suppress(FileNotFoundError):
            return self._path(key, _NOTE).read_bytes()
        return b""

    def put(self, key: str, audio: bytes, note: bytes = b"") -> Path:
        """Store a file in place of the one of the same key, if any. Readers of the old one keep it.

        Writes to the disk; may be called from another thread.

        Raises:
            OSError: the disk is full, or the like; nothing has changed then.
        """
        path = self._path(key)
        self._write(path, audio)
        self.annotate(key, note)
        with self._lock:
            self._forget(key)
            self._sizes[key] = len(audio)
            self._used[key] = time.monotonic()
            self._total += len(audio)
            self._evict()
        return path

    def annotate(self, key: str, note: bytes) -> None:
        """Replace the note of a file."""
        if note:
            self._write(self._path(key, _NOTE), note)
        else:
            self._path(key, _NOTE).unlink(missing_ok=True)

    @property
    def total_bytes(self) -> int:
        """Of all files, notes aside."""
        return self._total

    def _path(self, key: str, suffix: str = _AUDIO) -> Path:
        return self._directory / f"{key}{suffix}"

    def _write(self, path: Path, data: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self._directory, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _scan(self) -> None:
        found = []
        for entry in os.scandir(self._directory):
            path = Path(entry.path)
            if path.suffix == ".part":
                path.unlink(missing_ok=True)
            elif path.suffix == _AUDIO:
                stat = entry.stat()
                found.append((stat.st_mtime, path.stem, stat.st_size))
        for _, key, size in sorted(found):
            self._sizes[key] = size
            self._total += size
        self._evict()

    def _forget(self, key: str) -> None:
        self._total -= self._sizes.pop(key, 0)
        self._used.pop(key, None)

    def _evict(self) -> None:
        now = time.monotonic()
        for key in list(self._sizes):
            if self._total <= self._max_bytes:
                return
            if now - self._used.get(key, -_KEEP_SECONDS) < _KEEP_SECONDS:
                continue
            self._path(key).unlink(missing_ok=True)
            self._path(key, _NOTE).unlink(missing_ok=True)
            self._forget(key)

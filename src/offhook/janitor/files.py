"""Files that are kept for a time and up to a size: which of a directory's are too old or too many."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from offhook import ids
from offhook.config import Keep

_DAY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file, its size in octets, and when it was made or used last (seconds since 1970)."""

    path: Path
    octets: int
    at: float


def recordings_in(directory: Path) -> list[KeptFile]:
    """The finished recordings of a directory, the oldest first; a recording's SID says when it was made."""
    return _scan(directory, ".wav", lambda stem, modified: _made_at(stem) or modified)


def audio_in(directory: Path) -> list[KeptFile]:
    """The files of an audio cache (`speech.cache.AudioCache`), the one that was not used for longest first."""
    return _scan(directory, ".l16", lambda stem, modified: modified)


def surplus(files: Sequence[KeptFile], keep: Keep, now: float, *, youngest: float = 0.0) -> list[KeptFile]:
    """Those of `files` (oldest first) that are older than `keep` says, and the oldest beyond its size. Pure.

    `youngest`: what is younger, in seconds, stays in any case.
    """
    total = sum(file.octets for file in files)
    chosen: list[KeptFile] = []
    for file in files:
        age = now - file.at
        old = keep.days is not None and age > keep.days * _DAY
        many = keep.octets is not None and total > keep.octets
        if age < youngest or not (old or many):
            break
        chosen.append(file)
        total -= file.octets
    return chosen


def _made_at(stem: str) -> float | None:
    return ids.sid_milliseconds(stem) / 1000 if ids.is_sid(stem, ids.RECORDING) else None


def _scan(directory: Path, suffix: str, at: Callable[[str, float], float]) -> list[KeptFile]:
    found: list[KeptFile] = []
    try:
        entries = os.scandir(directory)
    except FileNotFoundError:
        return found
    with entries:
        for entry in entries:
            path = Path(entry.path)
            if path.suffix != suffix:
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            found.append(KeptFile(path, status.st_size, at(path.stem, status.st_mtime)))
    return sorted(found, key=lambda file: file.at)

"""Whether the disk that holds the data has room for new work.

A disk that fills up stops PostgreSQL in the middle of what is under way, live calls and their recordings among it.
So new calls and texts are refused while there is still room to finish the old.
"""

from __future__ import annotations

import os
import time
from typing import Final

from offhook.store.database import DatabaseUnavailableError

FLOOR_BYTES: Final = 256 * 1024 * 1024
"""Below this nothing new is begun: a segment of PostgreSQL's log has 16 MB, a minute of recording 1 MB."""

FLOOR_SHARE: Final = 0.1
"""On a small disk this share of it is the floor."""

_LOOK_SECONDS = 1.0

RETRY_AFTER_SECONDS: Final = 30
"""When one who was refused may ask again."""


class DiskFullError(DatabaseUnavailableError):
    """The disk has too little room for new work."""


def room(path: str) -> tuple[int, int]:
    """Bytes that are free on the disk of `path`, and how many must be for new work.

    Raises:
        OSError: the path is not there.
    """
    disk = os.statvfs(path)
    free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    return free, min(FLOOR_BYTES, int(whole * FLOOR_SHARE))


class Disk:
    """The disk of a data directory, looked at once a second at most: to ask costs nothing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._until = 0.0
        self._full = False

    def full(self) -> bool:
        """Whether new work must be refused. A disk that cannot be looked at is taken for one with room."""
        now = time.monotonic()
        if now >= self._until:
            self._until = now + _LOOK_SECONDS
            try:
                free, floor = room(self._path)
            except OSError:
                free, floor = 0, 0
            self._full = free < floor
        return self._full

"""The log files of the programs that are not ours; the roles themselves write to stderr."""

import os
from pathlib import Path
from typing import IO

_ROTATE_BYTES = 4 * 1024 * 1024


def open_log(path: Path) -> IO[bytes]:
    """Open a log to append to; one that has grown large is set aside as `.1` first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _ROTATE_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")


def last_line(path: Path) -> str:
    """Return the last line of a log, empty when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 4096))
            lines = log.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""

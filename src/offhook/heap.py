"""What malloc(3) does with memory that is freed, where it is glibc's: mallopt(3) and malloc_trim(3); else nothing."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3


def keep_freed(octets: int) -> None:
    """Have it kept, up to so much: to fault each page in again costs more than the memory does."""
    with contextlib.suppress(AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_MMAP_THRESHOLD, octets)
        set_option(_TRIM_THRESHOLD, octets)


def give_back() -> None:
    """Give back to the system what is free now; some milliseconds after a lot was."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)

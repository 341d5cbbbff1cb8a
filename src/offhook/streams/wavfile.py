"""A WAV file that is written over a long time and can be read whatever happens in between.

It is written under another name with a header that is brought up to date with every piece, and gets its own
name when it is finished. `salvage` finishes what a killed process left. All calls block.
"""

import contextlib
import os
from pathlib import Path

from offhook.audio.frames import SAMPLE_RATE
from offhook.audio.wav import HEADER_BYTES, header

_PART = ".part"


class WavWriter:
    """One 16-bit 8 kHz file."""

    def __init__(self, path: Path, channels: int) -> None:
        """Raises:
        OSError: it cannot be created.
        """
        self._path = path
        self._part = path.with_name(path.name + _PART)
        self._channels = channels
        self._size = 0
        self._file = self._part.open("wb")
        try:
            self._write_header()
        except OSError:
            self.abandon()
            raise

    def append(self, audio: bytes) -> None:
        """Write interleaved samples and the header that covers them.

        Raises:
            OSError: the disk is full, or the like.
        """
        if not audio:
            return
        self._file.seek(HEADER_BYTES + self._size)
        self._file.write(audio)
        self._size += len(audio)
        self._write_header()

    def finish(self, samples: int) -> Path:
        """Keep the first `samples` of each channel and give the file its name; returns it.

        Raises:
            OSError: it cannot be completed; `abandon` it.
        """
        self._size = min(self._size, samples * 2 * self._channels)
        self._write_header()
        self._file.truncate(HEADER_BYTES + self._size)
        os.fsync(self._file.fileno())
        self._file.close()
        return self._part.replace(self._path)

    def abandon(self) -> None:
        """Give up the file and its room on the disk. What cannot be written any more is not an error here."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _write_header(self) -> None:
        self._file.seek(0)
        self._file.write(header(self._size, channels=self._channels))
        self._file.flush()


def salvage(directory: Path) -> None:
    """Give their names to the files that were being written when their process was killed.

    Their headers cover what was written with them; a file without a whole header is removed.
    """
    for part in directory.glob(f"*.wav{_PART}"):
        if part.stat().st_size < HEADER_BYTES:
            part.unlink()
        else:
            part.replace(part.with_suffix(""))


def wav_milliseconds(path: Path) -> int | None:
    """The length of a finished file, or None when there is none."""
    try:
        with path.open("rb") as file:
            start = file.read(HEADER_BYTES)
    except FileNotFoundError:
        return None
    block = int.from_bytes(start[32:34], "little") or 2
    return int.from_bytes(start[40:44], "little") // block * 1000 // SAMPLE_RATE

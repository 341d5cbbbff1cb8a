"""What every speech engine is to a worker, and what a worker and its owner say to each other.

Frames of `offhook.bus.ipc` on a socket pair. A worker says `Ready` once it can speak without delay, and then
answers each `SpeakPiece` with one `Spoken` or `NotSpoken`, in order.
"""

from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Engine(Protocol):
    """A synthesiser inside a worker process; one thread, one request at a time."""

    def speak(self, text: str, language: str, female: bool) -> tuple[Floats, float]:
        """Mono audio of `text` in [-1, 1], and its sample rate in Hz.

        `language` is a lower-case BCP 47 tag; an engine speaks the nearest language that it knows.

        Raises:
            Exception: anything; the worker reports it and goes on.
        """
        ...


class SpeakPiece(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Speak a piece of text, followed by `pause` milliseconds of silence."""

    text: str
    language: str
    female: bool
    pause: int


class Ready(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The engine is loaded and warm."""


class Spoken(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Audio (16-bit little endian, 8 kHz, mono), and the worker's memory in bytes."""

    audio: bytes
    resident: int


class NotSpoken(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The engine failed on this piece."""

    detail: str


WorkerReply = Ready | Spoken | NotSpoken

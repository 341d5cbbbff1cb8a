"""The worker process: ``python -m offhook.speech.worker ENGINE FD``.

Loads one engine, answers requests on the socket `FD` one by one, and ends with its parent. The engine, which
may be GPL, is imported here and nowhere else. What it gives is resampled to 8 kHz, trimmed and brought to one
loudness here as well, so that the role that owns the worker has nothing to compute.
"""

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

import numpy as np

from offhook.audio.resample import resample
from offhook.bus.ipc import Frames, encode
from offhook.speech.engine import Engine, Floats, NotSpoken, Ready, SpeakPiece, Spoken

SAMPLE_RATE = 8000
_PR_SET_PDEATHSIG = 1
_READ_SIZE = 65536
_SPEECH_RMS = 0.1
"""Speech of -20 dBFS is about what telephone networks are levelled to (ITU-T G.169: -20 ± 4 dBm0)."""
_PEAK = 0.89
_MOST_GAIN = 8.0
_SILENCE = 0.004
_LEAD_SAMPLES = SAMPLE_RATE * 40 // 1000
_NICENESS = 5
"""Below the media worker, whose tick must not be late."""


def load_engine(name: str) -> Engine:
    """The engine `name`, ready to speak.

    Raises:
        ImportError: its packages are not installed.
        ValueError: there is no such engine.
    """
    if name == "piper":
        from offhook.speech.engines.piper import PiperEngine

        return PiperEngine()
    if name == "espeak":
        from offhook.speech.engines.espeak import EspeakEngine

        return EspeakEngine()
    raise ValueError(f"no engine {name}")


def finish_audio(audio: Floats, rate: float, pause: int) -> bytes:
    """16-bit 8 kHz audio of even loudness without silence around it, then `pause` milliseconds of silence."""
    wide = (np.clip(audio, -1.0, 1.0) * 32767).astype(np.int16)
    narrow = resample(wide, round(rate), SAMPLE_RATE).astype(np.float32) / 32767
    loud = np.flatnonzero(np.abs(narrow) > _SILENCE)
    if not len(loud):
        return bytes(2 * SAMPLE_RATE * pause // 1000)
    narrow = narrow[max(0, loud[0] - _LEAD_SAMPLES) : loud[-1] + _LEAD_SAMPLES]
    level = float(np.sqrt(np.mean(narrow**2)))
    gain = min(_SPEECH_RMS / max(level, 1e-6), _MOST_GAIN)
    levelled: Floats = (narrow * gain).astype(np.float32)
    peak = float(np.max(np.abs(levelled)))
    if peak > _PEAK:
        # Only the rare peaks are bent, so that the loudness of the voice does not depend on them.
        levelled = _soften(levelled)
    samples = (levelled * 32767).astype("<i2").tobytes()
    return samples + bytes(2 * (SAMPLE_RATE * pause // 1000))


def _soften(audio: Floats) -> Floats:
    """Bends what lies above half of the peak so that it approaches the peak."""
    half = _PEAK / 2
    over = np.maximum(np.abs(audio) - half, 0.0) / half
    bent = np.sign(audio) * (half + half * np.tanh(over))
    return np.where(over > 0.0, bent, audio).astype(np.float32)


def _answer(engine: Engine, piece: SpeakPiece) -> Spoken | NotSpoken:
    try:
        audio, rate = engine.speak(piece.text, piece.language, piece.female)
        return Spoken(finish_audio(audio, rate, piece.pause), _resident())
    except Exception as error:
        return NotSpoken(f"{type(error).__name__}: {error}"[:500])


def _resident() -> int:
    """Memory of this process in bytes (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def main(arguments: list[str]) -> None:
    """Run until the socket is closed."""
    name, descriptor, parent = arguments
    _die_with(int(parent))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    connection = socket.socket(fileno=int(descriptor))
    engine = load_engine(name)
    _answer(engine, SpeakPiece("Ready to speak.", "en-us", False, 0))
    connection.sendall(encode(Ready()))
    frames: Frames[SpeakPiece] = Frames(SpeakPiece)
    while data := connection.recv(_READ_SIZE):
        for piece in frames.feed(data):
            connection.sendall(encode(_answer(engine, piece)))


if __name__ == "__main__":
    main(sys.argv[1:])

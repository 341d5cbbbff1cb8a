"""Recordings as they are made: channels, ends and trimming."""

import numpy as np
import numpy.typing as npt

from offhook.audio.frames import FRAME_SAMPLES
from offhook.streams.mixdown import Mixdown

QUIET = np.zeros(FRAME_SAMPLES, np.int16)
LOUD = (8000 * np.sin(np.arange(FRAME_SAMPLES) * 2 * np.pi * 400 / 8000)).astype(np.int16)


def feed(mixdown: Mixdown, tap: int, frame: npt.NDArray[np.int16], frames: int) -> bytes:
    return b"".join(mixdown.feed(tap, frame.tobytes()) for _ in range(frames))


def samples(audio: bytes) -> npt.NDArray[np.int16]:
    return np.frombuffer(audio, "<i2")


def test_one_tap_is_written_as_it_was_heard() -> None:
    mixdown = Mixdown((1,), 1, 10, None, False)
    written = feed(mixdown, 1, LOUD, 7) + mixdown.finish()
    assert written == LOUD.tobytes() * 7
    assert (mixdown.ended, mixdown.empty, mixdown.keep_samples) == ("stopped", False, 7 * FRAME_SAMPLES)


def test_two_taps_are_mixed_in_one_channel() -> None:
    mixdown = Mixdown((1, 2), 1, 10, None, False)
    written = b""
    for _ in range(5):
        written += mixdown.feed(1, LOUD.tobytes()) + mixdown.feed(2, LOUD.tobytes())
    assert np.array_equal(samples(written + mixdown.finish()), np.tile(LOUD * 2, 5))


def test_two_taps_are_kept_apart_in_two_channels() -> None:
    mixdown = Mixdown((7, 3), 2, 10, None, False)
    written = b""
    for _ in range(10):
        written += mixdown.feed(3, QUIET.tobytes()) + mixdown.feed(7, LOUD.tobytes())
    stereo = samples(written + mixdown.finish()).reshape(-1, 2)
    assert np.array_equal(stereo[:, 0], np.tile(LOUD, 10))
    assert not stereo[:, 1].any()


def test_a_tap_that_never_speaks_up_is_not_waited_for() -> None:
    mixdown = Mixdown((1, 2), 2, 10, None, False)
    written = feed(mixdown, 1, LOUD, 60)
    assert len(samples(written)) // 2 >= 30 * FRAME_SAMPLES


def test_it_ends_at_its_maximal_length_to_the_sample() -> None:
    mixdown = Mixdown((1,), 1, 1.005, None, False)
    written = feed(mixdown, 1, LOUD, 60)
    assert mixdown.ended == "max-length"
    assert len(samples(written)) == mixdown.keep_samples == 8040


def test_it_ends_after_silence_once_speech_is_over() -> None:
    mixdown = Mixdown((1,), 1, 60, 2.0, False)
    written = feed(mixdown, 1, LOUD, 25)
    written += feed(mixdown, 1, QUIET, 200)
    assert mixdown.ended == "silence"
    assert not mixdown.empty
    assert 2.4 < len(samples(written)) / 8000 < 2.9


def test_it_ends_after_silence_when_nobody_speaks() -> None:
    mixdown = Mixdown((1,), 1, 60, 3.0, False)
    feed(mixdown, 1, QUIET, 400)
    assert mixdown.ended == "silence"
    assert mixdown.empty


def test_trimming_cuts_the_silence_around_speech() -> None:
    mixdown = Mixdown((1,), 1, 60, None, True)
    written = feed(mixdown, 1, QUIET, 100) + feed(mixdown, 1, LOUD, 50) + feed(mixdown, 1, QUIET, 100)
    written += mixdown.finish()
    kept = samples(written)[: mixdown.keep_samples]
    assert 1.0 <= len(kept) / 8000 <= 1.5
    assert int(np.count_nonzero(kept)) == int(np.count_nonzero(np.tile(LOUD, 50)))


def test_trimming_silence_leaves_nothing() -> None:
    mixdown = Mixdown((1,), 1, 60, None, True)
    assert feed(mixdown, 1, QUIET, 100) + mixdown.finish() == b""
    assert mixdown.keep_samples == 0


def test_it_ends_with_its_last_tap() -> None:
    mixdown = Mixdown((1, 2), 1, 60, None, False)
    feed(mixdown, 1, LOUD, 10)
    assert mixdown.end_tap(2) == b"" and mixdown.ended is None
    mixdown.end_tap(1)
    assert mixdown.ended == "stopped"
    assert mixdown.keep_samples == 10 * FRAME_SAMPLES


def test_a_pause_is_left_out_or_silent() -> None:
    for silence, frames in ((False, 10), (True, 15)):
        mixdown = Mixdown((1,), 1, 10, None, False)
        written = feed(mixdown, 1, LOUD, 5) + mixdown.pause(silence=silence)
        written += feed(mixdown, 1, LOUD, 5)
        mixdown.resume()
        written += feed(mixdown, 1, LOUD, 5) + mixdown.finish()
        quiet = QUIET.tobytes() * 5 if silence else b""
        assert written == LOUD.tobytes() * 5 + quiet + LOUD.tobytes() * 5
        assert mixdown.keep_samples == frames * FRAME_SAMPLES

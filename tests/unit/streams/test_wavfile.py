"""WAV files that survive a killed process."""

import wave
from pathlib import Path

from offhook.streams.wavfile import WavWriter, salvage, wav_milliseconds


def test_a_file_is_complete_after_every_piece(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 2)
    for count in range(1, 4):
        writer.append(bytes(4 * 800))
        with wave.open(str(tmp_path / "a.wav.part"), "rb") as file:
            assert (file.getnchannels(), file.getnframes()) == (2, 800 * count)
    assert not (tmp_path / "a.wav").exists()
    writer.finish(2400)
    assert wav_milliseconds(tmp_path / "a.wav") == 300


def test_finishing_cuts_what_is_not_to_be_kept(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 1)
    writer.append(bytes(2 * 1600))
    path = writer.finish(800)
    assert path.stat().st_size == 44 + 1600
    assert wav_milliseconds(path) == 100


def test_what_a_killed_process_left_is_finished(tmp_path: Path) -> None:
    killed = WavWriter(tmp_path / "a.wav", 1)
    killed.append(bytes(2 * 8000))
    (tmp_path / "b.wav.part").write_bytes(b"RI")
    salvage(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert wav_milliseconds(tmp_path / "a.wav") == 1000
    killed.abandon()


def test_a_missing_file_has_no_length(tmp_path: Path) -> None:
    assert wav_milliseconds(tmp_path / "a.wav") is None

"""Which files are too old, and which too many."""

from __future__ import annotations

import os
from pathlib import Path

from offhook.clock import new_sid
from offhook.config import Keep
from offhook.ids import new_sid as sid_of
from offhook.janitor.files import KeptFile, audio_in, recordings_in, surplus

DAY = 86400.0
NOW = 100 * DAY


def files(*ages: float, octets: int = 10) -> list[KeptFile]:
    """Files of these ages in days."""
    return [KeptFile(Path(f"{age}"), octets, NOW - age * DAY) for age in ages]


def names(chosen: list[KeptFile]) -> list[str]:
    return [str(file.path) for file in chosen]


def test_what_is_too_old_goes() -> None:
    assert names(surplus(files(40, 31, 30, 1), Keep(days=30), NOW)) == ["40", "31"]


def test_the_oldest_go_until_the_size_is_kept() -> None:
    assert names(surplus(files(4, 3, 2, 1), Keep(octets=25), NOW)) == ["4", "3"]
    assert surplus(files(4, 3, 2, 1), Keep(octets=40), NOW) == []


def test_age_and_size_together() -> None:
    assert names(surplus(files(40, 3, 2, 1), Keep(30, 20), NOW)) == ["40", "3"]


def test_without_limits_everything_stays() -> None:
    assert surplus(files(4000, 1), Keep(), NOW) == []


def test_what_was_just_used_stays_whatever_its_size() -> None:
    assert names(surplus(files(1, 0.001), Keep(octets=1), NOW, youngest=600)) == ["1"]


def test_a_recording_is_as_old_as_its_sid_says(tmp_path: Path) -> None:
    old = sid_of("RE", 1_000_000, bytes(10))
    for name in (f"{new_sid('RE')}.wav", f"{old}.wav", f"{new_sid('RE')}.wav.part", "note.txt"):
        (tmp_path / name).write_bytes(b"12345")
    found = recordings_in(tmp_path)
    assert [file.octets for file in found] == [5, 5]
    assert (found[0].path.stem, found[0].at) == (old, 1000.0)


def test_cached_audio_is_as_old_as_its_last_use(tmp_path: Path) -> None:
    for name, at in (("b.l16", 500), ("a.l16", 1000), ("b.note", 1)):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (at, at))
    assert [(file.path.name, file.at) for file in audio_in(tmp_path)] == [("b.l16", 500.0), ("a.l16", 1000.0)]
    assert audio_in(tmp_path / "none") == []

"""The bounded directory of audio files."""

from pathlib import Path

import pytest

from offhook.speech import cache
from offhook.speech.cache import AudioCache


def test_a_file_is_found_again_also_by_the_next_process(tmp_path: Path) -> None:
    first = AudioCache(tmp_path, 1000)
    path = first.put("a", b"1234", b"note")
    assert first.get("a") == (path, 4)
    second = AudioCache(tmp_path, 1000)
    assert second.get("a") == (path, 4)
    assert second.note("a") == b"note"
    assert second.total_bytes == 4


def test_what_was_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(b"12")
    AudioCache(tmp_path, 1000)
    assert not list(tmp_path.iterdir())


def test_who_has_opened_the_old_file_keeps_it(tmp_path: Path) -> None:
    store = AudioCache(tmp_path, 1000)
    with store.put("a", b"old").open("rb") as opened:
        store.put("a", b"newer")
        assert opened.read() == b"old"
    assert store.total_bytes == 5


def test_a_file_deleted_by_hand_is_not_found(tmp_path: Path) -> None:
    store = AudioCache(tmp_path, 1000)
    store.put("a", b"1234").unlink()
    assert store.get("a") is None
    assert store.total_bytes == 0


def test_the_least_recently_used_goes_first_but_not_one_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = AudioCache(tmp_path, 10)
    store.put("a", b"1" * 6)
    store.put("b", b"2" * 6)
    assert store.get("a") and store.get("b"), "media may be about to open them"
    monkeypatch.setattr(cache, "_KEEP_SECONDS", 0.0)
    store.get("a")
    store.put("c", b"3" * 4)
    assert store.get("b") is None
    assert store.get("a") and store.get("c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.l16", "c.l16"]

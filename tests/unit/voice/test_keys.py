"""A key that is told by several means is pressed once."""

from __future__ import annotations

from offhook.voice.keys import WITHIN_SECONDS, KeyPresses


def news(*told: tuple[float, str, str]) -> str:
    """The keys of (time, key, means) that are new."""
    presses = KeyPresses()
    return "".join(key for at, key, means in told if presses.is_new(key, means, at))


def test_tone_event_and_info_are_one_press() -> None:
    assert news((0.0, "5", "inband"), (0.1, "5", "rfc4733"), (0.3, "5", "info")) == "5"
    assert news((0.0, "5", "info"), (0.1, "5", "rfc4733"), (0.3, "5", "inband")) == "5"


def test_pairs_are_kept_though_presses_overtake_each_other() -> None:
    events = [(0.1 * index, "5", "rfc4733") for index in range(3)]
    infos = [(0.4 + 0.1 * index, "5", "info") for index in range(3)]
    assert news(*events, *infos) == "555"
    assert news(*events, *infos, (0.9, "5", "info")) == "5555"


def test_one_means_alone_tells_of_every_press() -> None:
    assert news(*((0.05 * index, "1", "info") for index in range(6))) == "111111"


def test_other_keys_and_later_presses_are_new() -> None:
    assert news((0.0, "1", "rfc4733"), (0.1, "2", "info")) == "12"
    assert news((0.0, "1", "rfc4733"), (WITHIN_SECONDS + 0.1, "1", "info")) == "11"


def test_info_at_the_end_of_a_long_press_belongs_to_it() -> None:
    presses = KeyPresses()
    assert presses.is_new("1", "rfc4733", 0.0)
    assert not presses.is_new("1", "info", 6.0, held=5.5)


def test_memory_is_bounded() -> None:
    presses = KeyPresses()
    for index in range(1000):
        presses.is_new("1", "info", index)
    assert len(presses._presses) <= 32

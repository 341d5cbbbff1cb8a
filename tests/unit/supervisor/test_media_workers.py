"""How many media workers there are, and how they share the ports for audio."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.config import ConfigurationError
from offhook.supervisor.media_workers import count_of, split_ports


@given(st.integers(1024, 60000), st.integers(3, 5000), st.integers(1, 64))
def test_parts_hold_two_legs_and_have_no_port_in_common(low: int, count: int, workers: int) -> None:
    try:
        parts = split_ports((low, low + count), workers)
    except ConfigurationError:
        assert count < 4 * workers + 1
        return
    assert len(parts) == workers
    assert all(first % 2 == 0 and last - first >= 3 for first, last in parts) or parts == [(low, low + count)]
    ports = [port for first, last in parts for port in range(first, last + 1)]
    assert len(set(ports)) == len(ports)
    assert min(ports) >= low
    assert max(ports) <= low + count


def test_one_worker_has_all_ports() -> None:
    assert split_ports((30001, 30010), 1) == [(30001, 30010)]


def test_one_core_is_left_to_the_other_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert (count_of(None), count_of(7)) == (3, 7)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert count_of(None) == 1

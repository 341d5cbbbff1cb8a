"""Requests of a webhook, from what its owner wrote to what is sent."""

from __future__ import annotations

import pytest
from tests.harness.split_urls import watch_splits

from offhook.delivery import hops
from offhook.delivery.failures import FetchError
from offhook.delivery.hops import first_hop


def test_a_url_that_is_too_long_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    split = watch_splits(monkeypatch, hops)
    with pytest.raises(FetchError) as refused:
        first_hop("POST", f"http://example.com/{'9' * 60_000}", ())
    assert refused.value.code == 11100
    assert split == []

"""Which URLs a module has split: `urllib.parse.urlsplit` remembers them, however long they are."""

from __future__ import annotations

from types import ModuleType
from urllib.parse import SplitResult, urlsplit

import pytest


def watch_splits(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[str]:
    """The URLs that `module` splits from now on."""
    split: list[str] = []

    def remembering(url: str) -> SplitResult:
        split.append(url)
        return urlsplit(url)

    monkeypatch.setattr(module, "urlsplit", remembering)
    return split

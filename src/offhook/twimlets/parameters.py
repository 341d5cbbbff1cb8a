"""Parameters of twimlets: one value, or a list written ``Name[0]=…&Name[1]=…`` (also ``Name=…``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

Values = Mapping[str, list[str]]

MAX_ITEMS: Final = 100
MAX_URL: Final = 4000


def one(values: Values, name: str) -> str:
    """The value of a parameter, or nothing."""
    return values.get(name, [""])[-1]


def several(values: Values, name: str) -> list[str]:
    """The values of a list: ``Name`` and ``Name[]`` first, then ``Name[0]``, ``Name[1]`` in the order of the numbers.

    Empty ones are left out.
    """
    indexed = re.compile(rf"{re.escape(name)}\[(\d{{1,6}})\]")
    numbered = sorted((int(match[1]), key) for key in values if (match := indexed.fullmatch(key)))
    keys = [name, f"{name}[]", *(key for _, key in numbered)]
    return [text for key in keys for text in values.get(key, ()) if text.strip()][:MAX_ITEMS]


def is_url(text: str) -> bool:
    """Whether an item is something to play rather than something to say."""
    # The length first: urlsplit remembers what it has split.
    if len(text) > MAX_URL:
        return False
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and " " not in text.strip()

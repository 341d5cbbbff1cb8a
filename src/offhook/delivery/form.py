"""Forms as requests carry them: ``application/x-www-form-urlencoded`` (URL Standard §5.2), in UTF-8.

Does what `urllib.parse.urlencode` does, without quoting letter by letter what needs no quotes: of a webhook that
is nearly all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote_plus

_plain = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch


def encode(params: Iterable[tuple[str, str]]) -> str:
    """Pairs as a form's body, or a URL's query.

    Raises:
        UnicodeEncodeError: a name or a value holds a lone surrogate.
    """
    return "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in params])


def _quoted(text: str) -> str:
    return text if _plain(text) else quote_plus(text)

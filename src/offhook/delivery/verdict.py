"""What became of an attempt to send a callback, in a code and in words, and whether it is worth another one.

By default what is tried again is what Twilio's retries are for: connections that fail and servers that do not
answer in time. A status is an answer, and final, unless the URL's ``rp`` names its kind (``…#rp=5xx``). ``rc`` says
how often; without it there are as many retries as pauses. See `offhook.delivery.overrides`. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from offhook import ids
from offhook.delivery.client import FetchError, FetchResponse
from offhook.delivery.overrides import InvalidRetryPolicyError, Overrides, read_overrides

_HTTP_FAILURE: Final = 11200
_CALL_PROGRESS_WARNING: Final = 15003
_RETRIED: Final = frozenset({"ct", "rt"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Attributes:
    code: the notification code of a failure; None for an answer of 2xx.
    words: what happened, and what happens next if it is a failure.
    retry_after: seconds until the next attempt; None when there is none.
    """

    code: int | None
    words: str
    retry_after: float | None = None


def judge(
    resource_sid: str,
    url: str,
    outcome: FetchResponse | FetchError,
    attempts: int,
    pauses: Sequence[float],
) -> Verdict:
    """Judge the `attempts`-th attempt; `pauses` are the seconds before the second, third… one."""
    if isinstance(outcome, FetchError):
        code, words, kind = outcome.code, outcome.detail, outcome.kind
    else:
        words, kind = f"answered {outcome.status}", f"{outcome.status // 100}xx"
        if kind == "2xx":
            return Verdict(None, words)
        code = _CALL_PROGRESS_WARNING if ids.is_sid(resource_sid, ids.CALL) else _HTTP_FAILURE
    retries = _retries(url, kind, len(pauses))
    if not retries:
        return Verdict(code, f"{words}; it is not tried again")
    if attempts > retries:
        return Verdict(code, f"{words}; given up after {attempts} attempts")
    pause = pauses[attempts - 1]
    return Verdict(code, f"{words}; attempt {attempts + 1} of {retries + 1} in {pause:g} s", pause)


def _retries(url: str, kind: str, most: int) -> int:
    """How often a failure of this `kind` is tried again, `most` times unless the URL says less."""
    try:
        overrides = read_overrides(urlsplit(url).fragment, Overrides(most, _RETRIED))
    except (InvalidRetryPolicyError, ValueError):
        return 0
    return min(overrides.retries, most) if kind in overrides.retry_on else 0

"""Connection overrides: a customer tunes the requests to one URL in its fragment (``…/voice#rc=2&rp=all&ct=2000``).

After Twilio's "Webhook connection overrides": `rc` retries, `rp` what to retry on, `ct` `rt` `tt` the
connect, read and total timeouts in milliseconds. `e` (egress edge) and `sni` are accepted and change nothing
here: there is one edge, and SNI is always sent. A number outside its range is brought into it.
"""

from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

_POLICIES = frozenset({"4xx", "5xx", "ct", "rt", "all"})
_MAX_RETRIES = 5
_CONNECT_RANGE = (0.1, 10.0)
_READ_RANGE = (0.1, 15.0)


class InvalidRetryPolicyError(ValueError):
    """`rp` names something that is not a retry policy (11243)."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """How one request is made. Times in seconds; `retry_on` holds ``ct rt 4xx 5xx``."""

    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})
    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    total_timeout: float = 15.0


def read_overrides(fragment: str, defaults: Overrides) -> Overrides:
    """The overrides of a URL's fragment over `defaults`; unknown parameters and unreadable numbers are passed over.

    Raises:
        InvalidRetryPolicyError: `rp` is not a list of policies.
    """
    given = dict(parse_qsl(fragment))
    if not given:
        return defaults
    return replace(
        defaults,
        retries=int(_number(given.get("rc"), 1, (0, _MAX_RETRIES), defaults.retries)),
        retry_on=_policies(given["rp"]) if "rp" in given else defaults.retry_on,
        connect_timeout=_number(given.get("ct"), 1000, _CONNECT_RANGE, defaults.connect_timeout),
        read_timeout=_number(given.get("rt"), 1000, _READ_RANGE, defaults.read_timeout),
        total_timeout=_number(given.get("tt"), 1000, _READ_RANGE, defaults.total_timeout),
    )


def _number(text: str | None, divisor: int, allowed: tuple[float, float], default: float) -> float:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return default
    return min(max(int(text) / divisor, allowed[0]), allowed[1])


def _policies(text: str) -> frozenset[str]:
    named = frozenset(part.strip().lower() for part in text.split(","))
    if not named <= _POLICIES:
        raise InvalidRetryPolicyError(text[:100])
    return frozenset({"4xx", "5xx", "ct", "rt"}) if "all" in named else named

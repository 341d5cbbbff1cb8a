"""Rating: from what happened to what it costs. Pure."""

from __future__ import annotations

from offhook.billing.prices import SEED, Price, PriceList, money


def rate_call(direction: str, seconds: int, prices: PriceList = SEED) -> Price:
    """The price of a call: each started minute between answer and end. A call never answered is free.

    Args:
        direction: inbound, outbound-api or outbound-dial.
        seconds: from answer to end; zero or less means that it was not answered.

    Raises:
        KeyError: the list has no price for the direction.
    """
    return Price(money(-started_minutes(seconds) * prices.minute[direction]), prices.currency)


def rate_message(direction: str, segments: int, prices: PriceList = SEED) -> Price:
    """The price of a text message: each of its segments.

    Args:
        direction: inbound, outbound-api, outbound-call or outbound-reply.
        segments: how many parts it has.

    Raises:
        KeyError: the list has no price for the direction.
    """
    return Price(money(-max(0, segments) * prices.segment[direction]), prices.currency)


def started_minutes(seconds: int) -> int:
    """How many minutes have begun after this many seconds."""
    return max(0, -(-seconds // 60))

"""Asking the voice node that holds a call or a room to change it, and the row that says what became of that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from offhook import errors
from offhook.api.services import Services
from offhook.bus import subjects
from offhook.bus.nats import RequestError

Row = TypeVar("Row")

TIMEOUT: Final = 5.0
ROW_TRIES: Final = 20
ROW_PAUSE: Final = 0.05


async def ask(services: Services, node: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Have a voice node do something with what it holds; its answer.

    Raises:
        RestError: what the node refuses with, or 20503 when it does not answer.
    """
    try:
        payload = msgspec.json.encode(request)
        reply = await services.bus.request(subjects.voice_calls(node), payload, TIMEOUT)
    except RequestError as error:
        raise errors.rest(20503, "The voice node that holds it does not answer") from error
    answer: Mapping[str, Any] = msgspec.json.decode(reply)
    if "error" in answer:
        raise errors.rest(answer["error"], answer.get("message"))
    return answer


async def once(read: Callable[[], Awaitable[Row]], written: Callable[[Row], bool]) -> Row:
    """The row once it says what was asked for, which a voice node writes behind what it does; else as it is."""
    row = await read()
    for _ in range(ROW_TRIES):
        if written(row):
            break
        await asyncio.sleep(ROW_PAUSE)
        row = await read()
    return row

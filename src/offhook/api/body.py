"""Reads the form of a request: so large, and so slowly, as may be."""

from __future__ import annotations

import asyncio
from typing import Final

import falcon.asgi

from offhook.api import forms
from offhook.errors import RestError

PATIENCE: Final = 15.0
"""Seconds that a whole body may take to come: more than any program needs, and no client holds on for ever."""


async def read_form(req: falcon.asgi.Request) -> forms.Values:
    """The values of the request's body.

    Raises:
        RestError: 20413 too large, 20408 not there in time, and what `forms.parse` raises.
    """
    if (req.content_length or 0) > forms.MAX_BODY:
        raise forms.too_large()
    try:
        async with asyncio.timeout(PATIENCE):
            body = await req.stream.read(forms.MAX_BODY + 1)
    except TimeoutError:
        raise RestError(20408, 408, f"The body did not come within {PATIENCE:.0f} seconds") from None
    return forms.parse(body, req.content_type)

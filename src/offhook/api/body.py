"""Reads the form of a request, up to its limit. How long it may take is `offhook.api.connection`'s."""

from __future__ import annotations

import falcon.asgi

from offhook.api import forms


async def read_form(req: falcon.asgi.Request) -> forms.Values:
    """The values of the request's body.

    Raises:
        RestError: 20413 too large, and what `forms.parse` raises.
    """
    if (req.content_length or 0) > forms.MAX_BODY:
        raise forms.too_large()
    return forms.parse(await req.stream.read(forms.MAX_BODY + 1), req.content_type)

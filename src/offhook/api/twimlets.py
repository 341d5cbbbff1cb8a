"""Twimlets over HTTP:

``/twimlets/NAME``, with GET or POST, answering TwiML, and the documents of demo.twilio.com below ``/demo``. Everyone
may ask, as for Twilio's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import falcon.asgi

from offhook import twimlets
from offhook.api import forms
from offhook.api.body import read_form
from offhook.api.operations import not_found
from offhook.twimlets.demo import DOCUMENTS


class Twimlet:
    """A twimlet, by name."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, name: str) -> None:
        """Answer with the parameters of the query."""
        _answer(req, resp, name, forms.parse_query(req.query_string))

    on_head = on_get

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, name: str) -> None:
        """Answer with the parameters of the query and of the body; the query's come first."""
        values = forms.parse_query(req.query_string)
        _answer(req, resp, name, {**await read_form(req), **values})


def _answer(req: falcon.asgi.Request, resp: falcon.asgi.Response, name: str, values: forms.Values) -> None:
    twimlet = twimlets.TWIMLETS.get(name.lower())
    if twimlet is None:
        raise not_found(req.path)
    resp.text = twimlet(values)
    resp.content_type = "text/xml; charset=utf-8"


class DemoDocument:
    """A document of demo.twilio.com."""

    def __init__(self, content_type: str, content: Callable[[], bytes]) -> None:
        self._content_type = content_type
        self._content = content

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer with it."""
        resp.data, resp.content_type = self._content(), self._content_type

    on_post = on_get


def add_twimlet_routes(app: falcon.asgi.App[Any, Any]) -> None:
    """Add their routes."""
    app.add_route("/twimlets/{name}", Twimlet())
    for path, (content_type, content) in DOCUMENTS.items():
        app.add_route(f"/demo{path}", DemoDocument(content_type, content))

"""The body of a request: what is read, and what is not waited for."""

from __future__ import annotations

import asyncio

import pytest
from falcon import testing
from falcon.asgi import App, Request, Response

from offhook.api import body, forms
from offhook.errors import RestError


class Stream:
    """A body that never comes."""

    async def read(self, size: int) -> bytes:
        await asyncio.Event().wait()
        return b""


class Slow:
    """A request whose client has sent its head only."""

    content_length = 10
    content_type = forms.FORM_TYPE
    stream = Stream()


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "PATIENCE", 0.01)
    with pytest.raises(RestError) as caught:
        await body.read_form(Slow())  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.status) == (20408, 408)


def test_a_body_is_read_to_its_limit() -> None:
    class Form:
        async def on_post(self, req: Request, resp: Response) -> None:
            try:
                resp.media = dict(await body.read_form(req))
            except RestError as error:
                resp.media = {"code": error.code}

    app = App()
    app.add_route("/", Form())
    client = testing.TestClient(app)
    headers = {"Content-Type": forms.FORM_TYPE}
    assert client.simulate_post("/", body="a=1&a=2&b=%C3%BC", headers=headers).json == {
        "a": ["1", "2"],
        "b": ["\u00fc"],
    }
    large = client.simulate_post("/", body="a=" + "x" * forms.MAX_BODY, headers=headers)
    assert large.json == {"code": 20413}

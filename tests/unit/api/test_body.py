"""The body of a request: what is read."""

from __future__ import annotations

from falcon import testing
from falcon.asgi import App, Request, Response

from offhook.api import body, forms
from offhook.errors import RestError


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

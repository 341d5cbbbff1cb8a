"""Echo: answers the TwiML that it is given in ``Twiml``, for programs that have no server of their own."""

from __future__ import annotations

from offhook.twiml.builder import Response
from offhook.twimlets.parameters import Values, one


def echo(values: Values) -> str:
    """The given TwiML; an empty ``<Response>`` without any."""
    return one(values, "Twiml") or str(Response())

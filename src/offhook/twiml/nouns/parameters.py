"""`<Parameter>`: what whoever is called is told, in a `<Client>` and in an `<Application>`."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from offhook.twiml.document import Element
from offhook.twiml.effects import Pairs
from offhook.twiml.turn import Turn

LONGEST_PARAMETERS: Final = 800
"""Characters of all names and values, percent-encoded: they travel in one header of an INVITE."""

_INVALID: Final = 13215


def parameters(element: Element, turn: Turn) -> Pairs:
    """Return the (name, value) of each; none, with a notification, when they are too long."""
    given = tuple(
        (child.get("name") or "", child.get("value") or "")
        for child in element.children
        if child.name == "Parameter"
    )
    if len(urlencode(given)) > LONGEST_PARAMETERS:
        turn.warn(_INVALID, element, f"Parameters are longer than {LONGEST_PARAMETERS} characters")
        return ()
    return given

"""Menu: says what can be chosen, and goes where the pressed keys lead.

``Message`` (a text or the URL of a sound) and ``Options[KEYS]=URL``; keys are digits, several if an option has
several.
"""

from __future__ import annotations

from urllib.parse import urlencode

from offhook.twiml.builder import Response
from offhook.twimlets.parameters import MAX_ITEMS, Values, is_url, one

_PREFIX = "Options["
_MOST_KEYS = 10


def menu(values: Values) -> str:
    """The TwiML that asks, or that goes where the keys lead."""
    response = Response()
    options = _options(values)
    pressed = one(values, "Digits")
    if pressed in options:
        response.redirect(options[pressed])
        return str(response)
    if pressed:
        response.say("This is not one of the options.")
    message = one(values, "Message")
    own = {"Message": message, **{f"{_PREFIX}{keys}]": url for keys, url in options.items()}}
    again = f"menu?{urlencode(own)}"
    with response.gather(numDigits=max(map(len, options), default=1), action=again) as gather:
        if is_url(message):
            gather.play(message)
        elif message:
            gather.say(message)
    response.redirect(again)
    return str(response)


def _options(values: Values) -> dict[str, str]:
    """Where each choice leads, by its keys."""
    found = {
        name.removeprefix(_PREFIX).removesuffix("]"): one(values, name)
        for name in values
        if name.startswith(_PREFIX) and name.endswith("]") and is_url(one(values, name))
    }
    usable = {keys: url for keys, url in found.items() if keys and len(keys) <= _MOST_KEYS}
    return dict(list(usable.items())[:MAX_ITEMS])

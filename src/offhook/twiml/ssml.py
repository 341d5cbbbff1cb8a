"""The speech markup that may stand in `<Say>`, read as plain text.

Engines are given text, not markup, so what changes the words or their pauses is applied here: `sub` says its
alias, `say-as` spells out digits and letters, `break`, `p` and `s` end a phrase. The rest (`emphasis`, `lang`,
`phoneme`, `prosody`, `w`, how long a `break` is) is spoken as it stands, and `ignored` tells of it.
"""

from __future__ import annotations

import re

from offhook.twiml.document import Element

ELEMENTS = ("break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w")
ATTRIBUTES = {
    "break": ("strength", "time"),
    "emphasis": ("level",),
    "lang": ("xml:lang",),
    "phoneme": ("alphabet", "ph"),
    "prosody": ("volume", "rate", "pitch"),
    "say-as": ("interpret-as", "format"),
    "sub": ("alias",),
    "w": ("role",),
}
_SPELLED = frozenset({"characters", "spell-out", "digits", "telephone"})
_IGNORED = frozenset({"emphasis", "lang", "phoneme", "prosody", "w"})
_BLANKS = re.compile(r"\s+")


def spoken(element: Element) -> str:
    """Return the words of an element and all that is in it, with single blanks."""
    return _BLANKS.sub(" ", _words(element)).strip()


def ignored(element: Element) -> set[str]:
    """Return what of the markup in an element has no effect on how it is spoken."""
    found: set[str] = set()
    for child in element.children:
        found |= ignored(child)
        if child.name in _IGNORED:
            found.add(child.name)
        elif child.name == "break" and child.get("time") is not None:
            found.add("break time")
        elif child.name == "say-as" and child.get("interpret-as") not in _SPELLED:
            found.add(f"say-as {(child.get('interpret-as') or '')[:20]}".rstrip())
    return found


def _words(element: Element) -> str:
    words = "".join(part if isinstance(part, str) else _words(part) for part in element.content)
    match element.name:
        case "break":
            return ", "
        case "p" | "s":
            return f" {words.strip()} " if words.rstrip().endswith((".", "!", "?")) else f" {words.strip()}. "
        case "sub":
            return element.get("alias") or words
        case "say-as" if element.get("interpret-as") in _SPELLED:
            return " ".join(words.replace(" ", ""))
    return words

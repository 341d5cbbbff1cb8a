"""Which elements and attributes are known, and the warnings (12200) for those that are not.

A dialect is the vocabulary of one kind of document: that of calls or that of replies to texts. What is
misplaced but known is the business of the verb it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from offhook.twiml import messaging, ssml, unbuilt, verbs
from offhook.twiml.attributes import SCHEMA_WARNING, Problem, table
from offhook.twiml.document import Document, Element
from offhook.twiml.nouns import NOUNS
from offhook.twiml.nouns.rooms import ROOMS
from offhook.twiml.nouns.sip import Uri
from offhook.twiml.unbuilt import Unbuilt
from offhook.twiml.verb import Part, Verb
from offhook.twiml.verbs.start import Recording

_LEAVES: dict[str, tuple[str, ...]] = {
    **{name: ssml.ATTRIBUTES.get(name, ()) for name in ssml.ELEMENTS},
    "Headers": (),
    "Header": ("name", "value"),
    "Body": (),
    "Media": (),
    "MediaUrl": (),
}
_ROOT_ATTRIBUTES = frozenset({"version"})
_MOST_WARNINGS = 20


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dialect:
    """A kind of document: its verbs, those it has not yet, and the verb that a text/plain body stands for.

    `foreign` is the code for a verb that is only known elsewhere.
    """

    name: Literal["voice", "messaging"]
    verbs: Mapping[str, type[Verb]]
    unbuilt: Mapping[str, Unbuilt]
    plain: str
    foreign: Mapping[str, int]


VOICE = Dialect("voice", verbs.VERBS, unbuilt.VERBS, "Say", {})
MESSAGING = Dialect(
    "messaging",
    messaging.VERBS,
    {},
    "Message",
    {name: 14110 for name in (*verbs.VERBS, *unbuilt.VERBS) if name not in messaging.VERBS},
)


def warnings(document: Document, dialect: Dialect) -> list[Problem]:
    """Return what is not known in a document, at most 20 findings."""
    found: list[Problem] = []
    for problem in _check_root(document.root, dialect):
        found.append(problem)
        if len(found) == _MOST_WARNINGS:
            break
    return found


def _check_root(root: Element, dialect: Dialect) -> Iterator[Problem]:
    yield from _unknown_attributes(root, _ROOT_ATTRIBUTES)
    for verb in root.children:
        if verb.name in dialect.verbs or verb.name in dialect.unbuilt:
            yield from _check(verb, _parts(dialect))
        elif verb.name not in dialect.foreign:
            yield _unknown(verb)


def _check(element: Element, parts: Mapping[str, frozenset[str]]) -> Iterator[Problem]:
    """Check an element that is known, and all that stands in it."""
    yield from _unknown_attributes(element, parts[element.name])
    for child in element.children:
        if child.name in parts:
            yield from _check(child, parts)
        else:
            yield _unknown(child)


@cache
def _parts(dialect: Dialect) -> Mapping[str, frozenset[str]]:
    """Return the attributes of every element that may stand anywhere in a document."""
    known = {name: frozenset(names) for name, names in _LEAVES.items()}
    for rows in (unbuilt.INNER, unbuilt.NOUNS, dialect.unbuilt):
        known |= {name: frozenset(row.attributes) for name, row in rows.items()}
    parts: dict[str, type[Part]] = {"Uri": Uri, "Recording": Recording, **NOUNS, **ROOMS, **dialect.verbs}
    return known | {name: _attributes_of(part) for name, part in parts.items()}


def _attributes_of(part: type) -> frozenset[str]:
    return frozenset(row.name for row in table(part).values())


def _unknown_attributes(element: Element, known: frozenset[str]) -> Iterator[Problem]:
    for name, _ in element.attributes:
        if name not in known:
            yield _problem(element, f"<{element.name}> has no attribute {name[:40]!r}")


def _unknown(element: Element) -> Problem:
    return _problem(element, f"<{element.name[:40]}> is not known here: it is ignored")


def _problem(element: Element, message: str) -> Problem:
    return Problem(SCHEMA_WARNING, f"{message} (line {element.line})")

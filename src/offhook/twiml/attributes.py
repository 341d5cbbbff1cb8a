"""The attributes of verbs and nouns as typed tables: one line each, with default, bounds and error code.

A verb is a frozen dataclass; a field made by one of the functions below is an attribute of it, any other
field is what the verb remembers while it runs.

    length: int = seconds(1, code=13910)

An attribute's name on the wire is the field's in camelCase, unless `name` says otherwise. A bad value is
never fatal: it gives a warning with the attribute's code (12200 when it has none of its own) and the
default. `inert` marks what is accepted and does nothing yet: the coverage table says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any

from offhook.twiml.document import Element

SCHEMA_WARNING = 12200
INVALID_URL = 11100
LONGEST_TIMER = 86400
_MAX_URL = 4000
_KEYS = frozenset("0123456789*#")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A row of the table. `read` turns the text into the value or raises ValueError; `accepts` is for people."""

    name: str
    read: Callable[[str], Any]
    accepts: str
    code: int
    default: Any
    inert: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A warning about an element, to become a notification."""

    code: int
    message: str


@cache
def table(owner: type) -> dict[str, Attribute]:
    """Return the attributes of a verb or noun by field name, in the order they are declared."""
    return {
        field_.name: _named(field_.metadata["attribute"], field_.name)
        for field_ in fields(owner)
        if "attribute" in field_.metadata
    }


def read(owner: type, element: Element) -> tuple[dict[str, Any], list[Problem]]:
    """Return the attributes that `element` gives by field name, and what was wrong with them."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for field_name, row in table(owner).items():
        given = element.get(row.name)
        if given is None:
            continue
        try:
            values[field_name] = row.read(given)
        except ValueError:
            message = f"{element.name} {row.name}={given[:80]!r} is not {row.accepts}: ignored"
            problems.append(Problem(row.code, message))
    return values, problems


def _named(row: Attribute, field_name: str) -> Attribute:
    head, *rest = field_name.strip("_").split("_")
    return replace(row, name=row.name or head + "".join(word.capitalize() for word in rest))


def _attribute(
    read_: Callable[[str], Any], accepts: str, default: Any, code: int, name: str = "", inert: bool = False
) -> Any:
    row = Attribute(name, read_, accepts, code, default, inert)
    return field(default=default, metadata={"attribute": row})


def text(
    default: str | None = None, *, longest: int = _MAX_URL, code: int = SCHEMA_WARNING, **more: Any
) -> Any:
    """Any text of at most `longest` characters."""

    def read_(given: str) -> Any:
        return _checked(given, len(given) <= longest)

    return _attribute(read_, f"at most {longest} characters", default, code, **more)


def integer(
    default: int | None,
    *,
    at_least: int = 0,
    at_most: int = LONGEST_TIMER,
    code: int = SCHEMA_WARNING,
    **more: Any,
) -> Any:
    """A whole number within bounds."""

    def read_(given: str) -> Any:
        digits = given.strip()
        _checked(given, digits.isascii() and digits.isdigit() and len(digits) <= 9)
        return _checked(int(digits), at_least <= int(digits) <= at_most)

    return _attribute(read_, f"a whole number from {at_least} to {at_most}", default, code, **more)


def seconds(
    default: int | None, *, at_least: int = 1, at_most: int = LONGEST_TIMER, code: int, **more: Any
) -> Any:
    """A whole number of seconds."""
    return integer(default, at_least=at_least, at_most=at_most, code=code, **more)


def loops(*, code: int) -> Any:
    """How many times to say or play; 0 is until the call ends."""
    return integer(1, at_most=1000, code=code)


def boolean(default: bool, *, code: int = SCHEMA_WARNING, **more: Any) -> Any:
    """`true` or `false`, in any case."""

    def read_(given: str) -> Any:
        word = given.strip().lower()
        return _checked(word, word in ("true", "false")) == "true"

    return _attribute(read_, "true or false", default, code, **more)


def choice(
    default: str | None,
    *others: str,
    code: int = SCHEMA_WARNING,
    aliases: dict[str, str] | None = None,
    **more: Any,
) -> Any:
    """One of some words, in any case; `aliases` maps old words to today's."""
    spellings = {word.lower(): word for word in (default, *others) if word is not None} | (aliases or {})

    def read_(given: str) -> Any:
        word = given.strip().lower()
        _checked(word, word in spellings)
        return spellings[word]

    return _attribute(read_, "one of " + ", ".join(spellings), default, code, **more)


def words(default: tuple[str, ...], *others: str, code: int = SCHEMA_WARNING, **more: Any) -> Any:
    """A list of some words, separated by blanks."""
    known = (*default, *(word for word in others if word not in default))

    def read_(given: str) -> Any:
        listed = tuple(given.split())
        return _checked(listed, bool(listed) and set(listed) <= set(known))

    return _attribute(read_, "a list of " + ", ".join(known), default, code, **more)


def http_method(*, code: int = SCHEMA_WARNING, **more: Any) -> Any:
    """`POST` (the default) or `GET`."""
    return choice("POST", "GET", code=code, **more)


def web_url(*, code: int = INVALID_URL, **more: Any) -> Any:
    """A URL, absolute or relative to the document; None when absent."""

    def read_(given: str) -> Any:
        bare = given.strip()
        return _checked(bare, len(bare) <= _MAX_URL and bare.isprintable())

    return _attribute(read_, "a URL", None, code, **more)


def keys(default: str, *, code: int) -> Any:
    """Keys of a telephone that end the input; empty for none."""

    def read_(given: str) -> Any:
        return _checked(given.strip(), set(given.strip()) <= _KEYS)

    return _attribute(read_, "keys of 0-9 * #", default, code)


def language_tag(default: str, *, code: int, **more: Any) -> Any:
    """A language tag, such as en-US."""

    def read_(given: str) -> Any:
        tag = given.strip()
        return _checked(tag.replace("_", "-"), bool(_LANGUAGE.fullmatch(tag)))

    return _attribute(read_, "a language such as en-US", default, code, **more)


def pattern(expression: str, accepts: str, default: str | None, *, code: int, **more: Any) -> Any:
    """Text that a regular expression matches as a whole; blanks around it are dropped."""
    compiled = re.compile(expression)

    def read_(given: str) -> Any:
        return _checked(given.strip(), bool(compiled.fullmatch(given.strip())))

    return _attribute(read_, accepts, default, code, **more)


def _checked(value: Any, ok: bool) -> Any:
    if not ok:
        raise ValueError(value)
    return value

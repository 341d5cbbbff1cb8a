"""The attributes of verbs and nouns as typed tables: one line each, with default, bounds and error code.

A verb is a frozen dataclass; a field made by one of the functions below is an attribute of it, any other
field is what the verb remembers while it runs.

    length: int = seconds(1, code=13910)

An attribute's name on the wire is the field's in camelCase, unless `name` says otherwise. A bad value gives a
warning with the attribute's code (12200 when it has none of its own), and something else in its place:

* a time or a count becomes the nearest that is allowed, a list keeps the words that are known;
* a word, a flag or a text becomes the default;
* who is called, written to or shown as the caller has no default: the part is `refused`, and its verb does
  not call or send. A URL is taken as it stands, and judged where it is resolved (`Turn.absolute`).

`unbuilt` marks what is read and does nothing yet: a value other than the default gives a warning with the
code it names, and the table of what works says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any

from offhook import numbers
from offhook.twiml.document import Element

SCHEMA_WARNING = 12200
WITHOUT_EFFECT = 12200
INVALID_URL = 11100
LONGEST_TIMER = 86400
_KEYS = frozenset("0123456789*#")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")


class BadValue(ValueError):  # noqa: N818 - it is a value
    """A text that an attribute does not accept, and the value that is taken `instead`."""

    def __init__(self, instead: Any) -> None:
        super().__init__(instead)
        self.instead = instead


@dataclass(frozen=True, slots=True)
class Attribute:
    """A row of the table. `read` turns the text into the value or raises BadValue; `accepts` is for people.

    `essential`: a bad value refuses the part. `unbuilt`: it has no effect, and this is the code that says so.
    """

    name: str
    read: Callable[[str], Any]
    accepts: str
    code: int
    default: Any
    essential: bool = False
    unbuilt: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A warning about an element, to become a notification."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Given:
    """The attributes that an element gives, by field name, and what is wrong with them."""

    values: dict[str, Any]
    problems: list[Problem]
    refused: bool


@cache
def table(owner: type) -> dict[str, Attribute]:
    """Return the attributes of a verb or noun by field name, in the order they are declared."""
    return {
        field_.name: _named(field_.metadata["attribute"], field_.name)
        for field_ in fields(owner)
        if "attribute" in field_.metadata
    }


def read(owner: type, element: Element) -> Given:
    """Read the attributes that `element` gives."""
    given = Given({}, [], refused=False)
    idle: dict[int, list[str]] = {}
    for field_name, row in table(owner).items():
        text_ = element.get(row.name)
        if text_ is None:
            continue
        try:
            given.values[field_name] = row.read(text_)
        except BadValue as bad:
            given.values[field_name] = bad.instead
            given.problems.append(Problem(row.code, _complaint(element, row, text_, bad.instead)))
            given = replace(given, refused=given.refused or row.essential)
        if row.unbuilt is not None and given.values[field_name] != row.default:
            idle.setdefault(row.unbuilt, []).append(row.name)
    for code, names in idle.items():
        given.problems.append(Problem(code, f"{element.name} {', '.join(names)}: not built, without effect"))
    return given


def _complaint(element: Element, row: Attribute, text_: str, instead: Any) -> str:
    said = f"{element.name} {row.name}={text_[:80]!r} is not {row.accepts}"
    if row.essential:
        return f"{said}: {element.name} is not carried out"
    shown = " ".join(instead) if isinstance(instead, tuple) else instead
    return f"{said}: ignored" if instead == row.default else f"{said}: {shown!r} is taken instead"


def _named(row: Attribute, field_name: str) -> Attribute:
    head, *rest = field_name.strip("_").split("_")
    return replace(row, name=row.name or head + "".join(word.capitalize() for word in rest))


def _attribute(
    read_: Callable[[str], Any],
    accepts: str,
    default: Any,
    code: int,
    name: str = "",
    essential: bool = False,
    unbuilt: int | None = None,
) -> Any:
    row = Attribute(name, read_, accepts, code, default, essential, unbuilt)
    return field(default=default, metadata={"attribute": row})


def text(default: str | None = None, *, longest: int = 4000, code: int = SCHEMA_WARNING, **more: Any) -> Any:
    """Any text of at most `longest` characters."""

    def read_(given: str) -> Any:
        return _checked(given, len(given) <= longest, default)

    return _attribute(read_, f"at most {longest} characters", default, code, **more)


def integer(
    default: int | None,
    *,
    at_least: int,
    at_most: int,
    also: int | None = None,
    code: int = SCHEMA_WARNING,
    **more: Any,
) -> Any:
    """A whole number within bounds, or `also`, which has a meaning of its own."""

    def read_(given: str) -> Any:
        bare = given.strip()
        if not _NUMBER.fullmatch(bare):
            raise BadValue(default)
        number = float(bare)
        nearest = round(min(max(number, at_least), at_most))
        return _checked(round(number) if number == also else nearest, number in (nearest, also), nearest)

    accepts = f"a whole number from {at_least} to {at_most}"
    accepts = accepts if also is None else f"{accepts}, or {also}"
    return _attribute(read_, accepts, default, code, **more)


def limit(default: int | None, *, at_most: int, code: int, **more: Any) -> Any:
    """How much at most, from 1. What is less limits nothing, so it becomes the default, not the nearest."""
    row = integer(default, at_least=1, at_most=at_most, code=code, **more)
    within: Callable[[str], Any] = row.metadata["attribute"].read

    def read_(given: str) -> Any:
        if _NUMBER.fullmatch(given.strip()) and float(given) < 1:
            raise BadValue(default)
        return within(given)

    return _attribute(read_, f"a whole number from 1 to {at_most}", default, code, **more)


def seconds(
    default: int | None, *, at_least: int = 1, at_most: int = LONGEST_TIMER, code: int, **more: Any
) -> Any:
    """A whole number of seconds."""
    return integer(default, at_least=at_least, at_most=at_most, code=code, **more)


def loops(*, code: int) -> Any:
    """How many times to say or play; 0 is until the call ends."""
    return integer(1, at_least=1, at_most=1000, also=0, code=code)


def boolean(default: bool, *, code: int = SCHEMA_WARNING, **more: Any) -> Any:
    """`true` or `false`, in any case."""

    def read_(given: str) -> Any:
        word = given.strip().lower()
        return _checked(word == "true", word in ("true", "false"), default)

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
        return _checked(spellings.get(word), word in spellings, default)

    return _attribute(read_, "one of " + ", ".join(spellings), default, code, **more)


def words(default: tuple[str, ...], *others: str, code: int = SCHEMA_WARNING, **more: Any) -> Any:
    """A list of some words, in any case, separated by blanks; of a bad list those that are known."""
    known = (*default, *(word for word in others if word not in default))
    spellings = {word.lower(): word for word in known}

    def read_(given: str) -> Any:
        listed = given.lower().split()
        kept = tuple(dict.fromkeys(spellings[word] for word in listed if word in spellings))
        some = bool(kept) or not default
        return _checked(kept, some and set(listed) <= set(spellings), kept or default)

    return _attribute(read_, "a list of " + ", ".join(known), default, code, **more)


def http_method(*, code: int = SCHEMA_WARNING, **more: Any) -> Any:
    """`POST` (the default) or `GET`."""
    return choice("POST", "GET", code=code, **more)


def web_url(*, code: int = INVALID_URL, **more: Any) -> Any:
    """A URL, absolute or relative to the document; None when absent. `code`: of what cannot be resolved."""
    return _attribute(str.strip, "a URL", None, code, **more)


def phone_number(*, code: int) -> Any:
    """A telephone number, as E.164; None when absent."""

    def read_(given: str) -> Any:
        number = numbers.e164(given)
        return _checked(number, number is not None, None)

    return _attribute(read_, "a phone number", None, code, essential=True)


def sender(*, code: int) -> Any:
    """Who sends a text: a telephone number as E.164, a short code or a name; None when absent."""

    def read_(given: str) -> Any:
        found = numbers.sender(given)
        return _checked(found, found is not None, None)

    return _attribute(read_, "a phone number, a short code or a sender's name", None, code, essential=True)


def keys(default: str, *, code: int) -> Any:
    """Keys of a telephone that end the input; empty for none. Of bad ones those that are keys."""

    def read_(given: str) -> Any:
        bare = given.strip()
        kept = "".join(key for key in bare if key in _KEYS)
        return _checked(bare, kept == bare, kept or default)

    return _attribute(read_, "keys of 0-9 * #", default, code)


def language_tag(default: str, *, code: int, **more: Any) -> Any:
    """A language tag, such as en-US."""

    def read_(given: str) -> Any:
        tag = given.strip()
        return _checked(tag.replace("_", "-"), bool(_LANGUAGE.fullmatch(tag)), default)

    return _attribute(read_, "a language such as en-US", default, code, **more)


def pattern(expression: str, accepts: str, default: str | None, *, code: int, **more: Any) -> Any:
    """Text that a regular expression matches as a whole; blanks around it are dropped."""
    compiled = re.compile(expression)

    def read_(given: str) -> Any:
        return _checked(given.strip(), bool(compiled.fullmatch(given.strip())), default)

    return _attribute(read_, accepts, default, code, **more)


def _checked(value: Any, ok: bool, instead: Any) -> Any:
    if not ok:
        raise BadValue(instead)
    return value

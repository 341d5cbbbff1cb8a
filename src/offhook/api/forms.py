"""Parameters of requests: from form bodies and query strings to typed structs.

A resource writes its parameters as a `Form`: a field a parameter, its type from the vocabulary below, its
default, and in `codes` the error code of each parameter that has one of its own. Names on the wire are the
field's in Pascal case: ``status_callback_event`` is ``StatusCallbackEvent``, ``from_`` is ``From``.

===========================  ==========================================================================
annotation                   on the wire
===========================  ==========================================================================
``str``, ``int``, ``bool``   text, decimal digits, ``true``/``false`` (any case; ``1`` and ``0`` too)
an enumeration               one of its values, any case
``Url``, ``Method``          absolute http(s) URL (or empty), ``GET``/``POST`` (any case)
``tuple[..., ...]``          a repeated key; of enumerations also several words in one value
``TimeRange``                ``Name``, ``Name<`` and ``Name>``: dates
``Annotated[int, Between]``  a number within limits
===========================  ==========================================================================

A scalar that is repeated takes its last value. An empty value is "" for text and "not given" for other types.
Keys that the form does not have are ignored, as Twilio does; `Decoded.ignored` names them.

Leaves to others: rules that need more than one parameter or the database (the resource itself).
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)
from urllib.parse import unquote, urlsplit

import msgspec

from offhook.api.schema import pascal
from offhook.errors import RestError, rest
from offhook.store.paging import TimeRange

MAX_BODY: Final = 256 * 1024
"""Bytes of a form: 1,600 characters of text and 4,000 of TwiML take 60 kB when every byte is escaped."""

MAX_FIELDS: Final = 1000
MAX_URL: Final = 4000
MAX_INT: Final = 2**31 - 1
FORM_TYPE: Final = "application/x-www-form-urlencoded"
INVALID: Final = 20001

Reader = Callable[[str], Any]
Values = Mapping[str, list[str]]


class Form(msgspec.Struct, kw_only=True):
    """Base of every resource's parameters.

    `codes` gives the error code of a parameter, by its name on the wire, for a value that is missing or
    malformed; a parameter without a code answers 20001.

    `refuses` names the parameters that are not built and whose absence would do something else than was asked
    (a text to be sent tomorrow would go now), each with the reason. They are refused when they have a value;
    only what changes nothing that was promised may be ignored. `harmless` gives the values, in lower case, of
    such parameters that ask for what happens anyway; they are taken.
    """

    codes: ClassVar[Mapping[str, int]] = {}
    refuses: ClassVar[Mapping[str, str]] = {}
    harmless: ClassVar[Mapping[str, frozenset[str]]] = {}


F = TypeVar("F", bound=Form)


@dataclass(frozen=True, slots=True)
class Decoded(Generic[F]):
    """A form and the keys that were given but mean nothing to it."""

    form: F
    ignored: tuple[str, ...]


class HttpMethod(StrEnum):
    """How a customer's URL is requested."""

    GET = "GET"
    POST = "POST"


@dataclass(frozen=True, slots=True)
class Between:
    """Limits of a number, both inclusive."""

    low: int
    high: int


def read_url(text: str) -> str:
    """An absolute http or https URL, or nothing; spaces around it do not count."""
    text = text.strip()
    if not text:
        return ""
    try:
        # The length first: urlsplit remembers what it has split.
        valid = len(text) <= MAX_URL
        if valid:
            parts = urlsplit(text)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\x00-\x20\x7f]", text):
        raise ValueError(f"is not a valid URL: {text[:200]}")
    return text


def read_bool(text: str) -> bool:
    """``true`` or ``false`` in any case."""
    value = {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())
    if value is None:
        raise ValueError("must be true or false")
    return value


def read_int(text: str) -> int:
    """Decimal digits with an optional sign, within the 32 bits that a column of the store has."""
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text):
        raise ValueError("must be a whole number")
    if abs(number := int(text)) > MAX_INT:
        raise ValueError(f"must be from -{MAX_INT} to {MAX_INT}")
    return number


def read_date(text: str) -> datetime:
    """A date (``2021-01-31``, its midnight) or a time (ISO 8601), in UTC, to the second that is shown."""
    try:
        at = datetime.fromisoformat(text.strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        _ = at + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a date such as 2021-01-31, or an ISO 8601 time") from error
    return at.replace(microsecond=0)


Url = Annotated[str, read_url]
Method = HttpMethod


def parse(body: bytes, content_type: str | None) -> dict[str, list[str]]:
    """The values of an urlencoded body by key.

    Raises:
        RestError: 20415 another content type, 20413 too large, 20001 not UTF-8, a NUL, too many fields.
    """
    if not body:
        return {}
    if len(body) > MAX_BODY:
        raise too_large()
    kind = (content_type or FORM_TYPE).partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise RestError(20415, 415, f"Content-Type must be {FORM_TYPE}, not {kind[:100]}")
    try:
        return parse_query(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise rest(INVALID, "The body is not UTF-8") from None


def parse_query(text: str) -> dict[str, list[str]]:
    """The values of a query string by key.

    Raises:
        RestError: 20001, for the same reasons as `parse`.
    """
    if text.count("&") >= MAX_FIELDS:
        raise rest(INVALID, f"More than {MAX_FIELDS} parameters")
    values: dict[str, list[str]] = {}
    try:
        for pair in filter(None, text.split("&")):
            key, _, value = map(_unescaped, pair.partition("="))
            if "\x00" in value or "\x00" in key:
                raise rest(
                    INVALID, "A parameter holds a NUL character", parameter=key.replace("\x00", "")[:100]
                )
            values.setdefault(key, []).append(value)
    except UnicodeDecodeError:
        raise rest(INVALID, "The parameters are not UTF-8") from None
    return values


def _unescaped(text: str) -> str:
    """A key or value as it was before it was written as application/x-www-form-urlencoded."""
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, errors="strict") if "%" in text else text


def too_large() -> RestError:
    """The answer to a body past `MAX_BODY`."""
    return RestError(20413, 413, f"The body is larger than {MAX_BODY} bytes")


def decode(kind: type[F], values: Values) -> Decoded[F]:
    """Read a form of a given kind.

    Raises:
        RestError: a parameter is malformed or missing; the code is the form's own for it, else 20001.
    """
    for name in filter(values.__contains__, kind.refuses):
        harmless = kind.harmless.get(name, frozenset()) | {""}
        if any(text.strip().lower() not in harmless for text in values[name]):
            raise rest(kind.codes.get(name, INVALID), f"{name}: {kind.refuses[name]}", parameter=name)
    fields = _fields(kind)
    found: dict[str, Any] = {}
    for field in fields.values():
        if field.name not in values and not field.required and not field.period:
            continue
        try:
            field.read(values, found)
        except ValueError as error:
            code = kind.codes.get(field.name, INVALID)
            raise rest(code, f"{field.name} {error}", parameter=field.name) from None
    ignored = tuple(key for key in values if key.rstrip("<>") not in fields)
    return Decoded(kind(**found), ignored)


def names(kind: type[Form]) -> frozenset[str]:
    """The names on the wire of a form's parameters."""
    return frozenset(_fields(kind))


@dataclass(frozen=True, slots=True)
class _Field:
    """A parameter: its name on the wire and in the struct, and how its values are read."""

    name: str
    attribute: str
    required: bool
    several: bool
    words: bool
    period: bool
    keeps_empty: bool
    convert: Reader

    def read(self, values: Values, found: dict[str, Any]) -> None:
        """Put the parameter's value into `found` when it is given."""
        if self.period:
            if (period := _read_time_range(self.name, values)) is not None:
                found[self.attribute] = period
            return
        given = [text for text in values.get(self.name, ()) if text or self.keeps_empty]
        if self.words:
            given = [word for text in given for word in text.split()]
        if given:
            found[self.attribute] = (
                tuple(self.convert(text) for text in given) if self.several else self.convert(given[-1])
            )
        elif self.required:
            raise ValueError("is required")


def _read_time_range(name: str, values: Values) -> TimeRange | None:
    """The period that ``Name``, ``Name<`` and ``Name>`` leave; the limits themselves belong to it.

    Every official SDK writes a date as its midnight, ``2021-01-31T00:00:00Z``, so that equality with a
    midnight means the day; with another time it means the second.
    """
    since: list[datetime] = []
    until: list[datetime] = []
    for operator in ("", "<", ">"):
        if text := (values.get(name + operator) or [""])[-1]:
            at = read_date(text)
            of_day = operator == "" and (at.hour, at.minute, at.second) == (0, 0, 0)
            if operator != "<":
                since.append(at)
            if operator != ">":
                until.append(at + (timedelta(days=1) if of_day else timedelta(seconds=1)))
    if not since and not until:
        return None
    return TimeRange(max(since, default=None), min(until, default=None))


@lru_cache
def _fields(kind: type[Form]) -> Mapping[str, _Field]:
    hints = get_type_hints(kind, include_extras=True)
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    fields = [_field(name, hints[name], name in required) for name in kind.__struct_fields__]
    return {field.name: field for field in fields}


def _field(attribute: str, annotation: Any, required: bool) -> _Field:
    kind = _without_none(annotation)
    several = get_origin(kind) is tuple
    item = get_args(kind)[0] if several else kind
    convert = _reader(item)
    return _Field(
        name=pascal(attribute.rstrip("_")),
        attribute=attribute,
        required=required,
        several=several,
        words=several and isinstance(item, type) and issubclass(item, StrEnum),
        period=kind is TimeRange,
        keeps_empty=convert in (str, read_url) and not several,
        convert=convert,
    )


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        return next(kind for kind in get_args(annotation) if kind is not types.NoneType)
    return annotation


def _reader(kind: Any) -> Reader:
    if get_origin(kind) is Annotated:
        base, extra = get_args(kind)
        return _limited(extra) if isinstance(extra, Between) else _reader(base) if extra is None else extra
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _choice(kind)
    readers: dict[Any, Reader] = {str: str, int: read_int, bool: read_bool, TimeRange: str}
    return readers[kind]


def _limited(limits: Between) -> Reader:
    def read(text: str) -> int:
        if not limits.low <= (value := read_int(text)) <= limits.high:
            raise ValueError(f"must be from {limits.low} to {limits.high}")
        return value

    return read


def _choice(kind: type[StrEnum]) -> Reader:
    by_text = {member.value.lower(): member for member in kind}

    def read(text: str) -> StrEnum:
        if (member := by_text.get(text.strip().lower())) is None:
            raise ValueError(f"must be one of {', '.join(kind)}")
        return member

    return read

"""The little SQL that is the same for every aggregate: lists of columns, records to rows and rows to records."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Struct

Record = TypeVar("Record")

_TYPES: Final[Mapping[Any, str]] = {
    bool: "boolean",
    int: "bigint",
    str: "text",
    Decimal: "numeric",
    datetime: "timestamptz",
    Mapping: "jsonb",
}
"""What a field's values are sent as; PostgreSQL makes a bigint a column's integer or smallint itself."""
_GETTERS: dict[type[Any], attrgetter[Any]] = {}


def field_names(record: Any) -> tuple[str, ...]:
    """The fields of a record, which is a dataclass or a struct, in order."""
    if issubclass(record, Struct):
        names: tuple[str, ...] = record.__struct_fields__
        return names
    return tuple(field.name for field in dataclasses.fields(record))


def column_names(record: Any) -> tuple[str, ...]:
    """The columns behind a record's fields, in order."""
    return tuple(name.rstrip("_") for name in field_names(record))


def columns(record: Any, alias: str = "") -> str:
    """The columns of a record as a select list, such as `c."sid", c."from"`."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f'{prefix}"{name}"' for name in column_names(record))


def load(record: type[Record], row: Sequence[Any]) -> Record:
    """A record from a row that was selected by `columns`."""
    return record(*row)


def loads(record: type[Record], rows: Iterable[Sequence[Any]]) -> list[Record]:
    """Records from rows that were selected by `columns`."""
    return [record(*row) for row in rows]


def values(record: Any) -> tuple[Any, ...]:
    """A record's fields as the row to insert, in the order of `columns`."""
    kind = type(record)
    getter = _GETTERS.get(kind)
    if getter is None:
        getter = _GETTERS[kind] = attrgetter(*field_names(kind))
    row: tuple[Any, ...] = getter(record)
    return row


def unnest(record: Any, names: Sequence[str], first: int = 1, alias: str = "input") -> str:
    """A FROM item that turns one array argument for each column into rows: `unnest($1::text[], …) AS input(…)`.

    Args:
        record: gives the types.
        names: the columns, in the order of the arguments.
        first: the number of the first argument.
    """
    hints = {name.rstrip("_"): hint for name, hint in get_type_hints(record).items()}
    arrays = ", ".join(f"${first + at}::{_type(hints[name])}[]" for at, name in enumerate(names))
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"unnest({arrays}) AS {alias}({quoted})"


def recordset(record: Any, argument: int = 1, alias: str = "input") -> str:
    """A FROM item that turns one argument, a list of records as JSON, into rows.

    A struct whose field is not named as its column says so by `rename`. A last column `position` is a row's place in
    the list, from 1. Costs less than `unnest`, with many rows a fraction of it: asyncpg looks at each element of an
    array in Python.
    """
    hints = get_type_hints(record)
    named = dict(zip(column_names(record), field_names(record), strict=True))
    typed = ", ".join(f'"{column}" {_type(hints[field])}' for column, field in named.items())
    quoted = ", ".join(f'"{column}"' for column in named)
    rows = f"ROWS FROM (jsonb_to_recordset(${argument}) AS ({typed}))"
    return f"{rows} WITH ORDINALITY AS {alias}({quoted}, position)"


def unnest_in_order(wanted: Sequence[tuple[str, str]], first: int, alias: str) -> str:
    """The same of columns and their types, with a column `position`: the row's place in the arguments, from 1."""
    arrays = ", ".join(f"${at}::{kind}[]" for at, (_, kind) in enumerate(wanted, first))
    names = ", ".join(column for column, _ in wanted)
    return f"unnest({arrays}) WITH ORDINALITY AS {alias}({names}, position)"


def transpose(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows as the array arguments that `unnest` wants: one list for each column."""
    if not rows:
        return [[] for _ in range(width)]
    return [list(column) for column in zip(*rows, strict=True)]


def _type(hint: Any) -> str:
    """PostgreSQL's type for a field's annotation, which may allow None."""
    present = (
        [kind for kind in get_args(hint) if kind is not type(None)]
        if type(None) in get_args(hint)
        else [hint]
    )
    kind = get_origin(present[0]) or present[0]
    return "text" if issubclass(kind, StrEnum) else _TYPES[kind]

"""Bodies of answers: JSON, XML and CSV, for resources, lists and errors.

The suffix of the request's path decides: ``.json`` (every SDK since 2012), none or ``.xml`` for XML,
``.csv`` for lists. XML follows the JSON: a field's element is its name in Pascal case below
``<TwilioResponse>``, and the paging of a list becomes attributes of the list's element.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from lxml import etree

from offhook.api.schema import pascal
from offhook.errors import RestError, more_info

JSON_TYPE: Final = "application/json"
XML_TYPE: Final = "application/xml"
CSV_TYPE: Final = "text/csv"

# XML 1.0, section 2.2: characters that no document may hold, even escaped.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"[+-][0-9]+(\.[0-9]+)?")
_ENCODER = msgspec.json.Encoder()

Body = tuple[bytes, str]
"""The bytes and their content type."""


class Suffix(StrEnum):
    """How the client wants its answer, by the end of the path."""

    JSON = "json"
    XML = "xml"
    CSV = "csv"
    WAV = "wav"
    MP3 = "mp3"
    NONE = ""


_SUFFIXES: Final = {suffix.value: suffix for suffix in Suffix}


def split_suffix(path: str) -> tuple[str, Suffix]:
    """A path without its suffix, and the suffix."""
    stem, dot, end = path.rpartition(".")
    if dot and (suffix := _SUFFIXES.get(end)) is not None:
        return stem, suffix
    return path, Suffix.NONE


def resource(value: Mapping[str, Any], element: str, suffix: Suffix) -> Body:
    """The body of one resource."""
    if suffix is Suffix.JSON:
        return _ENCODER.encode(value), JSON_TYPE
    root = etree.Element("TwilioResponse")
    _append(root, element, value)
    return _document(root)


def page(value: Mapping[str, Any], key: str, element: str, suffix: Suffix) -> Body:
    """The body of a list; `value` is its JSON, `key` the list's key and `element` that of each resource."""
    if suffix is Suffix.JSON:
        return _ENCODER.encode(value), JSON_TYPE
    if suffix is Suffix.CSV:
        return _csv(value[key]), CSV_TYPE
    root = etree.Element("TwilioResponse")
    listing = etree.SubElement(root, pascal(key))
    for name, attribute in value.items():
        if name != key:
            listing.set(name.replace("_", ""), _clean(attribute))
    for item in value[key]:
        _append(listing, element, item)
    return _document(root)


def error(problem: RestError, suffix: Suffix) -> Body:
    """The body of an error, in JSON unless the path asked for XML."""
    value: dict[str, Any] = {
        "code": problem.code,
        "message": problem.message,
        "more_info": more_info(problem.code),
        "status": problem.status,
    }
    if suffix is Suffix.JSON:
        if problem.details:
            value["details"] = problem.details
        return _ENCODER.encode(value), JSON_TYPE
    root = etree.Element("TwilioResponse")
    _append(root, "RestException", value)
    return _document(root)


def _append(parent: etree._Element, name: str, value: Any) -> None:
    element = etree.SubElement(parent, name)
    if isinstance(value, Mapping):
        uris = name == "SubresourceUris"
        for key, inner in value.items():
            if (uris or key == "uri") and isinstance(inner, str):
                # The address of the resource as XML.
                inner = inner.removesuffix(".json")
            _append(element, pascal(re.sub(r"\W", "_", key)), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _append(element, "Item", inner)
    elif value is not None:
        element.text = _clean(value)


def _clean(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else _NOT_XML.sub("\ufffd", str(value))


def _document(root: etree._Element) -> Body:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8"), XML_TYPE


def _csv(rows: list[Mapping[str, Any]]) -> bytes:
    names = [name for name, value in rows[0].items() if not isinstance(value, Mapping)] if rows else []
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(pascal(name) for name in names)
    writer.writerows([_guarded(row[name]) for name in names] for row in rows)
    return text.getvalue().encode()


def _guarded(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula: what a caller sent may begin with ``=`` or ``+``.

    Numbers, of telephones too, are what a spreadsheet takes them for.
    """
    cell = _clean(value)
    return f"'{cell}" if cell[:1] in tuple("=@+-\t\r") and not _NUMBER.fullmatch(cell) else cell

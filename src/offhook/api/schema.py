"""Twilio's OpenAPI file as data: the operations of the API and the JSON of its resources.

The file is the contract: which operation is at which path, what it answers when it succeeds, and which fields
of which type and format a resource has. Resources add only where a value comes from
(`compile_representation`).

Leaves to others: parameters (`offhook.api.forms`), paging bodies (`offhook.api.paging`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from operator import attrgetter
from typing import Any, Final

import msgspec

from offhook.store.sql import field_names

API_VERSION: Final = "2010-04-01"
METHODS: Final = ("get", "post", "delete")

Json = dict[str, Any]
Getter = Callable[[Any], Any]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PLACEHOLDER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Property:
    """A field of a resource's JSON."""

    name: str
    type: str
    format: str | None


@dataclass(frozen=True, slots=True)
class ResourceSchema:
    """The JSON of a resource.

    Attributes:
        name: the component's name, such as ``api.v2010.account.call``.
        path: of one resource, with placeholders and suffix; None when it cannot be fetched by itself.
        subresources: name to path template, whose placeholders are in snake case.
        mapping: a subresource placeholder to the field that fills it.
    """

    name: str
    properties: tuple[Property, ...]
    path: str | None
    subresources: Mapping[str, str]
    mapping: Mapping[str, str]

    @property
    def element(self) -> str:
        """The name of the resource's XML element, such as ``IncomingPhoneNumber``.

        A component below another repeats its parent's name (``call.call_event``); the element does not.
        """
        *_, parent, name = self.name.partition("-")[0].split(".")
        return pascal(name.removeprefix(f"{parent}_"))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API.

    Attributes:
        id: such as ``CreateCall``.
        method: in capitals.
        path: with placeholders, without the ``.json`` suffix.
        status: of the answer when it succeeds.
        resource: what it answers, or of what it answers a list; None for an empty answer.
        list_key: the key of the list in the body, None when the answer is not a list.
        patterns: what a placeholder of the path may hold.
        parameters: names of the parameters that the file documents.
    """

    id: str
    method: str
    path: str
    status: int
    resource: ResourceSchema | None
    list_key: str | None
    patterns: Mapping[str, re.Pattern[str]]
    parameters: frozenset[str]


def pascal(name: str) -> str:
    """``date_created`` as ``DateCreated``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def snake(name: str) -> str:
    """``CallSid`` as ``call_sid``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@lru_cache
def document(name: str = "twilio_api_v2010.json") -> Json:
    """The OpenAPI file that ships with the package."""
    text = resources.files("offhook.api").joinpath("openapi", name).read_bytes()
    loaded: Json = msgspec.json.decode(text)
    return loaded


@lru_cache
def operations() -> Mapping[str, Operation]:
    """Every operation of the file by its id, in the file's order."""
    found: dict[str, Operation] = {}
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                operation = _operation(method, path, item)
                found[operation.id] = operation
    return found


def _operation(method: str, path: str, item: Json) -> Operation:
    spec = item[method]
    success = min(int(status) for status in spec["responses"])
    body = _success_schema(spec["responses"])
    list_key, reference = _list_of(body)
    return Operation(
        id=spec["operationId"],
        method=method.upper(),
        path=path.removesuffix(".json"),
        # Creating a recording may answer 200 or 201; every SDK that distinguishes expects 201 of a create.
        status=201 if "201" in spec["responses"] else success,
        resource=_resource(reference, path, item) if reference else None,
        list_key=list_key,
        patterns={
            parameter["name"]: re.compile(parameter["schema"].get("pattern", ".+"))
            for parameter in spec.get("parameters", ())
            if parameter["in"] == "path"
        },
        parameters=_parameter_names(spec),
    )


def _success_schema(responses: Json) -> Json:
    for status in ("201", "200", "202"):
        for media in responses.get(status, {}).get("content", {}).values():
            schema: Json = media["schema"]
            return schema
    return {}


def _list_of(body: Json) -> tuple[str | None, str | None]:
    """The key of the list and the component's name of a body's schema."""
    if "$ref" in body:
        return None, _component(body)
    for key, value in body.get("properties", {}).items():
        if value.get("type") == "array":
            return key, _component(value["items"])
    return None, None


def _component(reference: Json) -> str:
    name: str = reference["$ref"]
    return name.removeprefix("#/components/schemas/")


def _parameter_names(spec: Json) -> frozenset[str]:
    names = {parameter["name"] for parameter in spec.get("parameters", ()) if parameter["in"] == "query"}
    for media in spec.get("requestBody", {}).get("content", {}).values():
        names.update(media["schema"].get("properties", ()))
    return frozenset(names)


def _resource(name: str, path: str, item: Json) -> ResourceSchema:
    components = document()["components"]["schemas"]
    below = item.get("x-twilio", {}).get("dependentProperties", {})
    return ResourceSchema(
        name=name,
        properties=tuple(
            _property(field, schema) for field, schema in components[name]["properties"].items()
        ),
        path=_instance_paths().get(name) or _instance_paths().get(f"{name}-instance"),
        subresources={key: value["resource_url"] for key, value in below.items()},
        mapping={key: field for value in below.values() for key, field in value["mapping"].items()},
    )


def _property(name: str, schema: Json) -> Property:
    if "$ref" in schema:
        schema = document()["components"]["schemas"][_component(schema)]
    return Property(name, schema.get("type", "object"), schema.get("format"))


@lru_cache
def _instance_paths() -> Mapping[str, str]:
    """Where each component is fetched by itself."""
    found: dict[str, str] = {}
    for path, item in document()["paths"].items():
        body = _success_schema(item["get"]["responses"]) if "get" in item else {}
        if "$ref" in body:
            found.setdefault(_component(body), path)
    return found


def compile_representation(
    schema: ResourceSchema, record: type, values: Mapping[str, Getter]
) -> Callable[[Any], Json]:
    """Make the function that turns a record into the resource's JSON.

    A field comes, in this order, from: `values`; the file (``uri``, ``subresource_uris``, ``api_version``);
    the record's attribute of that name (with an underscore when the name is a keyword); else it is null.
    Every field of the schema is present, in the schema's type and format.

    Raises:
        TypeError: `values` names a field that the schema has not.
    """
    names = {prop.name for prop in schema.properties}
    attributes = set(field_names(record))
    getters = [(prop.name, _field(prop, schema, attributes, values)) for prop in schema.properties]
    if unknown := set(values) - names:
        raise TypeError(f"{schema.name} has no field {', '.join(sorted(unknown))}")

    def represent(row: Any) -> Json:
        return {name: get(row) for name, get in getters}

    return represent


def _field(
    prop: Property, schema: ResourceSchema, attributes: set[str], values: Mapping[str, Getter]
) -> Getter:
    if prop.name in values:
        return _formatted(values[prop.name], prop)
    if prop.name == "uri" and schema.path:
        return _uri(schema.path, attributes)
    if prop.name == "subresource_uris":
        return _subresource_uris(schema, attributes)
    if prop.name == "api_version":
        return lambda _: API_VERSION
    for attribute in (prop.name, f"{prop.name}_"):
        if attribute in attributes:
            return _formatted(attrgetter(attribute), prop)
    return lambda _: None


def _uri(template: str, attributes: set[str]) -> Getter:
    keys = [snake(key) for key in _PLACEHOLDER.findall(template)]
    sources = attrgetter(*(key if key in attributes else "sid" for key in keys))
    text = _PLACEHOLDER.sub("%s", template)
    return lambda row: text % sources(row)


def _subresource_uris(schema: ResourceSchema, attributes: set[str]) -> Getter:
    built = {
        name: _uri(_PLACEHOLDER.sub(lambda match: f"{{{schema.mapping[match[1]]}}}", path), attributes)
        for name, path in schema.subresources.items()
    }
    return lambda row: {name: uri(row) for name, uri in built.items()}


def _formatted(get: Getter, prop: Property) -> Getter:
    """`get`, its value brought into the type and format of the field."""
    if prop.format == "date-time-rfc-2822":
        return lambda row: None if (value := get(row)) is None else rfc2822(value)
    if prop.type == "string":
        return lambda row: None if (value := get(row)) is None else _text(value)
    return get


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, Decimal):
        return f"{value:.5f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d")
    return str(value)


def rfc2822(at: datetime) -> str:
    """A UTC time as the 2010 API writes it: ``Tue, 18 Aug 2015 17:07:30 +0000`` (RFC 2822, section 3.3)."""
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04}"
        f" {at.hour:02}:{at.minute:02}:{at.second:02} +0000"
    )

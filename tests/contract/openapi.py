"""Checks answers against the OpenAPI file:

every field there, of the type and form that it says, and no other.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from offhook.api.schema import document

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


_NULL_BY_DESCRIPTION = {"conference_enum_reason_conference_ended"}
"""Enumerations of which only Twilio's description says that they may be null."""


def assert_matches(operation_id: str, status: int, body: Any) -> None:
    """Fail unless `body` is what the operation answers with `status`."""
    _check(_response_schema(operation_id, status), body, operation_id)


def _response_schema(operation_id: str, status: int) -> dict[str, Any]:
    for item in document()["paths"].values():
        for operation in item.values():
            if operation.get("operationId") == operation_id:
                content = operation["responses"][str(status)]["content"]
                schema: dict[str, Any] = content["application/json"]["schema"]
                return schema
    raise AssertionError(f"no operation {operation_id}")


def _check(schema: dict[str, Any], value: Any, where: str) -> None:
    component = schema.get("$ref", "").rpartition("/")[2]
    if component:
        schema = document()["components"]["schemas"][component]
    if value is None:
        assert schema.get("nullable") or component in _NULL_BY_DESCRIPTION, f"{where} is null"
        return
    if kind := schema.get("type"):
        assert isinstance(value, _TYPES[kind]), f"{where} is {value!r}, not {kind}"
        assert kind == "boolean" or not isinstance(value, bool), f"{where} is {value!r}, not {kind}"
    _check_form(schema, value, where)
    if isinstance(value, list):
        for item in value:
            _check(schema["items"], item, f"{where}[]")
    if isinstance(value, dict) and "properties" in schema:
        assert value.keys() == schema["properties"].keys(), (
            f"{where}: {set(value) ^ set(schema['properties'])}"
        )
        for name, inner in value.items():
            _check(schema["properties"][name], inner, f"{where}.{name}")


def _check_form(schema: dict[str, Any], value: Any, where: str) -> None:
    if pattern := schema.get("pattern"):
        assert re.search(pattern, value), f"{where} is {value!r}, not {pattern}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where} is {value!r}, not of {schema['enum']}"
    if schema.get("format") == "date-time-rfc-2822":
        datetime.strptime(value, "%a, %d %b %Y %H:%M:%S +0000")

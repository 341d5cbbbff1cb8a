"""Trim a published OpenAPI file to what the server reads, and write it to src/offhook/api/openapi.

What stays: paths with their sub-resources, operations with their parameters, forms and responses, and the
schemas with types, formats and enumerations. What goes: descriptions, examples, headers, annotations.

    python scripts/trim_openapi.py PATH/TO/twilio_api_v2010.json PATH/TO/LICENSE
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "src" / "offhook" / "api" / "openapi"
SCHEMA_KEYS = (
    "type",
    "format",
    "nullable",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "required",
    "$ref",
)
VENDOR_KEYS = ("dependentProperties", "pathType")
METHODS = ("get", "post", "put", "patch", "delete")


def trim_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without its prose, recursively."""
    kept: dict[str, Any] = {key: schema[key] for key in SCHEMA_KEYS if key in schema}
    if "properties" in schema:
        kept["properties"] = {name: trim_schema(value) for name, value in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        kept["items"] = trim_schema(schema["items"])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            kept[key] = [trim_schema(value) for value in schema[key]]
    return kept


def trim_content(content: dict[str, Any]) -> dict[str, Any]:
    """Media types with their schemas only."""
    return {
        kind: {"schema": trim_schema(media["schema"])} for kind, media in content.items() if "schema" in media
    }


def trim_operation(operation: dict[str, Any]) -> dict[str, Any]:
    """An operation: its name, parameters, form and responses."""
    kept: dict[str, Any] = {"operationId": operation["operationId"]}
    if parameters := operation.get("parameters"):
        kept["parameters"] = [
            {key: value for key, value in parameter.items() if key in ("name", "in", "required")}
            | {"schema": trim_schema(parameter["schema"])}
            for parameter in parameters
        ]
    if body := operation.get("requestBody"):
        kept["requestBody"] = {"content": trim_content(body["content"])}
    kept["responses"] = {
        status: {"content": trim_content(response["content"])} if "content" in response else {}
        for status, response in operation["responses"].items()
    }
    return kept


def trim_path(path: dict[str, Any]) -> dict[str, Any]:
    """A path: its operations and the resources below it."""
    kept: dict[str, Any] = {}
    if vendor := {key: value for key, value in path.get("x-twilio", {}).items() if key in VENDOR_KEYS}:
        kept["x-twilio"] = vendor
    return kept | {method: trim_operation(path[method]) for method in METHODS if method in path}


def trim(document: dict[str, Any]) -> dict[str, Any]:
    """The whole file, still a valid OpenAPI 3 document in shape."""
    return {
        "openapi": document["openapi"],
        "info": {key: document["info"][key] for key in ("title", "version", "license")},
        "paths": {path: trim_path(item) for path, item in document["paths"].items()},
        "components": {
            "schemas": {
                name: trim_schema(schema) for name, schema in document["components"]["schemas"].items()
            }
        },
    }


def main() -> None:
    """Read the published file, write the trimmed one and the licence beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("licence", type=Path)
    options = parser.parse_args()
    document = trim(json.loads(options.source.read_text()))
    TARGET.mkdir(parents=True, exist_ok=True)
    target = TARGET / options.source.name
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    shutil.copyfile(options.licence, TARGET / "LICENSE")
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""Begin a new REST resource: its file, its test, its row in the table of resources.

    python scripts/scaffold.py resource Queue

NAME is a resource of the OpenAPI file as its operations name it (`ListQueue`, `FetchQueue`, …). The file
gets a record with the documented fields and every operation with its documented parameters, as drafts: the API
answers as if they were not there, and the test fails, until they are written. The rest of the platform runs
meanwhile.
"""

from __future__ import annotations

import re
from pathlib import Path

from offhook.api.schema import Operation, Property, operations, snake

ROOT = Path(__file__).parent.parent
RESOURCES = ROOT / "src" / "offhook" / "api" / "v2010"
VERBS = ("List", "Create", "Fetch", "Update", "Delete")
PAGING = {"PageSize", "Page", "PageToken"}
KEYWORDS = {"from"}
MADE_BY_THE_SHELL = {"uri", "subresource_uris"}


def operations_of(name: str) -> dict[str, Operation]:
    """The operations of a resource, by verb."""
    return {verb: operations()[verb + name] for verb in VERBS if verb + name in operations()}


def form(verb: str, name: str, operation: Operation) -> str:
    """The class of an operation's parameters, empty when it has none."""
    names = sorted({each.rstrip("<>") for each in operation.parameters} - PAGING)
    numbered = [each for each in names if "." in each]
    names = [each for each in names if "." not in each]
    if not names:
        return ""
    fields = "".join(f"    {attribute(each)}: str | None = None\n" for each in names)
    more = f" Left out: {numbered[0]} and {len(numbered) - 1} more." if numbered else ""
    about = f'    """Parameters of {operation.id}: give each its type.{more}"""\n\n'
    return f"class {verb}{name}(Form):\n{about}{fields}\n\n"


def attribute(name: str) -> str:
    """The field of a parameter."""
    plain = snake(name)
    return f"{plain}_" if plain in KEYWORDS else plain


def function(verb: str, name: str, operation: Operation) -> str:
    """The function of an operation."""
    placeholders = [snake(each) for each in operation.patterns if each != "AccountSid"]
    arguments = ["context: Context", *(f"{each}: str" for each in placeholders)]
    if form(verb, name, operation):
        arguments.append(f"form: {verb}{name}")
    if operation.list_key:
        arguments.append("page: Page")
    answer = {"List": f"PageResult[{name}Record]", "Delete": "None"}.get(verb, f"{name}Record | None")
    return (
        f'@resource.draft("{operation.id}")\n'
        f"async def {snake(operation.id)}({', '.join(arguments)}) -> {answer}:\n"
        f'    """{operation.method} {operation.path.partition("{AccountSid}")[2] or operation.path}"""\n'
        "    raise NotImplementedError\n\n\n"
    )


def record(name: str, found: dict[str, Operation]) -> str:
    """The class of a row, with the fields of the resource's JSON."""
    schema = next((operation.resource for operation in found.values() if operation.resource), None)
    properties = schema.properties if schema else ()
    fields = "".join(
        f"    {attribute(each.name)}: {python_type(each)} | None = None\n"
        for each in properties
        if each.name not in MADE_BY_THE_SHELL
    )
    about = '    """A row. It belongs in offhook.store.records, beside its table: give each field its type."""\n\n'
    return f"@dataclass(frozen=True, slots=True)\nclass {name}Record:\n{about}{fields}"


def python_type(field: Property) -> str:
    """What a field is in Python."""
    if field.format and field.format.startswith("date-time"):
        return "datetime"
    return {"string": "str", "integer": "int", "boolean": "bool", "number": "Decimal"}.get(
        field.type, "object"
    )


def plural(name: str) -> str:
    """The module of a resource: ``queues``, ``addresses``."""
    plain = snake(name)
    if plain.endswith("y") and plain[-2] not in "aeiou":
        return f"{plain[:-1]}ies"
    return f"{plain}es" if plain.endswith("s") else f"{plain}s"


def source(name: str, found: dict[str, Operation]) -> str:
    """The resource's file."""
    row = record(name, found)
    dates = "from datetime import datetime\n" if "datetime" in row else ""
    money = "from decimal import Decimal\n" if "Decimal" in row else ""
    listed = any(operation.list_key for operation in found.values())
    paging = "from offhook.store.paging import Page, PageResult\n" if listed else ""
    head = (
        f'"""{name}: say what it is. https://www.twilio.com/docs"""\n\n'
        "from __future__ import annotations\n\n"
        "from dataclasses import dataclass\n"
        f"{dates}{money}\n"
        "from offhook.api.forms import Form\n"
        "from offhook.api.operations import Context, Resource\n"
        f"{paging}\n\n"
        f"{row}\n\n"
        f"resource = Resource({name}Record)\n\n\n"
    )
    forms = "".join(form(verb, name, operation) for verb, operation in found.items())
    functions = "".join(function(verb, name, operation) for verb, operation in found.items())
    return head + forms + functions.rstrip() + "\n"


def test(name: str, module: str, found: dict[str, Operation]) -> str:
    """The resource's test: it fails until its first operation is written."""
    first = next(iter(found.values()))
    path = filled(first.path.partition("{AccountSid}")[2] or first.path, first)
    return (
        f'"""{name}, by HTTP and by the official SDK."""\n\n'
        "from __future__ import annotations\n\n"
        "from tests.contract.conftest import Tenant\n"
        "from tests.contract.openapi import assert_matches\n\n\n"
        f"def test_{module}_answers_every_field(tenant: Tenant) -> None:\n"
        f'    answer = tenant.request("{first.method}", "{path}.json")\n'
        f'    assert_matches("{first.id}", {first.status}, answer.json())\n'
    )


def filled(path: str, operation: Operation) -> str:
    """A path with something in each placeholder that may be there; the test has to name what it has made."""

    def sample(placeholder: re.Match[str]) -> str:
        sid = re.match(r"\^([A-Z]{2})\[0-9a-fA-F\]\{32\}\$", operation.patterns[placeholder[1]].pattern)
        return f"{sid[1]}{'0' * 32}" if sid else "1"

    return re.sub(r"{(\w+)}", sample, path)


def register(module: str, table: Path) -> None:
    """Add the resource to the table."""
    text = table.read_text()
    modules = sorted({*re.findall(r"^    (\w+),$", text, re.MULTILINE), module})
    rows = sorted({*re.findall(r"^    (\w+\.\w+),$", text, re.MULTILINE), f"{module}.resource"})
    text = _table(r"import \(\n.*?\)", f"import (\n{_lines(modules)})", text)
    text = _table(r"= \(\n.*?\)", f"= (\n{_lines(rows)})", text)
    table.write_text(text)


def _table(pattern: str, lines: str, text: str) -> str:
    """The text with the first thing that has the form of `pattern` replaced."""
    return re.sub(pattern, lambda _: lines, text, count=1, flags=re.DOTALL)


def _lines(items: list[str]) -> str:
    return "".join(f"    {item},\n" for item in items)


def scaffold(name: str, root: Path = ROOT) -> list[Path]:
    """Write a resource called `name`, and return what was written.

    Raises:
        ValueError: it is not a resource of the OpenAPI file, or there is one already.
    """
    found, module = operations_of(name), plural(name)
    if not found:
        raise ValueError(f"there is no operation List{name} or Fetch{name}")
    files = {
        root / RESOURCES.relative_to(ROOT) / f"{module}.py": source(name, found),
        root / "tests" / "contract" / f"test_{module}.py": test(name, module, found),
    }
    for path in files:
        if path.exists():
            raise ValueError(f"{path.relative_to(root)} is there already")
    for path, text in files.items():
        path.write_text(text)
    table = root / RESOURCES.relative_to(ROOT) / "__init__.py"
    register(module, table)
    print(f"Next: {name}Record and its repository in offhook.store, then make docs")
    return [*files, table]

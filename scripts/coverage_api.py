"""Write docs/coverage-api.md: which operations of the API work, from the OpenAPI file and the handlers themselves.

python scripts/coverage_api.py          write it
python scripts/coverage_api.py --check  exit 1 when it is not up to date
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from offhook.api import forms, v2010
from offhook.api.operations import Handler, built
from offhook.api.schema import Operation, operations

TARGET = Path(__file__).parent.parent / "docs" / "coverage-api.md"
PAGING = {"PageSize", "Page", "PageToken"}
HEAD = """# What works of the REST API (2010-04-01)

Written by `scripts/coverage_api.py` from the OpenAPI file and the code. {built} of {all} operations work. Every other
one answers 404 with code 20404 and `details.reason`. A parameter that is refused answers its error code:
leaving it out would do something else than was asked. One without effect is accepted and ignored; when a call or a
message is created with it, the timeline says so.

| operation | method and path | works | refused | without effect |
|---|---|---|---|---|
"""


def rows(handlers: dict[str, Handler]) -> Iterator[str]:
    """A line of the table for each operation, in the order of their paths."""
    for operation in sorted(operations().values(), key=lambda each: (each.path, each.method)):
        handler = handlers.get(operation.id)
        works = "yes" if handler else "no"
        refused = _listed(handler.form.refuses if handler and handler.form else ())
        ignored = _listed(without_effect(operation, handler))
        path = operation.path.removeprefix("/2010-04-01")
        yield f"| {operation.id} | {operation.method} `{path}` | {works} | {refused} | {ignored} |"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def without_effect(operation: Operation, handler: Handler | None) -> list[str]:
    """Documented parameters that the handler does not understand."""
    if handler is None:
        return []
    understood = forms.names(handler.form) | set(handler.form.refuses) if handler.form else set()
    documented = {name for name in operation.parameters if name.rstrip("<>") not in understood}
    return sorted(documented - PAGING)


def page() -> str:
    """The whole document."""
    handlers = built(v2010.RESOURCES)
    head = HEAD.format(built=len(handlers), all=len(operations()))
    return head + "\n".join(rows(handlers)) + "\n"


def main() -> None:
    """Write or check."""
    text = page()
    if "--check" in sys.argv[1:]:
        if not TARGET.exists() or TARGET.read_text() != text:
            sys.exit(f"{TARGET.name} is not up to date: run python scripts/coverage_api.py")
        return
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text)


if __name__ == "__main__":
    main()

"""Scaffold a verb of a call: `verbs/NAME.py`, its test, its row in `verbs/__init__.py`.

A verb that `unbuilt.py` knows brings its attributes along, as without effect, and loses its row there. Nouns are
made the same way, by `scaffold_noun.py`.
"""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

TWIML = Path("src/offhook/twiml")
TESTS = Path("tests/unit/twiml")

VERB = Template('''"""`<$name>`: what it does, in one sentence.

What makes it end, and the parameters of its action.
"""

from __future__ import annotations

from dataclasses import dataclass
$typing
${attribute_import}from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Outcome, Verb


@dataclass(frozen=True, slots=True)
class $name(Verb):
    """What its text is; the units of its attributes."""

$attributes    def begin(self, turn: Turn) -> Outcome:
        """Start what it does, and return self until it is over."""
        return NEXT
''')

VERB_TEST = Template('''"""<$name>.

| attribute | default | bad value |
|---|---|---|
$rows"""

from __future__ import annotations

from tests.unit.twiml.transcript import attribute_table, run

from offhook.twiml.effects import HangUp
from offhook.twiml.verbs.$module import $name


def test_attributes() -> None:
    assert attribute_table($name) == {}


def test_runs_and_goes_on_with_the_next_verb() -> None:
    call = run("<$name/>")
    assert call.asked == [HangUp()]
''')


@dataclass(frozen=True)
class Kind:
    """What differs between verbs and nouns."""

    folder: str
    table: str
    source: Template
    test: Template


def scaffold(name: str, root: Path) -> list[Path]:
    """Write a verb, and return what was written."""
    return write(Kind("verbs", "VERBS", VERB, VERB_TEST), name, root)


def write(kind: Kind, name: str, root: Path) -> list[Path]:
    """Write a verb or noun called `name`, and return what was written.

    Raises:
        ValueError: the name is not an element name, or there is one already.
    """
    if not re.fullmatch(r"[A-Z][A-Za-z]{1,40}", name):
        raise ValueError(f"{name!r} is not the name of an element, such as Echo")
    module = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    source = root / TWIML / kind.folder / f"{module}.py"
    test = root / TESTS / f"test_{kind.folder.removesuffix('s')}_{module}.py"
    if source.exists() or test.exists():
        raise ValueError(f"{source.relative_to(root)} or its test is there already")
    unbuilt = root / TWIML / "unbuilt.py"
    before = unbuilt.read_text()
    attributes = _take_unbuilt(unbuilt, kind.table, name)
    source.write_text(kind.source.substitute(name=name, module=module, **_drafts(attributes)))
    test.write_text(kind.test.substitute(name=name, module=module, **_pins(attributes)))
    table = root / TWIML / kind.folder / "__init__.py"
    table.write_text(with_row(table.read_text(), f"offhook.twiml.{kind.folder}", module, name))
    return [source, test, table, *([unbuilt] if unbuilt.read_text() != before else [])]


def with_row(text: str, package: str, module: str, name: str) -> str:
    """Return a package's text with one more import and one more row in its table, both in order."""
    row, imported = f'    "{name}": {name},', f"from {package}.{module} import {name}"
    lines = [*text.splitlines(), imported, row]
    rows = sorted(line for line in lines if re.fullmatch(r'    "\w+": \w+,', line))
    imports = sorted(line for line in lines if line.startswith(f"from {package}."))
    others = [line for line in text.splitlines() if line not in rows and line not in imports]
    opening = next(index for index, line in enumerate(others) if line.endswith("= {"))
    before = max(index for index, line in enumerate(others) if line.startswith("from ")) + 1
    merged = [*others[:before], *imports, *others[before : opening + 1], *rows, *others[opening + 1 :]]
    return "\n".join(merged) + "\n"


def _take_unbuilt(path: Path, table: str, name: str) -> list[str]:
    """Return the attributes that `unbuilt.py` knows of an element, and delete its row there."""
    text = path.read_text()
    for node in ast.parse(text).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == table:
            assert isinstance(node.value, ast.Dict)
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == name:
                    lines = text.splitlines(keepends=True)
                    path.write_text("".join(lines[: key.lineno - 1] + lines[value.end_lineno :]))
                    return _attributes(value, text)
    return []


def _attributes(row: ast.expr, text: str) -> list[str]:
    """Return the attributes of a row, with the shared lists of names that it refers to."""
    shared = dict(re.findall(r'^(_[A-Z]+) = "([^"]+)"', text, re.MULTILINE))
    assert isinstance(row, ast.Call)
    written = ast.unparse(row.args[0]) if row.args else ""
    names = re.sub(r"\{(_[A-Z]+)\}", lambda match: shared[match.group(1)], written)
    return re.findall(r"\w+", re.sub(r"""^f?['"]|['"]$""", "", names))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _field(attribute: str) -> str:
    """Return the name of an attribute's field."""
    plain = _snake(attribute)
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def _function(attribute: str) -> str:
    """Guess what kind an attribute is from its name."""
    if attribute.lower().endswith("method"):
        return "http_method"
    is_url = attribute == "action" or attribute.lower().endswith(("url", "callback"))
    return "web_url" if is_url else "text"


def _drafts(attributes: list[str]) -> dict[str, str]:
    """Return the parts of the source that depend on the attributes."""
    types = {"http_method": 'Literal["GET", "POST"]', "web_url": "str | None", "text": "str | None"}
    functions = sorted({_function(name) for name in attributes})
    lines = [
        f"    {_field(name)}: {types[_function(name)]} = {_function(name)}(unbuilt=WITHOUT_EFFECT)\n"
        for name in attributes
    ]
    imported = f"from offhook.twiml.attributes import WITHOUT_EFFECT, {', '.join(functions)}\n"
    return {
        "typing": "from typing import Literal\n" if "http_method" in functions else "",
        "attribute_import": imported if functions else "",
        "attributes": "".join(lines) + "\n" if lines else "",
    }


def _pins(attributes: list[str]) -> dict[str, str]:
    """Return the parts of the test that depend on the attributes. Those without effect are not pinned."""
    expected = {
        "http_method": ("POST", 12200),
        "web_url": (None, 11100),
        "text": (None, 12200),
    }
    values = [(name, *expected[_function(name)]) for name in attributes]
    return {
        "rows": "".join(f"| {name} | {default or 'none'} | {code} |\n" for name, default, code in values),
    }

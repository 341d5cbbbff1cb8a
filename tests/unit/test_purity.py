"""Cores are pure. Imports are checked by the import contract; calls of built-ins and of `datetime` are here."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import offhook

PACKAGE = Path(offhook.__file__).parent
PYPROJECT = PACKAGE.parents[1] / "pyproject.toml"
CLOCKS = {"now", "utcnow", "today"}


def core_files() -> Iterator[Path]:
    """All files of the packages that the import contract calls cores."""
    contracts = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["name"] == "Cores are pure")
    for name in contract["source_modules"]:
        path = PACKAGE / name.removeprefix("offhook.")
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def impure_calls(tree: ast.AST) -> Iterator[str]:
    """Calls that look at the clock or at files."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in ("open", "input", "print"):
                yield f"line {node.lineno}: {called.id}"
            if isinstance(called, ast.Attribute) and called.attr in CLOCKS:
                yield f"line {node.lineno}: {called.attr}"


@pytest.mark.parametrize("path", list(core_files()), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_core_looks_at_no_clock_and_no_file(path: Path) -> None:
    assert list(impure_calls(ast.parse(path.read_text()))) == []

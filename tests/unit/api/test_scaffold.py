"""Scaffolded resources leave the platform running, pass the checks of the house, and claim to do nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from offhook.api import v2010
from offhook.api.operations import built
from offhook.api.schema import operations

ROOT = Path(__file__).parents[3]
CALLED = re.compile(r"(?:List|Create|Fetch|Update|Delete)(\w+)")

SCAFFOLD_ALL = """
import sys
from pathlib import Path
sys.path.insert(0, "scripts")
import scaffold, scaffold_resource
here = Path.cwd()
begun = here / scaffold_resource.RESOURCES.relative_to(scaffold_resource.ROOT)
names = [name for name in sys.argv[1:] if not (begun / f"{scaffold_resource.plural(name)}.py").exists()]
written = {path for name in names for path in scaffold_resource.scaffold(name, here)}
scaffold.tidy(sorted(written))
print(len(names), *sorted(str(path.relative_to(here)) for path in written))
"""


def resources(ids: set[str]) -> set[str]:
    """The resources of operations."""
    return {found[1] for each in ids if (found := CALLED.fullmatch(each))}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The parts of the repository that are read and written."""
    for folder in ("src/offhook", "scripts", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests/contract").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy, on its sources."""
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_whatever_is_not_built_can_be_begun(copy: Path) -> None:
    left = resources(set(operations())) - resources(set(built(v2010.RESOURCES)))
    done = run(copy, "-c", SCAFFOLD_ALL, *sorted(left))
    assert done.returncode == 0, done.stderr
    count, *written = done.stdout.splitlines()[-1].split()
    assert int(count) > 0
    for arguments in (["check"], ["format", "--check"]):
        style = run(copy, "-m", "ruff", *arguments, *written)
        assert style.returncode == 0, style.stdout
    registered = int(count) + len(v2010.RESOURCES)
    program = f"from offhook.api.v2010 import RESOURCES; assert len(RESOURCES) == {registered}"
    assert run(copy, "-c", program).returncode == 0
    drafts = "".join((copy / path).read_text() for path in written)
    assert "float" not in drafts
    assert not re.search(r'request\("[A-Z]+", f?"[^"]*{', drafts), (
        "a path with a placeholder that is not filled"
    )


def test_what_is_begun_is_not_counted_as_working(copy: Path) -> None:
    left = sorted(resources(set(operations())) - resources(set(built(v2010.RESOURCES))))
    begun = (run(copy, "scripts/scaffold.py", "resource", name).returncode == 0 for name in left)
    assert any(begun)
    checked = run(copy, "scripts/coverage_api.py", "--check")
    assert checked.returncode == 0, checked.stderr


def test_refuses_what_the_api_does_not_have_or_is_taken(copy: Path) -> None:
    for name in ("Pigeon", "Message"):
        refused = run(copy, "scripts/scaffold.py", "resource", name)
        assert refused.returncode == 1
        assert "there" in refused.stderr

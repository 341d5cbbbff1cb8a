"""Scaffolded verbs and nouns pass the checks, the tests that come with them, and those that were there before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from offhook.twiml.unbuilt import NOUNS, VERBS

ROOT = Path(__file__).parents[3]
TESTS = Path("tests/unit/twiml")
PARTS = [("verb", name) for name in (*VERBS, "Shout")] + [("noun", name) for name in (*NOUNS, "Pigeon")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the scaffold reads and writes."""
    for folder in ("src/offhook", "scripts", TESTS):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "docs").mkdir()
    return tmp_path


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy, on its sources."""
    paths = {"PYTHONPATH": f"{root / 'src'}:{root}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=root, env=os.environ | paths, capture_output=True, text=True, check=False
    )


def test_whatever_is_not_built_can_be_begun(copy: Path) -> None:
    written: set[str] = set()
    for kind, name in PARTS:
        done = run(copy, "scripts/scaffold.py", kind, name)
        assert done.returncode == 0, done.stderr
        written |= set(done.stdout.split())
    assert {"tests/unit/twiml/test_verb_shout.py", "tests/unit/twiml/test_noun_pigeon.py"} <= written
    for arguments in (["check"], ["format", "--check"]):
        style = run(copy, "-m", "ruff", *arguments, *written)
        assert style.returncode == 0, style.stdout
    assert run(copy, "scripts/coverage_twiml.py").returncode == 0
    known = [str(TESTS / f"test_{name}.py") for name in ("interpreter", "coverage", "messaging", "verb_dial")]
    begun = [path for path in written if path.startswith(str(TESTS))]
    # Options of the plugins that are not loaded here are unknown, which pytest warns of.
    options = ("-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestConfigWarning")
    tests = run(copy, "-m", "pytest", *options, *begun, *known)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    left = (copy / "src/offhook/twiml/unbuilt.py").read_text()
    assert not [name for _, name in PARTS if f'    "{name}": _of(' in left.partition("INNER:")[0]]


@pytest.mark.parametrize("name", ["echo", "Say", "../x", ""])
def test_what_cannot_be_scaffolded(copy: Path, name: str) -> None:
    done = run(copy, "scripts/scaffold.py", "verb", name)
    assert done.returncode == 1
    assert done.stderr.strip()

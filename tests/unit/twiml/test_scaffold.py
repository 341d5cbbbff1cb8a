"""A scaffolded verb and noun pass the tests that are scaffolded with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the scaffold reads and writes."""
    for folder in ("src/offhook", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests/unit/twiml").mkdir(parents=True)
    shutil.copy(ROOT / "tests/unit/twiml/transcript.py", tmp_path / "tests/unit/twiml/transcript.py")
    return tmp_path


def scaffold(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts/scaffold.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("kind", "name", "test"),
    [
        ("verb", "Enqueue", "test_verb_enqueue.py"),
        ("verb", "Shout", "test_verb_shout.py"),
        ("noun", "Client", "test_noun_client.py"),
    ],
)
def test_what_is_scaffolded_works(copy: Path, kind: str, name: str, test: str) -> None:
    done = scaffold(copy, kind, name)
    assert done.returncode == 0, done.stderr
    assert f"tests/unit/twiml/{test}" in done.stdout.split()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/unit/twiml/{test}"]
    paths = {"PYTHONPATH": f"{copy / 'src'}:{copy}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment = os.environ | paths
    run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    unbuilt = (copy / "src/offhook/twiml/unbuilt.py").read_text()
    assert f'    "{name}": _of(' not in unbuilt
    style = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--select",
            "E,F",
            "--line-length",
            "120",
            copy / "src",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert style.returncode == 0, style.stdout


@pytest.mark.parametrize("name", ["echo", "Say", "../x", ""])
def test_what_cannot_be_scaffolded(copy: Path, name: str) -> None:
    done = scaffold(copy, "verb", name)
    assert done.returncode == 1
    assert done.stderr.strip()

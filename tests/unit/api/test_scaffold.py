"""A scaffolded resource leaves the platform importable, and its file passes the checks of the house."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scaffold_resource", ROOT / "scripts/scaffold_resource.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The parts of the repository that are written to."""
    (tmp_path / "tests/contract").mkdir(parents=True)
    shutil.copytree(
        ROOT / "src/offhook", tmp_path / "src/offhook", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "module"), [("Queue", "queues"), ("Address", "addresses"), ("Token", "tokens")]
)
def test_the_platform_runs_with_a_scaffolded_resource(
    script: ModuleType, copy: Path, name: str, module: str
) -> None:
    written = script.scaffold(name, copy)
    assert [path.name for path in written] == [f"{module}.py", f"test_{module}.py", "__init__.py"]
    program = f"from offhook.api.v2010 import RESOURCES, {module}; assert {module}.resource in RESOURCES"
    environment = os.environ | {"PYTHONPATH": str(copy / "src")}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, *map(str, written)]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_refuses_what_the_api_does_not_have_or_is_taken(script: ModuleType, copy: Path) -> None:
    for name in ("Pigeon", "Message"):
        with pytest.raises(ValueError, match="there"):
            script.scaffold(name, copy)

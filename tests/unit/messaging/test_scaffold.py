"""`make scaffold carrier NAME` writes a carrier that passes its own test and the checks of the house."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
CARRIERS = Path("src/offhook/messaging/carriers")


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scaffold_carrier", ROOT / "scripts/scaffold_carrier.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The parts of the repository that are written to."""
    (tmp_path / "tests/unit/messaging").mkdir(parents=True)
    left_out = shutil.ignore_patterns("__pycache__", "openapi")
    shutil.copytree(ROOT / "src/offhook", tmp_path / "src/offhook", ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_writes_the_carrier_its_test_and_its_row(script: ModuleType, copy: Path) -> None:
    source, test, table = script.scaffold("PigeonPost", copy)
    assert (source.name, test.name) == ("pigeon_post.py", "test_pigeon_post.py")
    text = table.read_text()
    # Carriers may have been added beside these: the fallback stays the last all the same.
    assert re.search(r"import Carrier, .*\bpigeon_post, .*\bsmpp\n", text)
    assert re.search(
        r"    loopback\.configured,\n(?:    .*\n)*    pigeon_post\.configured,\n(?:    .*\n)*"
        r"    smpp\.configured,\n\)",
        text,
    )
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, str(source), str(test), str(table)]
        assert subprocess.run(command, cwd=copy, check=False).returncode == 0


def test_refuses_names_that_cannot_be_or_are_taken(script: ModuleType, copy: Path) -> None:
    for name in ("pigeon", "Smpp", "../Evil"):
        with pytest.raises(ValueError, match=r"not the name|already"):
            script.scaffold(name, copy)

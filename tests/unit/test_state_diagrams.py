"""docs/states.md is what the tables in the code say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_diagrams_are_those_of_the_tables() -> None:
    script = ROOT / "scripts" / "state_diagrams.py"
    checked = subprocess.run([sys.executable, script, "--check"], check=False)
    assert checked.returncode == 0, "run: make docs"

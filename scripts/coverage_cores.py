"""Run unit tests of cores, and say which of the modules tested they run too little of.

    python scripts/coverage_cores.py tests/unit/sip tests/unit/test_ids.py

Ends with pytest's status when a test fails, otherwise with 1 and one line a module when any is below what is asked.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "offhook"
LEAST = 95.0
"""Percent of a module's lines and branches."""


def modules_of(tests: str) -> list[Path]:
    """The modules that a directory or file of unit tests is about."""
    name = Path(tests).stem.removeprefix("test_")
    package = SOURCE / name
    return sorted(package.rglob("*.py")) if package.is_dir() else [SOURCE / f"{name}.py"]


def covered(modules: list[Path], data_file: Path) -> dict[str, float]:
    """The percentage of each module, by its path within the package."""
    measured = coverage.Coverage(data_file=data_file)
    measured.load()
    outfile = data_file.with_suffix(".json")
    measured.json_report([str(module) for module in modules], outfile=str(outfile))
    files = json.loads(outfile.read_text())["files"]
    return {
        (ROOT / path).relative_to(SOURCE).as_posix(): file["summary"]["percent_covered"]
        for path, file in files.items()
    }


def main(tests: list[str]) -> int:
    """Return an exit status."""
    with tempfile.TemporaryDirectory() as directory:
        data_file = Path(directory) / "coverage"
        command = [sys.executable, "-m", "coverage", "run", f"--data-file={data_file}", "-m", "pytest"]
        # Properties are tried on the same examples each time: the figure must not depend on chance.
        command += ["--hypothesis-profile", "repeatable"]
        if status := subprocess.run([*command, *tests], cwd=ROOT, check=False).returncode:
            return status
        percents = covered([module for test in tests for module in modules_of(test)], data_file)
    below = {name: of for name, of in percents.items() if of < LEAST}
    for name, of in below.items():
        print(f"{name}: its tests run {of:.1f} % of it, {LEAST:.0f} % are asked")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

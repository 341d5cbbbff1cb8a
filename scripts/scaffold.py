"""Write the first draft of a new part of the platform: its file, its test and its row in the table.

    python scripts/scaffold.py KIND NAME        for example: verb Echo, noun Client

Each kind is a module beside this one, `scaffold_KIND.py`, with a function `scaffold(name, root)` that returns the
files it has written or changed and raises ValueError, with the reason, when it cannot. They need not be tidy: ruff
sees to it afterwards.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


def kinds() -> list[str]:
    """Return the kinds that can be scaffolded."""
    return sorted(path.stem.removeprefix("scaffold_") for path in HERE.glob("scaffold_*.py"))


def tidy(files: list[Path]) -> None:
    """Drop the imports that a draft does not need, and format it."""
    for arguments in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, *map(str, files)], cwd=ROOT, check=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 1 when nothing could be written."""
    parser = argparse.ArgumentParser(description="Write the first draft of a new part of the platform.")
    parser.add_argument("kind", choices=kinds())
    parser.add_argument("name", help="as it is called outside, such as Echo")
    given = parser.parse_args(arguments)
    sys.path.insert(0, str(HERE))
    try:
        written = importlib.import_module(f"scaffold_{given.kind}").scaffold(given.name, ROOT)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    tidy(written)
    for path in written:
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())

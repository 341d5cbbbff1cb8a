"""Install Offhook into `.venv` from pinned, hashed requirements.

    python3 scripts/install.py requirements/run.txt

Needs Python 3.11 with pip, and nothing else: the environment is filled by the pip that is there, so that it does not
matter that Debian's Python lacks ensurepip. Installing again what is installed already does nothing.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"


def main(requirements: Path) -> int:
    """Install what is missing and return an exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 (it runs before the packaging checks it)
        return complain(f"Offhook needs Python 3.11 or newer, this is {sys.version.split()[0]}")
    stamp = ENVIRONMENT / f"installed-{requirements.stem}"
    wanted = fingerprint(requirements)
    if stamp.exists() and stamp.read_text() == wanted and works():
        return 0
    if not works():
        print(f"Making {ENVIRONMENT} …", flush=True)
        if not (make_environment() or make_environment("--without-pip")):
            return complain("Python's venv module is missing: apt-get install python3-venv")
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode != 0:
        return complain("pip is missing: apt-get install python3-pip, or python3 -m ensurepip")
    print(f"Installing {requirements.relative_to(ROOT)} …", flush=True)
    pinned = pip("install", "--require-hashes", "-r", str(requirements))
    if pinned != 0 or pip("install", "--no-deps", "-e", str(ROOT)) != 0:
        return complain("the packages could not be installed, see above")
    stamp.write_text(wanted)
    return 0


def make_environment(*options: str) -> bool:
    """Make the environment; Debian's Python without python3-venv can make it only without a pip of its own."""
    argv = [sys.executable, "-m", "venv", "--clear", *options, str(ENVIRONMENT)]
    return subprocess.run(argv, capture_output=True).returncode == 0


def works() -> bool:
    """Whether the environment's Python runs (it does not when the Python it was made from has gone)."""
    try:
        return subprocess.run([str(PYTHON), "-c", "pass"], capture_output=True).returncode == 0
    except OSError:
        return False


def fingerprint(requirements: Path) -> str:
    """What an installation depends on: the pinned packages, and what the package itself installs."""
    files = (requirements, ROOT / "pyproject.toml")
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def pip(*arguments: str) -> int:
    """Run this Python's pip on the environment."""
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    argv = [sys.executable, "-m", "pip", "--python", str(PYTHON), *arguments, "--quiet"]
    return subprocess.run(argv, env={**os.environ, **quiet}).returncode


def complain(line: str) -> int:
    """Say what is wrong in one line."""
    print(f"install: {line}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(ROOT / sys.argv[1]))

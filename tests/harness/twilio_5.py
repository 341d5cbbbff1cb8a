"""twilio-python 5.7.0, the library that the guide was written for, as a directory to put on the path.

It is fetched from the package index into a directory of its own, because it and today's `twilio` have one name;
without a network the test is skipped. On Python 3 later than 3.3 it needs a module called `urlparse`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def sdk_5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that has twilio 5.7.0 and what it imports."""
    target = tmp_path_factory.mktemp("twilio-5.7.0")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    fetched = subprocess.run(
        [*pip, "--retries", "1", "--timeout", "10", "--target", str(target), "twilio==5.7.0"],
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode != 0:
        pytest.skip("twilio 5.7.0 cannot be fetched: " + fetched.stderr.strip().rpartition("\n")[2])
    (target / "urlparse.py").write_text("from urllib.parse import *\n")
    return target

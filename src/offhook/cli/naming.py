"""How the reader of a hint can call the `offhook` command."""

import shutil
import sys
from pathlib import Path


def command_name() -> str:
    """Return `offhook` where the shell finds it, else the path to it beside this Python."""
    if shutil.which("offhook"):
        return "offhook"
    script = Path(sys.executable).with_name("offhook")
    if not script.exists():
        return f"{sys.executable} -m offhook"
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)

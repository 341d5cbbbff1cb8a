"""Running the programs of `examples/` as their readers do: filled in, in a process of their own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from offhook.testing import Phone, Platform

EXAMPLES = Path(__file__).parents[2] / "examples"
_SECONDS = 60.0


def guide_program(name: str, platform: Platform, phone: Phone) -> str:
    """A program of the guide, with account, token and numbers where its reader puts them."""
    program = (EXAMPLES / "guide" / name).read_text()
    for placeholder, value in (
        ("your_account_sid", platform.account_sid),
        ("your_auth_token", platform.auth_token),
        ("NNNNNNNNNNN", platform.phone_numbers[0].removeprefix("+")),
        ("MMMMMMMMMMM", phone.number.removeprefix("+")),
    ):
        assert placeholder in program
        program = program.replace(placeholder, value)
    return program


def run_program(program: str, environment: Mapping[str, str]) -> str:
    """Run a program and return what it printed, without the end of the line."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def load(name: str) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def serving(*command: str) -> Iterator[str]:
    """Run a web application that says where it listens; yields its address."""
    with subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    yield found.group()
                    break
            else:
                raise RuntimeError(f"{command} ended with status {process.wait()}")
        finally:
            process.terminate()

"""What commands print on: a terminal, a pipe, or a stream that knows ASCII only."""

import codecs
import io
import sys
from typing import TextIO

from rich.console import Console

_PLAIN = {"→": "->", "←": "<-", "…": "...", "–": "-"}


def prepare_streams() -> None:
    """Have characters that an output's encoding lacks replaced, instead of ending the command."""
    codecs.register_error("offhook", _replace)
    for stream in (sys.stdout, sys.stderr):
        _forgive(stream)


def new_console() -> Console:
    """Return a console on stdout that prints what it is given: no markup, no wrapping, no colours of its choice."""
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def _forgive(stream: TextIO) -> None:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="offhook")


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in text), error.end

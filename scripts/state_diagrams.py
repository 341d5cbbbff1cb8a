"""Write docs/states.md: diagrams of the state machines, from the tables that run them.

python scripts/state_diagrams.py [--check]

With --check nothing is written; the exit status is 1 when the file is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from offhook.calls import status
from offhook.sip import transaction
from offhook.sip.transaction import Effect
from offhook.sms import message_state

Status = TypeVar("Status", bound=StrEnum)

TARGET = Path(__file__).parent.parent / "docs" / "states.md"
HEADING = """# States

Written by `scripts/state_diagrams.py` from the tables in the code.
"""


def statuses(title: str, source: str, moves: Mapping[Status, frozenset[Status]]) -> str:
    """Return the section of a table of what each status may become."""
    states = sorted(moves, key=list(type(next(iter(moves)))).index)
    arrows = [f"{_name(one)} --> {_name(other)}" for one in states for other in states if other in moves[one]]
    arrows += [f"{_name(state)} --> [*]" for state in states if not moves[state]]
    return _section(title, source, arrows)


def transactions(title: str, table: transaction.Table) -> str:
    """Return the section of a kind of SIP transaction: on each arrow the input, and the effects after a slash."""
    start, *_ = table
    arrows = [f"[*] --> {_name(start)}"]
    for before, inputs in table.items():
        for received, (after, effects) in inputs.items():
            arrows.append(f"{_name(before)} --> {_name(after)}: {_label(received, effects)}")
    arrows += [f"{_name(before)} --> [*]" for before, inputs in table.items() if not inputs]
    return _section(title, "src/offhook/sip/transaction.py", arrows)


def _label(received: StrEnum, effects: tuple[Effect, ...]) -> str:
    name = f"timer {received}" if received.name.startswith("TIMER_") else str(received)
    return f"{name} / {', '.join(effects)}" if effects else name


def _name(state: StrEnum) -> str:
    return state.value.replace("-", "_")


def _section(title: str, source: str, arrows: list[str]) -> str:
    rows = "\n".join(f"    {arrow}" for arrow in arrows)
    return f"\n## {title}\n\nFrom `{source}`.\n\n```mermaid\nstateDiagram-v2\n{rows}\n```\n"


def text() -> str:
    """Return the whole file."""
    return (
        HEADING
        + statuses("A call", "src/offhook/calls/status.py", status.TRANSITIONS)
        + statuses("A message", "src/offhook/sms/message_state.py", message_state.TRANSITIONS)
        + transactions("SIP: INVITE client transaction", transaction.INVITE_CLIENT)
        + transactions("SIP: non-INVITE client transaction", transaction.CLIENT)
        + transactions("SIP: INVITE server transaction", transaction.INVITE_SERVER)
        + transactions("SIP: non-INVITE server transaction", transaction.SERVER)
    )


def main() -> int:
    """Write the file, or compare it."""
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.exists() and TARGET.read_text() == text() else 1
    TARGET.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())

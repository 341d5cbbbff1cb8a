"""What processes are called, have used and hold, read from proc(5)."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def processor(pid: int) -> float:
    """Seconds of processor time of a process so far; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def name(pid: int) -> str:
    """What a process is called here: the role it runs, a speech worker, or its program; nothing when it has ended."""
    try:
        words = (Path("/proc") / str(pid) / "cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return ""
    if "offhook.speech.worker" in words:
        return "speech"
    return words[-1] if words[-2:-1] == ["role"] else Path(words[0]).name.partition(":")[0]


def memory(pid: int) -> float:
    """Proportional set size of a process in MB; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def processor_by_name(pids: list[int]) -> dict[str, float]:
    """Seconds of processor time so far, of all processes of one name together."""
    used: dict[str, float] = {}
    for pid in pids:
        if known := name(pid):
            used[known] = used.get(known, 0.0) + processor(pid)
    return used

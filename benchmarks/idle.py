"""What the platform takes of a machine while nothing happens: memory and processor.

    python benchmarks/idle.py [--seconds 30]

Memory is the proportional set size (PSS, proc(5) smaps_rollup) of the supervisor and everything below it: what is
shared counts once. It is compared with the parts it cannot do without, measured in the same run: a bare PostgreSQL
and a bare NATS, started as the platform starts them, and a bare Python for each Python process of the platform.
Processor time is that of all its processes, in percent of one core.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))
sys.path.insert(0, str(ROOT))

from benchmarks.processes import memory, name, processor  # noqa: E402

from offhook.supervisor.nats import Nats  # noqa: E402
from offhook.supervisor.postgres import Postgres  # noqa: E402
from offhook.supervisor.process import descendants  # noqa: E402
from offhook.testing import Platform  # noqa: E402

_LIMIT_MB = 330.0
_LIMIT_PERCENT = 1.0
_SETTLE_SECONDS = 20.0


async def bare_stores(top: Path) -> float:
    """MB of a PostgreSQL and a NATS without clients."""
    postgres = Postgres(top / "postgres", top / "run", top / "postgres.log")
    nats = Nats(top / "nats", top / "nats.conf", top / "nats.log", token="bench")
    try:
        await asyncio.gather(postgres.start(), nats.start())
        assert postgres.child is not None
        assert nats.child is not None
        await asyncio.sleep(1)
        pids = [postgres.child.pid, *descendants(postgres.child.pid), nats.child.pid]
        return sum(map(memory, pids))
    finally:
        await asyncio.gather(postgres.stop(), nats.stop())


def bare_python() -> float:
    """MB of a Python interpreter that waits."""
    code = "import signal; print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        taken = memory(child.pid)
        child.send_signal(signal.SIGKILL)
    return taken


def main() -> int:
    """Measure and print; 1 when a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as directory:
        top = Path(directory)
        top.chmod(0o711)
        stores = asyncio.run(bare_stores(top))
        with (top / "log").open("wb") as log:
            platform = Platform.start(top / "data", log=log)
        try:
            supervisor = int(platform.facts["pid"])
            time.sleep(_SETTLE_SECONDS)
            pids = [supervisor, *descendants(supervisor)]
            before = {pid: processor(pid) for pid in pids}
            time.sleep(asked.seconds)
            used = {pid: (processor(pid) - before[pid]) / asked.seconds * 100 for pid in pids}
            taken = {pid: memory(pid) for pid in pids}
            names = {pid: name(pid) for pid in pids}
            pythons = sum(Path(f"/proc/{pid}/exe").samefile(sys.executable) for pid in pids)
        finally:
            platform.stop()
    for pid in pids:
        print(f"{names[pid]:<12} {taken[pid]:6.1f} MB  {used[pid]:5.2f} %")
    total, percent = sum(taken.values()), sum(used.values())
    bare = stores + pythons * bare_python()
    print(
        f"memory: {total:.0f} MB, {total / bare:.1f} times a PostgreSQL, a NATS and {pythons} Pythons ({bare:.0f} MB)"
    )
    print(f"processor: {percent:.2f} % of a core")
    return 0 if total < _LIMIT_MB and percent < _LIMIT_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())

"""The media role's entry: one worker process."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from offhook import heap
from offhook.config import Settings, announce_ready
from offhook.media.protocol import control_socket

NICENESS = -11
"""What sound servers commonly run at: a tick cannot wait its turn behind work that can."""
KEPT_BYTES = 32 << 20
"""The most that mallopt(3) allows. A tick's arrays are a few megabytes, and the next tick needs them again."""
SINGLE_THREADED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""numpy's matrix products are small here, and a pool of threads for them would fight the tick for its core."""


def main(settings: Settings) -> None:
    """Run one of the node's workers until SIGTERM or SIGINT."""
    run(
        control_socket(settings.run_dir, settings.media_worker),
        f"{settings.run_dir}/streams-audio.sock",
        settings.sip_host,
        settings.rtp_ports,
        lambda: announce_ready(settings, {"role": "media"}),
    )


def run(
    control_path: str,
    audio_path: str,
    host: str,
    rtp_ports: tuple[int, int],
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Run a worker that voice steers at `control_path` and that sends audio to streams at `audio_path`."""
    for variable in SINGLE_THREADED:
        os.environ[variable] = "1"
    # numpy reads the environment when it is imported, which must not be before now.
    from offhook.media.engine import Engine, EngineSettings

    _raise_file_limit()
    heap.keep_freed(KEPT_BYTES)
    ask_for_priority()
    engine = Engine(EngineSettings(host, rtp_ports, control_path, audio_path))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: engine.stop())
    on_ready()
    engine.run()


def _raise_file_limit() -> None:
    """Two sockets a leg: use what the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def ask_for_priority() -> None:
    """Come before ordinary processes, where the system lets us.

    Linux may group processes by session (sched(7), "The autogroup feature"): niceness then counts within a session
    only. A role has one of its own, which then asks as well.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICENESS))

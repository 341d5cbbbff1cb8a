"""The media role's entry: one worker process."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.config import Settings, announce_ready

if TYPE_CHECKING:
    from offhook.media.engine import Engine

SINGLE_THREADED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""numpy's matrix products are small here, and a pool of threads for them would fight the tick for its core.
"""


def main(settings: Settings) -> None:
    """Run worker 0 until SIGTERM or SIGINT."""
    for variable in SINGLE_THREADED:
        os.environ[variable] = "1"
    _raise_file_limit()
    engine = _engine(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: engine.stop())
    announce_ready(settings, {"role": "media"})
    engine.run()


def _engine(settings: Settings) -> Engine:
    """The engine; imported here, since numpy reads the environment when it is imported."""
    from offhook.media.engine import Engine, EngineSettings

    run_dir = Path(settings.run_dir)
    return Engine(
        EngineSettings(
            host=settings.sip_host,
            rtp_ports=settings.rtp_ports,
            control_path=str(run_dir / "media-0.sock"),
            audio_path=str(run_dir / "streams-audio.sock"),
        )
    )


def _raise_file_limit() -> None:
    """Two sockets a leg: use what the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

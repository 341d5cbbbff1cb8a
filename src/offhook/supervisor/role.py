"""The entry of a role's process: find its module, tie it to the supervisor's life, run it until SIGTERM.

`PR_SET_PDEATHSIG` asks a role to end when the supervisor is gone; the lifeline (a pipe whose writing end
only the supervisor holds) makes sure that a role which cannot end any more does.
"""

import gc
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec

from offhook import log
from offhook.config import LIFELINE_VARIABLE, ConfigurationError, Settings, settings_from_environment

MODULES = {
    "prepare": "offhook.supervisor.prepare",
    "api": "offhook.api.server",
    "voice": "offhook.voice.node",
    "media": "offhook.media.worker",
    "streams": "offhook.streams.node",
    "messaging": "offhook.messaging.node",
    "sandbox": "offhook.sandbox.node",
}

EXIT_CONFIGURATION = 2
EXIT_NOT_BUILT = 69
"""EX_UNAVAILABLE: this installation does not contain the role."""

ORPHAN_SECONDS = 2.0
"""How long a role may take to end once the supervisor, and the stores with it, are gone."""

GC_THRESHOLDS = (10_000, 20, 20)
"""A request or a text makes hundreds of objects that reference counts free: a collector that runs at every seventh
hundred of them finds nothing."""


def run_role(name: str) -> int:
    """Run the role `name` and return the process's exit status."""
    module_name = MODULES.get(name)
    if module_name is None:
        return _refuse(f"there is no role {name!r}; roles are {', '.join(MODULES)}", EXIT_CONFIGURATION)
    try:
        settings = settings_from_environment()
    except ConfigurationError as error:
        return _refuse(str(error), EXIT_CONFIGURATION)
    log.configure(settings.log_level, settings.log_format)
    _watch_lifeline()
    if not _exists(module_name):
        return EXIT_NOT_BUILT
    main: Callable[[Settings], None] = importlib.import_module(module_name).main
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        main(settings)
    except KeyboardInterrupt:
        return 0
    except ConfigurationError as error:
        return _refuse(str(error), EXIT_CONFIGURATION)
    return 0


def _exists(module_name: str) -> bool:
    try:
        return find_spec(module_name) is not None
    except ModuleNotFoundError:
        return False


def _refuse(reason: str, status: int) -> int:
    print(reason, file=sys.stderr, flush=True)
    return status


def _watch_lifeline() -> None:
    """End this process `ORPHAN_SECONDS` after the supervisor's end of the lifeline has closed."""
    fd = os.environ.pop(LIFELINE_VARIABLE, None)
    if fd is None:
        return
    os.set_inheritable(int(fd), False)
    threading.Thread(target=_outlive, args=(int(fd),), name="lifeline", daemon=True).start()


def _outlive(fd: int) -> None:
    while os.read(fd, 1):
        pass
    time.sleep(ORPHAN_SECONDS)
    os._exit(1)

"""A worker comes before what can wait, although each role has a session of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from offhook.media.worker import NICENESS

_ASK = """
import os
from pathlib import Path
from offhook.media.worker import ask_for_priority
ask_for_priority()
print(os.getpriority(os.PRIO_PROCESS, 0), Path("/proc/self/autogroup").read_text())
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the kernel does not group by session")
def test_priority_holds_against_other_sessions() -> None:
    asked = subprocess.run(
        [sys.executable, "-c", _ASK], capture_output=True, text=True, check=True, start_new_session=True
    )
    niceness, group = asked.stdout.split(maxsplit=1)
    if int(niceness) != NICENESS:
        pytest.skip("this user may not ask for priority")
    assert group.strip().endswith(f"nice {NICENESS}")

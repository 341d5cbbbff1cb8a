"""The pytest plugin of Offhook: the platform for a test session, and its virtual phones.

    def test_greeting(offhook):
        phone = offhook.phone("+15551230000")
        voice = offhook.webhooks.answer("/voice", "<Response><Say>Press one.</Say><Gather/></Response>")
        offhook.client.calls.create(to=phone.number, from_=offhook.phone_numbers[0], url=voice)
        call = phone.wait_for_call("answered").wait_until_heard("press one")
        call.press("1#")

`offhook` starts the platform once per session on free ports with an empty data directory. Each test finds it as it
was at the start: no calls, texts, recordings, other numbers or settings of numbers, and phones that remember nothing.
The report of a test that fails has the timelines of its calls and texts. `offhook_platform` is the same platform
without being emptied. Outside pytest, `Platform.start()` starts one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from offhook.testing.phones import Call, Phone, Sandbox, SandboxError, Text
from offhook.testing.platform import Platform
from offhook.testing.webhooks import Answer, Webhook, Webhooks

__all__ = [
    "Answer",
    "Call",
    "Phone",
    "Platform",
    "Sandbox",
    "SandboxError",
    "Text",
    "Webhook",
    "Webhooks",
]

_BEHIND_SECONDS = 10.0
_REPORTED = 10
"""Calls and texts of a failed test that its report tells about, the newest of each."""


@pytest.fixture(scope="session")
def offhook_platform() -> Iterator[Platform]:
    """The platform of this test session. `OFFHOOK_TEST_LOG` names a file for what it logs."""
    directory = Path(tempfile.mkdtemp(prefix="offhook-test-"))
    log_path = os.environ.get("OFFHOOK_TEST_LOG")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        log = stack.enter_context(Path(log_path).open("ab")) if log_path else None
        platform = Platform.start(directory / "data", log=log)
        stack.callback(platform.stop)
        yield platform


@pytest.fixture
def offhook(offhook_platform: Platform) -> Platform:
    """The platform, as it was at the start of the session."""
    offhook_platform.reset()
    return offhook_platform


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add what happened on the platform to the report of a test that failed."""
    outcome = yield
    report = outcome.get_result()
    platform = getattr(item, "funcargs", {}).get("offhook")
    if report.when == "call" and report.failed and isinstance(platform, Platform):
        report.sections.extend(_timelines(platform))


def _timelines(platform: Platform) -> list[tuple[str, str]]:
    """The title and the lines of each call's and text's timeline, the oldest first."""
    from offhook.cli.timeline import lines_of

    try:
        sids = [item["sid"] for name in ("Calls", "Messages") for item in platform.newest(name, _REPORTED)]
        return [
            (f"offhook timeline {sid}", "\n".join(lines_of(_timeline(platform, sid)))) for sid in sorted(sids)
        ]
    except OSError as error:
        return [("offhook timeline", f"the platform cannot be asked: {error}")]


def _timeline(platform: Platform, sid: str) -> list[dict[str, Any]]:
    """A timeline, which is written a moment behind what happens."""
    deadline = time.monotonic() + _BEHIND_SECONDS
    while not (entries := platform.timeline(sid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return entries

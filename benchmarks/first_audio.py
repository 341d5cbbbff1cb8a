"""From the answer to the first audio of <Say>: a text never said before, and the same text again.

    python benchmarks/first_audio.py [--calls 20]

Calls a virtual phone with TwiML given inline. The time is read off each call's timeline: from the 200 of the phone
to the moment the first packet of the prompt has left. The ratio is that of a text that has to be spoken first to one
that is in the cache.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))

from offhook.testing import Platform  # noqa: E402

_PHONE = "+15551230000"
_UNCACHED_LIMIT_MS = 400.0
_CACHED_LIMIT_MS = 100.0


def first_audio(platform: Platform, text: str) -> float:
    """Milliseconds from answer to first audio in one call that says `text`."""
    phone = platform.phone(_PHONE)
    number = len(phone.calls()) + 1
    twiml = f"<Response><Say>{text}</Say></Response>"
    call = platform.client.calls.create(to=_PHONE, from_=platform.phone_numbers[0], twiml=twiml)
    phone.wait_for_call("ended", count=number)
    answered = started = None
    while started is None:
        for entry in platform.timeline(call.sid):
            at = datetime.fromisoformat(entry["at"])
            if (entry["kind"], entry["name"]) == ("status", "in-progress"):
                answered = at
            elif (entry["kind"], entry["name"]) == ("media", "playing"):
                started = at
    assert answered is not None
    return (started - answered).total_seconds() * 1000


def main() -> int:
    """Measure and print; 1 when a median is over its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as name:
        with (Path(name) / "log").open("wb") as log:
            platform = Platform.start(Path(name) / "data", log=log)
        try:
            platform.phone(_PHONE).behave(answer_after=0)
            first_audio(platform, "One call to warm up.")
            texts = [f"Your order number {n} has left our house this morning." for n in range(asked.calls)]
            spoken = sorted(first_audio(platform, text) for text in texts)
            cached = sorted(first_audio(platform, text) for text in texts)
        finally:
            platform.stop()
    for what, times in (("spoken first", spoken), ("in the cache", cached)):
        print(
            f"{what}: median {times[len(times) // 2]:.0f} ms, worst {times[-1]:.0f} ms of {len(times)} calls"
        )
    print(f"ratio of medians: {spoken[len(spoken) // 2] / cached[len(cached) // 2]:.1f}")
    good = spoken[len(spoken) // 2] < _UNCACHED_LIMIT_MS and cached[len(cached) // 2] < _CACHED_LIMIT_MS
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

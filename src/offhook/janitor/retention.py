"""What is not kept for ever: timelines, notifications, recordings and cached audio.

Each kind has an age and a size (`config.Retention`); what is older goes, and then the oldest until the size is
kept. A recording that goes is `deleted`, as by its account. Calls, texts and the ledger are the accounts' books
and stay.

`Retention.report` is the fact ``retention`` of the role's health.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

from offhook import metrics
from offhook.clock import utcnow
from offhook.config import Keep
from offhook.config import Retention as Limits
from offhook.janitor.files import KeptFile, audio_in, recordings_in, surplus
from offhook.store.database import DatabaseUnavailableError
from offhook.store.retention import BATCH, Retained
from offhook.store.store import Store

logger = logging.getLogger(__name__)

EVERY_SECONDS: Final = 600.0

_IN_USE_SECONDS: Final = 600.0
"""A cached file that was used so shortly ago may be playing."""

_MANY_FILES: Final = 500


KindReport: TypeAlias = Mapping[str, int | None]
"""What is kept of a kind.

`octets` there are, `most_octets` and `days` that are allowed (None for no limit), and how much was `removed` since the
role was started.
"""


class Retention:
    """Removes what is too old or too much, again and again until cancelled.

    Args:
        data_dir: holds ``recordings`` and ``cache``.
    """

    def __init__(self, store: Store, data_dir: Path, limits: Limits) -> None:
        self._store = store
        self._recordings = data_dir / "recordings"
        self._cache = data_dir / "cache"
        self._report: dict[str, KindReport] = {}
        self._removed: Counter[str] = Counter()
        self._kinds: tuple[tuple[str, Keep, Callable[[Keep], Awaitable[tuple[int, int]]]], ...] = (
            ("timelines", limits.timelines, lambda keep: self._rows(store.timeline.retained, keep)),
            (
                "notifications",
                limits.notifications,
                lambda keep: self._rows(store.notifications.retained, keep),
            ),
            ("recordings", limits.recordings, self._clear_recordings),
            ("cache", limits.cache, self._clear_cache),
        )
        metrics.registry.fact("retention", self.report)

    def report(self) -> Mapping[str, KindReport]:
        """How much there is of each kind since the last round; empty before it."""
        return self._report

    async def run(self) -> None:
        """Make a round every ten minutes until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY_SECONDS)

    async def round(self) -> None:
        """Remove what is too old or too much of each kind. A kind that fails is left for the next round."""
        for kind, keep, clear in self._kinds:
            try:
                removed, octets = await clear(keep)
            except DatabaseUnavailableError:
                logger.warning("old %s wait for PostgreSQL", kind)
                continue
            except Exception:
                logger.exception("old %s could not be removed", kind)
                continue
            self._removed[kind] += removed
            self._report[kind] = {
                "octets": octets,
                "most_octets": keep.octets,
                "days": keep.days,
                "removed": self._removed[kind],
            }
            if removed:
                logger.info("%d old %s removed; OFFHOOK_KEEP_%s says which", removed, kind, kind.upper())

    async def _rows(self, rows: Retained, keep: Keep) -> tuple[int, int]:
        removed = 0
        if keep.days is not None:
            before = utcnow() - timedelta(days=keep.days)
            while (batch := await rows.expire(before)) > 0:
                removed += batch
                if batch < BATCH:
                    break
        count, octets = await rows.measure()
        if keep.octets is not None:
            beyond = count - int(keep.octets / octets)
            while beyond > 0 and (batch := await rows.trim(beyond)) > 0:
                removed += batch
                beyond -= batch
                count -= batch
        return removed, int(count * octets)

    async def _clear_recordings(self, keep: Keep) -> tuple[int, int]:
        files = await asyncio.to_thread(recordings_in, self._recordings)
        chosen = surplus(files, keep, time.time())
        removed: list[KeptFile] = []
        for start in range(0, len(chosen), _MANY_FILES):
            batch = chosen[start : start + _MANY_FILES]
            live = await self._store.recordings.discard([file.path.stem for file in batch])
            going = [file for file in batch if file.path.stem not in live]
            await asyncio.to_thread(_unlink, going)
            removed += going
        return len(removed), _octets(files) - _octets(removed)

    async def _clear_cache(self, keep: Keep) -> tuple[int, int]:
        return await asyncio.to_thread(_clear_cache, self._cache, keep)


def _clear_cache(directory: Path, keep: Keep) -> tuple[int, int]:
    files = [file for part in ("prompts", "speech") for file in audio_in(directory / part)]
    files.sort(key=lambda file: file.at)
    chosen = surplus(files, keep, time.time(), youngest=_IN_USE_SECONDS)
    _unlink(chosen)
    _unlink([KeptFile(file.path.with_suffix(".note"), 0, file.at) for file in chosen])
    return len(chosen), _octets(files) - _octets(chosen)


def _unlink(files: list[KeptFile]) -> None:
    for file in files:
        file.path.unlink(missing_ok=True)


def _octets(files: list[KeptFile]) -> int:
    return sum(file.octets for file in files)

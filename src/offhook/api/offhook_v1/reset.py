"""Reset: an account as it was when the platform was started for the first time.

``POST /offhook/v1/reset`` with the credentials of the instance's own account answers 204 once that account has no
calls, texts, recordings, notifications and money any more, and only the numbers it began with, as new. For tests,
between which it takes some milliseconds. Without `OFFHOOK_RESETTABLE` it is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final

import falcon.asgi

from offhook.api.authentication import account_of_path, authenticate
from offhook.api.operations import not_found
from offhook.api.services import Services
from offhook.config import SEED_NUMBERS
from offhook.store.reset import count_under_way, reset_account

PATIENCE: Final = 3.0
"""Seconds that live calls and waiting texts get to end: whoever resets hangs up before."""
_PAUSE: Final = 0.01


class Reset:
    """The account's way back."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Wait until nothing is under way, then delete everything."""
        settings, database = self._services.settings, self._services.store.database
        if not settings.resettable:
            raise not_found(req.path)
        caller = await authenticate(self._services, req.get_header("Authorization"))
        account = await account_of_path(self._services, caller, settings.account_sid)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                # Which call is the last to end is known to the voice node alone, which tells nobody.
                while await database.run(  # noqa: ASYNC110
                    lambda connection: count_under_way(connection, account.sid)
                ):
                    await asyncio.sleep(_PAUSE)
        paths = await database.transact(
            lambda connection: reset_account(connection, account.sid, SEED_NUMBERS)
        )
        for number in SEED_NUMBERS:
            self._services.store.numbers.cached.drop(number)
        await asyncio.to_thread(_remove, Path(settings.data_dir), paths)
        resp.status = 204


def _remove(data_dir: Path, paths: list[str]) -> None:
    for path in paths:
        (data_dir / path).unlink(missing_ok=True)

"""The role that runs once before the others: brings the schema up to date and seeds the first account.

It is a process of its own so that the supervisor, which stays, does not carry the libraries this takes.
"""

import asyncio
from pathlib import Path

import asyncpg

from offhook.clock import new_sid
from offhook.config import SEED_NUMBERS, Settings, announce_ready
from offhook.store.database import DatabaseUnavailableError
from offhook.store.migrate import UnknownSchemaError, migrate
from offhook.store.records import SipCredentialRecord
from offhook.store.store import Store
from offhook.supervisor.datadir import read_secrets

_PATIENCE = 5.0
"""Seconds to wait for the database; the embedded one is up by now."""


def main(settings: Settings) -> None:
    """Prepare the database, say how it went, end."""
    try:
        asyncio.run(_prepare(settings))
    except (OSError, DatabaseUnavailableError) as error:
        announce_ready(settings, {"error": f"the database cannot be reached: {error}"})
    except UnknownSchemaError as error:
        announce_ready(settings, {"error": f"the database cannot be used: {error}"})
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        announce_ready(settings, {"error": f"the database cannot be prepared: {error}"})
    else:
        announce_ready(settings)


async def _prepare(settings: Settings) -> None:
    """Migrate, then seed what `offhook up` prints; what is there already stays as it is."""
    await migrate(settings.database_url, _PATIENCE)
    made = read_secrets(Path(settings.data_dir))
    store = await Store.open(settings.database_url, connections=1)
    try:
        await store.ensure_default(
            made.account_sid,
            made.auth_token,
            "My first account",
            [(new_sid("PN"), number) for number in SEED_NUMBERS],
            SipCredentialRecord(made.sip_username, made.sip_password, made.account_sid),
        )
    finally:
        await store.close()

"""Brings a database up to the newest revision.

Alembic needs a synchronous driver, which we do not carry; so it only writes the SQL from the revision
that the database has to the newest (its offline mode), and asyncpg runs that in one transaction. A
revision may therefore not ask the database anything in Python: what depends on data is written in SQL.
"""

from __future__ import annotations

import asyncio
import io
import logging
from pathlib import Path
from typing import Final

import asyncpg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from offhook.store.database import DatabaseUnavailableError, is_gone

logger = logging.getLogger(__name__)

_LOCK: Final = 0x0FF400C
"""The advisory lock under which one process at a time migrates."""

_MIGRATIONS: Final = Path(__file__).with_name("migrations")


class UnknownSchemaError(Exception):
    """The database has a schema that this version does not know: a newer version has used it."""


async def migrate(url: str, patience: float = 20.0) -> str:
    """Apply every revision that the database does not have, and return the newest one's name.

    Safe in several processes at once, and when nothing is to be done.

    Raises:
        DatabaseUnavailableError: PostgreSQL did not answer for `patience` seconds.
        UnknownSchemaError: a newer version has used the database.
        asyncpg.PostgresError: a revision failed; the database is as it was.
    """
    connection = await _connect(url, patience)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            return await _upgrade(connection)
    finally:
        await connection.close()


def upgrade_sql(current: str | None) -> tuple[str, str]:
    """The SQL that leads from a revision (None: an empty database) to the newest, and that one's name."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    if head is None:
        raise RuntimeError(f"there are no revisions in {_MIGRATIONS}")
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise UnknownSchemaError(
            f"its schema {current} is newer than this version of Offhook, which knows {head}"
        )
    sql = io.StringIO()

    def steps(revision: object, context: MigrationContext) -> list[RevisionStep]:
        return script._upgrade_revs(head, current or "base")

    with EnvironmentContext(config, script) as environment:
        environment.configure(
            dialect_name="postgresql",
            as_sql=True,
            output_buffer=sql,
            starting_rev=current,
            fn=steps,
            transactional_ddl=False,
        )
        environment.run_migrations()
    return sql.getvalue(), head


async def _upgrade(connection: asyncpg.Connection) -> str:
    current = None
    if await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        current = await connection.fetchval("SELECT version_num FROM alembic_version")
    sql, head = await asyncio.to_thread(upgrade_sql, current)
    if current != head:
        await connection.execute(sql)
        logger.info("the database is now at revision %s", head)
    return head


async def _connect(url: str, patience: float) -> asyncpg.Connection:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while True:
        try:
            return await asyncpg.connect(url, timeout=5)
        except Exception as error:
            if not is_gone(error):
                raise
            if loop.time() > deadline:
                raise DatabaseUnavailableError(f"PostgreSQL is away: {error}") from error
            await asyncio.sleep(0.1)

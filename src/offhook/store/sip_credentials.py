"""User names with which SIP phones register and call."""

from __future__ import annotations

from offhook.store.database import Database
from offhook.store.records import SipCredentialRecord
from offhook.store.sql import columns, load, values

_ALL = columns(SipCredentialRecord)


class SipCredentials:
    """The repository of SIP credentials."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, username: str) -> SipCredentialRecord | None:
        """The credential of a user name, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM sip_credentials WHERE username = $1", username
        )
        return None if row is None else load(SipCredentialRecord, row)

    async def put(self, credential: SipCredentialRecord) -> None:
        """Add a credential, or replace the one of its user name."""
        await self._database.execute(
            f"INSERT INTO sip_credentials ({_ALL}) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (username) DO UPDATE SET password = excluded.password, "
            "account_sid = excluded.account_sid, voice_url = excluded.voice_url, "
            "voice_method = excluded.voice_method",
            *values(credential),
        )

    async def delete(self, username: str) -> bool:
        """Remove a credential; False if there is none."""
        return bool(await self._database.execute("DELETE FROM sip_credentials WHERE username = $1", username))

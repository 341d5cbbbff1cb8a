"""All repositories on one pool: what a role opens when it starts."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.clock import utcnow
from offhook.store.accounts import Accounts
from offhook.store.applications import Applications
from offhook.store.cache import Invalidations
from offhook.store.calls import Calls
from offhook.store.conferences import Conferences
from offhook.store.database import Announce, Database
from offhook.store.erasure import Erasure
from offhook.store.leases import Leases
from offhook.store.ledger import Ledger
from offhook.store.messages import Messages
from offhook.store.notifications import Notifications
from offhook.store.numbers import Numbers
from offhook.store.outbox import Outbox
from offhook.store.queues import Queues
from offhook.store.recordings import Recordings
from offhook.store.records import AccountRecord, NumberRecord, SipCredentialRecord
from offhook.store.registrations import Registrations
from offhook.store.sip_credentials import SipCredentials
from offhook.store.timeline import Emit, Timeline, TimelineWriter


class Store:
    """The repositories, and the tasks that belong to them. Make one with `open`, end it with `close`.

    Attributes:
        timelines: writes timelines, from `open` to `close`: `store.timelines.add(entry)`.
    """

    def __init__(self, database: Database, invalidations: Invalidations, emit: Emit | None) -> None:
        self.database = database
        self.accounts = Accounts(database)
        self.numbers = Numbers(database)
        self.applications = Applications(database)
        self.calls = Calls(database)
        self.conferences = Conferences(database)
        self.queues = Queues(database)
        self.messages = Messages(database)
        self.recordings = Recordings(database)
        self.notifications = Notifications(database)
        self.timeline = Timeline(database)
        self.timelines = TimelineWriter(database, emit)
        self.outbox = Outbox(database)
        self.ledger = Ledger(database)
        self.leases = Leases(database)
        self.erasure = Erasure(database)
        self.registrations = Registrations(database)
        self.sip_credentials = SipCredentials(database)
        self._invalidations = invalidations
        invalidations.register(Accounts.KIND, self.accounts.cached)
        invalidations.register(Numbers.KIND, self.numbers.cached)
        invalidations.register(Applications.KIND, self.applications.cached)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        announce: Announce | None = None,
        emit: Emit | None = None,
        connections: int = 8,
    ) -> Store:
        """Connect, and start the tasks.

        Args:
            url: as `Database.connect` takes it.
            announce: `Bus.announce`; without it, work in the outbox waits for the sweeper.
            emit: `Bus.emit_entry`; without it, timelines are not heard live.
            connections: the most that are opened.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        database = await Database.connect(url, announce=announce, connections=connections)
        store = cls(database, Invalidations(url), emit)
        store._invalidations.start()
        store.timelines.start()
        return store

    async def close(self) -> None:
        """Write what waits to be written, and disconnect."""
        await self._invalidations.close()
        await self.timelines.close()
        await self.outbox.flush()
        await self.database.close()

    async def ensure_default(
        self,
        account_sid: str,
        auth_token: str,
        friendly_name: str,
        numbers: Sequence[tuple[str, str]],
        credential: SipCredentialRecord | None = None,
    ) -> None:
        """Seed the account that `offhook up` prints, its numbers `(PN sid, E.164)` and its SIP credential.

        The numbers are given to a new account only, so that a program's changes survive a restart; but the
        account's auth token and the credential become what is given, since that is what was printed.
        """
        now = utcnow()
        known = await self.accounts.fetch(account_sid)
        await self.accounts.create(AccountRecord(account_sid, auth_token, friendly_name, now, now))
        await self.accounts.update(account_sid, auth_token=auth_token)
        for sid, phone_number in () if known else numbers:
            if await self.numbers.find_by_number(phone_number) is None:
                await self.numbers.create(
                    NumberRecord(sid, account_sid, phone_number, phone_number, now, now)
                )
        if credential is not None:
            await self.sip_credentials.put(credential)

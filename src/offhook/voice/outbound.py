"""Calls that the API asked for: claimed from the queue, then placed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from offhook.calls import events
from offhook.calls.call import Call
from offhook.calls.effects import Changed
from offhook.calls.status import CallbackEvent, CallStatus, Direction
from offhook.media.client import MediaError
from offhook.store.records import CallRecord
from offhook.twiml.effects import DialSip
from offhook.twiml.entry import CallFacts
from offhook.voice.calls import Calls
from offhook.voice.journal import Journal
from offhook.voice.routing import UnroutableError
from offhook.voice.services import Services

logger = logging.getLogger(__name__)

_INTERNAL_FAILURE = 15000


class Outbound:
    """Turns rows of queued calls into live ones."""

    def __init__(self, services: Services, calls: Calls) -> None:
        self._services = services
        self._calls = calls

    async def claim(self, sids: Sequence[str]) -> None:
        """Take queued calls for this node and place them."""
        lease = self._services.tenure.lease
        claimed = await self._services.store.calls.claim_batch(sids, lease.node, lease.id)
        await asyncio.gather(*(self._place_or_fail(record) for record in claimed))

    async def _place_or_fail(self, record: CallRecord) -> None:
        """A claimed call has left the outbox: whatever happens, it is placed or it ends."""
        try:
            await self._place(record)
        except Exception:
            logger.exception("%s could not be placed", record.sid)
            await self._fail(record, _INTERNAL_FAILURE, "The call could not be placed.")

    async def _place(self, record: CallRecord) -> None:
        services = self._services
        account = await services.store.accounts.cached.get(record.account_sid)
        services.streams.expect_speech()
        try:
            if account is None or not account.is_active:
                raise UnroutableError(10001, "The account is not active.")
            destination = await services.routing.destination(
                record.to, record.from_, record.account_sid, sip=_sip_target(record)
            )
            leg = await services.legs.open(destination.flow)
        except UnroutableError as error:
            await self._fail(record, error.code, str(error))
            return
        except MediaError as error:
            logger.warning("%s cannot be placed: %s", record.sid, error)
            await self._fail(record, _INTERNAL_FAILURE, str(error))
            return
        session = self._calls.begin(_call(record), record, account, leg, destination)
        session.feed(events.Began())

    async def _fail(self, record: CallRecord, code: int, message: str) -> None:
        """A call that cannot be placed at all."""
        journal = Journal(self._services.store, record)
        journal.notify(code, message, "")
        journal.changed(Changed(CallStatus.FAILED, CallbackEvent.COMPLETED, duration=0))
        await journal.close()


def _sip_target(record: CallRecord) -> DialSip:
    """The address called, with the credentials for its challenge."""
    asked = record.asked
    return DialSip(record.to, username=asked.sip_auth_username, password=asked.sip_auth_password)


def _call(record: CallRecord) -> Call:
    asked = record.asked
    facts = CallFacts(record.from_, record.to, "outbound-api")
    return Call(
        record.sid,
        Direction.OUTBOUND_API,
        facts,
        asked.entry,
        ring_timeout=float(asked.timeout),
        time_limit=float(asked.time_limit),
        early=asked.early_media,
        conference=asked.conference,
    )

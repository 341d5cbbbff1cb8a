"""Calls that the API asked for: claimed from the queue, then placed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from offhook.calls import events
from offhook.calls.call import Call
from offhook.calls.effects import Changed
from offhook.calls.status import CallbackEvent, CallStatus, Direction
from offhook.media.client import MediaError
from offhook.store.records import CallRecord
from offhook.twiml.effects import DialSip
from offhook.twiml.entry import CallFacts, Entry, EntryPoint, InlineTwiml, method_of
from offhook.voice.documents import record_params
from offhook.voice.exchange import Exchange
from offhook.voice.journal import Journal
from offhook.voice.routing import UnroutableError

logger = logging.getLogger(__name__)

#: Twilio's defaults for a call the API makes (seconds).
_RING_TIMEOUT = 60.0
_TIME_LIMIT = 14400.0

_INTERNAL_FAILURE = 15000


class Outbound:
    """Turns rows of queued calls into live ones."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def claim(self, sids: Sequence[str]) -> None:
        """Take queued calls for this node and place them."""
        exchange = self._exchange
        lease = exchange.lease
        claimed = await exchange.store.calls.claim_batch(sids, lease.node, lease.id)
        await asyncio.gather(*(self._place_or_fail(record) for record in claimed))

    async def _place_or_fail(self, record: CallRecord) -> None:
        """A claimed call has left the outbox: whatever happens, it is placed or it ends."""
        try:
            await self._place(record)
        except Exception:
            logger.exception("%s could not be placed", record.sid)
            await self._fail(record, _INTERNAL_FAILURE, "The call could not be placed.")

    async def _place(self, record: CallRecord) -> None:
        exchange = self._exchange
        account = await exchange.store.accounts.cached.get(record.account_sid)
        try:
            if account is None or not account.is_active:
                raise UnroutableError(10001, "The account is not active.")
            caller = record.request.get("caller_id") or record.from_
            destination = await exchange.routing.destination(
                record.to, caller, record.account_sid, sip=_sip_target(record)
            )
            leg = await exchange.open_leg(destination.flow)
        except UnroutableError as error:
            await self._fail(record, error.code, str(error))
            return
        except MediaError as error:
            logger.warning("%s cannot be placed: %s", record.sid, error)
            await self._fail(record, _INTERNAL_FAILURE, str(error))
            return
        session = exchange.new_session(_call(record), record, account, leg, destination=destination)
        session.feed(events.Began())

    async def _fail(self, record: CallRecord, code: int, message: str) -> None:
        """A call that cannot be placed at all."""
        journal = Journal(self._exchange, record, lambda status: record_params(record, status))
        journal.notify(code, message, "")
        journal.changed(Changed(CallStatus.FAILED, CallbackEvent.COMPLETED, duration=0))
        await journal.close()


def _sip_target(record: CallRecord) -> DialSip:
    """The address called, with what it is told if it asks who calls."""
    asked = record.request
    return DialSip(
        record.to, username=asked.get("sip_auth_username"), password=asked.get("sip_auth_password")
    )


def _call(record: CallRecord) -> Call:
    asked = record.request
    facts = CallFacts(record.from_, record.to, "outbound-api")
    return Call(
        record.sid,
        Direction.OUTBOUND_API,
        facts,
        _entry(asked),
        ring_timeout=float(asked.get("timeout") or _RING_TIMEOUT),
        time_limit=float(asked.get("time_limit") or _TIME_LIMIT),
    )


def _entry(asked: Mapping[str, Any]) -> Entry:
    """The TwiML of a request: `Url` wins over `Twiml` (32019)."""
    if url := asked.get("url"):
        return EntryPoint(
            url,
            method_of(asked.get("method")),
            asked.get("fallback_url"),
            method_of(asked.get("fallback_method")),
        )
    return InlineTwiml(asked.get("twiml") or "<Response/>")

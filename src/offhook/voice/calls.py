"""Making calls live: those that come in, those that the API asked for, and those that ``<Dial>`` places."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from offhook.calls import effects, events
from offhook.calls.call import Call, Parent
from offhook.calls.request import CallRequest
from offhook.calls.status import CallbackEvent, CallStatus, Direction
from offhook.clock import new_sid, utcnow
from offhook.media.client import MediaError
from offhook.store.database import DatabaseUnavailableError
from offhook.store.records import AccountRecord, CallRecord
from offhook.twiml.effects import DialApplication, DialClient, DialNumber, DialSip, DialTarget
from offhook.twiml.entry import CallFacts, EntryPoint
from offhook.voice import journal
from offhook.voice.leg import Destination, Leg
from offhook.voice.routing import UnroutableError
from offhook.voice.services import Services
from offhook.voice.session import CallSession

_INACTIVE_ACCOUNT = 10001
_INVALID_CALLER_ID = 13247
_TOO_MANY_HOPS = 32006
_INTERNAL_FAILURE = 15000


class Calls:
    """Begins sessions, and holds on to what they leave to be done."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept: set[asyncio.Task[None]] = set()

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold on to a task that nothing else waits for."""
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def put_on_record(self, record: CallRecord, leg: Leg) -> None:
        """Insert the row of a call whose leg is open; the leg is closed if that fails."""
        try:
            await self._services.store.calls.insert(record)
        except BaseException:
            await leg.close()
            raise

    def begin(
        self,
        call: Call,
        record: CallRecord,
        account: AccountRecord,
        leg: Leg,
        destination: Destination | None = None,
    ) -> CallSession:
        """Make a call live; give it `Began` to start it."""
        session = CallSession(self._services, self, call, record, account, leg, destination)
        self._services.switchboard.add(session)
        return session

    async def dial(self, parent: CallSession, effect: effects.PlaceChild) -> None:
        """Call a target of the parent's dial; the parent gets the end as an event, however early it comes.

        A live call goes on when its account is suspended, as at Twilio: its documents are asked for until somebody
        hangs up, which the parent account can. It makes no new call.
        """
        services = self._services

        def fail(code: int, message: str) -> None:
            parent.placing.discard(effect.child)
            parent.notify(code, message, "")
            parent.feed(events.ChildEnded(effect.child, CallStatus.FAILED))

        if not await services.store.accounts.is_active(parent.account.sid):
            fail(_INACTIVE_ACCOUNT, "The account is not active.")
            return
        if effect.check_caller_id and not await services.owns(parent.account.sid, effect.caller_id):
            fail(_INVALID_CALLER_ID, "The caller id is not a number of this account.")
            return
        hops_left = parent.leg.hops_left - 1
        if hops_left < 1:
            fail(_TOO_MANY_HOPS, "Too many calls in a row dial each other.")
            return
        try:
            destination = await services.routing.destination(
                _dialled(effect.target), effect.caller_id, parent.account.sid, sip=effect.target
            )
            leg = await services.legs.open(destination.flow, parent.leg.media)
        except UnroutableError as error:
            fail(error.code, str(error))
            return
        except MediaError as error:
            fail(_INTERNAL_FAILURE, str(error))
            return
        record = self._record(parent, effect)
        try:
            await self.put_on_record(record, leg)
        except DatabaseUnavailableError as error:
            fail(_INTERNAL_FAILURE, str(error))
            return
        if effect.child not in parent.placing or parent.call.is_over:
            await leg.close()
            await journal.abandon(services.store, record)
            return
        parent.placing.discard(effect.child)
        call = _call(effect, record, parent.call.sid)
        child = self.begin(call, record, parent.account, leg, replace(destination, max_forwards=hops_left))
        parent.feed(events.ChildPlaced(effect.child, record.sid, record.to))
        child.feed(events.Began())

    def _record(self, parent: CallSession, effect: effects.PlaceChild) -> CallRecord:
        lease = self._services.tenure.lease
        now = utcnow()
        return CallRecord(
            sid=new_sid("CA"),
            account_sid=parent.account.sid,
            to=_dialled(effect.target),
            from_=effect.caller_id,
            status=CallStatus.QUEUED,
            direction=Direction.OUTBOUND_DIAL,
            date_created=now,
            date_updated=now,
            parent_call_sid=parent.call.sid,
            node=lease.node,
            lease=lease.id,
            request=_request(effect.target).stored(),
        )


def _dialled(target: DialTarget) -> str:
    match target:
        case DialNumber():
            return target.number
        case DialSip():
            return target.uri
        case DialClient():
            return f"client:{target.identity}"
        case DialApplication():
            return f"app:{target.sid}"


def _request(target: DialTarget) -> CallRequest:
    """What a noun asks of the call that it dials."""
    callback = target.callback
    digits = target.send_digits if isinstance(target, DialNumber) else None
    if callback is None:
        return CallRequest(send_digits=digits)
    return CallRequest(
        send_digits=digits,
        status_callback=callback.url,
        status_callback_method=callback.method,
        status_callback_event=tuple(CallbackEvent(name) for name in callback.events),
    )


def _call(effect: effects.PlaceChild, record: CallRecord, parent: str) -> Call:
    """A dialled call runs the whisper document of its noun, if it has one, before it joins."""
    target = effect.target
    entry = EntryPoint(target.url, target.method) if target.url else None
    # The dial ends a child that rings too long; the child's own limit only has to be longer.
    return Call(
        record.sid,
        Direction.OUTBOUND_DIAL,
        CallFacts(record.from_, record.to, "outbound-dial"),
        entry,
        ring_timeout=effect.timeout + 30,
        parent=Parent(parent, effect.child),
    )

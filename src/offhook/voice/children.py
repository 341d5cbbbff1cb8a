"""The calls that ``<Dial>`` places: calls in their own right, which tell the one that dialled them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.calls import effects, events
from offhook.calls.call import Call
from offhook.calls.status import CallStatus, Direction
from offhook.clock import new_sid, utcnow
from offhook.media.client import MediaError
from offhook.store.records import CallRecord
from offhook.twiml.effects import DialNumber, DialTarget
from offhook.twiml.entry import CallFacts, EntryPoint
from offhook.voice import journal
from offhook.voice.routing import UnroutableError

if TYPE_CHECKING:
    from offhook.voice.session import CallSession

_INVALID_CALLER_ID = 13247
_INTERNAL_FAILURE = 15000


async def place_child(parent: CallSession, effect: effects.PlaceChild) -> None:
    """Call a target of the parent's dial; the parent is told of the end, however early it comes."""
    exchange = parent.exchange
    sid = new_sid("CA")

    def fail(code: int, message: str) -> None:
        parent.placing.discard(effect.child)
        parent.notify(code, message, "")
        parent.feed(events.ChildEnded(effect.child, "", CallStatus.FAILED))

    if effect.check_caller_id and not await exchange.owns(parent.account.sid, effect.caller_id):
        fail(_INVALID_CALLER_ID, "The caller id is not a number of this account.")
        return
    try:
        destination = await exchange.routing.destination(
            _dialled(effect.target), effect.caller_id, parent.account.sid, sip=effect.target
        )
        leg = await exchange.open_leg(destination.flow)
    except UnroutableError as error:
        fail(error.code, str(error))
        return
    except MediaError as error:
        fail(_INTERNAL_FAILURE, str(error))
        return
    record = _record(parent, effect, sid)
    await exchange.put_on_record(record, leg)
    if effect.child not in parent.placing or parent.call.is_over:
        await leg.close()
        await journal.abandon(exchange, record)
        return
    parent.placing.discard(effect.child)
    call = _call(effect, record)
    child = exchange.new_session(
        call, record, parent.account, leg, destination=destination, parent=(parent, effect.child)
    )
    parent.children[effect.child] = child
    parent.feed(events.ChildPlaced(effect.child, sid))
    child.feed(events.Began())


def _dialled(target: DialTarget) -> str:
    return target.number if isinstance(target, DialNumber) else target.uri


def _record(parent: CallSession, effect: effects.PlaceChild, sid: str) -> CallRecord:
    target = effect.target
    request: dict[str, object] = {}
    if target.callback is not None:
        request = {
            "status_callback": target.callback.url,
            "status_callback_method": target.callback.method,
            "status_callback_event": list(target.callback.events),
        }
    if isinstance(target, DialNumber) and target.send_digits:
        request["send_digits"] = target.send_digits
    now = utcnow()
    return CallRecord(
        sid=sid,
        account_sid=parent.account.sid,
        to=_dialled(target),
        from_=effect.caller_id,
        status=CallStatus.QUEUED,
        direction=Direction.OUTBOUND_DIAL,
        date_created=now,
        date_updated=now,
        parent_call_sid=parent.call.sid,
        node=parent.exchange.lease.node,
        lease=parent.exchange.lease.id,
        request=request,
    )


def _call(effect: effects.PlaceChild, record: CallRecord) -> Call:
    """A dialled call runs the whisper document of its noun, if it has one, before it is bridged."""
    target = effect.target
    entry = EntryPoint(target.url, target.method) if target.url else None
    facts = CallFacts(record.from_, record.to, "outbound-dial", whisper=entry is not None)
    # The dial ends a child that rings too long; the child's own limit only has to be longer.
    return Call(record.sid, Direction.OUTBOUND_DIAL, facts, entry, ring_timeout=effect.timeout + 30)

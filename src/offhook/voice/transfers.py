"""Transfers by REFER: the application that is asked where a call goes on, and calls that change partners.

What a transfer means to a call is in `offhook.calls.transfer`.
"""

from __future__ import annotations

from offhook.calls import effects, events, transfer
from offhook.calls.call import Call
from offhook.calls.place import In
from offhook.calls.rooms.bridge import Bridge
from offhook.twiml import effects as twiml
from offhook.twiml.entry import Retrieved
from offhook.twiml.events import Fetched, FetchFailed
from offhook.voice.services import Services


def request(effect: effects.FetchTransfer) -> twiml.Fetch:
    """The request for a document that no frame of the call waits for."""
    return twiml.Fetch(0, effect.url, effect.method, effect.params)


def retrieved(request: twiml.Fetch, told: Fetched | FetchFailed) -> events.TransferFetched:
    """What has come of it."""
    if isinstance(told, FetchFailed):
        return events.TransferFetched(
            Retrieved(request.url, request.method, code=told.code, detail=told.detail)
        )
    entry = Retrieved(told.url, request.method, told.status, told.content_type, told.body)
    return events.TransferFetched(entry)


def connect(services: Services, account: str, call_sid: str, replaces: str) -> None:
    """Connect whom these two calls are with, or refuse the REFER of the first."""
    one, two = services.switchboard.find(call_sid), services.switchboard.find(replaces)
    if one is None:
        return
    planned = None
    if two is not None and two.account_sid == account:
        first, second = _partner(services, account, one.call), _partner(services, account, two.call)
        planned = transfer.plan(one.call, first, two.call, second)
    for sid, event in planned or ((call_sid, events.ReferDecided(transfer.DECLINED)),):
        services.switchboard.tell(sid, event)
    services.transports.flush()


def _partner(services: Services, account: str, call: Call) -> Call | None:
    """Whom a call talks to in a bridge; in a conference that is nobody in particular."""
    if not isinstance(call.place, In):
        return None
    room = services.rooms.find(account, call.place.room)
    if not isinstance(room, Bridge):
        return None
    others = [member.call_sid for member in room.members if member.call_sid != call.sid]
    live = services.switchboard.find(others[0]) if len(others) == 1 else None
    return live.call if live is not None and not live.call.is_over else None

"""A far end that transfers whoever it talks to, by REFER.

A part of `offhook.calls.call`, as `offhook.calls.meeting` is. Three calls, or four, take part:

* Blind: the call that is with the one that transfers goes on with what its application answers at ``referUrl``. It is
  asked while the two still talk; then the one that transfers is told of success, and ends. If the application has no
  answer, the two stay together with ``answerOnBridge``, and else both end, as at Twilio. (There they stay together
  with ``answerOnBridge`` until the new party answers; here until there is TwiML.)
* Attended: the REFER names another call of the same far end. Whoever the one is with and whoever the other is with
  are connected, and the far end's two calls end. Of two bridges that of a call that dials stays; a participant of a
  conference passes its place on. `plan` says who is told what, in which order.

A call that goes on meets the others by the same rooms and events as any.
"""

from __future__ import annotations

from msgspec.structs import replace

from offhook.calls import effects, events
from offhook.calls.dial import Child
from offhook.calls.effects import Wanted
from offhook.calls.events import Partner
from offhook.calls.meeting import Met, depart
from offhook.calls.place import ALONE, Conferring, Dialled, In, Queued, Taking
from offhook.calls.state import Call, Parent, Transfer
from offhook.calls.status import CallStatus
from offhook.twiml import effects as twiml
from offhook.twiml.document import DocumentError, parse
from offhook.twiml.entry import Retrieved
from offhook.twiml.events import DialDone

NO_REFER_URL = 13802
UNEXPECTED_RESPONSE = 11200
ACCEPTED, DECLINED, PENDING, FAILED, SUCCEEDED = 202, 603, 491, 503, 200

Plan = tuple[tuple[str, events.CallEvent], ...]
"""Calls by SID, and what each is told, in order."""


# Blind


def referred(call: Call, event: events.LegReferred) -> Met:
    """The far end of this call transfers whoever it is with."""
    noted = effects.Note("transfers", (("to", event.target),))
    if event.replaces is not None:
        return call, (noted, effects.ConnectPartners(event.replaces)), ()
    match call.place:
        case In(room, Dialled(request, Child(call_sid=str(other)), joined=True)):
            asked = _asks(request.on_refer, call.sid, other, event.target, room)
            return replace(call, transfers=True), (noted, *asked), ()
        case In(_, None) if call.parent is not None:
            told = events.ChildReferred(call.parent.child, call.sid, event.target)
            return replace(call, transfers=True), (noted, effects.Tell(call.parent.call_sid, told)), ()
    return call, (noted, effects.AnswerRefer(DECLINED), _declined("it is not in a call that dials")), ()


def child_referred(call: Call, event: events.ChildReferred) -> Met:
    """The call that this one dialled transfers it."""
    match call.place:
        case In(room, Dialled(request, Child(number=event.child), joined=True)) if not call.is_over:
            return call, _asks(request.on_refer, event.call_sid, call.sid, event.target, room), ()
    return call, (effects.Tell(event.call_sid, events.ReferDecided(DECLINED)),), ()


def _asks(on_refer: twiml.OnRefer | None, by: str, other: str, target: str, room: str) -> tuple[Wanted, ...]:
    if on_refer is not None:
        return (effects.Tell(other, events.TransferAsked(by, on_refer, target, room)),)
    notified = twiml.Notify(NO_REFER_URL, "A REFER came, and <Dial> has no referUrl.", "")
    return notified, effects.Tell(by, events.ReferDecided(DECLINED))


def asked(call: Call, event: events.TransferAsked) -> Met:
    """This call is to be transferred: ask its application where it goes on."""
    if call.is_over or call.transfer is not None:
        return call, (effects.Tell(event.by, events.ReferDecided(PENDING)),), ()
    if not (isinstance(call.place, In) and call.place.room == event.room):
        return call, (effects.Tell(event.by, events.ReferDecided(DECLINED)),), ()
    call = replace(call, transfer=Transfer(event.by, event.on_refer.keeps))
    params = (("ReferTransferTarget", event.target),)
    done = (
        effects.Note("is transferred", (("by", event.by), ("to", event.target))),
        effects.Tell(event.by, events.ReferDecided(ACCEPTED)),
        effects.FetchTransfer(event.on_refer.url, event.on_refer.method, params),
    )
    return call, done, ()


def stays(transfer: Transfer, event: events.TransferFetched) -> tuple[Wanted, ...] | None:
    """What is to be done if the call stays where it is for want of an answer; None if it goes on with what came."""
    failure = _failure(event.entry)
    if failure is None or not transfer.keeps or transfer.left:
        return None
    told = effects.Tell(transfer.by, events.ReferCameTo(FAILED))
    return told, twiml.Notify(*failure, event.entry.url)


def given_up(call: Call) -> Met:
    """The call that is transferred ends, or goes elsewhere: who transfers it is told that nothing comes of that."""
    if call.transfer is None:
        return call, (), ()
    return replace(call, transfer=None), (effects.Tell(call.transfer.by, events.ReferCameTo(FAILED)),), ()


def goes(transfer: Transfer, event: events.TransferFetched) -> tuple[Wanted, ...]:
    """What the one that transfers is told when the call goes on without it."""
    came_to = events.ReferCameTo(SUCCEEDED if _failure(event.entry) is None else FAILED)
    return effects.Tell(transfer.by, came_to), effects.Tell(transfer.by, events.HandedOver(blind=True))


def _failure(entry: Retrieved) -> tuple[int, str] | None:
    """Why there is no TwiML in an answer: the code and the words of a notification."""
    if entry.code is not None:
        return entry.code, entry.detail or "The document could not be fetched"
    if not 200 <= entry.status <= 299:
        return UNEXPECTED_RESPONSE, f"The HTTP status is {entry.status}"
    try:
        parse(entry.body, entry.content_type, entry.url)
    except DocumentError as error:
        return error.code, error.message
    return None


def decided(call: Call, event: events.ReferDecided) -> Met:
    """The REFER of the far end is answered."""
    done: tuple[Wanted, ...] = (effects.AnswerRefer(event.response),)
    if event.response >= 300:
        done += (_declined("there is nobody to be transferred, or nobody who says to where"),)
    return call, done, ()


def came_to(call: Call, event: events.ReferCameTo) -> Met:
    """The far end is told what its transfer has come to."""
    noted = effects.Note("transfer ended", (("response", str(event.response)),))
    return call, (noted, effects.NotifyReferrer(event.response)), ()


def _declined(why: str) -> effects.Note:
    return effects.Note("transfer refused", (("why", why),))


# Attended


def plan(one: Call, first: Call | None, two: Call, second: Call | None) -> Plan | None:
    """How `one`, which is with `first`, passes it on to `second`, which is with `two`; None if it cannot.

    In a conference a call is with nobody in particular.
    """
    if one.is_over or two.is_over or one.sid == two.sid:
        return None
    if any(_is_between(call) for call in (one, first, two, second) if call is not None):
        return None
    moves = _moves(one, first, two, second)
    if moves is None:
        return None
    accepted = (one.sid, events.ReferDecided(ACCEPTED)), (one.sid, events.ReferCameTo(SUCCEEDED))
    return (*accepted, *moves)


def _moves(one: Call, first: Call | None, two: Call, second: Call | None) -> Plan | None:
    if first is not None and second is not None and first.sid not in (second.sid, two.sid):
        if not _dials(first) and _dials(second):
            return _bridged(two, second, one, first)
        return _bridged(one, first, two, second)
    if first is not None and second is None:
        return _seated(two, one, first)
    if second is not None and first is None:
        return _seated(one, two, second)
    return None


def _is_between(call: Call) -> bool:
    """Whether the call is about to meet somebody, or has just parted: where it will be is on its way to it."""
    match call.place:
        case In(_, Dialled(joined=False) | Queued(joined=False) | Taking(joined=False) | Taking(left=True)):
            return True
    return False


def _dials(call: Call) -> bool:
    """Whether a verb of its own has brought this call where it is."""
    return isinstance(call.place, In) and call.place.because is not None


def _bridged(leaving: Call, staying: Call, other: Call, moving: Call) -> Plan | None:
    """`moving` comes to where `staying` is. Each is told before whom it was with ends."""
    if not isinstance(staying.place, In):
        return None
    return (
        (staying.sid, events.Rejoined(_partner(moving))),
        (leaving.sid, events.HandedOver()),
        (moving.sid, events.Moved(staying.place.room, _partner(staying))),
        (other.sid, events.HandedOver()),
    )


def _seated(leaving: Call, other: Call, moving: Call) -> Plan | None:
    """`moving` takes the place of `leaving` in its conference."""
    match leaving.place:
        case In(room, Conferring(request)):
            return (
                (leaving.sid, events.HandedOver()),
                (moving.sid, events.Seated(room, replace(request, leg=None))),
                (other.sid, events.HandedOver()),
            )
    return None


def _partner(call: Call) -> Partner:
    """What the other is told of a call. One that dials will know the other by its next child's number."""
    return Partner(call.sid, call.sip_call_id, call.next_child if _is_dialling(call) else None)


def _is_dialling(call: Call) -> bool:
    return isinstance(call.place, In) and isinstance(call.place.because, Dialled)


def rejoined(call: Call, event: events.Rejoined) -> Met:
    """The call stays where it is, and is with another one."""
    if not isinstance(call.place, In):
        return call, (), ()
    return _with(call, event.partner, call.place.room), (_note(event.partner),), ()


def moved(call: Call, event: events.Moved) -> Met:
    """The call leaves its bridge for another one."""
    if not isinstance(call.place, In):
        return call, (), ()
    because = call.place.because
    hears_star = isinstance(because, Dialled | Taking) and because.request.hangup_on_star
    done = (
        _note(event.partner),
        effects.Leave(call.place.room, redirected=True),
        effects.Enter(event.room, hears_star=hears_star),
    )
    return _with(call, event.partner, event.room), done, ()


def seated(call: Call, event: events.Seated) -> Met:
    """The call leaves its bridge for a conference."""
    if not isinstance(call.place, In):
        return call, (), ()
    old, because = call.place.room, call.place.because
    request = event.request
    if isinstance(because, Dialled | Taking):
        request = replace(request, dial=because.request.dial)
        call = replace(call, place=In(event.room, Conferring(request)))
    else:
        call = replace(call, place=In(event.room), parent=None)
    noted = effects.Note("transferred", (("conference", request.name),))
    entered = effects.EnterConference(event.room, request)
    return call, (noted, effects.Leave(old, redirected=True), entered), ()


def _with(call: Call, partner: Partner, room: str) -> Call:
    """The call with its new partner, in this room."""
    because = call.place.because if isinstance(call.place, In) else None
    match because:
        case Dialled():
            child = Child(
                call.next_child,
                status=CallStatus.IN_PROGRESS,
                call_sid=partner.call_sid,
                sip_call_id=partner.sip_call_id,
                sip_response=SUCCEEDED,
            )
            call = replace(call, next_child=call.next_child + 1)
            return replace(call, place=In(room, replace(because, child=child)))
        case Queued():
            return replace(call, place=In(room, replace(because, taker=partner.call_sid, bridge=room)))
        case Taking():
            return replace(call, place=In(room, replace(because, member=partner.call_sid, bridge=room)))
    parent = Parent(partner.call_sid, partner.child) if partner.child is not None else None
    return replace(call, place=In(room, because), parent=parent)


def _note(partner: Partner) -> effects.Note:
    return effects.Note("transferred", (("sid", partner.call_sid),))


def handed_over(call: Call) -> Met:
    """Leave without an end for whoever is there; its verb, if there is one, has come to its end."""
    match call.place:
        case In(room, Conferring() as conferring):
            return depart(call, room, conferring)
        case In(room, because):
            done: tuple[Wanted, ...] = (effects.Enter(room, end_on_exit=False), effects.Leave(room))
            told = (_done(because),) if isinstance(because, Dialled | Taking) else ()
            return replace(call, place=ALONE), done, told
    return call, (), ()


def _done(because: Dialled | Taking) -> DialDone:
    """What its verb has come to. How long the other will be up nobody knows yet."""
    if isinstance(because, Dialled):
        return because.done(0, redirected=True, recorded=None)
    return because.done("completed")

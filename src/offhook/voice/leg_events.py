"""What happens on a call's SIP and media legs, as events of the call.

Offer and answer (RFC 3264) are seen to on the way: a description that cannot be used is refused, and the call
gets the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from offhook.calls import events
from offhook.clock import monotonic
from offhook.media import protocol
from offhook.sdp.negotiate import NotAcceptable
from offhook.sip import dtmf_relay
from offhook.sip import events as sip
from offhook.store.records import TimelineKind
from offhook.twiml import effects as twiml
from offhook.twiml.events import DigitPressed
from offhook.voice import notes
from offhook.voice.leg import Leg

Note = Callable[[TimelineKind, str, Mapping[str, Any]], None]
Heard = events.CallEvent | DigitPressed | twiml.Notify

_NO_ACK = 32022


def on_sip(leg: Leg, event: sip.LegEvent, note: Note) -> tuple[Heard, ...]:
    """What an event of its SIP leg means to the call."""
    match event:
        case sip.Trying():
            return (events.LegTrying(),)
        case sip.Provisional():
            early = event.sdp is not None and _agree(lambda: leg.answered(event.sdp), note) is None
            return (events.LegRinging(early),)
        case sip.Answered():
            if (reason := _agree(lambda: leg.answered(event.sdp), note)) is None:
                return (events.LegAnswered(notes.extension_headers(event.response)),)
            leg.hang_up()
            return (events.NotNegotiated(reason),)
        case sip.Rerouted():
            note(TimelineKind.SIP, "next trunk", notes.unreached(event))
        case sip.Failed():
            if event.detail:
                note(TimelineKind.SIP, "unreached", notes.unreached(event))
            source = events.FailureSource(event.source)
            return (events.LegFailed(event.status, event.detail or event.reason, source),)
        case sip.Cancelled() | sip.Ended():
            return (events.LegEnded(),)
        case sip.AckTimeout():
            return twiml.Notify(_NO_ACK, "No ACK came for the answer.", ""), events.LegEnded()
        case sip.Confirmed():
            reason = _agree(lambda: leg.confirmed(event.sdp), note)
            return (events.NotNegotiated(reason),) if reason is not None else ()
        case sip.ReinviteConfirmed():
            _agree(lambda: leg.answered(event.sdp), note)
        case sip.Reinvite():
            if _agree(lambda: leg.reinvited(event.sdp), note) is not None:
                leg.refuse(488, "Not Acceptable Here")
        case sip.ReferAnswered():
            return (events.LegReferAnswered(event.status),)
        case sip.Notified():
            return (events.LegNotified(event.status, event.over),)
        case sip.Info() if (pressed := dtmf_relay.parse(event.content_type, event.body)) is not None:
            key, milliseconds = pressed
            told = _pressed(leg, key, "info", note, held=milliseconds / 1000)
            return (told,) if told is not None else ()
    return ()


def _pressed(leg: Leg, digit: str, means: str, note: Note, *, held: float = 0.0) -> DigitPressed | None:
    """A key, unless another means has told of the same press."""
    note(TimelineKind.MEDIA, "digit", {"source": means})
    return DigitPressed(digit) if leg.keys.is_new(digit, means, monotonic(), held=held) else None


def _agree(step: Callable[[], None], note: Note) -> str | None:
    """Run a step of offer/answer; why the peer's description cannot be used, None if it can."""
    try:
        step()
    except NotAcceptable as error:
        note(TimelineKind.SDP, "not acceptable", {"reason": str(error)})
        return str(error)
    return None


def on_media(leg: Leg, event: protocol.LegEvent, note: Note) -> events.CallEvent | DigitPressed | None:
    """What an event of its media leg means to the call; the end of a play is the business of its prompts."""
    match event:
        case protocol.Digit():
            return _pressed(leg, event.digit, event.source, note)
        case protocol.FirstPacket():
            note(TimelineKind.RTP, "first packet", {"from": f"{event.host}:{event.port}"})
        case protocol.SourceChanged():
            note(TimelineKind.RTP, "source changed", {"to": f"{event.host}:{event.port}"})
        case protocol.RemoteRefused():
            note(TimelineKind.SDP, "not acceptable", {"reason": event.reason})
            return events.NotNegotiated(event.reason)
        case protocol.RtpTimeout():
            note(TimelineKind.RTP, "timeout", {"silent_seconds": event.silent_seconds})
            return events.MediaLost("No audio has come from the far end.", silent=True)
    return None

"""Virtual phones as a SIP peer: one user agent that is every number the platform does not own."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import numpy as np

from offhook.clock import monotonic, utcnow
from offhook.config import Settings
from offhook.numbers import as_e164
from offhook.sandbox.audio import PhoneAudio, Ticker
from offhook.sandbox.behaviour import Behaviour, CallScript, OnCall, PlaceCall, Say
from offhook.sandbox.phone_call import PhoneCall, State
from offhook.sdp import negotiate
from offhook.signalling.routes import reachable
from offhook.signalling.transports import SipTransports
from offhook.sip import events as sip
from offhook.sip.flow import Address
from offhook.sip.headers import NameAddr
from offhook.sip.message import Response
from offhook.sip.uri import Uri
from offhook.streams.client import StreamsClient, StreamsError

logger = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_CALL_SID = "X-Twilio-CallSid"
"""The header that names a call of Twilio's in SIP."""
_REHEARSAL_SECONDS = 5.0
_REMEMBERED = 2000
"""Calls and phones that are remembered; the oldest are forgotten."""


class Phones:
    """All phones and their calls."""

    def __init__(self, settings: Settings, transports: SipTransports, streams: StreamsClient) -> None:
        self._platform = Address(reachable(settings.sip_host), settings.sip_port)
        self._transports = transports
        self._endpoint = transports.endpoint
        self._streams = streams
        self._ticker = Ticker()
        self._behaviours: OrderedDict[str, Behaviour] = OrderedDict()
        self._calls: OrderedDict[str, PhoneCall] = OrderedDict()
        self._by_leg: dict[int, PhoneCall] = {}
        self._offers: dict[int, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()

    # What the HTTP API asks

    def behaviour(self, number: str) -> Behaviour:
        """How a phone behaves."""
        return self._behaviours.get(number) or Behaviour()

    def set_behaviour(self, number: str, behaviour: Behaviour | None) -> None:
        """Change how a phone behaves from now on; None makes it ordinary again."""
        self._behaviours.pop(number, None)
        if behaviour is not None:
            self._behaviours[number] = behaviour
            _forget(self._behaviours)

    def call(self, call_id: str) -> PhoneCall | None:
        """A call by its id."""
        return self._calls.get(call_id)

    def calls_of(self, number: str) -> list[PhoneCall]:
        """A phone's calls, oldest first."""
        return [call for call in self._calls.values() if call.number == number]

    async def wait(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until `ready()`, which is asked again whenever a call comes or changes."""
        try:
            async with asyncio.timeout(seconds):
                while not ready():
                    await self._arrived.wait()
        except TimeoutError:
            return False
        return True

    def reset(self) -> None:
        """Hang up everything and forget everything."""
        for call in list(self._by_leg.values()):
            self.hang_up(call)
        self._behaviours.clear()
        self._calls.clear()

    async def place(self, number: str, wanted: PlaceCall) -> PhoneCall:
        """Have a phone call the platform. Raises OSError when there is no port for its audio."""
        audio = await PhoneAudio.open(self._ticker, _HOST, self._notify)
        call = self._new_call(number, wanted.to, "outbound", wanted)
        call.audio = audio
        offer = negotiate.offer(_HOST, audio.port, session_id=1, codecs=(negotiate.PCMU,))
        host, port = self._platform
        uri = Uri(user=as_e164(wanted.to), host=host, port=port)
        caller = Uri(user=number, host=_HOST)
        call.leg = self._endpoint.invite(
            monotonic(),
            request_uri=str(uri),
            from_=NameAddr(caller),
            to=NameAddr(uri),
            destination=self._transports.flow("UDP", self._platform),
            body=offer,
        )
        self._offers[call.leg] = offer
        self._by_leg[call.leg] = call
        call.sip_call_id = self._endpoint.call_id(call.leg)
        self._transports.flush()
        return call

    def say(self, call: PhoneCall, wanted: Say) -> None:
        """Have a phone speak into a call that is up, after what it says already."""
        self._start(self._say(call, wanted))

    def hang_up(self, call: PhoneCall) -> None:
        """Have a phone hang up, or give up calling."""
        if call.state is State.ENDED:
            return
        now = monotonic()
        if call.direction == "inbound" and call.state is State.RINGING:
            self._endpoint.reject(call.leg, 603, now)
        else:
            self._endpoint.bye(call.leg, now)
        self._transports.flush()
        self._end(call, "hung up")

    # What SIP reports

    def on_sip(self, happened: list[sip.Event]) -> None:
        """Events of the endpoint, in order."""
        for event in happened:
            if isinstance(event, sip.IncomingInvite):
                self._start(self._receive(event))
            elif not isinstance(event, sip.SipMessageLog | sip.RegisterRequest | sip.Refused):
                call = self._by_leg.get(event.leg)
                if call is not None:
                    self._on_leg(call, event)

    def _on_leg(self, call: PhoneCall, event: sip.Event) -> None:
        match event:
            case sip.Provisional():
                self._name(call, event.response)
            case sip.Answered():
                self._name(call, event.response)
                self._connect(call, negotiate.read_answer(self._offers[event.leg], event.sdp or b""))
            case sip.Failed():
                if event.response is not None:
                    self._name(call, event.response)
                self._end(call, f"{event.status} {event.reason}")
            case sip.Cancelled():
                self._end(call, "canceled")
            case sip.Ended() | sip.AckTimeout():
                self._end(call, "the platform hung up")
            case sip.Reinvite() if event.sdp is not None and call.audio is not None:
                agreed = negotiate.answer(
                    event.sdp, _HOST, call.audio.port, session_id=1, version=2, codecs=(negotiate.PCMU,)
                )
                self._endpoint.answer_reinvite(event.leg, agreed.body, monotonic())
                self._transports.flush()

    async def _receive(self, invite: sip.IncomingInvite) -> None:
        """A phone is called: do what its behaviour says."""
        number = as_e164(invite.request.request_uri.user_text)
        caller = as_e164(invite.request.from_.uri.user_text)
        behaviour = self.behaviour(number)
        call = self._new_call(number, caller, "inbound", behaviour)
        call.leg = invite.leg
        call.sip_call_id = invite.request.call_id
        call.call_sid = invite.request.get(_CALL_SID)
        self._by_leg[invite.leg] = call
        now = monotonic()
        match behaviour.on_call:
            case OnCall.UNREACHABLE:
                self._refuse(call, 404, "not found")
            case OnCall.REJECT:
                self._refuse(call, 603, "rejected")
            case OnCall.BUSY:
                self._refuse(call, 486, "busy")
            case OnCall.NO_ANSWER:
                self._endpoint.provisional(invite.leg, 180, now)
            case OnCall.ANSWER:
                self._endpoint.provisional(invite.leg, 180, now)
                self._later(call, behaviour.answer_after, lambda: self._start(self._answer(call, invite)))
        self._transports.flush()

    def _refuse(self, call: PhoneCall, status: int, outcome: str) -> None:
        self._endpoint.reject(call.leg, status, monotonic())
        self._end(call, outcome)

    async def _answer(self, call: PhoneCall, invite: sip.IncomingInvite) -> None:
        """Pick up."""
        audio = await PhoneAudio.open(self._ticker, _HOST, self._notify)
        if call.state is not State.RINGING:
            audio.close()
            return
        call.audio = audio
        try:
            agreed = negotiate.answer(
                invite.sdp or b"", _HOST, audio.port, session_id=1, codecs=(negotiate.PCMU,)
            )
        except negotiate.NotAcceptable:
            self._refuse(call, 488, "no codec in common")
            self._transports.flush()
            return
        self._endpoint.answer(call.leg, agreed.body, monotonic())
        self._transports.flush()
        self._connect(call, agreed)

    def _connect(self, call: PhoneCall, agreed: negotiate.Negotiated) -> None:
        """The call is up: play the phone's script."""
        assert call.audio is not None
        call.answered = utcnow()
        call.audio.connect(agreed.remote_host, agreed.remote_port, agreed.dtmf_payload_type)
        self._move(call, State.ANSWERED)
        script = call.script
        if script.say:
            words = Say(script.say)
            self._later(call, script.say_after, lambda: self.say(call, words))
        if script.press:
            keys = script.press
            self._later(call, script.press_after, lambda: call.audio.press(keys) if call.audio else None)
        if script.hangup_after is not None:
            self._later(call, script.hangup_after, lambda: self.hang_up(call))

    async def rehearse(self, behaviour: Behaviour) -> None:
        """Have what a phone is to say spoken beforehand, so that it speaks as soon as its call is up.

        A phone that is not ready in time is not waited for: it speaks later.
        """
        if not behaviour.say:
            return
        words = Say(behaviour.say)
        with suppress(StreamsError, TimeoutError):
            async with asyncio.timeout(_REHEARSAL_SECONDS):
                async for _ in self._streams.synthesize(words.text, words.voice, words.language):
                    pass

    async def _say(self, call: PhoneCall, wanted: Say) -> None:
        """Speak into a call, once nothing else is said."""
        try:
            async with call.turn:
                async for segment in self._streams.synthesize(wanted.text, wanted.voice, wanted.language):
                    if call.audio is None or call.state is State.ENDED:
                        return
                    call.audio.say(np.fromfile(segment.path, dtype="<i2").astype(np.int16))
        except StreamsError as error:
            logger.warning("a virtual phone could not speak: %s", error)

    def _name(self, call: PhoneCall, response: Response) -> None:
        """Note what the platform calls a call of a phone's."""
        if call.call_sid is None and (call_sid := response.get(_CALL_SID)) is not None:
            call.call_sid = call_sid
            self._notify()

    def _new_call(self, number: str, other: str, direction: str, script: CallScript) -> PhoneCall:
        call = PhoneCall(secrets.token_hex(8), number, other, direction, script, utcnow())
        self._calls[call.id] = call
        _forget(self._calls)
        self._notify()
        return call

    def _end(self, call: PhoneCall, outcome: str) -> None:
        if call.state is State.ENDED:
            return
        for timer in call.timers:
            timer.cancel()
        if call.audio is not None:
            call.audio.close()
        call.outcome = outcome
        call.ended = utcnow()
        self._by_leg.pop(call.leg, None)
        self._offers.pop(call.leg, None)
        self._move(call, State.ENDED)

    def _move(self, call: PhoneCall, state: State) -> None:
        call.state = state
        self._notify()

    def _notify(self) -> None:
        """Wake whoever waits for something to change."""
        self._arrived.set()
        self._arrived = asyncio.Event()

    def _later(self, call: PhoneCall, seconds: float, act: Callable[[], None]) -> None:
        call.timers.append(asyncio.get_running_loop().call_later(seconds, act))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _forget(remembered: OrderedDict[str, Any]) -> None:
    """Drop the oldest entries of what has grown too long."""
    while len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)

"""`<Dial>`: connects the call with others, and tells its action how that went.

Whom to call is its text or its nouns (`offhook.twiml.nouns`). Without anybody to call, because what is
written cannot be dialled or is not built, the dial has failed. Without an action the next verb follows. A
caller who hangs up ends the dial, and its action is requested all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.audio.ringing import RINGING
from offhook.numbers import e164
from offhook.twiml import effects
from offhook.twiml.attributes import (
    WITHOUT_EFFECT,
    boolean,
    choice,
    http_method,
    limit,
    pattern,
    seconds,
    text,
    web_url,
    words,
)
from offhook.twiml.document import Element
from offhook.twiml.events import DialDone, Event
from offhook.twiml.nouns import NOUNS
from offhook.twiml.nouns.number import Number
from offhook.twiml.nouns.rooms import ROOMS
from offhook.twiml.turn import Turn
from offhook.twiml.unbuilt import NOUNS as UNBUILT
from offhook.twiml.verb import END, NEXT, Goto, Outcome, Verb

NO_DIAL_IN_WHISPER = 13201
INVALID_CALLER_ID = 13247
CALLER_ID_REQUIRED = 13214
INVALID_NOUN = 13215
MOST_TARGETS = 10
"""`<Number>` and the other nouns together; Twilio's limit."""

_RECORD = ("record-from-answer", "record-from-ringing", "record-from-answer-dual", "record-from-ringing-dual")


@dataclass(frozen=True, slots=True)
class Dial(Verb):
    """`timeout`: seconds to ring; `timeLimit`: seconds to talk.

    `events` is in Twilio's libraries but not in its reference, which has no request that it would lead to: what
    becomes of a dialled call is told by its noun's `statusCallback`, a transfer by `referUrl`.
    """

    action: str | None = web_url()
    method: Literal["GET", "POST"] = http_method(code=13210)
    timeout: int = seconds(30, at_least=5, at_most=600, code=13212)
    hangup_on_star: bool = boolean(False, code=13213)
    time_limit: int = limit(14400, at_most=86400, code=13216)
    caller_id: str | None = pattern(
        r"\+?[0-9 ().-]{3,24}|(sips?|client):[^\s<>\"]{1,120}|[A-Za-z0-9_.+-]{1,64}",
        "a phone number, or a name of letters, digits and + - _ .",
        None,
        code=INVALID_CALLER_ID,
        essential=True,
    )
    record: Literal[
        "do-not-record",
        "record-from-answer",
        "record-from-ringing",
        "record-from-answer-dual",
        "record-from-ringing-dual",
    ] = choice(
        "do-not-record",
        *_RECORD,
        code=13217,
        aliases={"true": "record-from-answer", "false": "do-not-record"},
    )
    trim: Literal["trim-silence", "do-not-trim"] = choice("do-not-trim", "trim-silence")
    recording_track: Literal["both", "inbound", "outbound"] = choice("both", "inbound", "outbound")
    recording_status_callback: str | None = web_url(code=13256)
    recording_status_callback_method: Literal["GET", "POST"] = http_method(code=13210)
    recording_status_callback_event: tuple[str, ...] = words(
        ("completed",), "in-progress", "absent", code=13621
    )
    answer_on_bridge: bool = boolean(False, code=13219)
    ring_tone: str = choice("automatic", *RINGING, code=13220)
    sequential: bool = boolean(False, code=13218)
    refer_url: str | None = web_url()
    refer_method: Literal["GET", "POST"] = http_method()
    recording_configuration_id: str | None = text(longest=64, unbuilt=WITHOUT_EFFECT)
    events: str | None = text(unbuilt=WITHOUT_EFFECT)
    passports: str | None = text(unbuilt=WITHOUT_EFFECT)
    if_machine: str | None = choice(None, "continue", "hangup", code=13211, unbuilt=WITHOUT_EFFECT)

    nests = (*NOUNS, *ROOMS, *UNBUILT)
    hears_digits = True

    def answers(self) -> bool:
        """With `answerOnBridge` the caller's call is answered when somebody answers."""
        return not self.answer_on_bridge

    def begin(self, turn: Turn) -> Outcome:
        """Call everybody."""
        if turn.whisper:
            turn.warn(NO_DIAL_IN_WHISPER, self.element, "A dialled leg cannot dial")
            return NEXT
        turn.typed = ""
        if (room := self._room(turn)) is not None:
            entered = turn.read(ROOMS[room.name], room).begin(self, turn)
            return self if entered else self._report(DialDone(0, "failed"))
        targets = self._targets(turn)
        caller_id = self._caller_id(targets, turn)
        if not targets or caller_id is None:
            return self._report(DialDone(0, "failed"))
        turn.start(
            effects.Dial,
            targets=targets,
            caller_id=caller_id,
            check_caller_id=_telephones(targets) and caller_id not in (turn.parties.from_, turn.parties.to),
            timeout=self.timeout,
            time_limit=self.time_limit,
            hangup_on_star=self.hangup_on_star,
            ring_tone=self.ring_tone,
            sequential=self.sequential,
            record=self.record,
            trim=self.trim,
            recording_callback=self.recording_callback(turn),
            recording_track=self.recording_track,
            on_refer=self._on_refer(turn),
        )
        return self

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Tell how it went. Digits are for the other party, and not for a later `<Gather>`."""
        if not isinstance(event, DialDone):
            return self
        turn.answered = turn.answered or event.bridged
        return self._report(event)

    def hung_up(self, turn: Turn) -> Outcome:
        """Hang up the others too, and wait for how it went."""
        if not turn.active:
            return END
        for dial in tuple(turn.active):
            turn.stop(dial)
        return self

    def recording_callback(self, turn: Turn) -> effects.StatusCallback | None:
        """Who is told of the recording."""
        return turn.callback(
            self.recording_status_callback,
            self.recording_status_callback_method,
            self.recording_status_callback_event,
            13256,
        )

    def leg_recording(self, turn: Turn) -> effects.RecordCall | None:
        """How the call itself is to be recorded, where it meets more than one other party."""
        if self.record == "do-not-record":
            return None
        channels = 2 if self.record.endswith("-dual") and self.recording_track == "both" else 1
        return effects.RecordCall(channels, self.recording_track, self.trim, self.recording_callback(turn))

    def _on_refer(self, turn: Turn) -> effects.OnRefer | None:
        """With `answerOnBridge` nobody is left alone before there is TwiML for it."""
        url = turn.absolute(self.refer_url) if self.refer_url else None
        return effects.OnRefer(url, self.refer_method, self.answer_on_bridge) if url else None

    def _room(self, turn: Turn) -> Element | None:
        """The conference or queue that is dialled; it is alone, what stands beside it is not dialled."""
        room = next((child for child in self.element.children if child.name in ROOMS), None)
        if room is not None:
            for beside in self.element.children:
                if beside is not room:
                    turn.warn(INVALID_NOUN, beside, f"Beside a <{room.name}> nobody is dialled")
        return room

    def _targets(self, turn: Turn) -> tuple[effects.DialTarget, ...]:
        targets: list[effects.DialTarget] = []
        for child in self.element.children:
            if child.name in NOUNS:
                targets += turn.read(NOUNS[child.name], child).targets(turn)
            else:
                code = UNBUILT[child.name].code if child.name in UNBUILT else INVALID_NOUN
                turn.warn(code, child, "This cannot be dialled")
        if not self.element.children or self.element.text:
            targets += Number(self.element).targets(turn)
        if len(targets) > MOST_TARGETS:
            turn.warn(INVALID_NOUN, self.element, f"Only the first {MOST_TARGETS} are dialled")
        return tuple(targets[:MOST_TARGETS])

    def _caller_id(self, targets: tuple[effects.DialTarget, ...], turn: Turn) -> str | None:
        """Return what the called parties see; None if it is wrong, or telephones are called and it is not a number.

        A caller who withholds the number is passed on as such: what has no colon and is not given here.
        """
        if self.refused:
            return None
        wanted = self.caller_id or turn.parties.from_
        number = e164(wanted.partition(":")[2].partition("@")[0] if ":" in wanted else wanted)
        telephones = _telephones(targets)
        if telephones and number is None and (self.caller_id or ":" in wanted):
            code = INVALID_CALLER_ID if self.caller_id else CALLER_ID_REQUIRED
            turn.warn(code, self.element, f"{wanted[:80]!r} is not a phone number")
            return None
        return number if number and (telephones or ":" not in wanted) else wanted

    def _report(self, done: DialDone) -> Outcome:
        if self.action is None:
            return NEXT
        return Goto(self.action, self.method, _params(done))


def _telephones(targets: tuple[effects.DialTarget, ...]) -> bool:
    """Say whether a telephone is among those who are called: only there must the caller be one's own."""
    return any(isinstance(target, effects.DialNumber) for target in targets)


def _params(done: DialDone) -> effects.Pairs:
    """Return the parameters of the action."""
    known = (
        ("DialCallStatus", done.status),
        ("DialCallSid", done.call_sid),
        ("DialCallDuration", done.duration if done.call_sid else None),
        ("DialBridged", "true" if done.bridged else "false"),
        ("RecordingUrl", done.recording_url),
        ("RecordingSid", done.recording_sid),
        ("RecordingDuration", done.recording_duration),
        ("DialSipCallId", done.sip_call_id),
        ("DialSipResponseCode", done.sip_response_code),
    )
    of_answer = ((f"DialSipHeader_{name}", value) for name, value in done.sip_headers)
    return (*((name, str(value)) for name, value in known if value is not None), *of_answer)

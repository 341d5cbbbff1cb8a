"""`<Sms>`: sends a text from within a call. Twilio no longer documents it; programs of its time still use it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from offhook.numbers import e164
from offhook.twiml import effects
from offhook.twiml.attributes import http_method, phone_number, sender, web_url
from offhook.twiml.events import Event, MessageQueued
from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Goto, Outcome, Verb

INVALID_TO = 14101
INVALID_BODY = 14103
LONGEST_BODY = 1600


@dataclass(frozen=True, slots=True)
class Sms(Verb):
    """The text is what is sent, by default from the platform's number to the other party."""

    to: str | None = phone_number(code=INVALID_TO)
    from_: str | None = sender(code=14102)
    action: str | None = web_url()
    method: Literal["GET", "POST"] = http_method(code=14104)
    status_callback: str | None = web_url(code=14105)

    def begin(self, turn: Turn) -> Outcome:
        """Send it; wait to know what became of it only if the action is to be told."""
        if self.refused:
            return NEXT
        caller, called = turn.parties.from_, turn.parties.to
        ours, theirs = (called, caller) if turn.replies else (caller, called)
        to = self.to or e164(theirs)
        if to is None:
            turn.warn(INVALID_TO, self.element, "There is no phone number to send to")
            return NEXT
        if not 0 < len(self.element.text) <= LONGEST_BODY:
            turn.warn(INVALID_BODY, self.element, f"The text must have 1 to {LONGEST_BODY} characters")
            return NEXT
        text = partial(
            effects.SendMessage,
            to=to,
            from_=self.from_ or ours,
            body=self.element.text,
            status_callback=turn.absolute(self.status_callback, 14105) if self.status_callback else None,
        )
        if self.action is None:
            turn.launch(f"sms-{turn.next_id}", text)
            return NEXT
        turn.start(text)
        return self

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Tell the action."""
        if not isinstance(event, MessageQueued):
            return self
        return Goto(self.action, self.method, (("SmsSid", event.sid), ("SmsStatus", event.status)))

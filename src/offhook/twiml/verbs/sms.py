"""`<Sms>`: sends a text from within a call. Twilio no longer documents it; programs of its time still use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.numbers import e164
from offhook.twiml.attributes import http_method, phone_number, sender, web_url
from offhook.twiml.events import Event, MessageQueued
from offhook.twiml.sending import send
from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Goto, Outcome, Verb

INVALID_TO = 14101


@dataclass(frozen=True, slots=True)
class Sms(Verb):
    """The text is what is sent, by default from the platform's number to the other party."""

    to: str | None = phone_number(code=INVALID_TO)
    from_: str | None = sender(code=14102)
    action: str | None = web_url()
    method: Literal["GET", "POST"] = http_method(code=14104)
    status_callback: str | None = web_url(code=14105)

    def begin(self, turn: Turn) -> Outcome:
        """Send it; wait for its status only if there is an action."""
        if self.refused:
            return NEXT
        caller, called = turn.parties.from_, turn.parties.to
        ours, theirs = (called, caller) if turn.replies else (caller, called)
        to = self.to or e164(theirs)
        if to is None:
            turn.warn(INVALID_TO, self.element, "There is no phone number to send to")
            return NEXT
        return send(
            self,
            turn,
            to=to,
            sender=self.from_ or ours,
            body=self.element.text,
            status_callback=self.status_callback,
            waits=self.action is not None,
        )

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Tell the action, and put on record why there is no text if there is none."""
        if not isinstance(event, MessageQueued):
            return self
        if event.code is not None:
            turn.warn(event.code, self.element, event.detail)
        sid = (("SmsSid", event.sid),) if event.sid else ()
        return Goto(self.action, self.method, (*sid, ("SmsStatus", event.status)))

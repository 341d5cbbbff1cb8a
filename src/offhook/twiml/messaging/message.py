"""`<Message>`: a reply to a text, or a text to somebody else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from offhook.twiml.attributes import http_method, phone_number, sender, web_url
from offhook.twiml.events import Event, MessageQueued
from offhook.twiml.sending import send
from offhook.twiml.turn import Turn
from offhook.twiml.unbuilt import NOT_SUPPORTED
from offhook.twiml.verb import NEXT, Goto, Outcome, Verb

INVALID_TO = 14101
MEDIA = ("Media", "MediaUrl")

_ANSWERABLE = re.compile(r"\+?[0-9]{3,15}")
"""A number or a short code; a sender that is a name, or is withheld, cannot be written to."""


@dataclass(frozen=True, slots=True)
class Message(Verb):
    """The text, or `<Body>`, is what is sent, by default back to where the message came from."""

    to: str | None = phone_number(code=INVALID_TO)
    from_: str | None = sender(code=14102)
    action: str | None = web_url()
    method: Literal["GET", "POST"] = http_method(code=14104)
    status_callback: str | None = web_url(code=14105)

    nests = ("Body", *MEDIA)

    def begin(self, turn: Turn) -> Outcome:
        """Send it; wait for its status only if there is an action."""
        if self.refused:
            return NEXT
        sender, recipient = self.from_ or turn.parties.to, self.to or turn.parties.from_
        if not _ANSWERABLE.fullmatch(recipient) or recipient == sender:
            why = "Only a number that is not the sender's can be written to"
            turn.warn(INVALID_TO, self.element, why)
            return NEXT
        body = self._body()
        if any(child.name in MEDIA for child in self.element.children):
            rest = "the text goes alone" if body else "nothing is sent"
            turn.warn(NOT_SUPPORTED, self.element, f"Media cannot be sent: {rest}")
            if not body:
                return NEXT
        return send(
            self,
            turn,
            to=recipient,
            sender=sender,
            body=body,
            status_callback=self.status_callback,
            waits=self.action is not None,
        )

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Tell the action."""
        if not isinstance(event, MessageQueued):
            return self
        reply = (("MessageSid", event.sid), ("SmsSid", event.sid), ("SmsMessageSid", event.sid))
        status = (("MessageStatus", event.status), ("SmsStatus", event.status))
        return Goto(self.action, self.method, reply + status)

    def _body(self) -> str:
        bodies = (child.text for child in self.element.children if child.name == "Body")
        return next(bodies, self.element.text)

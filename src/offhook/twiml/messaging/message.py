"""`<Message>`: a reply to a text, or a text to somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from offhook.twiml import effects
from offhook.twiml.attributes import http_method, phone_number, sender, web_url
from offhook.twiml.events import Event, MessageQueued
from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Goto, Outcome, Verb

INVALID_TO = 14101
INVALID_BODY = 14103
LONGEST_BODY = 1600
MOST_MEDIA = 10
MEDIA = ("Media", "MediaUrl")


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
        """Send it; wait to know what became of it only if the action is to be told."""
        if self.refused:
            return NEXT
        body, media = self._body(), self._media(turn)
        if len(body) > LONGEST_BODY or not (body or media):
            turn.warn(INVALID_BODY, self.element, f"The text must have 1 to {LONGEST_BODY} characters")
            return NEXT
        text = partial(
            effects.SendMessage,
            to=self.to or turn.parties.from_,
            from_=self.from_ or turn.parties.to,
            body=body,
            media_urls=media,
            status_callback=turn.absolute(self.status_callback, 14105) if self.status_callback else None,
        )
        if self.action is None:
            turn.launch(f"message-{turn.next_id}", text)
            return NEXT
        turn.start(text)
        return self

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

    def _media(self, turn: Turn) -> tuple[str, ...]:
        written = [child.text for child in self.element.children if child.name in MEDIA]
        if len(written) > MOST_MEDIA:
            turn.warn(INVALID_BODY, self.element, f"Only the first {MOST_MEDIA} media are sent")
        absolute = (turn.absolute(text) for text in written[:MOST_MEDIA])
        return tuple(url for url in absolute if url is not None)

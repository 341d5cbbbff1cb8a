"""Where the TwiML of a call or message comes from, and the facts about it that verbs may ask.

The shell makes these values from the number, the application or the REST request; nothing here is fetched.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct

Method = Literal["GET", "POST"]
Direction = Literal["inbound", "outbound-api", "outbound-dial"]


def method_of(text: str | None) -> Method:
    """The HTTP method that a row or a request names; POST, Twilio's default, unless it is GET."""
    return "GET" if text == "GET" else "POST"


class EntryPoint(Struct, frozen=True):
    """A URL to ask for TwiML, and the one to ask when that or any later document fails."""

    url: str
    method: Method = "POST"
    fallback_url: str | None = None
    fallback_method: Method = "POST"


class InlineTwiml(Struct, frozen=True):
    """TwiML given in a REST request (`Twiml=`); it has no URL, so relative URLs in it are error 15004."""

    text: str


class Retrieved(Struct, frozen=True):
    """A document that has been asked for already: the response, or (`code`, of the 11xxx family) why there is none."""

    url: str
    method: Method
    status: int = 0
    content_type: str | None = None
    body: bytes = b""
    code: int | None = None
    detail: str = ""


Entry = EntryPoint | InlineTwiml | Retrieved


class Purpose(Enum):
    """What a document is for."""

    MAIN = "the call's or the message's own TwiML"
    WHISPER = (
        "what a dialled leg hears before it is bridged: its end is `Join`, and `<Dial>` in it is error 13201"
    )
    WAIT = "what a participant hears until the conference starts; it begins again at its end"
    QUEUE = "what a call in a queue hears; it begins again at its end"
    HANDOVER = (
        "what a call taken out of a queue hears before it is connected: its end is `Join`, its failure too"
    )
    HOLD = "what a participant on hold hears; it begins again at its end"
    ANNOUNCEMENT = "what a participant hears once, over the conference"
    APOLOGY = "what a caller hears when the application has failed"


class Parties(Struct, frozen=True):
    """Who is talking to whom, as the webhook's `From` and `To` have it (E.164, `sip:` or `client:`)."""

    from_: str
    to: str


class CallFacts(Parties, frozen=True):
    """A call at the moment its TwiML starts.

    `answered`: an outbound call is, an inbound one is not until the interpreter emits `Answer`.
    """

    direction: Direction = "inbound"
    answered: bool = False

    @property
    def is_sip(self) -> bool:
        """Whether the far end is a SIP phone or server, by its address: not a telephone, nor a client."""
        far_end = self.from_ if self.direction == "inbound" else self.to
        return far_end.lower().startswith(("sip:", "sips:"))


class MessageFacts(Parties, frozen=True):
    """An inbound message whose reply the document is."""

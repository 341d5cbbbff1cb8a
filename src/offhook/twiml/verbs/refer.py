"""`<Refer>`: asks the SIP phone or server at the far end to call somebody else, and tells the action what came of it.

The call goes on when the far end has told of an answer, a failure or nothing for three minutes: most hang up by
themselves when their new call is answered. Without an action the next verb follows. A far end that is no SIP phone or
server cannot be referred (13801): that has failed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from offhook.twiml import effects
from offhook.twiml.attributes import http_method, web_url
from offhook.twiml.entry import CallFacts
from offhook.twiml.events import Event, ReferDone
from offhook.twiml.nouns.sip import INVALID_URI, LONGEST_HEADERS
from offhook.twiml.nouns.sip import URI as SIP_URI
from offhook.twiml.turn import Turn
from offhook.twiml.verb import END, NEXT, Goto, Outcome, Verb

NOT_A_SIP_LEG = 13801
_QUERY = re.compile(r"[^\s<>\"]*")
_LONGEST_URI = 255


@dataclass(frozen=True, slots=True)
class Refer(Verb):
    """Its `<Sip>` says whom to call, with the headers that the far end is to put into its INVITE."""

    action: str | None = web_url()
    method: Literal["GET", "POST"] = http_method()

    nests = ("Sip",)

    def begin(self, turn: Turn) -> Outcome:
        """Refer."""
        uri = self._uri(turn)
        if uri is None:
            return self._report(ReferDone(0, "failed"))
        if not (isinstance(turn.parties, CallFacts) and turn.parties.is_sip):
            turn.warn(NOT_A_SIP_LEG, self.element, "Only a SIP phone or server can be referred")
            return self._report(ReferDone(0, "failed"))
        turn.start(effects.Refer, uri)
        return self

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Tell how it went."""
        return self._report(event) if isinstance(event, ReferDone) else self

    def hung_up(self, turn: Turn) -> Outcome:
        """What it has come to by then is told too."""
        if not turn.active:
            return END
        for refer in tuple(turn.active):
            turn.stop(refer)
        return self

    def _uri(self, turn: Turn) -> str | None:
        sip = next((child for child in self.element.children if child.name == "Sip"), self.element)
        uri, mark, query = sip.text.strip().partition("?")
        fit = SIP_URI.fullmatch(uri) and len(uri) <= _LONGEST_URI
        if sip is self.element or not fit or not _QUERY.fullmatch(query) or len(query) > LONGEST_HEADERS:
            turn.warn(INVALID_URI, sip, f"{uri[:80]!r} is not a SIP address")
            return None
        return f"{uri}{mark}{query}"

    def _report(self, done: ReferDone) -> Outcome:
        if self.action is None:
            return NEXT
        return Goto(self.action, self.method, _params(done))


def _params(done: ReferDone) -> effects.Pairs:
    known = (
        ("ReferCallStatus", done.status),
        ("ReferSipResponseCode", done.response),
        ("NotifySipResponseCode", done.notified),
    )
    return tuple((name, str(value)) for name, value in known if value is not None)

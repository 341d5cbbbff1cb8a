"""`<Application>`: a TwiML application, which answers with the document at its VoiceUrl.

https://www.twilio.com/docs/voice/twiml/dial/application. Its SID is its text, or in an `<ApplicationSid>`. A
`<Parameter>`'s name begins with `Param_` in the application's webhooks. Twilio rings nobody beside an application;
here it rings like any other target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from offhook.twiml.attributes import boolean, http_method, text, web_url, words
from offhook.twiml.effects import DialApplication, DialTarget
from offhook.twiml.noun import Noun
from offhook.twiml.nouns.parameters import parameters
from offhook.twiml.turn import Turn

INVALID_APPLICATION: Final = 21218
PREFIX: Final = "Param_"
_SID = re.compile(r"AP[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Application(Noun):
    """`customerId` tells the application who calls; `copyParentTo`: it sees whom the caller called, not itself."""

    customer_id: str | None = text(longest=256)
    copy_parent_to: bool = boolean(False)
    url: str | None = web_url()
    method: Literal["GET", "POST"] = http_method()
    status_callback: str | None = web_url()
    status_callback_method: Literal["GET", "POST"] = http_method()
    status_callback_event: tuple[str, ...] = words(("completed",), "initiated", "ringing", "answered")

    nests = ("ApplicationSid", "Parameter")

    def targets(self, turn: Turn) -> tuple[DialTarget, ...]:
        """One leg."""
        named = [child.text for child in self.element.children if child.name == "ApplicationSid"]
        sid = (named[0] if named else self.element.text).strip()
        if not _SID.fullmatch(sid):
            turn.warn(INVALID_APPLICATION, self.element, f"{sid[:80]!r} is not the SID of an application")
            return ()
        whisper = turn.absolute(self.url) if self.url else ""
        if whisper is None:
            return ()
        return (
            DialApplication(
                sid,
                parameters=tuple(
                    (f"{PREFIX}{name}", value) for name, value in parameters(self.element, turn)
                ),
                customer_id=self.customer_id,
                to=turn.parties.to if self.copy_parent_to else sid,
                url=whisper or None,
                method=self.method,
                callback=turn.callback(
                    self.status_callback, self.status_callback_method, self.status_callback_event
                ),
            ),
        )

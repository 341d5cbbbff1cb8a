"""The shape of a verb, and what can come after one.

A verb is a frozen dataclass in a file of `offhook.twiml.verbs` (or `messaging`): its attributes with defaults
and codes (`offhook.twiml.attributes`), what it remembers while it runs, and `begin` and `step`, which ask for
effects through a `Turn` and return what comes next. A noun stands inside a verb and has attributes only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from offhook.twiml.document import Element
from offhook.twiml.effects import Pairs
from offhook.twiml.entry import Entry, InlineTwiml, Method, Purpose
from offhook.twiml.events import EnqueueDone, Event

if TYPE_CHECKING:
    from offhook.twiml.turn import Turn


class Flow(Enum):
    """What comes after a verb when it is not a document."""

    NEXT = "the next verb"
    POP = "what the end of the document leads to"
    END = "the call is hung up"
    DECLINED = "the call was never answered"


NEXT = Flow.NEXT
POP = Flow.POP
END = Flow.END
DECLINED = Flow.DECLINED


@dataclass(frozen=True, slots=True)
class Enter:
    """After the verb comes a document in a frame of its own; `code` is the error that leads to it, if one does."""

    purpose: Purpose
    entry: Entry
    code: int | None = None


APOLOGY = "An application error has occurred. Goodbye."


def apologise(code: int) -> Enter:
    """The application has failed with this error, and the caller is told so before the call ends."""
    said = InlineTwiml(f'<Response><Say voice="man" language="en-US">{APOLOGY}</Say></Response>')
    return Enter(Purpose.APOLOGY, said, code)


@dataclass(frozen=True, slots=True)
class Goto:
    """After the verb comes the document at `url`, absolute or relative; None and empty mean the current one."""

    url: str | None
    method: Method = "POST"
    params: Pairs = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The document cannot be carried out: the fallback is asked, told this code and the URL to blame."""

    code: int
    url: str


@dataclass(frozen=True, slots=True)
class Part:
    """A verb or noun as it stands in a document: `element` and, in the fields of a subclass, its attributes."""

    element: Element
    refused: bool = False
    """Whether an attribute says wrongly who or where: what it stands for is not to be done."""

    nests: ClassVar[tuple[str, ...]] = ()
    """The elements that may stand in it."""


@dataclass(frozen=True, slots=True)
class Verb(Part, ABC):
    """A verb at work.

    `begin` and `step` return the verb itself, as it now is, for as long as it runs; then a `Flow`, a
    `Goto`, an `Enter` or `Failed`. `step` is given nothing but answers to what the verb has started and not
    stopped, and digits if it `hears_digits`. Whatever is still going on when it is over is stopped for it.
    """

    hears_digits: ClassVar[bool] = False
    """Whether digits are for this verb; otherwise they wait for the next `<Gather>`."""

    recodes: ClassVar[Mapping[int, int]] = {}
    """Codes that are others here: what is 13510 in a `<Say>` is 13322 in a `<Say>` in a `<Gather>`."""

    def answers(self) -> bool:
        """Whether an inbound call that is not answered yet is, before this verb begins."""
        return True

    @abstractmethod
    def begin(self, turn: Turn) -> Outcome:
        """Start."""

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Go on. A verb that waits for one thing is over when it has come."""
        return NEXT

    def superseded(self, after: EnqueueDone) -> Goto | None:
        """What it had come to when the call was given other TwiML; the request that tells of it, if there is one."""
        return None

    def hung_up(self, turn: Turn) -> Outcome:
        """The caller is gone. A verb whose action is requested all the same goes on until it has its result."""
        return END


Outcome = Verb | Flow | Goto | Enter | Failed

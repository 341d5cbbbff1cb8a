"""Writing TwiML from Python, as programs for twilio-python 5.x do it: `Response()`, a method a verb, `with`.

    r = twiml.Response()
    with r.gather(numDigits=1) as g:
        g.say("Press one.")
    str(r)

Attribute names are the wire's (`numDigits`); `sender` and `from_` write `from`. None leaves an attribute
out, True and False are written `true` and `false`, a list is joined by spaces. Only nesting and `method`
are checked: what else is wrong the interpreter tells where it runs. Imports nothing, and leaves parsing to
`offhook.twiml.document`.
"""

# ruff: noqa: N815 - the names that programs call

from __future__ import annotations

from collections.abc import Iterable
from typing import Self, TypeVar

Value = str | int | float | bool | Iterable[str] | None
V = TypeVar("V", bound="Verb")

_RENAMED = {"from_": "from", "sender": "from", "for_": "for"}
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE = _TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#09;"})


class TwimlException(Exception):  # noqa: N818 - the name that programs catch
    """A verb was put where it cannot stand, or was given what it cannot take."""


class Verb:
    """An element, named as its class.

    `nestables`: the elements that may stand in it; `body_name`: what its text may be called as an argument.
    """

    GET = "GET"
    POST = "POST"
    nestables: tuple[str, ...] = ()
    body_name: str | None = None

    def __init__(self, body: str | None = None, /, **attributes: Value) -> None:
        for name in ("method", "waitMethod"):
            if attributes.get(name) not in (None, "GET", "POST"):
                raise TwimlException(f"{name} must be GET or POST, not {attributes[name]!r}")
        named = attributes.pop(self.body_name, None) if self.body_name else None
        self.name = type(self).__name__
        self.body = body if body is not None or named is None else str(named)
        self.attrs = {
            _RENAMED.get(name, name): value for name, value in attributes.items() if value is not None
        }
        self.verbs: list[Verb] = []

    def append(self, verb: V) -> V:
        """Put `verb` last in this one and return it.

        Raises:
            TwimlException: it may not stand here.
        """
        if verb.name not in self.nestables:
            raise TwimlException(f"<{verb.name}> cannot stand in <{self.name}>")
        self.verbs.append(verb)
        return verb

    def toxml(self, xml_declaration: bool = True) -> str:
        """Return the document, in ASCII: other characters are written as references."""
        declaration = '<?xml version="1.0" encoding="UTF-8"?>' if xml_declaration else ""
        return declaration + self._element().encode("ascii", "xmlcharrefreplace").decode("ascii")

    def __str__(self) -> str:
        return self.toxml()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _element(self) -> str:
        start = self.name + "".join(
            f' {name}="{_wire(value).translate(_ATTRIBUTE)}"' for name, value in sorted(self.attrs.items())
        )
        content = "" if self.body is None else str(self.body).translate(_TEXT)
        content += "".join(verb._element() for verb in self.verbs)
        return f"<{start}>{content}</{self.name}>" if content else f"<{start} />"


def _wire(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else " ".join(value or ())


class Say(Verb):
    """Text to be spoken."""

    MAN, WOMAN = "man", "woman"
    ENGLISH, BRITISH, SPANISH, FRENCH, GERMAN = "en", "en-gb", "es", "fr", "de"

    def __init__(self, text: str, **attributes: Value) -> None:
        super().__init__(text, **attributes)


class Play(Verb):
    """Audio at a URL, or DTMF digits, to be played."""

    def __init__(self, url: str | None = None, digits: str | None = None, **attributes: Value) -> None:
        if url is None and digits is None:
            raise TwimlException("Play needs a url or digits")
        super().__init__(url, digits=digits, **attributes)


class Pause(Verb):
    """Silence of `length` seconds."""


class Redirect(Verb):
    """Go on with the TwiML of another URL."""

    body_name = "url"


class Hangup(Verb):
    """End the call."""


class Reject(Verb):
    """Do not answer the call."""

    def __init__(self, reason: str | None = None, **attributes: Value) -> None:
        super().__init__(reason=reason, **attributes)


class Record(Verb):
    """Record the caller."""


class Leave(Verb):
    """Leave the queue."""


class Sms(Verb):
    """Send a text from a call."""

    body_name = "msg"


class Body(Verb):
    """The text of a message."""

    body_name = "msg"


class Media(Verb):
    """A picture or other file of a message."""

    body_name = "url"


class Message(Verb):
    """Send a message."""

    nestables = ("Body", "Media")

    def __init__(self, msg: str | None = None, **attributes: Value) -> None:
        super().__init__(**attributes)
        if msg is not None:
            self.append(Body(msg))

    def media(self, media_url: str, **attributes: Value) -> Media:
        """Add a file."""
        return self.append(Media(media_url, **attributes))


class Number(Verb):
    """A phone number to dial."""

    body_name = "number"


class Client(Verb):
    """A browser or app to dial, by identity."""

    body_name = "name"


class Conference(Verb):
    """A conference to enter, by name."""

    body_name = "name"


class Queue(Verb):
    """A queue to take a caller from, by name."""

    body_name = "name"


class Uri(Verb):
    """One of several SIP addresses."""

    body_name = "uri"


class Sip(Verb):
    """A SIP address to dial."""

    body_name = "sip_address"

    nestables = ("Headers", "Uri")

    def uri(self, uri: str, **attributes: Value) -> Uri:
        """Add an address."""
        return self.append(Uri(uri, **attributes))


class Task(Verb):
    """What a task is to know of an enqueued call, in JSON."""

    body_name = "attributes"


class Enqueue(Verb):
    """Put the call in a queue."""

    body_name = "name"

    nestables = ("Task",)

    def task(self, attributes: str, **others: Value) -> Task:
        """Add a task."""
        return self.append(Task(attributes, **others))


class Dial(Verb):
    """Connect the call with others; several numbers may be given at once, with commas."""

    nestables = ("Number", "Conference", "Client", "Queue", "Sip")

    def __init__(self, number: str | None = None, **attributes: Value) -> None:
        several = number.split(",") if number and "," in number else []
        super().__init__(None if several else number, **attributes)
        for one in several:
            self.number(one.strip())

    def number(self, number: str, **attributes: Value) -> Number:
        """Add a phone number."""
        return self.append(Number(number, **attributes))

    def client(self, name: str, **attributes: Value) -> Client:
        """Add a client."""
        return self.append(Client(name, **attributes))

    def conference(self, name: str, **attributes: Value) -> Conference:
        """Enter a conference."""
        return self.append(Conference(name, **attributes))

    def queue(self, name: str, **attributes: Value) -> Queue:
        """Take a caller from a queue."""
        return self.append(Queue(name, **attributes))

    def sip(self, sip_address: str | None = None, **attributes: Value) -> Sip:
        """Add a SIP address."""
        return self.append(Sip(sip_address, **attributes))

    addNumber = number
    addConference = conference


class _Prompting(Verb):
    """What may stand both in a response and in `<Gather>`."""

    def say(self, text: str, **attributes: Value) -> Say:
        """Speak."""
        return self.append(Say(text, **attributes))

    def play(self, url: str | None = None, digits: str | None = None, **attributes: Value) -> Play:
        """Play audio or digits."""
        return self.append(Play(url, digits, **attributes))

    def pause(self, **attributes: Value) -> Pause:
        """Wait in silence."""
        return self.append(Pause(**attributes))

    addSay = say
    addPlay = play
    addPause = pause


class Gather(_Prompting):
    """Collect digits, while prompting."""

    nestables = ("Say", "Play", "Pause")


class Response(_Prompting):
    """A TwiML document."""

    nestables = (
        "Say", "Play", "Pause", "Gather", "Record", "Dial", "Redirect", "Hangup", "Reject",
        "Sms", "Message", "Enqueue", "Leave",
    )  # fmt: skip

    def gather(self, **attributes: Value) -> Gather:
        """Collect digits; nest prompts in what is returned."""
        return self.append(Gather(**attributes))

    def record(self, **attributes: Value) -> Record:
        """Record the caller."""
        return self.append(Record(**attributes))

    def dial(self, number: str | None = None, **attributes: Value) -> Dial:
        """Connect with a number, or with what is nested in what is returned."""
        return self.append(Dial(number, **attributes))

    def redirect(self, url: str | None = None, **attributes: Value) -> Redirect:
        """Go on at `url`, by default the current document's."""
        return self.append(Redirect(url, **attributes))

    def hangup(self, **attributes: Value) -> Hangup:
        """End the call."""
        return self.append(Hangup(**attributes))

    def reject(self, reason: str | None = None, **attributes: Value) -> Reject:
        """Do not answer."""
        return self.append(Reject(reason, **attributes))

    def sms(self, msg: str, **attributes: Value) -> Sms:
        """Send a text from a call."""
        return self.append(Sms(msg, **attributes))

    def message(self, msg: str | None = None, **attributes: Value) -> Message:
        """Send a message."""
        return self.append(Message(msg, **attributes))

    def enqueue(self, name: str | None, **attributes: Value) -> Enqueue:
        """Put the call in a queue."""
        return self.append(Enqueue(name, **attributes))

    def leave(self, **attributes: Value) -> Leave:
        """Leave the queue."""
        return self.append(Leave(**attributes))

    addGather = gather
    addRecord = record
    addDial = dial
    addRedirect = redirect
    addHangup = hangup
    addReject = reject
    addSms = sms

"""What is listed as working does something, and what is listed as not built does nothing.

Each attribute of the tables is given another value than its default, in a document that is run from its start
to its end in several ways; it works if anything but notifications and traces comes out differently. And each
field of an effect is read by those who carry effects out, so that what an attribute changes is not lost there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import fields
from tests.unit.twiml.transcript import CALLED, CALLER, RINGING, URL

from offhook.twiml import effects, events, interpreter
from offhook.twiml.attributes import Attribute, BadValue, table
from offhook.twiml.effects import Effect
from offhook.twiml.entry import EntryPoint, MessageFacts, Parties
from offhook.twiml.messaging import VERBS as MESSAGING_VERBS
from offhook.twiml.nouns import NOUNS
from offhook.twiml.nouns.rooms import ROOMS
from offhook.twiml.nouns.sip import Uri
from offhook.twiml.schema import MESSAGING, VOICE, Dialect
from offhook.twiml.verbs import VERBS

SOURCE = Path(effects.__file__).parents[1]
TEXT = {
    "Play": "a.wav",
    "Redirect": "next",
    "Number": "+15554445555",
    "Dial": "+15554445555",
    "Sip": "sip:a@b.example",
    "Uri": "sip:a@b.example",
    "Application": "AP0123456789abcdef0123456789abcdef",
}
INSIDE = {"Gather": "<Say>Press</Say>", "Refer": "<Sip>sip:a@b.example</Sip>"}
OTHER_VALUES = (
    "true false GET 7 42 5000 6000 * 1 /other +15559998888 speech answered absent us record-from-ringing"
    " trim-silence do-not-trim record-from-start onEnter start inbound busy hangup Enable woman de-DE auto"
    " CA0123456789abcdef0123456789abcdef small"
)
"""Of these every attribute takes one at least that is not its default."""

PREDECESSORS = {"eventCallbackUrl": "recordingStatusCallback"}
"""Attributes that count where those that have followed them are not given."""

NOT_CARRIED_OUT = {"media_urls", "echo"}
"""Texts with media; the id of what nothing answers."""

KEYS = ("", "7", "1*", "12#")
"""What the caller presses, in one run after the other."""


def attributes() -> Iterator[tuple[Dialect, str, type, Attribute]]:
    of_dialects: tuple[tuple[Dialect, dict[str, type]], ...] = (
        (VOICE, {**VERBS, **NOUNS, **ROOMS, "Uri": Uri}),
        (MESSAGING, {**MESSAGING_VERBS}),
    )
    for dialect, parts in of_dialects:
        for name, part in parts.items():
            for row in table(part).values():
                yield dialect, name, part, row


@pytest.mark.parametrize(
    ("dialect", "name", "part", "row"),
    [pytest.param(*each, id=f"{each[0].name} {each[1]} {each[3].name}") for each in attributes()],
)
def test_an_attribute_works_unless_it_is_listed_as_not_built(
    dialect: Dialect, name: str, part: type, row: Attribute
) -> None:
    usual = {each.name: "/usual" for each in table(part).values() if each.accepts == "a URL"}
    if name == "Dial":
        usual["record"] = "record-from-answer"
    values = [value for value in OTHER_VALUES.split() if other(row, value)]
    assert values, "no value to try: give OTHER_VALUES one"
    usual.pop(PREDECESSORS.get(row.name, ""), None)
    before = outcomes(dialect, name, usual)
    works = any(outcomes(dialect, name, usual | {row.name: value}) != before for value in values)
    assert works == (row.unbuilt is None)


def other(row: Attribute, value: str) -> bool:
    """Say whether an attribute takes this text, and not as its default."""
    try:
        return bool(row.read(value) != row.default)
    except BadValue:
        return False


def outcomes(dialect: Dialect, name: str, attributes: dict[str, str]) -> list[list[Effect]]:
    """Return all that an element comes to, in each of the ways in which it can be run."""
    written = " ".join(f'{attribute}="{value}"' for attribute, value in attributes.items())
    element = f"<{name} {written}>{TEXT.get(name, INSIDE.get(name, 'Hello'))}</{name}>"
    if name == "Uri":
        beside = '<Uri weight="1">sip:b@b.example</Uri><Uri priority="1">sip:c@b.example</Uri>'
        element = f"<Sip>{element}{beside}</Sip>"
    verb = f"<Dial>{element}</Dial>" if name in {*NOUNS, *ROOMS, "Uri"} else element
    body = f"<Response>{verb}<Pause/></Response>".encode()
    return [run(dialect, body, keys, after) for keys in KEYS for after in (0, 1)]


def run(dialect: Dialect, body: bytes, keys: str, after: int) -> list[Effect]:
    """Return what a document asks for. Everything ends well; `after` so many ends the keys are pressed."""
    facts: Parties = RINGING if dialect is VOICE else MessageFacts(CALLER, CALLED)
    state, seen = interpreter.start(EntryPoint(URL), facts, dialect)
    state, asked = interpreter.step(state, events.Fetched(1, URL, 200, "text/xml", body))
    seen += asked
    pressed = [events.DigitPressed(key) for key in keys]
    while not state.finished:
        event = pressed.pop(0) if pressed and not after else answer(state)
        after = max(0, after - 1)
        state, asked = interpreter.step(state, event)
        seen += asked
    return [effect for effect in seen if not isinstance(effect, effects.Notify | effects.Trace)]


def answer(state: interpreter.State) -> events.Event:
    """Return how the first thing ends that an execution waits for."""
    newest = state.frames[-1] if state.frames else None
    if newest is not None and newest.request is not None:
        return events.Fetched(newest.request.request, URL, 200, "text/xml", b"<Response/>")
    active = [effect for _, effect in newest.active] if newest is not None else []
    match (active or [effect for _, (_, effect) in state.background])[0]:
        case effects.StartTimer(started):
            return events.TimerFired(started)
        case effects.StartRecording(started):
            return events.RecordingDone(started, "RE1", "http://r/RE1", 4, "silence")
        case effects.Dial(started) | effects.Confer(started) | effects.Take(started):
            return events.DialDone(started, "completed", "CA1", 5, bridged=True)
        case effects.Enqueue(started):
            return events.EnqueueDone(started, "bridged", "QU1", 3)
        case effects.Refer(started):
            return events.ReferDone(started, "in-progress", 202, 200)
        case effects.Echo():
            return events.HungUp()
        case effects.SendMessage(started):
            return events.MessageQueued(started, "SM1", "queued")
        case (
            effects.Speak(started)
            | effects.PlayUrl(started)
            | effects.PlayDigits(started)
            | effects.Beep(started)
        ):
            return events.Played(started)


def carriers() -> list[ast.Module]:
    """Return the modules that carry effects out: the interpreter, and those outside of it that know them."""
    inside = SOURCE / "twiml"
    paths = (path for path in SOURCE.rglob("*.py") if inside not in path.parents)
    texts = [path.read_text() for path in (inside / "frame.py", *paths)]
    return [ast.parse(text) for text in texts if "offhook.twiml" in text and "effects" in text]


def test_every_field_of_an_effect_is_read_by_who_carries_it_out() -> None:
    read: set[str] = set()
    taken_apart: dict[str, int] = {}
    for node in (node for module in carriers() for node in ast.walk(module)):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()):
                read.add(name)
            case ast.MatchClass(cls=ast.Attribute(attr=name) | ast.Name(id=name), patterns=patterns):
                taken_apart[name] = max(taken_apart.get(name, 0), len(patterns))
                read.update(node.kwd_attrs)
    kinds: tuple[type[Any], ...] = (*get_args(Effect), *get_args(effects.DialTarget), effects.StatusCallback)
    for kind in kinds:
        others = fields(kind)[taken_apart.get(kind.__name__, 0) :]
        unread = [each.name for each in others if each.name not in read | NOT_CARRIED_OUT]
        assert unread == [], f"nobody reads these of {kind.__name__}"

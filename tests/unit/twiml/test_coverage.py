"""The vocabulary against the official library's, and the table of what works against the code."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from twilio.twiml import TwiML, messaging_response, voice_response  # type: ignore[import-untyped]

from offhook.twiml.attributes import table
from offhook.twiml.document import Element, parse
from offhook.twiml.messaging import VERBS as MESSAGING_VERBS
from offhook.twiml.nouns import NOUNS
from offhook.twiml.nouns.rooms import ROOMS
from offhook.twiml.schema import MESSAGING, VOICE, Dialect, warnings
from offhook.twiml.verbs import VERBS

ROOT = Path(__file__).parents[3]
ROOTS = {"Response", "VoiceResponse", "MessagingResponse"}
WITHOUT_ATTRIBUTE = {"self", "kwargs"}


def elements(module: ModuleType, dialect: Dialect) -> list[Element]:
    """Return each element the official library knows, with all attributes it can be given."""
    found = []
    for name, kind in inspect.getmembers(module, inspect.isclass):
        written: Any = kind
        if issubclass(kind, TwiML) and kind is not TwiML and name not in ROOTS:
            given = {
                parameter: "1"
                for parameter in inspect.signature(kind.__init__).parameters
                if parameter not in WITHOUT_ATTRIBUTE
            }
            xml = written(**given).to_xml(xml_declaration=False)
            (element,) = parse(f"<Response>{xml}</Response>", "text/xml").verbs
            is_verb = element.name in dialect.verbs or element.name in dialect.unbuilt
            found.append(element if is_verb else Element(next(iter(dialect.verbs)), content=(element,)))
    return found


@pytest.mark.parametrize(
    ("module", "dialect"),
    [(voice_response, VOICE), (messaging_response, MESSAGING)],
    ids=["voice", "messaging"],
)
def test_all_that_the_official_library_writes_is_known(module: ModuleType, dialect: Dialect) -> None:
    known = elements(module, dialect)
    assert len(known) >= (50 if dialect is VOICE else 4)
    for element in known:
        document = parse("<Response/>", "text/xml")
        root = Element("Response", content=(element,))
        assert warnings(type(document)(None, root), dialect) == [], element


@pytest.mark.parametrize(
    "part", [*VERBS.values(), *NOUNS.values(), *ROOMS.values(), *MESSAGING_VERBS.values()]
)
def test_every_default_is_a_value_that_may_be_written(part: type) -> None:
    for row in table(part).values():
        default = row.default
        if default is None:
            continue
        written = " ".join(default) if isinstance(default, tuple) else str(default)
        assert row.read(written) == default, row


def test_the_table_of_what_works_is_up_to_date() -> None:
    checked = subprocess.run([sys.executable, ROOT / "scripts" / "coverage_twiml.py", "--check"], check=False)
    assert checked.returncode == 0, "run: python scripts/coverage_twiml.py"

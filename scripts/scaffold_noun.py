"""Scaffold a noun of `<Dial>`: `nouns/NAME.py`, its test, its row in `nouns/__init__.py`."""

from __future__ import annotations

from pathlib import Path
from string import Template

from scaffold_verb import Kind, write

NOUN = Template('''"""`<$name>`: whom it calls, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
$typing
${attribute_import}from offhook.twiml.effects import DialTarget
from offhook.twiml.noun import Noun
from offhook.twiml.turn import Turn


@dataclass(frozen=True, slots=True)
class $name(Noun):
    """What its text is; the units of its attributes."""

$attributes    def targets(self, turn: Turn) -> tuple[DialTarget, ...]:
        """The legs to dial."""
        return ()
''')

NOUN_TEST = Template('''"""<$name> in <Dial>.

| attribute | default | bad value |
|---|---|---|
$rows"""

from __future__ import annotations

from tests.unit.twiml.transcript import attribute_table, run

from offhook.twiml.effects import HangUp
from offhook.twiml.nouns.$module import $name


def test_attributes() -> None:
    assert attribute_table($name) == {}


def test_is_dialled() -> None:
    call = run("<Dial><$name/></Dial>")
    assert call.asked == [HangUp()]
''')


def scaffold(name: str, root: Path) -> list[Path]:
    """Write a noun, and return what was written."""
    return write(Kind("nouns", "NOUNS", NOUN, NOUN_TEST), name, root)

"""Scaffold a carrier of texts: `messaging/carriers/NAME.py`, its test, its row in `carriers/table.py`."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

CARRIERS = Path("src/offhook/messaging/carriers")
TESTS = Path("tests/unit/messaging")

CARRIER = Template('''"""The way out over $name: whom it reaches, in one sentence."""

from collections.abc import Sequence

from offhook.config import Settings
from offhook.messaging.carriers import OutgoingText, Reports
from offhook.messaging.outcomes import UNKNOWN_ERROR
from offhook.store.store import Store


class ${name}Carrier:
    """What it connects to, and when a text is accepted, refused or returned."""

    name = "$module"

    def start(self, reports: Reports) -> None:
        """Begin to connect, and tell `reports.available` when there is room."""
        self._reports = reports

    async def close(self) -> None:
        """Disconnect, and report what was not taken as returned."""

    async def serves(self, recipients: Sequence[str]) -> Sequence[bool]:
        """For each recipient, whether this carrier is the way to it."""
        return [False] * len(recipients)

    def room(self) -> int:
        """How many texts it would take now."""
        return 0

    def obstacle(self) -> str:
        """Why it takes nothing, in words; empty when it is only busy."""
        return "$name is not built"

    def hindrance(self) -> str:
        """Why it takes less than it is offered, in words; empty when it does not, or takes nothing."""
        return ""

    def submit(self, texts: Sequence[OutgoingText]) -> None:
        """Take texts; each is accepted, refused or returned in the end."""
        for text in texts:
            self._reports.refused(self.name, text, UNKNOWN_ERROR, "not built")


def configured(settings: Settings, store: Store) -> list[${name}Carrier]:
    """The carriers of a role."""
    return [${name}Carrier()]
''')

TEST = Template('''"""The carrier $name."""

from offhook.messaging.carriers import Carrier
from offhook.messaging.carriers.$module import ${name}Carrier


async def test_serves_nobody_yet() -> None:
    carrier: Carrier = ${name}Carrier()
    assert list(await carrier.serves(["+15551230000"])) == [False]
    assert carrier.room() == 0
''')


def scaffold(name: str, root: Path) -> list[Path]:
    """Write a carrier called `name`, and return what was written.

    Raises:
        ValueError: the name is not a class name, or there is one already.
    """
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]{1,40}", name):
        raise ValueError(f"{name!r} is not the name of a carrier, such as Whatsapp")
    module = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    source, test = root / CARRIERS / f"{module}.py", root / TESTS / f"test_{module}.py"
    if source.exists() or test.exists():
        raise ValueError(f"{source.relative_to(root)} or its test is there already")
    source.write_text(CARRIER.substitute(name=name, module=module))
    test.write_text(TEST.substitute(name=name, module=module))
    table = root / CARRIERS / "table.py"
    table.write_text(with_row(table.read_text(), module))
    return [source, test, table]


def with_row(text: str, module: str) -> str:
    """The table with one more carrier, asked before the last, which serves every number."""

    def imported(match: re.Match[str]) -> str:
        names = sorted({*match.group(1).split(", "), module})
        return f"from offhook.messaging.carriers import Carrier, {', '.join(names)}\n"

    text = re.sub(r"from offhook\.messaging\.carriers import Carrier, (.+)\n", imported, text)
    rows = re.findall(r"^    \w+\.configured,\n", text, re.MULTILINE)
    return text.replace(rows[-1], f"    {module}.configured,\n{rows[-1]}")

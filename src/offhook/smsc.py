"""An SMSC as an operator writes it down: `smpp://SYSTEM_ID:PASSWORD@HOST:PORT?…`, `smpps` for TLS.

What the parameters mean is in docs/configuration.md; the numbers are those of SMPP 3.4, chapter 5.2.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

EXAMPLE: Final = "expected smpp://SYSTEM_ID:PASSWORD@HOST:PORT"
DEFAULT_PORT: Final = 2775

BINDS: Final = ("transceiver", "transmitter", "pair")
ALPHABETS: Final = ("gsm7", "latin1", "ascii")
RECEIPT_IDS: Final = ("auto", "same", "hex", "decimal")


class SmscSettings(msgspec.Struct, frozen=True):
    """An SMSC that texts go to: where it is, the system_id to bind with, and what the contract with it says.

    Attributes:
        name: what its ids are kept under, and what timelines and logs call it; SYSTEM_ID unless given.
        bind: one of `BINDS`; a pair is a transmitter and a receiver.
        addr_ton, addr_npi, address_range: of the bind request.
        source_ton, source_npi, dest_ton, dest_npi: of every text, instead of what its numbers suggest.
        window: submit_sm that may wait for their response.
        rate, sender_rate: segments a second in all, and of each sender; None for no limit.
        response, enquire_link: seconds until a response is overdue, and of silence until the link is tested.
        alphabet: one of `ALPHABETS`: what data_coding 0 means there.
        receipt_ids: one of `RECEIPT_IDS`: how receipts write the ids of responses; `hex` is that they write
            in hexadecimal what the response wrote in decimal, `decimal` the other way.
        prefixes: what the numbers begin with that it serves; all numbers when empty.
        ca: a file of certificates to trust instead of the system's.
    """

    system_id: str
    password: str
    host: str
    port: int
    name: str = ""
    tls: bool = False
    ca: str = ""
    bind: str = "transceiver"
    system_type: str = ""
    service_type: str = ""
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""
    source_ton: int | None = None
    source_npi: int | None = None
    dest_ton: int | None = None
    dest_npi: int | None = None
    window: int = 500
    rate: float | None = None
    sender_rate: float | None = None
    response: float = 30.0
    enquire_link: float = 30.0
    alphabet: str = "gsm7"
    receipt_ids: str = "auto"
    prefixes: tuple[str, ...] = ()

    @property
    def carrier(self) -> str:
        """The name of the carrier that binds to it: the same however the host is spelt."""
        return f"smpp:{self.name or self.system_id}"


def _text(longest: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > longest or not text.isascii() or not text.isprintable():
            raise ValueError(f"at most {longest} printable ASCII characters")
        return text

    return read


def _name(text: str) -> str:
    if not 1 <= len(text) <= 40 or not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        raise ValueError("letters, digits, - and _ only, at most 40")
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text[:9]) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return read


def _one_of(words: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def _prefixes(text: str) -> tuple[str, ...]:
    prefixes = tuple(part.strip().lstrip("+ ") for part in text.split(","))
    if not all(prefix.isascii() and prefix.isdigit() for prefix in prefixes):
        raise ValueError("beginnings of numbers, separated by commas, such as +44,+49")
    return prefixes


_PARAMETERS: Final[dict[str, Callable[[str], Any]]] = {
    "name": _name,
    "bind": _one_of(BINDS),
    "system_type": _text(12),
    "service_type": _text(5),
    "addr_ton": _whole(0, 255),
    "addr_npi": _whole(0, 255),
    "address_range": _text(40),
    "source_ton": _whole(0, 255),
    "source_npi": _whole(0, 255),
    "dest_ton": _whole(0, 255),
    "dest_npi": _whole(0, 255),
    "window": _whole(1, 10_000),
    "rate": _number(0.01, 100_000),
    "sender_rate": _number(0.01, 100_000),
    "response": _number(1, 3600),
    "enquire_link": _number(1, 3600),
    "alphabet": _one_of(ALPHABETS),
    "receipt_ids": _one_of(RECEIPT_IDS),
    "prefixes": _prefixes,
    "ca": _text(4096),
}


def parse_smsc(text: str) -> SmscSettings:
    """Read one SMSC, undoing escapes.

    Raises:
        ValueError: one line that says what is wrong, without the password.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{error}; {EXAMPLE}") from None
    if parts.scheme not in ("smpp", "smpps") or not host or not parts.username or parts.path.strip("/"):
        raise ValueError(EXAMPLE)
    if port == 0:
        raise ValueError("port 0 cannot be called; name the peer's port")
    system_id, password = unquote(parts.username), unquote(parts.password or "")
    if len(system_id) > 15 or len(password) > 8 or not (system_id + password).isascii():
        raise ValueError("SYSTEM_ID has at most 15 ASCII characters, PASSWORD at most 8")
    if "\0" in system_id + password:
        raise ValueError("SYSTEM_ID and PASSWORD hold no NUL")
    values = _read_parameters(parts.query)
    tls = parts.scheme == "smpps"
    if "ca" in values and not tls:
        raise ValueError("ca is for smpps:// only")
    values.setdefault("name", system_id)
    return SmscSettings(system_id, password, host, DEFAULT_PORT if port is None else port, tls=tls, **values)


def parse_smscs(texts: Sequence[str]) -> tuple[SmscSettings, ...]:
    """Read several, whose names must differ.

    Raises:
        ValueError: see `parse_smsc`.
    """
    smscs = tuple(parse_smsc(text) for text in texts)
    names = [smsc.name for smsc in smscs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two SMSCs are called {name!r}; give each a name with ?name=")
    return smscs


def _read_parameters(query: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        read = _PARAMETERS.get(name)
        if read is None:
            raise ValueError(f"there is no parameter {name!r}; there are {', '.join(_PARAMETERS)}")
        if name in values:
            raise ValueError(f"{name} is given twice")
        try:
            values[name] = read(text)
        except ValueError as error:
            raise ValueError(f"{name} {text!r}: expected {error}") from None
    return values

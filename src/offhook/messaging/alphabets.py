"""The text in the octets of a short message, by its data_coding.

For 0 to 15 after the table of SMPP 3.4 (5.2.19), above that after the coding groups of 3GPP TS 23.038, section 4,
which SMSCs hand through.

What does not fit its coding is read as what it then most likely is, and is never shown as noise: octets that
are not text at all give None.
"""

import unicodedata
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from offhook.smpp.vocabulary import DataCoding
from offhook.sms import gsm7


class Alphabet(Enum):
    """What octets mean."""

    DEFAULT = auto()
    """Whatever the SMSC's default is."""
    ASCII = auto()
    BINARY = auto()
    LATIN_1 = auto()
    JIS = auto()
    CYRILLIC = auto()
    HEBREW = auto()
    UCS_2 = auto()
    MUSIC = auto()
    KANJI = auto()
    KOREAN = auto()
    COMPRESSED = auto()


_TABLE: Final[dict[int, Alphabet]] = {
    DataCoding.DEFAULT: Alphabet.DEFAULT,
    DataCoding.ASCII: Alphabet.ASCII,
    DataCoding.OCTETS: Alphabet.BINARY,
    DataCoding.LATIN_1: Alphabet.LATIN_1,
    DataCoding.OCTETS_COMMON: Alphabet.BINARY,
    DataCoding.JIS: Alphabet.JIS,
    DataCoding.CYRILLIC: Alphabet.CYRILLIC,
    DataCoding.HEBREW: Alphabet.HEBREW,
    DataCoding.UCS_2: Alphabet.UCS_2,
    DataCoding.PICTOGRAM: Alphabet.JIS,
    DataCoding.MUSIC: Alphabet.MUSIC,
    DataCoding.EXTENDED_KANJI: Alphabet.KANJI,
    DataCoding.KOREAN: Alphabet.KOREAN,
}

_GENERAL: Final = (Alphabet.DEFAULT, Alphabet.BINARY, Alphabet.UCS_2, Alphabet.DEFAULT)
"""By bits 3 and 2 of the general groups; the fourth is reserved, and read as the default then."""


def alphabet_of(data_coding: int) -> Alphabet:
    """The alphabet that a data_coding, 0 to 255, names."""
    if data_coding < 0x10:
        return _TABLE.get(data_coding, Alphabet.DEFAULT)
    match data_coding >> 4:
        case 0x1 | 0x2 | 0x3 | 0x4 | 0x5 | 0x6 | 0x7:
            # 00xx and 01xx: with a message class, compressed, or deleted by itself.
            return Alphabet.COMPRESSED if data_coding & 0x20 else _GENERAL[data_coding >> 2 & 3]
        case 0xE:
            # 1110: message waiting, in UCS-2; 1100 and 1101 are the same in the default alphabet.
            return Alphabet.UCS_2
        case 0xF:
            # 1111: a message class; bit 2 says 8-bit data.
            return Alphabet.BINARY if data_coding & 0x04 else Alphabet.DEFAULT
        case _:
            return Alphabet.DEFAULT


def decode(octets: bytes, data_coding: int, default: str = "gsm7") -> str | None:
    """The text, or None when these octets are none.

    Args:
        default: what data_coding 0 means to the SMSC: gsm7 (a septet an octet), latin1 or ascii.
    """
    alphabet = alphabet_of(data_coding)
    if alphabet is Alphabet.DEFAULT:
        text: str | None = _gsm7(octets) if default == "gsm7" else _eight_bit(octets)
    else:
        text = _DECODERS[alphabet](octets)
    return None if text is None else text.replace("\0", "")


def _gsm7(octets: bytes) -> str | None:
    """Septets; with an octet above 127 it cannot be those."""
    return gsm7.decode(octets) if octets.isascii() else _eight_bit(octets)


def _eight_bit(octets: bytes) -> str:
    """UTF-8 where it can be that, which Latin-1 that says something hardly ever can, else Latin-1."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _binary(octets: bytes) -> str | None:
    """8-bit data is whatever its user takes it for; most of what is sent so to a number is text."""
    text = _eight_bit(octets)
    return text if _is_readable(text) else None


def _ucs2(octets: bytes) -> str:
    if octets[:2] == b"\xff\xfe":
        return octets[2:].decode("utf-16-le", "replace")
    return octets.decode("utf-16-be", "replace").removeprefix("\ufeff")


def _one_byte(codec: str) -> Callable[[bytes], str | None]:
    return lambda octets: octets.decode(codec, "replace")


def _two_byte(shifted: str, *codecs: str) -> Callable[[bytes], str | None]:
    """Tries `codecs` in order. Seven-bit pairs without an escape are `shifted` to where EUC has them."""

    def read(octets: bytes) -> str | None:
        is_pairs = len(octets) % 2 == 0 and all(0x21 <= octet <= 0x7E for octet in octets)
        if octets and is_pairs:
            text = _strictly(bytes(octet | 0x80 for octet in octets), shifted)
            if text is not None:
                return text
        for codec in codecs:
            text = _strictly(octets, codec)
            if text is not None and _is_readable(text):
                return text
        return _binary(octets)

    return read


def _strictly(octets: bytes, codec: str) -> str | None:
    try:
        return octets.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_readable(text: str) -> bool:
    return all(c in "\r\n\t\f" or unicodedata.category(c) not in ("Cc", "Cn", "Co", "Cs") for c in text)


_DECODERS: Final[dict[Alphabet, Callable[[bytes], str | None]]] = {
    Alphabet.ASCII: _eight_bit,
    Alphabet.BINARY: _binary,
    Alphabet.LATIN_1: _one_byte("latin-1"),
    Alphabet.JIS: _two_byte("euc_jp", "iso2022_jp", "shift_jis", "euc_jp"),
    Alphabet.CYRILLIC: _one_byte("iso8859_5"),
    Alphabet.HEBREW: _one_byte("iso8859_8"),
    Alphabet.UCS_2: _ucs2,
    Alphabet.MUSIC: _two_byte("euc_jp", "iso2022_jp", "shift_jis"),
    Alphabet.KANJI: _two_byte("euc_jp", "iso2022_jp_1", "euc_jp", "shift_jis"),
    Alphabet.KOREAN: _two_byte("euc_kr", "cp949", "iso2022_kr"),
    Alphabet.COMPRESSED: lambda octets: None,
}

"""The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1), an octet for each septet.

SMPP carries septets unpacked with data_coding 0, so packing seven bits into eight is left to the SMSC.
"""

from typing import Final

_ESCAPE: Final = 0x1B

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)

_EXTENSION: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

_ENCODE_BASIC: Final = {ord(character): code for code, character in enumerate(_BASIC) if code != _ESCAPE}
_TRANSLATION: Final = _ENCODE_BASIC | {ord(c): f"\x1b{chr(code)}" for code, c in _EXTENSION.items()}
_ALPHABET: Final = frozenset(_BASIC.replace("\x1b", "")) | frozenset(_EXTENSION.values())
_EXTENDED: Final = frozenset(_EXTENSION.values())


def encodable(text: str) -> bool:
    """Whether the alphabet and its extension hold every character of the text."""
    return _ALPHABET.issuperset(text)


def septets(text: str) -> int:
    """The septets an encodable text takes: two for a character of the extension table."""
    return len(text) if _EXTENDED.isdisjoint(text) else len(text) + sum(c in _EXTENDED for c in text)


def encode(text: str) -> bytes:
    """The septets of the text, one an octet.

    Raises:
        ValueError: the alphabet does not hold a character of it.
    """
    if not encodable(text):
        raise ValueError("the text has a character outside the GSM 7-bit alphabet")
    return text.translate(_TRANSLATION).encode("latin-1")


def decode(octets: bytes) -> str:
    """The text of septets, one an octet.

    As the specification asks of a receiver, an escape before an unknown code shows the basic character of
    that code, and an escape at the very end, or followed by another, shows a space; an octet above 127
    becomes U+FFFD.
    """
    if _ESCAPE not in octets:
        return "".join([_BASIC[octet] if octet < 128 else "�" for octet in octets])
    return "".join(_decode_escaped(octets))


def _decode_escaped(octets: bytes) -> list[str]:
    characters: list[str] = []
    escaped = False
    for octet in octets:
        if octet == _ESCAPE:
            if escaped:
                characters.append(" ")
            escaped = not escaped
            continue
        basic = _BASIC[octet] if octet < 128 else "�"
        characters.append(_EXTENSION.get(octet, basic) if escaped else basic)
        escaped = False
    if escaped:
        characters.append(" ")
    return characters

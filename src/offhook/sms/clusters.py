"""Extended grapheme clusters (Unicode Standard Annex 29, section 3.1.1), as far as texts need them.

A cluster is the code points that are read as one character: an emoji of a family, a flag, a letter with its accents.

Left out are the rules for Indic conjuncts and for prepended marks, and that a carriage return and its line feed
stay together, which Twilio's calculator of segments cuts too.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

_JOINER: Final = "\u200d"
_EXTENDING: Final = frozenset({"Mn", "Me", "Mc"})


def clusters(text: str) -> Iterator[str]:
    """The text in pieces that are not to be cut; joined they are the text."""
    start = 0
    flags = 0
    for index in range(1, len(text)):
        before, after = text[index - 1], text[index]
        flags = flags + 1 if _is_flag(before) else 0
        if not _are_joined(before, after, flags):
            yield text[start:index]
            start, flags = index, 0
    if text:
        yield text[start:]


def _are_joined(before: str, after: str, flags: int) -> bool:
    """Whether there is no boundary between two code points.

    `flags` counts the regional indicators in a row that end with `before`.
    """
    if before < "\u0300" and after < "\u0300":
        return False
    if _is_extending(after):
        return before not in "\r\n"
    if before == _JOINER:
        return unicodedata.category(after) == "So" or after > "\uffff"
    if _is_flag(before) and _is_flag(after):
        return flags % 2 == 1
    return _is_syllable(before, after)


def _is_extending(character: str) -> bool:
    """Marks, joiners, variation selectors, skin tones and tags."""
    return (
        unicodedata.category(character) in _EXTENDING
        or character in ("\u200c", _JOINER)
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_syllable(before: str, after: str) -> bool:
    """Conjoining Hangul: a leading consonant, a vowel, and a trailing consonant (GB6 to GB8)."""
    vowel = "\u1160" <= after <= "\u11a7"
    trailing = "\u11a8" <= after <= "\u11ff"
    if "\u1100" <= before <= "\u115f":
        return "\u1100" <= after <= "\u11a7" or "\uac00" <= after <= "\ud7a3"
    if "\uac00" <= before <= "\ud7a3":
        is_open = (ord(before) - 0xAC00) % 28 == 0
        return trailing or (vowel and is_open)
    return ("\u1160" <= before <= "\u11a7" and (vowel or trailing)) or (
        "\u11a8" <= before <= "\u11ff" and trailing
    )

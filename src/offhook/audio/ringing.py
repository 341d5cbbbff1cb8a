"""Ringing tones by country (ITU-T E.180, Supplement 2): what a caller hears while the other party's telephone rings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Ring:
    """One period: tones of the frequencies `hz`, alternately on and off for so many milliseconds."""

    hz: tuple[float, ...]
    cadence: tuple[int, ...]


_DOUBLE: Final = (400, 200, 400, 2000)

RINGING: Final[Mapping[str, Ring]] = {
    "at": Ring((420.0,), (1000, 5000)),
    "au": Ring((413.0, 438.0), _DOUBLE),
    "be": Ring((425.0,), (1000, 3000)),
    "bg": Ring((425.0,), (1000, 4000)),
    "br": Ring((425.0,), (1000, 4000)),
    "ch": Ring((425.0,), (1000, 4000)),
    "cl": Ring((400.0,), (1000, 3000)),
    "cn": Ring((450.0,), (1000, 4000)),
    "cz": Ring((425.0,), (1000, 4000)),
    "de": Ring((425.0,), (1000, 4000)),
    "dk": Ring((425.0,), (1000, 4000)),
    "ee": Ring((425.0,), (1000, 4000)),
    "es": Ring((425.0,), (1500, 3000)),
    "fi": Ring((425.0,), (1000, 4000)),
    "fr": Ring((440.0,), (1500, 3500)),
    "gr": Ring((425.0,), (1000, 4000)),
    "hu": Ring((425.0,), (1250, 3750)),
    "il": Ring((400.0,), (1000, 3000)),
    "in": Ring((375.0, 425.0), _DOUBLE),
    "it": Ring((425.0,), (1000, 4000)),
    "jp": Ring((384.0, 416.0), (1000, 2000)),
    "lt": Ring((425.0,), (1000, 4000)),
    "mx": Ring((425.0,), (1000, 4000)),
    "my": Ring((425.0,), _DOUBLE),
    "nl": Ring((425.0,), (1000, 4000)),
    "no": Ring((425.0,), (1000, 4000)),
    "nz": Ring((400.0, 450.0), _DOUBLE),
    "ph": Ring((425.0, 480.0), (1000, 4000)),
    "pl": Ring((425.0,), (1000, 4000)),
    "pt": Ring((425.0,), (1000, 5000)),
    "ru": Ring((425.0,), (800, 3200)),
    "se": Ring((425.0,), (1000, 5000)),
    "sg": Ring((401.0, 449.0), _DOUBLE),
    "th": Ring((400.0,), (1000, 4000)),
    "tw": Ring((440.0, 480.0), (1000, 2000)),
    "uk": Ring((400.0, 450.0), (400, 200, 400, 2000)),
    "us": Ring((440.0, 480.0), (2000, 4000)),
    "us-old": Ring((400.0, 440.0), (2000, 4000)),
    "ve": Ring((425.0,), (1000, 4000)),
    "za": Ring((367.0, 433.0), _DOUBLE),
}
"""By ISO 3166-1 code in lower case, and what TwiML's `ringTone` has besides. One that is modulated is its two side
tones."""


def ring(country: str) -> Ring:
    """The ringing tone of a country; the North American one where there is none of its own."""
    return RINGING.get(country.lower(), RINGING["us"])

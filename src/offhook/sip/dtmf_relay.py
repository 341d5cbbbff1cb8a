"""Digits in an INFO's body: application/dtmf-relay and application/dtmf, of no RFC but in many gateways."""

from __future__ import annotations

import re

MEDIA_TYPES = ("application/dtmf-relay", "application/dtmf")
"""Media types of INFO bodies that are taken."""

_SIGNAL = re.compile(rb"^\s*signal\s*=\s*([0-9A-Da-d*#]|1[0-5])\s*$", re.IGNORECASE | re.MULTILINE)
_DURATION = re.compile(rb"^\s*duration\s*=\s*([0-9]{1,5})\s*$", re.IGNORECASE | re.MULTILINE)
_BARE = re.compile(rb"\s*([0-9A-Da-d*#]|1[0-5])\s*")

_BY_EVENT = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
_DEFAULT_MILLISECONDS = 100


def parse(content_type: str, body: bytes) -> tuple[str, int] | None:
    """The digit (0-9, *, #, A-D) and its length in milliseconds; None when the body holds none."""
    body = body[:256]
    match = _SIGNAL.search(body) if content_type == "application/dtmf-relay" else _BARE.fullmatch(body)
    if match is None:
        return None
    signal = match[1].decode().upper()
    duration = _DURATION.search(body)
    return _BY_EVENT.get(signal, signal), int(duration[1]) if duration else _DEFAULT_MILLISECONDS

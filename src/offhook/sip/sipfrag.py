"""A fragment of a SIP message, as the NOTIFY of a REFER carries it: a status line (RFC 3420, RFC 3515)."""

from __future__ import annotations

import re

SIPFRAG = "message/sipfrag"
CONTENT_TYPE = "message/sipfrag;version=2.0"

# Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF. The reason may be left out, as some phones do.
_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})(?: ([^\r\n]{0,200}))?")


def status_line(status: int, reason: str) -> bytes:
    """The body that tells of a response."""
    return f"SIP/2.0 {status} {reason}\r\n".encode()


def read_status(body: bytes) -> tuple[int, str] | None:
    """The status and reason that a body tells of; None when it does not begin with a status line."""
    match = _STATUS_LINE.match(body)
    return None if match is None else (int(match[1]), (match[2] or b"").decode(errors="replace").strip())

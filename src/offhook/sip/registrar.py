"""The registrar's bindings: RFC 3261 section 10.3."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.sip.flow import Flow
from offhook.sip.uri import Uri


@dataclass(frozen=True, slots=True)
class Binding:
    """One Contact of an address of record.

    `flow` is how the REGISTER came: send requests for `contact` there, it works through NAT too.
    """

    contact: Uri
    flow: Flow
    q: float
    expires_at: float
    call_id: str
    cseq: int
    user_agent: str

"""The two exceptions of every protocol core: the peer broke the protocol, or we did. Pure."""

from __future__ import annotations


class RemoteProtocolError(Exception):
    """The peer sent something that its protocol forbids.

    Attributes:
        status: the status to answer with (a SIP status, an SMPP command status…), or None to drop it.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class LocalProtocolError(Exception):
    """Our own code asked a protocol core for something that the protocol forbids: a defect here."""

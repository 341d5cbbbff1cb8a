"""Ways out: what a carrier is.

A carrier is a file here with a class that satisfies `Carrier`, and a row in `table`. It moves texts and tells
`Reports` what became of them; it knows nothing of messages' rows, prices or webhooks.
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct


class OutgoingText(Struct, frozen=True, gc=False):
    """A text to send.

    Attributes:
        expires: when its validity ends, on the event loop's clock.
        taken: the ids of the segments that a carrier took before, None for those that none has; shorter than
            the text when it ends in such.
    """

    sid: str
    sender: str
    recipient: str
    body: str
    expires: float = math.inf
    taken: tuple[str | None, ...] = ()


class IncomingText(Struct, frozen=True, gc=False):
    """A text from outside. `segments` is how many parts of it came, `missing` how many did not."""

    sender: str
    recipient: str
    body: str
    segments: int = 1
    missing: int = 0


class DeliveryReport(Struct, frozen=True, gc=False):
    """What became of a text, or of one segment of it, after the carrier took it.

    Attributes:
        carrier_id: one of the ids given to `Reports.accepted`.
        state: the centre's word, such as DELIVRD.
        final: whether more is not to be expected; what is not final, or not understood, is only noted.
        error_code: None when it was delivered, else the 30xxx that says why it was not.
        error: the network's own error code, as it wrote it.
        done_at: when, by the carrier's clock, as it wrote it (YYMMDDhhmm).
    """

    carrier_id: str
    state: str
    final: bool = True
    error_code: int | None = None
    error: str = ""
    done_at: str = ""


class Reports(Protocol):
    """What a carrier tells the node. All but `incoming` take note and return at once."""

    def accepted(self, carrier: str, text: OutgoingText, carrier_ids: Sequence[str]) -> None:
        """The carrier took every segment of the text, under these ids, in order (those of `text.taken` included)."""

    def refused(self, carrier: str, text: OutgoingText, error_code: int, detail: str) -> None:
        """The carrier will never take the text."""

    def deferred(
        self, carrier: str, text: OutgoingText, ids: Sequence[str | None], detail: str, seconds: float | None
    ) -> None:
        """The carrier keeps the text and tries again, after `seconds` if it knows; `ids` of segments it has taken."""

    def returned(
        self, carrier: str, text: OutgoingText, ids: Sequence[str | None], written: bool, detail: str
    ) -> None:
        """The text is to be sent again, but for the segments that have an id.

        If `written`, nobody knows of the others whether they were taken.
        """

    def reported(self, carrier: str, report: DeliveryReport, settled: Callable[[], None]) -> None:
        """A delivery receipt came; `settled` is called when it is committed, and may be acknowledged."""

    def available(self, carrier: str) -> None:
        """The carrier has room for texts, after it had none."""

    async def incoming(self, text: IncomingText) -> None:
        """A text came in. Returns when it is committed: only then may the carrier acknowledge it.

        Raises:
            UnknownRecipientError: no account owns the number it was sent to.
        """


class UnknownRecipientError(Exception):
    """No account of the platform owns the number that a text came in for."""


class Carrier(Protocol):
    """A way out for texts. `name` is kept beside the ids it gives, which are unique within it for ever."""

    name: str

    def start(self, reports: Reports) -> None:
        """Begin to connect, without waiting for it."""

    async def close(self) -> None:
        """Stop in an orderly way. Texts that were not taken are reported as returned."""

    async def serves(self, recipients: Sequence[str]) -> Sequence[bool]:
        """For each recipient, whether this carrier is the way to it."""

    def room(self) -> int:
        """How many texts it would take now; 0 while it is down, so that texts stay queued."""

    def obstacle(self) -> str:
        """Why it takes nothing, for the timeline of a text that waits; empty when it is only busy."""

    def hindrance(self) -> str:
        """Why it takes less than it is offered, for the operator; empty when it does not, or takes nothing."""

    def submit(self, texts: Sequence[OutgoingText]) -> None:
        """Take texts; each is accepted, refused or returned in the end."""

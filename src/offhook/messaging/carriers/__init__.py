"""Ways out: what a carrier is, and the table of those there are, in the order in which they are asked.

A carrier is a file here with a class that satisfies `Carrier`, and a row in `CARRIERS`. It moves texts and
reports what became of them to `Reports`; it knows nothing of rows, prices or webhooks.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class OutgoingText(Struct, frozen=True, gc=False):
    """A text to send. `attempt` counts from 1; the message ref of its segments follows from `sid`, the same
    each time.
    """

    sid: str
    account_sid: str
    sender: str
    recipient: str
    body: str
    attempt: int = 1


class IncomingText(Struct, frozen=True, gc=False):
    """A text from outside, whole. `segments` is how many parts it came in."""

    sender: str
    recipient: str
    body: str
    segments: int = 1


class DeliveryReport(Struct, frozen=True, gc=False):
    """What became of a text (or one segment of it) after the carrier took it.

    Attributes:
        carrier_id: the carrier's own id of it, one of those given to `Reports.accepted`.
        delivered: whether it arrived; `error_code` (30xxx) says why it did not.
        done_at: when, by the carrier's clock, as it wrote it.
        detail: the carrier's own words, for the timeline.
    """

    carrier_id: str
    delivered: bool
    error_code: int | None
    done_at: str
    detail: str


class Reports(Protocol):
    """What a carrier tells the node. All but `incoming` only take note and return at once."""

    def accepted(self, text: OutgoingText, carrier_ids: tuple[str, ...]) -> None:
        """The carrier took every segment of the text, under these ids (none, when it gives none)."""

    def refused(self, text: OutgoingText, error_code: int, detail: str) -> None:
        """The carrier will never take the text."""

    def returned(self, text: OutgoingText, detail: str) -> None:
        """The text was not sent, or nobody knows; it is to be sent again."""

    def reported(self, report: DeliveryReport) -> None:
        """A delivery receipt came."""

    def note(self, text: OutgoingText, name: str, detail: dict[str, object]) -> None:
        """Something for the text's timeline."""

    async def incoming(self, text: IncomingText) -> None:
        """A text came in. Returns when it is committed: only then may the carrier acknowledge it.

        Raises:
            UnknownRecipientError: no account owns the number it was sent to.
        """


class UnknownRecipientError(Exception):
    """No account of the platform owns the number that a text came in for."""


class Carrier(Protocol):
    """A way out for texts."""

    name: str

    async def start(self) -> None:
        """Begin connecting; returns without waiting for it."""

    async def close(self) -> None:
        """Stop in an orderly way. Texts under way are reported as returned."""

    async def serves(self, recipients: Sequence[str]) -> Sequence[bool]:
        """For each recipient, whether this carrier is the way to it."""

    def room(self) -> int:
        """How many texts it would take now; 0 while it is down, so that texts stay queued."""

    def submit(self, texts: Sequence[OutgoingText]) -> None:
        """Take texts, at most `room()` of them; each ends in one of `Reports`' first three."""

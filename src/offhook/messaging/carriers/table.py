"""The carriers there are, in the order in which they are asked whether they are the way to a recipient."""

from collections.abc import Callable, Sequence
from typing import Final

from offhook.config import Settings
from offhook.messaging.carriers import Carrier, loopback, smpp
from offhook.store.store import Store

CARRIERS: Final[tuple[Callable[[Settings, Store], Sequence[Carrier]], ...]] = (
    loopback.configured,
    smpp.configured,
)
"""Each makes its carriers from a role's settings. The last are the way to every number."""

"""What every resource works with: the settings, the store and the bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.config import Settings
from offhook.store.store import Store

if TYPE_CHECKING:
    from offhook.bus.nats import Bus


@dataclass(frozen=True, slots=True)
class Services:
    """The platform as a resource sees it."""

    settings: Settings
    store: Store
    bus: Bus

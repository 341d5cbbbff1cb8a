"""What every resource works with: the settings, the store, the bus and the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.config import Settings
from offhook.store.disk import Disk
from offhook.store.store import Store

if TYPE_CHECKING:
    from offhook.bus.nats import Bus


@dataclass(frozen=True, slots=True)
class Services:
    """The platform as a resource sees it."""

    settings: Settings
    store: Store
    bus: Bus
    disk: Disk

"""What every resource works with: the settings, the store, the bus and the disk."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from offhook.config import Settings
from offhook.store.disk import Disk
from offhook.store.store import Store

if TYPE_CHECKING:
    from offhook.bus.nats import Bus


@dataclass(frozen=True, slots=True)
class Services:
    """The platform as a resource sees it.

    `closing` is set when the process is about to end, so that answers without an end of their own get one.
    """

    settings: Settings
    store: Store
    bus: Bus
    disk: Disk
    closing: asyncio.Event = field(default_factory=asyncio.Event)

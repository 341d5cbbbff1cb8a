"""The nouns of `<Dial>` that are no legs to call, but rooms where others are."""

from __future__ import annotations

from offhook.twiml.nouns.conference import Conference
from offhook.twiml.nouns.queue import Queue

ROOMS: dict[str, type[Conference] | type[Queue]] = {
    "Conference": Conference,
    "Queue": Queue,
}

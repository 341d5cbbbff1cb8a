"""What the SIP endpoint reports, to whom it concerns: a live call, whoever admits new ones, or the registrar."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from offhook.clock import monotonic
from offhook.sip import events as sip
from offhook.voice.inbound import Inbound
from offhook.voice.phones import Phones
from offhook.voice.refusals import Refusals
from offhook.voice.switchboard import Switchboard

logger = logging.getLogger(__name__)


class SipEvents:
    """Takes the endpoint's events. It hears nothing until it is told whom to `serve`."""

    _switchboard: Switchboard
    _inbound: Inbound
    _phones: Phones

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, switchboard: Switchboard, inbound: Inbound, phones: Phones) -> None:
        """Pass events on to these."""
        self._switchboard, self._inbound, self._phones = switchboard, inbound, phones

    def take(self, happened: list[sip.Event]) -> None:
        """Events of the endpoint, in order."""
        for event in happened:
            try:
                self._take(event)
            except Exception:
                logger.exception("a SIP event could not be handled")

    def _take(self, event: sip.Event) -> None:
        match event:
            case sip.SipMessageLog():
                self._switchboard.on_message(event)
            case sip.IncomingInvite():
                self._start(self._inbound.admit(event))
            case sip.RegisterRequest():
                self._start(self._phones.register(event))
            case sip.Refused():
                self._refusals.note(event.flow, event.method, event.status, event.reason, monotonic())
            case _:
                if not self._switchboard.on_leg(event) and isinstance(event, sip.Cancelled | sip.Ended):
                    self._inbound.given_up(event.leg)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

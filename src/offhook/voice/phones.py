"""SIP phones that register: each proves that it is one of the platform's users before its contact is taken."""

from __future__ import annotations

import logging

from offhook.clock import monotonic
from offhook.errors import RemoteProtocolError
from offhook.sip.events import RegisterRequest
from offhook.voice.exchange import Exchange

logger = logging.getLogger(__name__)


class Phones:
    """The shell of the registrar, whose bindings the SIP endpoint keeps."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._endpoint = exchange.transports.endpoint

    async def register(self, event: RegisterRequest) -> None:
        """Challenge, refuse or take a REGISTER. A user registers its own address of record only."""
        try:
            await self._register(event)
        except RemoteProtocolError as error:
            logger.info("REGISTER from %s refused: %s", event.flow.remote.host, error)
            self._endpoint.reject(event.request_id, 400, monotonic())
        except Exception:
            logger.exception("REGISTER failed")
            self._endpoint.reject(event.request_id, 500, monotonic())
        self._exchange.transports.flush()

    async def _register(self, event: RegisterRequest) -> None:
        credential = await self._exchange.inbound.authenticate(event.request)
        if credential is None:
            self._endpoint.challenge(event.request_id, monotonic())
        elif event.request.to.uri.user_text != credential.username:
            self._endpoint.reject(event.request_id, 403, monotonic())
        else:
            self._endpoint.accept_register(event.request_id, credential.username, monotonic())

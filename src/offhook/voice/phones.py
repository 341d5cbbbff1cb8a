"""SIP phones that register: each proves that it is one of the platform's users before its contact is taken."""

from __future__ import annotations

import logging
from datetime import timedelta

import asyncpg

from offhook.clock import monotonic, utcnow
from offhook.errors import RemoteProtocolError
from offhook.signalling.transports import SipTransports
from offhook.sip.events import RegisterRequest
from offhook.sip.flow import UDP, Address
from offhook.sip.registrar import Binding
from offhook.sip.uri import parse_uri
from offhook.store.database import DatabaseUnavailableError
from offhook.store.records import RegistrationRecord, SipCredentialRecord
from offhook.voice.inbound import Inbound
from offhook.voice.services import Services

logger = logging.getLogger(__name__)


_LONGEST = 7_200.0
"""Bindings that were written down are older than any that are made now (seconds)."""


class Phones:
    """The shell of the registrar, whose bindings the SIP endpoint keeps."""

    def __init__(self, services: Services, inbound: Inbound) -> None:
        self._services = services
        self._inbound = inbound
        self._endpoint = services.transports.endpoint

    async def register(self, event: RegisterRequest) -> None:
        """Challenge, refuse or take a REGISTER. A user registers its own address of record only."""
        try:
            await self._register(event)
        except RemoteProtocolError as error:
            self._refuse(event, 400, str(error))
        except Exception:
            logger.exception("REGISTER failed")
            self._refuse(event, 500, "see the error above")
        self._services.transports.flush()

    async def _register(self, event: RegisterRequest) -> None:
        request = event.request
        credential = await self._inbound.authenticate(request, event.flow)
        if credential is None:
            self._endpoint.challenge(event.request_id, monotonic())
            if request.get("Authorization") is not None:
                self._note(event, 401, "user or password is wrong, or the nonce is old")
        elif request.to.uri.user_text != credential.username:
            self._refuse(event, 403, "a phone registers its own user only")
        else:
            self._endpoint.accept_register(event.request_id, credential.username, monotonic())
            self._services.transports.flush()
            if request.get("Contact") is not None:
                await self._write_down(credential)

    def _refuse(self, event: RegisterRequest, status: int, why: str) -> None:
        self._endpoint.reject(event.request_id, status, monotonic())
        self._note(event, status, why)

    def _note(self, event: RegisterRequest, status: int, why: str) -> None:
        self._services.refusals.note(event.flow, "REGISTER", status, why, monotonic())

    # Bindings outlive this process, but for those over connections, which end with it.

    async def restore(self) -> None:
        """Take over what an earlier life of this node wrote down."""
        now, wall = monotonic(), utcnow()
        for record in await self._services.store.registrations.of_node(self._services.settings.node):
            remaining = (record.expires_at - wall).total_seconds()
            try:
                binding = _binding(record, now + remaining, self._services.transports)
            except (RemoteProtocolError, KeyError, TypeError, ValueError) as error:
                logger.warning("a phone's binding cannot be read: %s", error)
                continue
            self._endpoint.restore_binding(record.aor, binding)

    async def _write_down(self, credential: SipCredentialRecord) -> None:
        """Keep the bindings of a user; a phone that cannot be written down is registered all the same."""
        now, wall = monotonic(), utcnow()
        node = self._services.settings.node
        kept = [
            RegistrationRecord(
                aor=credential.username,
                contact=str(binding.contact),
                account_sid=credential.account_sid,
                flow={"transport": binding.flow.transport, "host": binding.flow.remote.host}
                | {"port": binding.flow.remote.port},
                expires_at=wall + timedelta(seconds=binding.expires_at - now),
                call_id=binding.call_id,
                cseq=binding.cseq,
                q=binding.q,
                user_agent=binding.user_agent,
                node=node,
            )
            for binding in self._endpoint.bindings(credential.username, now)
            if not binding.flow.reliable
        ]
        try:
            await self._services.store.registrations.replace(credential.username, node, kept)
        except (DatabaseUnavailableError, asyncpg.PostgresError) as error:
            logger.warning("a phone's bindings could not be written, a restart will lose them: %s", error)


def _binding(record: RegistrationRecord, expires_at: float, transports: SipTransports) -> Binding:
    """A binding as it was written down. Raises RemoteProtocolError, KeyError, TypeError or ValueError."""
    remote = Address(str(record.flow["host"]), int(record.flow["port"]))
    return Binding(
        contact=parse_uri(record.contact),
        flow=transports.flow(UDP, remote),
        q=record.q,
        registered_at=expires_at - _LONGEST,
        expires_at=expires_at,
        call_id=record.call_id,
        cseq=record.cseq,
        user_agent=record.user_agent,
    )

"""Admitting an inbound INVITE: who calls, which number of whose account, and the call that comes of it.

An INVITE from the trunk (or our own) is a call to a number; one from anywhere else is a phone's, which has to
prove who it is. Our own may be to an application (``<Dial><Application>``), and says what its webhooks are told. What
is admitted becomes a row before its TwiML is asked for.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from offhook.calls import events
from offhook.calls.call import Call
from offhook.calls.request import CallRequest
from offhook.calls.status import CallStatus, Direction
from offhook.clock import monotonic, new_sid, utcnow
from offhook.errors import RemoteProtocolError
from offhook.media.client import MediaError
from offhook.numbers import as_e164
from offhook.sdp.negotiate import NotAcceptable
from offhook.sip.digest import Password
from offhook.sip.events import IncomingInvite
from offhook.sip.flow import Flow
from offhook.sip.message import Request
from offhook.sip.uri import Uri
from offhook.store.database import DatabaseUnavailableError
from offhook.store.disk import RETRY_AFTER_SECONDS, Disk, DiskFullError
from offhook.store.records import ApplicationRecord, CallRecord, NumberRecord, SipCredentialRecord
from offhook.twiml.entry import CallFacts, Entry, EntryPoint, method_of
from offhook.voice import journal, notes
from offhook.voice.calls import Calls
from offhook.voice.leg import MAX_FORWARDS, Leg
from offhook.voice.routing import APPLICATION_HEADER
from offhook.voice.services import Services

logger = logging.getLogger(__name__)

_MAX_PROVEN = 10_000


@dataclass(frozen=True, slots=True)
class _Called:
    """Who is called, and whose URLs answer. `params`: what its webhooks say besides the standard parameters."""

    from_: str
    to: str
    answering: NumberRecord | ApplicationRecord
    number_sid: str | None = None
    params: tuple[tuple[str, str], ...] = ()

    @property
    def application_sid(self) -> str | None:
        """The application that answers."""
        return self.answering.sid if isinstance(self.answering, ApplicationRecord) else None


class Inbound:
    """Turns INVITEs into calls."""

    def __init__(self, services: Services, calls: Calls, disk: Disk) -> None:
        self._services = services
        self._calls = calls
        self._disk = disk
        self._endpoint = services.transports.endpoint
        self._admitting: set[int] = set()
        # Hosts from which somebody has proved to be one of our phones.
        self._proven: set[str] = set()

    def given_up(self, leg: int) -> None:
        """The caller has gone before its INVITE was admitted."""
        self._admitting.discard(leg)

    async def admit(self, invite: IncomingInvite) -> None:
        """Refuse an INVITE, or make it a call."""
        self._admitting.add(invite.leg)
        try:
            await self._admit(invite)
        except (RemoteProtocolError, ValueError) as error:
            self._refuse(invite, 400, str(error))
        except DatabaseUnavailableError as error:
            self._refuse(invite, 503, str(error), retry_after=RETRY_AFTER_SECONDS)
        except Exception:
            logger.exception("INVITE could not be admitted")
            self._refuse(invite, 500, "see the error above")
        finally:
            self._admitting.discard(invite.leg)

    async def _admit(self, invite: IncomingInvite) -> None:
        request = invite.request
        phone: SipCredentialRecord | None = None
        routing = self._services.routing
        if routing.trunks.recognise(invite.flow) is None and not routing.is_our_own(request):
            phone = await self.authenticate(request, invite.flow)
            if phone is None:
                self._challenge(invite)
                return
        if invite.replaces is not None:
            self._replace(invite, invite.replaces, phone)
            return
        if routing.is_our_own(request) and (told := request.get(APPLICATION_HEADER)) is not None:
            called = await self._application(request.request_uri.user_text, told)
        else:
            called = await self._number(invite, phone)
        if called is None:
            self._refuse(invite, 404, "the number called is not one of the platform's")
            return
        await self._connect(invite, called)

    async def _application(self, sid: str, told: str) -> _Called | None:
        """An application that ``<Dial>`` calls, unless it has been deleted since."""
        application = await self._services.store.applications.cached.get(sid)
        if application is None:
            return None
        (_, caller), (_, to), *params = parse_qsl(told, keep_blank_values=True)
        return _Called(caller, to, application, params=tuple(params))

    async def _number(self, invite: IncomingInvite, phone: SipCredentialRecord | None) -> _Called | None:
        """A number; a phone can call those of its account."""
        store, request = self._services.store, invite.request
        number = await store.numbers.cached.get(called_number(request.request_uri))
        if number is None or (phone is not None and number.account_sid != phone.account_sid):
            return None
        application = await store.applications.of_account(number.account_sid, number.voice_application_sid)
        answering = application or number
        if phone is None:
            shown = called_number(request.from_.uri)
            return _Called(shown, number.phone_number, answering, number.sid)
        shown = f"sip:{phone.username}@{request.from_.uri.host}"
        return _Called(shown, number.phone_number, answering, number.sid, _sip_params(invite))

    def _replace(self, invite: IncomingInvite, leg: int, phone: SipCredentialRecord | None) -> None:
        """Let the caller take the place of a leg: a phone that of its account's, a trunk any (RFC 3891 section 3)."""
        live = self._services.switchboard.of_leg(leg)
        if live is None or (phone is not None and phone.account_sid != live.account_sid):
            self._refuse(invite, 481, "there is no such call to replace")
            return
        if live.call.is_over:
            self._refuse(invite, 603, "the call to replace ends")
            return
        try:
            live.take_over(invite)
        except NotAcceptable as error:
            self._refuse(invite, 488, str(error))

    async def authenticate(self, request: Request, flow: Flow) -> SipCredentialRecord | None:
        """The phone that a request proves to come from, None when it does not."""
        username = self._endpoint.authorization_username(request)
        if username is None:
            return None
        record = await self._services.store.sip_credentials.find(username)
        password = Password(record.password) if record is not None else None
        if self._endpoint.verify(request, lambda _: password, monotonic()) is None:
            return None
        if len(self._proven) >= _MAX_PROVEN:
            self._proven.clear()
        self._proven.add(flow.remote.host)
        return record

    def _challenge(self, invite: IncomingInvite) -> None:
        """Ask who calls. To a phone that has proved itself before that is no refusal, only the usual first step."""
        credentials = invite.request.get("Authorization") is not None
        self._endpoint.challenge(invite.leg, monotonic())
        self._services.transports.flush()
        if credentials:
            self._refused(invite, 401, "user or password is wrong, or the nonce is old")
        elif invite.flow.remote.host not in self._proven:
            self._refused(invite, 401, self._services.routing.trunks.explain(invite.flow))
        else:
            self._forget(invite)

    async def _connect(self, invite: IncomingInvite, called: _Called) -> None:
        """Make the call: its leg, its row, then its TwiML."""
        services = self._services
        if self._disk.full():
            raise DiskFullError("the disk of the data directory is nearly full")
        account = await services.store.accounts.cached.get(called.answering.account_sid)
        if account is None or not account.is_active:
            self._refuse(invite, 403, "the account is not active")
            return
        services.streams.expect_speech()
        try:
            leg = await services.legs.open(invite.flow)
        except MediaError as error:
            self._refuse(invite, 503, str(error))
            return
        try:
            leg.take(invite.leg, invite.sdp, _hops_left(invite.request))
        except NotAcceptable as error:
            self._refuse(invite, 488, str(error))
            await leg.close()
            return
        record = self._record(called)
        await self._calls.put_on_record(record, leg)
        if invite.leg not in self._admitting:
            await self._abandoned(leg, record)
            return
        session = self._calls.begin(_call(record, called.answering), record, account, leg)
        session.feed(events.Began())
        if session.call.entry is None:
            session.notify(11100, "What is called has no voice URL.", "")
            session.feed(events.HangUpRequested(events.EndedBy.NO_INSTRUCTIONS))

    async def _abandoned(self, leg: Leg, record: CallRecord) -> None:
        """The caller gave up while its call was made."""
        await leg.close()
        await journal.abandon(self._services.store, record)

    def _record(self, called: _Called) -> CallRecord:
        answering, now = called.answering, utcnow()
        return CallRecord(
            sid=new_sid("CA"),
            account_sid=answering.account_sid,
            to=called.to,
            from_=called.from_,
            status=CallStatus.QUEUED,
            direction=Direction.INBOUND,
            date_created=now,
            date_updated=now,
            phone_number_sid=called.number_sid,
            node=self._services.tenure.lease.node,
            lease=self._services.tenure.lease.id,
            request=CallRequest(
                application_sid=called.application_sid,
                status_callback=answering.status_callback,
                status_callback_method=method_of(answering.status_callback_method),
                webhook_params=called.params,
            ).stored(),
        )

    def _refuse(
        self, invite: IncomingInvite, status: int, why: str, *, retry_after: int | None = None
    ) -> None:
        """End an INVITE that does not become a call; `why` is for the operator."""
        headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
        self._endpoint.reject(invite.leg, status, monotonic(), headers=headers)
        self._services.transports.flush()
        self._refused(invite, status, why)

    def _refused(self, invite: IncomingInvite, status: int, why: str) -> None:
        self._services.refusals.note(invite.flow, "INVITE", status, why, monotonic())
        self._forget(invite)

    def _forget(self, invite: IncomingInvite) -> None:
        """There will be no timeline for what was kept of the INVITE, nor for what comes late."""
        self._endpoint.forget_log(invite.leg, invite.request.call_id)
        self._services.switchboard.forget_leg(invite.leg)


def _call(record: CallRecord, answering: NumberRecord | ApplicationRecord) -> Call:
    facts = CallFacts(record.from_, record.to, "inbound")
    return Call(record.sid, Direction.INBOUND, facts, _entry(answering))


def called_number(uri: Uri) -> str:
    """The number, or name, that an address stands for; what cannot be shown or stored is left out of it.

    A local ``tel:`` number is completed by its phone-context, where that is the beginning of a number (RFC 3966
    section 5.1.4).
    """
    user = uri.user_text
    if uri.opaque is not None and not user.startswith("+"):
        context = re.search(r";phone-context=(\+[0-9().-]+)", uri.opaque, re.IGNORECASE)
        user = f"{context[1]}{user}" if context is not None else user
    return as_e164("".join(filter(str.isprintable, user)))


def _entry(answering: NumberRecord | ApplicationRecord) -> Entry | None:
    """The TwiML that answers a number, or the application that it points to."""
    if not answering.voice_url:
        return None
    fallback = answering.voice_fallback_url or None
    return EntryPoint(
        answering.voice_url,
        method_of(answering.voice_method),
        fallback,
        method_of(answering.voice_fallback_method) if fallback else "POST",
    )


def _hops_left(request: Request) -> int:
    """How many more calls in a row may follow from this INVITE."""
    given = request.get("Max-Forwards") or ""
    return (
        min(int(given), MAX_FORWARDS)
        if given.isascii() and given.isdigit() and len(given) < 4
        else MAX_FORWARDS
    )


def _sip_params(invite: IncomingInvite) -> tuple[tuple[str, str], ...]:
    """What a webhook says of a SIP phone's call."""
    request = invite.request
    return (
        ("SipDomain", request.request_uri.host),
        ("SipCallId", request.call_id),
        ("SipSourceIp", invite.flow.remote.host),
        *((f"SipHeader_{name}", value) for name, value in notes.extension_headers(request)),
    )

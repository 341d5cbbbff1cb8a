"""The virtual SMSC: takes texts for virtual phones over SMPP, reports what became of them, and carries theirs.

Accepts binds with the sandbox's credentials only. Parts of a long text are put together again; a receipt goes back
for each part, to the session that submitted it, or to one beside it when that one cannot receive or is gone: all
have the same system_id. A phone's text goes out as deliver_sm and waits for a bind.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from offhook.clock import monotonic, utcnow
from offhook.config import Settings, inherited_socket
from offhook.errors import RemoteProtocolError
from offhook.messaging.connection import SmppConnection
from offhook.numbers import as_e164
from offhook.sandbox.behaviour import Behaviour, OnText
from offhook.smpp import events, receipt
from offhook.smpp.bodies import DeliverSm, QuerySm, SubmitSm, SubmitSmResp
from offhook.smpp.session import BOUND, Role, SessionConfig, State
from offhook.smpp.tlv import find
from offhook.smpp.vocabulary import EsmClass, MessageState, Status, Tag
from offhook.sms import gsm7
from offhook.sms.concatenation import Part, pack_header, unpack_header
from offhook.sms.reassembly import Reassembler, Whole
from offhook.sms.segments import Encoding, encode_part, segment

logger = logging.getLogger(__name__)

_REMEMBERED = 5000
_ID_DATE = "%y%m%d%H%M"


@dataclass(frozen=True, slots=True)
class Text:
    """A text to or from a virtual phone. `direction` is the phone's."""

    id: str
    direction: str
    number: str
    other: str
    body: str
    parts: int
    at: datetime

    def shown(self) -> dict[str, Any]:
        """The text as JSON."""
        inbound = self.direction == "inbound"
        return {
            "id": self.id,
            "direction": self.direction,
            "from": self.other if inbound else self.number,
            "to": self.number if inbound else self.other,
            "body": self.body,
            "parts": self.parts,
            "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }


class Smsc:
    """All SMPP sessions with the sandbox, and all phones' texts."""

    def __init__(self, settings: Settings, behaviour_of: Callable[[str], Behaviour]) -> None:
        self._settings = settings
        self._credentials = settings.sandbox_smsc
        self._behaviour_of = behaviour_of
        self._texts: OrderedDict[str, Text] = OrderedDict()
        self._parts: Reassembler[tuple[str, str, int, bytes], str] = Reassembler()
        self._outgoing: deque[DeliverSm] = deque(maxlen=_REMEMBERED)
        self._receipts: dict[SmppConnection, deque[DeliverSm]] = {}
        """Receipts by the session that they are for, which can receive."""
        self._connections: set[SmppConnection] = set()
        self._references = itertools.cycle(range(256))
        self._arrived = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on the socket that the supervisor bound."""
        listener = inherited_socket(self._settings, "smpp")
        assert listener is not None, "the supervisor binds the SMSC's socket"
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connect, sock=listener)

    async def close(self) -> None:
        """End every session."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.session.unbind(connection.now())
            connection.flush()
            connection.abort()

    # What the HTTP API asks

    def texts_of(self, number: str) -> list[Text]:
        """A phone's texts, oldest first."""
        return [text for text in self._texts.values() if text.number == number]

    async def wait(self, number: str, count: int, seconds: float) -> None:
        """Wait until a phone has received `count` texts, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                while sum(text.direction == "inbound" for text in self.texts_of(number)) < count:
                    await self._arrived.wait()
        except TimeoutError:
            return

    def reset(self) -> None:
        """Forget all texts, and what was to be sent."""
        self._texts.clear()
        self._outgoing.clear()
        for receipts in self._receipts.values():
            receipts.clear()

    async def send(self, number: str, to: str, body: str) -> Text:
        """Have a phone text the platform; it goes out as soon as a session can take it."""
        text = self._remember("outbound", number, to, body, len(segment(body).parts))
        self._outgoing.extend(self._segments(number, to, body))
        self._deliver_outgoing()
        return text

    # SMPP

    def _connect(self) -> SmppConnection:
        return SmppConnection(Role.SMSC, SessionConfig(), self._on_events, self._connections.add)

    def _on_events(self, connection: SmppConnection, happened: Sequence[events.Event]) -> None:
        for event in happened:
            match event:
                case events.BindRequested():
                    self._bind(connection, event)
                case events.Requested(sequence, SubmitSm() as submit):
                    self._submit(connection, sequence, submit)
                case events.Requested(sequence, QuerySm()):
                    connection.session.respond(sequence, SubmitSmResp(), Status.RQUERYFAIL)
                case events.Requested(sequence, body):
                    connection.session.respond(sequence, body, Status.RINVCMDID)
                case events.Throttled(token) | events.Overdue(token) | events.Unanswered(token) if isinstance(
                    token, DeliverSm
                ):
                    self._queue_of(connection, token).appendleft(token)
                case events.Closed():
                    self._connections.discard(connection)
                    self._outgoing.extendleft(reversed(self._receipts.pop(connection, ())))
        # What was answered has made room, and so may the time that has passed.
        self._deliver_outgoing()

    def _bind(self, connection: SmppConnection, request: events.BindRequested) -> None:
        """Let the holder of the credentials in."""
        given, known = request.bind, self._credentials
        if not hmac.compare_digest(given.system_id.encode(), known.system_id.encode()):
            connection.session.refuse_bind(request, Status.RINVSYSID)
        elif not hmac.compare_digest(given.password.encode(), known.password.encode()):
            connection.session.refuse_bind(request, Status.RINVPASWD)
        else:
            connection.session.accept_bind(request, "offhook-sandbox", connection.now())
            if connection.session.state is State.BOUND_TRX:
                self._receipts[connection] = deque(maxlen=_REMEMBERED)

    def _submit(self, connection: SmppConnection, sequence: int, submit: SubmitSm) -> None:
        """A part of a text for a phone."""
        number, sender = as_e164(submit.destination_addr), as_e164(submit.source_addr)
        behaviour = self._behaviour_of(number)
        if behaviour.on_text is OnText.REJECT:
            connection.session.respond(sequence, SubmitSmResp(), Status.RINVDSTADR)
            return
        message_id = secrets.token_hex(8)
        try:
            body = self._read(number, sender, submit, message_id)
        except RemoteProtocolError:
            connection.session.respond(sequence, SubmitSmResp(), Status.RINVESMCLASS)
            return
        connection.session.respond(sequence, SubmitSmResp(message_id))
        if behaviour.on_text is OnText.DELIVER and body is not None:
            self._remember("inbound", number, sender, body[0], body[1])
        if behaviour.on_text is not OnText.SILENT and submit.registered_delivery & 1:
            delivered = behaviour.on_text is OnText.DELIVER
            loop = asyncio.get_running_loop()
            loop.call_later(behaviour.deliver_after, self._report, connection, message_id, submit, delivered)

    def _read(self, number: str, sender: str, submit: SubmitSm, message_id: str) -> tuple[str, int] | None:
        """The text and its number of parts, once they are all there."""
        coding = submit.data_coding
        if not submit.esm_class & EsmClass.UDHI:
            return _decode(submit.message, coding), 1
        part, octets = unpack_header(submit.message)
        if part is None:
            return _decode(octets, coding), 1
        self._parts.expire(monotonic())
        # The sender's own reference tells two texts of the same words apart, where a handset cannot.
        reference = find(submit.tlvs, Tag.USER_MESSAGE_REFERENCE) or b""
        whole = self._parts.add((sender, number, coding, reference), part, octets, message_id, monotonic())
        if not isinstance(whole, Whole):
            return None
        return _decode(whole.runs[0], coding), whole.segments

    def _report(self, submitter: SmppConnection, message_id: str, submit: SubmitSm, delivered: bool) -> None:
        """Tell what became of a part."""
        state = MessageState.DELIVERED if delivered else MessageState.UNDELIVERABLE
        stamp = utcnow().strftime(_ID_DATE)
        report = receipt.Receipt(message_id, state, "000" if delivered else "001", stamp, stamp)
        octets, tlvs = receipt.write(report)
        deliver = DeliverSm(
            source_addr=submit.destination_addr,
            source_addr_ton=submit.dest_addr_ton,
            source_addr_npi=submit.dest_addr_npi,
            destination_addr=submit.source_addr,
            dest_addr_ton=submit.source_addr_ton,
            dest_addr_npi=submit.source_addr_npi,
            short_message=octets,
            esm_class=EsmClass.DELIVERY_RECEIPT,
            tlvs=tlvs,
        )
        self._queue_of(submitter, deliver).append(deliver)
        self._deliver_outgoing()

    def _queue_of(self, connection: SmppConnection, deliver: DeliverSm) -> deque[DeliverSm]:
        """What waits with this: a receipt for the session that is to have it, the rest for any that can receive."""
        is_receipt = deliver.esm_class == EsmClass.DELIVERY_RECEIPT
        return self._receipts.get(connection, self._outgoing) if is_receipt else self._outgoing

    def _segments(self, number: str, to: str, body: str) -> list[DeliverSm]:
        """A phone's text as deliver_sm."""
        encoding, parts = segment(body)
        reference, total = next(self._references), len(parts)
        coding = 0 if encoding is Encoding.GSM7 else 8
        return [
            DeliverSm(
                source_addr=number.removeprefix("+"),
                source_addr_ton=1,
                source_addr_npi=1,
                destination_addr=to.removeprefix("+"),
                dest_addr_ton=1,
                dest_addr_npi=1,
                esm_class=EsmClass.UDHI if total > 1 else 0,
                data_coding=coding,
                short_message=(pack_header(Part(reference, total, at)) if total > 1 else b"")
                + encode_part(part, encoding),
            )
            for at, part in enumerate(parts, 1)
        ]

    def _deliver_outgoing(self) -> None:
        """Send what waits to whoever is bound to receive; receivers come first, for their transmitters cannot."""
        for connection in sorted(self._connections, key=lambda one: one in self._receipts):
            session = connection.session
            if session.state not in BOUND or session.state is State.BOUND_TX:
                continue
            for waiting in (self._receipts.get(connection), self._outgoing):
                while waiting and session.capacity(connection.now()) > 0:
                    deliver = waiting.popleft()
                    session.request(deliver, deliver, connection.now())
            connection.flush()

    def _remember(self, direction: str, number: str, other: str, body: str, parts: int) -> Text:
        text = Text(secrets.token_hex(8), direction, number, other, body, parts, utcnow())
        self._texts[text.id] = text
        while len(self._texts) > _REMEMBERED:
            self._texts.popitem(last=False)
        self._arrived.set()
        self._arrived = asyncio.Event()
        return text


def _decode(octets: bytes, coding: int) -> str:
    if coding == 8:
        return octets.decode("utf-16-be", "replace")
    return gsm7.decode(octets)

"""The rows of the store as values, and the words their columns use.

A record has one field for each column of its table, in the table's order (a trailing underscore is dropped in
the column's name: `from_` is `from`). Times are aware and in UTC, money is `Decimal` with five places,
SIDs and statuses are plain strings so that the enums of the cores (`calls.status.CallStatus` and others)
can be given and compared as they are. Records are dataclasses; those of which each call or text makes several are
structs, which are made ten times as fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from offhook.calls.callbacks import Callback
from offhook.calls.request import CallRequest
from offhook.webhook.params import CallParams

API_VERSION: Final = "2010-04-01"
CURRENCY: Final = "USD"
REGION: Final = "us1"
"""Where conferences are mixed, as Twilio's Region names its oldest; there is one here."""

CALL_TERMINAL: Final = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
LIVE_CALL: Final = "status IN ('queued', 'initiated', 'ringing', 'in-progress')"
"""The condition of the index `ix_calls_live`, in SQL."""

MESSAGE_TERMINAL: Final = frozenset({"delivered", "undelivered", "failed", "received", "canceled", "read"})


class Topic(StrEnum):
    """What an outbox row asks for."""

    CALLS = "work.calls"
    MESSAGES = "work.messages"
    CALLBACKS = "work.callbacks"


class TimelineKind(StrEnum):
    """The kinds of things that happen to a call or a message."""

    STATUS = "status"
    SIP = "sip"
    SDP = "sdp"
    WEBHOOK = "webhook"
    CALLBACK = "callback"
    TWIML = "twiml"
    MEDIA = "media"
    RTP = "rtp"
    SMPP = "smpp"
    SMS = "sms"
    ERROR = "error"
    NOTE = "note"


class DeleteOutcome(StrEnum):
    """What became of a request to delete: a live resource is not deleted (the API answers 20009)."""

    DELETED = "deleted"
    NOT_FOUND = "not-found"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account or subaccount. `status`: active, suspended, closed; `type`: Full, Trial."""

    sid: str
    auth_token: str
    friendly_name: str
    date_created: datetime
    date_updated: datetime
    status: str = "active"
    type: str = "Full"
    owner_account_sid: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether calls, texts and webhooks are made for it: not while suspended, never when closed."""
        return self.status == "active"


@dataclass(frozen=True, slots=True)
class NumberRecord:
    """An IncomingPhoneNumber. `phone_number` is E.164 and unique over all accounts."""

    sid: str
    account_sid: str
    phone_number: str
    friendly_name: str
    date_created: datetime
    date_updated: datetime
    api_version: str = API_VERSION
    voice_url: str | None = None
    voice_method: str = "POST"
    voice_fallback_url: str | None = None
    voice_fallback_method: str = "POST"
    voice_caller_id_lookup: bool = False
    voice_application_sid: str | None = None
    voice_receive_mode: str = "voice"
    sms_url: str | None = None
    sms_method: str = "POST"
    sms_fallback_url: str | None = None
    sms_fallback_method: str = "POST"
    sms_application_sid: str | None = None
    status_callback: str | None = None
    status_callback_method: str = "POST"
    trunk_sid: str | None = None
    address_sid: str | None = None
    address_requirements: str = "none"
    identity_sid: str | None = None
    bundle_sid: str | None = None
    emergency_status: str = "Inactive"
    emergency_address_sid: str | None = None
    emergency_address_status: str = "unregistered"
    origin: str = "twilio"
    beta: bool = False
    capabilities: Mapping[str, bool] = field(
        default_factory=lambda: {"voice": True, "sms": True, "mms": False, "fax": False}
    )


class CallRecord(Struct, frozen=True, gc=False, rename={"from_": "from"}):
    """A call, which is one leg.

    Attributes:
        duration: seconds from answer to end; None while the call lives.
        queue_time: milliseconds the call waited before it was dialled.
        node, lease: the voice node that runs it, and that node's lease; None before it is claimed.
        sequence: the `SequenceNumber` of the next status callback.
        request: what was asked of it, as `offhook.calls.request.CallRequest.stored` gives it.
    """

    sid: str
    account_sid: str
    to: str
    from_: str
    status: str
    direction: str
    date_created: datetime
    date_updated: datetime
    parent_call_sid: str | None = None
    to_formatted: str | None = None
    from_formatted: str | None = None
    phone_number_sid: str | None = None
    answered_by: str | None = None
    forwarded_from: str | None = None
    caller_name: str | None = None
    group_sid: str | None = None
    trunk_sid: str | None = None
    api_version: str = API_VERSION
    start_time: datetime | None = None
    end_time: datetime | None = None
    duration: int | None = None
    queue_time: int = 0
    price: Decimal | None = None
    price_unit: str = CURRENCY
    sip_response_code: int | None = None
    node: str | None = None
    lease: int | None = None
    sequence: int = 0
    request: Mapping[str, Any] = {}

    @property
    def asked(self) -> CallRequest:
        """What was asked of the call. Raises msgspec.ValidationError."""
        return CallRequest.read(self.request)

    def params(self, status: str) -> CallParams:
        """What every webhook says of the call when it has this status."""
        asked = self.asked
        return CallParams(
            call_sid=self.sid,
            account_sid=self.account_sid,
            from_=self.from_,
            to=self.to,
            status=status,
            direction=self.direction,
            forwarded_from=self.forwarded_from,
            caller_name=self.caller_name,
            parent_call_sid=self.parent_call_sid,
            application_sid=asked.application_sid,
            extra=asked.webhook_params,
        )


class MessageRecord(Struct, frozen=True, gc=False, rename={"from_": "from"}):
    """A text message.

    `request` holds what else the request asked for, and of one that TwiML sent the SID of the call or text
    (`erasure.ORIGIN`); never the body: redaction would miss it.
    """

    sid: str
    account_sid: str
    to: str
    from_: str | None
    body: str
    status: str
    direction: str
    date_created: datetime
    date_updated: datetime
    date_sent: datetime | None = None
    num_segments: int = 1
    num_media: int = 0
    error_code: int | None = None
    error_message: str | None = None
    price: Decimal | None = None
    price_unit: str = CURRENCY
    messaging_service_sid: str | None = None
    api_version: str = API_VERSION
    status_callback: str | None = None
    request: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """A recording of a call or conference. `duration` in seconds; `path` of the WAV below the data directory."""

    sid: str
    account_sid: str
    call_sid: str | None
    source: str
    status: str
    date_created: datetime
    date_updated: datetime
    conference_sid: str | None = None
    channels: int = 1
    track: str = "both"
    start_time: datetime | None = None
    duration: int | None = None
    price: Decimal | None = None
    price_unit: str = CURRENCY
    error_code: int | None = None
    api_version: str = API_VERSION
    path: str | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConferenceRecord:
    """A conference. `status`: init, in-progress, completed; of a name, an account has one that is not completed.

    Attributes:
        callback: whom to tell of it, {url, method, events}; None before the first participant has come.
        sequence: the `SequenceNumber` of the last callback.
        revision: counts the changes that its node has written.
        node, lease: the voice node that keeps the room, and that node's lease; None before a call has come.
    """

    sid: str
    account_sid: str
    friendly_name: str
    status: str
    date_created: datetime
    date_updated: datetime
    api_version: str = API_VERSION
    region: str = REGION
    reason_conference_ended: str | None = None
    call_sid_ending_conference: str | None = None
    callback: Mapping[str, Any] | None = None
    sequence: int = 0
    revision: int = 0
    node: str | None = None
    lease: int | None = None


@dataclass(frozen=True, slots=True)
class ParticipantRecord:
    """A call in a conference, or one that was dialled to be in it. `status`: queued, connected.

    While it is queued, what the API shows follows from the call's own status.
    """

    conference_sid: str
    call_sid: str
    account_sid: str
    status: str
    date_created: datetime
    date_updated: datetime
    label: str | None = None
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    call_sid_to_coach: str | None = None
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """A queue of calls, whose `friendly_name` is unique in the account.

    `node`, `lease`: the voice node that keeps the room, and that node's lease; None while nobody does.
    """

    sid: str
    account_sid: str
    friendly_name: str
    max_size: int
    date_created: datetime
    date_updated: datetime
    node: str | None = None
    lease: int | None = None


@dataclass(frozen=True, slots=True)
class SizedQueueRecord(QueueRecord):
    """A queue and how many calls wait in it, for how many seconds on average."""

    current_size: int = 0
    average_wait_time: int = 0


@dataclass(frozen=True, slots=True)
class QueueMemberRecord:
    """A call that waits in a queue. `position` rises in the table from member to member; read, it counts from 1."""

    queue_sid: str
    call_sid: str
    account_sid: str
    date_enqueued: datetime
    node: str | None = None
    lease: int | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class ApplicationRecord:
    """URLs under a SID of their own, for numbers and calls to point to."""

    sid: str
    account_sid: str
    friendly_name: str
    date_created: datetime
    date_updated: datetime
    api_version: str = API_VERSION
    voice_url: str | None = None
    voice_method: str = "POST"
    voice_fallback_url: str | None = None
    voice_fallback_method: str = "POST"
    voice_caller_id_lookup: bool = False
    sms_url: str | None = None
    sms_method: str = "POST"
    sms_fallback_url: str | None = None
    sms_fallback_method: str = "POST"
    sms_status_callback: str | None = None
    message_status_callback: str | None = None
    status_callback: str | None = None
    status_callback_method: str = "POST"
    public_application_connect_enabled: bool = False


@dataclass(frozen=True, slots=True)
class NotificationRecord:
    """A line of the debugger. `log`: 0 error, 1 warning."""

    sid: str
    account_sid: str
    call_sid: str | None
    message_sid: str | None
    log: int
    error_code: int
    message_date: datetime
    message_text: str
    request_url: str | None = None
    request_method: str | None = None
    request_variables: str | None = None
    response_headers: str | None = None
    response_body: str | None = None
    api_version: str = API_VERSION


class TimelineEntry(Struct, frozen=True, gc=False):
    """Something that happened to a call or message. `detail` is JSON; a webhook's is {url, method,
    status, ms, request: {params}, response: {content_type, body (at most 4 kB)}, error: code or None}."""

    resource_sid: str
    account_sid: str
    at: datetime
    kind: TimelineKind
    name: str
    detail: Mapping[str, Any] = {}


class CallbackDraft(Struct, frozen=True, gc=False):
    """A status callback to be sent once the transaction that carries it commits.

    Attributes:
        account_sid: whose auth token signs it.
        event: its name in the timeline, such as `answered` or `delivered`.
        numbered: add `SequenceNumber`, taken from the call's row in the same transaction.
    """

    account_sid: str
    url: str
    method: str
    params: tuple[tuple[str, str], ...]
    event: str
    numbered: bool = False

    @classmethod
    def of_call(cls, account_sid: str, callback: Callback) -> CallbackDraft:
        """A call's status callback; its number comes from the call's row."""
        return cls(account_sid, callback.url, callback.method, callback.params, callback.event, numbered=True)

    @classmethod
    def of_conference(cls, account_sid: str, callback: Callback) -> CallbackDraft:
        """A conference's status callback, which has its number."""
        return cls(account_sid, callback.url, callback.method, callback.params, callback.event)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A fact that someone must be told.

    Attributes:
        payload: depends on the topic.
        attempts: the claims so far.
        failed_at: when telling it failed first; None while it has not.
    """

    id: int
    resource_sid: str
    topic: str
    payload: Mapping[str, Any]
    created_at: datetime
    attempts: int
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkNotice:
    """An outbox row that has been committed and may be announced on the bus."""

    topic: str
    id: int
    sid: str


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A movement of an account's balance; `balance` is that after it. `kind`: call, message, recording, credit."""

    id: int
    account_sid: str
    resource_sid: str
    kind: str
    amount: Decimal
    balance: Decimal
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RegistrationRecord:
    """Where a SIP user can be reached. `flow` is how to reach the contact: {transport, local, remote, …}."""

    aor: str
    contact: str
    account_sid: str
    flow: Mapping[str, Any]
    expires_at: datetime
    call_id: str = ""
    cseq: int = 0
    q: float = 1.0
    user_agent: str = ""
    path: str = ""
    node: str | None = None


@dataclass(frozen=True, slots=True)
class SipCredentialRecord:
    """A user name with which a SIP phone registers and calls; `voice_url` answers the calls it makes, if set."""

    username: str
    password: str
    account_sid: str
    voice_url: str | None = None
    voice_method: str = "POST"

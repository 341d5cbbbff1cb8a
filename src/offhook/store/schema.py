"""The tables. Alembic's migrations build them (`migrate`); at run time they are queried in SQL by asyncpg.

No foreign keys lead out of the tables that are written hundreds of times a second: their parents are
looked up (and cached) before, and never deleted while children are being made. Every index is there for
a query that a repository makes. Statuses are not part of the indexes of `messages`, so that a status
change stays within its page (HOT); the work that waits is found in `outbox`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from offhook.store.records import LIVE_CALL

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MONEY = Numeric(18, 5)
TIME = DateTime(timezone=True)


def _sid(name: str = "sid", **options: Any) -> Column[str]:
    return Column(name, Text, **options)


def _required(name: str, kind: Any = Text, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **options)


def _one_of(name: str, *words: str) -> CheckConstraint:
    return CheckConstraint(f"{name} IN ({', '.join(repr(word) for word in words)})", name=name)


def _newest_first(table: str, *leading: str) -> Index:
    name = "_".join(("ix", table, *leading, "newest"))
    return Index(name, *leading, text("date_created DESC"), text("sid DESC"))


accounts = Table(
    "accounts",
    metadata,
    _sid(primary_key=True),
    _required("auth_token"),
    _required("friendly_name"),
    _required("date_created", TIME),
    _required("date_updated", TIME),
    _required("status"),
    _required("type"),
    Column("owner_account_sid", Text),
    _one_of("status", "active", "suspended", "closed"),
    _newest_first("accounts", "owner_account_sid"),
)

numbers = Table(
    "numbers",
    metadata,
    _sid(primary_key=True),
    Column("account_sid", Text, ForeignKey("accounts.sid"), nullable=False),
    _required("phone_number"),
    _required("friendly_name"),
    _required("date_created", TIME),
    _required("date_updated", TIME),
    _required("api_version"),
    Column("voice_url", Text),
    _required("voice_method"),
    Column("voice_fallback_url", Text),
    _required("voice_fallback_method"),
    _required("voice_caller_id_lookup", Boolean),
    Column("voice_application_sid", Text),
    _required("voice_receive_mode"),
    Column("sms_url", Text),
    _required("sms_method"),
    Column("sms_fallback_url", Text),
    _required("sms_fallback_method"),
    Column("sms_application_sid", Text),
    Column("status_callback", Text),
    _required("status_callback_method"),
    Column("trunk_sid", Text),
    Column("address_sid", Text),
    _required("address_requirements"),
    Column("identity_sid", Text),
    Column("bundle_sid", Text),
    _required("emergency_status"),
    Column("emergency_address_sid", Text),
    _required("emergency_address_status"),
    _required("origin"),
    _required("beta", Boolean),
    _required("capabilities", JSONB),
    UniqueConstraint("phone_number"),
    _newest_first("numbers", "account_sid"),
)

calls = Table(
    "calls",
    metadata,
    _sid(primary_key=True),
    _required("account_sid"),
    _required("to"),
    _required("from"),
    _required("status"),
    _required("direction"),
    _required("date_created", TIME),
    _required("date_updated", TIME),
    Column("parent_call_sid", Text),
    Column("to_formatted", Text),
    Column("from_formatted", Text),
    Column("phone_number_sid", Text),
    Column("answered_by", Text),
    Column("forwarded_from", Text),
    Column("caller_name", Text),
    Column("group_sid", Text),
    Column("trunk_sid", Text),
    _required("api_version"),
    Column("start_time", TIME),
    Column("end_time", TIME),
    Column("duration", Integer),
    _required("queue_time", Integer),
    Column("price", MONEY),
    _required("price_unit"),
    Column("sip_response_code", Integer),
    Column("node", Text),
    Column("lease", BigInteger),
    _required("sequence", Integer),
    _required("request", JSONB),
    _one_of(
        "status",
        *("queued", "initiated", "ringing", "in-progress"),
        *("completed", "busy", "no-answer", "failed", "canceled"),
    ),
    _one_of("direction", "inbound", "outbound-api", "outbound-dial"),
    _newest_first("calls", "account_sid"),
    _newest_first("calls", "account_sid", "to"),
    _newest_first("calls", "account_sid", "from"),
    Index("ix_calls_parent", "parent_call_sid", postgresql_where=text("parent_call_sid IS NOT NULL")),
    Index("ix_calls_live", "lease", "sid", postgresql_where=text(LIVE_CALL)),
)

messages = Table(
    "messages",
    metadata,
    _sid(primary_key=True),
    _required("account_sid"),
    _required("to"),
    Column("from", Text),
    _required("body"),
    _required("status"),
    _required("direction"),
    _required("date_created", TIME),
    _required("date_updated", TIME),
    Column("date_sent", TIME),
    _required("num_segments", Integer),
    _required("num_media", Integer),
    Column("error_code", Integer),
    Column("error_message", Text),
    Column("price", MONEY),
    _required("price_unit"),
    Column("messaging_service_sid", Text),
    _required("api_version"),
    Column("status_callback", Text),
    _required("request", JSONB),
    _one_of(
        "status",
        *("accepted", "scheduled", "queued", "sending", "sent", "receiving"),
        *("delivered", "undelivered", "failed", "received", "canceled", "read"),
    ),
    _one_of("direction", "inbound", "outbound-api", "outbound-call", "outbound-reply"),
    _newest_first("messages", "account_sid"),
    _newest_first("messages", "account_sid", "to"),
    _newest_first("messages", "account_sid", "from"),
    # Every row is written once more, when its text is sent: there must be room for it beside the first.
    postgresql_with={"fillfactor": 45},
)

message_segments = Table(
    "message_segments",
    metadata,
    _required("message_sid"),
    _required("segment", SmallInteger),
    _required("smsc"),
    _required("smsc_id"),
    Column("receipt", Text),
    PrimaryKeyConstraint("message_sid", "segment"),
    Index("ix_message_segments_smsc_id", "smsc_id"),
    postgresql_with={"fillfactor": 80},
)

recordings = Table(
    "recordings",
    metadata,
    _sid(primary_key=True),
    _required("account_sid"),
    Column("call_sid", Text),
    _required("source"),
    _required("status"),
    _required("date_created", TIME),
    _required("date_updated", TIME),
    Column("conference_sid", Text),
    _required("channels", Integer),
    _required("track"),
    Column("start_time", TIME),
    Column("duration", Integer),
    Column("price", MONEY),
    _required("price_unit"),
    Column("error_code", Integer),
    _required("api_version"),
    Column("path", Text),
    Column("deleted_at", TIME),
    _one_of(
        "status", "in-progress", "paused", "stopped", "processing", "completed", "absent", "deleted", "failed"
    ),
    _newest_first("recordings", "account_sid"),
    _newest_first("recordings", "call_sid"),
)

conferences = Table(
    "conferences",
    metadata,
    _sid(primary_key=True),
    _required("account_sid"),
    _required("friendly_name"),
    _required("status"),
    _required("date_created", TIME),
    _required("date_updated", TIME),
    _required("api_version"),
    _required("region"),
    Column("reason_conference_ended", Text),
    Column("call_sid_ending_conference", Text),
    Column("callback", JSONB),
    _required("sequence", Integer),
    _required("revision", BigInteger),
    Column("node", Text),
    Column("lease", BigInteger),
    _one_of("status", "init", "in-progress", "completed"),
    _newest_first("conferences", "account_sid"),
    _newest_first("conferences", "account_sid", "friendly_name"),
    Index(
        "ix_conferences_live",
        *("account_sid", "friendly_name"),
        unique=True,
        postgresql_where=text("status <> 'completed'"),
    ),
)

conference_participants = Table(
    "conference_participants",
    metadata,
    _required("conference_sid"),
    _required("call_sid"),
    _required("account_sid"),
    _required("status"),
    _required("date_created", TIME),
    _required("date_updated", TIME),
    Column("label", Text),
    _required("muted", Boolean),
    _required("hold", Boolean),
    _required("coaching", Boolean),
    Column("call_sid_to_coach", Text),
    _required("start_conference_on_enter", Boolean),
    _required("end_conference_on_exit", Boolean),
    PrimaryKeyConstraint("conference_sid", "call_sid"),
    _one_of("status", "queued", "connected"),
)

queues = Table(
    "queues",
    metadata,
    _sid(primary_key=True),
    _required("account_sid"),
    _required("friendly_name"),
    _required("max_size", Integer),
    _required("date_created", TIME),
    _required("date_updated", TIME),
    Column("node", Text),
    Column("lease", BigInteger),
    UniqueConstraint("account_sid", "friendly_name"),
    _newest_first("queues", "account_sid"),
)

queue_members = Table(
    "queue_members",
    metadata,
    _required("queue_sid"),
    _required("call_sid"),
    _required("account_sid"),
    _required("date_enqueued", TIME),
    Column("node", Text),
    Column("lease", BigInteger),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    PrimaryKeyConstraint("queue_sid", "call_sid"),
    Index("ix_queue_members_position", "queue_sid", "position"),
)

applications = Table(
    "applications",
    metadata,
    _sid(primary_key=True),
    Column("account_sid", Text, ForeignKey("accounts.sid"), nullable=False),
    _required("friendly_name"),
    _required("date_created", TIME),
    _required("date_updated", TIME),
    _required("api_version"),
    Column("voice_url", Text),
    _required("voice_method"),
    Column("voice_fallback_url", Text),
    _required("voice_fallback_method"),
    _required("voice_caller_id_lookup", Boolean),
    Column("sms_url", Text),
    _required("sms_method"),
    Column("sms_fallback_url", Text),
    _required("sms_fallback_method"),
    Column("sms_status_callback", Text),
    Column("message_status_callback", Text),
    Column("status_callback", Text),
    _required("status_callback_method"),
    _required("public_application_connect_enabled", Boolean),
    _newest_first("applications", "account_sid"),
)

notifications = Table(
    "notifications",
    metadata,
    _sid(primary_key=True),
    _required("account_sid"),
    Column("call_sid", Text),
    Column("message_sid", Text),
    _required("log", Integer),
    _required("error_code", Integer),
    _required("message_date", TIME),
    _required("message_text"),
    Column("request_url", Text),
    Column("request_method", Text),
    Column("request_variables", Text),
    Column("response_headers", Text),
    Column("response_body", Text),
    _required("api_version"),
    Index("ix_notifications_account_sid_newest", "account_sid", text("message_date DESC"), text("sid DESC")),
    Index("ix_notifications_call_sid_newest", "call_sid", text("message_date DESC"), text("sid DESC")),
    Index("ix_notifications_message_sid", "message_sid", postgresql_where=text("message_sid IS NOT NULL")),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _required("resource_sid"),
    _required("account_sid"),
    _required("at", TIME),
    _required("kind"),
    _required("name"),
    _required("detail", JSONB),
    Index("ix_timeline_resource_sid", "resource_sid", "at", "id"),
)

erased = Table(
    "erased",
    metadata,
    _sid(primary_key=True),
    _required("deleted", Boolean),
    _required("erased_at", TIME, server_default=text("now()")),
    Index("ix_erased_erased_at", "erased_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _required("resource_sid"),
    _required("topic"),
    _required("payload", JSONB),
    _required("created_at", TIME, server_default=text("now()")),
    _required("attempts", Integer, server_default=text("0")),
    _required("due_at", TIME, server_default=text("now()")),
    _required("announce_at", TIME, server_default=text("now() + interval '5 seconds'")),
    Column("failed_at", TIME),
    Column("lane", BigInteger, Computed("hashtextextended(payload ->> 'url', 0)", persisted=True)),
    Column("claimed_by", Text),
    _one_of("topic", "work.calls", "work.messages", "work.callbacks"),
    Index("ix_outbox_resource_sid", "resource_sid", "topic", "id"),
    Index("ix_outbox_callbacks", "due_at", "id", postgresql_where=text("topic = 'work.callbacks'")),
    Index("ix_outbox_announce", "announce_at", postgresql_where=text("topic <> 'work.callbacks'")),
)

balances = Table(
    "balances",
    metadata,
    Column("account_sid", Text, primary_key=True),
    _required("balance", MONEY),
    _required("currency"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", BigInteger, Identity(always=True)),
    _required("account_sid"),
    _required("resource_sid"),
    _required("kind"),
    _required("amount", MONEY),
    _required("balance", MONEY),
    _required("currency"),
    _required("created_at", TIME, server_default=text("now()")),
    UniqueConstraint("resource_sid", "kind"),
    PrimaryKeyConstraint("account_sid", "id"),
)

leases = Table(
    "leases",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _required("node"),
    _required("deadline", Double),
    _required("acquired_at", TIME, server_default=text("now()")),
    Index("ix_leases_node", "node"),
)

lease_clock = Table(
    "lease_clock",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    _required("reading", Double),
    _required("ticked_at", TIME),
    CheckConstraint("id = 1", name="single"),
)

registrations = Table(
    "registrations",
    metadata,
    _required("aor"),
    _required("contact"),
    _required("account_sid"),
    _required("flow", JSONB),
    _required("expires_at", TIME),
    _required("call_id"),
    _required("cseq", BigInteger),
    _required("q", Double),
    _required("user_agent"),
    _required("path"),
    Column("node", Text),
    PrimaryKeyConstraint("aor", "contact"),
    Index("ix_registrations_expires_at", "expires_at"),
)

sip_credentials = Table(
    "sip_credentials",
    metadata,
    Column("username", Text, primary_key=True),
    _required("password"),
    Column("account_sid", Text, ForeignKey("accounts.sid"), nullable=False),
    Column("voice_url", Text),
    _required("voice_method"),
)

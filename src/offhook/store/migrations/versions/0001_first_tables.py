"""The first tables."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE accounts (
    sid TEXT NOT NULL,
    auth_token TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    date_created TIMESTAMP WITH TIME ZONE NOT NULL,
    date_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    status TEXT NOT NULL,
    type TEXT NOT NULL,
    owner_account_sid TEXT,
    CONSTRAINT pk_accounts PRIMARY KEY (sid),
    CONSTRAINT ck_accounts_status CHECK (status IN ('active', 'suspended', 'closed'))
);
CREATE INDEX ix_accounts_owner_account_sid_newest
    ON accounts (owner_account_sid, date_created DESC, sid DESC);

CREATE TABLE balances (
    account_sid TEXT NOT NULL,
    balance NUMERIC(18, 5) NOT NULL,
    currency TEXT NOT NULL,
    CONSTRAINT pk_balances PRIMARY KEY (account_sid)
);

CREATE TABLE calls (
    sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    "to" TEXT NOT NULL,
    "from" TEXT NOT NULL,
    status TEXT NOT NULL,
    direction TEXT NOT NULL,
    date_created TIMESTAMP WITH TIME ZONE NOT NULL,
    date_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    parent_call_sid TEXT,
    to_formatted TEXT,
    from_formatted TEXT,
    phone_number_sid TEXT,
    answered_by TEXT,
    forwarded_from TEXT,
    caller_name TEXT,
    group_sid TEXT,
    trunk_sid TEXT,
    api_version TEXT NOT NULL,
    start_time TIMESTAMP WITH TIME ZONE,
    end_time TIMESTAMP WITH TIME ZONE,
    duration INTEGER,
    queue_time INTEGER NOT NULL,
    price NUMERIC(18, 5),
    price_unit TEXT NOT NULL,
    sip_response_code INTEGER,
    node TEXT,
    lease BIGINT,
    sequence INTEGER NOT NULL,
    request JSONB NOT NULL,
    CONSTRAINT pk_calls PRIMARY KEY (sid),
    CONSTRAINT ck_calls_status CHECK (
        status IN ('queued', 'initiated', 'ringing', 'in-progress', 'completed', 'busy', 'no-answer',
            'failed', 'canceled')),
    CONSTRAINT ck_calls_direction CHECK (direction IN ('inbound', 'outbound-api', 'outbound-dial'))
);
CREATE INDEX ix_calls_account_sid_from_newest ON calls (account_sid, "from", date_created DESC, sid DESC);
CREATE INDEX ix_calls_account_sid_newest ON calls (account_sid, date_created DESC, sid DESC);
CREATE INDEX ix_calls_account_sid_to_newest ON calls (account_sid, "to", date_created DESC, sid DESC);
CREATE INDEX ix_calls_live
    ON calls (lease, sid) WHERE status IN ('queued', 'initiated', 'ringing', 'in-progress');
CREATE INDEX ix_calls_parent ON calls (parent_call_sid) WHERE parent_call_sid IS NOT NULL;

CREATE TABLE lease_clock (
    id SMALLINT NOT NULL,
    reading DOUBLE PRECISION NOT NULL,
    ticked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_lease_clock PRIMARY KEY (id),
    CONSTRAINT ck_lease_clock_single CHECK (id = 1)
);

CREATE TABLE leases (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    node TEXT NOT NULL,
    deadline DOUBLE PRECISION NOT NULL,
    acquired_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_leases PRIMARY KEY (id)
);
CREATE INDEX ix_leases_node ON leases (node);

CREATE TABLE ledger (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_sid TEXT NOT NULL,
    resource_sid TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount NUMERIC(18, 5) NOT NULL,
    balance NUMERIC(18, 5) NOT NULL,
    currency TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_ledger PRIMARY KEY (id),
    CONSTRAINT uq_ledger_resource_sid_kind UNIQUE (resource_sid, kind)
);
CREATE INDEX ix_ledger_account_sid ON ledger (account_sid, id);

CREATE TABLE message_segments (
    message_sid TEXT NOT NULL,
    segment SMALLINT NOT NULL,
    smsc TEXT NOT NULL,
    smsc_id TEXT NOT NULL,
    receipt TEXT,
    CONSTRAINT pk_message_segments PRIMARY KEY (message_sid, segment)
)
 WITH (fillfactor = 80);
CREATE INDEX ix_message_segments_smsc_id ON message_segments (smsc_id);

CREATE TABLE messages (
    sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    "to" TEXT NOT NULL,
    "from" TEXT,
    body TEXT NOT NULL,
    status TEXT NOT NULL,
    direction TEXT NOT NULL,
    date_created TIMESTAMP WITH TIME ZONE NOT NULL,
    date_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    date_sent TIMESTAMP WITH TIME ZONE,
    num_segments INTEGER NOT NULL,
    num_media INTEGER NOT NULL,
    error_code INTEGER,
    error_message TEXT,
    price NUMERIC(18, 5),
    price_unit TEXT NOT NULL,
    messaging_service_sid TEXT,
    api_version TEXT NOT NULL,
    status_callback TEXT,
    request JSONB NOT NULL,
    CONSTRAINT pk_messages PRIMARY KEY (sid),
    CONSTRAINT ck_messages_status CHECK (
        status IN ('accepted', 'scheduled', 'queued', 'sending', 'sent', 'receiving', 'delivered',
            'undelivered', 'failed', 'received', 'canceled', 'read')),
    CONSTRAINT ck_messages_direction CHECK (
        direction IN ('inbound', 'outbound-api', 'outbound-call', 'outbound-reply'))
)
 WITH (fillfactor = 80);
CREATE INDEX ix_messages_account_sid_from_newest
    ON messages (account_sid, "from", date_created DESC, sid DESC);
CREATE INDEX ix_messages_account_sid_newest ON messages (account_sid, date_created DESC, sid DESC);
CREATE INDEX ix_messages_account_sid_to_newest ON messages (account_sid, "to", date_created DESC, sid DESC);

CREATE TABLE notifications (
    sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    call_sid TEXT,
    message_sid TEXT,
    log INTEGER NOT NULL,
    error_code INTEGER NOT NULL,
    message_date TIMESTAMP WITH TIME ZONE NOT NULL,
    message_text TEXT NOT NULL,
    request_url TEXT,
    request_method TEXT,
    request_variables TEXT,
    response_headers TEXT,
    response_body TEXT,
    api_version TEXT NOT NULL,
    CONSTRAINT pk_notifications PRIMARY KEY (sid)
);
CREATE INDEX ix_notifications_account_sid_newest
    ON notifications (account_sid, message_date DESC, sid DESC);
CREATE INDEX ix_notifications_call_sid_newest ON notifications (call_sid, message_date DESC, sid DESC);

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    resource_sid TEXT NOT NULL,
    topic TEXT NOT NULL,
    payload JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    announce_at TIMESTAMP WITH TIME ZONE DEFAULT now() + interval '5 seconds' NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (id),
    CONSTRAINT ck_outbox_topic CHECK (topic IN ('work.calls', 'work.messages', 'work.callbacks'))
);
CREATE INDEX ix_outbox_announce ON outbox (announce_at) WHERE topic <> 'work.callbacks';
CREATE INDEX ix_outbox_callbacks ON outbox (due_at, id) WHERE topic = 'work.callbacks';
CREATE INDEX ix_outbox_resource_sid ON outbox (resource_sid, topic, id);

CREATE TABLE recordings (
    sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    call_sid TEXT,
    source TEXT NOT NULL,
    status TEXT NOT NULL,
    date_created TIMESTAMP WITH TIME ZONE NOT NULL,
    date_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    conference_sid TEXT,
    channels INTEGER NOT NULL,
    track TEXT NOT NULL,
    start_time TIMESTAMP WITH TIME ZONE,
    duration INTEGER,
    price NUMERIC(18, 5),
    price_unit TEXT NOT NULL,
    error_code INTEGER,
    api_version TEXT NOT NULL,
    path TEXT,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_recordings PRIMARY KEY (sid),
    CONSTRAINT ck_recordings_status CHECK (
        status IN ('in-progress', 'paused', 'stopped', 'processing', 'completed', 'absent', 'deleted',
            'failed'))
);
CREATE INDEX ix_recordings_account_sid_newest ON recordings (account_sid, date_created DESC, sid DESC);
CREATE INDEX ix_recordings_call_sid_newest ON recordings (call_sid, date_created DESC, sid DESC);

CREATE TABLE registrations (
    aor TEXT NOT NULL,
    contact TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    flow JSONB NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    call_id TEXT NOT NULL,
    cseq BIGINT NOT NULL,
    q DOUBLE PRECISION NOT NULL,
    user_agent TEXT NOT NULL,
    path TEXT NOT NULL,
    node TEXT,
    CONSTRAINT pk_registrations PRIMARY KEY (aor, contact)
);
CREATE INDEX ix_registrations_expires_at ON registrations (expires_at);

CREATE TABLE timeline (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    resource_sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    detail JSONB NOT NULL,
    CONSTRAINT pk_timeline PRIMARY KEY (id)
);
CREATE INDEX ix_timeline_resource_sid ON timeline (resource_sid, at, id);

CREATE TABLE numbers (
    sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    phone_number TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    date_created TIMESTAMP WITH TIME ZONE NOT NULL,
    date_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    api_version TEXT NOT NULL,
    voice_url TEXT,
    voice_method TEXT NOT NULL,
    voice_fallback_url TEXT,
    voice_fallback_method TEXT NOT NULL,
    voice_caller_id_lookup BOOLEAN NOT NULL,
    voice_application_sid TEXT,
    voice_receive_mode TEXT NOT NULL,
    sms_url TEXT,
    sms_method TEXT NOT NULL,
    sms_fallback_url TEXT,
    sms_fallback_method TEXT NOT NULL,
    sms_application_sid TEXT,
    status_callback TEXT,
    status_callback_method TEXT NOT NULL,
    trunk_sid TEXT,
    address_sid TEXT,
    address_requirements TEXT NOT NULL,
    identity_sid TEXT,
    bundle_sid TEXT,
    emergency_status TEXT NOT NULL,
    emergency_address_sid TEXT,
    emergency_address_status TEXT NOT NULL,
    origin TEXT NOT NULL,
    beta BOOLEAN NOT NULL,
    capabilities JSONB NOT NULL,
    CONSTRAINT pk_numbers PRIMARY KEY (sid),
    CONSTRAINT uq_numbers_phone_number UNIQUE (phone_number),
    CONSTRAINT fk_numbers_account_sid FOREIGN KEY(account_sid) REFERENCES accounts (sid)
);
CREATE INDEX ix_numbers_account_sid_newest ON numbers (account_sid, date_created DESC, sid DESC);

CREATE TABLE sip_credentials (
    username TEXT NOT NULL,
    password TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    voice_url TEXT,
    voice_method TEXT NOT NULL,
    CONSTRAINT pk_sip_credentials PRIMARY KEY (username),
    CONSTRAINT fk_sip_credentials_account_sid FOREIGN KEY(account_sid) REFERENCES accounts (sid)
);

INSERT INTO lease_clock (id, reading, ticked_at) VALUES (1, 0, now());
"""


def upgrade() -> None:
    """Make every table, and start the lease clock at zero."""
    op.execute(_TABLES)


def downgrade() -> None:
    """There is nothing before the first revision."""
    raise NotImplementedError("the first revision cannot be undone")

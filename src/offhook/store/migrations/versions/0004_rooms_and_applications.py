"""Conferences, queues, those who are in them, and applications."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE conferences (
    sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    status TEXT NOT NULL,
    date_created TIMESTAMP WITH TIME ZONE NOT NULL,
    date_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    api_version TEXT NOT NULL,
    region TEXT NOT NULL,
    reason_conference_ended TEXT,
    call_sid_ending_conference TEXT,
    callback JSONB,
    sequence INTEGER NOT NULL,
    revision BIGINT NOT NULL,
    node TEXT,
    lease BIGINT,
    CONSTRAINT pk_conferences PRIMARY KEY (sid),
    CONSTRAINT ck_conferences_status CHECK (status IN ('init', 'in-progress', 'completed'))
);
CREATE INDEX ix_conferences_account_sid_newest ON conferences (account_sid, date_created DESC, sid DESC);
CREATE INDEX ix_conferences_account_sid_friendly_name_newest
    ON conferences (account_sid, friendly_name, date_created DESC, sid DESC);
CREATE UNIQUE INDEX ix_conferences_live ON conferences (account_sid, friendly_name) WHERE status <> 'completed';

CREATE TABLE conference_participants (
    conference_sid TEXT NOT NULL,
    call_sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    status TEXT NOT NULL,
    date_created TIMESTAMP WITH TIME ZONE NOT NULL,
    date_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    label TEXT,
    muted BOOLEAN NOT NULL,
    hold BOOLEAN NOT NULL,
    coaching BOOLEAN NOT NULL,
    call_sid_to_coach TEXT,
    start_conference_on_enter BOOLEAN NOT NULL,
    end_conference_on_exit BOOLEAN NOT NULL,
    CONSTRAINT pk_conference_participants PRIMARY KEY (conference_sid, call_sid),
    CONSTRAINT ck_conference_participants_status CHECK (status IN ('queued', 'connected'))
);

CREATE TABLE queues (
    sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    max_size INTEGER NOT NULL,
    date_created TIMESTAMP WITH TIME ZONE NOT NULL,
    date_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    node TEXT,
    lease BIGINT,
    CONSTRAINT pk_queues PRIMARY KEY (sid),
    CONSTRAINT uq_queues_account_sid_friendly_name UNIQUE (account_sid, friendly_name)
);
CREATE INDEX ix_queues_account_sid_newest ON queues (account_sid, date_created DESC, sid DESC);

CREATE TABLE queue_members (
    queue_sid TEXT NOT NULL,
    call_sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    date_enqueued TIMESTAMP WITH TIME ZONE NOT NULL,
    node TEXT,
    lease BIGINT,
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT pk_queue_members PRIMARY KEY (queue_sid, call_sid)
);
CREATE INDEX ix_queue_members_position ON queue_members (queue_sid, position);

CREATE TABLE applications (
    sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    date_created TIMESTAMP WITH TIME ZONE NOT NULL,
    date_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    api_version TEXT NOT NULL,
    voice_url TEXT,
    voice_method TEXT NOT NULL,
    voice_fallback_url TEXT,
    voice_fallback_method TEXT NOT NULL,
    voice_caller_id_lookup BOOLEAN NOT NULL,
    sms_url TEXT,
    sms_method TEXT NOT NULL,
    sms_fallback_url TEXT,
    sms_fallback_method TEXT NOT NULL,
    sms_status_callback TEXT,
    message_status_callback TEXT,
    status_callback TEXT,
    status_callback_method TEXT NOT NULL,
    public_application_connect_enabled BOOLEAN NOT NULL,
    CONSTRAINT pk_applications PRIMARY KEY (sid),
    CONSTRAINT fk_applications_account_sid FOREIGN KEY (account_sid) REFERENCES accounts (sid)
);
CREATE INDEX ix_applications_account_sid_newest ON applications (account_sid, date_created DESC, sid DESC);
"""


def upgrade() -> None:
    """Make what is new."""
    op.execute(_TABLES)

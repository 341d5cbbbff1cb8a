"""Lanes of callbacks, and what was erased."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CHANGES = """
ALTER TABLE outbox
    ADD COLUMN failed_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN lane BIGINT GENERATED ALWAYS AS (hashtextextended(payload ->> 'url', 0)) STORED;

CREATE TABLE erased (
    sid TEXT NOT NULL,
    deleted BOOLEAN NOT NULL,
    erased_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_erased PRIMARY KEY (sid)
);
CREATE INDEX ix_erased_erased_at ON erased (erased_at);

CREATE INDEX ix_notifications_message_sid ON notifications (message_sid) WHERE message_sid IS NOT NULL;
"""


def upgrade() -> None:
    """Make what is new."""
    op.execute(_CHANGES)

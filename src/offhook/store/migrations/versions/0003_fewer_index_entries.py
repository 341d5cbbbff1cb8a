"""Room for the one update that a message's row sees at once, and one index fewer for each entry of the ledger."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CHANGES = """
ALTER TABLE messages SET (fillfactor = 45);

ALTER TABLE ledger DROP CONSTRAINT pk_ledger;
ALTER TABLE ledger ADD CONSTRAINT pk_ledger PRIMARY KEY (account_sid, id);
DROP INDEX ix_ledger_account_sid;
"""


def upgrade() -> None:
    """Make what is new."""
    op.execute(_CHANGES)

"""Who has claimed a callback, so that it gives back what it had when it starts again."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CHANGES = """
ALTER TABLE outbox ADD COLUMN claimed_by TEXT;
"""


def upgrade() -> None:
    """Make what is new."""
    op.execute(_CHANGES)

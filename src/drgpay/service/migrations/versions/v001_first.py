"""The first form of the store."""

from alembic import op

from drgpay.service.store import META

revision = "001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    META.create_all(op.get_bind())

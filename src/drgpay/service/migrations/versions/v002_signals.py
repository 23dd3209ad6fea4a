"""A published year may be shown with the signals of its cases."""

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("published", sa.Column("signals", sa.Text()))

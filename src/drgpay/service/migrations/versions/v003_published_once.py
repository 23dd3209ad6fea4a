"""One result of a period is published at a time, also when two clerks publish it at once."""

import sqlalchemy as sa
from alembic import op

revision = "003"
down_revision = "002"
branch_labels = None
depends_on = None

SHOWN = sa.text("withdrawn_at IS NULL")


def upgrade() -> None:
    """Withdraw all but the last of each period, by when it was published; let no second one in."""
    op.execute(
        sa.text(
            "UPDATE published SET withdrawn_at = published_at WHERE withdrawn_at IS NULL AND EXISTS ("
            "SELECT 1 FROM published AS later WHERE later.withdrawn_at IS NULL"
            " AND later.region_id = published.region_id AND later.year = published.year"
            " AND later.month = published.month AND (later.published_at > published.published_at"
            " OR (later.published_at = published.published_at AND later.id > published.id)))"
        )
    )
    op.create_index(
        "published_once",
        "published",
        ["region_id", "year", "month"],
        unique=True,
        sqlite_where=SHOWN,
        postgresql_where=SHOWN,
    )

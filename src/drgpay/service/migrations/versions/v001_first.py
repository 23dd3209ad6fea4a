"""The first form of the store."""

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text()
# SQLite counts up by itself only what it calls INTEGER
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _who_may_ask()
    _what_was_asked()
    _what_is_shown()


def _who_may_ask() -> None:
    op.create_table(
        "keys",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("hospital_id", TEXT, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", TEXT, nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
    )
    op.create_table(
        "users",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("password", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("hospital_id", TEXT, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("locked_at", sa.BigInteger()),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("who", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("hospital_id", TEXT, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger()),
    )
    op.create_index("sessions_who", "sessions", ["who"])


def _what_was_asked() -> None:
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("hospital_id", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
    )
    op.create_index("audit_at", "audit", ["at"])
    op.create_table(
        "jobs",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("who", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("hospital_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.JSON()),
        sa.Column("ended_at", sa.BigInteger()),
    )
    op.create_index("jobs_who", "jobs", ["who", "made_at"])
    op.create_index("jobs_state", "jobs", ["state", "made_at"])
    op.create_table(
        "previews",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("who", TEXT, nullable=False),
        sa.Column("hospital_id", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
    )


def _what_is_shown() -> None:
    op.create_table(
        "published",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("region_id", TEXT, nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("folder", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("published_by", TEXT, nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger()),
    )
    op.create_table(
        "objections",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("hospital_id", TEXT, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("about", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", TEXT, nullable=False),
        sa.Column("answer", TEXT, nullable=False),
        sa.Column("accepted", sa.Boolean()),
        sa.Column("answered_at", sa.BigInteger()),
        sa.Column("answered_by", TEXT, nullable=False),
    )

"""The forms that the store has had, one step after the other (alembic)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from drgpay.ground.errors import InputError, both
from drgpay.ledger.tables import META as BOOK

MOST_SHOWN = 8  # tables of somebody else
OTHER = both(
    "--database 或 --data 改用另一个（空的）数据库", "name another database (an empty one)"
)


def upgrade(engine: sa.Engine, own: Collection[str], form: str = "head") -> None:
    """Bring a database to a form, in one transaction; two that start at once do it once.

    `own`: the names of the tables that the newest form has.
    Raises InputError for one of a newer drgpay, and for one whose tables are not drgpay's. The book
    of the budget's years may lie in the same database.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("select pg_advisory_xact_lock(726001)"))
        _refuse_foreign(connection, config, own)
        config.attributes["connection"] = connection
        command.upgrade(config, form)


def _refuse_foreign(connection: sa.Connection, config: Config, names: Collection[str]) -> None:
    """Fail if what is there was not made by these steps."""
    tables = set(sa.inspect(connection).get_table_names())
    own = tables & set(names)
    where = connection.engine.url.render_as_string()
    if "alembic_version" not in tables:
        others = sorted(own or tables - set(BOOK.tables))
        if others:
            more = "…" if len(others) > MOST_SHOWN else ""
            shown = others[:MOST_SHOWN]
            raise InputError(
                both(
                    f"这个数据库不是 drgpay 建立的：已有表 {'、'.join(shown)}{more}",
                    f"this database is not drgpay's: it has tables {', '.join(shown)}{more}",
                ),
                where=where,
                remedy=OTHER,
            )
        return
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if set(found) <= known and (own or not found):
        return
    if own and not set(found) <= known:
        raise InputError(
            both("这个数据库是更新版本的 drgpay 升级过的", "a newer drgpay has made this database"),
            where=where,
            remedy=both("换用那个版本的 drgpay，或恢复备份", "use that drgpay, or a backup"),
        )
    raise InputError(
        both("这个数据库不是 drgpay 的", "this database is not drgpay's"),
        where=where,
        remedy=OTHER,
    )

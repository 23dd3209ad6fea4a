"""The tables of the book in SQLite and PostgreSQL, and the triggers that let nothing be changed.

What stands in the book is only added to. The triggers refuse to change, delete or insert out of
turn, whoever asks; `drgpay budget verify` looks whether they still stand and whether the chain
holds, for somebody may own the file.
"""

from __future__ import annotations

import sqlalchemy as sa

from drgpay.ground.database import NUMBER

META = sa.MetaData()
_TEXT = sa.Text()
FORM = "1"  # of these tables

BOOK = sa.Table(
    "book",  # what the book is: region, digest, form
    META,
    sa.Column("key", _TEXT, primary_key=True),
    sa.Column("value", _TEXT, nullable=False),
)
ENTRIES = sa.Table(
    "entries",
    META,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("kind", _TEXT, nullable=False),
    sa.Column("who", _TEXT, nullable=False),
    sa.Column("role", _TEXT, nullable=False),
    sa.Column("clause", _TEXT, nullable=False),
    sa.Column("subject", _TEXT, nullable=False),
    sa.Column("body", _TEXT, nullable=False),  # canonical JSON, as the documents
    sa.Column("documents", _TEXT, nullable=False),
    sa.Column("about", sa.BigInteger),  # the entry that it checks, approves, corrects, answers
    sa.Column("previous", _TEXT, nullable=False),
    sa.Column("digest", _TEXT, nullable=False, unique=True),
    sa.Index("entries_kind", "year", "kind"),
    sa.Index("entries_about", "about"),
)
POSTINGS = sa.Table(
    "postings",
    META,
    sa.Column("number", sa.BigInteger, sa.ForeignKey("entries.number"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("account", _TEXT, nullable=False),
    sa.Column("pool", _TEXT, nullable=False),
    sa.Column("hospital_id", _TEXT, nullable=False),
    sa.Column("detail", _TEXT, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Index("postings_place", "account", "pool", "hospital_id"),
)
DOCUMENTS = sa.Table(
    "documents",  # what entries rest on, each once
    META,
    sa.Column("digest", _TEXT, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
REFUSED = "the book is only added to"

_SQLITE = """
create trigger {table}_not_{lower} before {verb} on {table}
begin select raise(abort, '{refused}'); end
"""
# `insert or replace` deletes without asking a trigger: a row that is there is refused before
_SQLITE_INSERT = """
create trigger {table}_in_turn before insert on {table} when {wrong}
begin select raise(abort, '{refused}'); end
"""
_POSTGRESQL = """
create trigger {table}_not_{lower} before {verb} on {table}
for each {each} execute function book_refuses()
"""
_POSTGRESQL_FUNCTIONS = (
    """
create function book_refuses() returns trigger language plpgsql as
$$ begin raise exception '{refused}'; end $$
""",
    """
create function book_in_turn() returns trigger language plpgsql as
$$ begin
  if new.number <> (select coalesce(max(number), 0) + 1 from entries) then
    raise exception '{refused}';
  end if;
  return new;
end $$
""",
    """
create trigger entries_in_turn before insert on entries
for each row execute function book_in_turn()
""",
)
_WRONG = {
    "book": "exists (select 1 from book where key = new.key)",
    "entries": "new.number <> (select coalesce(max(number), 0) + 1 from entries)",
    "postings": (
        "exists (select 1 from postings where number = new.number and line = new.line)"
        " or new.number <> (select max(number) from entries)"
    ),
    "documents": "exists (select 1 from documents where digest = new.digest)",
}


def guards(is_sqlite: bool) -> list[str]:
    """Return the statements that make the triggers, in order."""
    made: list[str] = []
    if not is_sqlite:
        made += [text.format(refused=REFUSED) for text in _POSTGRESQL_FUNCTIONS]
    for table in META.tables:
        if is_sqlite:
            verbs = [("update", ""), ("delete", "")]
            made.append(_SQLITE_INSERT.format(table=table, wrong=_WRONG[table], refused=REFUSED))
        else:
            verbs = [("update", "row"), ("delete", "row"), ("truncate", "statement")]
        for verb, each in verbs:
            text = _SQLITE if is_sqlite else _POSTGRESQL
            made.append(text.format(table=table, verb=verb, lower=verb, each=each, refused=REFUSED))
    return [" ".join(text.split()) for text in made]


def missing_guards(connection: sa.Connection) -> list[str]:
    """Return the triggers that no longer stand as they were made, by name."""
    is_sqlite = connection.dialect.name == "sqlite"
    wanted = {_name(text): text for text in guards(is_sqlite) if "create trigger" in text}
    if is_sqlite:
        rows = connection.exec_driver_sql(
            "select name, sql from sqlite_master where type='trigger'"
        )
        found = {name: " ".join(sql.split()).lower() for name, sql in rows}
        return sorted(name for name, text in wanted.items() if found.get(name) != text.lower())
    rows = connection.exec_driver_sql(
        "select tgname, p.prosrc from pg_trigger t join pg_proc p on p.oid = t.tgfoid"
        " join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace"
        " where not tgisinternal and tgenabled = 'O' and n.nspname = current_schema()"
    )
    bodies = {" ".join(text.split("$$")[1].split()) for text in guards(False) if "$$" in text}
    standing = {name for name, body in rows if " ".join(body.split()) in bodies}
    return sorted(set(wanted) - standing)


def _name(statement: str) -> str:
    return statement.split()[2]

"""The paid cases of a run's folder, taken into the book's register; a case paid before is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drgpay.ground.errors import InputError, both
from drgpay.ledger.book import Turn
from drgpay.ledger.entries import Draft
from drgpay.ledger.paid_cases import APART, FILE, REGISTER, facts, packed, paid_before, told
from drgpay.runs.duck import connection, quoted
from drgpay.runs.manifest import YEAR
from drgpay.runs.reader import RunFolder

if TYPE_CHECKING:
    import pyarrow as pa

NAMED = 20  # cases of an entry that a refusal names
PAID = ("points", "money")  # of `paid_by`: what is held is paid another time
KEYS = """
    select ('0x' || substr(d, 1, 16))::ubigint a, ('0x' || substr(d, 17, 16))::ubigint b,
           hospital_id, case_id
    from (select hospital_id, case_id, sha256(hospital_id || {apart} || case_id) d
          from read_parquet({path}) where paid_by in ({paid}))
    order by a, b
"""


def case_keys(run: RunFolder) -> pa.Table:
    """Return the cases that a year's run pays: their keys (a, b), sorted, institution and case."""
    path = run.path("cases")
    files = str(path / "*.parquet") if path.is_dir() else str(path)
    asked = KEYS.format(apart=quoted(APART), path=quoted(files), paid=", ".join(map(quoted, PAID)))
    with run.reading(), connection() as db:
        return db.sql(asked).to_arrow_table()


def with_paid_cases(turn: Turn, draft: Draft, folder: str | Path) -> Draft:
    """Return a clearing with the register of its cases, kept in the book.

    Raises InputError for cases that were paid in another year, naming them and the entry, and for one
    that stands twice.
    """
    keys = case_keys(RunFolder(folder, YEAR))
    a, b = keys["a"].to_numpy(), keys["b"].to_numpy()
    twice = ((a[1:] == a[:-1]) & (b[1:] == b[:-1])).nonzero()[0]
    faults = []
    if len(twice):
        names = _named(keys, twice)
        faults.append(both(f"病例重复：{names}", f"cases that stand twice: {names}"))
    for own in paid_before(turn, keys, draft.year):
        names, word = _named(keys, own.places), told(own)
        faults.append(both(f"{word.chinese}：{names}", f"{word}: {names}"))
    if faults:
        raise InputError(
            both("有病例不能再付，不予入账", "cases that cannot be paid again"),
            where=folder,
            faults=faults,
            remedy=both(
                "从本年的病例中删去后重新清算",
                "leave them out of this year's cases, and settle again",
            ),
        )
    documents = tuple(turn.keep(FILE, content) for content in packed(keys.select(["a", "b"])))
    body = {**draft.body, REGISTER: facts(documents, keys.num_rows)}
    return replace(draft, body=body, documents=(*draft.documents, *documents))


def _named(keys: pa.Table, places: object) -> str:
    own = keys.take(places)
    pairs = zip(own["hospital_id"].to_pylist(), own["case_id"].to_pylist(), strict=True)
    every = [f"{hospital} {case}" for hospital, case in pairs]
    return "、".join(every[:NAMED]) + ("…" if len(every) > NAMED else "")

"""The paid cases of a month's or a year's folder, taken into the book's register; one paid before is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ledger.book import Reading, Turn
from drgpay.ledger.entries import Draft
from drgpay.ledger.paid_cases import (
    APART,
    FILE,
    MONTH,
    REGISTER,
    REMEDY,
    TAKEN_BACK,
    Twice,
    facts,
    kept_keys,
    known_among,
    packed,
    paid_before,
    standing,
    told,
)
from drgpay.ledger.postings import POINTS
from drgpay.runs.duck import connection, quoted
from drgpay.runs.manifest import MONTH as MONTH_FOLDER
from drgpay.runs.manifest import YEAR
from drgpay.runs.reader import RunFolder
from drgpay.wrapper.post_runs import posted_months

if TYPE_CHECKING:
    import pyarrow as pa

NAMED = 20  # cases of an entry that a refusal names
PAID = ("points", "money")  # of `paid_by`: what is held is paid another time
KEYS = """
    select ('0x' || substr(d, 1, 16))::ubigint a, ('0x' || substr(d, 17, 16))::ubigint b,
           hospital_id, case_id, month
    from (select hospital_id, case_id, month, sha256(hospital_id || {apart} || case_id) d
          from read_parquet({path}) where {paid})
    order by a, b
"""
FILE_BACK = "cases_taken_back.parquet"


def case_keys(run: RunFolder) -> pa.Table:
    """Return the cases that a run pays: their keys (a, b), sorted, institution, case and month.

    Of a month's folder those of the months up to it.
    """
    of_year = run.kind == YEAR
    path = run.path("cases" if of_year else "paid_cases")
    files = str(path / "*.parquet") if path.is_dir() else str(path)
    paid = f"paid_by in ({', '.join(map(quoted, PAID))})" if of_year else "true"
    asked = KEYS.format(apart=quoted(APART), path=quoted(files), paid=paid)
    with run.reading(), connection() as db:
        return db.sql(asked).to_arrow_table()


def with_paid_cases(turn: Turn, draft: Draft, folder: str | Path) -> Draft:
    """Return an entry with the register of its folder's cases, kept in the book.

    Raises InputError for cases that were paid before, naming them and the entry, and for one that
    stands twice. A month's folder that was written before they listed their cases adds none.
    """
    run = RunFolder(folder, MONTH_FOLDER if draft.kind == MONTH else YEAR)
    if draft.kind == MONTH and not run.has("paid_cases"):
        return draft
    keys = case_keys(run)
    _refuse_paid(keys, paid_before(turn, keys, draft.year), folder)
    body, documents = dict(draft.body), list(draft.documents)

    def keep(name: str, file: str, cases: pa.Table) -> None:
        parts = tuple(turn.keep(file, content) for content in packed(cases.select(["a", "b"])))
        body[name] = facts(parts, cases.num_rows)
        documents.extend(parts)

    if draft.kind == MONTH:
        before = keys_of_year(turn, draft.year)
        _refuse_moved(turn, run, draft, keys)
        back = before.filter(~known_among(keys, before))
        if back.num_rows:
            keep(TAKEN_BACK, FILE_BACK, back)
        keys = keys.filter(~known_among(before, keys))
    keep(REGISTER, FILE, keys)
    return replace(draft, body=body, documents=tuple(documents))


def keys_of_year(reading: Reading, year: int) -> pa.Table:
    """Return the cases that stand as paid in a year: their keys (a, b), sorted."""
    import pyarrow as pa

    kind = pa.schema([(name, pa.uint64()) for name in ("a", "b")])
    found = kind.empty_table()
    for entry in standing(reading, year).get(year, ()):
        if TAKEN_BACK in entry.body:
            back = kept_keys(reading, entry.body[TAKEN_BACK])
            found = found.filter(~known_among(back, found))
        more = kept_keys(reading, entry.body[REGISTER]).cast(kind)
        found = pa.concat_tables([found, more]).sort_by([(n, "ascending") for n in kind.names])
    return found


def _refuse_paid(keys: pa.Table, before: Sequence[Twice], folder: str | Path) -> None:
    """Fail if cases stand twice, or were paid before by entries that are told."""
    a, b = keys["a"].to_numpy(), keys["b"].to_numpy()
    twice = ((a[1:] == a[:-1]) & (b[1:] == b[:-1])).nonzero()[0]
    faults: list[Bilingual] = []
    if len(twice):
        names = _named(keys, twice)
        faults.append(both(f"病例重复：{names}", f"cases that stand twice: {names}"))
    for own in before:
        names, word = _named(keys, own.places), told(own)
        faults.append(both(f"{word.chinese}：{names}", f"{word}: {names}"))
    if faults:
        raise InputError(
            both("有病例不能再付，不予入账", "cases that cannot be paid again"),
            where=folder,
            faults=faults,
            remedy=REMEDY,
        )


def _refuse_moved(reading: Reading, run: RunFolder, draft: Draft, keys: pa.Table) -> None:
    """Fail if a month pays a case that a month before paid and that its run does not take back.

    A run of the month before that stands in the book adjusts what it paid, so that a case may move to
    another month; one of another folder, or of none, does not know of it.
    """
    import pyarrow.compute as pc

    months = posted_months(reading, draft.year, POINTS)
    earlier: Mapping[str, Any] = run.manifest.get("earlier") or {}
    if not months or earlier.get("manifest_sha256") == months[-1].body["manifest"]:
        return
    own = keys.filter(pc.equal(keys["month"], draft.body["month"]))
    _refuse_paid(own, paid_before(reading, own, draft.year, only=True), run.folder)


def _named(keys: pa.Table, places: object) -> str:
    own = keys.take(places)
    pairs = zip(own["hospital_id"].to_pylist(), own["case_id"].to_pylist(), strict=True)
    every = [f"{hospital} {case}" for hospital, case in pairs]
    return "、".join(every[:NAMED]) + ("…" if len(every) > NAMED else "")

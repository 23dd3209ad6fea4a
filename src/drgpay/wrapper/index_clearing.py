"""The year's clearing of institutions that are paid by an index (S0 32-35), on the book.

Whoever is a member of a filed community is cleared with it (communities.py), the others here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.budget.index_clearing import Cleared, IndexYear, clear_pool
from drgpay.budget.index_months import IndexMonth
from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.ground.money import yuan_text
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Draft, Entry, Line
from drgpay.ledger.postings import INDEX, ClearingFigures, Place, clearing_lines
from drgpay.names.plan import OUTCOMES
from drgpay.policy import YearPolicy
from drgpay.region.standing import ENDED, NORMAL, PENALISED
from drgpay.region.tables import STANDINGS
from drgpay.tables import kinds
from drgpay.tables.declared import Row, Table, optional
from drgpay.wrapper.filings import members_of
from drgpay.wrapper.filled import WHO, read_tables
from drgpay.wrapper.index_year import control_of, held_indices, month_figures, refuse_others
from drgpay.wrapper.planning import budget_policy, policy_facts
from drgpay.wrapper.post_runs import of_method, posted_months
from drgpay.wrapper.settlement_plan import hold_to_plan

ASSESSED = Table(
    "assessed",
    (
        *WHO,
        optional("score", kinds.share, None),
        optional("met", kinds.coded(OUTCOMES), None),
        optional("standing", STANDINGS, NORMAL),
        optional("report", kinds.yes_no, False),
        optional("costly_yuan", kinds.amount, None),
        *(
            optional(name, kinds.amount, 0)
            for name in (
                "violation_yuan",
                "outside_index_yuan",
                "outside_claim_yuan",
            )
        ),
        optional("patients", kinds.whole(0, 10**9), None),
        optional("patients_last", kinds.whole(0, 10**9), None),
    ),
    required=True,
    unique=("hospital_id", "pool"),
    filled=True,
)


@dataclass(frozen=True, slots=True)
class IndexBook:
    """What the book has of a year by index: indices after transfers, months, advances, who is cleared."""

    year: int
    held: Mapping[Place, Mapping[str, Any]]
    months: Mapping[Place, Sequence[IndexMonth]]
    advanced: Mapping[Place, Mapping[str, int]]
    costly: Mapping[Place, int]
    cleared: frozenset[Place]
    assessed: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, reading: Reading, year: int) -> IndexBook:
        """Read it; raises InputError for a year whose twelve months are not all settled."""
        months = posted_months(reading, year, INDEX)
        if len(months) != 12:
            raise InputError(
                both(
                    f"{year}年已结算 {len(months)} 个月，十二个月都结算后才清算",
                    f"{len(months)} months of {year} are settled: it is cleared after twelve",
                ),
                remedy=both(
                    "先逐月结算：drgpay budget index-month", "first: drgpay budget index-month"
                ),
            )
        return cls(
            year=year, held=held_indices(reading, year, transferred=True),
            months=_by_place(months), advanced=_advanced(reading),
            costly=_costly(reading, year), cleared=cleared_places(reading, year),
            assessed=_assessed(reading, year),
        )  # fmt: skip

    def open_to(self, hospitals: frozenset[str], *, inside: bool) -> dict[Place, Mapping[str, Any]]:
        """Return the indices not cleared yet of those institutions, or of all others."""
        return {
            place: own
            for place, own in self.held.items()
            if place not in self.cleared and (place[0] in hospitals) == inside
        }

    def given(self, rows: Sequence[Row]) -> list[IndexYear]:
        """Return the years that assessed rows come to.

        Raises InputError for other costly cases or another assessment than the book's, and for a
        row without a score where the book has no assessment.
        """
        faults = list(self._other_assessment(rows))
        if faults:
            raise InputError(
                both(
                    "考核结果与账上的不符，或没有", "the assessment is not the book's, or missing"
                ),
                faults=faults,
                remedy=both(
                    "账上有考核的，这两列可以不填；考核用 drgpay budget assess propose",
                    "with an assessment in the book both columns may stay empty: drgpay budget assess "
                    "propose",
                ),
            )
        faults = list(self._other_costly(rows))
        if faults:
            raise InputError(
                both("高额费用与账上认定的不符", "the costly cases are not those of the book"),
                faults=faults,
                remedy=both(
                    "该列可以不填；认定用 drgpay budget costly",
                    "the column may stay empty; cases are taken up by drgpay budget costly",
                ),
            )
        return [_year(row, self) for row in rows]

    def _other_assessment(self, rows: Sequence[Row]) -> Iterator[Bilingual]:
        for row in rows:
            own = self.assessed.get(row["hospital_id"])
            if own is None:
                if row["score"] is None and row["standing"] != ENDED:
                    yield fault_at(
                        row.where,
                        f"账上没有 {row['hospital_id']} 的考核，须填考核得分",
                        f"the book has no assessment of {row['hospital_id']}: its score is needed",
                    )
                continue
            other = row["score"] not in (None, Fraction(own["score"]))
            if other or row["met"] not in (None, own["met"]):
                yield fault_at(
                    row.where,
                    f"{row['hospital_id']} 的考核，账上为得分 {own['score']}、"
                    f"{OUTCOMES[own['met']].chinese}",
                    f"the book assessed {row['hospital_id']}: {own['score']}, {OUTCOMES[own['met']]}",
                )

    def _other_costly(self, rows: Sequence[Row]) -> Iterator[Bilingual]:
        for row in rows:
            own = self.costly.get((row["hospital_id"], row["pool"]), 0)
            if row["costly_yuan"] not in (None, own):
                told = yuan_text(row["costly_yuan"]), yuan_text(own)
                yield fault_at(
                    row.where,
                    f"指标外高额费用 {told[0]} 元，账上认定 {told[1]} 元",
                    f"{told[0]} yuan outside the index, {told[1]} taken up in the book",
                )


def index_clearing_draft(
    reading: Reading, folder: Path, year: int, policy_name: str, who: str
) -> Draft:
    """Return the entry that clears a year against its indices (S0 32-35).

    Raises InputError for tables with faults, for a year whose months are not all settled or that is
    cleared already, for other parameters than its settlement plan; BooksError where the months in
    the book come to other amounts.
    """
    policy = budget_policy(policy_name, year)
    hold_to_plan(reading, year, policy)
    (assessed,) = read_tables(Path(folder), ASSESSED)
    book = IndexBook.read(reading, year)
    members = members_of(reading, year)
    to_clear = book.open_to(members, inside=False)
    if not to_clear:
        raise nothing_open(year)
    refuse_others(assessed, to_clear, Path(folder))
    given = book.given(assessed)
    cleared = [
        own
        for pool in sorted({y.pool for y in given})
        for own in clear_pool(pool, [y for y in given if y.pool == pool], policy).rows
    ]
    return Draft(
        "clearing", year, who, "maker", clearing_body(cleared, policy), clause="S0 32-35",
        subject=f"{year}", lines=tuple(cleared_lines(reading, book, cleared)),
    )  # fmt: skip


def nothing_open(year: int) -> InputError:
    """Return that nobody waits for a clearing."""
    return InputError(
        both(f"{year}年没有待清算的机构指标", f"no index of {year} waits for its clearing"),
        remedy=both(
            "已清算的见 drgpay budget entries；医共体成员用 drgpay budget community settle",
            "what is cleared: drgpay budget entries; members of communities: drgpay budget "
            "community settle",
        ),
    )


def cleared_places(reading: Reading, year: int) -> frozenset[Place]:
    """Return the institutions and pools whose index is cleared."""
    return frozenset(
        (own["hospital_id"], own["pool"])
        for entry in reading.entries(("clearing",), year=year)
        if entry.body["method"] == INDEX
        for own in entry.body["figures"]
    )


def cleared_lines(reading: Reading, book: IndexBook, cleared: Sequence[Cleared]) -> Iterator[Line]:
    """Post a clearing by index against what the months of those institutions left."""
    places = {(c.given.hospital_id, c.given.pool) for c in cleared}
    standing = [
        b for b in of_method(reading, book.year, INDEX) if (b.hospital_id, b.pool) in places
    ]
    yield from clearing_lines([_figures(book, c) for c in cleared], standing)


def _figures(book: IndexBook, c: Cleared) -> ClearingFigures:
    place = c.given.hospital_id, c.given.pool
    taken = sum(month_figures(place, month).violations_fen for month in book.months.get(place, ()))
    return ClearingFigures(
        *place,
        # what violations took off the months stands beside it, on its own account
        {"index": c.due_fen + taken},
        c.forfeited_fen,
        c.given.violation_fen,
        c.final_fen,
        method=INDEX,
        advances_fen=book.advanced.get(place, {}),
    )


def clearing_body(cleared: Sequence[Cleared], policy: YearPolicy) -> dict[str, Any]:
    """Return what the entry of a clearing says."""
    return {
        "method": INDEX, "policy": policy_facts(policy),
        "figures": [_cleared_facts(c) for c in cleared],
    }  # fmt: skip


def _advanced(reading: Reading) -> dict[Place, dict[str, int]]:
    """Return what is advanced to institutions and not returned yet, by account."""
    found: dict[Place, dict[str, int]] = {}
    for b in reading.balances("working_capital", "advance"):
        if b.amount_fen:
            found.setdefault((b.hospital_id, b.pool), {})[b.account] = b.amount_fen
    return found


def _by_place(months: Sequence[Entry]) -> dict[Place, list[IndexMonth]]:
    """Return the months of each institution and pool, in order."""
    found: dict[Place, list[IndexMonth]] = {}
    for entry in months:
        for own in entry.body["figures"]:
            place = own["hospital_id"], own["pool"]
            found.setdefault(place, []).append(IndexMonth(**own["month"]))
    return found


def _costly(reading: Reading, year: int) -> dict[Place, int]:
    """Return what was approved of very costly cases, by institution and pool (S0 24)."""
    found: dict[Place, int] = {}
    for entry in reading.entries(("costly",), year=year):
        for own in entry.body["cases"]:
            place = own["hospital_id"], own["pool"]
            found[place] = found.get(place, 0) + own["approved_fen"]
    return found


def _assessed(reading: Reading, year: int) -> dict[str, Mapping[str, Any]]:
    """Return the last assessment of a year by institution, nothing where there is none."""
    entries = reading.entries(("assessment",), year=year)
    return {own["hospital_id"]: own for own in entries[-1].body["scores"]} if entries else {}


def _assessment_of(row: Row, book: IndexBook) -> dict[str, Any]:
    """Return score, outcome and gates: the book's, else those of the row."""
    own = book.assessed.get(row["hospital_id"])
    if own is None:
        return {"score": Fraction(1) if row["score"] is None else row["score"],
                "met": row["met"] or "all"}  # fmt: skip
    return {"score": Fraction(own["score"]), "met": own["met"], "gates_passed": not own["gates"]}


def _year(row: Row, book: IndexBook) -> IndexYear:
    place = row["hospital_id"], row["pool"]
    held, own = book.held[place], book.months.get(place, ())
    costly, advanced = book.costly.get(place, 0), book.advanced
    return IndexYear(
        hospital_id=place[0], pool=place[1],
        index_fen=control_of(held),
        actual_fen=sum(m.net_fen for m in own) - costly,
        costly_fen=costly,
        outside_index_fen=row["outside_index_yuan"], outside_actual_fen=row["outside_claim_yuan"],
        paid_fen=sum(m.paid_fen for m in own),
        advances_fen=sum(advanced.get(place, {}).values()),
        deposit_fen=held["deposit_fen"],
        violation_fen=row["violation_yuan"] + (own[-1].owed_fen if own else 0),
        **_assessment_of(row, book),
        penalised=row["standing"] == PENALISED, ended=row["standing"] == ENDED,
        report=row["report"], patients=row["patients"], patients_last=row["patients_last"],
    )  # fmt: skip


def _cleared_facts(c: Cleared) -> dict[str, Any]:
    """Return every figure of an institution's clearing, amounts in fen, ratios as fractions."""
    given = {k: v for k, v in asdict(c.given).items() if v is not None}
    given["score"] = str(c.given.score)
    names = (
        "difference_fen", "kept_fen", "reward_fen", "treasury_fen", "fund_fen", "borne_fen",
        "waiting_fen", "forfeited_fen", "due_fen", "final_fen", "payable_fen", "recover_fen",
    )  # fmt: skip
    return {
        "hospital_id": c.given.hospital_id, "pool": c.given.pool, "outcome": c.outcome,
        "given": given, "released": str(c.released),
        "compensation_fen": c.compensation.paid_fen if c.compensation else 0,
        **{name: getattr(c, name) for name in names},
    }  # fmt: skip

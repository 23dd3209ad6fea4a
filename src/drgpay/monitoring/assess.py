"""The assessment of a year: from visits and what is entered to the entry on the book.

The clearing of indices takes score, outcome and gates from the entry (S0 32-35, S3 二(三)3), and
`effects` says what they did to the money.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.budget.index_clearing import Cleared, IndexYear, clear
from drgpay.ground.digests import file_digest
from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Draft
from drgpay.ledger.postings import INDEX
from drgpay.monitoring.indicators import Indicator, indicators
from drgpay.monitoring.measures import Measured, measured
from drgpay.monitoring.scores import (
    Figure,
    Score,
    Target,
    figure_of,
    grade_of,
    ratio,
    score_of,
    targets_of,
)
from drgpay.monitoring.sums import asked
from drgpay.monitoring.tables import ENTERED, TARGETS
from drgpay.monitoring.visits import read_visits
from drgpay.monitoring.watch import Institution
from drgpay.policy import YearPolicy
from drgpay.tables.declared import Row
from drgpay.tables.reader import Reader
from drgpay.wrapper.filled import MEND
from drgpay.wrapper.index_year import held_indices
from drgpay.wrapper.planning import policy_facts

YEAR_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Assessed:
    """The assessment of all institutions of a year, and the files that it rests on."""

    year: int
    month: int
    scores: tuple[Score, ...]
    measures: Measured
    files: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


def assess(
    reading: Reading, folder: Path, paths: Sequence[Path], policy: YearPolicy,
    known: Mapping[str, Institution], month: int = YEAR_MONTHS,
) -> Assessed:  # fmt: skip
    """Return the assessment of the institutions that have an index, or records, or are entered.

    Raises InputError for tables with faults and for an institution of which nothing can be judged.
    """
    targets, entered = _tables(folder)
    measures: Measured = {}
    if paths:
        with asked(read_visits(paths, policy.year), month) as sums:
            measures = measured(sums, policy)
    given = {(row["hospital_id"], row["indicator"]): row for row in entered}
    held = {hospital for hospital, _ in held_indices(reading, policy.year)}
    every = sorted(held or {*measures, *(hospital for hospital, _ in given)})
    scores = []
    for hospital in every:
        own = measures.get(hospital, {})
        level = (known.get(hospital) or Institution(hospital)).level
        asked_of = targets_of(level, targets)
        figures = {
            target.indicator: _figure(
                target.indicator, own, given.get((hospital, target.indicator))
            )
            for target in asked_of
        }
        scores.append(score_of(hospital, asked_of, figures))
    missing = {
        target.indicator
        for score in scores
        for row in score.rows
        for target in [row.target]
        if row.figure is None
    }
    files = [*paths, *sorted(p for p in Path(folder).iterdir() if p.is_file())]
    return Assessed(
        policy.year, month, tuple(scores), measures, tuple((p.name, file_digest(p)) for p in files),
        tuple(name for name in indicators() if name in missing),
    )  # fmt: skip


def _figure(name: str, measures: Mapping[str, tuple[int, int]], row: Row | None) -> Figure | None:
    """Return what was entered of an indicator, else what records give."""
    if row is None:
        return figure_of(indicators()[name], measures)
    over, under = row["numerator"] * scale_of(indicators()[name]), row["denominator"]
    return Figure(over, under, ratio(over, under), entered=True, document=row["document"])


def _tables(folder: Path) -> tuple[list[Target], list[Row]]:
    reader = Reader(Path(folder))
    asked_for, entered = reader.read(TARGETS), reader.read(ENTERED)
    reader.faults += _faults(asked_for)
    reader.refuse(
        Path(folder),
        both("考核表有误", "the tables of the assessment have faults"),
        MEND,
    )
    return [_target(row) for row in asked_for], entered


def scale_of(indicator: Indicator) -> int:
    """Return by what figures that people write are multiplied: of costs they write yuan."""
    return 100 if indicator.unit == "fen" else 1


def _target(row: Row) -> Target:
    declared = indicators()[row["indicator"]]
    direction = row["direction"] or declared.direction
    low, high, points = row.of("target_low", "target_high", "full_points")
    scale = scale_of(declared)
    low, high = (None if bound is None else bound * scale for bound in (low, high))
    return Target(
        indicator=row["indicator"], level=row["level"], direction=direction, low=low, high=high,
        points=points if direction != "watch" else Fraction(0), gate=row["gate"],
    )  # fmt: skip


NEEDS = {"max": (False, True), "min": (True, False), "band": (True, True), "watch": (False, False)}


def _faults(rows: Sequence[Row]) -> Iterator[Bilingual]:
    for row in rows:
        if not row.sound:
            continue
        direction = row["direction"] or indicators()[row["indicator"]].direction
        low, high = row.of("target_low", "target_high")
        has = (low is not None, high is not None)
        if has != NEEDS[direction]:
            yield fault_at(
                row.where,
                "不高于的填上限，不低于的填下限，之间的两个都填，监测的都不填",
                "at most: an upper bound; at least: a lower one; between: both; watched: none",
            )
        elif low is not None and high is not None and low > high:
            yield fault_at(row.where, "下限大于上限", "the lower bound is above the upper one")


def assessment_draft(found: Assessed, policy: YearPolicy, who: str) -> Draft:
    """Return the entry of an assessment: every figure, target, point and gate."""
    grades, limits = policy["assess.grades"], policy["assess.grade_limits"]
    body = {
        "policy": policy_facts(policy),
        "month": found.month,
        "files": [list(own) for own in found.files],
        "measures": {
            hospital: {name: now for name, (now, _) in own.items()}
            for hospital, own in found.measures.items()
        },
        "scores": [
            {
                "hospital_id": own.hospital_id, "score": str(own.score), "met": own.met,
                "grade": grade_of(own, grades, limits),
                "gates": list(own.gates), "indicators": [_row_facts(row) for row in own.rows],
            }
            for own in found.scores
        ],
    }  # fmt: skip
    return Draft(
        "assessment", found.year, who, "maker", body, clause="S0 26-27, 33 (2)",
        subject=f"{found.year}",
    )  # fmt: skip


def _row_facts(row: Any) -> dict[str, Any]:
    target, figure = row.target, row.figure
    said: dict[str, Any] = {
        "indicator": target.indicator, "direction": target.direction, "state": row.state,
        "points": str(target.points), "got": str(row.got), "gate": target.gate,
    }  # fmt: skip
    for name, bound in (("low", target.low), ("high", target.high)):
        if bound is not None:
            said[name] = str(bound)
    if figure is not None:
        said |= {"numerator": str(figure.numerator), "denominator": str(figure.denominator)}
        if figure.value is not None:
            said["value"] = str(figure.value)
        if figure.entered:
            said["document"] = figure.document or "-"
    return said


# --- what the assessment did to the money


@dataclass(frozen=True, slots=True)
class Effect:
    """An institution's clearing in a pool beside one with everything met, in fen.

    `kept`: retained surplus or reward; `fund`: what the fund bears of overspending; `forfeited`:
    of the deposit. Each as it was, and as it would have been.
    """

    hospital_id: str
    pool: str
    score: Fraction
    met: str
    gates_passed: bool
    outcome: str
    kept_fen: int
    kept_best_fen: int
    fund_fen: int
    fund_best_fen: int
    forfeited_fen: int
    cost_fen: int


def effects(reading: Reading, year: int, policy: YearPolicy) -> list[Effect]:
    """Return what score, outcome and gates did to the clearing by index of a year on the book.

    Raises InputError for a year that is not cleared, or that was cleared by another policy.
    """
    entries = [e for e in reading.entries(("clearing",), year=year) if e.body["method"] == INDEX]
    if not entries:
        raise InputError(
            both(f"{year}年尚未按指标清算入账", f"{year} is not cleared by index in the book"),
            remedy=both("先清算：drgpay budget index-clear", "first: drgpay budget index-clear"),
        )
    if any(e.body["policy"]["digest"] != policy.digest for e in entries):
        raise InputError(
            both("清算所用的政策不是这一份", "the clearing was made by another policy"),
            remedy=both("用 --policy 给出清算所用的政策", "name the clearing's policy by --policy"),
        )
    return [
        _effect(own, policy)
        for entry in entries
        for own in entry.body["figures"]
        if own["outcome"] not in ("of_community", "not_assessed")
    ]


def _effect(own: Mapping[str, Any], policy: YearPolicy) -> Effect:
    given = dict(own["given"])
    given["score"] = Fraction(given["score"])
    year = IndexYear(**given)
    was, best = clear(year, policy), clear(_best(year), policy)
    return Effect(
        year.hospital_id, year.pool, year.score, year.met, year.gates_passed, was.outcome,
        _kept(was), _kept(best), was.fund_fen, best.fund_fen, was.forfeited_fen,
        best.final_fen - was.final_fen,
    )  # fmt: skip


def _best(year: IndexYear) -> IndexYear:
    return replace(year, score=Fraction(1), met="all", gates_passed=True)


def _kept(cleared: Cleared) -> int:
    return cleared.kept_fen + cleared.reward_fen

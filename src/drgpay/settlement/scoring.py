"""One piece of a year's cases: read, checked, grouped, classified and scored.

Points of one case depend on that case and on small tables, so a piece needs nothing of any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.encode import Faults
from drgpay.cases.quarantine import Quarantine
from drgpay.cases.sources import Piece
from drgpay.errors import Bilingual, InputError, both, located
from drgpay.grouper.check import WANTED as CHECKED
from drgpay.grouper.check import CheckRun, PieceChecks
from drgpay.grouper.engine import GroupNumbers
from drgpay.grouper.stream import GroupedPiece, deciding_diagnoses, group_piece
from drgpay.grouper.versions import AnyGrouper
from drgpay.money import yuan_text
from drgpay.points.base import (
    MAX_BASE_POINTS,
    MAX_COEFFICIENT,
    GroupTables,
    ten_thousandths,
)
from drgpay.points.kernels import (
    AMBIGUOUS,
    BED_DAY,
    COEF_ONE,
    HIGH,
    LOW,
    NORMAL,
    REVIEWED,
    UNGROUPED,
    UNSTABLE,
    score_range,
)
from drgpay.policy import YearPolicy
from drgpay.settlement.region import Region

CASE_CLASSES = (
    "normal",
    "high",
    "reviewed",
    "low",
    "unstable",
    "ungrouped",
    "ambiguous",
    "bed_day",
)
BY_COST = (UNSTABLE, UNGROUPED, AMBIGUOUS)
WANTED = tuple(
    dict.fromkeys(
        (*CHECKED, "patient_id", "pool", "settlement_date", "payment_mode", "bed_day_class")
    )
)
HISTORY_WANTED = (
    "case_id",
    "sex",
    "age_years",
    "age_days",
    "birth_weight_g",
    "admission_date",
    "discharge_date",
    "settlement_date",
    "los_days",
    "icu",
    "diagnoses",
    "procedures",
    "total_cost",
    "payment_mode",
    "bed_day_class",
    "code_system",
    "refund",
)
EPOCH_YEARS = 1970


@dataclass(frozen=True)
class Facts:
    """The settlement columns of N cases as arrays; money in fen, dates in days since 1970."""

    hospital: NDArray[np.int32]
    pool: NDArray[np.int8]
    admission: NDArray[np.int32]
    discharge: NDArray[np.int32]
    days: NDArray[np.int32]
    cost: NDArray[np.int64]
    fund: NDArray[np.int64]
    day_surgery: NDArray[np.bool_]
    bed_class: NDArray[np.int16]


@dataclass(frozen=True)
class ScoredPiece:
    """N scored cases: what the year end needs of them, and what its tables show."""

    file: str
    numbers: NDArray[np.int64]
    case_id: pa.Array
    patient_id: pa.Array
    severity_diagnosis: pa.Array
    facts: Facts
    drg: NDArray[np.int16]
    adrg: NDArray[np.int16]
    mdc: NDArray[np.int8]
    status: NDArray[np.int8]
    reason: NDArray[np.int8]
    level: NDArray[np.uint8]
    unreasonable: NDArray[np.int64]
    reviewed: NDArray[np.int8]
    case_class: NDArray[np.int8]
    coefficient: NDArray[np.int32]
    points: NDArray[np.int64]
    quarantine: Quarantine
    version: NDArray[np.int8] | None = None  # of a family of schemes, by row


def year_bounds(year: int) -> tuple[int, int]:
    """Return the first and last day of a year in days since 1970."""
    first = np.datetime64(f"{year}-01-01", "D").astype(int)
    after = np.datetime64(f"{year + 1}-01-01", "D").astype(int)
    return int(first), int(after) - 1


class CaseReader:
    """Reads the settlement columns of a piece and quarantines what cannot be settled."""

    def __init__(self, region: Region, policy: YearPolicy, years: tuple[int, int]) -> None:
        self.hospitals = {h.id: i for i, h in enumerate(region.hospitals)}
        self.pools = {p.id: i for i, p in enumerate(region.pools)}
        self.bed_classes = {name: i for i, name in enumerate(sorted(region.bed_day_rates))}
        self.policy = policy
        self.first_day = year_bounds(years[0])[0]
        self.last_day = year_bounds(years[1])[1]

    def read(self, faults: Faults, *, history: bool = False) -> Facts:
        """Return the facts of the piece in `faults`; its bad rows are noted there.

        History needs no pool, hospital or fund, and its rows of other years are no fault: they
        come out with cost 0.
        """
        table, count = faults.table, len(faults.table)
        admission = self._date(faults, "admission_date")
        discharge = self._date(faults, "discharge_date")
        settled, bad = (
            parse.dates(table["settlement_date"])
            if "settlement_date" in table.column_names
            else (np.full(count, parse.MISSING_DATE, np.int32), np.zeros(count, np.bool_))
        )
        faults.add(bad, "settlement_date", "date_invalid")
        faults.add(discharge < admission, "discharge_date", "dates_reversed")
        if "refund" in table.column_names:
            refunds, bad = parse.flags(table["refund"])
            faults.add(bad, "refund", "flag_invalid")
            faults.add(refunds == 1, "refund", "refund_not_netted")
        cost = self._money(faults, "total_cost")
        days = self._days(table, admission, discharge)
        faults.stay_days = days
        mode, bed_class = self._modes(faults, days, history)
        key = discharge
        if self.policy["year_key"] == "setl_end_date":
            key = np.where(settled == parse.MISSING_DATE, discharge, settled)
        outside = (key < self.first_day) | (key > self.last_day)
        if history:
            return Facts(
                np.zeros(count, np.int32),
                np.zeros(count, np.int8),
                admission,
                discharge,
                days,
                np.where(outside, 0, cost),
                np.zeros(count, np.int64),
                mode == 1,
                bed_class,
            )
        by_settlement = key != discharge  # otherwise the discharge date shows it, too
        faults.add(outside & by_settlement, "settlement_date", "outside_year")
        faults.add(outside & ~by_settlement, "discharge_date", "outside_year")
        hospital = self._lookup(faults, "hospital_id", self.hospitals, "hospital_unknown")
        pool = self._lookup(faults, "pool", self.pools, "pool_unknown")
        fund = self._money(faults, "pool_fund")
        faults.add(fund > cost, "pool_fund", "fund_above_cost")
        return Facts(
            hospital.astype(np.int32),
            pool.astype(np.int8),
            admission,
            discharge,
            days,
            cost,
            fund,
            mode == 1,
            bed_class,
        )

    def _date(self, faults: Faults, name: str) -> NDArray[np.int32]:
        values, bad = parse.dates(faults.table[name])
        faults.add(bad | (values == parse.MISSING_DATE), name, "date_invalid")
        return values

    def _money(self, faults: Faults, name: str) -> NDArray[np.int64]:
        values, bad = parse.money(faults.table[name])
        missing = bad | (values == parse.MISSING_MONEY)
        faults.add(missing, name, "money_invalid")
        faults.add(~missing & (values < 0), name, "money_negative")
        return np.where(missing | (values < 0), 0, values)

    def _days(
        self, table: pa.Table, admission: NDArray[np.int32], discharge: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        known = (admission != parse.MISSING_DATE) & (discharge != parse.MISSING_DATE)
        days = np.where(known, discharge.astype(np.int64) - admission, 0)
        if self.policy["los_convention"] == "plus_one":
            days = np.where(known, days + 1, days)
        days = np.clip(days, 0, parse.MAX_COUNT)
        if "los_days" in table.column_names:
            given, _ = parse.counts(table["los_days"])
            days = np.where(given >= 0, given, days)
        return days.astype(np.int32)

    def _modes(
        self, faults: Faults, days: NDArray[np.int32], history: bool
    ) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
        """Return payment mode (0 drg, 1 day surgery, 2 bed-day) and bed-day class (-1 none)."""
        table, count = faults.table, len(days)
        mode = np.zeros(count, dtype=np.int8)
        if "payment_mode" in table.column_names:
            names = {"": 0, "drg": 0, "day_surgery": 1, "bed_day": 2}
            mode, bad = parse.choices(table["payment_mode"], names, 0)
            faults.add(bad, "payment_mode", "payment_mode_unknown")
        none, missing_rate = -1, -2
        bed_class = np.full(count, none, dtype=np.int16)
        if "bed_day_class" in table.column_names:
            known = {"": none, **self.bed_classes}
            values, unknown = _indexed(table["bed_day_class"], known, none)
            bed_class = np.where(unknown, missing_rate, values).astype(np.int16)
        limit = self.policy["long_stay.days"]
        if limit is not None:
            long = (bed_class == none) & (days > limit)
            own = self.bed_classes.get(self.policy["long_stay.class"], missing_rate)
            bed_class = np.where(long, own, bed_class).astype(np.int16)
        if not history:
            nameless = (mode == 2) & (bed_class == none)
            faults.add(nameless, "bed_day_class", "bed_day_class_missing")
            faults.add(bed_class == missing_rate, "bed_day_class", "bed_day_rate_missing")
        else:
            # a bed-day case of the past takes no part, whatever its class
            bed_class = np.where((bed_class != none) | (mode == 2), 0, none).astype(np.int16)
        return mode, bed_class

    def _lookup(
        self, faults: Faults, name: str, known: Mapping[str, int], reason: str
    ) -> NDArray[np.int64]:
        values, unknown = _indexed(faults.table[name], known, -1)
        faults.add(unknown | (values < 0), name, reason)
        return values


def _indexed(
    column: pa.ChunkedArray, known: Mapping[str, int], missing: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of each text, and which texts are not known."""
    if column.num_chunks > 1 and pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = parse.flat(array)
    if not pa.types.is_dictionary(array.type):
        array = array.cast(pa.string()).dictionary_encode()
    words = [str(w or "").strip() for w in array.dictionary.cast(pa.string()).to_pylist()]
    table = np.array([known.get(w, missing) for w in words] + [missing], dtype=np.int64)
    strange = np.array([bool(w) and w not in known for w in words] + [False], dtype=np.bool_)
    index = np.asarray(pc.fill_null(array.indices.cast(pa.int64()), len(words)))
    return table[index], strange[index]


@dataclass(frozen=True)
class Rules:
    """All that scoring needs besides the cases, as the kernel takes it."""

    tables: GroupTables
    bed_base: NDArray[np.int64]
    coefficient: NDArray[np.int64]
    applies: NDArray[np.bool_]
    low_multiple: int
    low_inclusive: bool
    high_inclusive: bool
    exempt_day_surgery: bool
    by_cost_numerator: int
    by_cost_denominator: int
    step: int

    @classmethod
    def of(
        cls,
        policy: YearPolicy,
        tables: GroupTables,
        bed_base: Mapping[str, int],
        region: Region,
        all_mean_fen: int,
        step: int,
    ) -> Rules:
        """Return the rules of a year."""
        names = set(policy["coef_applies_to"])
        if "high" in names:
            names.add("reviewed")
        # points of a fen: scale / all-DRG mean, in 1/10,000 point
        per_fen = Fraction(policy["point_scale"]) * 10_000 / all_mean_fen
        if (
            per_fen.numerator * MAX_COEFFICIENT >= 2**62
            or per_fen.denominator * COEF_ONE * step >= 2**62
            or per_fen * parse.MAX_MONEY_FEN > 10**15
            or max(bed_base.values(), default=0) > MAX_BASE_POINTS
        ):
            raise InputError(
                both(
                    f"数值过大，点数无法计算：point_scale {policy['point_scale']}，全部病例次均费用 "
                    f"{yuan_text(all_mean_fen)} 元，case_points_dp {policy['case_points_dp']}",
                    f"points cannot be computed in 64 bits: point_scale {policy['point_scale']}, "
                    f"all-DRG mean {yuan_text(all_mean_fen)} yuan, case_points_dp "
                    f"{policy['case_points_dp']}",
                ),
                remedy=both(
                    "核对全部病例次均费用、床日标准和 point_scale（点数基数）",
                    "check the all-DRG mean, the bed-day rates and point_scale",
                ),
            )
        return cls(
            tables,
            np.array([bed_base[name] for name in sorted(bed_base)] or [0], dtype=np.int64),
            np.array([h.coefficient for h in region.hospitals], dtype=np.int64),
            np.array([name in names for name in CASE_CLASSES]),
            ten_thousandths(Fraction(policy["low.multiple"]), "low.multiple"),
            policy["low.inclusive"],
            policy["high.inclusive"],
            policy["low.exempt_day_surgery"],
            per_fen.numerator,
            per_fen.denominator,
            step,
        )


def points_step(policy: YearPolicy) -> int:
    """Return what points are rounded to, in 1/10,000 point: `case_points_dp`, 4 when none."""
    places = policy["case_points_dp"]
    return 1 if places is None else int(10 ** (4 - places))


def score(
    rules: Rules,
    status: NDArray[np.int8],
    drg: NDArray[np.int16],
    facts: Facts,
    unreasonable: NDArray[np.int64],
    review: NDArray[np.int8],
) -> tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int64]]:
    """Return class, coefficient used and points of N cases (S2 二(二)2(2); docs/formats.md 5)."""
    count = len(status)
    case_class = np.empty(count, dtype=np.int8)
    used = np.empty(count, dtype=np.int32)
    points = np.empty(count, dtype=np.int64)
    t = rules.tables
    score_range(
        0, count, status, drg, facts.hospital, facts.cost, unreasonable, review,
        facts.day_surgery, facts.bed_class, facts.days, t.mean, t.base, t.stable,
        t.high_multiple, t.flat, rules.bed_base, rules.coefficient, rules.applies,
        rules.low_multiple, rules.low_inclusive, rules.high_inclusive,
        rules.exempt_day_surgery, rules.by_cost_numerator, rules.by_cost_denominator,
        rules.step, case_class, used, points,
    )  # fmt: skip
    return case_class, used, points


def score_piece(
    piece: Piece,
    grouper: AnyGrouper,
    numbers: GroupNumbers,
    reader: CaseReader,
    region: Region,
    rules: Rules,
    review_ids: pa.Array,
    checks: CheckRun,
) -> tuple[ScoredPiece, PieceChecks]:
    """Read, check, group and score one piece of the year's cases."""
    found: dict[str, Any] = {}

    def check(faults: Faults) -> None:
        named = "patient_id" in faults.table.column_names
        if not named and reader.policy["readmission.days"] is not None:
            raise InputError(
                both("缺少列：参保人编号（patient_id）", "missing column: patient_id"),
                where=piece.file,
                remedy=both(
                    "再住院规则需要它；补上此列，或以 --set readmission.days=none 试算",
                    "the readmission rule needs it; add it, or try --set readmission.days=none",
                ),
            )
        faults.every = True
        found["facts"] = reader.read(faults)
        found["reviews"] = _reviews(faults, found["facts"], region, review_ids)

    part: GroupedPiece = group_piece(piece, grouper, check)
    facts: Facts = found["facts"]
    unreasonable, review = found["reviews"]
    g = part.grouped
    drg = numbers.drg_of[g.group]
    case_class, used, points = score(rules, g.status, drg, facts, unreasonable, review)
    taken = np.isin(case_class, BY_COST) | (case_class == REVIEWED)
    table = part.table
    scored = ScoredPiece(
        piece.file,
        part.faults.numbers,
        ids_of(table["case_id"]),
        ids_of(table["patient_id"])
        if "patient_id" in table.column_names
        else pa.nulls(len(table), pa.string()),
        deciding_diagnoses(part),
        facts,
        drg,
        numbers.adrg_of[g.group],
        g.mdc,
        g.status,
        g.reason,
        g.level,
        np.where(taken, unreasonable, 0),
        review,
        case_class,
        used,
        points,
        part.faults.close(),
        part.version,
    )
    return scored, checks.piece(part)


def ids_of(column: pa.ChunkedArray) -> pa.Array:
    """Return ids as texts without blanks around them, as hospital and pool are read, too."""
    return pc.utf8_trim_whitespace(parse.flat(column).cast(pa.string()))


def _reviews(
    faults: Faults, facts: Facts, region: Region, review_ids: pa.Array
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Return unreasonable cost and decision (0 none) of each case of a piece."""
    count = len(faults.table)
    unreasonable, decision = np.zeros(count, np.int64), np.zeros(count, np.int8)
    if len(review_ids):
        ids = ids_of(faults.table["case_id"])
        where = np.asarray(pc.fill_null(pc.index_in(ids, value_set=review_ids), -1))
        for row in np.flatnonzero(where >= 0).tolist():
            review = region.reviews[review_ids[int(where[row])].as_py()]
            unreasonable[row], decision[row] = review.unreasonable_fen, review.decision
        over = np.flatnonzero((unreasonable > facts.cost) & faults.good)
        if len(over):
            raise InputError(
                both("不合理费用大于总费用", "unreasonable cost above the total cost"),
                where="reviews.csv",
                faults=[
                    located(
                        f"reviews.csv:{region.reviews[ids[row].as_py()].row + 1}",
                        _over_text(ids[row].as_py(), unreasonable[row], facts.cost[row]),
                    )
                    for row in over.tolist()
                ],
                remedy=both("更正 reviews.csv 中的金额", "correct the amounts in reviews.csv"),
            )
        unreasonable = np.minimum(unreasonable, facts.cost)
    return unreasonable, decision


def _over_text(case: str, unreasonable: int, cost: int) -> Bilingual:
    amounts = f"unreasonable_yuan {yuan_text(int(unreasonable))} > {yuan_text(int(cost))}"
    return both(f"{case}：{amounts}", f"{case}: {amounts}")


REVIEW_HAS_EFFECT = frozenset((HIGH, REVIEWED, UNSTABLE, UNGROUPED, AMBIGUOUS))
READMITTABLE = frozenset((NORMAL, HIGH, REVIEWED, LOW, UNSTABLE))
__all__ = ["BED_DAY", "CASE_CLASSES", "Facts", "ScoredPiece", "score_piece"]

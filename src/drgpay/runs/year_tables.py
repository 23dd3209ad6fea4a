"""The tables of a settled year, each as names/run_tables.py declares it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.ground.arrow import decimal_column, dictionary_column, plain_column
from drgpay.ground.money import POINT, round_half_away
from drgpay.grouper.outcome import AMBIGUOUS, LEVELS, NOT_GROUPED, QUARANTINED, REASONS, STATUSES
from drgpay.names.run_tables import TEXT, fraction_text, of_trial, rows_table
from drgpay.perdiem.review import review
from drgpay.points.kernels import BED_DAY, HELD, MONEY, POINTS
from drgpay.region.corrected import CORRECTED, replaced_table
from drgpay.region.records import DECISIONS
from drgpay.region.together import by_pool
from drgpay.runs.carried import recovery_table
from drgpay.runs.writer import Tables
from drgpay.settlement.doubts import doubt_texts, holding
from drgpay.settlement.facts import Facts, month_in_year
from drgpay.settlement.kernels import (
    M_CASES,
    M_CORRECTION,
    M_FUND,
    M_MONEY,
    M_NOT_POOL,
    M_NOT_POOL_BY_POINTS,
    M_POINTS,
)
from drgpay.settlement.scored import ScoredPiece
from drgpay.settlement.scoring import CASE_CLASSES, PAID_BY
from drgpay.settlement.year_end import ScoredYear, YearEnd, hospitals_table


def year_tables(run: YearEnd, lang: str) -> Tables:
    """Return every table of a settled year by name, the cases piece by piece."""
    trial = "; ".join(run.policy.trial)
    prepared, reopening = run.prepared, run.reopening
    made = {
        **small_tables(run, lang),
        "quarantine": pa.concat_tables([run.quarantine.table(lang), run.notes.table(lang)]),
        "findings": prepared.checked.findings,
        "findings_by_month": prepared.checked.profile,
        **prepared.changed_codes(),
    }
    if run.beds.classes:
        made["perdiem"] = perdiem_table(run, bed_day_stays(run))
    if reopening is not None:
        made["recovery"] = recovery_table(reopening, run)
        if reopening.corrected is not None:
            made[CORRECTED] = replaced_table(reopening.corrected, lang)
    if prepared.past.rows:
        made["history_quarantine"] = prepared.past.quarantine.table(lang)
    tables: dict[str, Any] = {name: of_trial(table, trial) for name, table in made.items()}
    return {"cases": lambda: case_tables(run, trial), **tables}


def small_tables(run: YearEnd, lang: str) -> dict[str, pa.Table]:
    """Return the tables that need no pass over the cases, without what says that it is a trial."""
    tables = {
        "hospitals": hospitals_table(run),
        "pools": pools_table(run),
        "funds": funds_table(run),
        "drgs": drgs_table(run),
        "reviews": reviews_table(run),
        "coefficients": coefficients_table(run),
        "quality": rows_table("quality", run.quality),
        "months": months_table(run),
    }
    if run.ceiling is not None:  # what leaves the funds by kind, against the control target
        tables["ceiling"] = rows_table("ceiling", run.ceiling.payments)
    for made in run.extra.values():
        tables |= made.tables(lang)
    return tables


def yuan(fen: Fraction | None) -> Fraction | None:
    """Return a point value in yuan."""
    return None if fen is None else fen / 100


def pools_table(run: YearEnd) -> pa.Table:
    """Return pools: budget, settled total, points, point value as fraction and decimal of a yuan."""
    return rows_table(
        "pools",
        run.pools,
        budget_fen="budget.budget_fen",
        available_budget_fen="budget.available_fen",
        provision_fen="budget.provision_fen",
        point_value_fraction=lambda p: fraction_text(p.point_value_fen / 100),
        point_value=lambda p: p.point_value_fen / 100,
        value_high=lambda p: yuan(p.value_high_fen),
    )


def funds_table(run: YearEnd) -> pa.Table:
    """Return what leaves each fund and what it is owed, with its control target where it has one."""
    return rows_table(
        "funds",
        run.funds,
        control_target_fen=lambda f: None if f.ceiling is None else f.ceiling.target_fen,
        free_fen=lambda f: None if f.ceiling is None else f.ceiling.free_fen,
        drawn_fen=lambda f: 0 if f.ceiling is None else sum(d.drawn_fen for d in f.ceiling.drawn),
    )


def drgs_table(run: YearEnd) -> pa.Table:
    """Return every group that has base points or a case, with both."""
    s, numbers, groups = run.totals.drgs(), run.numbers, run.base.groups
    rows = [i for i, drg in enumerate(numbers.drgs) if s.cases[i] or drg in groups]

    def base(name: str, nothing: Any = None) -> Callable[[int], Any]:
        def of(i: int) -> Any:
            group = groups.get(numbers.drgs[i])
            return nothing if group is None else getattr(group, name)

        return of

    own = ("weight", "base_points", "n_before", "n_after", "cv_before", "cv_after",
           "mean_before_fen", "median_before_fen", "median_after_fen", "trimmed", "origin",
           "review")  # fmt: skip
    return rows_table(
        "drgs",
        rows,
        drg=lambda i: numbers.drgs[i],
        name=lambda i: numbers.names[i],
        cases=lambda i: int(s.cases[i]),
        points=lambda i: int(s.points[i]),
        total_cost_fen=lambda i: int(s.cost[i]),
        group_mean_fen=base("mean_fen"),
        stable=base("stable", False),
        **{name: base(name) for name in own},
    )


def coefficients_table(run: YearEnd) -> pa.Table:
    """Return the coefficients of hospitals, with their components before weighting."""
    made = run.coefficients
    rows = list(made.rows())
    table = rows_table("coefficients", rows)
    for k, name in enumerate(made.names):
        parts = [row.components[k] for row in rows]
        table = table.append_column(name, TEXT.array([fraction_text(p.value) for p in parts]))
        table = table.append_column(f"{name}_origin", TEXT.array([p.origin for p in parts]))
    return table


def reviews_table(run: YearEnd) -> pa.Table:
    """Return the decisions of special review that the run was given."""
    return rows_table(
        "reviews",
        sorted(run.region.reviews.items()),
        case_id=lambda r: r[0],
        decision=lambda r: DECISIONS[r[1].decision],
        unreasonable_fen=lambda r: r[1].unreasonable_fen,
        points=lambda r: None if r[1].points < 0 else r[1].points,
    )


def _month_sum(sums: NDArray[np.int64], place: int) -> Callable[[tuple[int, int]], int]:
    return lambda at: int(sums[at][place])


def months_table(run: YearEnd) -> pa.Table:
    """Return what the months of the year add up to by hospital and pool."""
    region, sums = run.region, run.totals.by_month
    own = {
        name: _month_sum(sums, place)
        for name, place in (
            ("cases", M_CASES),
            ("points_before", M_POINTS),
            ("correction_points", M_CORRECTION),
            ("not_pool_fen", M_NOT_POOL),
            ("recorded_fund_fen", M_FUND),
            ("not_pool_by_points_fen", M_NOT_POOL_BY_POINTS),
            ("money_fen", M_MONEY),
        )
    }
    pools = len(region.pools)
    return rows_table(
        "months",
        zip(*np.nonzero(sums.any(axis=2)), strict=True),
        hospital_id=lambda at: region.hospitals[at[0] // pools].id,
        pool=lambda at: region.pools[at[0] % pools].id,
        month=lambda at: f"{region.year}-{at[1] + 1:02d}",
        **own,
    )


STAYS = pa.schema(
    [
        ("hospital_id", pa.string()),
        ("level", pa.string()),
        ("pool", pa.string()),
        ("bed_day_class", pa.string()),
        ("days", pa.int64()),
        ("discharge_way", pa.string()),
        ("by_money", pa.bool_()),
        ("points", pa.int64()),
        ("price_fen", pa.int64()),
        ("total_cost_fen", pa.int64()),
        ("stays", pa.int64()),
    ]
)


def bed_day_stays(run: YearEnd | ScoredYear) -> pa.Table:
    """Return the per-diem stays that are paid, those alike in one row: `stays` and their cost."""
    hospitals, parts = run.region.hospitals, [STAYS.empty_table()]
    for p in run.pieces:
        own = np.flatnonzero((p.case_class == BED_DAY) & (p.paid_by >= 0) & (p.paid_by != HELD))
        f, place = p.facts, p.facts.hospital[own].tolist()
        columns = [
            [hospitals[h].id for h in place],
            [hospitals[h].level for h in place],
            [run.region.pools[pool].id for pool in f.pool[own].tolist()],
            [run.beds.classes[b] for b in f.bed_class[own].tolist()],
            np.maximum(f.days[own], 1).astype(np.int64),
            [str(w) if w else None for w in f.way[own].tolist()],
            p.paid_by[own] == MONEY,
            p.points[own],
            p.price[own],
            f.cost[own],
            np.ones(len(own), dtype=np.int64),
        ]
        parts.append(pa.table(columns, schema=STAYS))
    sums = ["total_cost_fen", "stays"]
    keys = [name for name in STAYS.names if name not in sums]
    alike = pa.concat_tables(parts).group_by(keys, use_threads=False)
    return alike.aggregate([(name, "sum") for name in sums]).rename_columns([*keys, *sums])


def perdiem_table(run: YearEnd, stays: pa.Table) -> pa.Table:
    """Return the review of bed-day stays (D2): stays, days, cost and outcome beside the peers'."""
    values = by_pool((p.pool, p.point_value_fen) for p in run.pools)
    names = ("pool", "by_money", "points", "price_fen", "stays")
    paid = [
        (price if by_money else round_half_away(values[pool] * points / POINT)) * times
        for pool, by_money, points, price, times in zip(
            *(stays[name].to_pylist() for name in names), strict=True
        )
    ]
    return review(stays.append_column("paid_fen", pa.array(paid, pa.int64())))


def _nullable(values: NDArray[np.int64], null: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, pa.int64(), mask=null)


def case_tables(run: YearEnd | ScoredYear, trial: str = "") -> Iterator[pa.Table]:
    """Yield the cases table piece by piece, in the order of the input."""
    drgs, adrgs, mdcs = run.numbers.drgs, run.numbers.adrgs, run.prepared.grouper.mdc_codes
    hospitals = [h.id for h in run.region.hospitals]
    pool_ids = [p.id for p in run.region.pools]
    means = np.array(
        [run.base.groups[d].mean_fen if d in run.base.groups else 0 for d in drgs], dtype=np.int64
    )
    bases = np.array(
        [run.base.groups[d].base_points if d in run.base.groups else 0 for d in drgs],
        dtype=np.int64,
    )
    months = [f"{run.region.year}-{m:02d}" for m in range(1, 13)]

    hold = holding(run.policy)

    def month_of(days: NDArray[np.int32], none: NDArray[np.bool_]) -> pa.Array:
        return dictionary_column(months, month_in_year(days, run.region.year), none)

    for p in run.pieces:
        f = p.facts
        bad = p.status == QUARANTINED
        in_bed = p.case_class == BED_DAY
        by_money = p.paid_by == MONEY
        none = bad | (p.status == NOT_GROUPED)
        base = np.where(in_bed, _bed_points(run, f), bases[p.drg])
        base = np.where(bad, 0, base)
        mean = np.where(in_bed, 0, means[p.drg])
        paid_days = np.where(in_bed, np.maximum(f.days, 1), f.days).astype(np.int64)
        chain = None
        if p.chain:
            texts: list[str | None] = [None] * len(bad)
            for row, lead in p.chain.items():
                texts[row] = lead
            chain = pa.array(texts, pa.string())
        columns = {
            "case_id": p.case_id,
            "hospital_id": dictionary_column(hospitals, f.hospital, f.hospital < 0),
            "pool": dictionary_column(pool_ids, f.pool, f.pool < 0),
            "mdc": dictionary_column(mdcs, p.mdc, p.mdc == 0),
            "adrg": dictionary_column(adrgs, p.adrg, none | (p.status == AMBIGUOUS)),
            "drg": dictionary_column(drgs, p.drg, bad),
            "status": dictionary_column(STATUSES, p.status),
            "reason": dictionary_column(REASONS, p.reason),
            "severity": dictionary_column(LEVELS, p.level, bad),
            "severity_diagnosis": p.severity_diagnosis,
            "case_class": dictionary_column(CASE_CLASSES, p.case_class, bad),
            "group_mean_fen": _nullable(mean, bad | (mean == 0)),
            "base_points": decimal_column(
                base, 20, 4, bad | (~in_bed & (mean == 0)) | (in_bed & (p.paid_by != POINTS))
            ),
            "coefficient": decimal_column(p.coefficient.astype(np.int64), 12, 6, bad),
            "days": _nullable(paid_days, bad),
            "total_cost_fen": _nullable(f.cost, bad & (f.cost == 0)),
            "pool_fund_fen": _nullable(f.fund, bad & (f.fund == 0)),
            "not_pool_fen": _nullable(f.not_pool, bad),
            "unreasonable_fen": _nullable(p.unreasonable, bad),
            "points_before_readmission": decimal_column(p.points_before, 20, 4, bad),
            "points": decimal_column(p.points, 20, 4, bad),
            "readmission": pa.array(p.readmission, mask=bad),
            "month": month_of(f.key_day, bad),
            "correction_month": month_of(p.correction_day, p.correction_day < 0),
            "paid_by": dictionary_column(PAID_BY, p.paid_by, bad),
            "price_fen": _nullable(p.price, ~by_money & (p.apart == 0)),
            "new_technology_fen": pa.nulls(len(bad), pa.int64())
            if f.apart is None
            else _nullable(f.apart, f.apart == 0),
            "apart_fen": _nullable(p.apart, p.apart == 0),
            "chain": pa.nulls(len(bad), pa.string()) if chain is None else chain,
            "bed_day_class": dictionary_column(
                run.beds.classes or ("",), f.bed_class, f.bed_class < 0
            ),
            "discharge_way": _nullable(f.way.astype(np.int64), f.way == 0),
            "day_surgery": pa.array(f.day_surgery),
            "doubts": doubt_texts(np.where(bad, 0, f.doubt), hold, len(bad))
            if f.doubt is not None
            else pa.nulls(len(bad), pa.string()),
        }
        yield of_trial(pa.table(columns), trial)


def stay_columns(p: ScoredPiece) -> dict[str, pa.Array]:
    """Return what tells of a case's stay besides its table: patient, days, review (docs/spark.md)."""
    bad, decision = p.status == QUARANTINED, p.reviews.decision

    def day(days: NDArray[np.int32]) -> pa.Array:
        return pa.array(days, pa.int32(), mask=bad).view(pa.date32())

    return {
        "patient_id": plain_column(p.patient_id),
        "admission_date": day(p.facts.admission),
        "discharge_date": day(p.facts.discharge),
        "key_date": day(p.facts.key_day),
        "review": pa.array(decision if len(decision) else np.zeros(len(bad), np.int8)),
    }


def _bed_points(run: YearEnd | ScoredYear, f: Facts) -> NDArray[np.int64]:
    """Return the points of a bed-day case's day: of its last band, or of the one that prices all."""
    b = run.beds
    own = b.bands_of[np.maximum(f.hospital, 0), np.maximum(f.bed_class, 0)]
    days = np.maximum(f.days, 1)
    at = own[:, 0].astype(np.int64)
    for k in range(len(b.start)):
        inside = (k > own[:, 0]) & (k < own[:, 1]) & (b.start[k] <= days)
        at = np.where(inside, k, at)
    return b.points[np.minimum(at, len(b.points) - 1)]

"""Write a settled year as a run folder: tables as Parquet and CSV, manifest.json.

The folder appears under its name only when everything in it is whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay import __version__
from drgpay.ground.arrow import decimal_column, dictionary_column, table_writer
from drgpay.ground.digests import record, write_sums
from drgpay.ground.errors import in_language
from drgpay.ground.money import POINT, decimal_text, points_text, round_half_away, yuan_text
from drgpay.ground.outputs import whole_folder
from drgpay.grouper.outcome import AMBIGUOUS, LEVELS, NOT_GROUPED, QUARANTINED, REASONS, STATUSES
from drgpay.perdiem.review import review
from drgpay.points.base import base_points_of
from drgpay.points.kernels import BED_DAY, COEF_ONE, HELD, MONEY, POINTS
from drgpay.region.corrected import CORRECTED, replaced_table
from drgpay.region.later import CARRIED
from drgpay.region.records import GRANTED, REFUSED
from drgpay.region.together import ids_in
from drgpay.runs.carried import identity, recovery_table, write_carried, write_negative
from drgpay.settlement.doubts import BIT, doubt_texts, holding
from drgpay.settlement.facts import Facts, month_in_year
from drgpay.settlement.point_value import PoolResult
from drgpay.settlement.scoring import CASE_CLASSES, PAID_BY
from drgpay.settlement.year_end import YearEnd

VALUE_PLACES = 12


def fraction_text(value: Fraction) -> str:
    """Return a fraction as `numerator/denominator`."""
    return f"{value.numerator}/{value.denominator}"


def _with_trial(columns: dict[str, Any], rows: int, trial: str) -> pa.Table:
    if trial:
        columns["trial"] = dictionary_column([trial], np.zeros(rows, dtype=np.int16))
    return pa.table(columns)


def _ints(values: Sequence[int] | NDArray[np.int64]) -> pa.Array:
    return pa.array(values, pa.int64())


def _points(values: Sequence[int] | NDArray[np.int64]) -> pa.Array:
    return decimal_column(np.array(values, dtype=np.int64), 20, 4)


def hospitals_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return hospitals: one row a hospital and pool, money in fen."""
    rows = run.hospitals
    names = {h.id: h.name for h in run.region.hospitals}
    columns = {
        "hospital_id": pa.array([h.hospital_id for h in rows], pa.string()),
        "pool": pa.array([h.pool for h in rows], pa.string()),
        "cases": _ints([h.sums.cases for h in rows]),
        "points": _points([h.sums.net_points for h in rows]),
        "not_pool_fen": _ints([h.sums.not_pool_fen for h in rows]),
        "recorded_fund_fen": _ints([h.sums.recorded_fund_fen for h in rows]),
        "due_fen": _ints([h.due_fen for h in rows]),
        "prepaid_fen": _ints([h.prepaid_fen for h in rows]),
        "deposit_fen": _ints([h.deposit_fen for h in rows]),
        "forfeited_fen": _ints([h.forfeited_fen for h in rows]),
        "shared_fen": _ints([h.shared_fen for h in rows]),
        "violation_fen": _ints([h.violation_fen for h in rows]),
        "carried_fen": _ints([h.carried_fen for h in rows]),
        "final_fen": _ints([h.final_fen for h in rows]),
        "points_deducted": _points([h.sums.points_deducted for h in rows]),
        "money_fen": _ints([h.sums.money_fen for h in rows]),
        "not_pool_by_points_fen": _ints([h.sums.n_fen for h in rows]),
        "held_cases": _ints([h.sums.held_cases for h in rows]),
        "held_fund_fen": _ints([h.sums.held_fund_fen for h in rows]),
        "bound": pa.array([h.bound for h in rows], pa.string()),
        "payable_fen": _ints([h.payable_fen for h in rows]),
        "deferred_fen": _ints([h.deferred_fen for h in rows]),
        "recover_fen": _ints([h.recover_fen for h in rows]),
        "name": pa.array([names[h.hospital_id] for h in rows], pa.string()),
    }
    return _with_trial(columns, len(rows), trial)


def _values(values: Sequence[Fraction | None]) -> pa.Array:
    """Return point values in fen as decimals of a yuan."""
    texts = [None if v is None else decimal_text(v / 100, VALUE_PLACES) for v in values]
    return pa.array(texts, pa.string()).cast(pa.decimal128(30, VALUE_PLACES))


def pools_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return pools: budget, settled total, points, point value as fraction and decimal of a yuan."""
    rows = run.pools
    columns = {
        "pool": pa.array([p.pool for p in rows], pa.string()),
        "budget_fen": _ints([p.budget.budget_fen for p in rows]),
        "settled_fen": _ints([p.settled_fen for p in rows]),
        "points": _points([p.points for p in rows]),
        "point_value_fraction": pa.array(
            [fraction_text(p.point_value_fen / 100) for p in rows], pa.string()
        ),
        "point_value": _values([p.point_value_fen for p in rows]),
        "residual_fen": _ints([p.residual_fen for p in rows]),
        "cases": _ints([p.cases for p in rows]),
        "recorded_fund_fen": _ints([p.recorded_fund_fen for p in rows]),
        "not_pool_fen": _ints([p.not_pool_fen for p in rows]),
        "available_budget_fen": _ints([p.budget.available_fen for p in rows]),
        "points_deducted": _points([p.points_deducted for p in rows]),
        "money_fen": _ints([p.money_fen for p in rows]),
        "not_pool_by_points_fen": _ints([p.not_pool_by_points_fen for p in rows]),
        "held_cases": _ints([p.held_cases for p in rows]),
        "solution": pa.array([p.solution for p in rows], pa.string()),
        "value_high": _values([p.value_high_fen for p in rows]),
        "provision_fen": _ints([p.budget.provision_fen for p in rows]),
    }
    return _with_trial(columns, len(rows), trial)


def drgs_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return every group that has base points or a case, with both."""
    s = run.drg_sums
    rows = [i for i, drg in enumerate(run.numbers.drgs) if s.cases[i] or drg in run.base.groups]
    drgs = [run.numbers.drgs[i] for i in rows]
    groups = [run.base.groups.get(drg) for drg in drgs]

    def of(name: str) -> list[Any]:
        return [getattr(g, name) if g else None for g in groups]

    def medians(name: str) -> pa.Array:
        texts = [None if v is None else decimal_text(Fraction(v), 1) for v in of(name)]
        return pa.array(texts, pa.string()).cast(pa.decimal128(20, 1))

    columns = {
        "drg": pa.array(drgs, pa.string()),
        "name": pa.array([run.numbers.names[i] for i in rows], pa.string()),
        "cases": _ints([int(s.cases[i]) for i in rows]),
        "points": _points([int(s.points[i]) for i in rows]),
        "total_cost_fen": _ints([int(s.cost[i]) for i in rows]),
        "group_mean_fen": _ints(of("mean_fen")),
        "weight": _weights(of("weight")),
        "base_points": pa.array(
            [points_text(g.base_points) if g else None for g in groups], pa.string()
        ).cast(pa.decimal128(20, 4)),
        "stable": pa.array([g.stable if g else False for g in groups], pa.bool_()),
        "n_before": _ints(of("n_before")),
        "n_after": _ints(of("n_after")),
        "cv_before": pa.array(of("cv_before"), pa.float64()),
        "cv_after": pa.array(of("cv_after"), pa.float64()),
        "mean_before_fen": _ints(of("mean_before_fen")),
        "median_before_fen": medians("median_before_fen"),
        "median_after_fen": medians("median_after_fen"),
        "trimmed": _ints(of("trimmed")),
        "origin": pa.array(of("origin"), pa.string()),
        "review": pa.array([g.review if g else None for g in groups], pa.bool_()),
    }
    return _with_trial(columns, len(rows), trial)


def _weights(values: Sequence[Fraction | None]) -> pa.Array:
    texts = [None if v is None else decimal_text(v, 6) for v in values]
    return pa.array(texts, pa.string()).cast(pa.decimal128(14, 6))


def coefficients_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return the coefficients of hospitals, with their components before weighting."""
    made = run.coefficients
    rows = list(made.rows())
    columns: dict[str, Any] = {
        "hospital_id": pa.array([r.hospital_id for r in rows], pa.string()),
        "drg": pa.array([r.drg for r in rows], pa.string()),
        "coefficient": decimal_column(
            np.array([r.coefficient for r in rows], dtype=np.int64), 12, 6
        ),
    }
    for k, name in enumerate(made.names):
        values = [fraction_text(r.components[k].value) for r in rows]
        columns[name] = pa.array(values, pa.string())
        columns[f"{name}_origin"] = pa.array([r.components[k].origin for r in rows], pa.string())
    return _with_trial(columns, len(rows), trial)


def quality_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return the quality of the scheme on the year's cases, all (mdc empty) and by MDC."""
    rows = run.quality
    columns = {
        "mdc": pa.array([q.mdc for q in rows], pa.string()),
        "cases": _ints([q.cases for q in rows]),
        "groups": _ints([q.groups for q in rows]),
        "stable_groups": _ints([q.stable_groups for q in rows]),
        "unstable_share": pa.array([q.unstable_share for q in rows], pa.float64()),
        "cv_mean": pa.array([q.cv_mean for q in rows], pa.float64()),
        "riv": pa.array([q.riv for q in rows], pa.float64()),
    }
    return _with_trial(columns, len(rows), trial)


FUND_SUMS = (
    "alone_fen", "due_fen", "residual_fen", "moved_fen", "prepaid_fen", "forfeited_fen",
    "shared_fen", "violation_fen", "carried_fen", "payable_fen", "deferred_fen", "deferred_region_fen",
    "recover_fen", "out_of_area_fen", "other_fen", "provision_fen", "cash_fen",
)  # fmt: skip


def fund_rows(run: YearEnd) -> list[dict[str, Any]]:
    """Return what leaves each fund and what it is owed, with its control target where it has one."""
    return [
        {
            "pool": fund.pool,
            "name": fund.name,
            **{name: getattr(fund, name) for name in FUND_SUMS},
            "control_target_fen": None if fund.ceiling is None else fund.ceiling.target_fen,
            "free_fen": None if fund.ceiling is None else fund.ceiling.free_fen,
            "drawn_fen": 0
            if fund.ceiling is None
            else sum(drawn.drawn_fen for drawn in fund.ceiling.drawn),
        }
        for fund in run.funds
    ]


def funds_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return one row a fund: what one value moves, what leaves it now, what waits, what it is owed."""
    rows = fund_rows(run)
    texts = ("pool", "name")
    columns = {
        name: pa.array([row[name] for row in rows], pa.string() if name in texts else pa.int64())
        for name in (*texts, *FUND_SUMS, "control_target_fen", "free_fen", "drawn_fen")
    }
    return _with_trial(columns, len(rows), trial)


def _payment_facts(run: YearEnd) -> dict[str, int]:
    """Return what is paid now, waits, is carried and is to be recovered in all; nothing is netted."""
    names = ("prepaid_fen", "payable_fen", "deferred_fen", "recover_fen", "carried_fen", "cash_fen")
    return {name: sum(getattr(fund, name) for fund in run.funds) for name in names}


def ceiling_table(run: YearEnd, trial: str = "") -> pa.Table | None:
    """Return what leaves the funds by kind against the control target; None when none was given."""
    if run.ceiling is None:
        return None
    payments = run.ceiling.payments
    columns = {
        "mode": pa.array([p.mode for p in payments], pa.string()),
        "name": pa.array([p.name for p in payments], pa.string()),
        "amount_fen": _ints([p.amount_fen for p in payments]),
    }
    return _with_trial(columns, len(payments), trial)


def perdiem_table(run: YearEnd) -> pa.Table:
    """Return the review of bed-day stays (D2): stays, days, cost and outcome beside the peers'."""
    values = {p.pool: p.point_value_fen for p in run.pools}
    of_pool = [
        next(v for name, v in values.items() if pool.id in ids_in(name))
        for pool in run.region.pools
    ]
    hospitals, parts = [h.id for h in run.region.hospitals], []
    levels = [h.level for h in run.region.hospitals]
    for p in run.pieces:
        own = np.flatnonzero((p.case_class == BED_DAY) & (p.paid_by >= 0) & (p.paid_by != HELD))
        if not len(own):
            continue
        f = p.facts
        worth = [
            price if paid == MONEY else round_half_away(of_pool[pool] * points / POINT)
            for price, paid, points, pool in zip(
                p.price[own].tolist(),
                p.paid_by[own].tolist(),
                p.points[own].tolist(),
                f.pool[own].tolist(),
                strict=True,
            )
        ]
        place = f.hospital[own].tolist()
        parts.append(
            pa.table(
                {
                    "hospital_id": pa.array([hospitals[h] for h in place], pa.string()),
                    "level": pa.array([levels[h] for h in place], pa.string()),
                    "bed_day_class": pa.array(
                        [run.beds.classes[b] for b in f.bed_class[own].tolist()], pa.string()
                    ),
                    "days": pa.array(np.maximum(f.days[own], 1).astype(np.int64)),
                    "total_cost_fen": pa.array(f.cost[own]),
                    "discharge_way": pa.array(
                        [str(w) if w else None for w in f.way[own].tolist()], pa.string()
                    ),
                    "paid_fen": pa.array(worth, pa.int64()),
                }
            )
        )
    return review(pa.concat_tables(parts) if parts else NO_STAYS)


NO_STAYS = pa.schema(
    [
        ("hospital_id", pa.string()),
        ("level", pa.string()),
        ("bed_day_class", pa.string()),
        ("days", pa.int64()),
        ("total_cost_fen", pa.int64()),
        ("discharge_way", pa.string()),
        ("paid_fen", pa.int64()),
    ]
).empty_table()


def months_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return what the months of the year add up to by hospital and pool."""
    pools = len(run.region.pools)
    sums = run.month_sums
    account, month = np.nonzero(sums.any(axis=2))
    rows = sums[account, month]
    columns = {
        "hospital_id": pa.array(
            [run.region.hospitals[a // pools].id for a in account], pa.string()
        ),
        "pool": pa.array([run.region.pools[a % pools].id for a in account], pa.string()),
        "month": pa.array([f"{run.region.year}-{m + 1:02d}" for m in month], pa.string()),
        "cases": _ints(rows[:, 0]),
        "points_before": _points(rows[:, 1]),
        "correction_points": _points(rows[:, 6]),
        "not_pool_fen": _ints(rows[:, 2]),
        "recorded_fund_fen": _ints(rows[:, 3]),
        "not_pool_by_points_fen": _ints(rows[:, 4]),
        "money_fen": _ints(rows[:, 5]),
    }
    return _with_trial(columns, len(rows), trial)


def _nullable(values: NDArray[np.int64], null: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, pa.int64(), mask=null)


def case_tables(run: YearEnd, trial: str = "") -> Iterator[pa.Table]:
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
        yield _with_trial(columns, len(p.status), trial)


def _bed_points(run: YearEnd, f: Facts) -> NDArray[np.int64]:
    """Return the points of a bed-day case's day: of its last band, or of the one that prices all."""
    b = run.beds
    own = b.bands_of[np.maximum(f.hospital, 0), np.maximum(f.bed_class, 0)]
    days = np.maximum(f.days, 1)
    at = own[:, 0].astype(np.int64)
    for k in range(len(b.start)):
        inside = (k > own[:, 0]) & (k < own[:, 1]) & (b.start[k] <= days)
        at = np.where(inside, k, at)
    return b.points[np.minimum(at, len(b.points) - 1)]


def _write_tables(folder: Path, name: str, tables: Callable[[], Iterator[pa.Table]]) -> None:
    """Write a stream of tables as Parquet and as CSV, each on a thread of its own."""

    def write(path: Path) -> None:
        writer = None
        for table in tables():
            writer = writer or table_writer(path, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()

    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(write, folder / f"{name}.parquet"),
            pool.submit(write, folder / f"{name}.csv"),
        ]
        for job in jobs:
            job.result()


def checks(run: YearEnd) -> list[dict[str, Any]]:
    """Return the identities that the run was held to; each has passed, or there were no run."""
    c = run.counts
    points = points_text(sum(p.points + p.points_deducted for p in run.pools))
    shared = any(h.shared_fen for h in run.hospitals)
    return [
        {
            "name": "counts",
            "text_zh": "收到病例 = 入组 + 歧义 + 未入组 + 隔离",
            "text_en": "cases in = grouped + ambiguous + ungroupable + quarantined",
            "passed": True,
            "detail": f"{c.total} = {c.grouped} + {c.ambiguous} + {c.ungroupable} + {c.quarantined}",
        },
        {
            "name": "points",
            "text_zh": "病例点数之和 = 机构点数之和 = 险种点数之和 = 病组点数之和 = 各月点数之和（机构、险种加回违规扣点）",
            "text_en": "points of cases = of hospitals = of pools = of groups = of months (with what "
            "violations deducted)",
            "passed": True,
            "detail": points,
        },
        {
            "name": "dues",
            "text_zh": "应付之和 + 尾差 = 清算总额，逐分相符",
            "text_en": "dues + residual = settled total, to the fen",
            "passed": True,
            "detail": "; ".join(f"{p.pool}: {yuan_text(p.settled_fen)}" for p in run.pools),
        },
        {
            "name": "payments",
            "text_zh": "最终支付 + 已预付 + 扣罚保证金"
            f"{' − 分得的扣罚保证金' if shared else ''} + 违规扣款 + 以前年度结转 = 应付",
            "text_en": "final + prepaid + forfeited"
            f"{' − shared' if shared else ''} + violations + carried = due",
            "passed": True,
            "detail": yuan_text(sum(h.due_fen for h in run.hospitals)),
        },
        {
            "name": "ends",
            "text_zh": "收到病例 = 支付 + 暂不支付 + 隔离",
            "text_en": "cases in = paid + held + quarantined",
            "passed": True,
            "detail": f"{c.total} = {c.total - c.quarantined - run.held} + {run.held} + {c.quarantined}",
        },
        _unsettled_check(run),
        *_corrected_check(run),
        *_cash_checks(run),
        *_ceiling_check(run),
    ]


def _unsettled_check(run: YearEnd) -> dict[str, Any]:
    """Return whether what is quarantined and held is provided for; beyond its share is no run."""
    stopped, fund = run.counts.quarantined, sum(h.sums.held_fund_fen for h in run.hospitals)
    fund += sum(fen for _, fen in run.set_aside.by_pool)
    provision = sum(p.budget.provision_fen for p in run.pools)
    share = f"{float(Fraction(run.policy['unsettled_share_max']) * 100):g} %"
    return {
        "name": "unsettled",
        "text_zh": f"隔离和暂不支付的病例不超过 {share}，其记账已预提（unsettled_share_max、provision）",
        "text_en": f"quarantined and held cases are at most {share}, their recorded fund is provided "
        "for (unsettled_share_max, provision)",
        "passed": provision >= fund,
        "detail": f"{stopped} + {run.held}: {yuan_text(fund)}, {yuan_text(provision)}",
    }


def _replaced(run: YearEnd) -> dict[str, int]:
    corrected = run.region.corrected
    return {} if corrected is None else {"replaced": len(corrected.replaced)}


def _corrected_check(run: YearEnd) -> list[dict[str, Any]]:
    corrected = run.region.corrected
    if corrected is None:
        return []
    c, gone, new = run.counts, len(corrected.replaced), len(corrected.rows)
    paid = c.total - c.quarantined - run.held
    return [
        {
            "name": "corrected",
            "text_zh": "病例文件的行 + 更正的行 = 支付 + 暂不支付 + 隔离 + 被更正替代",
            "text_en": "rows of the case files + corrected rows = paid + held + quarantined + "
            "replaced by corrections",
            "passed": True,
            "detail": f"{c.total + gone - new} + {new} = {paid} + {run.held} + {c.quarantined} + {gone}",
        }
    ]


def _cash_checks(run: YearEnd) -> list[dict[str, Any]]:
    """Payments and claims make up the final payments of each fund; each is within its own target."""
    facts = _payment_facts(run)
    final = sum(h.final_fen for h in run.hospitals)
    found: list[dict[str, Any]] = [
        {
            "name": "cash",
            "text_zh": "本次支付 + 待收回后再付 − 应收回 = 各笔最终支付的代数和（支付时不相抵）",
            "text_en": "payable now + waiting − to be recovered = the algebraic sum of final payments (paid apart)",
            "passed": True,
            "detail": f"{yuan_text(facts['payable_fen'])} + {yuan_text(facts['deferred_fen'])} − "
            f"{yuan_text(facts['recover_fen'])} = {yuan_text(final)}",
        }
    ]
    for fund in run.funds:
        c = fund.ceiling
        if c is not None:
            drawn = sum(d.drawn_fen for d in c.drawn)
            found.append(
                {
                    "name": "fund_ceiling",
                    "text_zh": f"险种 {fund.pool} 按现金：流出之和 ≤ 本险种控制目标 − 目标内预留 + 动用的预留",
                    "text_en": f"pool {fund.pool} in cash: all that leaves it ≤ its control target − "
                    "reserves inside it + what was drawn from reserves",
                    "passed": True,
                    "detail": f"{yuan_text(fund.cash_fen)} ≤ {yuan_text(c.target_fen)} − "
                    f"{yuan_text(c.target_fen - c.free_fen)} + {yuan_text(drawn)}",
                }
            )
    return found


def _ceiling_check(run: YearEnd) -> list[dict[str, Any]]:
    if run.ceiling is None:
        return []
    drawn = sum(d.drawn_fen for d in run.ceiling.drawn)
    aside = run.ceiling.target_fen - run.ceiling.free_fen
    return [
        {
            "name": "ceiling",
            "text_zh": "按现金：已预付、本次支付与其他支付之和 ≤ 总额控制目标 − 目标内预留 + 动用的预留",
            "text_en": "in cash: prepaid, payable now and all else ≤ control target − reserves inside "
            "it + what was drawn from reserves",
            "passed": True,
            "detail": f"{yuan_text(run.ceiling.total_fen)} ≤ {yuan_text(run.ceiling.target_fen)} "
            f"− {yuan_text(aside)} + {yuan_text(drawn)}",
        }
    ]


def _pool_facts(p: PoolResult) -> dict[str, Any]:
    value = p.point_value_fen / 100
    return {
        "pool": p.pool,
        "name": p.name,
        "budget_fen": p.budget.budget_fen,
        "out_of_area_fund_fen": p.budget.out_of_area_fund_fen,
        "reserve_fen": p.budget.reserve_fen,
        "provision_fen": p.budget.provision_fen,
        "available_budget_fen": p.budget.available_fen,
        "recorded_fund_fen": p.recorded_fund_fen,
        "not_pool_fen": p.not_pool_fen,
        "settled_fen": p.settled_fen,
        "points": points_text(p.points),
        "point_value_fraction": fraction_text(value),
        "point_value": decimal_text(value, VALUE_PLACES),
        "residual_fen": p.residual_fen,
        "cases": p.cases,
        "points_deducted": points_text(p.points_deducted),
        "money_fen": p.money_fen,
        "not_pool_by_points_fen": p.not_pool_by_points_fen,
        "held_cases": p.held_cases,
        "solution": p.solution,
        "value_high": None if p.value_high_fen is None else fraction_text(p.value_high_fen / 100),
        "at_low": p.at_low,
        "at_high": p.at_high,
        "sharing": _sharing(p),
    }


def _sharing(p: PoolResult) -> dict[str, Any]:
    """Return how recorded fund and budget became the settled total."""
    if p.sharing is None:
        return {}
    return {
        "overspent": p.sharing.overspent,
        "uncapped_fen": p.sharing.uncapped_fen,
        "cap_fen": p.sharing.cap_fen,
        "parts": [
            {
                "limit": None if part.limit is None else str(part.limit),
                "ratio": str(part.ratio),
                "part_fen": str(part.part_fen),
                "share_fen": str(part.share_fen),
            }
            for part in p.sharing.parts
        ],
    }


def _region_facts(run: YearEnd) -> dict[str, Any]:
    """Return what the region's tables gave, as far as amounts hang on it."""
    region, beds = run.region, run.beds
    points_of = {
        (rate.bed_class, rate.level, rate.from_day): base_points_of(
            rate.rate_fen, run.base.all_mean_fen, run.policy
        )
        for rate in region.bed_day_rates
    }
    return {
        "bed_days": [
            {
                "bed_day_class": rate.bed_class,
                "level": rate.level,
                "from_day": rate.from_day,
                "name": rate.name,
                "rate_fen": rate.rate_fen,
                "points": points_text(points_of[rate.bed_class, rate.level, rate.from_day]),
            }
            for rate in region.bed_day_rates
        ],
        "bed_day_points": {
            name: points_text(points_of[name, level, day])
            for name in beds.classes
            for level, day in [
                min((r.level, r.from_day) for r in region.bed_day_rates if r.bed_class == name)
            ]
        },
        "members": [
            {
                "pool": pool.id,
                "name": pool.name,
                "budget_fen": pool.budget_fen,
                "out_of_area_fund_fen": pool.out_of_area_fund_fen,
                "last_year_fund_fen": pool.last_year_fund_fen,
                "growth_approval": pool.growth_approval,
            }
            for pool in region.pools
        ],
        "violations": [
            {
                "hospital_id": v.hospital_id,
                "pool": v.pool,
                "amount_fen": v.amount_fen,
                "points": points_text(v.points),
                "reason": v.reason,
            }
            for v in region.violations
        ],
        "carried": [
            {
                "hospital_id": key[0],
                "pool": key[1],
                "amount_fen": fen,
                "from": region.carried_from.get(key, ""),
            }
            for key, fen in sorted(region.carried.items())
        ],
        "prepaid_given": [
            {"hospital_id": key[0], "pool": key[1], "prepaid_fen": paid, "deposit_fen": deposit}
            for key, (paid, deposit) in sorted(region.prepaid.items())
        ],
        "level_coefficients": {
            level: decimal_text(Fraction(c, COEF_ONE), 6)
            for level, c in sorted(region.level_coefficients.items())
        },
        "tcm": {h: str(share) for h, share in sorted(region.tcm_shares.items())},
        "quotas": [
            {"hospital_id": q.hospital, "granted": q.granted, "paid": q.paid, "allowed": q.allowed}
            for q in run.quotas
        ],
    }


def _ceiling_facts(run: YearEnd) -> dict[str, Any] | None:
    c = run.ceiling
    if c is None:
        return None
    return {
        "control_target_fen": c.target_fen,
        "free_fen": c.free_fen,
        "total_fen": c.total_fen,
        "excess_fen": c.excess_fen,
        "reserves": [
            {
                "name": d.reserve.name,
                "amount_fen": d.reserve.amount_fen,
                "drawn_fen": d.drawn_fen,
                "inside_target": d.reserve.inside_target,
            }
            for d in c.drawn
        ],
        "payments": [
            {"mode": p.mode, "name": p.name, "amount_fen": p.amount_fen} for p in c.payments
        ],
    }


def manifest(run: YearEnd) -> dict[str, Any]:
    """Return what a run was made of and what came out, for manifest.json: no date, no path."""
    scheme = run.grouper.scheme
    effective = scheme.manifest.get("effective", {})
    stable = sum(1 for g in run.base.groups.values() if g.stable)
    return {
        "drgpay_version": __version__,
        "region": {"id": run.region.id, "name": run.region.name, "year": run.region.year},
        **(run.reopening.as_dict() if run.reopening else {"version": 1}),
        "synthetic": run.region.synthetic,
        "trial": run.policy.trial,
        "policy": {
            "id": run.policy.id,
            "title": run.policy.title,
            "digest": run.policy.digest,
            "sources": dict(run.prepared.loaded.sources),
            "parameters": [p.as_dict() for p in run.policy.parameters.values()],
        },
        "scheme": {
            "id": scheme.id,
            "title": scheme.title,
            "digest": scheme.digest,
            "readings": dict(scheme.options),
            "effective": str(effective.get("from", "")),
            "draft": scheme.draft,
            **(
                {"versions": [use.as_dict() for use in run.prepared.versions]}
                if run.prepared.versions
                else {}
            ),
        },
        "inputs": [
            {"file": f.name, "rows": f.rows, "bytes": f.bytes, "sha256": f.sha256}
            for f in run.inputs
        ],
        "counts": run.counts.as_dict(),
        "ends": {
            "paid": run.counts.total - run.counts.quarantined - run.held,
            "held": run.held,
            "quarantined": run.counts.quarantined,
            **_replaced(run),
        },
        "classes": {
            name: {"cases": cases, "points": points_text(points), "total_cost_fen": cost}
            for name, (cases, points, cost) in run.class_sums.items()
        },
        "base_points": {
            "source": run.base.source,
            "all_drg_mean_fen": run.base.all_mean_fen,
            "by_rate": run.region.by_rate,
            "history_cases": run.base.history_cases,
            "history_years": list(run.base.history_years),
            "history_years_found": list(run.base.years_found),
            "history_rows": run.prepared.history_use.rows,
            "history_quarantined": run.prepared.history_use.quarantined,
            "drgs": len(run.base.groups),
            "stable_drgs": stable,
        },
        "primary_groups": list(run.coefficients.primary),
        **_region_facts(run),
        "run_sha256": identity(run),
        "payments": _payment_facts(run),
        "funds": fund_rows(run),
        "ceiling": _ceiling_facts(run),
        "pools": [_pool_facts(p) for p in run.pools],
        "hospitals": [
            {
                "hospital_id": h.id,
                "name": h.name,
                "level": h.level,
                "coefficient": decimal_text(Fraction(int(c), COEF_ONE), 6),
                "coefficient_given": None
                if h.coefficient is None
                else decimal_text(Fraction(h.coefficient, COEF_ONE), 6),
                "score": decimal_text(h.score, 4),
                "kind": h.kind,
                "community_id": h.community,
                "standing": h.standing,
            }
            for h, c in zip(run.region.hospitals, run.coefficients.general, strict=True)
        ],
        "front_page": {
            "counts": run.prepared.checked.counts.as_dict(),
            "findings": run.prepared.checked.found,
            "kept": len(run.prepared.checked.findings),
            "by_check": run.prepared.checked.by_check,
            "not_made": list(run.prepared.checked.not_made),
            "errors": {
                name: {"cases": cases, "total_cost_fen": cost, "pool_fund_fen": fund}
                for name, (cases, cost, fund) in run.prepared.errors.items()
            },
            "holding": [name for name, bit in BIT.items() if bit & holding(run.policy)],
        },
        "codes": run.prepared.codes.as_dict()
        | {"line": {lang: in_language(run.prepared.codes.line(), lang) for lang in ("zh", "en")}},
        "history_codes": run.prepared.history_codes.as_dict(),
        "review_notes": len(run.notes),
        "quarantined": run.set_aside.as_dict(),
        "warnings": [
            {"zh": in_language(w, "zh"), "en": in_language(w, "en")} for w in run.warnings
        ],
        "checks": checks(run),
    }


def write_run(
    run: YearEnd,
    out: str | Path,
    *,
    lang: str = "zh",
    finish: Callable[[Path], object] | None = None,
) -> Path:
    """Write the run folder `out`, which must not exist yet; `finish` may add files to it.

    Raises InputError when `out` is there already or its parent is not, or when the disk is full.
    """
    target = Path(out)
    with whole_folder(target) as temporary:
        trial = "; ".join(run.policy.trial)
        _write_tables(temporary, "cases", lambda: case_tables(run, trial))
        for name, table in (
            ("hospitals", hospitals_table(run, trial)),
            ("pools", pools_table(run, trial)),
            ("funds", funds_table(run, trial)),
            ("drgs", drgs_table(run, trial)),
            ("quarantine", _notes_table(run, lang, trial)),
            ("reviews", reviews_table(run, trial)),
            ("coefficients", coefficients_table(run, trial)),
            ("quality", quality_table(run, trial)),
            ("months", months_table(run, trial)),
            ("findings", of_trial(run.prepared.checked.findings, trial)),
            ("findings_by_month", of_trial(run.prepared.checked.profile, trial)),
        ):
            _write_tables(temporary, name, lambda table=table: iter([table]))  # type: ignore[misc]
        ceiling = ceiling_table(run, trial)
        more = {} if ceiling is None else {"ceiling": ceiling}
        if run.beds.classes:
            more["perdiem"] = of_trial(perdiem_table(run), trial)
        for made in run.extra.values():
            more.update({name: of_trial(t, trial) for name, t in made.tables(lang).items()})
        if run.reopening is not None:
            more["recovery"] = recovery_table(run.reopening, run)
            write_carried(run.reopening, run, temporary, lang)
            if run.reopening.corrected is not None:
                more[CORRECTED] = replaced_table(run.reopening.corrected, lang)
                run.reopening.corrected.write(temporary)
        else:
            write_negative(run, temporary / CARRIED, trial)
        for name, table in more.items():
            _write_tables(temporary, name, lambda table=table: iter([table]))  # type: ignore[misc]
        for name, changed in run.prepared.changed_codes().items():
            more_codes = of_trial(changed, trial)
            _write_tables(temporary, name, lambda table=more_codes: iter([table]))  # type: ignore[misc]
        if run.prepared.history_use.rows:
            notes = of_trial(run.prepared.history_quarantine.table(lang), trial)
            _write_tables(temporary, "history_quarantine", lambda: iter([notes]))
        facts = {**manifest(run), **record(temporary)}
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        (temporary / "manifest.json").write_text(text + "\n", encoding="utf-8")
        if finish is not None:
            finish(temporary)
        write_sums(temporary)
    return target


def reviews_table(run: YearEnd, trial: str) -> pa.Table:
    """Return the decisions of special review that the run was given."""
    reviews = sorted(run.region.reviews.items())
    names = {GRANTED: "granted", REFUSED: "refused"}
    columns = {
        "case_id": pa.array([case for case, _ in reviews], pa.string()),
        "decision": pa.array([names[review.decision] for _, review in reviews], pa.string()),
        "unreasonable_fen": pa.array([r.unreasonable_fen for _, r in reviews], pa.int64()),
        "points": decimal_column(
            np.array([r.points for _, r in reviews], dtype=np.int64),
            20,
            4,
            np.array([r.points < 0 for _, r in reviews], dtype=np.bool_),
        ),
    }
    return _with_trial(columns, len(reviews), trial)


def _notes_table(run: YearEnd, lang: str, trial: str) -> pa.Table:
    return of_trial(pa.concat_tables([run.quarantine.table(lang), run.notes.table(lang)]), trial)


def of_trial(table: pa.Table, trial: str) -> pa.Table:
    """Return a table that names the trial's settings in its last column, if it is one."""
    return _with_trial({name: table[name] for name in table.column_names}, len(table), trial)

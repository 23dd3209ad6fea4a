"""Write a settled year as a run folder: tables as Parquet and CSV, manifest.json.

The folder appears under its name only when everything in it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay import __version__
from drgpay.arrow import decimal_column, dictionary_column, table_writer
from drgpay.errors import in_language
from drgpay.grouper.outcome import LEVELS, REASONS, STATUSES
from drgpay.money import decimal_text, points_text
from drgpay.outputs import new_folder
from drgpay.points.kernels import COEF_ONE
from drgpay.settlement.point_value import PoolResult
from drgpay.settlement.region import GRANTED, REFUSED
from drgpay.settlement.scoring import BED_DAY, CASE_CLASSES
from drgpay.settlement.year_end import YearEnd

VALUE_PLACES = 12


def fraction_text(value: Fraction) -> str:
    """Return a fraction as `numerator/denominator`."""
    return f"{value.numerator}/{value.denominator}"


def _with_trial(columns: dict[str, Any], rows: int, trial: str) -> pa.Table:
    if trial:
        columns["trial"] = dictionary_column([trial], np.zeros(rows, dtype=np.int16))
    return pa.table(columns)


def _ints(values: Sequence[int]) -> pa.Array:
    return pa.array(values, pa.int64())


def _points(values: Sequence[int]) -> pa.Array:
    return decimal_column(np.array(values, dtype=np.int64), 20, 4)


def hospitals_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return hospitals: one row a hospital and pool, money in fen."""
    rows = run.hospitals
    columns = {
        "hospital_id": pa.array([h.hospital_id for h in rows], pa.string()),
        "pool": pa.array([h.pool for h in rows], pa.string()),
        "cases": _ints([h.sums.cases for h in rows]),
        "points": _points([h.sums.points for h in rows]),
        "not_pool_fen": _ints([h.sums.not_pool_fen for h in rows]),
        "recorded_fund_fen": _ints([h.sums.recorded_fund_fen for h in rows]),
        "due_fen": _ints([h.due_fen for h in rows]),
        "prepaid_fen": _ints([h.prepaid_fen for h in rows]),
        "deposit_fen": _ints([h.deposit_fen for h in rows]),
        "forfeited_fen": _ints([h.forfeited_fen for h in rows]),
        "violation_fen": _ints([h.violation_fen for h in rows]),
        "final_fen": _ints([h.final_fen for h in rows]),
    }
    return _with_trial(columns, len(rows), trial)


def pools_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return pools: budget, settled total, points, point value as fraction and decimal of a yuan."""
    rows = run.pools
    values = [p.point_value_fen / 100 for p in rows]
    scaled = [decimal_text(v, VALUE_PLACES) for v in values]
    columns = {
        "pool": pa.array([p.pool for p in rows], pa.string()),
        "budget_fen": _ints([p.budget.budget_fen for p in rows]),
        "settled_fen": _ints([p.settled_fen for p in rows]),
        "points": _points([p.points for p in rows]),
        "point_value_fraction": pa.array([fraction_text(v) for v in values], pa.string()),
        "point_value": pa.array(scaled, pa.string()).cast(pa.decimal128(30, VALUE_PLACES)),
        "residual_fen": _ints([p.residual_fen for p in rows]),
        "cases": _ints([p.cases for p in rows]),
        "recorded_fund_fen": _ints([p.recorded_fund_fen for p in rows]),
        "not_pool_fen": _ints([p.not_pool_fen for p in rows]),
        "available_budget_fen": _ints([p.budget.available_fen for p in rows]),
    }
    return _with_trial(columns, len(rows), trial)


def drgs_table(run: YearEnd, trial: str = "") -> pa.Table:
    """Return every group that has base points or a case, with both."""
    s = run.drg_sums
    rows = [i for i, drg in enumerate(run.numbers.drgs) if s.cases[i] or drg in run.base.groups]
    drgs = [run.numbers.drgs[i] for i in rows]
    groups = [run.base.groups.get(drg) for drg in drgs]
    columns = {
        "drg": pa.array(drgs, pa.string()),
        "name": pa.array([run.numbers.names[i] for i in rows], pa.string()),
        "cases": _ints([int(s.cases[i]) for i in rows]),
        "points": _points([int(s.points[i]) for i in rows]),
        "total_cost_fen": _ints([int(s.cost[i]) for i in rows]),
        "group_mean_fen": _ints([g.mean_fen if g else None for g in groups]),  # type: ignore[misc]
        "base_points": pa.array(
            [points_text(g.base_points) if g else None for g in groups], pa.string()
        ).cast(pa.decimal128(20, 4)),
        "stable": pa.array([g.stable if g else False for g in groups], pa.bool_()),
        "n_before": _ints([g.n_before if g else None for g in groups]),  # type: ignore[misc]
        "n_after": _ints([g.n_after if g else None for g in groups]),  # type: ignore[misc]
        "cv_before": pa.array([g.cv_before if g else None for g in groups], pa.float64()),
        "cv_after": pa.array([g.cv_after if g else None for g in groups], pa.float64()),
    }
    return _with_trial(columns, len(rows), trial)


def _nullable(values: NDArray[np.int64], null: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, pa.int64(), mask=null)


def case_tables(run: YearEnd, trial: str = "") -> Iterator[pa.Table]:
    """Yield the cases table piece by piece, in the order of the input."""
    drgs, adrgs, mdcs = run.numbers.drgs, run.numbers.adrgs, run.mdc_codes
    hospitals = [h.id for h in run.region.hospitals]
    pool_ids = [p.id for p in run.region.pools]
    means = np.array(
        [run.base.groups[d].mean_fen if d in run.base.groups else 0 for d in drgs], dtype=np.int64
    )
    bases = np.array(
        [run.base.groups[d].base_points if d in run.base.groups else 0 for d in drgs],
        dtype=np.int64,
    )
    bed = np.array([run.bed_base[name] for name in sorted(run.bed_base)] or [0], dtype=np.int64)
    for p, before, again in zip(run.pieces, run.before_readmission, run.readmission, strict=True):
        f = p.facts
        bad = p.status == 3
        in_bed = p.case_class == BED_DAY
        none = bad | (p.status == 2)
        base = np.where(in_bed, bed[np.maximum(f.bed_class, 0)], bases[p.drg])
        base = np.where(bad, 0, base)
        mean = np.where(in_bed, 0, means[p.drg])
        columns = {
            "case_id": p.case_id,
            "hospital_id": dictionary_column(hospitals, f.hospital, f.hospital < 0),
            "pool": dictionary_column(pool_ids, f.pool, f.pool < 0),
            "mdc": dictionary_column(mdcs, p.mdc, p.mdc == 0),
            "adrg": dictionary_column(adrgs, p.adrg, none | (p.status == 1)),
            "drg": dictionary_column(drgs, p.drg, bad),
            "status": dictionary_column(STATUSES, p.status),
            "reason": dictionary_column(REASONS, p.reason),
            "severity": dictionary_column(LEVELS, p.level, bad),
            "severity_diagnosis": p.severity_diagnosis,
            "case_class": dictionary_column(CASE_CLASSES, p.case_class, bad),
            "group_mean_fen": _nullable(mean, bad | (mean == 0)),
            "base_points": decimal_column(base, 20, 4, bad | (~in_bed & (mean == 0))),
            "coefficient": decimal_column(p.coefficient.astype(np.int64), 12, 6, bad),
            "days": _nullable(
                np.where(in_bed, np.maximum(f.days, 1), f.days).astype(np.int64), bad
            ),
            "total_cost_fen": _nullable(f.cost, bad & (f.cost == 0)),
            "pool_fund_fen": _nullable(f.fund, bad & (f.fund == 0)),
            "not_pool_fen": _nullable(f.cost - f.fund, bad),
            "unreasonable_fen": _nullable(p.unreasonable, bad),
            "points_before_readmission": decimal_column(before, 20, 4, bad),
            "points": decimal_column(p.points, 20, 4, bad),
            "readmission": pa.array(again, mask=bad),
        }
        yield _with_trial(columns, len(p.status), trial)


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
    points = points_text(sum(p.points for p in run.pools))
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
            "text_zh": "病例点数之和 = 机构点数之和 = 基金点数之和 = 病组点数之和",
            "text_en": "points of cases = of hospitals = of pools = of groups",
            "passed": True,
            "detail": points,
        },
        {
            "name": "dues",
            "text_zh": "应付之和 + 尾差 = 清算总额，逐分相符",
            "text_en": "dues + residual = settled total, to the fen",
            "passed": True,
            "detail": "; ".join(f"{p.pool}: {p.settled_fen}" for p in run.pools),
        },
        {
            "name": "payments",
            "text_zh": "清算支付 + 预付 + 扣除保证金 + 违规扣款 = 应付",
            "text_en": "final + prepaid + forfeited + violations = due",
            "passed": True,
            "detail": str(sum(h.due_fen for h in run.hospitals)),
        },
    ]


def _pool_facts(p: PoolResult) -> dict[str, Any]:
    value = p.point_value_fen / 100
    return {
        "pool": p.pool,
        "name": p.name,
        "budget_fen": p.budget.budget_fen,
        "out_of_area_fund_fen": p.budget.out_of_area_fund_fen,
        "reserve_fen": p.budget.reserve_fen,
        "available_budget_fen": p.budget.available_fen,
        "recorded_fund_fen": p.recorded_fund_fen,
        "not_pool_fen": p.not_pool_fen,
        "settled_fen": p.settled_fen,
        "points": points_text(p.points),
        "point_value_fraction": fraction_text(value),
        "point_value": decimal_text(value, VALUE_PLACES),
        "residual_fen": p.residual_fen,
        "cases": p.cases,
    }


def manifest(run: YearEnd) -> dict[str, Any]:
    """Return what a run was made of and what came out, for manifest.json: no date, no path."""
    scheme = run.grouper.scheme
    effective = scheme.manifest.get("effective", {})
    stable = sum(1 for g in run.base.groups.values() if g.stable)
    return {
        "drgpay_version": __version__,
        "region": {"id": run.region.id, "name": run.region.name, "year": run.region.year},
        "synthetic": run.region.synthetic,
        "trial": run.policy.trial,
        "policy": {
            "id": run.policy.id,
            "title": run.policy.title,
            "digest": run.policy.digest,
            "sources": dict(run.policy_sources),
            "parameters": [p.as_dict() for p in run.policy.parameters.values()],
        },
        "scheme": {
            "id": scheme.id,
            "title": scheme.title,
            "digest": scheme.digest,
            "surgical_match": scheme.surgical_match,
            "effective": str(effective.get("from", "")),
            "draft": scheme.draft,
            **({"versions": [use.as_dict() for use in run.versions]} if run.versions else {}),
        },
        "inputs": [
            {"file": f.name, "rows": f.rows, "bytes": f.bytes, "sha256": f.sha256}
            for f in run.inputs
        ],
        "counts": run.counts.as_dict(),
        "ends": {
            "paid": run.counts.total - run.counts.quarantined,
            "quarantined": run.counts.quarantined,
        },
        "classes": {
            name: {"cases": cases, "points": points_text(points), "total_cost_fen": cost}
            for name, (cases, points, cost) in run.class_sums.items()
        },
        "base_points": {
            "source": run.base.source,
            "all_drg_mean_fen": run.base.all_mean_fen,
            "history_cases": run.base.history_cases,
            "history_years": list(run.base.history_years),
            "history_rows": run.history_use.rows,
            "history_quarantined": run.history_use.quarantined,
            "drgs": len(run.base.groups),
            "stable_drgs": stable,
        },
        "bed_day_points": {name: points_text(v) for name, v in sorted(run.bed_base.items())},
        "pools": [_pool_facts(p) for p in run.pools],
        "hospitals": [
            {
                "hospital_id": h.id,
                "name": h.name,
                "level": h.level,
                "coefficient": decimal_text(Fraction(h.coefficient, COEF_ONE), 6),
                "score": decimal_text(h.score, 4),
            }
            for h in run.region.hospitals
        ],
        "front_page": {
            "counts": run.checked.counts.as_dict(),
            "findings": run.checked.found,
            "kept": len(run.checked.findings),
            "by_check": run.checked.by_check,
            "not_made": list(run.checked.not_made),
        },
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

    Raises InputError when `out` is there already or its parent is not.
    """
    target = Path(out)
    new_folder(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        trial = "; ".join(run.policy.trial)
        _write_tables(temporary, "cases", lambda: case_tables(run, trial))
        for name, table in (
            ("hospitals", hospitals_table(run, trial)),
            ("pools", pools_table(run, trial)),
            ("drgs", drgs_table(run, trial)),
            ("quarantine", _notes_table(run, lang, trial)),
            ("reviews", _reviews_table(run, trial)),
            ("findings", _of_trial(run.checked.findings, trial)),
            ("findings_by_month", _of_trial(run.checked.profile, trial)),
        ):
            _write_tables(temporary, name, lambda table=table: iter([table]))  # type: ignore[misc]
        if run.history_use.rows:
            notes = _of_trial(run.history_quarantine.table(lang), trial)
            _write_tables(temporary, "history_quarantine", lambda: iter([notes]))
        text = json.dumps(manifest(run), ensure_ascii=False, indent=1)
        (temporary / "manifest.json").write_text(text + "\n", encoding="utf-8")
        if finish is not None:
            finish(temporary)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _reviews_table(run: YearEnd, trial: str) -> pa.Table:
    """Return the decisions of special review that the run was given."""
    reviews = sorted(run.region.reviews.items())
    names = {GRANTED: "granted", REFUSED: "refused"}
    columns = {
        "case_id": pa.array([case for case, _ in reviews], pa.string()),
        "decision": pa.array([names[review.decision] for _, review in reviews], pa.string()),
        "unreasonable_fen": pa.array([r.unreasonable_fen for _, r in reviews], pa.int64()),
    }
    return _with_trial(columns, len(reviews), trial)


def _notes_table(run: YearEnd, lang: str, trial: str) -> pa.Table:
    return _of_trial(pa.concat_tables([run.quarantine.table(lang), run.notes.table(lang)]), trial)


def _of_trial(table: pa.Table, trial: str) -> pa.Table:
    return _with_trial({name: table[name] for name in table.column_names}, len(table), trial)

"""The small tables of a year settled on Spark: those of a run folder that need no table of cases."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay.ground.money import POINT, round_half_away
from drgpay.perdiem.review import review
from drgpay.region.later import CARRIED
from drgpay.region.together import by_pool
from drgpay.runs.carried import write_negative
from drgpay.runs.folder import (
    NO_STAYS,
    ceiling_table,
    coefficients_table,
    drgs_table,
    funds_table,
    hospitals_table,
    months_table,
    of_trial,
    pools_table,
    quality_table,
    reviews_table,
)
from drgpay.settlement.year_end import YearEnd

STAYS = NO_STAYS.schema.append(pa.field("stays", pa.int64()))


def small_tables(run: YearEnd, bed_days: Sequence[Mapping[str, Any]]) -> dict[str, pa.Table]:
    """Return the tables by name; `bed_days`: the per-diem stays, those alike in one row."""
    trial = "; ".join(run.policy.trial)
    tables = {
        "hospitals": hospitals_table(run, trial),
        "pools": pools_table(run, trial),
        "funds": funds_table(run, trial),
        "drgs": drgs_table(run, trial),
        "reviews": reviews_table(run, trial),
        "coefficients": coefficients_table(run, trial),
        "quality": quality_table(run, trial),
        "months": months_table(run, trial),
        "review_notes": of_trial(run.notes.table("zh"), trial),
    }
    ceiling = ceiling_table(run, trial)
    if ceiling is not None:
        tables["ceiling"] = ceiling
    if run.beds.classes:
        tables["perdiem"] = of_trial(_perdiem(run, bed_days), trial)
    for made in run.extra.values():
        tables |= {name: of_trial(t, trial) for name, t in made.tables("zh").items()}
    return tables


def _perdiem(run: YearEnd, bed_days: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return the review of bed-day stays (D2), each paid as `settlement.run_folder` says."""
    value = by_pool((p.pool, p.point_value_fen) for p in run.pools)
    levels = {h.id: h.level for h in run.region.hospitals}
    rows = []
    for r in bed_days:
        worth = r["price_fen"]
        if r["paid_by"] != "money":
            worth = round_half_away(value[r["pool"]] * int(r["points"] * POINT) / POINT)
        rows.append(
            {
                "hospital_id": r["hospital_id"],
                "level": levels[r["hospital_id"]],
                "bed_day_class": r["bed_day_class"],
                "days": r["days"],
                "total_cost_fen": int(r["cost"]),
                "discharge_way": None if r["discharge_way"] is None else str(r["discharge_way"]),
                "paid_fen": worth * r["stays"],
                "stays": r["stays"],
            }
        )
    return review(pa.Table.from_pylist(rows, STAYS))


def carried_files(run: YearEnd) -> dict[str, bytes]:
    """Return what negative final payments leave to recover, as files by name."""
    with tempfile.TemporaryDirectory() as folder:
        write_negative(run, Path(folder, CARRIED), "; ".join(run.policy.trial))
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}

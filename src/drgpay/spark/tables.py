"""The small tables of a year settled on Spark: those of a run folder that need no table of cases."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay.ground.money import POINT, round_half_away
from drgpay.names.run_tables import of_trial
from drgpay.perdiem.review import review
from drgpay.region.later import CARRIED
from drgpay.region.together import by_pool
from drgpay.runs.carried import write_negative
from drgpay.runs.year_tables import NO_STAYS, small_tables
from drgpay.settlement.year_end import YearEnd

STAYS = NO_STAYS.schema.append(pa.field("stays", pa.int64()))


def spark_tables(run: YearEnd, bed_days: Sequence[Mapping[str, Any]]) -> dict[str, pa.Table]:
    """Return the tables by name; `bed_days`: the per-diem stays, those alike in one row."""
    tables = {**small_tables(run, "zh"), "review_notes": run.notes.table("zh")}
    if run.beds.classes:
        tables["perdiem"] = _perdiem(run, bed_days)
    trial = "; ".join(run.policy.trial)
    return {name: of_trial(table, trial) for name, table in tables.items()}


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

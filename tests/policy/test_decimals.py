"""`case_points_dp = none`: four decimals, in which all points are counted."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.why import text, why
from tests.settlement.regions import EX1


def settled(folder: Path, *overrides: str) -> Path:
    return write_run(year_end(EX1, overrides=["ungrouped.rule=by_cost", *overrides]), folder)


def points_of(run: Path) -> list[object]:
    return pq.read_table(run / "cases.parquet")["points"].to_pylist()


def test_case_points_dp__none_is_four_decimals(tmp_path: Path) -> None:
    none = settled(tmp_path / "none", "case_points_dp=none", "point_scale=99.7")
    four = settled(tmp_path / "four", "case_points_dp=4", "point_scale=99.7")
    two = settled(tmp_path / "two", "case_points_dp=2", "point_scale=99.7")
    assert points_of(none) == points_of(four)
    assert points_of(none) != points_of(two)
    said = text(why(none, "case", "C04"), "zh")
    assert "点数保留四位小数" in said
    assert not why(none, "hospital", "H1").disagreements

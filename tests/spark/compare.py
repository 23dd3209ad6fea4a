"""What two runs of one year must share: on one machine and on Spark."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from drgpay.ground.digests import changed_files, read_sums
from drgpay.runs.folder import write_run
from drgpay.runs.year_tables import case_tables
from drgpay.settlement.year_end import YearEnd
from drgpay.spark import SparkYearEnd

EX1 = Path(__file__).parents[1] / "cases" / "ex1"
BY_CASE = {"cases", "quarantine", "history_quarantine", "findings", "findings_by_month"}
FACTS = (
    "region version synthetic trial policy scheme counts ends classes base_points ceiling pools "
    "hospitals review_notes quarantined checks quotas"
).split()


def ex1_cases() -> pa.Table:
    header = (EX1 / "cases.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    texts = csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()))
    return csv.read_csv(EX1 / "cases.csv", convert_options=texts)


def plain(table: pa.Table, names: list[str]) -> list[str]:
    kinds = {n: table[n].type for n in names}
    columns = {
        n: table[n].cast(kinds[n].value_type) if pa.types.is_dictionary(kinds[n]) else table[n]
        for n in names
    }
    return sorted(map(repr, pa.table(columns).to_pylist()))


def assert_same(one: YearEnd, many: SparkYearEnd, out: Path) -> None:
    """Compare two runs: results, sums and the tables of cases, quarantine and groups."""
    assert list(many.pools) == list(one.pools)
    assert list(many.hospitals) == list(one.hospitals)
    assert many.counts == one.counts
    run = many.run
    assert run.base == one.base
    assert np.array_equal(run.coefficients.values, one.coefficients.values)
    assert np.array_equal(run.totals.by_month, one.totals.by_month)
    assert run.totals.classes() == one.totals.classes()
    assert np.array_equal(run.totals.drgs().points, one.totals.drgs().points)
    assert run.quality == one.quality
    assert run.quotas == one.quotas
    assert run.set_aside == one.set_aside
    for name in ("rows", "used", "quarantined"):
        assert getattr(run.prepared.past, name) == getattr(one.prepared.past, name)
    assert run.region.last_year_months == one.region.last_year_months
    assert run.notes.rows == one.notes.rows
    mine = pa.concat_tables(case_tables(one), promote_options="permissive")
    theirs = pq.read_table(out / "cases")
    assert plain(theirs, mine.column_names) == plain(mine, mine.column_names)
    pools = pq.read_table(out / "pools.parquet")
    assert pools["settled_fen"].to_pylist() == [p.settled_fen for p in one.pools]
    facts = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert facts["counts"] == one.counts.as_dict()
    assert facts["front_page"] is None
    for codes, other in (
        (run.prepared.codes, one.prepared.codes),
        (run.prepared.past.codes, one.prepared.past.codes),
    ):
        assert {**codes.as_dict(), "found_by_counting": None} == {
            **other.as_dict(),
            "found_by_counting": None,
        }
    counted = " (not stated; by counting)"  # a frame has no first rows that decide
    lines = [str(codes.line()).replace(counted, "") for codes in (many.codes, one.prepared.codes)]
    assert lines[0] == lines[1]
    assert not changed_files(out, facts) and len(read_sums(out) or {}) > 3


def assert_same_folder(one: YearEnd, out: Path, place: Path) -> set[str]:
    """Compare all small tables and the manifest with the run folder of one machine; return names."""
    write_run(one, place)
    names = {path.stem for path in place.glob("*.parquet")} - BY_CASE
    for name in names:
        mine, theirs = (pq.read_table(folder / f"{name}.parquet") for folder in (place, out))
        assert theirs.schema.names == mine.schema.names, name
        assert theirs.to_pylist() == mine.to_pylist(), name
    mine, theirs = (
        json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for folder in (place, out)
    )
    assert {name: theirs[name] for name in FACTS} == {name: mine[name] for name in FACTS}
    said = [w["zh"] for w in theirs["warnings"] if "Spark" not in w["zh"]]
    # front pages are not checked there, so that no money is known to hang on what checks find
    own = [w["zh"] for w in mine["warnings"] if "检查结果而照付" not in w["zh"]]
    assert said == own, set(said) ^ set(own)
    carried = [(folder / "carried.csv") for folder in (place, out)]
    assert len({path.exists() and path.read_bytes() for path in carried}) == 1
    return names

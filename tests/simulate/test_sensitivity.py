"""How much money hangs on values that are not verified: each alternative is a run of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.year_end import year_end as command
from drgpay.settlement.sensitivity import (
    MOVED,
    NOTHING,
    OTHER,
    REFUSED,
    Sensitive,
    candidates,
    sensitivity,
    sensitivity_table,
)
from drgpay.settlement.simulate import money_moved
from drgpay.settlement.year_end import YearEnd, year_end

TESTS = Path(__file__).resolve().parents[1]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} does not stand there once"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ex1") / "region"
    shutil.copytree(TESTS / "cases" / "ex1", folder, ignore=shutil.ignore_patterns("expected"))
    scheme = str(TESTS / "schemes" / "ex1-tiny")
    edit(folder / "region.toml", "../../schemes/ex1-tiny", scheme)
    return folder


@pytest.fixture(scope="module")
def run(region: Path) -> YearEnd:
    return year_end(region)


@pytest.fixture(scope="module")
def found(run: YearEnd) -> list[Sensitive]:
    return sensitivity(run.prepared, run.policy, run)


def dues(run: YearEnd) -> dict[str, int]:
    sums: dict[str, int] = {}
    for h in run.hospitals:
        sums[h.hospital_id] = sums.get(h.hospital_id, 0) + h.due_fen
    return sums


@pytest.mark.parametrize(
    ("key", "override"),
    [
        ("keep_ratio", "keep_ratio=1"),
        ("readmission.factor", "readmission.factor=0"),
        ("combine_pools", "combine_pools=true"),
        ("not_pool", "not_pool=personal"),
    ],
)
def test_alternative__moves_what_a_run_with_it_moves(
    region: Path, run: YearEnd, found: list[Sensitive], key: str, override: str
) -> None:
    (row,) = [s for s in found if s.key == key]
    other = year_end(region, overrides=[override])
    before, after = dues(run), dues(other)
    changes = {h: after[h] - before[h] for h in after}
    assert row.state == MOVED
    assert row.moved_fen == money_moved(before, after)
    assert row.settled_fen == sum(p.settled_fen for p in other.pools) - sum(
        p.settled_fen for p in run.pools
    )
    assert row.largest_fen == changes[row.largest_hospital]
    assert abs(row.largest_fen) == max(abs(change) for change in changes.values())
    assert row.hospitals == sum(change != 0 for change in changes.values())
    values = {i: p.point_value_fen for p in other.pools for i in p.pool.split("+")}
    assert {pool: new for pool, _, new in row.values} == values


def test_alternatives__that_change_nothing_or_are_refused_are_listed_as_such(
    run: YearEnd, found: list[Sensitive]
) -> None:
    states = {s.key: s.state for s in found}
    assert list(sorted(states)) == sorted(candidates(run.policy))
    assert states["trim.quantile_type"] == NOTHING  # base points are given
    assert states["coef.source"] == REFUSED  # there is no table of levels
    assert states["prepay_ratio"] == OTHER  # dues stay, payments change
    by = {s.key: s for s in found}
    assert by["coef.source"].note is not None
    assert by["coef.source"].moved_fen is None
    assert by["trim.quantile_type"].moved_fen == 0
    assert by["prepay_ratio"].final_moved_fen > 0
    ranks = [(MOVED, OTHER, REFUSED, NOTHING).index(s.state) for s in found]
    assert ranks == sorted(ranks)
    moved = [s.moved_fen for s in found if s.state == MOVED]
    assert moved == sorted(moved, key=lambda fen: -(fen or 0))


def test_candidates__are_neither_verified_nor_unused_nor_of_the_trial(region: Path) -> None:
    trial = year_end(region, overrides=["keep_ratio=0.5"])
    keys = candidates(trial.policy)
    assert "keep_ratio" not in keys
    assert "fund_share_of_overspend" in keys
    assert "capitation.method" not in keys  # no capitation in the region
    assert "group_mean_dp" not in keys  # without an alternative


def test_table__columns_of_a_run_folder(found: list[Sensitive]) -> None:
    table = sensitivity_table(found, "zh", "keep_ratio=0.5")
    assert table.column_names[:4] == ["key", "name", "value", "alternative"]
    assert table.column_names[-1] == "trial"
    rows = {row["key"]: row for row in table.to_pylist()}
    keep = rows["keep_ratio"]
    assert (keep["value"], keep["alternative"]) == ("0.85", "1")
    assert keep["moved_fen"] == 116_625
    assert keep["settled_change_fen"] == 233_250
    assert keep["point_value_before"] == "310: 162.334469; 390: 169.203226"
    assert keep["point_value_after"] == "310: 164.605648; 390: 169.203226"
    assert rows["coef.source"]["moved_fen"] is None
    assert "机构" in rows["coef.source"]["note"]


def test_command__writes_table_and_section(region: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = CliRunner().invoke(command, [str(region), "-o", str(out), "--sensitivity"])
    assert done.exit_code == 0, done.output
    rows = {r["key"]: r for r in pq.read_table(out / "sensitivity.parquet").to_pylist()}
    assert rows["keep_ratio"]["moved_fen"] == 116_625
    assert (out / "sensitivity.csv").is_file()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "未核实参数改用备选值的影响" in page
    assert "改用备选值不改变任何金额的参数：" in page
    assert "不能用备选值清算：差异系数来源" in page

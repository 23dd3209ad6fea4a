"""Balances of hospitals: by formula, as published, the bridge between, held against the cases."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from drgpay.cli import cli
from drgpay.ground.errors import BooksError
from drgpay.report.hospital_balance import SET_TO_ZERO, balance_sheet, balances, told
from drgpay.report.run import Run
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from tests.months.folders import ex1


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("balance")
    yield write_run(year_end(ex1(folder)), folder / "run")


def test_balance__is_what_cases_bring_less_what_they_cost(run: Path) -> None:
    made = Run(run)
    values = {p["pool"]: Fraction(p["point_value_fraction"]) for p in made.manifest["pools"]}
    cases = [r for r in made.table("cases").to_pylist() if r["paid_by"] in ("points", "money")]
    found = {(b.hospital, b.pool): b for b in balances(made)}
    met = set()
    for row in made.table("hospitals").to_pylist():
        own = found.pop((row["hospital_id"], row["pool"]))
        of = [c for c in cases if (c["hospital_id"], c["pool"]) == (own.hospital, own.pool)]
        assert own.formula_fen == row["due_fen"] - sum(c["pool_fund_fen"] for c in of)
        assert (own.cases, own.cost_fen) == (len(of), sum(c["total_cost_fen"] for c in of))
        for name in SET_TO_ZERO:
            of_class = [c for c in of if c["case_class"] == name]
            met |= {name} if of_class else set()
            brings = sum(
                Fraction(c["points"]) * values[own.pool] * 100
                if c["paid_by"] == "points"
                else Fraction(c["price_fen"])
                for c in of_class
            )
            taken = sum(c["pool_fund_fen"] + c["not_pool_fen"] for c in of_class)
            count, fen = own.of_class[name]
            assert count == len(of_class)
            assert abs(fen - (brings - taken)) <= 1, "rounded once for each way of payment"
        assert own.published_fen == own.formula_fen - sum(f for _, f in own.of_class.values())
    assert not found and met == set(SET_TO_ZERO)


def test_sheet__has_the_bridge_as_a_formula(run: Path, tmp_path: Path) -> None:
    rows = list(balance_sheet(Run(run), balances(Run(run)), "zh").rows)
    assert all(r["published"] == r["formula"] - r["fen_high"] - r["fen_low"] for r in rows)
    out = tmp_path / "盈亏.xlsx"
    told_of = CliRunner().invoke(cli, ["runs", "balance", str(run), "-o", str(out)])
    assert told_of.exit_code == 0 and "3 家" in told_of.output
    (sheet,) = openpyxl.load_workbook(out).worksheets
    texts = [c.value for row in sheet.iter_rows() for c in row if isinstance(c.value, str)]
    assert any(text.startswith("=") and text.count("-") == 2 for text in texts)
    shown = CliRunner().invoke(cli, ["runs", "balance", str(run)]).output
    assert "公布盈亏" in shown and "未见原文" in shown
    assert "3 hospitals" in told(balances(Run(run)))


def test_balance__of_a_changed_folder_is_refused(run: Path, tmp_path: Path) -> None:
    changed = tmp_path / "run"
    changed.mkdir()
    for path in run.iterdir():
        if path.is_file():
            (changed / path.name).write_bytes(path.read_bytes())
    (changed / "hospitals.parquet").write_bytes((run / "pools.parquet").read_bytes())
    found = CliRunner().invoke(cli, ["runs", "balance", str(changed)], standalone_mode=False)
    assert isinstance(found.exception, BooksError)

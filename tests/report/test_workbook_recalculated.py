"""settlement.xlsx as Excel calculates it again: ordinary, trial, reopened, bounded and held runs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from drgpay.reopening.reopen import reopen
from drgpay.report.settlement_excel import write_settlement_excel
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from tests.report.formulas import Calculator, formulas
from tests.settlement.regions import EX1

Make = Callable[[Path], Path]
BY_CASE = ["bound.level=case", "bound.never_below_zero=true", "bound.cost_share=1.2"]


def _year(*overrides: str) -> Make:
    return lambda home: write_run(year_end(EX1, overrides=list(overrides)), home / "run")


def _reopened(home: Path) -> Path:
    first = write_run(year_end(EX1), home / "first")
    later = home / "later.csv"
    later.write_text(
        "hospital_id,pool,amount_yuan,points,case_id,new_drg,document,date\n"
        "H3,310,100.00,2.5,,,监察〔2025〕3号,2025-06-03\n",
        encoding="utf-8",
    )
    return write_run(reopen(EX1, first, violations=later), home / "run")


RUNS: dict[str, Make] = {
    "ordinary": _year(),
    "trial": _year("keep_ratio=0.7"),
    "reopened": _reopened,
    "shared": _year("deposit_forfeited=share"),
    "bounded": _year(*BY_CASE),
    "rounded": _year("residual=to_fund", "value_dp=2"),
}


@pytest.fixture(scope="module", params=RUNS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp(request.param)
    folder = RUNS[request.param](home)
    write_settlement_excel(folder, sheets_per_hospital=True)
    return folder


def test_every_formula__comes_out_as_the_file_says(run: Path) -> None:
    path = run / "settlement.xlsx"
    calculator, stored = Calculator(path), openpyxl.load_workbook(path, data_only=True)
    every = formulas(path)
    assert len(every) > 100
    for sheet, place, text in every:
        made, kept = calculator.formula(sheet, text), stored[sheet][place].value
        if isinstance(made, str):
            assert made == kept, (sheet, place, text)
        else:
            assert abs(float(made) - kept) <= 1e-9 * max(1, abs(float(made))), (sheet, place, text)


def test_every_check__agrees_when_it_is_calculated(run: Path) -> None:
    calculator = Calculator(run / "settlement.xlsx")
    sheet = calculator.book["核对"]
    results = [
        calculator.value("核对", f"E{row}")
        for row in range(2, sheet.max_row + 1)
        if str(sheet.cell(row, 5).value).startswith("=")
    ]
    assert results == ["相符"] * 7


def test_sums_and_finals__calculated_are_those_of_the_tables(run: Path) -> None:
    calculator = Calculator(run / "settlement.xlsx")
    own = calculator.book["机构清算"]
    at = {cell.value: cell.column for cell in own[1]}
    final = next(name for name in at if str(name).startswith("最终支付"))
    rows = pq.read_table(run / "hospitals.parquet").to_pylist()
    columns = {"应付": "due_fen", final: "final_fen", "点数外应付": "money_fen"}

    def fen(row: int, name: str) -> Any:
        place = own.cell(row, at[name]).coordinate
        return calculator.value("机构清算", place) * 100

    for number in range(2, len(rows) + 2):
        ids = own.cell(number, 1).value, str(own.cell(number, 4).value)
        r = next(r for r in rows if (r["hospital_id"], r["pool"]) == ids)
        for name, key in columns.items():
            assert fen(number, name) == r[key], (ids, name)
    sums = {"应付": "due_fen", "点数外应付": "money_fen"}
    sums |= {name: "payable_fen" for name in at if str(name) in ("本次支付", "重算应支付")}
    sums |= {name: "recover_fen" for name in at if str(name) in ("应收回", "重算应收回")}
    assert len(sums) == 4
    for name, key in sums.items():
        assert fen(len(rows) + 2, name) == sum(r[key] for r in rows)
    summary = calculator.book["清算汇总"]
    pools = pq.read_table(run / "pools.parquet").to_pylist()
    lines = {summary.cell(row, 1).value: row for row in range(1, summary.max_row + 1)}
    for column, pool in enumerate(pools, start=3):
        for name, key in (("清算总额 T", "settled_fen"), ("尾差（留存基金）", "residual_fen")):
            place = summary.cell(lines[name], column).coordinate
            assert calculator.value("清算汇总", place) * 100 == pool[key]
        place = summary.cell(lines["点值 V（元/点）"], column).coordinate
        exact = Fraction(pool["point_value_fraction"])
        made = Fraction(calculator.value("清算汇总", place))
        assert abs(made - exact) < Fraction(1, 10**9)

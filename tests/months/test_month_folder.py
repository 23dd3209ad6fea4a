"""The folder of a month: what the command writes, and that workbook, page and tables agree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.month import month as command
from drgpay.report.month_excel import write_month_excel
from drgpay.report.month_page import write_month_page
from drgpay.settlement.month_folder import write_month
from drgpay.settlement.month_run import run_all_months, run_month
from tests.months.folders import ex1


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A month with a suspended payment and the twelve months, each as a folder."""
    home = tmp_path_factory.mktemp("months")
    region = ex1(home)
    (region / "last_year_months.csv").write_text(
        "医疗机构编码,险种,月份,统筹基金（元）\nH1,310,3,50000.00\n", encoding="utf-8"
    )
    trial = ["month.growth_limit=0.1"]
    made = {
        "month": write_month(run_month(region, "2024-04", overrides=trial), home / "month"),
        "all": write_month(run_all_months(region, overrides=trial)[0], home / "all"),
    }
    for folder in made.values():
        write_month_excel(folder)
        write_month_page(folder)
    yield made


def test_folder__has_its_tables_in_both_forms(folders: dict[str, Path]) -> None:
    names = {"months_pools", "months_hospitals", "suspended", "corrections", "quarantine"}
    for key, more in (("month", set()), ("all", {"tie_out"})):
        found = {p.name for p in folders[key].iterdir()}
        expected = {f"{n}{s}" for n in names | more for s in (".csv", ".parquet")}
        expected |= {"manifest.json", "month.xlsx", "month.html"}
        assert found == expected | ({"prepaid.csv"} if key == "all" else set())


def test_tables__add_up_to_each_other(folders: dict[str, Path]) -> None:
    pools = pq.read_table(folders["all"] / "months_pools.parquet").to_pylist()
    hospitals = pq.read_table(folders["all"] / "months_hospitals.parquet").to_pylist()
    for row in pools:
        own = [h for h in hospitals if (h["month"], h["pool"]) == (row["month"], row["pool"])]
        for name in ("cases", "points", "recorded_fund_fen", "payment_fen", "suspended_fen"):
            assert row[name] == sum(h[name] for h in own)
        assert row["paid_fen"] == row["payment_fen"] - row["suspended_fen"]
    cut = pq.read_table(folders["all"] / "suspended.parquet").to_pylist()
    assert [(c["hospital_id"], c["normal_fund_fen"], c["suspended_fen"]) for c in cut] == [
        ("H1", 5_500_000, 1_425_000)
    ]
    ties = pq.read_table(folders["all"] / "tie_out.parquet").to_pylist()
    assert len(ties) >= 16
    assert all(t["months"] == t["year"] and t["difference"] == 0 for t in ties)


def test_every_table_of_a_trial__is_marked(folders: dict[str, Path]) -> None:
    for path in folders["all"].glob("*.parquet"):
        assert pq.read_schema(path).names[-1] == "trial"


def cell_value(book: openpyxl.Workbook, sheet: str, cell: str) -> Fraction:
    """What a formula of sums, differences, products and quotients of one sheet gives."""
    value = book[sheet][cell].value
    if value is None:
        return Fraction(0)
    if not (isinstance(value, str) and value.startswith("=")):
        return Fraction(str(value))
    text = value[1:]
    total = re.fullmatch(r"SUM\(([A-Z]+)(\d+):[A-Z]+(\d+)\)", text)
    if total:
        column, first, last = total[1], int(total[2]), int(total[3])
        return sum(
            (cell_value(book, sheet, f"{column}{row}") for row in range(first, last + 1)),
            Fraction(0),
        )
    names = {m: cell_value(book, sheet, m) for m in set(re.findall(r"[A-Z]+\d+", text))}
    made = eval(re.sub(r"([A-Z]+\d+)", r"names['\1']", text), {"names": names})
    return Fraction(made)


def test_workbook__formulas_agree_with_their_values(folders: dict[str, Path]) -> None:
    met = 0
    for folder in folders.values():
        formulas = openpyxl.load_workbook(folder / "month.xlsx")
        values = openpyxl.load_workbook(folder / "month.xlsx", data_only=True)
        for sheet in formulas:
            for row in sheet.iter_rows():
                for cell in row:
                    if isinstance(cell.value, str) and cell.value.startswith("="):
                        shown = values[sheet.title][cell.coordinate].value
                        exact = cell_value(formulas, sheet.title, cell.coordinate)
                        assert abs(Fraction(str(shown)) - exact) < Fraction(1, 10**6)
                        met += 1
    assert met > 150


def test_workbook__sheet_of_payments_is_the_months(folders: dict[str, Path]) -> None:
    book = openpyxl.load_workbook(folders["month"] / "month.xlsx", data_only=True)
    sheet = book["2024-04 拨付"]
    head = [cell.value for cell in sheet[1]]
    assert head[:3] == ["医疗机构编码", "医疗机构", "险种"]
    rows = {(r[0].value, r[2].value): [c.value for c in r] for r in sheet.iter_rows(min_row=2)}
    assert rows["H2", "310"][head.index("本月实付")] == 13_300
    assert rows["H1", "310"][head.index("以前各月已付")] == 19_950 + 52_250


def test_page__says_what_is_paid_and_withheld(folders: dict[str, Path]) -> None:
    page = (folders["month"] / "month.html").read_text(encoding="utf-8")
    for text in ("143.140561", "13,300.00", "月度预付 2024-04", "试算结果", "C05"):
        assert text in page
    every = (folders["all"] / "month.html").read_text(encoding="utf-8")
    assert "14,250.00" in every
    assert "暂停支付 1 笔" in every
    assert "<script" not in every
    write_month_page(folders["all"], "en")
    english = (folders["all"] / "month.html").read_text(encoding="utf-8")
    assert "Provisional point value" in english
    write_month_page(folders["all"])
    assert (folders["all"] / "month.html").read_text(encoding="utf-8") == every


def test_command__writes_the_folder_and_never_over_one(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    out = tmp_path / "out"
    done = CliRunner().invoke(command, [str(region), "--month", "2024-01", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "74.842755" in done.output
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["kind"] == "month"
    again = CliRunner().invoke(command, [str(region), "--all", "-o", str(out)])
    assert again.exit_code != 0
    both = CliRunner().invoke(
        command, [str(region), "--all", "--month", "2024-01", "-o", str(tmp_path / "two")]
    )
    assert both.exit_code == 2
    assert not (tmp_path / "two").exists()

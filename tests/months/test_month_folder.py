"""The folder of a month: what the command writes, and that workbook, page and tables agree."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.month import month as command
from drgpay.ground.errors import InputError
from drgpay.ground.money import yuan_text
from drgpay.months.folder import write_month
from drgpay.months.run import run_all_months, run_month
from drgpay.region.region import read_region
from drgpay.report.month_excel import write_month_excel
from drgpay.report.month_page import write_month_page
from tests.months.folders import ex1, rows_of, take_prepaid, write_rows
from tests.settlement.small import BASE, case, small_region

# 1,000.00 of the target are set aside
CEILING = """
[ceiling]
control_target_yuan = "94000.00"
[[ceiling.reserves]]
name = "调剂金"
amount_yuan = "1000.00"
inside_target = true
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A month with a suspended payment, one that a late case adjusts, and the twelve months."""
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
    rows = rows_of(region / "cases.csv")
    late = [r for r in rows if r["case_id"] != "C05"]
    write_rows(region / "cases.csv", late)
    april = write_month(run_month(region, "2024-04", overrides=trial), home / "april")
    write_rows(region / "cases.csv", [r for r in rows if r["case_id"] != "C03"])
    with (region / "region.toml").open("a", encoding="utf-8") as stream:
        stream.write(CEILING)
    may = run_month(region, "2024-05", overrides=trial, earlier=april)
    made["adjusted"] = write_month(may, home / "may")
    for folder in made.values():
        write_month_excel(folder)
        write_month_page(folder)
    yield made


def test_folder__has_its_tables_in_both_forms(folders: dict[str, Path]) -> None:
    names = {"months_pools", "months_hospitals", "suspended", "adjustments", "corrections"}
    names.add("quarantine")
    for key, more in (("month", {"paid_cases"}), ("all", {"tie_out"})):
        found = {p.name for p in folders[key].iterdir()}
        expected = {f"{n}{s}" for n in names | more for s in (".csv", ".parquet")}
        expected |= {"SHA256SUMS", "manifest.json", "month.xlsx", "month.html"}
        assert found == expected | ({"prepaid.csv"} if key == "all" else set())


def test_paid_cases__are_those_of_the_months(folders: dict[str, Path]) -> None:
    cases = pq.read_table(folders["month"] / "paid_cases.parquet").to_pylist()
    sums = pq.read_table(folders["month"] / "months_hospitals.parquet").to_pylist()
    counted = Counter((row["hospital_id"], row["month"]) for row in cases)
    expected: Counter[tuple[str, str]] = Counter()
    for row in sums:
        expected[row["hospital_id"], row["month"]] += row["cases"]
    assert counted == +expected and len(cases) == len({row["case_id"] for row in cases}) > 0


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
    assert rows["H2", "310"][head.index("实付")] == 13_300
    assert rows["H1", "310"][head.index("以前各月已付")] == 19_950 + 52_250


def test_checks__of_a_month_go_as_far_as_it(folders: dict[str, Path]) -> None:
    told = {
        key: json.loads((folders[key] / "manifest.json").read_text(encoding="utf-8"))["checks"]
        for key in ("month", "all")
    }
    of_year = {
        key: [c["text_zh"] for c in checks if "与全年相符" in c["text_zh"]]
        for key, checks in told.items()
    }
    assert all("预提之前的预算之和（B）" in text for text in of_year["month"])
    to_date = [c["text_en"] for c in told["month"] if c["text_en"].endswith("to this month")]
    assert len(to_date) + len(of_year["month"]) == sum(
        c["name"].startswith("months_") for c in told["month"]
    )
    assert any("病例数之和与截至本月的合计相符" in c["text_zh"] for c in told["month"])
    assert any("病例数之和与全年相符" in text for text in of_year["all"])
    names = [row["name"] for row in rows_of(folders["all"] / "tie_out.csv")]
    assert names[0] == "预提之前的预算 B"


def test_ceiling__a_reserve_inside_the_target_is_taken_off_it(folders: dict[str, Path]) -> None:
    manifest = json.loads((folders["adjusted"] / "manifest.json").read_text(encoding="utf-8"))
    ceiling = manifest["ceiling"]
    drawn = ceiling["reserves"][0]["drawn_fen"]
    assert ceiling["free_fen"] == 9_400_000 - 100_000
    assert 0 < drawn == ceiling["total_fen"] - ceiling["free_fen"]
    check = next(c for c in manifest["checks"] if c["name"] == "ceiling")
    left, right = check["detail"].replace(",", "").split(" ≤ ")
    target, aside, more = re.fullmatch(r"(\S+) − (\S+) \+ (\S+)", right).groups()  # type: ignore[union-attr]
    assert Fraction(left) == Fraction(target) - Fraction(aside) + Fraction(more)
    texts = [c["text_zh"] for c in manifest["checks"]]
    assert any(said.endswith("各月预提之前的预算之和（B）与全年相符") for said in texts)
    amount = yuan_text(drawn)
    assert any(f"动用“调剂金” {amount} 元" in w["zh"] for w in manifest["warnings"])
    page = (folders["adjusted"] / "month.html").read_text(encoding="utf-8")
    assert "减：目标内预留 调剂金" in page
    sheet = openpyxl.load_workbook(folders["adjusted"] / "month.xlsx")["总额控制"]
    rows = {row[0]: row[1] for row in sheet.iter_rows(values_only=True)}
    assert rows["减：目标内预留 调剂金"] == -1000
    assert rows["可支付额"] == 93_000
    assert round(rows["动用：调剂金"] * 100) == drawn


def test_parameters__without_a_verified_source_are_listed(folders: dict[str, Path]) -> None:
    book = openpyxl.load_workbook(folders["month"] / "month.xlsx")
    rows = list(book["政策参数"].iter_rows(min_row=2, values_only=True))
    keys = [row[1] for row in rows]
    assert {"prepay_ratio", "prepay_basis", "month.growth_limit", "point_scale"} <= set(keys)
    assert not {"deposit_bands", "keep_ratio", "bound.level"} & set(keys)
    page = (folders["month"] / "month.html").read_text(encoding="utf-8")
    unverified = [row[1] for row in rows if row[4] == "否"]
    assert unverified
    assert "month.growth_limit" in unverified  # the value of a trial
    for key in unverified:
        assert f">{key}</td>" in page
    assert f"有 {len(unverified)} 项参数未经核实" in page


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


def test_prepaid_of_a_trial__is_refused_by_a_region_folder(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    rows = rows_of(folders["all"] / "prepaid.csv")
    assert {r["trial"] for r in rows} == {"month.growth_limit=0.1"}
    region = ex1(tmp_path)
    shutil.copy(folders["all"] / "prepaid.csv", region)
    with pytest.raises(InputError) as caught:
        read_region(region)
    assert "trial" in caught.value.text("zh")
    # nor is a simulation that is no trial taken; what the months paid is
    plain = write_month(run_all_months(ex1(tmp_path / "plain"))[0], tmp_path / "all")
    shutil.copy(plain / "prepaid.csv", region)
    with pytest.raises(InputError, match="not what the months paid"):
        read_region(region)
    take_prepaid(plain, region)
    assert read_region(region).prepaid


def test_notes__say_what_is_held_and_quarantined_why_and_for_how_much(tmp_path: Path) -> None:
    """C3 has two ids for one stay, C5 no sex: neither waits for a special review."""
    twice = [case(c, "H2", "9000.00", "5000.00", patient_id="P-C3") for c in ("C3", "C4")]
    cases = [*BASE, *twice, case("C5", "H1", "100.00", "60.00", sex="")]
    folder = small_region(tmp_path / "r", cases, policy={"unsettled_share_max": '"1"'})
    run = run_month(folder, "2024-03")
    write_month(run, tmp_path / "month", finish=write_month_page)
    html = (tmp_path / "month" / "month.html").read_text(encoding="utf-8")
    assert "1 例被隔离，未参加清算：可读出的总费用 100.00 元，统筹基金记账 60.00 元" in html
    assert "同一次住院有两个病例号”（stay_twice）暂不支付：总费用 18,000.00 元" in html
    assert "须经特病单议" not in html.split("<nav>")[0]
    assert "实付（元）" in html and "金额单位为元" in html

"""settlement.xlsx: every amount to the fen, formulas that agree, nothing of the data executed."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from drgpay.report.settlement_excel import write_settlement_excel
from drgpay.report.workbook import Book, Field, sheet_names
from tests.report.folders import ex1_manifest, full_run, write_run
from tests.report.formulas import Calculator, formulas


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return full_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def path(folder: Path) -> Path:
    return write_settlement_excel(folder)


def columns_of(sheet: Any) -> dict[str, int]:
    return {cell.value: cell.column for cell in sheet[1]}


def fen(value: Any) -> int:
    exact = Fraction(Decimal(repr(value))) * 100
    assert exact.denominator == 1, value
    return int(exact)


def read(path: Path) -> Any:
    return openpyxl.load_workbook(path, data_only=True)


def test_workbook__has_the_sheets_in_chinese_and_in_english(folder: Path, path: Path) -> None:
    assert read(path).sheetnames == [
        *("清算汇总", "须知", "机构清算", "机构合计", "病组", "病例类别", "总额控制", "按床日"),
        *(
            "按人头_医共体",
            "特病单议",
            "隔离",
            "差异系数",
            "分组质量",
            "参数影响",
            "政策参数",
            "核对",
        ),
    ]
    english = read(write_settlement_excel(folder, "en"))
    assert english.sheetnames[:4] == ["Summary", "Notes", "Hospitals by pool", "Hospitals"]
    assert english["Hospitals"]["A1"].value == "Hospital id"
    write_settlement_excel(folder)


def test_amounts__equal_the_fen_of_the_run_folder(folder: Path, path: Path) -> None:
    sheet = read(path)["机构清算"]
    at = columns_of(sheet)
    keys = {
        "应付": "due_fen", "点数外应付": "money_fen", "统筹基金记账": "recorded_fund_fen",
        "已预付": "prepaid_fen", "质量保证金": "deposit_fen", "扣罚保证金": "forfeited_fen",
        "违规扣款": "violation_fen", "结转扣回": "carried_fen", "最终支付": "final_fen",
        "暂不支付记账": "held_fund_fen",
    }  # fmt: skip
    rows = pq.read_table(folder / "hospitals.parquet").to_pylist()
    found = {(r[0].value, r[3].value): r for r in sheet.iter_rows(min_row=2) if r[3].value}
    assert len(found) == len(rows) == 8
    for r in rows:
        cells = found[r["hospital_id"], r["pool"]]
        for name, key in keys.items():
            assert fen(cells[at[name] - 1].value) == r[key], (r, name)
        assert Decimal(repr(cells[at["点数"] - 1].value)) == r["points"]
        assert cells[at["应付"] - 1].number_format.startswith("#,##0.00")
        assert cells[at["点数"] - 1].number_format == "#,##0.0000"


def test_amounts__of_huge_hospitals_keep_their_fen(tmp_path: Path) -> None:
    huge = [
        ("H1", "310", 1, "9999999999.9999", 1, 2, 98765432109877, 3, 4, 5, 6, 98765432109863),
        ("H2", "310", 1, "0.0001", 1, 2, -1, 3, 4, 5, 6, -15),
    ]
    folder = write_run(tmp_path / "run", ex1_manifest(), hospitals=huge)
    sheet = read(write_settlement_excel(folder))["机构清算"]
    at = columns_of(sheet)
    dues = [sheet.cell(row, at["应付"]).value for row in (2, 3)]
    assert [fen(v) for v in dues] == [98765432109877, -1]
    assert repr(sheet.cell(2, at["点数"]).value) == "9999999999.9999"
    assert sheet.cell(3, at["点数"]).value == 0.0001


def test_formulas__give_the_values_that_are_stored_with_them(folder: Path) -> None:
    path = write_settlement_excel(folder, sheets_per_hospital=True)
    calculator, stored = Calculator(path), read(path)
    every = formulas(path)
    assert len(every) >= 200
    for sheet, place, text in every:
        exact, kept = calculator.formula(sheet, text), stored[sheet][place].value
        if isinstance(exact, str):
            assert exact == kept, (sheet, place, text)
        else:
            assert abs(float(exact) - kept) <= 1e-9 * max(1, abs(float(exact))), (
                sheet,
                place,
                text,
            )
    write_settlement_excel(folder)


def test_totals__of_the_summary_are_the_run_s(folder: Path, path: Path) -> None:
    sheet = read(path)["清算汇总"]
    rows = {r[0].value: [c.value for c in r[2:]] for r in sheet.iter_rows(min_row=4)}
    pools = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["pools"]
    assert [fen(v) for v in rows["清算总额 T"]] == [p["settled_fen"] for p in pools]
    assert [fen(v) for v in rows["应付合计"]] == [p["settled_fen"] for p in pools]
    assert rows["核对：T − 应付合计 − 尾差"] == [0, 0]
    assert rows["点值 V（精确分数）"] == [p["point_value_fraction"] for p in pools]
    texts = {text for name, _, text in formulas(path) if name == "清算汇总"}
    assert any(t.startswith("=ROUND(") and "0.85" in t for t in texts)
    assert any("/" in t for t in texts)


def test_checks__agree_and_would_not_if_a_fen_were_missing(folder: Path, path: Path) -> None:
    sheet = read(path)["核对"]
    results = [r[4].value for r in sheet.iter_rows(min_row=2)]
    assert results.count("相符") == 7
    assert "不符" not in results
    calculator = Calculator(path)
    own = calculator.book["机构清算"]
    due = columns_of(own)["应付"]
    own.cell(2, due).value += 0.01
    again = [
        calculator.value("核对", f"E{row}")
        for row in range(2, sheet.max_row + 1)
        if str(calculator.book["核对"].cell(row, 5).value).startswith("=")
    ]
    assert "不符" in again


def test_texts_of_the_data__never_become_formulas_or_links(tmp_path: Path) -> None:
    names = ("=1+1", "@SUM(A1)", "http://example.org", "+cmd|' /C calc'!A0")
    folder = full_run(tmp_path / "run", names=names)
    path = write_settlement_excel(folder, sheets_per_hospital=True)
    book = openpyxl.load_workbook(path)
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    assert not any(name[1:] in cell.value for name in names[:3]), cell.value
                assert cell.hyperlink is None
    assert book["机构清算"]["B2"].value == "=1+1"
    assert book["机构清算"]["B2"].data_type == "s"
    values = {c.value for c in book["隔离"]["E"]}
    assert "=1+1" in values


def test_sheets_per_hospital__have_safe_and_single_names(tmp_path: Path) -> None:
    names = ("甲[1]:医/院*?\\", "甲 1 医 院", "名" * 60, "核对")
    path = write_settlement_excel(full_run(tmp_path / "run", names=names), sheets_per_hospital=True)
    own = read(path).sheetnames[-4:]
    assert own == ["甲 1 医 院", "甲 1 医 院~2", "名" * 31, "核对~2"]
    sheet = read(path)[own[0]]
    texts = [r[0].value for r in sheet.iter_rows()]
    assert texts[0] == "甲[1]:医/院*?\\（H0001）"
    assert "最终支付" in texts
    assert "本次支付：全部险种" in texts and "应收回：全部险种" in texts


def test_sheet_names__count_letters_as_excel_does() -> None:
    found = sheet_names(["𠮷" * 20, "x" * 40, "X" * 40, "history", "'", "a'"])
    assert found == ["𠮷" * 15, "x" * 31, "X" * 29 + "~2", "history_", "_", "a"]
    assert all(len(name.encode("utf-16-le")) // 2 <= 31 for name in found)


def test_print_setup__is_made_for_paper(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    for name in ("机构清算", "病组", "隔离"):
        sheet = book[name]
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.page_setup.paperSize == 9
        assert sheet.print_title_rows == "$1:$1"
        assert sheet.freeze_panes
        assert sheet.auto_filter.ref
        assert "&P" in (sheet.oddFooter.right.text or "") or "Page" in str(
            sheet.oddFooter.right.text
        )
    assert book["机构清算"].auto_filter.ref.endswith("9")  # the total is outside
    assert book["机构清算"].column_dimensions["B"].width > 20


def test_list__beyond_the_limit_names_the_file_with_all(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = Book(str(path), title="t", mark="", digest="d", page="p")
    rows = ({"a": str(i), "b": i} for i in range(10))
    fields = [Field("a", "A"), Field("b", "B", "yuan", total=True)]
    book.listing("s", fields, rows, note=lambda n: f"{n} of 10", total="all", limit=4)
    book.close()
    sheet = read(path)["s"]
    assert [c.value for c in sheet["A"]] == ["A", "0", "1", "2", "3", "all", "4 of 10"]
    assert sheet["B6"].value == 0.06


def test_trial__is_marked_on_every_sheet_and_in_every_list(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run", trial=("keep_ratio=0.5",))
    book = openpyxl.load_workbook(write_settlement_excel(folder))
    for sheet in book:
        assert "试算" in (sheet.oddHeader.center.text or ""), sheet.title
    assert book["机构清算"].cell(1, book["机构清算"].max_column).value == "试算"
    assert book["机构清算"].cell(2, book["机构清算"].max_column).value == "keep_ratio=0.5"


def test_workbook__is_the_same_bytes_twice(folder: Path) -> None:
    first = write_settlement_excel(folder).read_bytes()
    assert write_settlement_excel(folder).read_bytes() == first
    assert not list(folder.glob(".settlement*"))


def test_workbook__of_a_run_without_the_new_columns_is_written(tmp_path: Path) -> None:
    book = read(write_settlement_excel(write_run(tmp_path / "run", ex1_manifest())))
    results = [r[4].value for r in book["核对"].iter_rows(min_row=2)]
    assert "不符" not in results[:3]
    at = columns_of(book["机构清算"])
    total = book["机构清算"].cell(8, at["最终支付"])
    assert total.value is None  # a sum would net what some are paid with what others owe
    assert fen(book["机构清算"].cell(8, at["本次支付"]).value) == 2467716
    assert fen(book["机构清算"].cell(8, at["应收回"]).value) == 742278


def test_workbook__without_cases_is_still_written(tmp_path: Path) -> None:
    manifest = ex1_manifest()
    manifest["classes"] = {}
    folder = write_run(tmp_path / "run", manifest)
    for name in ("hospitals", "drgs", "cases"):
        file = folder / f"{name}.parquet"
        pq.write_table(pq.read_table(file).slice(0, 0), file)
    assert "机构清算" in read(write_settlement_excel(folder)).sheetnames


def test_ceiling__is_that_of_the_year_in_words(folder: Path, path: Path) -> None:
    heads, *rows = read(path)["总额控制"].iter_rows(values_only=True)
    assert heads[:2] == ("项目", "金额")
    found = [row[:2] for row in rows]
    assert found[:2] == [("DRG点数付费", 7), ("按项目付费", 3)]
    assert ("合计", 10) in found and ("总额控制目标", 40_000_000) in found
    assert found[-2:] == [("可支付额 − 合计", 39_999_990), ("动用：调剂金", 0)]


def test_ceiling__reserves_inside_the_target_are_taken_off(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run")
    place = folder / "manifest.json"
    manifest = json.loads(place.read_text(encoding="utf-8"))
    manifest["ceiling"] = {
        "control_target_fen": 1000,
        "reserves": [
            {"name": "调剂金", "amount_fen": 100, "drawn_fen": 100, "inside_target": True}
        ],
    }
    place.write_text(json.dumps(manifest), encoding="utf-8")
    sheet = read(write_settlement_excel(folder))["总额控制"]
    found = [row[:2] for row in sheet.iter_rows(min_row=6, values_only=True)]
    assert found == [
        ("减：目标内预留 调剂金", -1), ("可支付额", 9), ("可支付额 − 合计", -1), ("动用：调剂金", 1),
    ]  # fmt: skip


def test_quality__of_all_cases_is_named(path: Path) -> None:
    sheet = read(path)["分组质量"]
    names = [
        row[columns_of(sheet)["主要诊断大类"] - 1] for row in sheet.iter_rows(2, values_only=True)
    ]
    assert "全部" in names and None not in names

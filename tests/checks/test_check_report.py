"""The report of checks: text, JSON, an Excel file read back, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cases.checks.run import CheckSettings
from drgpay.cli.cases_check import check
from drgpay.grouper.check import Checked, check_cases
from drgpay.report.check_excel import COLOURS, cell_of, write_excel
from drgpay.report.check_report import as_json, text_report, write_json
from tests.checks.test_check_cases import GOOD, SETTINGS, checked, table
from tests.command import drgpay

SLIPS: tuple[dict[str, Any], ...] = (
    {},
    {"los_days": 60, "diagnoses": ["J18.9", "E11.900"]},
    {"sex": None},
    {},
)


def report(**options: Any) -> Checked:
    return check_cases(table(*SLIPS), settings=SETTINGS, **options)


def fill(cell: Any) -> str:
    return f"#{cell.fill.fgColor.rgb[2:]}" if cell.fill.fill_type else ""


def test_text__counts_checks_examples_and_nearest_codes() -> None:
    text = text_report(report())
    assert text.startswith("收到 4 例 = 无问题 2 + 有问题 1 + 隔离 1")
    assert "第2行 住院天数：60" in text
    assert "第3行 性别空缺" in text
    assert "相近的编码 J18.900" in text
    assert "3 项检查未做：新生儿入院体重、退费标志" in text


def test_text__in_english() -> None:
    text = text_report(report(lang="en"), "en")
    assert "in 4 = clean 2 + with findings 1 + quarantined 1" in text
    assert "row 2 los_days 60" in text and "nearest codes J18.900" in text


def test_text__nothing_found() -> None:
    assert text_report(checked({})).endswith("没有发现问题")


def test_json__has_everything(tmp_path: Path) -> None:
    done = report()
    write_json(done, tmp_path / "r.json")
    read = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert read == as_json(done)
    assert read["counts"] == {"total": 4, "clean": 2, "with_findings": 1, "quarantined": 1}
    assert read["by_severity"]["fatal"] == 1
    unknown = next(row for row in read["findings"] if row["check"] == "principal_unknown")
    assert unknown["row"] == 2 and unknown["value"] == "J18.9"
    assert unknown["nearest"][0] == "J18.900"
    facts = next(row for row in read["by_check"] if row["check"] == "stay_against_dates")
    assert facts["severity"] == "error" and facts["verified"] is False and facts["source"]
    assert {row["month"] for row in read["profile"]} == {"2024-06"}


def test_excel__marks_the_faulty_cells_and_says_why(tmp_path: Path) -> None:
    done = report(keep_rows=100)
    write_excel(done, tmp_path / "r.xlsx")
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    assert book.sheetnames == ["汇总", "问题清单", "病例", "机构月度"]
    sheet = book["病例"]
    heads = {cell.value: cell.column for cell in sheet[1]}
    rows = {sheet.cell(row, 1).value: row for row in range(2, sheet.max_row + 1)}
    assert list(rows) == [1, 2, 3, 4]
    days = sheet.cell(rows[2], heads["住院天数"])
    assert fill(days) == COLOURS["error"] and days.value == 60
    assert "住院天数与出入院日期不符" in days.comment.text and "核对" in days.comment.text
    codes = sheet.cell(rows[2], heads["诊断编码"])
    assert "J18.900" in codes.comment.text and fill(codes) == COLOURS["error"]
    sex = sheet.cell(rows[3], heads["性别"])
    assert fill(sex) == COLOURS["fatal"] and "隔离" in sex.comment.text
    marked = [cell for row in sheet.iter_rows(min_row=2) for cell in row if cell.comment]
    assert {cell.coordinate for cell in marked} == {
        days.coordinate,
        codes.coordinate,
        sex.coordinate,
    }
    assert not any(fill(cell) for row in (rows[1], rows[4]) for cell in sheet[row])
    assert sheet.cell(rows[1], heads["总费用"]).value == GOOD["total_cost"]


def test_excel__lists_findings_that_lead_to_their_cell(tmp_path: Path) -> None:
    done = report(keep_rows=100)
    write_excel(done, tmp_path / "r.xlsx")
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    sheet = book["问题清单"]
    heads = [cell.value for cell in sheet[1]]
    assert sheet.max_row - 1 == done.found and sheet.auto_filter.ref
    at = next(
        r
        for r in range(2, sheet.max_row + 1)
        if sheet.cell(r, heads.index("检查项") + 1).value == "stay_against_dates"
    )
    target = sheet.cell(at, 1).hyperlink.location
    name, cell = target.split("!")
    assert name.strip("'") == "病例" and book["病例"][cell].value == 60
    assert sheet.cell(at, heads.index("列") + 1).value == "住院天数"
    assert book["机构月度"].cell(2, 1).value == "H1"
    assert book["机构月度"].conditional_formatting
    texts = [str(cell.value) for row in book["汇总"].iter_rows() for cell in row if cell.value]
    assert any("收到 4 例" in text for text in texts)


def test_excel__of_many_rows_shows_those_with_findings(tmp_path: Path) -> None:
    done = report(keep_rows=3)
    assert not done.all_rows_kept
    write_excel(done, tmp_path / "r.xlsx", "en")
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx")["cases"]
    assert [sheet.cell(row, 1).value for row in range(2, sheet.max_row + 1)] == [2, 3]


def test_cell_of__numbered_columns() -> None:
    finding = {"column": "diagnoses", "value": "J18.9", "check": "diagnosis_unknown"}
    columns = ["case_id", "diagnosis_1", "diagnosis_2", "diagnosis_3"]
    row = {"diagnosis_1": "I63.900", "diagnosis_2": None, "diagnosis_3": " J18.9 "}
    assert cell_of(finding, columns, row) == "diagnosis_3"
    assert cell_of({**finding, "value": None}, columns, row) == "diagnosis_1"
    assert cell_of(finding, ["case_id"], row) == "case_id"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    pq.write_table(table(*SLIPS), folder / "cases.parquet")
    pq.write_table(table({}), folder / "good.parquet")
    return folder


def test_command__writes_every_kind_of_report(files: Path, tmp_path: Path) -> None:
    for suffix in ("xlsx", "json", "csv", "parquet"):
        out = tmp_path / f"r.{suffix}"
        done = CliRunner().invoke(check, [str(files / "cases.parquet"), "-o", str(out)])
        assert done.exit_code == 0, done.output
        assert "有问题 1" in done.output and f"报告 {out}" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "r.csv", "r.json", "r.parquet", "r.xlsx",
    ]  # fmt: skip
    assert "住院天数与出入院日期不符" in (tmp_path / "r.csv").read_text(encoding="utf-8")


def test_command__strict_tells_of_fatal_findings(files: Path) -> None:
    good = CliRunner().invoke(check, [str(files / "good.parquet"), "--strict"])
    assert good.exit_code == 0
    done = drgpay("cases", "check", "cases.parquet", "--strict", cwd=files)
    assert done.returncode == 7 and "隔离 1" in done.stdout and not done.stderr


@pytest.mark.parametrize(
    ("out", "text"),
    [
        ("r.pdf", "不能写扩展名为 .pdf 的文件"),
        ("cases.parquet", "结果文件与一个输入文件相同"),
        ("no/r.csv", "没有这个文件夹"),
    ],
)
def test_command__refuses_where_it_cannot_write(files: Path, out: str, text: str) -> None:
    done = drgpay("cases", "check", "cases.parquet", "-o", out, cwd=files)
    assert done.returncode == 5 and text in done.stderr and "Traceback" not in done.stderr
    assert pa.parquet.read_metadata(files / "cases.parquet").num_rows == 4


def test_settings__today_can_be_set() -> None:
    import datetime

    early = CheckSettings(today=datetime.date(2024, 6, 1))
    done = check_cases(table({}), settings=early)
    assert list(done.by_check) == ["discharged_in_the_future"]

"""The template: what it holds, and that filled in it is read without a word more."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner

from drgpay.cases.options import ReadOptions
from drgpay.cases.template import EXAMPLES, fields, write_template
from drgpay.cli.cases import template
from drgpay.ground.errors import InputError
from drgpay.grouper import group
from drgpay.names.columns import CASE_COLUMNS, canonical_name
from tests.readers.reading import read

SHEETS = {"zh": ["填表说明", "病例", "示例"], "en": ["How to fill in", "Cases", "Examples"]}


@pytest.fixture(params=["zh", "en"])
def lang(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path, lang: str) -> Path:
    out = tmp_path / "病例模板.xlsx"
    write_template(out, lang)
    return out


def filled(path: Path, rows: list[dict[str, Any]], sheet: str) -> None:
    book = openpyxl.load_workbook(path)
    cases = book[sheet]
    place = {cell.value: cell.column for cell in cases[1]}
    for number, row in enumerate(rows, 2):
        for header, value in row.items():
            cases.cell(number, place[header], value)
    book.save(path)


def test_template__sheets_headers_and_drop_downs(path: Path, lang: str) -> None:
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == SHEETS[lang]
    assert book.active.title == SHEETS[lang][1]
    sheet = book[SHEETS[lang][1]]
    headers = [cell.value for cell in sheet[1]]
    assert [canonical_name(header) for header in headers] == [f.name for f in fields(lang)]
    assert sheet.freeze_panes == "B2"
    assert all(cell.comment for cell in sheet[1])
    lists = {
        headers[next(iter(rule.sqref.ranges)).min_col - 1]: rule.formula1
        for rule in sheet.data_validations.dataValidation
        if rule.type == "list"
    }
    if lang == "zh":
        assert lists["性别"] == '"男,女"'
        assert lists["支付方式"] == '"按病组,日间手术,按床日"'
        assert lists["离院方式"] == '"1,2,3,4,5,9"'
        assert lists["重症监护"] == '"是,否"'
    else:
        assert lists["sex"] == '"M,F"'
    formats = {
        fields(lang)[place - 1].name: given.number_format
        for given in sheet.column_dimensions.values()
        for place in range(given.min, given.max + 1)
    }
    for name in ("case_id", "hospital_id", "diagnosis_1", "other_procedures"):
        assert formats[name] == "@"


def test_template__says_what_is_required(path: Path, lang: str) -> None:
    sheet = openpyxl.load_workbook(path)[SHEETS[lang][0]]
    rows = {row[1]: row for row in sheet.iter_rows(values_only=True) if row[1]}
    word = {"zh": {"grouping": "分组必填", "settlement": "清算必填"},
            "en": {"grouping": "for grouping", "settlement": "for settlement"}}[lang]  # fmt: skip
    for column in CASE_COLUMNS:
        if column.required_for and column.kind != "codes":
            assert rows[column.name][2] == word[column.required_for]
    assert rows["diagnosis_1"][2] == word["grouping"]


def test_template__empty_is_told_so(path: Path, lang: str) -> None:
    with pytest.raises(InputError, match="there are no cases below the header") as caught:
        read(path)
    assert "第2行起填写病例" in caught.value.text("zh")


def test_template__examples_group(path: Path, lang: str) -> None:
    rows, source = read(path, ReadOptions(sheet=SHEETS[lang][2]), None, "settlement")
    assert len(rows) == len(EXAMPLES)
    assert source.unknown == ()
    book = openpyxl.load_workbook(path)
    for name in SHEETS[lang][:2]:
        del book[name]
    book.worksheets[0].title = "1"
    book.save(path)
    result = group(path, "zj-drg-2022")
    assert result.table["status"].to_pylist() == ["grouped"] * len(EXAMPLES)
    assert len(set(result.table["drg"].to_pylist())) == len(EXAMPLES)


def test_template__filled_in_is_read_without_a_mapping(path: Path, lang: str) -> None:
    chinese = {
        "病例号": "000123456789012345678",
        "医疗机构编码": "H001",
        "险种": "310",
        "性别": "女",
        "年龄": 31,
        "入院日期": dt.date(2024, 3, 1),
        "出院日期": dt.datetime(2024, 3, 6, 10, 30),
        "重症监护": "否",
        "主要诊断编码": "O82.000",
        "其他诊断编码": "O34.201、Z37.000",
        "主要手术操作编码": "74.1x01",
        "总费用": 8650.1,
        "统筹基金支付": "5,900.00",
        "支付方式": "日间手术",
        "31天内再住院计划": "是",
    }
    english = {f.header: f.name for f in fields("zh")}
    case = chinese if lang == "zh" else {english[k]: v for k, v in chinese.items()}
    filled(path, [case], SHEETS[lang][1])
    rows, source = read(path, wanted=None, purpose="settlement")
    ((number, row),) = rows
    assert number == 2
    assert {k: v for k, v in row.items() if v} == {
        "case_id": "000123456789012345678",
        "hospital_id": "H001",
        "pool": "310",
        "sex": "女",
        "age_years": "31",
        "admission_date": "2024-03-01",
        "discharge_date": "2024-03-06",
        "icu": "否",
        "diagnoses": "O82.000|O34.201|Z37.000",
        "procedures": "74.1x01|",
        "total_cost": "8650.1",
        "pool_fund": "5,900.00",
        "payment_mode": "day_surgery",
        "planned_readmission": "是",
    }
    assert source.unknown == ()
    assert group(path, "zj-drg-2022").table["drg"].to_pylist() == ["OB13"]


def test_command__writes_the_template_and_never_over_a_file(tmp_path: Path) -> None:
    out = tmp_path / "a.xlsx"
    done = CliRunner().invoke(template, ["-o", str(out)])
    assert done.exit_code == 0
    before = out.read_bytes()
    again = CliRunner().invoke(template, ["-o", str(out)])
    assert isinstance(again.exception, InputError)
    assert "not overwritten" in str(again.exception)
    assert out.read_bytes() == before
    for name, message in (("a.csv", "end the name with .xlsx"), ("no/a.xlsx", "no such folder")):
        with pytest.raises(InputError, match=message):
            write_template(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["a.xlsx"]

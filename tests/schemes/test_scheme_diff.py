"""What differs between two schemes: each kind of change, as text, Excel and page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from drgpay.cli import scheme as command
from drgpay.ground.errors import in_language
from drgpay.report.scheme_diff import diff_lines, write_diff_excel, write_diff_page
from drgpay.schemes.diff import SchemeDiff, diff_schemes
from drgpay.schemes.load import load_scheme

TINY = Path(__file__).parent / "testland-tiny"

EDITS = [
    ("mdc.csv", "6,MDCN,", "7,MDCN,"),
    ("mdc.csv", "7,MDCE,呼吸系统（虚构）", "6,MDCE,呼吸（虚构）"),
    ("adrg.csv", "MDCM,2,MR1,medical,principal in dx and any_procedure not in valid_procedures,男性生殖疾病\n", ""),
    ("adrg.csv", "MDCE,1,EB1", "MDCF,9,FQ1,medical,principal in dx,新的组\nMDCE,1,EB1"),
    ("adrg.csv", "支架置入", "冠脉支架置入"),
    ("adrg.csv", "MDCE,4,ES1,medical,principal in dx,", "MDCE,4,ES1,medical,principal in dx and not icu,"),
    ("drg.csv", "MR1,1,MR19,True,男性生殖疾病\n", ""),
    ("drg.csv", "ES1,4,ES13,mcc or cc,肺部感染，伴一般并发症或合并症\n", "FQ1,1,FQ19,True,新的组\n"),
    ("drg.csv", "EZ1,1,EZ11,", "EZ1,1,EZ15,"),
    ("lists.csv", "EZ1,dx,J43.900\n", "EZ1,dx,J96.100\nFQ1,dx,I47.100\n"),
    ("severity.csv", "D64.100,CC,5", "D64.100,MCC,5"),
    ("severity.csv", "E11.100,CC,4\n", ""),
    ("severity.csv", "I21.100,MCC,3", "I21.100,CC,3\nI47.100,CC,3"),
    ("exclusions.csv", "3,I25.100\n", ""),
    ("exclusions.csv", "5,D64.100", "5,C80.x00"),
    ("valid_procedures.csv", "86.0400\n", ""),
]  # fmt: skip


@pytest.fixture
def diff(tmp_path: Path) -> SchemeDiff:
    path = tmp_path / "changed"
    shutil.copytree(TINY, path)
    for file, old, new in EDITS:
        text = (path / file).read_text(encoding="utf-8")
        assert old in text, old
        (path / file).write_text(text.replace(old, new), encoding="utf-8")
    return diff_schemes(load_scheme(TINY), load_scheme(path, check=False))


def rows(diff: SchemeDiff, key: str) -> list[tuple[str, ...]]:
    return [tuple(in_language(v, "zh") for v in row) for row in diff.section(key).rows]


def test_diff__names_changes_of_mdcs(diff: SchemeDiff) -> None:
    assert rows(diff, "mdc") == [
        ("改名", "MDCE", "呼吸（虚构）", "呼吸系统（虚构）", "呼吸（虚构）"),
        ("顺序改变", "MDCN", "女性生殖（虚构）", "MDCM之后", "MDCE之后"),
    ]


def test_diff__names_changes_of_adrgs(diff: SchemeDiff) -> None:
    found = rows(diff, "adrg")
    assert [(r[0], r[1]) for r in found] == [
        ("规则改变", "ES1"),
        ("改名", "FM1"),
        ("新增", "FQ1"),
        ("删除", "MR1"),
    ]
    assert found[0][3:] == ("主要诊断在列表dx中", "主要诊断在列表dx中，且 不入住重症监护")


def test_diff__names_changes_of_drgs_and_tells_a_new_code_of_the_same_name(
    diff: SchemeDiff,
) -> None:
    found = rows(diff, "drg")
    assert [(r[0], r[1]) for r in found] == [
        ("删除", "ES13"), ("删除", "EZ11"), ("新增", "EZ15"), ("新增", "FQ19"), ("删除", "MR19"),
    ]  # fmt: skip
    assert found[1][4] == "同名组：EZ15" and found[2][3] == "同名组：EZ11"
    assert [r[1] for r in rows(diff, "split")] == ["ES1", "EZ1"]


def test_diff__names_codes_severity_exclusions_and_valid_procedures(diff: SchemeDiff) -> None:
    assert [r[:2] + r[3:5] for r in rows(diff, "list_codes")] == [
        ("新增", "EZ1", "dx", "J96.100"),
        ("删除", "EZ1", "dx", "J43.900"),
        ("新增", "FQ1", "dx", "I47.100"),
    ]
    assert [(r[0], r[1]) for r in rows(diff, "severity")] == [
        ("等级上升", "D64.100"),
        ("不再列入", "E11.100"),
        ("等级下降", "I21.100"),
        ("新列入", "I47.100"),
    ]
    assert [(r[0], r[1], r[3]) for r in rows(diff, "excluded")] == [
        ("删除", "3", "I25.100"),
        ("新增", "5", "C80.x00"),
        ("删除", "5", "D64.100"),
    ]
    assert [r[:2] for r in rows(diff, "valid")] == [("删除", "86.0400")]
    assert rows(diff, "diagnoses") == []


def test_diff__of_exclusion_lists_goes_by_contents_not_by_number(tmp_path: Path) -> None:
    path = tmp_path / "renumbered"
    shutil.copytree(TINY, path)
    for file, column in (("severity.csv", 2), ("exclusions.csv", 0)):
        lines = (path / file).read_text(encoding="utf-8").splitlines()
        cells = [line.split(",") for line in lines]
        for row in cells[1:]:
            row[column] = f"9{row[column]}"
        (path / file).write_text("\n".join(",".join(row) for row in cells) + "\n", encoding="utf-8")
    diff = diff_schemes(load_scheme(TINY), load_scheme(path, check=False))
    assert diff.empty


def test_diff__of_a_scheme_with_itself_is_empty() -> None:
    diff = diff_schemes(load_scheme(TINY), load_scheme(TINY))
    assert diff.empty
    assert "两个方案没有差别" in "\n".join(diff_lines(diff))


def test_diff_lines__give_counts_first_and_are_bounded(diff: SchemeDiff) -> None:
    lines = list(diff_lines(diff, "zh", 2))
    assert "  ADRG：规则改变 1，改名 1，新增 1，删除 1" in lines
    assert "  … 及其余 2 项" in lines
    assert lines.index("差别：") < lines.index("== ADRG ==")
    english = "\n".join(diff_lines(diff, "en"))
    assert "rule changed" in english and "not intensive care" in english


def test_excel__has_counts_then_a_sheet_for_each_kind(diff: SchemeDiff, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write_diff_excel(diff, tmp_path / "d.xlsx"))
    assert book.sheetnames[:2] == ["合计", "差别数目"]
    assert {"MDC", "ADRG", "DRG", "列表中的编码", "MCC与CC"} <= set(book.sheetnames)
    sheet = book["MCC与CC"]
    assert [cell.value for cell in sheet[1]] == ["变化", "代码", "名称", "前", "后"]
    assert sheet.max_row == 5 and sheet["B2"].value == "D64.100"
    counts = {(row[0].value, row[1].value): row[2].value for row in book["差别数目"].iter_rows(2)}
    assert counts[("MCC与CC", "等级上升")] == 1


def test_page__stands_alone_and_names_every_change(diff: SchemeDiff, tmp_path: Path) -> None:
    for lang in ("zh", "en"):
        text = write_diff_page(diff, tmp_path / f"{lang}.html", lang).read_text(encoding="utf-8")
        assert not re.search(r'(?:src|href)="(?!#)', text)
        for code in ("FQ1", "MR1", "J43.900", "D64.100", "86.0400"):
            assert code in text
        assert text.count("<table") == text.count("</table>")


def test_command__prints_writes_and_refuses(tmp_path: Path) -> None:
    def run(*words: str) -> object:
        return CliRunner().invoke(command.scheme, ["diff", *words])

    shown = run(str(TINY), "chs-drg-1.1")
    assert shown.exit_code == 0 and "… 及其余" in shown.output  # type: ignore[attr-defined]
    out = tmp_path / "d.html"
    done = run("zj-drg-2022", "chongqing-drg-2022", "-o", str(out))
    assert done.exit_code == 0 and out.exists()  # type: ignore[attr-defined]
    assert run(str(TINY), str(TINY), "-o", str(tmp_path / "d.pdf")).exit_code != 0  # type: ignore[attr-defined]

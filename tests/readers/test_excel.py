"""Workbooks as they come: sheets, titles, kinds of cells, and what must not be opened."""

from __future__ import annotations

import datetime as dt
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from drgpay.cases import excel_safety
from drgpay.cases.options import ReadOptions
from drgpay.cases.sources import open_source
from drgpay.ground.errors import InputError
from drgpay.grouper import group, group_file
from drgpay.names.columns import GROUPING_COLUMNS
from tests.readers.reading import ids, read

HEADER = ["病例号", "性别", "年龄", "诊断编码", "总费用（元）", "入院日期"]
CASE = ["C1", "男", 61, "I63.900", 8123.45, "2024-03-01"]
WANTED = (*GROUPING_COLUMNS, "total_cost", "admission_date", "hospital_id", "planned_readmission")
Fill = Callable[[Any, Any], None]


def workbook(path: Path, *sheets: tuple[str, Fill], **options: Any) -> Path:
    with xlsxwriter.Workbook(path, options) as book:
        for name, fill in sheets:
            fill(book, book.add_worksheet(name))
    return path


def cases(*rows: list[Any], header: list[Any] = HEADER, top: int = 0) -> Fill:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(top, 0, header)
        for number, row in enumerate(rows, top + 1):
            sheet.write_row(number, 0, row)

    return fill


def one(tmp_path: Path, fill: Fill, **options: Any) -> Path:
    return workbook(tmp_path / "cases.xlsx", ("病例", fill), **options)


def told(path: Path, **options: Any) -> tuple[list[dict[str, Any]], Any]:
    rows, source = read(path, ReadOptions(**options), WANTED)
    return [row | {"row": number} for number, row in rows], source


# --- sheets, titles, rows


def test_rows__are_numbered_as_the_sheet_does(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.merge_range(0, 0, 0, 5, "某医院2024年出院病例")
        sheet.write(1, 0, "制表：信息科")
        cases(CASE, [], ["  "], ["C2", *CASE[1:]], [], ["合计", "", "", "", 16246.9], top=3)(
            book, sheet
        )

    path = one(tmp_path, fill)
    rows, _ = told(path)
    assert [(row["row"], row["case_id"]) for row in rows] == [(5, "C1"), (8, "C2"), (10, "合计")]
    piece = next(iter(open_source(path, WANTED).pieces))
    assert (piece.file, piece.first_row) == ("cases.xlsx[病例]", 5)
    result = group(path, "zj-drg-2022")
    assert result.counts.total == 3
    (note,) = result.quarantine.to_pylist()
    assert (note["file"], note["row"], note["case_id"]) == ("cases.xlsx[病例]", 10, "合计")


def test_rows__a_table_that_does_not_begin_in_the_first_column(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(4, 3, HEADER)
        sheet.write_row(5, 3, CASE)
        sheet.write_formula(6, 3, "=NA()", None, "#N/A")
        sheet.write_row(6, 4, CASE[1:])

    rows, _ = told(one(tmp_path, fill))
    assert [(row["row"], row["case_id"]) for row in rows] == [(6, "C1"), (7, "#N/A")]


def test_sheets__all_that_hold_cases_are_read_others_named(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "cases.xlsx",
        ("说明", lambda book, sheet: sheet.write(0, 0, "请填写病例")),
        ("一月", cases(CASE)),
        ("空", lambda book, sheet: None),
        ("二月", cases(["C2", *CASE[1:]], top=2)),
        ("示例", cases(["C9", *CASE[1:]])),
        ("隐藏", lambda book, sheet: (cases(["C8", *CASE[1:]])(book, sheet), sheet.hide())),
    )
    source = open_source(path, WANTED)
    assert [(p.file, p.first_row) for p in source.pieces] == [
        ("cases.xlsx[一月]", 2),
        ("cases.xlsx[二月]", 4),
    ]
    notes = [note.chinese for note in source.notes]
    assert [name for name in ("说明", "示例", "隐藏") if not any(name in n for n in notes)] == []
    assert len(notes) == 3
    for name, case in (("二月", "C2"), ("示例", "C9"), ("隐藏", "C8")):
        rows, _ = told(path, sheet=name)
        assert [row["case_id"] for row in rows] == [case]
    with pytest.raises(InputError, match="there is no sheet '三月'") as caught:
        told(path, sheet="三月")
    assert "说明, 一月, 空, 二月, 示例, 隐藏" in str(caught.value)


def test_sheets__without_cases(tmp_path: Path) -> None:
    path = one(tmp_path, cases())
    with pytest.raises(InputError, match="there are no cases below the header"):
        read(path)
    with pytest.raises(InputError, match="the workbook is empty"):
        read(one(tmp_path, lambda book, sheet: None))
    with pytest.raises(InputError, match="missing columns: age_years, diagnoses"):
        read(one(tmp_path, cases(["a", "男"], header=["病例号", "性别"])))
    path = workbook(
        tmp_path / "two.xlsx",
        ("甲", cases(["x"], header=["a"])),
        ("乙", cases(["x"], header=["b"])),
    )
    with pytest.raises(InputError, match="no sheet has a header of cases") as caught:
        read(path)
    assert "甲, 乙" in str(caught.value)


def test_folder__lock_files_are_left_alone(tmp_path: Path) -> None:
    one(tmp_path, cases(CASE))
    (tmp_path / "~$cases.xlsx").write_bytes(b"x")
    assert ids(read(tmp_path)[0]) == [(2, "C1")]


# --- cells


def test_cells__numbers_texts_and_truths(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, [*HEADER, "医疗机构编码", "31天内再住院计划"])
        sheet.write_row(1, 0, [1001, "男", "61", "I63.900", "1,234.50", "2024-03-01", 33010, True])
        sheet.write_row(2, 0, ["0012", 2, 61.0, " I63.900 ", 0.1 + 0.2, "2024/3/1", "H 1", False])
        sheet.write_row(3, 0, ["  C 3 ", "女", 61, "I63.900", 1e9, "2024年3月1日", 1.5, "否"])

    rows, _ = told(one(tmp_path, fill))
    assert [row["case_id"] for row in rows] == ["1001", "0012", "  C 3 "]
    assert [row["sex"] for row in rows] == ["男", "2", "女"]
    assert [row["age_years"] for row in rows] == ["61"] * 3
    assert [row["total_cost"] for row in rows] == ["1,234.50", "0.3", "1000000000"]
    assert [row["hospital_id"] for row in rows] == ["33010", "H 1", "1.5"]
    assert [row["planned_readmission"] for row in rows] == ["TRUE", "FALSE", "否"]
    assert group(tmp_path / "cases.xlsx", "zj-drg-2022").counts.grouped == 3


@pytest.mark.parametrize("system", [False, True])
def test_cells__dates_of_both_systems(tmp_path: Path, system: bool) -> None:
    serial = 45352 - (1462 if system else 0)

    def fill(book: Any, sheet: Any) -> None:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        late = book.add_format({"num_format": "yyyy/m/d h:mm"})
        sheet.write_row(0, 0, HEADER)
        given = [(dt.datetime(2024, 3, 1), day), (dt.datetime(2024, 3, 1, 23, 59), late)]
        for row, (value, form) in enumerate(given, 1):
            sheet.write_row(row, 0, CASE[:5])
            sheet.write_datetime(row, 5, value, form)
        for row, value in enumerate((serial, serial + 0.99, 20240301, "2024-03-01"), 3):
            sheet.write_row(row, 0, [*CASE[:5], value])

    rows, _ = told(one(tmp_path, fill, date_1904=system))
    days = [row["admission_date"] for row in rows]
    assert days[:4] == ["2024-03-01"] * 4
    assert days[4:] == ["20240301", "2024-03-01"]


def test_cells__ids_that_lost_digits_are_quarantined(tmp_path: Path) -> None:
    path = one(tmp_path, cases(CASE, [123456789012345678, *CASE[1:]], [10**14, *CASE[1:]]))
    rows, source = told(path)
    assert [row["row"] for row in rows] == [2, 4]
    ((file, number, note),) = source.broken
    assert (Path(file).name, number) == ("cases.xlsx[病例]", 3)
    assert (note.reason, note.column) == ("stored_as_number", "case_id")


def test_cells__codes_stored_as_numbers_are_restored_or_quarantined(tmp_path: Path) -> None:
    header = [*HEADER, "手术操作编码"]
    path = one(tmp_path, cases([*CASE, "51.2300"], [*CASE, 51.23], [*CASE, 99.9], header=header))
    done = group_file(path, tmp_path / "out.csv", "zj-drg-2022")
    assert (done.counts.total, done.counts.quarantined) == (3, 1)
    text = (tmp_path / "out.csv.quarantine.csv").read_text(encoding="utf-8")
    assert "cases.xlsx[病例]" in text and "被存为数字" in text and "99.9" in text
    changed = (tmp_path / "out.csv.changes.csv").read_text(encoding="utf-8")
    assert '"procedure","number_restored","51.23","51.2300",1' in changed


def test_cells__errors_are_seen_not_blank(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, [*HEADER, "住院天数"])
        for row, text in enumerate(("#N/A", "#DIV/0!", "#REF!"), 1):
            sheet.write_row(row, 0, CASE)
            sheet.write_formula(row, 6, "=1/0", None, text)

    path = one(tmp_path, fill)
    assert [row["los_days"] for row in told(path)[0]] == ["#N/A", "#DIV/0!", "#REF!"]
    result = group(path, "zj-drg-2022")
    assert [(n["column"], n["value"]) for n in result.quarantine.to_pylist()] == [
        ("los_days", "#N/A"),
        ("los_days", "#DIV/0!"),
        ("los_days", "#REF!"),
    ]


def test_cells__formulas_count_by_their_stored_value(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, CASE)
        sheet.write_formula(1, 2, "=60+1", None, 61)
        sheet.write_formula(1, 3, '="I63"&".900"', None, "I63.900")

    rows, source = told(one(tmp_path, fill))
    assert (rows[0]["age_years"], rows[0]["diagnoses"]) == ("61", "I63.900")
    assert source.notes == []


def test_cells__formulas_that_were_never_calculated_are_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    book.active.append([*CASE[:4], "=8000+123.45", CASE[5]])
    book.save(tmp_path / "cases.xlsx")
    rows, source = told(tmp_path / "cases.xlsx")
    assert rows[0]["total_cost"] == ""
    (note,) = source.notes
    assert "1 formulas were never calculated" in note and "E2" in note
    assert "公式" in note.chinese


def test_cells__times_and_durations_are_no_dates(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, CASE[:5])
        sheet.write_datetime(1, 5, dt.time(8, 30), book.add_format({"num_format": "hh:mm"}))

    assert told(one(tmp_path, fill))[0][0]["admission_date"] == "08:30:00"


# --- other kinds of workbooks


def test_kinds__a_workbook_under_another_ending(tmp_path: Path) -> None:
    path = one(tmp_path, cases(CASE))
    for name in ("a.xls", "a.xlsm", "a.xlsb"):
        shutil.copy(path, tmp_path / name)
        rows, _ = told(tmp_path / name)
        assert [row["case_id"] for row in rows] == ["C1"]


def test_kinds__opendocument(tmp_path: Path) -> None:
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
        '<office:spreadsheet><table:table table:name="病例">'
        + "".join(
            "<table:table-row>"
            + "".join(
                f'<table:table-cell office:value-type="string"><text:p>{v}</text:p></table:table-cell>'
                for v in row
            )
            + "</table:table-row>"
            for row in (HEADER, CASE)
        )
        + "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?><manifest:manifest '
            'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    rows, _ = told(tmp_path / "a.ods")
    assert (rows[0]["case_id"], rows[0]["row"]) == ("C1", 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html><table><tr><td>1</td></tr></table></html>", "a web page or XML"),
        ("病例号\t性别\n1\t男\n".encode("gbk"), "not a workbook"),
        (b"", "not a workbook"),
        (b"PK\x03\x04 not a zip", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "cannot be read"),
    ],
)
def test_kinds__what_is_no_workbook(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "cases.xls").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "cases.xls")


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.99])
def test_kinds__a_workbook_cut_short(tmp_path: Path, keep: float) -> None:
    path = one(tmp_path, cases(CASE))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(InputError, match="cannot be read"):
        read(path)


# --- what must not be opened


def changed(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of a workbook with one part changed, or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if info.filename == part else data)
        if part not in old.namelist():
            new.writestr(part, change(b""))
    path.write_bytes(out.getvalue())
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_safety__document_types_and_entities(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>'

    def inject(data: bytes) -> bytes:
        head, end, rest = data.partition(b"?>")
        return head + end + bomb + rest

    for part in (SHEET, "xl/workbook.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels"):
        path = changed(one(tmp_path, cases(CASE)), part, inject)
        with pytest.raises(InputError, match="declares a document type or entities"):
            read(path)


def test_safety__a_document_type_across_two_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = changed(
        one(tmp_path, cases(CASE)), SHEET, lambda d: d.replace(b"?>", b"?><!DOCTYPE x>", 1)
    )
    for size in (7, 20, 58, 61):
        monkeypatch.setattr(excel_safety, "CHUNK", size)
        with pytest.raises(InputError, match="declares a document type"):
            read(path)


def test_safety__parts_in_another_encoding(tmp_path: Path) -> None:
    path = changed(one(tmp_path, cases(CASE)), SHEET, lambda d: d.decode().encode("utf-16"))
    with pytest.raises(InputError, match="is not UTF-8"):
        read(path)


def test_safety__zip_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(one(tmp_path, cases(CASE)), "xl/media/a.bin", lambda d: bytes(11 << 20))
    with pytest.raises(InputError, match="unpacks to too much, or at too high a ratio"):
        read(path)
    path = one(tmp_path, cases(CASE))
    monkeypatch.setattr(excel_safety, "MAX_UNPACKED", 1000)
    with pytest.raises(InputError, match="unpacks to too much"):
        read(path)


def test_safety__sheets_that_span_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def far(data: bytes) -> bytes:
        return data.replace(
            b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
        )

    with pytest.raises(InputError, match="the sheets are too large"):
        read(changed(one(tmp_path, cases(CASE)), SHEET, far))
    with pytest.raises(InputError, match="the sheets are too large"):
        read(changed(one(tmp_path, cases(CASE)), SHEET, lambda d: d.replace(b'"F2"', b'"XFE2"')))
    monkeypatch.setattr(excel_safety, "MAX_CELLS", 50)
    with pytest.raises(InputError, match="the sheets are too large"):
        read(one(tmp_path, cases(CASE, CASE)))


def test_safety__parts_that_stand_twice(tmp_path: Path) -> None:
    path = one(tmp_path, cases(CASE))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(SHEET, b"<worksheet/>")
    with pytest.raises(InputError, match="damaged"):
        read(path)


def test_safety__encryption_is_named(tmp_path: Path) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    (tmp_path / "cases.xlsx").write_bytes(data)
    with pytest.raises(InputError, match="protected by a password"):
        read(tmp_path / "cases.xlsx")


def test_scan__finds_marks_however_the_sheet_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, HEADER)
        for row in range(1, 40):
            sheet.write_row(row, 0, CASE)
            if row % 7 == 0:
                sheet.write_formula(row, 4, "=1/0", None, "#DIV/0!")

    path = one(tmp_path, fill)
    expected = {row: {4: "#DIV/0!"} for row in range(7, 40, 7)}
    for size in (50, 333, 1000, 8 << 20):
        monkeypatch.setattr(excel_safety, "CHUNK", size)
        assert excel_safety.inspect(path).marks["病例"].errors == expected


def test_scan__tags_with_a_prefix(tmp_path: Path) -> None:
    def prefixed(data: bytes) -> bytes:
        for tag in (b"row", b"c", b"v", b"f", b"is", b"t", b"sheetData", b"worksheet"):
            for end in (b" ", b">", b"/>"):
                data = data.replace(b"<" + tag + end, b"<x:" + tag + end)
            data = data.replace(b"</" + tag + b">", b"</x:" + tag + b">")
        return data.replace(b"xmlns=", b"xmlns:x=", 1)

    def fill(book: Any, sheet: Any) -> None:
        cases(CASE)(book, sheet)
        sheet.write_formula(1, 4, "=1/0", None, "#DIV/0!")

    path = changed(one(tmp_path, fill), SHEET, prefixed)
    assert excel_safety.inspect(path).marks["病例"].errors == {1: {4: "#DIV/0!"}}

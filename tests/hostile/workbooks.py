"""Excel workbooks: bombs, broken parts, formulas, errors, dates of both systems."""

from __future__ import annotations

import csv
import datetime as dt
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import xlsxwriter

from tests.hostile.model import DRGS, HEADERS, ROWS, Kind, Read, Refused, csv_text, raw
from tests.hostile.region_folders import edit, region

BOOK = ("cases.xlsx",)
YEAR = ("region",)
IDS = {"case_id": ("A1", "A2", "A3")}
GIGABYTE = 1 << 30
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY a0 "haha">'
    + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    + ']><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&a11;</t></si></sst>'
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&x;</t></si></sst>'
)


def grid(rows: Sequence[Mapping[str, Any]] = ROWS) -> list[list[Any]]:
    """Return header and rows as cells."""
    return [list(HEADERS), *([row[name] for name in HEADERS] for row in rows)]


def cells(column: str, value: Any, row: int = 1) -> list[list[Any]]:
    """Return the cells of the three cases with one of them of another type."""
    made = grid()
    made[row + 1][HEADERS.index(column)] = value
    return made


def book(
    table: list[list[Any]] | None = None,
    options: Mapping[str, Any] | None = None,
    change: Callable[[xlsxwriter.Workbook, Any], object] | None = None,
    name: str = "cases.xlsx",
) -> Callable[[Path], None]:
    """Return a maker of a workbook: texts as texts, numbers as numbers, dates as dates."""

    def make(folder: Path) -> None:
        workbook = xlsxwriter.Workbook(
            str(folder / name), {"default_date_format": "yyyy-mm-dd", **(options or {})}
        )
        sheet = workbook.add_worksheet("cases")
        for i, row in enumerate(grid() if table is None else table):
            for j, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(i, j, cell)
                elif callable(cell):
                    cell(sheet, i, j)
                elif cell is not None:
                    sheet.write(i, j, cell)
        if change is not None:
            change(workbook, sheet)
        workbook.close()

    return make


def parts(change: Callable[[dict[str, bytes]], object]) -> Callable[[Path], None]:
    """Return a maker of a workbook with its parts changed."""

    def make(folder: Path) -> None:
        book()(folder)
        path = folder / "cases.xlsx"
        with zipfile.ZipFile(path) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        change(found)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in found.items():
                archive.writestr(name, content)

    return make


def part(name: str, content: str | bytes) -> Callable[[Path], None]:
    """Return a maker of a workbook with one part of other content."""
    data = content.encode() if isinstance(content, str) else content
    return parts(lambda found: found.update({name: data}))


def in_sheet(old: str, new: str) -> Callable[[Path], None]:
    """Return a maker of a workbook with a text of its sheet replaced."""

    def change(found: dict[str, bytes]) -> None:
        sheet = found["xl/worksheets/sheet1.xml"].decode()
        if old not in sheet:
            raise AssertionError(old)
        found["xl/worksheets/sheet1.xml"] = sheet.replace(old, new, 1).encode()

    return parts(change)


def _sheet_rows(rows: int, text: str) -> Callable[[Path], None]:
    """Return a maker of a workbook whose rows all name the same texts, one of them long."""

    def change(found: dict[str, bytes]) -> None:
        sheet = found["xl/worksheets/sheet1.xml"].decode()
        head, _, rest = sheet.partition('<row r="2"')
        row, _, rest = rest.partition("</row>")
        _, _, end = rest.partition("</sheetData>")
        many = "".join(
            f'<row r="{n}"' + re.sub('r="([A-Z])2"', rf'r="\g<1>{n}"', row) + "</row>"
            for n in range(2, rows + 2)
        )
        found["xl/worksheets/sheet1.xml"] = f"{head}{many}</sheetData>{end}".encode()
        texts = found["xl/sharedStrings.xml"].decode()
        found["xl/sharedStrings.xml"] = texts.replace("K25.900", text, 1).encode()

    return parts(change)


def zip_bomb(path: Path, member: str) -> None:
    """Write a zip with one member that unpacks to a gigabyte of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    data = block * (GIGABYTE >> 20) + packer.flush()
    name = member.encode()
    common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(data), GIGABYTE, len(name), 0)
    local = b"PK\x03\x04" + common + name
    central = b"PK\x01\x02\x14\x00" + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack(
        "<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(data), 0
    )
    path.write_bytes(local + data + central + end)


def _bomb_in_book(folder: Path) -> None:
    zip_bomb(folder / "cases.xlsx", "xl/worksheets/sheet1.xml")


def _hidden(workbook: Any, sheet: Any) -> None:
    hidden = workbook.add_worksheet("旧数据")
    for i, row in enumerate(grid()):
        hidden.write_row(i, 0, row)
    hidden.hide()


def _second_sheet(workbook: Any, sheet: Any) -> None:
    second = workbook.add_worksheet("二月")
    for i, row in enumerate(grid()):
        for j, cell in enumerate(row):
            second.write_string(i, j, cell)


def _chart_sheet(workbook: Any, sheet: Any) -> None:
    chart = workbook.add_chart({"type": "column"})
    chart.add_series({"values": "=cases!$E$2:$E$4"})
    workbook.add_chartsheet("图").set_chart(chart)


def _only_charts(folder: Path) -> None:
    workbook = xlsxwriter.Workbook(str(folder / "cases.xlsx"))
    workbook.add_worksheet("空").hide()
    chart = workbook.add_chart({"type": "column"})
    chart.add_series({"values": "=空!$A$1:$A$2"})
    shown = workbook.add_chartsheet("图")
    shown.set_chart(chart)
    shown.activate()
    workbook.close()


def _merged(workbook: Any, sheet: Any) -> None:
    sheet.merge_range(2, 0, 3, 0, "A2")


def _titles(folder: Path) -> None:
    book([["某市结算明细"], [], ["制表：某"], [], *grid()])(folder)


def _16000_columns(folder: Path) -> None:
    book(
        [
            row + [f"x{j}" if i == 0 else "1" for j in range(16_000 - len(row))]
            for i, row in enumerate(grid())
        ]
    )(folder)


def _formula(value: Any) -> Callable[[Any, int, int], None]:
    return lambda sheet, i, j: sheet.write_formula(i, j, "=60+1", None, value)


def _never_calculated(folder: Path) -> None:
    workbook = openpyxl.Workbook()
    for row in cells("age_years", "=15+1"):
        workbook.active.append(row)
    workbook.save(folder / "cases.xlsx")


def _year_book(column: str, value: Any, date_1904: bool = False) -> Callable[[Path], None]:
    """Return a maker of EX1 whose cases are a workbook, a cell of case C04 of another type."""

    def make(folder: Path) -> None:
        path = region(folder)
        with (path / "cases.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        cell = next(row for row in rows if row[0] == "C04")
        cell[rows[0].index(column)] = value
        book(rows, {"date_1904": date_1904})(path)
        (path / "cases.csv").unlink()
        edit(path / "region.toml", "cases.csv", "cases.xlsx")

    return make


def _serial(
    name: str, zh: str, en: str, value: Any, reason: str | None, date_1904: bool = False
) -> Kind:
    outcome = Read(
        12,
        None,
        {} if reason is None else {reason: 1},
        {} if reason else {"settlement_date": ("2024-03-14",)},
    )
    return Kind(
        name,
        zh,
        en,
        _year_book("settlement_date", value, date_1904),
        outcome,
        YEAR,
        area="year",
        issue=True,
    )


def _elsewhere(found: dict[str, bytes]) -> None:
    """Move the sheet out of its usual folder, with a cell in the last corner."""
    sheet = found.pop("xl/worksheets/sheet1.xml")
    found["xl/pages/cases.xml"] = sheet.replace(b"</sheetData>", CORNER.encode())
    links = found["xl/_rels/workbook.xml.rels"]
    found["xl/_rels/workbook.xml.rels"] = links.replace(b"worksheets/sheet1", b"pages/cases")


def _four_names(found: dict[str, bytes]) -> None:
    """Name one sheet of 23 million cells four times."""
    far = b'<row r="900000"><c r="Z900000"><v>1</v></c></row></sheetData>'
    part = "xl/worksheets/sheet1.xml"
    found[part] = found[part].replace(b"</sheetData>", far)
    names = "".join(f'<sheet name="s{i}" sheetId="{i}" r:id="rId1"/>' for i in range(2, 5))
    book_xml = found["xl/workbook.xml"]
    found["xl/workbook.xml"] = book_xml.replace(b"</sheets>", f"{names}</sheets>".encode())


def _record(kind: int, content: bytes = b"") -> bytes:
    """Return a record of a binary workbook."""
    number = bytes([kind]) if kind < 128 else bytes([kind & 0xFF, kind >> 8])
    size = bytes([len(content) & 127 | 128, len(content) >> 7])
    return number + size + content


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def binary_book(rows: Sequence[Sequence[str]], far: bool) -> Callable[[Path], None]:
    """Return a maker of an .xlsb, on wish with a cell in the last corner."""
    cells = [(i, j, text) for i, row in enumerate(rows) for j, text in enumerate(row)]
    cells += [(1_048_575, 16_383, "1")] * far
    sheet = _record(0x0181) + _record(0x0194, struct.pack("<4I", 0, len(rows) - 1, 0, 10))
    sheet += _record(0x0191)
    last = -1
    for i, j, text in cells:
        if i != last:
            sheet += _record(0, struct.pack("<II", i, 0) + bytes(9))
            last = i
        sheet += _record(6, struct.pack("<II", j, 0) + _wide(text))
    sheet += _record(0x0192) + _record(0x0182)
    bundle = struct.pack("<II", 0, 1) + _wide("rId1") + _wide("cases")
    named = _record(0x0183) + _record(0x018F) + _record(0x019C, bundle) + _record(0x0190)
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = "http://schemas.openxmlformats.org/package/2006/relationships"

    def make(folder: Path) -> None:
        with zipfile.ZipFile(folder / "cases.xlsb", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.bin", named + _record(0x0184))
            archive.writestr("xl/worksheets/sheet1.bin", sheet)
            archive.writestr(
                "xl/_rels/workbook.bin.rels",
                f'<Relationships xmlns="{links}"><Relationship Id="rId1" '
                f'Type="{kinds}/worksheet" Target="worksheets/sheet1.bin"/></Relationships>',
            )

    return make


CORNER = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
TOO_MUCH = Refused("内存或时间超过上限", "more memory or time")
DAY = dt.date(2024, 3, 14)
DATES = {"admission_date": (19783, 19784, 19785)}
DATED = [
    list(HEADERS),
    *(
        [dt.date(2024, 3, 1 + i) if n == "admission_date" else row[n] for n in HEADERS]
        for i, row in enumerate(ROWS)
    ),
]
REFUSED = Refused("读不出来", "cannot be read")

KINDS = [
    Kind("xlsx-zip-bomb", "解压后1 GB的.xlsx（zip炸弹）", "an .xlsx that unpacks to 1 GB (a zip bomb)", _bomb_in_book,
         Refused("解压后过大或压缩比异常", "unpacks to too much"), BOOK, alone=True, issue=True),
    Kind("xlsx-billion-laughs", "Excel中的XML炸弹（实体膨胀）", "an XML bomb in Excel (billion laughs)", part("xl/sharedStrings.xml", LAUGHS),
         Refused("DOCTYPE", "a document type"), BOOK, alone=True, issue=True),
    Kind("xlsx-bomb-in-sheet", "工作表里的XML炸弹", "an XML bomb in the sheet itself",
         parts(lambda found: found.update({"xl/worksheets/sheet1.xml": LAUGHS.encode() + b"<!-- -->"})), Refused("DOCTYPE", "a document type"), BOOK, alone=True, issue=True),
    Kind("xlsx-external-entity", "Excel中的外部实体", "an external entity in Excel", part("xl/sharedStrings.xml", OUTSIDE), Refused("DOCTYPE", "a document type"), BOOK, issue=True),
    Kind("xlsx-truncated", "截断的.xlsx", "a truncated .xlsx", lambda folder: (book()(folder), (p := folder / "cases.xlsx").write_bytes(p.read_bytes()[:3000])), REFUSED, BOOK),
    Kind("xlsx-part-missing", ".xlsx缺少工作表部件", "an .xlsx without its sheet", parts(lambda found: found.pop("xl/worksheets/sheet1.xml")), REFUSED, BOOK),
    Kind("xlsx-no-workbook", ".xlsx缺少workbook.xml", "an .xlsx without workbook.xml", parts(lambda found: found.pop("xl/workbook.xml")), Refused("工作簿", "workbook"), BOOK),
    Kind("xlsx-part-broken", "工作表的XML中断", "a sheet whose XML breaks off", parts(lambda found: found.update({"xl/worksheets/sheet1.xml": found["xl/worksheets/sheet1.xml"][:900]})), REFUSED, BOOK),
    Kind("xlsx-rows-lost", "工作表中间缺了一段，XML不完整", "a stretch of the sheet is missing, so that it is no whole XML",
         in_sheet('</row><row r="3"', '<row r="3"'), REFUSED, BOOK),
    Kind("xlsx-texts-lost", "文字部件缺了一段", "a stretch of the part of texts is missing", parts(lambda found: found.update({"xl/sharedStrings.xml": found["xl/sharedStrings.xml"].replace(b"</si>", b"", 1)})), REFUSED, BOOK),
    Kind("xlsx-cell-twice", "同一单元格写了两次", "a cell that stands twice", in_sheet('<c r="A3"', '<c r="A2"'), Refused("写了两次（A2）", "stands twice in a sheet (A2)"), BOOK),
    Kind("xlsx-row-twice", "同一行写了两次", "a row that stands twice", parts(lambda found: found.update({"xl/worksheets/sheet1.xml": re.sub(rb'(<row r="3".*?</row>)', rb"\1\1", found["xl/worksheets/sheet1.xml"])})), Refused("写了两次", "stands twice"), BOOK),
    Kind("xlsx-other-encoding", "工作表声明了别的编码", "a sheet that declares another encoding", parts(lambda found: found.update({"xl/workbook.xml": found["xl/workbook.xml"].replace(b'"UTF-8"', b'"es"', 1)})), Read(values=IDS), BOOK),
    Kind("xlsx-texts-alike", "9,000行共用一个32,000字的诊断", "9,000 rows that share 32,000 letters of diagnoses", _sheet_rows(9_000, "K25.900|" * 4_000), Refused("展开后至少", "written out take at least"), BOOK, alone=True),
    Kind("xlsx-dimension", "自称占满整张表（A1:XFD1048576）", "a sheet that says it is A1:XFD1048576", in_sheet('<dimension ref="A1:K4"/>', '<dimension ref="A1:XFD1048576"/>'), Read(values=IDS), BOOK, alone=True),
    Kind("xlsx-far-cell", "最右下角有一个单元格", "a stray cell in the last corner", in_sheet("</sheetData>", CORNER),
         Refused("工作表过大", "too large"), BOOK, alone=True),
    Kind("xlsx-far-cell-quoted", "最右下角的单元格用单引号写位置", "a stray cell in the last corner, its place in single quotes",
         in_sheet("</sheetData>", CORNER.replace('"', "'")), TOO_MUCH, BOOK),
    Kind("xlsx-far-cell-alone", "行号正常，单元格却写着最后一行", "a cell that says the last row inside a row that says the second",
         in_sheet('<c r="A2"', '<c r="XFD1048576"'), Refused("工作表过大", "too large"), BOOK),
    Kind("xlsx-far-cell-behind", "位置写在其他属性之后", "a place behind other attributes", in_sheet('<c r="A2" t="s"', '<c t="s" r="XFD1048576"'), TOO_MUCH, BOOK),
    Kind("xlsx-odd-folder", "工作表不在通常的文件夹，最右下角有一个单元格", "a sheet out of its usual folder, with a stray cell in the last corner", parts(_elsewhere), TOO_MUCH, BOOK),
    Kind("xlsx-four-names", "同一工作表有四个名称，合计单元格过多", "one sheet under four names, together too many cells", parts(_four_names), Refused("工作表过大", "too large"), BOOK),
    Kind("xlsx-cells-unclosed", "4万个不闭合的单元格：用时与大小成正比", "40,000 cells that are not closed: time follows the size",
         in_sheet("</sheetData>", '<c r="A1" t="e">' * 40_000 + "</sheetData>"), REFUSED, BOOK),
    Kind("xlsx-rows-unclosed", "4万个不闭合的行：用时与大小成正比", "40,000 rows whose tags are not closed: time follows the size",
         in_sheet("</sheetData>", '<row a="1" ' * 40_000 + "</sheetData>"), REFUSED, BOOK),
    Kind("xlsb-binary", "二进制工作簿 .xlsb", "a binary workbook, .xlsb", binary_book([list(HEADERS), *([row[name] for name in HEADERS] for row in ROWS)], far=False), Read(values=IDS), ("cases.xlsb",)),
    Kind("xlsb-far-cell", "二进制工作簿的最右下角有一个单元格", "a binary workbook with a stray cell in the last corner", binary_book([list(HEADERS)], far=True), TOO_MUCH, ("cases.xlsb",)),
    Kind("xlsx-row-beyond", "行号超出Excel上限", "a row number beyond Excel's", in_sheet('<row r="4"', '<row r="99999999"'), Refused("工作表过大", "too large"), BOOK, alone=True),
    Kind("xlsx-is-csv", "CSV改名为.xlsx", "a CSV called .xlsx", raw(csv_text().encode(), "cases.xlsx"), Refused("不是Excel工作簿", "not a workbook"), BOOK),
    Kind("xlsx-is-html", "网页改名为.xlsx（网页导出的“Excel”）", "a web page called .xlsx", raw(b"<html><table><tr><td>case_id</td></tr></table></html>", "cases.xlsx"), Refused("网页", "a web page"), BOOK),
    Kind("xls-is-html", "网页改名为.xls", "a web page called .xls", raw(b"<html><table><tr><td>case_id</td></tr></table></html>", "cases.xls"), Refused("网页", "a web page"), ("cases.xls",)),
    Kind("xlsx-is-zip", "普通压缩包改名为.xlsx", "a plain zip called .xlsx", lambda folder: zipfile.ZipFile(folder / "cases.xlsx", "w").writestr("a.txt", "a"), REFUSED, BOOK),
    Kind("xlsx-empty-file", "0字节的.xlsx", "an .xlsx of no bytes", raw(b"", "cases.xlsx"), Refused("不是Excel工作簿", "not a workbook"), BOOK, issue=True),
    Kind("xls-header-only", "只有文件头的.xls", "an .xls of nothing but its head", raw(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), "cases.xls"), REFUSED, ("cases.xls",)),
    Kind("xlsx-password", "有密码的工作簿", "a workbook with a password",
         raw(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(512), "cases.xlsx"), Refused("密码", "password"), BOOK),
    Kind("xlsx-headers-only", "只有表头的工作簿", "a workbook of headers only", book(grid()[:1]), Refused("表头下面没有病例", "no cases below the header"), BOOK, issue=True),
    Kind("xlsx-blank", "空工作簿", "an empty workbook", book([]), Refused("工作簿是空的", "the workbook is empty"), BOOK, issue=True),
    Kind("xlsx-only-charts", "只有图表的工作簿", "a workbook of charts only", _only_charts, Refused("工作簿是空的", "the workbook is empty"), BOOK),
    Kind("xlsx-chart-sheet", "病例表之外有图表页", "a chart sheet beside the cases", book(change=_chart_sheet), Read(values=IDS), BOOK),
    Kind("xlsx-hidden-sheet", "隐藏的工作表：不读并说明", "a hidden sheet: not read, and said", book(change=_hidden), Read(values=IDS, said="是隐藏的"), BOOK),
    Kind("xlsx-two-sheets", "两张病例表", "two sheets of cases", book(change=_second_sheet), Read(6, DRGS * 2), BOOK),
    Kind("xlsx-second-header", "一张工作表上下有两张表", "two tables in one sheet, one below the other", book([["case_id", "sex", "age_years", "diagnoses"], ["B1", "M", "61", "K25.900"], [], *grid()]),
         Refused("第1行和第4行", "rows 1 and 4"), BOOK),
    Kind("xlsx-titles", "表头在第5行", "headers in row 5", _titles, Read(values=IDS), BOOK),
    Kind("xlsx-columns-16000", "16,000列的工作表", "a sheet of 16,000 columns", _16000_columns, Read(values=IDS), BOOK, issue=True),
    Kind("xlsx-merged", "合并的病例号单元格：第二例没有号", "merged ids: the second case has none", book(cells("case_id", None, row=2), change=_merged),
         Read(3, (*DRGS[:2], None), {"case_id_missing": 1}), BOOK),
    Kind("xlsx-1-mb-text", "1 MB的单元格文字", "a cell text of 1 MB",
         in_sheet('<c r="A3" t="s"><v>22</v></c>', f'<c r="A3" t="inlineStr"><is><t>{"A" * 1_000_000}</t></is></c>'), Read(values={"case_id": ("A1", "A" * 1_000_000, "A3")}), BOOK, issue=True),
    Kind("xlsx-nul-in-xml", "XML中的NUL字符", "a NUL character in the XML",
         in_sheet('<c r="A3" t="s"><v>22</v></c>', '<c r="A3" t="inlineStr"><is><t>A&#0;2</t></is></c>'), REFUSED, BOOK, issue=True),
    Kind("xlsx-formula-value", "公式单元格，有计算结果", "a formula with its value", book(cells("age_years", _formula(61))), Read(3, ("GB15", "GZ15", "GB13"), values={"age_years": (61, 61, 70)}), BOOK, issue=True),
    Kind("xlsx-formula-uncalculated", "公式从未计算过：当作空白并说明", "a formula never calculated: empty, and said", _never_calculated,
         Read(3, (DRGS[0], None, DRGS[2]), {"age_invalid": 1}, said="公式"), BOOK, issue=True),
    Kind("xlsx-formula-text", "以=开头的文字（注入）", "a text that begins with = (injection)", book(cells("case_id", "=cmd|'/C calc'!A0")),
         Read(values={"case_id": ("A1", "=cmd|'/C calc'!A0", "A3")}), BOOK, issue=True),
    Kind("xlsx-error-cell", "错误值单元格 #N/A", "an error cell #N/A", book(cells("sex", lambda sheet, i, j: sheet.write_formula(i, j, "=NA()", None, "#N/A"))),
         Read(3, (DRGS[0], None, DRGS[2]), {"sex_invalid": 1}), BOOK),
    Kind("xlsx-error-in-id", "病例号是错误值 #REF!", "an id that is #REF!", book(cells("case_id", lambda sheet, i, j: sheet.write_formula(i, j, "=A0", None, "#REF!"))),
         Read(values={"case_id": ("A1", "#REF!", "A3")}), BOOK),
    Kind("xlsx-id-number", "病例号存为数字", "an id stored as a number", book(cells("case_id", 1002)), Read(values={"case_id": ("A1", "1002", "A3")}), BOOK),
    Kind("xlsx-id-20-digits", "20位病例号存为数字：后几位已丢失", "an id of 20 digits stored as a number: digits are lost", book(cells("case_id", 33010620240301000017)),
         Read(3, (DRGS[0], DRGS[2]), {"stored_as_number": 1}), BOOK, not_by=()),
    Kind("xlsx-code-number", "编码存为数字（88.4100成了88.41）", "a code stored as a number: 88.4100 became 88.41", book(cells("procedures", 88.41)),
         Read(3, DRGS, changes=(("88.41", "88.4100"),)), BOOK),
    Kind("xlsx-code-lost", "编码存为数字，不能还原", "a code stored as a number that no code fits", book(cells("procedures", 99.9)),
         Read(3, (DRGS[0], None, DRGS[2]), {"code_as_number": 1}), BOOK),
    Kind("xlsx-number-age", "年龄存为数字", "an age stored as a number", book(cells("age_years", 61)), Read(3, ("GB15", "GZ15", "GB13"), values={"age_years": (61, 61, 70)}), BOOK),
    Kind("xlsx-boolean-sex", "性别是布尔值", "a boolean for the sex", book(cells("sex", True)), Read(3, (DRGS[0], None, DRGS[2]), {"sex_invalid": 1}), BOOK),
    Kind("xlsx-dates-1900", "日期单元格，1900日期系统", "date cells of the 1900 system", book(DATED), Read(values=DATES), BOOK, issue=True),
    Kind("xlsx-dates-1904", "日期单元格，1904日期系统（Mac）", "date cells of the 1904 system", book(DATED, {"date_1904": True}), Read(values=DATES), BOOK, issue=True),
    _serial("xlsx-serial-1900", "没有日期格式的序号，1900系统", "a bare serial number of the 1900 system", 45365, None),
    _serial("xlsx-serial-1904", "没有日期格式的序号，1904系统", "a bare serial number of the 1904 system", 43903, None, True),
    _serial("xlsx-serial-60", "序号60（并不存在的1900-02-29）", "serial 60, the 1900-02-29 that never was", 60, "date_invalid"),
    _serial("xlsx-serial-negative", "负的日期序号（1900年之前）", "a negative serial number, before 1900", -1, "date_invalid"),
    _serial("xlsx-serial-huge", "过大的日期序号", "a serial number beyond 9999", 99_999_999, "date_invalid"),
    Kind("xlsx-float-money", "金额带浮点误差（0.1+0.2）", "an amount with floating-point noise", _year_book("total_cost", 3500.1 + 0.2),
         Read(12, None, values={"total_cost": (350030,)}), YEAR, area="year"),
    Kind("xlsx-macros", ".xlsm（宏不运行）", "an .xlsm: macros are not run", book(name="cases.xlsm"), Read(values=IDS), ("cases.xlsm",)),
]  # fmt: skip

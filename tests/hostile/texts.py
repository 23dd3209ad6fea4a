"""Text files of cases: encodings, line ends, delimiters, headers, shapes."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable
from pathlib import Path

from tests.hostile.model import DRGS, HEADERS, ROWS, Kind, Read, Refused, csv_text, raw, text
from tests.hostile.model import with_cell as cell

CSV = csv_text()
LINES = CSV.splitlines(keepends=True)
CHINESE = csv_text(
    [
        {**row, "name": name}
        for row, name in zip(ROWS, ("甲医院", "乙", "第三人民医院"), strict=True)
    ],
    [*HEADERS, "name"],
    names={"case_id": "病例号", "sex": "性别", "age_years": "年龄", "name": "出院科别"},
)
DEPARTMENTS = {"department": ("甲医院", "乙", "第三人民医院")}
IDS = {"case_id": ("A1", "A2", "A3")}


def _broken_after_10_mb(folder: Path) -> None:
    filler = CHINESE.encode() + csv_text(ROWS * 60_000).encode()
    assert len(filler) > 10_000_000
    (folder / "cases.csv").write_bytes(filler + b"\xe7\x97\n")


def _long_line(folder: Path) -> None:
    (folder / "cases.csv").write_text(
        csv_text(cell("department", "长" * 12_000_000), [*HEADERS, "department"])
    )


def _many_columns(count: int) -> Callable[[Path], None]:
    more = [f"x{i}" for i in range(count - len(HEADERS))]
    return text(csv_text([{**row, **dict.fromkeys(more, "1")} for row in ROWS], [*HEADERS, *more]))


def _codes(column: str, first: str, code: str) -> Callable[[Path], None]:
    return text(csv_text(cell(column, "|".join([first, *[code] * 9_999]), row=0)))


def _with_line(line: str, at: int) -> Callable[[Path], None]:
    return text("".join([*LINES[:at], line, *LINES[at:]]))


SIX = Read(
    4,
    (DRGS[0], None, DRGS[1], DRGS[2]),
    {"sex_invalid": 1},
    {"case_id": ("A1", "\ufeffcase_id", "A2", "A3")},
)

KINDS = [
    Kind("utf16-le-bom", "UTF-16小端，有BOM（Excel的“Unicode文本”）", "UTF-16 LE with a mark, as Excel's Unicode text",
         text("\ufeff" + CHINESE, "utf-16-le"), Read(values=DEPARTMENTS), issue=True),
    Kind("utf16-be-bom", "UTF-16大端，有BOM", "UTF-16 BE with a mark",
         text("\ufeff" + CHINESE, "utf-16-be"), Read(values=DEPARTMENTS)),
    Kind("utf16-no-bom", "UTF-16，没有BOM", "UTF-16 without a mark", text(CHINESE, "utf-16-le"),
         Refused("既不是UTF-8", "neither UTF-8 nor GB18030"), issue=True),
    Kind("utf16-no-bom-ascii", "UTF-16，没有BOM，没有中文", "UTF-16 without a mark or Chinese", text(CSV, "utf-16-le"),
         Refused("空字节（NUL）", "a NUL byte"), issue=True),
    Kind("utf8-bom", "UTF-8，有BOM", "UTF-8 with a mark", text("\ufeff" + CHINESE), Read(values=DEPARTMENTS)),
    Kind("double-bom", "文件开头两个BOM", "two marks at the beginning", text("\ufeff\ufeff" + CHINESE),
         Read(values=DEPARTMENTS)),
    Kind("bom-in-the-middle", "两个文件首尾相接：中间又有BOM和表头", "two files joined: a mark and a header in the middle",
         _with_line("\ufeff" + LINES[0], 2), SIX),
    Kind("gbk", "GBK（Excel另存的CSV）", "GBK, as Excel saves CSV", text(CHINESE, "gbk"), Read(values=DEPARTMENTS),
         issue=True),
    Kind("gb18030-rare", "GB18030四字节的生僻字", "GB18030 with rare characters of four bytes",
         text(csv_text(cell("department", "㐂𠮷科"), [*HEADERS, "department"], names={"sex": "性别"}), "gb18030"),
         Read(values={"department": ("", "㐂𠮷科", "")})),
    Kind("gbk-broken", "GBK中有非法字节", "GBK with illegal bytes",
         raw(CHINESE.encode("gbk").replace("乙".encode("gbk"), b"\xd2\xff")), Refused("既不是UTF-8", "neither UTF-8 nor GB18030"),
         issue=True),
    Kind("utf8-breaks-late", "UTF-8，10 MB之后才有坏字节", "UTF-8 that breaks after 10 MB", _broken_after_10_mb,
         Refused("第180006行", "line 180006"), issue=True),
    Kind("utf8-and-gbk", "前半UTF-8、后半GBK", "UTF-8 with GBK lines behind", raw(CHINESE.encode() + "A4,男,肺炎\n".encode("gbk")),
         Refused("不是UTF-8编码", "not UTF-8"), issue=True),
    Kind("latin-1", "Latin-1（西欧）", "Latin-1",
         text(csv_text(cell("department", "É"), [*HEADERS, "department"]), "latin-1"),
         Refused("既不是UTF-8", "neither UTF-8 nor GB18030"), issue=True),
    Kind("mixed-line-ends", "换行符混用：LF、CRLF、CR", "mixed line ends: LF, CRLF, CR",
         text(LINES[0] + LINES[1].rstrip("\n") + "\r\n" + LINES[2].rstrip("\n") + "\r" + LINES[3]), Read(values=IDS), issue=True),
    Kind("cr-only", "换行符只有CR（老式Mac）", "CR alone as line end", text(csv_text(line_end="\r")), Read(values=IDS)),
    Kind("no-final-newline", "最后一行没有换行", "no line end behind the last row", text(CSV.rstrip("\n")), Read(values=IDS)),
    Kind("nul-in-id", "病例号中有NUL字节", "NUL bytes in an id", text(CSV.replace("A2", "A\x002")), Refused("第3行", "line 3"),
         issue=True),
    Kind("nul-block", "文件后部是一片NUL（断电后的文件）", "a tail of NUL bytes, as after a power cut",
         raw(CSV.encode() + bytes(4096)), Refused("第5行", "line 5")),
    Kind("ctrl-z", "末尾有Ctrl-Z（DOS）", "a Ctrl-Z at the end", text(CSV + "\x1a"), Read(4, (*DRGS,), {"row_broken": 1})),
    Kind("control-characters", "病例号中有控制符", "control characters in an id", text(csv_text(cell("case_id", "A\x01\x072"))),
         Read(values={"case_id": ("A1", "A\x01\x072", "A3")})),
    Kind("empty-file", "空文件（0字节）", "an empty file", raw(b""), Refused("文件是空的", "the file is empty"), issue=True),
    Kind("blank-file", "只有空白和换行", "nothing but blanks", text(" \n\n \t\n"), Refused("文件是空的", "the file is empty"), issue=True),
    Kind("bom-only", "只有BOM", "nothing but a mark", raw(codecs.BOM_UTF8), Refused("文件是空的", "the file is empty")),
    Kind("headers-only", "只有表头", "headers only", text(LINES[0]), Read(0, ()), issue=True, not_by=("explain",)),
    Kind("headers-only-no-newline", "只有表头，没有换行", "headers only, without a line end", text(LINES[0].rstrip("\n")),
         Read(0, ()), issue=True, not_by=("explain",)),
    Kind("no-header", "没有表头，第一行就是病例", "no header: cases from the first row on", text("".join(LINES[1:])),
         Refused("缺少列", "missing columns")),
    Kind("columns-16000", "16,000列", "16,000 columns", _many_columns(16_000), Read(values=IDS), issue=True),
    Kind("one-column", "只有一列", "a single column", text("case_id\nA1\n"), Refused("缺少列", "missing columns")),
    Kind("header-1-mb", "表头中有1 MB的列名", "a header cell of 1 MB",
         text(csv_text(headers=[*HEADERS, "长" * 350_000])), Refused("表头超过1 MB", "the header is longer than 1 MB"), issue=True),
    Kind("diagnoses-10000", "一例10,000个诊断", "10,000 diagnoses in one case", _codes("diagnoses", "K25.900", "E11.900"),
         Read(drgs=("GB13", *DRGS[1:])), issue=True),
    Kind("procedures-10000", "一例10,000个手术操作", "10,000 procedures in one case",
         _codes("procedures", "43.7x00", "99.9999"), Read(), issue=True),
    Kind("id-1-mb", "1 MB的病例号", "an id of 1 MB", text(csv_text(cell("case_id", "A" * 1_000_000))),
         Read(values={"case_id": ("A1", "A" * 1_000_000, "A3")}), issue=True),
    Kind("code-1-mb", "1 MB的诊断编码", "a diagnosis code of 1 MB", text(csv_text(cell("diagnoses", "K" * 1_000_000))),
         Read(drgs=("GB15", "0000", "GB13")), issue=True),
    Kind("cell-36-mb", "一个单元格36 MB", "a cell of 36 MB", _long_line, Refused("表格中途断开", "the table breaks off"), not_by=("explain",)),
    Kind("sep-line", "首行是 sep=;", "a first line sep=;", text("sep=;\n" + csv_text(delimiter=";")), Read(values=IDS)),
    Kind("semicolons", "分号分隔", "semicolons between fields", text(csv_text(delimiter=";")), Read(values=IDS)),
    Kind("tabs", "制表符分隔的.csv", "tabs in a .csv", text(csv_text(delimiter="\t")), Read(values=IDS)),
    Kind("pipes", "竖线分隔，编码之间用分号", "pipes between fields, semicolons between codes",
         text(csv_text(cell("diagnoses", "K25.900;E11.900", row=2), delimiter="|")), Read(values=IDS)),
    Kind("quote-unclosed", "引号没有闭合", "a quotation mark that nothing closes", text(CSV.replace("A2,", '"A2,')),
         Refused("引号没有闭合", "not closed")),
    Kind("quotes-swallow-rows", "两个散落的引号之间：两行并成了一行", "a stray quotation mark, and another a row further on: two rows made one",
         text(CSV.replace("A1,H1", 'A1,"H1').replace("A2,H2", 'A2,H2"')), Read(3, DRGS[2:], {"row_swallowed": 2}, {"case_id": ("A3",)})),
    Kind("quotes-swallow-uneven", "两个散落的引号在不同的列", "two stray quotation marks in other columns",
         text(CSV.replace("A1,H1", 'A1,"H1').replace("A2,H2,310", 'A2,H2,310"')), Read(3, DRGS[2:], {"row_swallowed": 2}, {"case_id": ("A3",)})),
    Kind("quotes-swallow-at-the-header", "表头中散落的引号：病例并入了表头", "a stray quotation mark in the header: cases made a part of it",
         text(LINES[0].replace("pool_fund", '"pool_fund') + LINES[1].replace("8000.25", '8000.25"') + "".join(LINES[2:])), Refused("引号没有配对", "a stray mark")),
    Kind("quotes-doubled", "字段内的引号写两个", "doubled quotation marks inside a field", text(csv_text(cell("case_id", 'A"2"'))),
         Read(values={"case_id": ("A1", 'A"2"', "A3")})),
    Kind("quote-inside", "字段中间有单独的引号", "a single quotation mark inside a field", text(CSV.replace("A2", 'A2"')),
         Read(values={"case_id": ("A1", 'A2"', "A3")})),
    Kind("newline-inside", "引号内有换行", "line ends inside quotes", text(csv_text(cell("case_id", "A2\nb"))),
         Read(values={"case_id": ("A1", "A2\nb", "A3")})),
    Kind("trailing-delimiters", "每行（含表头）末尾多一个逗号", "a comma too much at the end of every row and the header",
         text(CSV.replace("\n", ",\n")), Read(values=IDS)),
    Kind("trailing-delimiters-in-rows", "数据行比表头多一个逗号", "rows with a comma more than the header",
         text(LINES[0] + "".join(line.replace("\n", ",\n") for line in LINES[1:])), Read(3, (), {"row_broken": 3}), not_by=("explain",)),
    Kind("header-twice", "两列同名", "two columns of one name", text(CSV.replace("procedures", "diagnoses")),
         Refused("有两列都是诊断编码（diagnoses）", "two columns mean diagnoses")),
    Kind("unknown-header-twice", "两列同名（未用的列）", "two unused columns of one name",
         text(csv_text(headers=[*HEADERS, "备注", "备注"])), Refused("有两列同名", "two columns have the same header")),
    Kind("headers-with-blanks", "表头有空格、全角字符、换行", "headers with blanks, full-width letters, line ends",
         text(csv_text(names={"case_id": " Case ID ", "sex": "性 别", "age_years": "年龄\n(岁)", "diagnoses": "ｄｉａｇｎｏｓｅｓ"})),
         Read(values=IDS)),
    Kind("titles-above", "表头在第5行，上面是标题", "headers in row 5 below titles",
         text("某市结算明细表\n\n2024年,,\n制表人：某,\n" + CSV), Read(values=IDS)),
    Kind("two-header-rows", "两行表头", "two header rows", _with_line("病例号,医院,险种,性别,年龄,入院,出院,诊断,手术,费用,统筹\n", 1),
         Read(4, (None, *DRGS), {"sex_invalid": 1})),
    Kind("second-header-below", "下面另有一行表头，列不同", "a second header further down, with other columns",
         text("".join(LINES[:3]) + csv_text(ROWS[2:], [*HEADERS[:4], "age_days", *HEADERS[4:]])), Refused("有两行都是表头", "two rows are headers")),
    Kind("second-header-with-more", "第二行表头列更多：上面的病例不会漏掉", "a second header with more columns: the cases above are not passed over",
         text("case_id,sex,age_years,diagnoses\nB1,M,61,K25.900\n" + CSV), Refused("第1行和第3行", "rows 1 and 3")),
    Kind("blank-lines", "中间有空行", "blank lines between rows", text("\n".join([*CSV.splitlines()[:2], "", "", *CSV.splitlines()[2:]]) + "\n\n\n"),
         Read(values=IDS)),
    Kind("rows-of-commas", "只有逗号的行（Excel清空的行）", "rows of nothing but commas", _with_line("," * (len(HEADERS) - 1) + "\n", 2),
         Read(4, (DRGS[0], None, *DRGS[1:]), {"case_id_missing": 1})),
    Kind("ragged-rows", "有的行缺字段，有的行多字段", "rows with fields missing or too many",
         text(LINES[0] + LINES[1] + "A2,F,16\n" + LINES[3].replace("\n", ",x,y\n")), Read(3, DRGS[:1], {"row_broken": 2})),
    Kind("comment-lines", "以#开头的说明行", "comment lines", _with_line("# exported on Monday\n", 2),
         Read(4, DRGS, {"row_broken": 1})),
    Kind("total-row", "末行是合计", "a row of totals at the end", text(CSV + ",".join(["合计", *[""] * 8, "40000.60", "25000.26"]) + "\n"),
         Read(4, (*DRGS, None), {"sex_invalid": 1})),
    Kind("xlsx-called-csv", "Excel文件改名为.csv", "an Excel file called .csv", raw(b"PK\x03\x04" + bytes(40) + b"xl/workbook.xml"),
         Refused("空字节（NUL）", "a NUL byte")),
    Kind("html-called-csv", "网页改名为.csv", "a web page called .csv",
         text("<html><body><table><tr><td>case_id</td></tr></table></body></html>\n"), Refused("缺少列", "missing columns")),
    Kind("gzip-called-csv", "压缩文件改名为.csv", "a gzip file called .csv", raw(gzip.compress(CSV.encode() * 50, mtime=0)),
         Refused("既不是UTF-8", "neither UTF-8 nor GB18030")),
    Kind("line-separators", "单元格中有U+2028、换页符、垂直制表符", "U+2028, form feed and vertical tab inside a cell",
         text(csv_text(cell("case_id", "A\u2028\x0b\x0c\u00852"))), Read(values={"case_id": ("A1", "A\u2028\x0b\x0c\u00852", "A3")})),
]  # fmt: skip

"""Delimited files as they come: encodings, delimiters, titles, line ends, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drgpay.cases import encodings
from drgpay.cases.options import ReadOptions
from drgpay.cases.sources import open_source
from drgpay.ground.errors import InputError
from drgpay.grouper import group, group_file
from drgpay.names.columns import GROUPING_COLUMNS
from tests.readers.reading import ids, read

HEADER = "病例号,性别,年龄,诊断编码\n"
ROWS = "甲1,男,61,I63.900\n乙2,女,62,K25.900\n"
SCHEME = Path(__file__).resolve().parent.parent / "schemes" / "ex1-tiny"


def made(tmp_path: Path, data: bytes, name: str = "cases.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_encoding__is_found(tmp_path: Path, encoding: str) -> None:
    rows, source = read(made(tmp_path, (HEADER + ROWS).encode(encoding)))
    assert ids(rows) == [(2, "甲1"), (3, "乙2")]
    assert rows[1][1]["sex"] == "女"
    assert source.notes == []


def test_encoding__a_plain_header_above_gb18030_rows(tmp_path: Path) -> None:
    text = "case_id,sex,age_years,diagnoses\n" + "女1,女,62,K25.900\n" * 5 + ROWS
    rows, _ = read(made(tmp_path, text.encode("gb18030")))
    assert [name for _, name in ids(rows)] == ["女1"] * 5 + ["甲1", "乙2"]


def test_encoding__characters_of_four_bytes(tmp_path: Path) -> None:
    rows, _ = read(made(tmp_path, (HEADER + "㐀𠀀1,男,1,A\n").encode("gb18030")))
    assert ids(rows) == [(2, "㐀𠀀1")]


def test_encoding__utf8_that_breaks_far_inside_is_not_half_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "CHUNK", 1000)
    good = "甲1,男,61,I63.900\n".encode() * 500
    path = made(tmp_path, HEADER.encode() + good + "坏,男,1,A\n".encode("gbk") + good)
    with pytest.raises(InputError, match=r"not UTF-8: it breaks off at line 502 \(byte ") as caught:
        open_source(path, GROUPING_COLUMNS)
    assert "第502行" in caught.value.text("zh")
    out = tmp_path / "out.csv"
    with pytest.raises(InputError):
        group_file(path, out, SCHEME)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cases.csv"]


def test_encoding__a_character_across_two_chunks_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (5, 6, 7, 8):
        monkeypatch.setattr(encodings, "CHUNK", size)
        for encoding in ("utf-8", "gb18030", "utf-16"):
            rows, _ = read(made(tmp_path, (HEADER + ROWS).encode(encoding)))
            assert len(rows) == 2


def test_encoding__a_file_cut_inside_a_character(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        read(made(tmp_path, (HEADER + "甲").encode()[:-1]))


def test_encoding__said_by_the_user(tmp_path: Path) -> None:
    path = made(tmp_path, (HEADER + ROWS).encode("utf-16-le"))
    with pytest.raises(InputError, match=r"neither UTF-8 nor GB18030|NUL byte"):
        read(path)
    rows, _ = read(path, ReadOptions(encoding="UTF-16-LE"))
    assert ids(rows) == [(2, "甲1"), (3, "乙2")]
    with pytest.raises(InputError, match="unknown encoding 'ebcdic'"):
        read(path, ReadOptions(encoding="ebcdic"))
    with pytest.raises(InputError, match="not UTF-8"):
        read(made(tmp_path, (HEADER + ROWS).encode("gbk")), ReadOptions(encoding="utf-8"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_delimiter__is_found(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = (HEADER + ROWS).replace(",", delimiter)
    rows, _ = read(made(tmp_path, text.encode(encoding)))
    assert ids(rows) == [(2, "甲1"), (3, "乙2")]


def test_delimiter__said_by_the_user_or_by_excel(tmp_path: Path) -> None:
    text = (HEADER + ROWS).replace(",", "^").encode()
    rows, _ = read(made(tmp_path, text), ReadOptions(delimiter="^"))
    assert len(rows) == 2
    rows, source = read(made(tmp_path, b"sep=^\r\n" + text))
    assert ids(rows) == [(2, "甲1"), (3, "乙2")]
    assert source.notes == []
    with pytest.raises(InputError, match="cannot be the delimiter"):
        read(made(tmp_path, text), ReadOptions(delimiter="::"))
    rows, _ = read(made(tmp_path, text.replace(b"^", b"\t"), "a.tsv"), ReadOptions(delimiter="tab"))
    assert len(rows) == 2


def test_delimiter__codes_with_other_marks_between_them(tmp_path: Path) -> None:
    text = (HEADER + 'a,男,1,"A,B"\nb,男,1,A；B、C;D\n').encode()
    rows, _ = read(made(tmp_path, text))
    assert [row["diagnoses"] for _, row in rows] == ["A|B", "A|B|C|D"]
    text = (HEADER.replace(",", ";") + "a;男;1;A,B|C\n").encode()
    assert read(made(tmp_path, text))[0][0][1]["diagnoses"] == "A|B|C"


def test_titles__above_the_header_are_skipped_and_named(tmp_path: Path) -> None:
    title = "某医院2024年病例,,,\n\n导出日期：2024-12-31\n"
    path = made(tmp_path, (title + HEADER + ROWS + "断行\n" + ROWS).encode("gb18030"))
    rows, source = read(path)
    assert ids(rows) == [(5, "甲1"), (6, "乙2"), (8, "甲1"), (9, "乙2")]
    assert source.broken == [("cases.csv", 7, "断行")]
    (note,) = source.notes
    assert "the header is row 4" in note


def test_titles__a_line_end_inside_a_header_cell(tmp_path: Path) -> None:
    header = '"病例\n号","性别",年龄,"主要诊断\r\n编码"\n'
    rows, source = read(made(tmp_path, (header + ROWS + "x\n").encode()))
    assert ids(rows) == [(2, "甲1"), (3, "乙2")]
    assert rows[0][1]["diagnosis_1"] == "I63.900"
    assert source.broken == [("cases.csv", 4, "x")]


def test_line_ends__of_every_kind_in_one_file(tmp_path: Path) -> None:
    text = HEADER.strip() + "\r\na,男,1,A\nb,女,2,B\rc,男,3,C"
    for encoding in ("utf-8", "gb18030"):
        rows, _ = read(made(tmp_path, text.encode(encoding)))
        assert ids(rows) == [(2, "a"), (3, "b"), (4, "c")]


def test_headers__empty_ones_at_the_end(tmp_path: Path) -> None:
    rows, source = read(made(tmp_path, (HEADER.strip() + ",,\na,男,1,A,,\n").encode()))
    assert ids(rows) == [(2, "a")]
    assert source.unknown == ()


def test_nul_bytes__are_refused_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a NUL byte at line 2"):
        read(made(tmp_path, (HEADER + "a\0,男,1,A\n").encode("gb18030")))


@pytest.mark.parametrize("tail", ['"A01\nb,F,2,B01\n', '"A01', '"'])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_quotes__one_that_nothing_closes(tmp_path: Path, tail: str, encoding: str) -> None:
    text = HEADER + 'z,女,2,"B,1"\na,男,1,' + tail
    with pytest.raises(InputError, match="is not closed"):
        read(made(tmp_path, text.encode(encoding)))


def test_changes__a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    path = made(tmp_path, (HEADER + ROWS).encode())
    source = open_source(path, GROUPING_COLUMNS)
    pieces = iter(source.pieces)
    next(pieces)
    with path.open("ab") as stream:
        stream.write(ROWS.encode())
    with pytest.raises(InputError, match="the file changed while it was read"):
        list(pieces)


def test_changes__nothing_is_written_of_a_file_that_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path, (HEADER + ROWS).encode())
    found = encodings._marks

    def touched(where: Path, encoding: str) -> encodings.Survey:
        os.utime(where, ns=(1, 1))
        return found(where, encoding)

    monkeypatch.setattr(encodings, "_marks", touched)
    with pytest.raises(InputError, match="the file changed while it was read"):
        group_file(path, tmp_path / "out.csv", SCHEME)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cases.csv"]


STRAY = '甲1,男,61,I63.900\n乙2,女,"62,K25.900\n丙3,男,63,K25.900\n丁4,女,64",K25.900\n戊5,男,65,I63.900\n'


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("chunk", [1 << 20, 7])
def test_stray_quotes__the_rows_between_them_are_quarantined_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delimiter: str, chunk: int
) -> None:
    monkeypatch.setattr(encodings, "CHUNK", chunk)
    text = (HEADER + "\n" + STRAY).replace(",", delimiter)
    rows, source = read(made(tmp_path, text.encode()))
    assert ids(rows) == [(3, "甲1"), (5, "戊5")]
    found = [(row, note.case_id, note.reason) for _, row, note in source.broken]
    assert found == [(4, name, "row_swallowed") for name in ("乙2", "丙3", "丁4")]


def test_stray_quotes__in_a_column_that_is_not_read(tmp_path: Path) -> None:
    lines = [
        f"{name},{remark}"
        for name, remark in zip(
            STRAY.replace('"', "").splitlines(), ["x", '"x', 'x"', "x", "x"], strict=True
        )
    ]
    text = HEADER.replace("\n", ",备注\n") + "\n".join(lines)
    rows, source = read(made(tmp_path, text.encode()))
    assert [name for _, name in ids(rows)] == ["甲1", "丁4", "戊5"]
    assert [note.case_id for _, _, note in source.broken] == ["乙2", "丙3"]


@pytest.mark.parametrize("remark", ["一，\n二", "一,二,三,四", "\n\n\n", "a\r\nb, c"])
def test_quoted_line_ends__alone_are_a_part_of_their_field(tmp_path: Path, remark: str) -> None:
    text = HEADER.replace("\n", ",备注\n") + f'甲1,男,61,I63.900,"{remark}"\n乙2,女,62,K25.900,\n'
    rows, source = read(made(tmp_path, text.encode()))
    assert [name for _, name in ids(rows)] == ["甲1", "乙2"]
    assert not source.broken


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ('a"b\nc"d\n', True),
        ('"a"\n"b"\n', False),
        ('a\n"b', False),
        ('"\r"', True),
        ("a\n" * 9, False),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_survey__tells_lines_with_an_odd_number_of_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, odd: bool, chunk: int
) -> None:
    monkeypatch.setattr(encodings, "CHUNK", chunk)
    assert encodings.survey(made(tmp_path, text.encode()), None).quoted_ends == odd


@pytest.mark.parametrize("long", [0, 200_000])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_quotes__an_open_field_is_found_behind_line_ends_in_quotes(
    tmp_path: Path, delimiter: str, long: int
) -> None:
    """Marks are even in number, and a line has an odd one: only the last field tells."""
    rows = [
        'A1,F,2,B01.900,"一\n二"',
        'A2,M,1,I63."900,"三',
        "A3,M,1,I63.900," + "四" * long,
        "A4,M,1,I63.900,五",
    ]
    text = "\n".join(["病例号,性别,年龄,主要诊断编码,备注", *rows]) + "\n"
    path = made(tmp_path, text.replace(",", delimiter).encode())
    found = encodings.survey(path, None)
    assert found.quoted_ends and not found.ends_in_quotes(delimiter)
    with pytest.raises(InputError, match="not closed"):
        read(path)
    # the same with that field closed is whole
    closed = text.replace('"三', "三").replace('I63."900', "I63.900")
    rows_read, source = read(made(tmp_path, closed.replace(",", delimiter).encode()))
    assert [name for _, name in ids(rows_read)] == ["A1", "A2", "A3", "A4"] and not source.broken


@pytest.mark.parametrize("final", ["", "end"])
@pytest.mark.parametrize("chunk", [1 << 20, 5])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_filled_lines__are_those_that_hold_something(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
    ends: str,
    chunk: int,
    final: str,
) -> None:
    monkeypatch.setattr(encodings, "CHUNK", chunk * 2)
    text = ends.join(["表头,二", "甲,1", "", "", "乙,2", "，", "丙,3"]) + (ends if final else "")
    path = made(tmp_path, text.encode(encoding))
    found = encodings.survey(path, None)
    assert [encodings.filled_lines(path, found.encoding, skip) for skip in (0, 1, 3)] == [5, 4, 3]


@pytest.mark.parametrize("final", ["", "end"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_quotes__a_field_opened_by_an_even_number_of_marks_hides_no_row(
    tmp_path: Path, encoding: str, ends: str, delimiter: str, final: str
) -> None:
    """The first mark stands inside a field, the second opens one that runs to the end."""
    rows = [f"C{i},M,60,I63.900,名" for i in range(40)]
    rows[20] = 'C20,M,60,I63."900,"名'
    text = ends.join(["病例号,性别,年龄,主要诊断编码,备注", *rows]) + (ends if final else "")
    path = tmp_path / f"cases{'.tsv' if delimiter != ',' else '.csv'}"
    path.write_bytes(text.replace(",", delimiter).encode(encoding))
    with pytest.raises(InputError, match="not closed") as caught:
        group(path, "zj-drg-2022")
    assert "行没有读到" in caught.value.text("zh")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_quotes__whole_fields_in_marks_and_empty_lines_are_no_fault(
    tmp_path: Path, ends: str
) -> None:
    rows = [f'C{i},M,60,"I63.900","名,""{i}"""' for i in range(40)]
    rows[10] = ""
    rows[30] = 'C30,M,60,"I63.900"'  # too short: quarantined
    text = ends.join(["病例号,性别,年龄,主要诊断编码,备注", *rows])
    path = tmp_path / "cases.csv"
    path.write_bytes(text.encode())
    done = group(path, "zj-drg-2022")
    assert done.counts.grouped == 38
    assert len(done.quarantine) == 1

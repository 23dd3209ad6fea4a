"""Sources: every row of a file comes out or is noted, with its number in the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from drgpay.cases.options import ReadOptions
from drgpay.cases.pieces import LARGE_ROW_GROUP, Source
from drgpay.cases.sources import open_source
from drgpay.ground.errors import InputError
from drgpay.grouper import group
from drgpay.names.columns import GROUPING_COLUMNS

HEADER = "case_id,sex,age_years,diagnoses\n"
SCHEME = Path(__file__).resolve().parent.parent / "schemes" / "ex1-tiny"
FOUR = {
    "case_id": ["a", "b"],
    "sex": ["M", "F"],
    "age_years": [61, 62],
    "diagnoses": ["K25.900", "I50.900|E11.900"],
}
DRGS = ["GZ15", "FR13"]  # what FOUR is grouped to


def read(cases: Any, purpose: str = "grouping") -> tuple[list[tuple[int, dict]], Source]:
    """All rows with their numbers, and the source, after reading it to its end."""
    source = open_source(cases, GROUPING_COLUMNS, purpose)
    rows = []
    for piece in source.pieces:
        table = piece.load()
        numbers = piece.numbers
        if numbers is None:
            numbers = np.arange(piece.first_row, piece.first_row + len(table))
        assert len(numbers) == len(table)
        rows += list(zip(numbers.tolist(), table.to_pylist(), strict=True))
    if source.rows is not None:
        assert source.rows == len(rows)
    return rows, source


def csv_file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "cases.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def ids(rows: list[tuple[int, dict]]) -> list[tuple[int, str]]:
    return [(number, row["case_id"]) for number, row in rows]


def drgs(cases: Any) -> list[str | None]:
    return group(cases, SCHEME).table["drg"].to_pylist()


# --- CSV: rows and their numbers


def test_csv__plain(tmp_path: Path) -> None:
    rows, source = read(csv_file(tmp_path, HEADER + "a,M,1,A01\nb,F,2,B01\n"))
    assert rows == [
        (2, {"case_id": "a", "sex": "M", "age_years": "1", "diagnoses": "A01"}),
        (3, {"case_id": "b", "sex": "F", "age_years": "2", "diagnoses": "B01"}),
    ]
    assert source.broken == []
    assert source.rows is None


def test_csv__broken_rows_keep_their_numbers(tmp_path: Path) -> None:
    text = HEADER + "x\na,M,1,A01\nb,F,2\nc,F,2,B01,extra\nd,M,3,D\ny,y\n"
    rows, source = read(csv_file(tmp_path, text))
    assert ids(rows) == [(3, "a"), (6, "d")]
    assert source.broken == [
        ("cases.csv", 2, "x"),
        ("cases.csv", 4, "b,F,2"),
        ("cases.csv", 5, "c,F,2,B01,extra"),
        ("cases.csv", 7, "y,y"),
    ]


def test_csv__nothing_but_broken_rows(tmp_path: Path) -> None:
    rows, source = read(csv_file(tmp_path, HEADER + "a\nb\n"))
    assert rows == []
    assert source.broken == [("cases.csv", 2, "a"), ("cases.csv", 3, "b")]


def test_csv__a_quoted_line_end_is_part_of_its_field(tmp_path: Path) -> None:
    text = HEADER + '"a\n1",M,1,A01\nb,F,2\nc,F,2,C01\n'
    rows, source = read(csv_file(tmp_path, text))
    assert ids(rows) == [(2, "a\n1"), (4, "c")]
    assert source.broken == [("cases.csv", 3, "b,F,2")]


def test_csv__quotes_commas_and_doubled_quotes(tmp_path: Path) -> None:
    text = '"re,mark",' + HEADER + '"x,""y""",a,M,1,"A""01"\nz,b,F,2,B"x\n'
    rows, _ = read(csv_file(tmp_path, text))
    assert [row["diagnoses"] for _, row in rows] == ['A"01', 'B"x']


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_csv__blank_lines_are_no_cases_but_count_as_in_excel(
    tmp_path: Path, end: str, encoding: str
) -> None:
    text = (
        "病区,"
        + HEADER
        + "\n"
        + "一,a,M,1,A01\n\n\nx,b,F,2\n二,c,F,2,C01\n三,d,F\n\n三,e,F,3,D\n\n\n"
    )
    rows, source = read(csv_file(tmp_path, text.replace("\n", end).encode(encoding)))
    assert ids(rows) == [(3, "a"), (7, "c"), (10, "e")]
    assert source.broken == [("cases.csv", 6, "x,b,F,2"), ("cases.csv", 8, "三,d,F")]


def test_csv__a_blank_line_far_down_counts_behind_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drgpay.cases.encodings.CHUNK", 7)
    monkeypatch.setattr("drgpay.cases.delimited.BLOCK", 60)
    lines = [f"c{n},M,1,A" for n in range(2, 60)]
    lines[40] = ""
    rows, _ = read(csv_file(tmp_path, HEADER + "\n".join(lines) + "\n\n"))
    assert ids(rows) == [(n, f"c{n}") for n in range(2, 60) if n != 42]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv__line_ends_of_every_system(tmp_path: Path, end: str) -> None:
    text = (HEADER + "a,M,1,A01\nb,F\nc,F,2,C01").replace("\n", end)
    rows, source = read(csv_file(tmp_path, text))
    assert ids(rows) == [(2, "a"), (4, "c")]
    assert rows[-1][1]["diagnoses"] == "C01"
    assert source.broken == [("cases.csv", 3, "b,F")]


def test_csv__byte_order_mark(tmp_path: Path) -> None:
    rows, _ = read(csv_file(tmp_path, "\ufeff" + HEADER + "a,M,1,A01\n"))
    assert ids(rows) == [(2, "a")]


def test_csv__empty_fields_are_rows(tmp_path: Path) -> None:
    rows, source = read(csv_file(tmp_path, HEADER + ",,,\na,M,1,A\n"))
    assert ids(rows) == [(2, ""), (3, "a")]
    assert source.broken == []


def test_csv__nul_bytes_are_refused_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a NUL byte at line 2 \(byte 34\)"):
        read(csv_file(tmp_path, HEADER + "a\0b,M,1,A01\n\0,F\0,2,B01\n"))


@pytest.mark.parametrize("text", [HEADER, HEADER.strip(), "\ufeff" + HEADER])
def test_csv__headers_only(tmp_path: Path, text: str) -> None:
    rows, source = read(csv_file(tmp_path, text))
    assert rows == []
    assert source.broken == []
    assert group(tmp_path / "cases.csv", SCHEME).counts.total == 0


def test_csv__rows_are_numbered_across_blocks(tmp_path: Path) -> None:
    # more than one block of 16 MB, broken rows in each
    filler = "x" * 450
    lines = []
    bad = {1, 2, 20_000, 41_000, 60_000, 79_999, 80_000}
    for number in range(1, 80_001):
        lines.append(f"c{number},M" if number in bad else f"c{number},M,1,A01|{filler}")
    path = csv_file(tmp_path, HEADER + "\n".join(lines) + "\n")
    assert path.stat().st_size > 32 << 20
    source = open_source(path, GROUPING_COLUMNS)
    seen = []
    pieces = 0
    for piece in source.pieces:
        table = piece.load()
        pieces += 1
        expected = [f"c{n - 1}" for n in piece.numbers.tolist()]  # type: ignore[union-attr]
        assert table["case_id"].to_pylist() == expected
        assert piece.first_row == piece.numbers[0]  # type: ignore[index]
        seen += piece.numbers.tolist()  # type: ignore[union-attr]
    assert pieces > 1
    assert [number - 1 for _, number, _ in source.broken] == sorted(bad)
    assert sorted([*seen, *(n + 1 for n in bad)]) == list(range(2, 80_002))


# --- CSV: files that cannot be used


@pytest.mark.parametrize("text", ["", "\n \n", " "])
def test_csv__empty_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"cases\.csv: the file is empty"):
        read(csv_file(tmp_path, text))


def test_csv__neither_utf8_nor_gb18030(tmp_path: Path) -> None:
    header = "病例号,性别,年龄,诊断编码\n"
    with pytest.raises(InputError, match=r"not UTF-8: it breaks off at line 2 \(byte 44\)"):
        read(csv_file(tmp_path, header.encode() + "a,M,1,甲\n".encode("gbk")))
    with pytest.raises(InputError, match=r"neither UTF-8 nor GB18030, .* at line 3"):
        read(csv_file(tmp_path, header.encode("gbk") + b"a,M,1,A\nb,M,1,\xff\xff\n"))


def test_csv__not_utf8_in_a_column_that_is_not_read(tmp_path: Path) -> None:
    text = b"remark," + HEADER.encode() + "备注".encode("gbk") + b",a,M,1,A01\n"
    rows, _ = read(csv_file(tmp_path, text))
    assert ids(rows) == [(2, "a")]


@pytest.mark.parametrize("tail", ['"A01\nb,F,2,B01\n', '"A01', '"', '"A01\n'])
def test_csv__a_quotation_mark_that_nothing_closes_swallows_no_rows(
    tmp_path: Path, tail: str
) -> None:
    with pytest.raises(InputError, match="a field that begins with a quotation mark is not closed"):
        read(csv_file(tmp_path, HEADER + 'z,F,2,"B,1"\na,M,1,' + tail))


def test_csv__missing_columns_are_named(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "case_id,sex\na,M\n")
    with pytest.raises(InputError, match="missing columns: age_years, diagnoses") as caught:
        read(path)
    assert caught.value.where == str(path)
    assert "found: case_id, sex" in str(caught.value.remedy)
    with pytest.raises(InputError, match="missing columns: hospital_id, pool, admission_date"):
        read(csv_file(tmp_path, HEADER), "settlement")
    with pytest.raises(
        InputError, match="missing columns: admission_date, discharge_date, total_cost"
    ):
        read(csv_file(tmp_path, HEADER), "history")
    with pytest.raises(InputError, match="missing columns: case_id") as caught:
        read(csv_file(tmp_path, HEADER.replace(",", "#") + "a#M#1#A\n"))
    assert "found: case_id#sex#age_years#diagnoses" in str(caught.value.remedy)


def test_csv__two_columns_of_one_meaning(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two columns mean case_id: '病例号' and another"):
        read(csv_file(tmp_path, "case_id,病例号,sex,age_years,diagnoses\na,b,M,1,A\n"))
    with pytest.raises(InputError, match="two columns have the same header"):
        read(csv_file(tmp_path, "remark,remark," + HEADER + "q,r,a,M,1,A\n"))
    with pytest.raises(InputError, match="both diagnoses and diagnosis_1 are given"):
        read(csv_file(tmp_path, "case_id,sex,age_years,diagnoses,diagnosis_1\na,M,1,A,B\n"))


# --- headers


def test_headers__chinese_and_aliases(tmp_path: Path) -> None:
    text = "病案号,性别,周岁,诊断编码,手术操作编码,备注\na,M,61,K25.900,43.7x00,甲\n"
    rows, _ = read(csv_file(tmp_path, text))
    assert rows == [
        (
            2,
            {
                "case_id": "a",
                "sex": "M",
                "age_years": "61",
                "diagnoses": "K25.900",
                "procedures": "43.7x00",
            },
        )
    ]
    assert drgs(tmp_path / "cases.csv") == ["GB15"]


def test_headers__blanks_around_them(tmp_path: Path) -> None:
    rows, _ = read(csv_file(tmp_path, " case_id , sex,age_years ,diagnoses\na,M,1,A\n"))
    assert ids(rows) == [(2, "a")]


def test_headers__numbered_columns_in_their_order(tmp_path: Path) -> None:
    # diagnosis_10 stands before diagnosis_2 in the file, and after it in the case
    text = (
        "case_id,sex,age_years,诊断10,诊断2,诊断1,手术操作2,手术操作1\n"
        "a,M,61,K92.208,,K25.900,43.7x00,\n"
        "b,M,61,K92.208,K25.900,,,\n"
    )
    result = group(csv_file(tmp_path, text), SCHEME)
    assert result.table["drg"].to_pylist() == ["GB15", None]
    # K92.208 does not count: K25.900 stands on its exclusion list
    assert result.table["severity"].to_pylist() == ["none", None]
    (note,) = result.quarantine.to_pylist()
    assert (note["row"], note["column"], note["reason"]) == (3, "diagnosis_1", "principal_missing")


def test_headers__numbered_columns_without_the_first(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="diagnosis_2 is given without diagnosis_1"):
        read(csv_file(tmp_path, "case_id,sex,age_years,诊断2\na,M,1,A\n"))
    text = HEADER.strip() + ",procedure_2\na,M,1,A,B\n"
    with pytest.raises(InputError, match="procedure_2 is given without procedure_1"):
        read(csv_file(tmp_path, text))


# --- tables and frames


def arrow_forms() -> dict[str, Any]:
    table = pa.table(FOUR)
    lists = pa.table({**FOUR, "diagnoses": [["K25.900"], ["I50.900", "", None, "E11.900"]]})
    words = pa.table({name: pa.array(FOUR[name]).dictionary_encode() for name in FOUR})
    views = {name: pa.array([str(v) for v in FOUR[name]], pa.string_view()) for name in FOUR}
    many = {name: pa.array([str(v) for v in FOUR[name]], pa.large_string()) for name in FOUR}
    column = lists["diagnoses"]
    return {
        "table": table,
        "batch": table.to_batches()[0],
        "reader": lambda: table.to_reader(),
        "chunks": pa.concat_tables([table.slice(0, 1), table.slice(1, 1)]),
        "slice": pa.concat_tables([table, table]).slice(2, 2),
        "pandas": pd.DataFrame(FOUR),
        "pandas categorical": pd.DataFrame(FOUR).astype({"sex": "category"}),
        "duckdb": lambda: duckdb.from_arrow(table),
        "lists": lists,
        "list slice": pa.concat_tables([lists, lists]).slice(2, 2),
        "large lists": lists.set_column(
            3, "diagnoses", column.cast(pa.large_list(pa.large_string()))
        ),
        "view lists": lists.set_column(3, "diagnoses", column.cast(pa.list_(pa.string_view()))),
        "fixed lists": lists.set_column(
            3,
            "diagnoses",
            pa.array([["K25.900", None], ["I50.900", "E11.900"]], pa.list_(pa.string(), 2)),
        ),
        "lists of words": lists.set_column(
            3,
            "diagnoses",
            pa.ListArray.from_arrays(
                [0, 1, 3], pa.array(["K25.900", "I50.900", "E11.900"]).dictionary_encode()
            ),
        ),
        "dictionaries": words,
        "views": pa.table(views),
        "large texts": pa.table(many),
    }


@pytest.mark.parametrize("form", sorted(arrow_forms()))
def test_objects__every_form_of_a_table_groups_alike(form: str) -> None:
    made = arrow_forms()[form]
    assert drgs(made() if callable(made) else made) == DRGS
    again = arrow_forms()[form]
    rows, _ = read(again() if callable(again) else again)
    assert [number for number, _ in rows] == [1, 2]


def test_objects__no_rows() -> None:
    empty = pa.table(FOUR).slice(0, 0)
    rows, source = read(empty)
    assert rows == []
    assert source.rows == 0
    assert group(empty, SCHEME).counts.total == 0
    assert group(pd.DataFrame(FOUR).iloc[:0], SCHEME).counts.total == 0


def test_objects__a_small_dictionary_that_is_full() -> None:
    codes = pa.array(["K25.900"] + [f"x{i}" for i in range(127)])
    index = pa.array([0, None], pa.int8())
    table = pa.table(FOUR).set_column(3, "diagnoses", pa.DictionaryArray.from_arrays(index, codes))
    result = group(table, SCHEME)
    assert result.table["drg"].to_pylist() == ["GZ15", None]
    assert result.quarantine["reason"].to_pylist() == ["principal_missing"]


@pytest.mark.parametrize("thing", [None, 5, {"case_id": ["a"]}, [], [1], object()])
def test_objects__what_holds_no_cases(thing: Any) -> None:
    with pytest.raises(InputError, match="cannot read cases from a"):
        open_source(thing, GROUPING_COLUMNS)


def test_objects__a_frame_that_is_no_table() -> None:
    doubled = pd.DataFrame([["a", "M", 1, "A", "b"]], columns=[*FOUR, "case_id"])
    with pytest.raises(InputError, match="DataFrame: cannot be read: Duplicate column names"):
        open_source(doubled, GROUPING_COLUMNS)
    with pytest.raises(InputError, match=r"cannot (be read|read cases)"):
        open_source(pd.Series([1]), GROUPING_COLUMNS)


def test_objects__missing_columns() -> None:
    with pytest.raises(InputError, match="Table: missing columns: age_years, diagnoses"):
        open_source(pa.table({"case_id": ["a"], "sex": ["M"]}), GROUPING_COLUMNS)


# --- Parquet and Arrow files


def test_parquet__row_groups_of_every_size(tmp_path: Path) -> None:
    count = 23
    table = pa.table(
        {
            "case_id": [f"c{i}" for i in range(1, count + 1)],
            "sex": ["M"] * count,
            "age_years": list(range(count)),
            "diagnoses": [["K25.900"]] * count,
        }
    )
    for size in (1, 7, 23, 100):
        path = tmp_path / f"{size}.parquet"
        pq.write_table(table, path, row_group_size=size)
        rows, source = read(path)
        assert ids(rows) == [(i, f"c{i}") for i in range(1, count + 1)]
        assert source.rows == count


def test_parquet__a_huge_row_group_comes_in_batches(tmp_path: Path) -> None:
    count = LARGE_ROW_GROUP + 3
    table = pa.table(
        {
            "case_id": pa.array(np.arange(1, count + 1)),
            "sex": pa.array(["M"]).take(pa.array(np.zeros(count, np.int64))),
            "age_years": pa.array(np.full(count, 61)),
            "diagnoses": pa.array(["K25.900"]).take(pa.array(np.zeros(count, np.int64))),
        }
    )
    path = tmp_path / "huge.parquet"
    pq.write_table(table, path, row_group_size=count)
    assert pq.ParquetFile(path).num_row_groups == 1
    source = open_source(path, GROUPING_COLUMNS)
    assert source.rows == count
    first, sizes = 1, []
    for piece in source.pieces:
        part = piece.load()
        assert piece.first_row == first
        assert part["case_id"][0].as_py() == first
        assert part["case_id"][-1].as_py() == first + len(part) - 1
        first += len(part)
        sizes.append(len(part))
    assert sum(sizes) == count
    assert max(sizes) < LARGE_ROW_GROUP


def test_parquet__no_rows(tmp_path: Path) -> None:
    path = tmp_path / "empty.parquet"
    pq.write_table(pa.table(FOUR).slice(0, 0), path)
    rows, source = read(path)
    assert rows == []
    assert source.rows == 0
    assert group(path, SCHEME).counts.total == 0


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_parquet__truncated(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "cases.parquet"
    pq.write_table(pa.table(FOUR), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(InputError, match=r"cases\.parquet: cannot be read: "):
        read(path)


@pytest.mark.parametrize("threads", [1, 2])
def test_parquet__a_damaged_page_inside(tmp_path: Path, threads: int) -> None:
    count = 5000
    table = pa.table(
        {
            "case_id": [f"c{i}" for i in range(count)],
            "sex": ["M"] * count,
            "age_years": [i % 90 for i in range(count)],
            "diagnoses": [f"A{i}" for i in range(count)],
        }
    )
    path = tmp_path / "cases.parquet"
    pq.write_table(table, path)
    data = bytearray(path.read_bytes())
    data[100:2000] = bytes(byte ^ 0xFF for byte in data[100:2000])
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"cases\.parquet: cannot be read: "):
        group(path, SCHEME, threads=threads)


def test_arrow_files__all_kinds(tmp_path: Path) -> None:
    table = pa.table(FOUR)
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    feather.write_feather(table, tmp_path / "b.feather")
    for name in ("a.arrow", "b.feather"):
        rows, _ = read(tmp_path / name)
        assert ids(rows) == [(1, "a"), (2, "b")]
    data = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"a\.arrow: cannot be read"):
        read(tmp_path / "a.arrow")


# --- several files


def test_files__a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    pq.write_table(pa.table(FOUR), tmp_path / "2.parquet")
    (tmp_path / "1.csv").write_text(HEADER + "z,M\ny,M,61,K25.900\n", encoding="utf-8")
    (tmp_path / ".notes.md").write_text("not a case file", encoding="utf-8")
    source = open_source(tmp_path, GROUPING_COLUMNS)
    found = [(p.file, p.first_row, len(p.load())) for p in source.pieces]
    assert found == [("1.csv", 3, 1), ("2.parquet", 1, 2)]
    assert source.broken == [("1.csv", 2, "z,M")]
    assert source.rows is None
    result = group(tmp_path, SCHEME)
    assert result.counts.total == 4
    assert result.table["case_id"].to_pylist() == ["y", "a", "b"]
    assert result.quarantine.to_pylist()[0]["reason"] == "row_broken"


def test_files__a_database_in_a_folder_is_read_by_its_table(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(HEADER + "y,M,61,K25.900\n", encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "2.db")) as database:
        database.execute(
            "create table t as select 'z' case_id, 'M' sex, 61 age_years, 'K25.900' diagnoses"
        )
        database.commit()
    with pytest.raises(InputError, match="no table is named") as caught:
        open_source(tmp_path, GROUPING_COLUMNS)
    assert "2.db" in str(caught.value)
    source = open_source(tmp_path, GROUPING_COLUMNS, "grouping", ReadOptions(table="t"))
    ids = [i for p in source.pieces for i in p.load()["case_id"].to_pylist()]
    assert sorted(ids) == ["y", "z"]


def test_files__that_are_not_there_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "nowhere.parquet")
    (tmp_path / "cases.docx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"unknown kind of file \.docx"):
        read(tmp_path / "cases.docx")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no case files in this folder"):
        read(tmp_path / "empty")
    with pytest.raises(InputError, match="no such file"):
        read([tmp_path / "cases.docx", tmp_path / "nowhere.csv"])


@pytest.mark.parametrize("seed", range(6))
def test_files__rows_in_are_rows_out_and_noted(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines, whole, broken = [], [], []
    number = 1
    for _ in range(200):
        number += 1
        kind = rng.integers(0, 10)
        if kind == 0:
            lines.append(f"b{number},M")
            broken.append(number)
        elif kind == 1:
            lines.append(f"b{number},M,1,A,B,C")
            broken.append(number)
        elif kind == 2:
            lines.append(f'"w\n{number}",M,1,"A,\n""B"""')
            whole.append(number)
        else:
            lines.append(f"w{number},{'M' if kind > 4 else 'Q'},1,K25.900")
            whole.append(number)
        if kind == 9:
            lines.append("")
            number += 1
    path = csv_file(tmp_path, HEADER + "\n".join(lines) + "\n")
    rows, source = read(path)
    assert [number for number, _ in rows] == whole
    assert [row["case_id"].replace("\n", "") for _, row in rows] == [f"w{n}" for n in whole]
    assert [number for _, number, _ in source.broken] == broken
    result = group(path, SCHEME)
    assert result.counts.total == 200
    assert result.counts.quarantined == len(result.quarantine)
    assert len(result.table) == len(whole)


def test_parquet__numbers_of_words_that_its_dictionary_has_not_are_refused(tmp_path: Path) -> None:
    """pyarrow hands such numbers out as they are; kernels would read past the dictionary's end."""
    path = tmp_path / "cases.parquet"
    columns = {
        "case_id": [str(n) for n in range(16)],
        "sex": ["M"] * 16,
        "age_years": ["60"] * 16,
        "diagnoses": ["K22.301"] * 8 + ["I63.900"] * 8,
    }
    schema = pa.schema([pa.field(name, pa.string(), nullable=False) for name in columns])
    table = pa.table(columns, schema=schema)
    pq.write_table(table, path, compression="none", use_dictionary=["diagnoses"])
    raw = path.read_bytes()
    runs = bytes([1, 0x10, 0, 0x10, 1])  # one bit each: eight times word 0, eight times word 1
    assert raw.count(runs) == 1
    path.write_bytes(raw.replace(runs, runs[:4] + bytes([7])))
    with pytest.raises(InputError, match=r"cases\.parquet: cannot be read: "):
        group(path, SCHEME)

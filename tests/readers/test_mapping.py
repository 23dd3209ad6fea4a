"""Mapping files: headers and words of an area's own, and every fault of such a file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from drgpay.cases.mapping import read_mapping
from drgpay.cases.options import ReadOptions
from drgpay.cases.sources import open_source
from drgpay.ground.errors import InputError
from tests.readers.reading import read

TOML = """
ignore = ["备注", "年龄"]

[columns]
"住院流水" = "case_id"
"XB" = "性别"
"岁 数（岁）" = "age_years"
"ICD" = "diagnosis_1"
"ICD2" = "其他诊断编码"
"险" = "pool"

[values.sex]
"男性病人" = "M"
"女性病人" = "F"

[values.pool]
"职工" = "310"
"居民" = "390"
"""
CASES = {
    "住院流水": ["a", "b"],
    "XB": ["男性病人", "女"],
    "岁数(岁)": [61, 62],
    "年龄": ["六十一", "六十二"],
    "ICD": ["A", "B"],
    "ICD2": ["C,D", ""],
    "险": ["职工", "510"],
    "备注": ["x", "y"],
    "别的": ["x", "y"],
}


def mapping(tmp_path: Path, text: str, name: str = "map.toml") -> ReadOptions:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return ReadOptions(mapping=path)


def test_mapping__headers_values_and_ignored(tmp_path: Path) -> None:
    rows, source = read(pa.table(CASES), mapping(tmp_path, TOML), None)
    assert [row for _, row in rows] == [
        {"case_id": "a", "sex": "M", "age_years": 61, "pool": "310", "diagnoses": "A|C|D"},
        {"case_id": "b", "sex": "女", "age_years": 62, "pool": "510", "diagnoses": "B|"},
    ]
    assert source.unknown == ("别的",)
    assert [str(note) for note in source.all_notes()] == [
        "map.toml: the mapping's value '女性病人' of sex does not occur",
        "map.toml: the mapping's value '居民' of pool does not occur",
    ]
    assert "没有出现" in source.all_notes()[0].chinese


def test_mapping__words_of_the_last_piece_count_as_met_although_it_is_loaded_late(
    tmp_path: Path,
) -> None:
    source = open_source(pa.table(CASES), None, "grouping", mapping(tmp_path, TOML))
    pieces = list(source.pieces)  # all are handed out before any is loaded, as to other threads
    for piece in pieces:
        piece.load()
    assert not [note for note in source.all_notes() if "'男性病人'" in note]
    assert [note for note in source.all_notes() if "'女性病人'" in note]


def test_mapping__words_of_a_column_that_is_not_asked_for_are_not_missed(tmp_path: Path) -> None:
    _, source = read(
        pa.table(CASES), mapping(tmp_path, TOML), ["case_id", "sex", "age_years", "diagnoses"]
    )
    assert not [note for note in source.all_notes() if " of pool " in note]


def test_mapping__headers_that_are_in_no_file_are_named(tmp_path: Path) -> None:
    cases = pa.table({"病例号": ["a"], "性别": ["男"], "年龄": [1], "诊断编码": ["A"]})
    text = 'ignore = ["备注"]\n[columns]\n"旧名" = "pool"\n'
    _, source = read(cases, mapping(tmp_path, text), None)
    assert [note.chinese for note in source.all_notes()] == [
        "map.toml：对照文件中的列“旧名”在文件里没有",
        "map.toml：对照文件中的列“备注”在文件里没有",
    ]


def test_mapping__goes_before_our_own_meaning(tmp_path: Path) -> None:
    cases = pa.table(
        {"病例号": ["a"], "流水": ["b"], "性别": ["男"], "年龄": [1], "诊断编码": ["A"]}
    )
    rows, source = read(cases, mapping(tmp_path, '[columns]\n"流水" = "case_id"\n'))
    assert rows[0][1]["case_id"] == "b"
    assert str(source.notes[0]) == "case_id is read from '流水', not from '病例号'"


def test_mapping__finds_the_header_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("某医院\n住院流水;XB;岁数（岁）;ICD\na;男;1;A\n", encoding="gb18030")
    rows, _ = read(path, mapping(tmp_path, TOML))
    assert [row for _, row in rows] == [
        {"case_id": "a", "sex": "男", "age_years": "1", "diagnosis_1": "A"}
    ]


def test_mapping__values_of_dictionaries_numbers_and_truths(tmp_path: Path) -> None:
    options = mapping(
        tmp_path,
        '[values.sex]\n"1.0" = "F"\n"7" = "M"\n[values.icu]\n"true" = "0"\n'
        '[values.age_years]\n"不详" = ""\n',
    )
    base = {"病例号": ["a", "b"], "年龄": ["不详", "5"], "诊断编码": ["A", "B"]}
    table = pa.table({**base, "性别": [7, 7], "重症监护": [True, False]})
    rows, _ = read(table, options)
    assert [(r["sex"], r["icu"], r["age_years"]) for _, r in rows] == [
        ("M", "0", ""),
        ("M", "false", "5"),
    ]
    words = pa.table({**base, "性别": pa.array(["7", " 7 "]).dictionary_encode()})
    assert [row["sex"] for _, row in read(words, options)[0]] == ["M", "M"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("head", ["header,column", "表头,列名"])
def test_mapping__as_csv(tmp_path: Path, encoding: str, head: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(f"{head}\n流水,病例号\nXB,sex\n\n年龄,\n岁,age_years\n", encoding=encoding)
    found = read_mapping(path)
    assert found.columns == {"流水": "case_id", "xb": "sex", "岁": "age_years"}
    assert found.ignore == {"年龄"}


def test_mapping__every_fault_is_named(tmp_path: Path) -> None:
    text = """
    odd = 1
    ignore = ["甲"]
    [columns]
    "甲" = "case_id"
    "乙" = "case_number"
    "丙" = 5
    [values.sexes]
    "x" = "M"
    [values.sex]
    "x" = 1
    [values.diagnoses]
    "x" = "A"
    """
    with pytest.raises(InputError, match="the mapping file cannot be used") as caught:
        read_mapping(mapping(tmp_path, text).mapping)  # type: ignore[arg-type]
    faults = [str(fault) for fault in caught.value.faults]
    assert len(faults) == 7
    for part in (
        "unknown key 'odd'",
        "there is no column 'case_number'",
        "there is no column 5",
        "there is no column 'sexes'; did you mean 'sex'",
        'values.sex: write "word" = "value"',
        "values.diagnoses: codes are not mapped by words",
        "'甲' is both in columns and in ignore",
    ):
        assert any(part in fault for fault in faults), part


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("[columns", "map.toml", "not TOML"),
        ("columns = 1\nvalues = 2\nignore = 3", "map.toml", r"\[columns\] must map headers"),
        ("a,b\n", "map.csv", "the first row must be header,column"),
        ("header,column\na,sex\na,pool\n", "map.csv", "'a' stands twice"),
        ("header,column\na,sexx\n", "map.csv", "there is no column 'sexx'"),
    ],
)
def test_mapping__files_that_cannot_be_used(
    tmp_path: Path, text: str, name: str, message: str
) -> None:
    options = mapping(tmp_path, text, name)
    with pytest.raises(InputError, match=message):
        read_mapping(options.mapping)  # type: ignore[arg-type]


def test_mapping__that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such mapping file"):
        read(pa.table({"a": [1]}), ReadOptions(mapping=tmp_path / "none.toml"))


@pytest.mark.parametrize("headers", [("P3", "P5", "P7", "P321"), ("A48", "A12C", "A14", "C03C")])
def test_file_of_a_bundled_mapping__is_told_of_it(headers: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="mapping hqms") as refused:
        open_source(pa.table({name: ["1"] for name in headers}))
    assert "加 --mapping hqms" in refused.value.text("zh")
    with pytest.raises(InputError) as refused:
        open_source(pa.table({"甲": ["1"], "P3": ["1"]}))
    assert "hqms" not in str(refused.value)

"""One way of reading at every door: files of all kinds, frames, databases, lists, one case."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from drgpay.cases import parse
from drgpay.cases.ages import age_of
from drgpay.cases.convert import convert
from drgpay.cases.tidy import weight_of
from drgpay.cases.values import EMPTY_WORDS
from drgpay.ground.errors import InputError
from drgpay.grouper import Grouper, group
from tests.readers.reading import read

SCHEME = "zj-drg-2022"
Rows = list[dict[str, str]]
BASE = {"case_id": "A", "sex": "M", "age_years": "61", "diagnoses": "K80.101", "procedures": ""}


def rows_of(*given: dict[str, str]) -> Rows:
    names = list(dict.fromkeys(name for row in given for name in (*BASE, *row)))
    rows = [{**BASE, **row, "case_id": f"A{i}"} for i, row in enumerate(given)]
    return [{name: row.get(name, "") for name in names} for row in rows]


def as_text(delimiter: str, name: str) -> Callable[[Rows, Path], Path]:
    def write(rows: Rows, folder: Path) -> Path:
        lines = [delimiter.join(rows[0])]
        lines += [delimiter.join(f'"{v}"' for v in row.values()) for row in rows]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder / name

    return write


def as_excel(rows: Rows, folder: Path) -> Path:
    import xlsxwriter

    book = xlsxwriter.Workbook(folder / "cases.xlsx")
    sheet = book.add_worksheet("病例")
    for place, values in enumerate([list(rows[0]), *(list(row.values()) for row in rows)]):
        for column, value in enumerate(values):
            sheet.write_string(place, column, value)
    book.close()
    return folder / "cases.xlsx"


def as_parquet(rows: Rows, folder: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), folder / "cases.parquet")
    return folder / "cases.parquet"


def as_arrow(rows: Rows, folder: Path) -> Path:
    pyarrow.feather.write_feather(pa.Table.from_pylist(rows), folder / "cases.arrow")
    return folder / "cases.arrow"


def as_database(rows: Rows, folder: Path) -> str:
    path = folder / "cases.db"
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE t ({', '.join(rows[0])})")
        marks = ", ".join("?" * len(rows[0]))
        db.executemany(f"INSERT INTO t VALUES ({marks})", [tuple(row.values()) for row in rows])
    db.close()
    return f"sqlite:{path}?table=t"


def as_categories(rows: Rows, folder: Path) -> Any:
    return pd.DataFrame(rows).astype("category")


DOORS: dict[str, Callable[[Rows, Path], Any]] = {
    "csv": as_text(",", "cases.csv"),
    "tsv": as_text("\t", "cases.tsv"),
    "excel": as_excel,
    "parquet": as_parquet,
    "arrow": as_arrow,
    "frame": lambda rows, folder: pd.DataFrame(rows),
    "categories": as_categories,
    "table": lambda rows, folder: pa.Table.from_pylist(rows),
    "database": as_database,
}
door = pytest.mark.parametrize("door", DOORS)


def groups(cases: Any) -> list[str]:
    made = group(cases, SCHEME)
    why = {note["case_id"]: note["reason"] for note in made.quarantine.to_pylist()}
    return [
        why.get(row["case_id"] or "", "case_id_missing")
        if row["status"] == "quarantined"
        else row["drg"]
        for row in made.table.to_pylist()
    ]


@door
def test_nothings__are_empty_at_every_door(door: str, tmp_path: Path) -> None:
    words = ["-", "—", "/", "无", "NULL", "0", "nan", "None", "N/A", "\\", "\u3000\u200b"]
    rows = rows_of(
        {"procedures": "51.2300"},
        *({"procedures": f"{word}|51.2300"} for word in words),
        {"diagnoses": "K80.101|-|J96.900x001", "procedures": "51.2300|-"},
        {"diagnoses": "-|K80.101"},
    )
    made = DOORS[door](rows, tmp_path)
    assert groups(made) == ["HC35"] * (1 + len(words)) + ["HC31", "principal_missing"]


@door
def test_weights_and_ages__read_alike_at_every_door(door: str, tmp_path: Path) -> None:
    infant = {"age_years": "0", "age_days": "5", "diagnoses": "P07.200", "birth_weight_g": ""}
    later = {"age_years": "0", "age_days": "3", "diagnoses": "P22.000", "birth_weight_g": "3200"}
    dates = {"birth_date": "2023-12-01", "admission_date": "2024-03-02"}
    rows = rows_of(
        {**infant, "birth_weight_g": "1400"},
        {**infant, "birth_weight_g": "2.6"},
        {**infant, "birth_weight_g": "2600克"},
        {**infant, "birth_weight_g": "1"},
        {**infant, "birth_weight_g": "0"},
        {**infant, "birth_weight_g": "无"},
        later,
        {**later, **dates},
        *({**later, "age_days": word} for word in ("3月", "3个月", "3M", "3 10/30", "3月10天")),
        {**later, "age_years": "3月", "age_days": "-"},
        {**later, "age_years": "0", "age_days": "", **dates},
        {**later, "age_years": "2岁3月", "age_days": ""},
        {**later, "age_years": "28天", "age_days": ""},
        {**later, "age_years": "3周", "age_days": ""},
        # months and a half, perhaps; 3.0 is 3
        *({**later, "age_days": word} for word in ("3.5", "3.0", "-3")),
    )
    made = DOORS[door](rows, tmp_path)
    assert groups(made) == [
        "PS19", "PT25", "PT25", "weight_invalid", "0000", "0000", "PR19",
        "age_contradicts_dates", *["0000"] * 8, "PR19", "age_invalid",
        "age_days_invalid", "PR19", "age_days_invalid",
    ]  # fmt: skip


@door
def test_codes__with_names_several_or_as_numbers_at_every_door(door: str, tmp_path: Path) -> None:
    pairs = [
        "I63.900:脑梗死|J96.900x001:呼吸衰竭",
        "I63.900 脑梗死|J96.900x001 呼吸衰竭",
        "脑梗死(I63.900)|呼吸衰竭（J96.900x001）",
        "[I63.900]脑梗死|[J96.900x001]呼吸衰竭",
        "I63.900/J96.900x001",
        "I63.900 J96.900x001",
        "I63.900#J96.900x001",
        "i63.900；Ｊ96.900x001",
    ]
    numbers = ["51.23", "5123", "512300", "51.2300:腹腔镜下胆囊切除术", "99.9", "胆囊切除术"]
    rows = rows_of(
        *({"diagnoses": pair} for pair in pairs), *({"procedures": code} for code in numbers)
    )
    made = DOORS[door](rows, tmp_path)
    assert groups(made) == [
        *["BR21"] * len(pairs), *["HC35"] * 4, "code_as_number", "code_is_name",
    ]  # fmt: skip


@door
def test_coded_columns__one_meaning_however_written(door: str, tmp_path: Path) -> None:
    rows = rows_of(
        *({"discharge_way": word} for word in ("5", "5.0", "05", "5 ", "死亡", "5死亡", "死亡(5)")),
        {"discharge_way": "-"},
        {"discharge_way": "升天"},
        {"sex": "1.0"},
        {"sex": "男(1)"},
        {"icu": "1.0"},
        {"pool": "310.0"},
        {"patient_id": "-"},
        {"admission_way": "急诊"},
    )
    made, _ = read(DOORS[door](rows, tmp_path), wanted=None)
    values = [row for _, row in made]
    assert [row["discharge_way"] for row in values[:8]] == ["5"] * 7 + [""]
    assert values[8]["discharge_way"] == "升天"  # for the check to name
    assert [row["sex"] for row in values[9:11]] == ["M", "M"]
    assert (values[11]["icu"], values[12]["pool"]) == ("1", "310")
    assert (values[13]["patient_id"], values[14]["admission_way"]) == ("", "1")


def test_changes__are_counted_and_said(tmp_path: Path) -> None:
    rows = rows_of({"birth_weight_g": "-"}, {"birth_weight_g": "0"}, {"procedures": "51.23"})
    made = group(pa.Table.from_pylist(rows), SCHEME)
    assert [tuple(row.values()) for row in made.changes.to_pylist()] == [
        ("birth_weight_g", "empty_word", "-", "", 1),
        ("birth_weight_g", "zero", "0", "", 1),
        ("procedure", "number_restored", "51.23", "51.2300", 1),
    ]
    done = convert(pa.Table.from_pylist(rows), tmp_path / "out.csv")
    text = done.changes.read_text(encoding="utf-8")
    assert '"value","birth_weight_g",' in text and '"",1,"占位符按空缺处理"' in text
    assert any("占位符" in note.chinese for note in done.notes)


def test_every_word_for_nothing__is_empty_in_every_kind_of_column() -> None:
    columns = ("patient_id", "age_days", "birth_weight_g", "los_days", "total_cost", "birth_date",
               "discharge_way", "admission_way", "pool", "department")  # fmt: skip
    rows = rows_of(*(dict.fromkeys(columns, word) for word in EMPTY_WORDS))
    made, source = read(pa.Table.from_pylist(rows), wanted=None)
    for _, row in made:
        assert {row[name] for name in columns} == {""}
    counted = sum(n for (column, *_), n in source.read_as.changes.items() if column in columns)
    assert counted == len(columns) * len(EMPTY_WORDS)


def test_numbers__of_frames_mean_what_texts_mean() -> None:
    frame = pd.DataFrame(
        {
            "case_id": ["a", "b", "c", "d"],
            "sex": [1.0, 1.0, 2.0, 1.0],
            "age_years": [61.0, 0.0, 0.0, 0.25],
            "age_days": [np.nan, 5.0, 5.0, np.nan],
            "birth_weight_g": [0.0, 2.6, 1400.0, 3200.0],
            "diagnoses": ["K80.101", "P07.200", "P07.200", "P22.000"],
            "procedures": [51.23, np.nan, np.nan, np.nan],
        }
    )
    assert groups(frame) == ["HC35", "PT25", "PS19", "0000"]


ZONED = "2024-12-31T16:00:00"


@pytest.mark.parametrize(
    "text",
    [f"{ZONED}.000+", f"{ZONED}Z", f"{ZONED}.000+0000", "2024-12-31 16:00:00+00:00",
     "2025-01-01T00:00:00+08:00", "2024-12-31T11:00:00-05:00", "2025-01-01T01:00+09"],
)  # fmt: skip
@door
def test_times_with_a_zone__are_the_day_of_china(door: str, text: str, tmp_path: Path) -> None:
    rows = rows_of({"discharge_date": text, "admission_date": "2024-12-20"})
    made, _ = read(DOORS[door](rows, tmp_path), wanted=None)
    days, bad = parse.dates(pa.chunked_array([pa.array([made[0][1]["discharge_date"]])]))
    assert not bad[0] and str(days.astype("datetime64[D]")[0]) == "2025-01-01"


def test_instants__of_arrow_and_pandas_are_the_day_of_china(tmp_path: Path) -> None:
    moment = pd.Timestamp("2024-12-31 16:30", tz="UTC")
    for zone in ("UTC", "Asia/Shanghai", "America/New_York", "+01:00"):
        frame = pd.DataFrame(rows_of({}))
        frame["discharge_date"] = pd.Series([moment]).dt.tz_convert(zone)
        table = pa.Table.from_pandas(frame)
        pq.write_table(table, tmp_path / "c.parquet")
        for cases in (frame, table, tmp_path / "c.parquet"):
            out = convert(cases, tmp_path / "out.parquet")
            assert str(pq.read_table(out.path)["discharge_date"][0]) == "2025-01-01"


def test_summer_time__of_1988_is_midnight_of_the_day_of_birth() -> None:
    texts = ["1988-05-31T15:00:00Z", "1988-06-01T00:00:00+09:00", "1988-12-31T16:00:00Z"]
    days, _ = parse.dates(pa.array(texts))
    assert days.astype("datetime64[D]").astype(str).tolist() == [
        "1988-06-01", "1988-06-01", "1989-01-01",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["Wed Jan 01 00:00:00 CST 2025", "1735660800000", "20250101103000", "1/1/2025", "01-Jan-25",
     "2025-01-01上午", "2025-01-01 08:00 AM", "2025-01-01garbage", "2025-01-0199", "2024-12-21-",
     "2025-01-01 25:00", "2025-01-01T10:61", "2025-01-01T10:00+15:00", "2025/01-01"],
)  # fmt: skip
def test_dates__that_might_be_anything_are_faults(text: str) -> None:
    assert parse.dates(pa.array([text]))[1][0]


def test_lists__are_read_as_tables_are(tmp_path: Path) -> None:
    def settlement_list(number: int, head: dict[str, str], *operations: str) -> str:
        own = {"setl_id": f"S{number}", "gend": "1", "age": "61", **head}
        diagnosis = {"diag_type": "1", "maindiag_flag": "1", "diag_code": "K80.101"}
        if "nwb_age" in head:
            diagnosis["diag_code"] = "P07.200"
        done = [{"oprn_oprt_type": "2", "oprn_oprt_code": code} for code in operations]
        body = {"setlinfo": own, "diseinfo": [diagnosis], "oprninfo": done}
        return json.dumps(body, ensure_ascii=False)

    infant = {"age": "0", "nwb_age": "5"}
    lines = [
        settlement_list(1, {"dscg_way": "5.0", "dscg_time": f"{ZONED}Z"}, "-", "51.2300"),
        settlement_list(2, {"dscg_way": "死亡", "dscg_time": "2025-01-01"}, "无", "51.23"),
        settlement_list(3, {**infant, "nwb_bir_wt": "2.6"}),
        settlement_list(4, {**infant, "nwb_bir_wt": "1"}),
        settlement_list(5, {"age": "0", "nwb_age": "3月", "nwb_bir_wt": "1400"}),
    ]
    path = tmp_path / "lists.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert groups(path) == ["HC35", "HC35", "PT25", "weight_invalid", "0000"]
    convert(path, tmp_path / "out.parquet")
    made = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["discharge_way"] for row in made[:2]] == ["5", "5"]
    assert [str(row["discharge_date"]) for row in made[:2]] == ["2025-01-01"] * 2


def test_one_case__is_read_as_a_row() -> None:
    grouper = Grouper(SCHEME)

    def drg(diagnoses: list[str], procedures: list[str], **more: Any) -> str:
        case = {"sex": "M", "age_years": 61, **more}
        return grouper.group_case(diagnoses=diagnoses, procedures=procedures, **case).drg

    assert drg(["K80.101"], ["-", "51.2300"]) == "HC35"
    assert drg(["K80.101:胆囊结石", "无", "J96.900x001"], ["51.23"]) == "HC31"
    assert drg(["I63.900 J96.900x001"], []) == "BR21"
    infant = {"age_years": 0, "age_days": 5}
    assert drg(["P07.200"], [], birth_weight_g=2600, **infant) == "PT25"
    assert drg(["P07.200"], [], birth_weight_g=0, **infant) == "0000"
    for wrong in ((["-", "K80.101"], []), (["K80.101"], ["99.9"]), (["K80.101"], ["胆囊切除术"])):
        with pytest.raises(InputError):
            drg(*wrong)
    for grams in (1, 2.6):  # an argument says its unit: no kilograms
        with pytest.raises(InputError):
            drg(["P07.200"], [], birth_weight_g=grams, **infant)


def test_stays__patient_and_number_of_the_stay_are_the_id() -> None:
    given = {"病案号": ["A1", "A1", "A2"], "住院次数": ["1", "02", ""], "性别": ["1"] * 3,
             "年龄": ["61"] * 3, "主要诊断编码": ["I63.900"] * 3}  # fmt: skip
    made, source = read(pa.table(given))
    assert [row["case_id"] for _, row in made] == ["A1-1", "A1-2", "A2"]
    assert any("合成" in note.chinese for note in source.notes)
    none, _ = read(pa.table({**given, "病案号": ["-", "A1", "A1"], "住院次数": ["1", "-", "2.0"]}))
    assert [row["case_id"] for _, row in none] == ["", "A1", "A1-2"]
    alone, source = read(pa.table({**given, "结算ID": ["S1", "S2", "S3"]}))
    assert [row["case_id"] for _, row in alone] == ["S1", "S2", "S3"]


def test_hqms__chinese_headers_and_codes_by_the_bundled_mapping(tmp_path: Path) -> None:
    from drgpay.cases.options import ReadOptions

    front = {"病案号": "N1", "性别": "1", "年龄（岁）": "0", "年龄不足1周岁的年龄（天）": "5",
             "新生儿出生体重（克）": "1400", "新生儿入院体重（克）": "1380", "实际住院（天）": "19",
             "出院主要诊断编码": "P07.100", "出院其他诊断编码1": "P22.000"}  # fmt: skip
    assert groups(pa.Table.from_pylist([front])) == ["PS11"]
    codes = {"P3": "N1", "P2": "1", "P5": "1", "P6": "2024-02-25", "P7": "0", "P66": "0",
             "P22": "2024-03-01 08:30", "P681": "1400", "P321": "P07.100", "P324": "P22.000",
             "P490": "-", "P741": "1"}  # fmt: skip
    letters = {"A48": "N1", "A49": "1", "A12C": "1", "A14": "0", "A16": "5", "A18x01": "1400",
               "C03C": "P07.100", "C06x01C": "P22.000", "C14x01C": "", "B34C": "1"}  # fmt: skip
    for given in (codes, letters):
        made = group(
            pa.Table.from_pylist([given]), SCHEME, reading=ReadOptions(mapping=Path("hqms"))
        )
        assert made.table["drg"].to_pylist() == ["PS11"]
        assert made.table["case_id"].to_pylist() == ["N1-1"]
    with pytest.raises(InputError, match="hqms"):
        group(pa.Table.from_pylist([BASE]), SCHEME, reading=ReadOptions(mapping=Path("hqmz")))


@pytest.mark.parametrize(
    ("text", "grams"), [("2.6kg", "2600"), ("2600 G", "2600"), ("3.25", "3250"), ("0.0", ""),
                        ("-", ""), ("3", None), ("30.5", None), ("3磅", None), ("2600", None)]
)  # fmt: skip
def test_weights__by_their_units(text: str, grams: str | None) -> None:
    read = weight_of(text)
    assert (None if read is None else read[0]) == grams


@pytest.mark.parametrize(
    ("text", "years", "days"),
    [("61岁", 61, None), ("61周岁", 61, None), ("3月龄", 0, 90), ("1岁", 1, None), ("0岁", 0, None),
     ("2Y3M", 2, None), ("10/30", 0, 10), ("72小时", 0, 3), ("14月", 1, 420), ("30天", 0, 30)],
)  # fmt: skip
def test_ages__by_their_units(text: str, years: int, days: int | None) -> None:
    age = age_of(text)
    assert age is not None and (age.years, age.days) == (years, days)


@pytest.mark.parametrize("text", ["3", "三月", "3周", "3+", "3月份", "-3月", "", "月", "3-5月"])
def test_ages__that_say_nothing_certain(text: str) -> None:
    assert age_of(text) is None


LONG = [  # id, sex, age, kind, order, code
    ("A1", "1", "61", "诊断", "2", "J96.900x001"),
    ("A2", "1", "61", "诊断", "1", "I63.900"),
    ("A1", "1", "61", "手术", "1", "51.2300"),
    ("A1", "1", "61", "诊断", "1", "K80.101"),
    ("A3", "1", "61", "诊断", "1", "I63.900"),
    ("A3", "2", "61", "诊断", "2", "J96.900x001"),
    ("A4", "1", "61", "别的", "1", "I63.900"),
]
LONG_HEADERS = ("病例号", "性别", "年龄", "类别", "序号", "编码")


@door
def test_long_tables__a_row_for_each_code(door: str, tmp_path: Path) -> None:
    from drgpay.cases.options import ReadOptions

    rows = [dict(zip(LONG_HEADERS, row, strict=True)) for row in LONG]
    (tmp_path / "long.toml").write_text(
        '[rows]\ncode = "编码"\nkind = "类别"\norder = "序号"\n', encoding="utf-8"
    )
    reading = ReadOptions(mapping=tmp_path / "long.toml")
    made = group(DOORS[door](rows, tmp_path), SCHEME, reading=reading)
    found = {row["case_id"]: row["drg"] for row in made.table.to_pylist()}
    assert found == {"A1": "HC31", "A2": "BR25"}
    assert [(note["case_id"], note["column"], note["reason"]) for note in
            made.quarantine.to_pylist()] == [
        ("A3", "sex", "rows_differ"), ("A4", "kind_of_row", "rows_differ"),
    ]  # fmt: skip
    assert (made.counts.total, made.counts.quarantined) == (4, 2)


MAIN_ROWS = [  # id, kind, code: what comes first is said by the kind, not by the order of the rows
    ("A1", "其他诊断", "J96.900x001"),
    ("A1", "主要诊断", "K80.101"),
    ("A1", "其他手术", "99.2801"),
    ("A1", "主要手术", "51.2300"),
    ("A2", "主要诊断", "I63.900"),
    ("A2", "主要诊断", "I10.x00x002"),
    ("A3", "入院诊断", "I63.900"),
    ("A4", "诊断", "I63.900"),
]


@door
@pytest.mark.parametrize("ordered", [False, True])
def test_long_tables__the_main_code_is_named_by_its_kind(
    door: str, ordered: bool, tmp_path: Path
) -> None:
    from drgpay.cases.options import ReadOptions

    rows = [
        {"病例号": case, "性别": "1", "年龄": "61", "类别": kind, "序号": "1", "编码": code}
        for case, kind, code in MAIN_ROWS
    ]
    if not ordered:
        rows = [{name: v for name, v in row.items() if name != "序号"} for row in rows]
    order = '\norder = "序号"' if ordered else ""
    (tmp_path / "long.toml").write_text(
        f'[rows]\ncode = "编码"\nkind = "类别"{order}\n', encoding="utf-8"
    )
    reading = ReadOptions(mapping=tmp_path / "long.toml")
    made = group(DOORS[door](rows, tmp_path), SCHEME, reading=reading)
    found = {row["case_id"]: row["drg"] for row in made.table.to_pylist()}
    assert found == {"A1": "HC31", "A4": "BR25"}
    assert [(n["case_id"], n["reason"], n["value"]) for n in made.quarantine.to_pylist()] == [
        ("A2", "rows_differ", "主要（main）"),
        ("A3", "rows_differ", "入院诊断"),
    ]


def test_long_tables__diagnoses_and_procedures_in_columns_of_their_own(tmp_path: Path) -> None:
    from drgpay.cases.options import ReadOptions

    (tmp_path / "long.toml").write_text(
        '[columns]\n"号" = "case_id"\n[rows]\ndiagnosis = "诊断码"\nprocedure = "手术码"\n',
        encoding="utf-8",
    )
    table = pa.table(
        {
            "号": ["A1", "A1", "A2", ""],
            "性别": ["男"] * 4,
            "年龄": ["61"] * 4,
            "诊断码": ["K80.101", "J96.900x001", "I63.900", "I63.900"],
            "手术码": ["-", "51.23", "", ""],
        }
    )
    made = group(table, SCHEME, reading=ReadOptions(mapping=tmp_path / "long.toml"))
    assert made.table["drg"].to_pylist()[:2] == ["HC31", "BR25"]
    assert made.quarantine["reason"].to_pylist() == ["case_id_missing"]
    (tmp_path / "bad.toml").write_text('[rows]\ncode = "编码"\n', encoding="utf-8")
    with pytest.raises(InputError, match="cannot be used"):
        group(table, SCHEME, reading=ReadOptions(mapping=tmp_path / "bad.toml"))

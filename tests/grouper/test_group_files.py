"""Grouping of files and tables: order, batches, threads, counts, refusals."""

from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from drgpay.cases import pieces
from drgpay.cases.quarantine import MOST_WHY, Quarantine, RowNote, Why
from drgpay.ground.errors import InputError, SchemeError
from drgpay.grouper import Grouper, group, group_file
from tests.command import drgpay
from tests.grouper.generated import Tables, as_table

COUNT = 9_000


@pytest.fixture(scope="module")
def grouper() -> Grouper:
    return Grouper("zj-drg-2022")


@pytest.fixture(scope="module")
def cases(grouper: Grouper) -> pa.Table:
    return as_table(list(Tables(grouper, 5).drawn(COUNT)))


@pytest.fixture(scope="module")
def expected(grouper: Grouper, cases: pa.Table) -> list[dict[str, object]]:
    return group(cases, grouper, threads=1).table.to_pylist()


@pytest.mark.parametrize("rows", [300, 2_333, 50_000])
@pytest.mark.parametrize("threads", [1, 3])
def test_group_file__is_the_same_for_any_row_group_and_thread_count(
    tmp_path: Path, grouper: Grouper, cases: pa.Table, expected: object, rows: int, threads: int
) -> None:
    pq.write_table(cases, tmp_path / "in.parquet", row_group_size=rows)
    done = group_file(tmp_path / "in.parquet", tmp_path / "out.parquet", grouper, threads=threads)
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == expected
    assert done.counts.total == COUNT


def test_group_file__streams_large_row_groups_in_batches(
    tmp_path: Path,
    grouper: Grouper,
    cases: pa.Table,
    expected: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "LARGE_ROW_GROUP", 3_000)
    monkeypatch.setattr(pieces, "BATCH_ROWS", 1_024)
    pq.write_table(cases, tmp_path / "in.parquet")
    group_file(tmp_path / "in.parquet", tmp_path / "out.parquet", grouper, threads=2)
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == expected


def test_group__takes_every_kind_of_source(
    tmp_path: Path, grouper: Grouper, cases: pa.Table, expected: list[dict[str, object]]
) -> None:
    few, wanted = cases.slice(0, 500), expected[:500]
    texts = few.set_column(
        few.column_names.index("diagnoses"),
        "diagnoses",
        pa.array(["|".join(c) for c in few["diagnoses"].to_pylist()]),
    )
    texts = texts.set_column(
        few.column_names.index("procedures"),
        "procedures",
        pa.array(["|".join(c) for c in few["procedures"].to_pylist()]),
    )
    pc.write_csv(texts, tmp_path / "in.csv")
    with (
        pa.OSFile(str(tmp_path / "in.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, few.schema) as w,
    ):
        w.write_table(few)
    wide = few.drop_columns(["diagnoses", "procedures"])
    for name, plural in (("diagnosis", "diagnoses"), ("procedure", "procedures")):
        lists = few[plural].to_pylist()
        for i in range(max(map(len, lists))):
            column = [codes[i] if i < len(codes) else None for codes in lists]
            wide = wide.append_column(f"{name}_{i + 1}", pa.array(column, pa.string()))
    relation = duckdb.connect()
    relation.register("few", few)
    given = {
        "csv": tmp_path / "in.csv",
        "arrow file": tmp_path / "in.arrow",
        "arrow reader": few.to_reader(),
        "texts": texts,
        "numbered columns": wide,
        "pandas": texts.to_pandas(),
        "pandas lists": few.to_pandas(),
        "duckdb": relation.sql("select * from few"),
    }
    for kind, source in given.items():
        result = group(source, grouper)
        assert result.table.to_pylist() == wanted, kind


def test_group_file__writes_the_same_as_csv(
    tmp_path: Path, grouper: Grouper, cases: pa.Table, expected: list[dict[str, object]]
) -> None:
    pq.write_table(cases, tmp_path / "in.parquet")
    group_file(tmp_path / "in.parquet", tmp_path / "out.csv", grouper)
    read = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
    assert read["drg"].tolist() == [row["drg"] for row in expected]
    assert read["severity_diagnosis"].tolist() == [
        row["severity_diagnosis"] or "" for row in expected
    ]


def test_group__quarantines_bad_rows_and_groups_the_rest(grouper: Grouper) -> None:
    result = group(
        pa.table(
            {
                "case_id": ["a", "b", "c", "d", None, "f"],
                "sex": ["M", "X", "F", "F", "M", None],
                "age_years": ["60", "60", "-1", "61", "5", "7"],
                "diagnoses": [["I63.900"], ["I63.900"], ["I63.900"], [], ["I63.900"], ["I63.900"]],
            }
        ),
        grouper,
    )
    assert result.table["status"].to_pylist() == ["grouped", *["quarantined"] * 5]
    notes = result.quarantine.select(["row", "column", "value", "reason"]).to_pylist()
    assert [tuple(note.values()) for note in notes] == [
        (2, "sex", "X", "sex_invalid"),
        (3, "age_years", "-1", "age_invalid"),
        (4, "diagnoses", "", "principal_missing"),
        (5, "case_id", "", "case_id_missing"),
        (6, "sex", "", "sex_invalid"),
    ]
    assert result.counts.as_dict() == {
        "in": 6,
        "grouped": 1,
        "ambiguous": 0,
        "ungroupable": 0,
        "quarantined": 5,
    }


def test_group__says_why_a_case_is_ungroupable(grouper: Grouper) -> None:
    rows = [
        ("N80.000", "M", 30, "sex_conflict"),
        ("Q99.zzz", "M", 30, "principal_unknown"),
        ("P07.000", "M", 30, "mdc_condition"),
    ]
    for code, sex, age, reason in rows:
        made = grouper.group_case(sex=sex, age_years=age, diagnoses=[code])
        assert (made.drg, made.status, made.reason) == ("0000", "ungroupable", reason)


def test_group__of_nothing_is_empty(grouper: Grouper, cases: pa.Table) -> None:
    result = group(cases.slice(0, 0), grouper)
    assert len(result.table) == 0
    assert result.table.column_names[:4] == ["case_id", "mdc", "adrg", "drg"]


def test_group__of_the_published_test_record(grouper: Grouper) -> None:
    record = {
        "diagnoses": ["K22.301", "K11.901", "E11.900", "I10.x05"],
        "procedures": ["96.0800x005"],
    }
    made = Grouper("chs-drg-1.1").group_case(sex="F", age_years=61, **record)
    assert (made.drg, made.severity, made.severity_diagnosis) == ("GZ13", "CC", "K11.901")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("none.parquet", "no such file"),
        ("cases.xyz", "unknown kind of file"),
        ("bad.parquet", "cannot be read"),
    ],
)
def test_group_file__refuses_what_it_cannot_read(tmp_path: Path, name: str, text: str) -> None:
    if name != "none.parquet":
        (tmp_path / name).write_text("not a table")
    with pytest.raises(InputError, match=text) as caught:
        group_file(tmp_path / name, tmp_path / "out.parquet")
    assert name in str(caught.value)
    assert not (tmp_path / "out.parquet").exists()


def test_group_file__refuses_to_overwrite_its_input(tmp_path: Path, cases: pa.Table) -> None:
    pq.write_table(cases.slice(0, 10), tmp_path / "in.parquet")
    with pytest.raises(InputError, match="the output is one of the inputs"):
        group_file(tmp_path / "in.parquet", tmp_path / "in.parquet")


def test_group__of_an_unknown_scheme_names_the_bundled_ones(cases: pa.Table) -> None:
    with pytest.raises((InputError, SchemeError), match="zj-drg-2022"):
        group(cases, "zj-drg-1999")


def test_command__groups_a_file_and_prints_counts(tmp_path: Path, cases: pa.Table) -> None:
    pq.write_table(cases.slice(0, 100), tmp_path / "in.parquet")
    out = tmp_path / "out.csv"
    done = drgpay("group", tmp_path / "in.parquet", "-o", out, lang="en")
    assert done.returncode == 0, done.stderr
    assert "in 100 = grouped" in done.stdout
    assert "surgical_match = main" in done.stdout
    assert len(out.read_text().splitlines()) == 101


FAULTY = """病案号,性别,年龄,主要诊断编码,其他诊断编码1,主要手术操作编码
a,1,61,K80.101,-,51.23
b,1,abc,I63.900:脑梗死,,
c,1,abd,I63.900,,
d,1,60,-,I63.900,
e,1,60,K80.101,,胆囊切除
f,1,60,I63.900 脑梗死,,
"""


@pytest.mark.parametrize("command", ["group", "convert"])
def test_command__says_in_chinese_why_rows_are_quarantined(tmp_path: Path, command: str) -> None:
    (tmp_path / "甲.csv").write_text(FAULTY, encoding="utf-8")
    words = ["group"] if command == "group" else ["cases", "convert"]
    more = ["--scheme", "zj-drg-2022"]
    done = drgpay(*words, "甲.csv", "-o", "out.csv", *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "  年龄（age_years）：年龄缺失或不是0至150的数，2 行，如 甲.csv 第3行 “abc”；填入院时的周岁数"
    ) in done.stdout
    assert "缺少主要诊断，1 行，如 甲.csv 第5行" in done.stdout
    assert "主要手术的位置写的是名称，不是编码，1 行，如 甲.csv 第6行 “胆囊切除”" in done.stdout
    told = pc.read_csv(tmp_path / "out.csv.changes.csv").to_pylist()
    said = [row["message"] for row in told]
    assert any("存成数字的编码还原" in text for text in said)
    assert any("名称" in text for text in said)
    if command == "group":
        assert "（手术匹配 main，" in done.stdout and "surgical_match" not in done.stdout
        assert "手术操作编码（procedures）：存成数字的编码还原" in said


def test_notes__of_several_files_that_say_the_same_are_told_once(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b", "c"):
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text(
            f"病案号,性别,年龄,主要诊断编码\n{name},1,61,I63.900\n", encoding="utf-8"
        )
    told = [note.chinese for note in group(files, "zj-drg-2022").warnings]
    assert sum("病例号取自“病案号”" in note for note in told) == 1


def test_group__of_a_frame_says_what_it_read_otherwise(grouper: Grouper) -> None:
    """Whoever calls from Python is told what the command line tells."""
    frame = pd.DataFrame(
        {
            "case_id": ["a", "b"], "sex": ["M", "M"], "age_years": [0, 61], "age_days": ["5", "-"],
            "birth_weight_g": [2.6, None], "diagnoses": ["P07.200", "I63.900"], "remark": ["", ""],
        }
    )  # fmt: skip
    done = group(frame, grouper)
    told = [note.chinese for note in done.warnings]
    assert done.unused == ("remark",) and "病例文件中这些列未被使用：remark" in told
    assert any("体重按千克理解" in note for note in told)
    assert any("占位符按空缺处理（“-”）" in note for note in told)


def test_reasons_of_a_quarantine__are_told_the_most_frequent_first() -> None:
    notes = Quarantine()
    for row in range(2, 2 + MOST_WHY + 2):
        notes.add("a.csv", row, f"c{row}", f"column_{row}", "", "count_invalid")
    notes.add("a.jsonl", 3, "", "diag_type", "203", "list_diagnosis_type")
    notes.add("a.jsonl", 9, "", "diag_type", "204", "list_diagnosis_type")
    notes.add("b.csv", 8, None, "", RowNote("×40", "row_broken", times=40), "row_broken")
    why = Why()
    why.add(notes)
    lines = why.lines("zh")
    assert len(lines) == MOST_WHY + 1
    assert "，40 行，如 b.csv 第8行" in lines[0]
    assert (
        lines[1].startswith("诊断类别（diag_type）：不认识的诊断类别") and "第3行 “203”" in lines[1]
    )
    assert lines[-1] == "其余原因 4 行"
    assert why.lines("en")[-1] == "other reasons: 4 rows"


def test_command__reports_a_fault_without_a_traceback(tmp_path: Path) -> None:
    done = drgpay("group", "nothing.parquet", "-o", "out.parquet", cwd=tmp_path)
    assert done.returncode == 5
    assert done.stderr.startswith("错误：nothing.parquet")
    assert "Traceback" not in done.stderr


def test_group__of_one_piece_becomes_a_data_frame(grouper: Grouper, cases: pa.Table) -> None:
    frame = group(cases.slice(0, 50), grouper).to_pandas()
    assert frame["drg"].astype(str).str.len().eq(4).all()

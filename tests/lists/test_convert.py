"""`drgpay cases convert`: canonical types, refunds netted, nothing lost, nothing silent."""

from __future__ import annotations

import csv
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from benchmarks.lists import settlement_list
from drgpay import group
from drgpay.cases.canonical import SCHEMA
from drgpay.cases.convert import convert
from drgpay.ground.errors import InputError
from drgpay.grouper.engine import cached_grouper
from drgpay.grouper.versions import schemes_of
from drgpay.synth import synthesize
from tests.lists.bodies import EX1, PERSONAL, SCHEMES, c07, ex1_lists, ex1_rows, write

TINY = SCHEMES / "ex1-tiny"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def refund(case_id: str, of: dict[str, Any], part: str | None = None) -> dict[str, Any]:
    row = dict(of)
    if part is not None:
        row |= {"total_cost": part, "pool_fund": part, "other_paid": "0"}
    return settlement_list(row | {"case_id": case_id}, refund_of=of["case_id"])


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "region"
    synthesize(folder, 3_000, 11, history_years=1)
    return folder / "cases.parquet"


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".xlsx"])
def test_converted__groups_as_its_source(suffix: str, city: Path, tmp_path: Path) -> None:
    done = convert(city, tmp_path / f"out{suffix}")
    assert done.rows == done.out + done.netted + done.quarantined == 3_000
    assert (done.netted, done.changed) == (0, 0)
    before, after = group(city), group(done.path)
    drg = dict(
        zip(before.table["case_id"].to_pylist(), before.table["drg"].to_pylist(), strict=True)
    )
    lost = {row["case_id"] for row in rows_of(done.quarantine)}
    got = dict(zip(after.table["case_id"].to_pylist(), after.table["drg"].to_pylist(), strict=True))
    assert got == {case: code for case, code in drg.items() if case in got}
    assert all(drg[case] is None for case in lost if case in drg and case not in got)
    assert len(got) > 2_900


def test_parquet__has_canonical_types(tmp_path: Path) -> None:
    done = convert(write(tmp_path / "a.jsonl", *ex1_lists()), tmp_path / "out.parquet")
    table = pq.read_table(done.path)
    assert table.num_rows == 12
    for name in table.column_names:
        assert table.schema.field(name).type == SCHEMA.field(name).type, name
    row = table.to_pylist()[6]
    assert row["admission_date"] == dt.date(2024, 6, 9)
    assert (row["total_cost"], row["age_years"], row["icu"]) == (Decimal("8123.45"), 64, False)
    assert row["diagnoses"] == ["Z08.000", "E11.900"]
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_csv_and_excel__read_as_people_read_them(tmp_path: Path) -> None:
    lists = [c07(setl_id="0000123"), *ex1_lists()]
    lists[1]["setlinfo"]["fixmedins_name"] = "=1+1"
    source = write(tmp_path / "a.jsonl", *lists)
    convert(source, tmp_path / "out.csv")
    row = rows_of(tmp_path / "out.csv")[0]
    assert row["case_id"] == "0000123"
    assert row["diagnoses"] == "K22.301|E11.900"
    assert (row["icu"], row["admission_date"], row["total_cost"]) == ("0", "2024-06-09", "8123.45")
    convert(source, tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    head, first, *_ = sheet.iter_rows()
    cells = {h.value: c for h, c in zip(head, first, strict=True)}
    assert (cells["病例号"].value, cells["病例号"].number_format) == ("0000123", "@")
    assert cells["诊断编码"].value == "K22.301|E11.900"
    assert cells["总费用"].value == 8123.45
    assert cells["入院日期"].value == dt.datetime(2024, 6, 9)


def test_refunds__are_netted_and_listed(tmp_path: Path) -> None:
    rows = ex1_rows()
    lists = [*ex1_lists(), refund("R1", rows[0]), refund("R2", rows[1], "10000.05"),
             refund("R3", rows[2] | {"case_id": "nowhere"})]  # fmt: skip
    done = convert(write(tmp_path / "a.jsonl", *lists), tmp_path / "out.parquet")
    assert (done.rows, done.out, done.netted, done.quarantined) == (15, 11, 3, 1)
    out = {row["case_id"]: row for row in pq.read_table(done.path).to_pylist()}
    assert "C01" not in out
    assert out["C02"]["total_cost"] == Decimal("79999.95")
    assert out["C02"]["pool_fund"] == Decimal("59999.95")
    assert out["C02"]["items_total"] == Decimal("79999.95")
    changes = {(r["kind"], r["row"], r["case_id"], r["column"]): r for r in rows_of(done.changes)}
    assert ("refund_full", "13", "R1", "total_cost") in changes
    assert ("refund_reversed", "1", "C01", "total_cost") in changes
    part = changes["amount", "2", "C02", "total_cost"]
    assert (part["before"], part["after"]) == ("90000.00", "79999.95")
    orphan = rows_of(done.quarantine)
    assert [(r["file"], r["row"], r["reason"], r["value"]) for r in orphan] == [
        ("a.jsonl", "15", "refund_without_original", "nowhere")
    ]


def test_faulty_rows__are_quarantined_with_their_place(tmp_path: Path) -> None:
    text = (EX1 / "cases.csv").read_text(encoding="utf-8")
    text = text.replace("30000.00", "many").replace("2024-03-14", "2024-03-99", 1)
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    lists = [*ex1_lists()[:1], {"setlinfo": []}]
    lists[0]["setlinfo"]["setl_id"] = "S1"
    source = [tmp_path / "a.csv", write(tmp_path / "b.jsonl", *lists)]
    done = convert(source, tmp_path / "out.parquet")
    assert (done.rows, done.out, done.quarantined) == (14, 11, 3)
    found = {(r["file"], r["row"], r["column"], r["reason"]) for r in rows_of(done.quarantine)}
    assert found == {
        ("a.csv", "2", "total_cost", "money_invalid"),
        ("a.csv", "5", "discharge_date", "date_invalid"),
        ("b.jsonl", "2", "setlinfo", "list_not_a_list"),
    }


def test_principal_missing__does_not_let_the_next_take_its_place(tmp_path: Path) -> None:
    table = pa.table(
        {"case_id": ["a", "b", "c"], "sex": ["M"] * 3, "age_years": ["61", "3.9", "5"],
         "diagnoses": ["|I10.x05", "I63.900||E11.900", ""],
         "admission_conditions": ["1|1", "1||4", None]}
    )  # fmt: skip
    done = convert(table, tmp_path / "out.parquet")
    out = pq.read_table(done.path).to_pylist()
    assert [(r["case_id"], r["diagnoses"], r["admission_conditions"]) for r in out] == [
        ("b", ["I63.900", "E11.900"], ["1", "4"]),
        ("c", [], None),
    ]
    assert [r["reason"] for r in rows_of(done.quarantine)] == ["principal_missing"]
    cut = rows_of(done.changes)
    assert [(r["kind"], r["column"], r["times"]) for r in cut] == [("number", "age_years", "1")]


def test_codes__are_written_as_the_scheme_has_them(tmp_path: Path) -> None:
    grouper = cached_grouper("zj-drg-2022")
    body = c07()
    body["diseinfo"][1]["diag_code"] = "I10.X05"
    body["diseinfo"].append({"diag_type": "1", "diag_code": "A01.000x002", "maindiag_flag": "0"})
    done = convert(
        write(tmp_path / "a.jsonl", body), tmp_path / "out.parquet", schemes=schemes_of(grouper),
        editions=grouper.edition_choice(),
    )  # fmt: skip
    table = pq.read_table(done.path)
    # a list has codes of the insurance edition; the scheme is written in the clinical one
    assert table["diagnoses"].to_pylist() == [["K22.301", "I10.x05", "A01.003"]]
    assert table["code_system"].to_pylist() == ["clinical-2022"]
    assert table.schema.metadata[b"drgpay.code_system"] == b"clinical-2022"
    changes = [(c["before"], c["after"], c["times"]) for c in rows_of(done.changes)]
    assert sorted(changes) == [("A01.000x002", "A01.003", "1"), ("I10.X05", "I10.x05", "1")]
    assert dict(done.tally.rows) == {"insurance-2.0": 1}


def test_code_system__of_the_source_is_kept(tmp_path: Path) -> None:
    table = pa.table(
        {"case_id": ["a"], "sex": ["M"], "age_years": [61], "diagnoses": [["I63.900"]],
         "code_system": ["own-1"]}
    )  # fmt: skip
    done = convert(table, tmp_path / "out.parquet")
    assert pq.read_table(done.path)["code_system"].to_pylist() == ["own-1"]
    assert pq.read_schema(done.path).metadata[b"drgpay.code_system"] == b"own-1"


def test_twice_converted__is_the_same(city: Path, tmp_path: Path) -> None:
    first = convert(city, tmp_path / "one.parquet")
    second = convert(first.path, tmp_path / "two.parquet")
    assert (second.rows, second.quarantined) == (first.out, 0)
    assert pq.read_table(first.path).equals(pq.read_table(second.path))


def test_output__is_refused_where_it_would_do_harm(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", c07())
    for out in ("out.txt", "none/out.csv", "a.jsonl"):
        with pytest.raises(InputError) as found:
            convert(source, tmp_path / out)
        assert found.value.remedy
    convert(source, tmp_path / "b.parquet")
    with pytest.raises(InputError):
        convert(tmp_path / "b.parquet", tmp_path / "b.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.jsonl", "b.parquet", "b.parquet.changes.csv", "b.parquet.quarantine.csv",
    ]  # fmt: skip


def test_personal_data__is_in_no_output(tmp_path: Path) -> None:
    lists: list[Any] = ex1_lists()
    for body in lists:
        body["setlinfo"]["hi_no"] = body["setlinfo"]["certno"]
    lists.append('{"psn_name": "张某某", "setlinfo": {')
    source = write(tmp_path / "a.jsonl", *lists)
    for suffix in ("csv", "parquet"):
        convert(source, tmp_path / f"out.{suffix}")
    texts = [p.read_text(encoding="utf-8") for p in tmp_path.glob("out*.csv")]
    texts.append(str(pq.read_table(tmp_path / "out.parquet").to_pylist()))
    assert len(texts) == 6
    for word in PERSONAL:
        assert not [text for text in texts if word in text]


def test_command__says_what_came_in_and_what_became_of_it(tmp_path: Path) -> None:
    from drgpay.cli.cases_convert import convert as command

    lists = [*ex1_lists(), refund("R1", ex1_rows()[0]), "{"]
    source = write(tmp_path / "a.jsonl", *lists)
    out = tmp_path / "out.parquet"
    done = CliRunner().invoke(command, [str(source), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "收到 14 = 写出 11 + 退费冲抵 2 + 隔离 1" in done.output
    assert out.name in done.output and "changes.csv" in done.output

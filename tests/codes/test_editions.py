"""Editions of codes: said by a row, by an option, or found out by counting; mapped and listed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import drgpay
from drgpay.cases.codes import Changes, Reading, Recoder, backward
from drgpay.cases.editions import SAMPLE, CodeTally, edition_named
from drgpay.cli import cli
from drgpay.ground.errors import InputError
from drgpay.grouper import Grouper
from drgpay.grouper.check import check_cases
from drgpay.grouper.stream import group_file

SCHEME = "zj-drg-2022"
# written in the insurance edition, and what zj-drg-2022 makes of them once mapped
WRITTEN = ["J44.100x001|I10.x00x002", "J96.000x001", "N07.900x002", "A21.200", "E11.000x013"]
MAPPED = ["J44.100|I10.x00x002", "J96.000", "N07.900x001", "A21.201+J17.0*", "E11.003"]


@pytest.fixture(scope="module")
def plain() -> Grouper:
    return Grouper(SCHEME)


def cases(diagnoses: list[str], editions: list[str | None] | None = None) -> pa.Table:
    count = len(diagnoses)
    table = pa.table(
        {
            "case_id": [f"c{i}" for i in range(count)],
            "sex": ["M"] * count,
            "age_years": [61] * count,
            "diagnoses": diagnoses,
            "procedures": [""] * count,
        }
    )
    if editions is not None:
        table = table.append_column("code_system", pa.array(editions, pa.string()))
    return table


def drgs(result: drgpay.GroupResult) -> list[str]:
    return result.table["drg"].to_pylist()


# --- what says the edition ------------------------------------------------------------------------


def test_words__of_one_edition() -> None:
    for word in ("insurance-2.0", "医保版", " 医保版 2.0 ", "医保２.０", "Insurance"):
        assert edition_named(word) == "insurance-2.0"
    for word in ("clinical-2022", "国临版", "国临版2.0", "临床版"):
        assert edition_named(word) == "clinical-2022"
    assert edition_named("own-1") == "own-1"


def test_declared__codes_are_mapped_and_listed(plain: Grouper) -> None:
    mapped = drgs(drgpay.group(cases(MAPPED), plain, codes=None))
    result = drgpay.group(cases(WRITTEN), SCHEME, codes="医保版")
    assert drgs(result) == mapped and "0000" not in mapped
    assert {row["why"] for row in result.changes.to_pylist()} == {"insurance_code"}
    assert result.codes.changed == 5 and result.codes.tally.of_all == 0
    (said,) = result.codes.first()
    assert "医保版（insurance-2.0）" in said.chinese and "5 个编码" in said.chinese


def test_declared_as_the_schemes__stay_unknown_and_that_is_said_first() -> None:
    result = drgpay.group(cases(WRITTEN), SCHEME, codes="clinical-2022")
    assert drgs(result) == ["0000"] * 5  # A21.200 is known, and no MDC lists it
    first = result.codes.first()
    assert "4 个是医保版（insurance-2.0）编码" in first[0].chinese
    assert "--codes insurance-2.0" in first[0].chinese and first == result.warnings[: len(first)]
    line = result.codes.line()
    assert "诊断 6 个中不认识的 4 个" in line.chinese
    assert "未入组 5 例：主要诊断不在本方案的编码库中 4 例" in line.chinese


def test_counting__finds_the_insurance_edition_and_says_so(plain: Grouper) -> None:
    result = drgpay.group(cases(WRITTEN), plain)
    assert drgs(result) == drgs(drgpay.group(cases(MAPPED), plain))
    assert "按计数作医保版（insurance-2.0）读入" in result.codes.first()[0].chinese
    (found,) = result.codes.found
    assert (found.edition, found.own, found.codes) == ("insurance-2.0", "clinical-2022", 6)
    assert dict(found.knows) == {"clinical-2022": 2, "insurance-2.0": 6}


def test_counting__keeps_the_schemes_edition_where_it_knows_all(plain: Grouper) -> None:
    result = drgpay.group(cases(MAPPED), plain)
    assert [f.edition for f in result.codes.found] == ["clinical-2022"]
    assert result.codes.first() == [] and result.changes.num_rows == 0
    assert "未写明，按计数判断" in result.codes.line().chinese


def test_counting__one_slip_does_not_move_a_file(plain: Grouper) -> None:
    result = drgpay.group(cases([*MAPPED, "I10.x99", "Q99.999", "J44.100x001"]), plain)
    assert [f.edition for f in result.codes.found] == ["clinical-2022"]
    assert result.changes.num_rows == 0


def test_rows__say_it_before_the_option(plain: Grouper) -> None:
    said = cases(
        ["A21.200", "A21.200", "A21.200", "J44.100x001"],
        ["国临版", "医保版2.0", None, "insurance-2.0"],
    )
    result = drgpay.group(said, SCHEME, codes="insurance-2.0")
    alone = drgs(drgpay.group(cases(["A21.200", "A21.201+J17.0*", "J44.100"]), plain))
    assert drgs(result) == [alone[0], alone[1], alone[1], alone[2]]
    assert dict(result.codes.tally.rows) == {"insurance-2.0": 3, "clinical-2022": 1}
    assert result.codes.found == []


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx", "dictionary"])
def test_rows__say_it_at_every_door(kind: str, tmp_path: Path, plain: Grouper) -> None:
    said = cases(WRITTEN, ["医保版"] * len(WRITTEN))
    whole = said
    if kind == "csv":
        from pyarrow import csv

        csv.write_csv(said, tmp_path / "a.csv")
    elif kind == "parquet":
        pq.write_table(said, tmp_path / "a.parquet")
    elif kind == "xlsx":
        said.to_pandas().to_excel(tmp_path / "a.xlsx", index=False)
    else:
        at = said.column_names.index("code_system")
        whole = said.set_column(at, "code_system", said["code_system"].dictionary_encode())
    given = whole if kind == "dictionary" else tmp_path / f"a.{kind}"
    result = drgpay.group(given, plain)
    assert drgs(result) == drgs(drgpay.group(cases(MAPPED), plain))
    assert result.codes.tally.rows["insurance-2.0"] == len(WRITTEN)


def test_files__each_have_their_own(tmp_path: Path, plain: Grouper) -> None:
    pq.write_table(cases(MAPPED), tmp_path / "a.parquet")
    pq.write_table(cases(WRITTEN), tmp_path / "b.parquet")
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    result = drgpay.group(paths, plain)
    assert drgs(result) == 2 * drgs(drgpay.group(cases(MAPPED), plain))
    found = {f.file: f.edition for f in result.codes.found}
    assert found == {"a.parquet": "clinical-2022", "b.parquet": "insurance-2.0"}


def test_counting__the_first_rows_decide_however_a_file_is_cut(plain: Grouper) -> None:
    many = cases((WRITTEN * SAMPLE)[: 3 * SAMPLE])
    batches = [pa.table(many).slice(i, 700).to_batches()[0] for i in range(0, len(many), 700)]
    cut = pa.RecordBatchReader.from_batches(many.schema, batches)
    for threads in (1, 3):
        whole = drgpay.group(many, plain, threads=threads)
        assert "0000" not in drgs(whole)
    assert drgs(drgpay.group(cut, plain, threads=3)) == drgs(whole)


def test_unknown_edition__is_refused() -> None:
    with pytest.raises(InputError, match="cannot read codes of 'ICD-9'"):
        drgpay.group(cases(MAPPED), SCHEME, codes="ICD-9")


# --- lists: always the insurance edition --------------------------------------------------------


def settlement_list(diagnosis: str, number: int) -> dict[str, object]:
    return {
        "setlinfo": {"mdtrt_id": f"m{number}", "setl_id": f"s{number}", "gend": "1",
                     "age": 61, "hi_type": "310", "dscg_way": "1",
                     "adm_time": "2024-03-01 08:00:00", "dscg_time": "2024-03-05 10:00:00"},
        "diseinfo": [{"diag_type": "1", "diag_code": diagnosis, "maindiag_flag": "1"}],
        "oprninfo": [],
    }  # fmt: skip


def test_lists__are_of_the_insurance_edition(tmp_path: Path, plain: Grouper) -> None:
    path = tmp_path / "lists.jsonl"
    written = [code.split("|")[0] for code in WRITTEN]
    lists = [settlement_list(code, i) for i, code in enumerate(written)]
    path.write_text("\n".join(json.dumps(one) for one in lists), encoding="utf-8")
    result = drgpay.group(path, plain)
    assert drgs(result) == drgs(drgpay.group(cases([c.split("|")[0] for c in MAPPED]), plain))
    assert dict(result.codes.tally.rows) == {"insurance-2.0": len(written)}
    assert "医保版（insurance-2.0）" in result.codes.first()[0].chinese
    # of a family, too, whose versions are written in several editions: those of 2024 are mapped
    family = drgpay.group(path, "zhejiang")
    assert drgs(family) == drgs(result)
    assert family.codes.first() == result.codes.first()


# --- from the clinical edition to the insurance edition ------------------------------------------


def test_backward__identity_then_the_only_source_never_a_guess() -> None:
    pairs = {"A1": "A1", "I1": "C1", "I2": "C2", "I3": "C2", "I4": "A1"}
    assert backward(pairs, {"A1", "I1", "I2", "I3", "I4"}) == {"C1": "I1"}
    # what neither table has and the map leads to a known code goes there
    assert backward({"X9": "A1", "Y9": "Z9"}, {"A1"}) == {"X9": "A1"}


def test_backward__every_code_that_the_scheme_knows_stays() -> None:
    import numpy as np

    known = ["A1", "I1", "I2"]

    def encode(codes: pa.Array) -> object:
        return np.array([known.index(c) + 1 if c in known else 0 for c in codes.to_pylist()])

    reading = Reading({"C1": "I1", "A1": "I2"}, "clinical_code", False)
    recoder = Recoder("diagnosis", encode, 3, "insurance-2.0", {"clinical-2022": lambda: reading})
    words = pa.array(["A1", "C1", "C7", "C7"]).dictionary_encode()
    changes: Changes = Changes()
    read = recoder.words(words, changes, "clinical-2022")
    assert read.to_pylist() == ["A1", "I1", "C7", "C7"]
    assert changes == {
        ("diagnosis", "clinical_code", "C1", "I1"): 1,
        ("diagnosis", "no_target", "C7", ""): 2,
    }
    index = {code: i + 1 for i, code in enumerate(known)}
    assert [recoder.one(c, index, "clinical-2022") for c in ("A1", "C1", "C7")] == [
        "A1", "I1", "C7",
    ]  # fmt: skip
    tally = CodeTally()
    raw = pa.array(["C1", "A1", "zz", "C1"]).dictionary_encode()
    tally.note(recoder, raw, encode(raw.dictionary))
    assert (tally.met["diagnosis"], tally.unknown["diagnosis"]) == (4, 3)
    assert tally.better() == ("clinical-2022", 2)


# --- the commands ----------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_group__says_the_edition_before_anything_else_and_ends_with_the_line(
    tmp_path: Path,
) -> None:
    pq.write_table(cases(WRITTEN), tmp_path / "a.parquet")
    source, out = str(tmp_path / "a.parquet"), str(tmp_path / "o.parquet")
    said = run("group", source, "-o", out, "--scheme", SCHEME, "--codes", "clinical-2022")
    lines = said.strip().splitlines()
    assert "--codes insurance-2.0" in lines[0]
    assert "4 " in lines[-1] and "insurance" not in lines[-1]
    said = run("group", source, "-o", out, "--scheme", SCHEME, "--codes", "insurance-2.0")
    again = run("group", source, "-o", out, "--scheme", SCHEME, "--from-insurance-codes")
    assert "0000" not in pq.read_table(out)["drg"].to_pylist()
    assert said.splitlines()[0] == again.splitlines()[0]
    checked = run("cases", "check", source, "--scheme", SCHEME, "--for", "grouping")
    assert "insurance-2.0" in checked.splitlines()[0]
    explained = run(
        "explain", "--scheme", SCHEME, "--sex", "M", "--age", "61", "--dx", "A21.200",
        "--codes", "insurance-2.0",
    )  # fmt: skip
    assert "A21.201+J17.0*" in explained


def test_convert__maps_and_marks_what_it_mapped(tmp_path: Path) -> None:
    pq.write_table(cases(WRITTEN, ["医保版", None, None, None, None]), tmp_path / "a.parquet")
    out = tmp_path / "o.parquet"
    run(
        "cases", "convert", str(tmp_path / "a.parquet"), "-o", str(out), "--scheme", SCHEME,
        "--codes", "clinical-2022",
    )  # fmt: skip
    table = pq.read_table(out)
    assert table["diagnoses"].to_pylist()[:2] == [["J44.100", "I10.x00x002"], ["J96.000x001"]]
    assert table["code_system"].to_pylist() == ["clinical-2022", None, None, None, None]


def test_check__reads_as_grouping_does() -> None:
    done = check_cases(cases(WRITTEN), SCHEME, purpose="grouping")
    assert done.codes is not None and done.codes.tally.of_all == 0
    assert done.by_check.get("principal_unknown") is None


def test_group_file__counts_add_up_over_pieces(tmp_path: Path) -> None:
    many = cases((["J44.100", "Q99.999"] * SAMPLE)[: 2 * SAMPLE])
    pq.write_table(many, tmp_path / "a.parquet", row_group_size=500)
    done = group_file(tmp_path / "a.parquet", tmp_path / "o.parquet", SCHEME)
    assert done.codes.tally.met == {"diagnosis": 2 * SAMPLE, "procedure": 0}
    assert done.codes.tally.unknown == {"diagnosis": SAMPLE}
    assert done.codes.ungrouped == done.counts.ungroupable == SAMPLE
    assert done.codes.cases == 2 * SAMPLE

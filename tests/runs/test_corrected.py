"""Cases that a settled year quarantined, corrected later, in a reopened year."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.year_end import year_end as command
from drgpay.ground.errors import BooksError, InputError
from drgpay.reopening.reopen import reopen
from drgpay.report.html import write_report
from drgpay.report.letters import write_letters
from drgpay.report.runs_diff import diff_lines
from drgpay.runs.folder import write_run
from drgpay.runs.records import diff_runs
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.trials.sensitivity import write_sensitivity
from drgpay.why.case import why_case
from drgpay.why.folder import RunFolder
from tests.lists.bodies import ex1_lists, write
from tests.months.folders import change, ex1, rows_of, write_rows
from tests.runs.test_reopening import REMOVED, case_of, digests, later, with_value

WRONG = {
    "C03": ("discharge_date", "2024-02-31"),
    "C06": ("hospital_id", "H9"),
    "C08": ("total_cost", "abc"),
}
FIXED = ("C01", "C03", "C06", "C08")


def spoil(region: Path, wrong: dict[str, tuple[str, str]], twice: Sequence[str] = ()) -> None:
    rows = rows_of(region / "cases.csv")
    for row in list(rows):
        if row["case_id"] in wrong:
            column, value = wrong[row["case_id"]]
            row[column] = value
        if row["case_id"] in twice:
            rows.append(dict(row))
    write_rows(region / "cases.csv", rows)


def right(*cases: str) -> list[dict[str, str]]:
    found = {r["case_id"]: r for r in rows_of(Path(__file__).parents[1] / "cases/ex1/cases.csv")}
    return [dict(found[case]) for case in cases]


def fix(path: Path, *cases: str, **changed: str) -> Path:
    write_rows(path, [{**row, **changed} for row in right(*cases)])
    return path


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """EX1's folder with three faulty cases and one that stands twice, and its run."""
    home = tmp_path_factory.mktemp("settled")
    region = ex1(home)
    spoil(region, WRONG, ["C01"])
    yield region, write_run(year_end(region), home / "v1")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> YearEnd:
    """EX1 settled with cases that were right from the start."""
    return year_end(ex1(tmp_path_factory.mktemp("fresh")))


def manifest_of(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text(encoding="utf-8"))


def amounts(run: YearEnd) -> list[tuple[object, ...]]:
    return [
        (h.hospital_id, h.pool, h.sums.cases, h.sums.net_points, h.due_fen, h.sums.n_fen)
        for h in run.hospitals
    ]


def refused(*args: object, **more: object) -> str:
    with pytest.raises(InputError) as caught:
        reopen(*args, **more)  # type: ignore[arg-type]
    return caught.value.text("en")


# --- amounts


def test_all_corrected__is_the_run_of_cases_that_were_right(
    settled: tuple[Path, Path], fresh: YearEnd, tmp_path: Path
) -> None:
    run = reopen(*settled, corrected=[fix(tmp_path / "fix.csv", *FIXED)])
    assert amounts(run) == amounts(fresh)
    assert [p.point_value_fen for p in run.pools] == [p.point_value_fen for p in fresh.pools]
    for number in range(1, 13):
        assert case_of(run, f"C{number:02d}") == case_of(fresh, f"C{number:02d}")
    assert run.counts == fresh.counts
    before = {(h.hospital_id, h.pool): h for h in year_end(settled[0]).hospitals}
    for h in run.hospitals:
        old = before.get((h.hospital_id, h.pool))
        paid = (0, 0) if old is None else (old.prepaid_fen, old.deposit_fen)
        assert (h.prepaid_fen, h.deposit_fen) == paid


def test_account_that_only_a_corrected_case_opens__was_prepaid_nothing(
    fresh: YearEnd, tmp_path: Path
) -> None:
    region = ex1(tmp_path)
    own = [r["case_id"] for r in rows_of(region / "cases.csv") if r["hospital_id"] == "H3"]
    spoil(region, {case: ("sex", "?") for case in own})
    first = write_run(year_end(region), tmp_path / "v1")
    told = pq.read_table(first / "hospitals.parquet")["hospital_id"].to_pylist()
    assert "H3" not in told
    run = reopen(region, first, corrected=[fix(tmp_path / "fix.csv", *own)])
    assert amounts(run) == amounts(fresh)
    for h in run.hospitals:
        if h.hospital_id == "H3":
            assert (h.prepaid_fen, h.deposit_fen) == (0, 0)
            assert h.final_fen == h.due_fen - h.violation_fen


def test_kinds_of_files__come_to_the_same(settled: tuple[Path, Path], tmp_path: Path) -> None:
    region, first = settled
    rows = right(*FIXED)
    expected = reopen(region, first, corrected=[fix(tmp_path / "a.csv", *FIXED)])
    book = openpyxl.Workbook()
    heads = {"total_cost": "总费用", "pool_fund": "统筹基金支付", "sex": "性别"}
    book.active.append([heads.get(name, name) for name in rows[0]])
    for row in rows:
        cells: list[object] = [
            float(v) if name in ("total_cost", "pool_fund") else v for name, v in row.items()
        ]
        book.active.append(cells)
    book.save(tmp_path / "b.xlsx")
    typed = [
        {
            **row,
            "total_cost": Decimal(row["total_cost"]),
            "age_years": int(row["age_years"]),
            "diagnoses": row["diagnoses"].split("|"),
            "icu": row["icu"] == "1",
        }
        for row in rows
    ]
    pq.write_table(pa.Table.from_pylist(typed), tmp_path / "c.parquet")
    for name in ("b.xlsx", "c.parquet"):
        run = reopen(region, first, corrected=[tmp_path / name])
        assert amounts(run) == amounts(expected)
        assert run.region.corrected is not None
        assert expected.region.corrected is not None
        ids = run.region.corrected.rows["case_id"].to_pylist()
        assert ids == expected.region.corrected.rows["case_id"].to_pylist()


def test_settlement_lists__one_that_could_not_be_read_comes_back(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    (region / "cases.csv").unlink()
    change(region / "region.toml", lambda text: text.replace("cases.csv", "cases.jsonl"))
    bodies = ex1_lists()
    write(region / "cases.jsonl", *bodies)
    whole = year_end(region)
    wrong = copy.deepcopy(bodies)
    wrong[3]["iteminfo"][0]["amt"] = "x"
    wrong[5]["setlinfo"]["dscg_time"] = "2024-02-31"
    write(region / "cases.jsonl", *wrong)
    first = write_run(year_end(region), tmp_path / "v1")
    reasons = pq.read_table(first / "quarantine.parquet")["reason"].to_pylist()
    assert sorted(reasons) == ["date_invalid", "list_amount"]
    write(tmp_path / "fix.jsonl", bodies[3], bodies[5])
    run = reopen(region, first, corrected=[tmp_path / "fix.jsonl"])
    assert amounts(run) == amounts(whole)
    assert run.counts == whole.counts


def test_on_disk__as_in_memory(settled: tuple[Path, Path], tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(settled[0], region)
    rows = rows_of(region / "cases.csv")
    (region / "cases.csv").unlink()
    pq.write_table(pa.Table.from_pylist(rows), region / "cases.parquet")
    change(region / "region.toml", lambda text: text.replace("cases.csv", "cases.parquet"))
    first = write_run(year_end(region), tmp_path / "v1")
    file = fix(tmp_path / "fix.csv", *FIXED)
    memory = reopen(region, first, corrected=[file])
    disk = reopen(region, first, corrected=[file], memory_cases=1, spool=tmp_path)
    assert disk.prepared.pieces.on_disk
    assert amounts(disk) == amounts(memory)


def test_with_violations__both_are_taken_in(
    settled: tuple[Path, Path], fresh: YearEnd, tmp_path: Path
) -> None:
    file = fix(tmp_path / "fix.csv", *FIXED)
    run = reopen(*settled, later(tmp_path, REMOVED), corrected=[file])
    assert case_of(run, "C03")["points"] == 0  # a corrected case that a violation removes
    whole = write_run(fresh, tmp_path / "fresh")
    same = reopen(ex1(tmp_path), whole, later(tmp_path, REMOVED))
    assert amounts(run) == amounts(same)


# --- what is told


def test_rows__are_counted_once_each(settled: tuple[Path, Path], tmp_path: Path) -> None:
    region, first = settled
    before = digests(first)
    file = fix(tmp_path / "fix.csv", "C01", "C06")
    run = reopen(region, first, corrected=[file])
    out = write_run(run, tmp_path / "v2")
    assert digests(first) == before
    m = manifest_of(out)
    # 13 rows of cases + 2 = 10 paid + 0 held + 2 quarantined + 3 replaced (C01 stood twice)
    assert m["ends"] == {"paid": 10, "held": 0, "quarantined": 2, "replaced": 3}
    assert m["counts"]["in"] == 12
    told = m["later_cases"]
    assert [(f["file"], f["rows"]) for f in told["files"]] == [("fix.csv", 2)]
    assert (told["rows"], told["replaced"]) == (2, 3)
    assert told["ends"] == {"paid": 2, "held": 0, "quarantined": 0, "replaced": 0}
    said = next(c for c in m["checks"] if c["name"] == "corrected")
    assert said["detail"] == "13 + 2 = 10 + 0 + 2 + 3"
    own = next(f for f in m["inputs"] if f["file"] == "cases.csv")
    assert own == next(f for f in manifest_of(first)["inputs"] if f["file"] == "cases.csv")
    assert not any("fix.csv" in f["file"] for f in m["inputs"])
    gone = pq.read_table(out / "corrected.parquet").to_pylist()
    assert [r["case_id"] for r in gone] == ["C01", "C01", "C06"]
    assert {r["correction_file"] for r in gone} == {"v2/fix.csv"}
    quarantined = pq.read_table(first / "quarantine.parquet").to_pylist()
    places = {(r["file"], r["row"], r["reason"]) for r in quarantined}
    assert {(r["file"], r["row"], r["reason"]) for r in gone} < places
    left = pq.read_table(out / "quarantine.parquet")["case_id"].to_pylist()
    assert sorted(left) == ["C03", "C08"]
    rows = pq.read_table(out / "recovery.parquet").to_pylist()
    assert {r["changed_tables"] for r in rows} == {f"fix.csv {told['files'][0]['sha256'][:12]}"}
    sources = {r["from"] for r in rows_of(out / "carried.csv")}
    assert len(sources) == 1
    assert sources.pop().endswith("; fix.csv")
    letters = write_letters(out, tmp_path / "letters")
    cases = pq.read_table(out / "cases.parquet").to_pylist()
    fixed = {r["hospital_id"] for r in cases if r["case_id"] in ("C01", "C06")}
    for name in ("H1", "H2", "H3"):
        letter = (letters / f"{name}.html").read_text(encoding="utf-8")
        assert ("更正的病例 fix.csv" in letter) == (name in fixed)
        assert "其他机构的更正使点值变动" in letter


def test_copied_rows__have_nothing_that_no_settlement_reads(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    file = fix(tmp_path / "fix.csv", "C01")
    rows = [{**row, "姓名": "张三", "birth_date": "1961-01-01"} for row in rows_of(file)]
    write_rows(file, rows)
    out = write_run(reopen(*settled, corrected=[file]), tmp_path / "v2")
    names = pq.read_table(out / "inputs" / "corrected_cases.parquet").column_names
    assert {"patient_id", "diagnoses", "total_cost"} < set(names)
    assert not {"姓名", "birth_date", "department"} & set(names)


def test_same_files__give_the_same_bytes(settled: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = fix(tmp_path / "1.csv", "C01", "C03"), fix(tmp_path / "2.csv", "C08")
    a = write_run(reopen(*settled, corrected=[one, two], threads=1), tmp_path / "a")
    b = write_run(reopen(*settled, corrected=[two, one], threads=2), tmp_path / "b")
    assert digests(a) == digests(b)


def test_why_diff_and_report__name_the_file(settled: tuple[Path, Path], tmp_path: Path) -> None:
    run = reopen(*settled, corrected=[fix(tmp_path / "fix.csv", *FIXED)])
    out = write_run(run, tmp_path / "v2")
    found = why_case(RunFolder(out), "C01")
    assert not found.disagreements
    texts = [str(fact.text) for fact in found.facts]
    assert sum("fix.csv" in text and "cases.csv" in text for text in texts) == 2
    assert not any("fix.csv" in str(f.text) for f in why_case(RunFolder(out), "C02").facts)
    said = "\n".join(diff_lines(diff_runs(settled[1], out), "en"))
    assert "v2/fix.csv" in said
    assert "corrected cases  0 → 4" in said
    assert "rows replaced by corrections  0 → 5" in said
    page = write_report(out, "en").read_text(encoding="utf-8")
    assert "corrected rows (v2/fix.csv)" in page
    assert "corrected cases fix.csv" in page


def test_sensitivity__reads_the_corrected_cases_again(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    file = fix(tmp_path / "fix.csv", *FIXED)
    run = reopen(*settled, later(tmp_path, REMOVED), corrected=[file])
    out = tmp_path / "tables"
    out.mkdir()
    rows = write_sensitivity(run, out)
    # read again under other rules of reading, with what was corrected and what was removed
    assert {r.key: r.state for r in rows}["los_convention"] == "nothing"


# --- versions


def test_corrected_row_that_is_wrong_again__is_quarantined_and_corrected_by_the_next(
    settled: tuple[Path, Path], fresh: YearEnd, tmp_path: Path
) -> None:
    region, first = settled
    file = tmp_path / "fix.csv"
    rows = right(*FIXED)
    rows[1]["discharge_date"] = "2024-02-30"
    write_rows(file, rows)
    second = write_run(reopen(region, first, corrected=[file]), tmp_path / "v2")
    noted = pq.read_table(second / "quarantine.parquet").to_pylist()
    assert [(r["file"], r["case_id"], r["reason"]) for r in noted] == [
        ("v2/fix.csv", "C03", "date_invalid")
    ]
    assert manifest_of(second)["later_cases"]["ends"]["quarantined"] == 1
    file.unlink()
    text = [fact.text.chinese for fact in why_case(RunFolder(second), "C03").facts]
    assert any("fix.csv" in words for words in text)
    third_file = fix(tmp_path / "more.csv", "C03")
    run = reopen(region, second, corrected=[third_file])
    assert amounts(run) == amounts(fresh)
    third = write_run(run, tmp_path / "v3")
    m = manifest_of(third)
    assert m["ends"] == {"paid": 12, "held": 0, "quarantined": 0, "replaced": 6}
    assert m["later_cases"]["ends"] == {"paid": 4, "held": 0, "quarantined": 0, "replaced": 1}
    assert [f["version"] for f in m["later_cases"]["files"]] == [2, 3]
    # a fourth version for another reason still has them all
    fourth = reopen(region, third, later(tmp_path, REMOVED))
    assert case_of(fourth, "C03")["points"] == 0
    assert case_of(fourth, "C06") == case_of(fresh, "C06")


def test_tables_of_the_reopened_run_that_were_changed__are_refused(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    region, first = settled
    for name in ("hospitals.parquet", "quarantine.parquet", "cases.parquet"):
        copy = tmp_path / name.removesuffix(".parquet")
        shutil.copytree(first, copy)
        table = pq.read_table(copy / name)
        pq.write_table(table.slice(1), copy / name)
        with pytest.raises(BooksError, match=name):
            reopen(region, copy, corrected=[fix(tmp_path / "fix.csv", "C01")])
    run = reopen(region, first, corrected=[fix(tmp_path / "fix.csv", "C01")])
    second = write_run(run, tmp_path / "v2")
    path = second / "inputs" / "corrected_cases.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(BooksError, match=r"inputs/corrected_cases\.parquet"):
        reopen(region, second, later(tmp_path, REMOVED))


# --- refusals


def test_rows_that_cannot_be_taken_in__are_refused_together(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    with_value(region, '"ungrouped.rule"', "by_cost", "special_review")
    change(region / "reviews.csv", lambda text: text.replace("C02,granted", "C02,refused"))
    spoil(region, WRONG)
    run = year_end(region)
    assert case_of(run, "C09")["paid_by"] == 2
    first = write_run(run, tmp_path / "v1")
    rows = right("C03", "C04", "C09", "C06", "C03", "C08", "C08")
    rows[3]["case_id"], rows[5]["case_id"] = "C99", " "
    write_rows(tmp_path / "fix.csv", rows)
    text = refused(region, first, corrected=[tmp_path / "fix.csv"])
    for words in (
        "case C04 is paid",
        "case C09 is held",
        "case C99 is not in the run",
        "case C03 stands in fix.csv:",
        "no case_id",
    ):
        assert words in text
    assert "case C08" not in text
    assert text.startswith(f"{tmp_path / 'fix.csv'}: the corrected cases cannot be used")
    assert text.count("fix.csv:") == 7  # the file, five rows, one of which names another


def test_file_without_a_column_of_the_cases__is_refused(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    rows = [{k: v for k, v in r.items() if k not in ("procedures", "icu")} for r in right("C01")]
    write_rows(tmp_path / "fix.csv", rows)
    text = refused(*settled, corrected=[tmp_path / "fix.csv"])
    assert "fix.csv: missing columns: icu, procedures" in text


def test_files_that_cannot_be_read__are_refused(settled: tuple[Path, Path], tmp_path: Path) -> None:
    file = fix(tmp_path / "fix.csv", "C01")
    with file.open("a", encoding="utf-8") as stream:
        stream.write("C03,H1\n")
    assert "another number of fields" in refused(*settled, corrected=[file])
    assert "no such file" in refused(*settled, corrected=[tmp_path / "none.csv"])
    (tmp_path / "b").mkdir()
    twin = fix(tmp_path / "b" / "fix.csv", "C03")
    assert "the same name" in refused(*settled, corrected=[file, twin])
    head = file.read_text(encoding="utf-8").splitlines()[0]
    file.write_text(head + "\n", encoding="utf-8")
    assert "no case in the file" in refused(*settled, corrected=[file])


def test_command__takes_files_and_says_what_became_of_them(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = fix(tmp_path / "1.csv", "C01", "C03"), fix(tmp_path / "2.csv", "C08")
    words = [str(settled[0]), "-o", str(tmp_path / "v2"), "--reopens", str(settled[1])]
    words += ["--corrected", str(one), "--corrected", str(two)]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    assert "更正的病例 3 行（v2/1.csv、v2/2.csv）" in done.output
    alone = [str(settled[0]), "-o", str(tmp_path / "x"), "--corrected", str(one)]
    assert CliRunner().invoke(command, alone).exit_code == 2

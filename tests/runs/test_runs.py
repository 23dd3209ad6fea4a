"""`drgpay runs`: run folders as records, and two of them side by side."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.runs import runs as command
from drgpay.ground.errors import InputError
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.reopening.reopen import reopen
from drgpay.report.runs_diff import diff_lines, write_diff_excel, write_diff_page
from drgpay.report.runs_list import run_lines
from drgpay.runs.folder import write_run
from drgpay.runs.records import diff_runs, list_runs
from drgpay.settlement.year_end import year_end
from tests.months.folders import change, ex1, rows_of, write_rows

LATER = (
    "hospital_id,pool,amount_yuan,points,case_id,new_drg,document,date\n"
    "H1,390,,,C03,remove,d1,2025-06-01\nH3,310,100.00,2.5,,,d2,2025-06-03\n"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a region and its runs: two versions, a trial, a month."""
    top = tmp_path_factory.mktemp("home")
    region = ex1(top)
    (top / "later.csv").write_text(LATER, encoding="utf-8")
    (top / "runs").mkdir()
    write_run(year_end(region), top / "runs" / "v1")
    write_run(reopen(region, top / "runs" / "v1", top / "later.csv"), top / "runs" / "v2")
    write_run(year_end(region, overrides=["keep_ratio=1"]), top / "runs" / "trial")
    write_month(run_month(region, "2024-04"), top / "runs" / "april")
    yield top


# --- list


def test_list__names_versions_values_and_what_they_reopen(home: Path) -> None:
    found, strange = list_runs(home / "runs")
    assert not strange
    assert [(r.name, r.kind, r.version) for r in found] == [
        ("trial", "year", 1),
        ("v1", "year", 1),
        ("v2", "year", 2),
        ("april", "month", 1),
    ]
    by_name = {r.name: r for r in found}
    assert by_name["v2"].reopened == "v1"
    assert by_name["v2"].reopens_digest == by_name["v1"].digest
    assert by_name["v1"].point_values[0] == ("310", "162.334469328140")
    assert by_name["v1"].due_fen == 12_766_750 + 10_655_366
    assert by_name["trial"].trial == ("keep_ratio = 1",) or by_name["trial"].trial
    assert by_name["april"].due_fen == 10_749_279
    told = "\n".join(run_lines([by_name["april"]], []))
    assert "累计实付 107,492.79 元" in told
    assert all(r.inputs_match is None for r in found)


def test_verify__says_which_inputs_are_others_now(home: Path, tmp_path: Path) -> None:
    found, _ = list_runs(home, verify=True)
    assert all(r.inputs_match for r in found)
    region = tmp_path / "region"
    shutil.copytree(home / "region", region)
    change(region / "cases.csv", lambda text: text.replace("30000.00", "30001.00"))
    (region / "scores.csv").unlink()
    found, _ = list_runs(home / "runs", verify=True, regions=[region])
    for run in found:
        assert run.inputs_match is False
        assert set(run.differing) == {"cases.csv", "scores.csv"}
    found, _ = list_runs(home / "runs", verify=True)
    assert all(r.inputs_match is None for r in found)


def test_verify__says_which_files_were_added(home: Path, tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(home / "region", region)
    shutil.copytree(home / "runs" / "v1", tmp_path / "v1")
    shutil.copytree(home / "runs" / "april", tmp_path / "april")
    (region / "cases.findings.csv").write_text("what a check left\n", encoding="utf-8")
    found, _ = list_runs(tmp_path, verify=True)
    assert [run.differing for run in found] == [(), ()]
    (region / "prepaid.csv").write_text("hospital_id,pool,prepaid_yuan\n", encoding="utf-8")
    (region / "capitation").mkdir()
    (region / "capitation" / "persons.csv").write_text("x\n", encoding="utf-8")
    (region / "scores.xlsx").write_bytes(b"")
    found, _ = list_runs(tmp_path, verify=True)
    assert {run.name: set(run.differing) for run in found} == {
        "v1": {"capitation/persons.csv", "prepaid.csv", "scores.xlsx"},
        "april": {"prepaid.csv", "scores.xlsx"},  # a month reads no capitation
    }
    (region / "scores.xlsx").unlink()
    change(region / "scores.csv", lambda text: text.replace("0.9", "0.8"))
    said = CliRunner().invoke(command, ["list", str(tmp_path), "--verify"]).output
    assert "已与清算时不同：scores.csv；多出 capitation/persons.csv、prepaid.csv" in said
    assert "已与清算时不同：scores.csv；多出 prepaid.csv" in said


def test_verify__with_two_region_folders_of_one_year_tells_both(home: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    shutil.copytree(home / "region", top / "old" / "region")
    shutil.copytree(home / "region", top / "new" / "region")
    shutil.copytree(home / "runs" / "v1", top / "v1")
    change(top / "new/region/scores.csv", lambda text: text.replace("0.9", "0.8"))
    [run], _ = list_runs(top, verify=True)
    assert run.inputs_match is True
    new, old = (str(Path(name) / "region") for name in ("new", "old"))
    assert run.compared == ((new, ("scores.csv",)), (old, ()))
    said = CliRunner().invoke(command, ["list", str(top), "--verify"]).output
    assert f"输入（{new}）：已与清算时不同：scores.csv" in said
    assert f"输入（{old}）：与清算时一致" in said
    # a folder that is named is the one that counts
    [run], _ = list_runs(top, verify=True, regions=[top / "new" / "region"])
    assert run.inputs_match is False
    assert [place for place, _ in run.compared] == [new]


def test_verify__says_which_tables_of_a_run_were_changed(home: Path, tmp_path: Path) -> None:
    for name in ("v1", "april"):
        shutil.copytree(home / "runs" / name, tmp_path / name)
    found, _ = list_runs(tmp_path, verify=True)
    assert [run.changed for run in found] == [(), ()]
    with (tmp_path / "v1" / "pools.parquet").open("ab") as stream:
        stream.write(b"x")
    (tmp_path / "april" / "suspended.parquet").unlink()
    said = CliRunner().invoke(command, ["list", str(tmp_path), "--verify"]).output
    assert "清算后被改动、已不在或新增：pools.parquet" in said
    assert "清算后被改动、已不在或新增：suspended.parquet" in said
    facts = json.loads((tmp_path / "v1" / "manifest.json").read_bytes())
    del facts["tables"], facts["sums"]
    (tmp_path / "v1" / "SHA256SUMS").unlink()
    (tmp_path / "v1" / "manifest.json").write_text(json.dumps(facts), encoding="utf-8")
    found, _ = list_runs(tmp_path, verify=True)
    assert {run.name: run.changed for run in found} == {"v1": None, "april": ("suspended.parquet",)}


def test_list__passes_over_what_is_no_run(home: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    shutil.copytree(home / "runs" / "v1", top / "deep" / "v1")
    (top / "other").mkdir()
    (top / "other" / "manifest.json").write_text("[1]", encoding="utf-8")
    (top / ".v9.1.part").mkdir()
    (top / ".v9.1.part" / "manifest.json").write_text("{", encoding="utf-8")
    found, strange = list_runs(top)
    assert [r.name for r in found] == [str(Path("deep") / "v1")]
    assert strange == [top / "other"]
    with pytest.raises(InputError):
        list_runs(tmp_path / "nothing")


def test_list__of_copies_names_the_folder_that_the_manifest_states(
    home: Path, tmp_path: Path
) -> None:
    top = tmp_path / "top"
    for name in ("runs/v2", "runs/v1"):
        shutil.copytree(home / name, top / name)
    for copy in ("backup/v1", "runs/a_copy", "runs/z_copy"):
        shutil.copytree(home / "runs" / "v1", top / copy)

    def reopened() -> str:
        return next(r.reopened for r in list_runs(top)[0] if r.name == "runs/v2")

    assert reopened() == "runs/v1"
    shutil.rmtree(top / "runs" / "v1")
    assert reopened() == "backup/v1"
    shutil.rmtree(top / "backup")
    assert reopened() == "runs/a_copy"


def test_list__says_when_the_reopened_run_is_missing(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "runs" / "v2", tmp_path / "v2")
    done = CliRunner().invoke(command, ["list", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "没有找到" in done.output


def test_list_command__with_digests(home: Path) -> None:
    done = CliRunner().invoke(command, ["list", str(home), "--verify"])
    assert done.exit_code == 0, done.output
    for text in (
        "第 2 版",
        "重开自 " + str(Path("runs") / "v1"),
        "【试算】",
        "与清算时一致",
        "234,221.16",
    ):
        assert text in done.output


# --- diff


def test_diff__is_not_written_over_a_file_of_a_result(home: Path, tmp_path: Path) -> None:
    run = tmp_path / "v1"
    shutil.copytree(home / "runs" / "v1", run)
    (run / "letters").mkdir()
    pair = [str(home / "runs" / "v1"), str(home / "runs" / "v2")]
    for name in ("report.html", "letters/index.html"):
        (run / name).write_text("kept", encoding="utf-8")
        done = CliRunner().invoke(command, ["diff", *pair, "-o", str(run / name)])
        assert isinstance(done.exception, InputError)
        assert "file of an earlier result" in done.exception.text("en")
        assert (run / name).read_text(encoding="utf-8") == "kept"
    out = tmp_path / "diff.html"
    for _ in range(2):  # a comparison is replaced
        assert CliRunner().invoke(command, ["diff", *pair, "-o", str(out)]).exit_code == 0


def test_diff__of_a_run_with_itself_is_nothing(home: Path) -> None:
    found = diff_runs(home / "runs" / "v1", home / "runs" / "v1")
    assert found.same
    assert found.cases.same == 12
    assert "没有差别" in "\n".join(diff_lines(found))


def test_diff__of_two_versions_is_exact(home: Path) -> None:
    a, b = home / "runs" / "v1", home / "runs" / "v2"
    found = diff_runs(a, b)
    assert not found.inputs
    assert not found.parameters
    assert {c.column: (c.a, c.b) for c in found.facts} == {
        "version": ("1", "2"),
        "reopens": ("", "v1"),
    }
    recovery = {
        (r["hospital_id"], r["pool"]): r["difference_fen"]
        for r in pq.read_table(b / "recovery.parquet").to_pylist()
    }
    finals = {c.key: c.difference for c in found.hospitals if c.column == "final_fen"}
    assert finals == {key: fen for key, fen in recovery.items() if fen}
    values = {c.key: (c.a, c.b) for c in found.pools if c.column == "point_value_fraction"}
    assert values["310",] == (Fraction(333_435, 2054), Fraction("166717.5") / Fraction("1024.5"))
    assert [(c.key, c.difference) for c in found.classes] == [(("normal",), Fraction("-84.8"))]
    assert [(c.key, c.column) for c in found.drgs] == [(("GB15",), "points")]
    assert (found.cases.same, found.cases.changed, found.cases.only_a) == (11, 1, 0)
    assert found.cases.by_column == {"points_before_readmission": 1, "points": 1}
    assert [row["case_id"] for row in found.cases.listed] == ["C03"]


def test_diff__a_column_that_an_older_run_lacks_counts_nothing(home: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(home / "runs" / "v1", old)
    path = old / "hospitals.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["shared_fen"]), path)
    assert diff_runs(old, home / "runs" / "v1").same
    region = home / "region"
    out = write_run(year_end(region, overrides=["deposit_forfeited=share"]), tmp_path / "share")
    shared = [c for c in diff_runs(old, out).hospitals if c.column == "shared_fen"]
    assert [(c.key, c.a, c.b) for c in shared] == [
        (("H1", "310"), 0, 15_225),
        (("H1", "390"), 0, 68_887),
    ]


def test_diff__names_inputs_parameters_and_cases(home: Path, tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(home / "region", region)
    rows = rows_of(region / "cases.csv")
    extra = dict(rows[4], case_id="C99", patient_id="P99")
    write_rows(region / "cases.csv", [*rows[:-1], extra])
    out = write_run(year_end(region, overrides=["keep_ratio=0.9"]), tmp_path / "other")
    found = diff_runs(home / "runs" / "v1", out)
    assert [c.key for c in found.inputs] == [("cases.csv",)]
    assert [(c.key, c.a, c.b) for c in found.parameters] == [(("keep_ratio",), "0.85", "0.9")]
    assert (found.cases.only_a, found.cases.only_b, found.cases.same) == (1, 1, 11)
    assert {row["case_id"] for row in found.cases.listed} == {"C12", "C99"}
    assert "trial" in {c.column for c in found.facts}


def test_diff__of_a_month_or_of_another_region_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the folder of a settled run"):
        diff_runs(home / "runs" / "v1", home / "runs" / "april")
    other = tmp_path / "other"
    shutil.copytree(home / "runs" / "v1", other)
    m = json.loads((other / "manifest.json").read_text(encoding="utf-8"))
    m["region"]["id"] = "elsewhere"
    (other / "manifest.json").write_text(json.dumps(m), encoding="utf-8")
    with pytest.raises(InputError, match="different regions"):
        diff_runs(home / "runs" / "v1", other)


def test_diff_workbook__has_numbers_and_formulas(home: Path, tmp_path: Path) -> None:
    found = diff_runs(home / "runs" / "v1", home / "runs" / "v2")
    path = write_diff_excel(found, tmp_path / "diff.xlsx")
    book = openpyxl.load_workbook(path)
    values = openpyxl.load_workbook(path, data_only=True)
    assert {"机构", "险种与点值", "病例"} <= set(book.sheetnames)
    met = 0
    for sheet in book:
        for row in sheet.iter_rows(min_row=2):
            last = row[-1]
            if isinstance(last.value, str) and last.value.startswith("="):
                a, b = (Fraction(str(cell.value or 0)) for cell in row[-3:-1])
                shown = values[sheet.title][last.coordinate].value
                assert abs(Fraction(str(shown)) - (b - a)) < Fraction(1, 10**8)
                met += 1
    assert met == sum(
        len(part) for part in (found.pools, found.hospitals, found.classes, found.drgs)
    )


def test_diff_page__shows_what_is_recovered(home: Path, tmp_path: Path) -> None:
    found = diff_runs(home / "runs" / "v1", home / "runs" / "v2")
    page = write_diff_page(found, tmp_path / "diff.html").read_text(encoding="utf-8")
    for text in ("两次清算对比", "v1（第 1 版）", "-8,884.42", "C03"):
        assert text in page
    english = write_diff_page(found, tmp_path / "diff.html", "en").read_text(encoding="utf-8")
    assert "Two runs compared" in english


def test_diff_command__prints_or_writes(home: Path, tmp_path: Path) -> None:
    a, b = str(home / "runs" / "v1"), str(home / "runs" / "v2")
    done = CliRunner().invoke(command, ["diff", a, b])
    assert done.exit_code == 0, done.output
    assert "-8,884.42" in done.output
    for name in ("d.html", "d.xlsx"):
        done = CliRunner().invoke(command, ["diff", a, b, "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).is_file()
    assert CliRunner().invoke(command, ["diff", a, b, "-o", str(tmp_path / "d.txt")]).exit_code

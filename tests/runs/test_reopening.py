"""Reopening a settled year: what a later violation takes away, and what may not have changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.year_end import year_end as command
from drgpay.ground.errors import InputError
from drgpay.ground.money import POINT, round_half_away, yuan_text
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.region.provenance import CARRIED_ORIGIN
from drgpay.region.region import read_region
from drgpay.reopening.reopen import reopen
from drgpay.runs.carried import differences
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.why.case import why_case
from drgpay.why.folder import RunFolder
from tests.capitation.regions import person, visit, write_region
from tests.months.folders import change, ex1, rows_of

HEAD = "hospital_id,pool,amount_yuan,points,case_id,new_drg,document,date"
REMOVED = "H1,390,,,C03,remove,监察〔2025〕1号,2025-06-01"
REGROUPED = "H2,310,,,C06,FM15,监察〔2025〕2号,2025-06-02"
DEDUCTED = "H3,310,100.00,2.5,,,监察〔2025〕3号,2025-06-03"


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """EX1's folder and its run."""
    home = tmp_path_factory.mktemp("settled")
    region = ex1(home)
    yield region, write_run(year_end(region), home / "v1")


def later(tmp_path: Path, *rows: str, name: str = "later.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    return path


def hospital(run: YearEnd, name: str, pool: str):
    return next(h for h in run.hospitals if (h.hospital_id, h.pool) == (name, pool))


def with_value(region: Path, key: str, old: str, new: str) -> None:
    """Give the region a policy of its own: testland's with another value of one parameter."""
    policies = Path(__file__).resolve().parents[2] / "reference" / "policies"
    head, tail = (
        (policies / "testland.toml").read_text(encoding="utf-8").split(f"[parameters.{key}]")
    )
    tail = tail.replace(f'value = "{old}"', f'value = "{new}"', 1)
    tail = tail.replace(f'alternative = "{new}"', f'alternative = "{old}"', 1)
    (region / "policy.toml").write_text(f"{head}[parameters.{key}]{tail}", encoding="utf-8")
    change(region / "region.toml", lambda text: text.replace('"testland"', '"policy.toml"'))


def case_of(run: YearEnd, case: str) -> dict[str, object]:
    for p in run.pieces:
        ids = p.case_id.to_pylist()
        if case in ids:
            at = ids.index(case)
            return {
                "drg": run.numbers.drgs[p.drg[at]],
                "adrg": run.numbers.adrgs[p.adrg[at]],
                "mdc": run.prepared.grouper.mdc_codes[p.mdc[at]],
                "points": int(p.points[at]),
                "before": int(p.points_before[at]),
                "readmission": bool(p.readmission[at]),
                "paid_by": int(p.paid_by[at]),
            }
    raise KeyError(case)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


# --- what a violation takes away


def test_removed_case__keeps_no_points(settled: tuple[Path, Path], tmp_path: Path) -> None:
    run = reopen(*settled, later(tmp_path, REMOVED))
    assert case_of(run, "C03")["points"] == 0
    # 1,086.8778 points less C03's 84.8; T and N stay as they were
    value = Fraction(10_655_366 + 7_734_957) / Fraction("1002.0778")
    pool = next(p for p in run.pools if p.pool == "390")
    assert pool.point_value_fen == value
    assert pool.settled_fen == 10_655_366
    exact = value * Fraction("381.6") - 3_580_020
    assert abs(hospital(run, "H1", "390").due_fen - exact) < 1
    other = next(p for p in run.pools if p.pool == "310")
    assert other.point_value_fen == Fraction(33_343_500, 2054)


def test_regrouped_case__gets_the_points_of_its_group(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    before, after = year_end(settled[0]), reopen(*settled, later(tmp_path, REGROUPED))
    assert case_of(before, "C06")["drg"] == "GB15"
    made = case_of(after, "C06")
    assert (made["drg"], made["adrg"], made["mdc"]) == ("FM15", "FM1", "MDCF")
    # a group without base points: by cost, 9,000.00 / 12,500.00 x 100
    assert made["points"] == 720_000
    # C05 is no longer followed by a stay of its group
    assert case_of(before, "C05")["readmission"]
    assert not case_of(after, "C05")["readmission"]
    assert case_of(after, "C05")["points"] == 784_000


def test_regrouped_case__into_a_group_with_base_points(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    row = REGROUPED.replace("C06", "C05").replace("FM15", "FM13")
    run = reopen(*settled, later(tmp_path, row))
    # 31,250.00 / 12,500.00 x 100 = 250 points; 11,000 <= 0.4 x 31,250: low, by ratio
    assert case_of(run, "C05")["points"] == 250 * POINT * Fraction(11_000, 31_250)


def test_deductions__are_those_of_the_table_of_violations(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    run = reopen(*settled, later(tmp_path, DEDUCTED))
    region = tmp_path / "region"
    shutil.copytree(settled[0], region)
    (region / "violations.csv").write_text(
        "hospital_id,pool,amount_yuan,points,reason\nH2,310,500.00,,a\nH3,310,100.00,2.5,b\n",
        encoding="utf-8",
    )
    same = year_end(region)
    assert [h.final_fen for h in run.hospitals] == [h.final_fen for h in same.hospitals]
    assert [p.point_value_fen for p in run.pools] == [p.point_value_fen for p in same.pools]


def test_case_by_money_removed__is_paid_nothing(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    with_value(region, '"bed_day.payment"', "points", "money")
    first = year_end(region)
    write_run(first, tmp_path / "v1")
    row = "H3,390,,,C08,remove,监察〔2025〕9号,2025-06-01"
    run = reopen(region, tmp_path / "v1", later(tmp_path, row))
    assert (case_of(first, "C08")["paid_by"], case_of(run, "C08")["paid_by"]) == (1, 0)
    assert case_of(run, "C08")["points"] == 0
    own = next(p for p in run.pools if p.pool == "390")
    assert own.money_fen == 0
    assert sum(h.due_fen for h in run.hospitals if h.pool == "390") == own.settled_fen


def test_on_disk__as_in_memory(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    rows = rows_of(region / "cases.csv")
    (region / "cases.csv").unlink()
    pq.write_table(pa.Table.from_pylist(rows), region / "cases.parquet")
    change(region / "region.toml", lambda text: text.replace("cases.csv", "cases.parquet"))
    first = write_run(year_end(region), tmp_path / "v1")
    table = later(tmp_path, REMOVED, REGROUPED, DEDUCTED)
    memory = reopen(region, first, table)
    disk = reopen(region, first, table, memory_cases=1, spool=tmp_path)
    assert disk.prepared.pieces.on_disk
    assert [h.final_fen for h in disk.hospitals] == [h.final_fen for h in memory.hospitals]
    assert case_of(disk, "C06") == case_of(memory, "C06")


# --- versions


def test_run__is_a_new_version_and_the_old_one_stays(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    region, first = settled
    before = digests(first)
    run = reopen(region, first, later(tmp_path, REMOVED, DEDUCTED))
    out = write_run(run, tmp_path / "v2")
    assert digests(first) == before
    m = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert json.loads((first / "manifest.json").read_text(encoding="utf-8"))["version"] == 1
    assert m["version"] == 2
    digest = hashlib.sha256((first / "manifest.json").read_bytes()).hexdigest()
    assert (m["reopens"]["folder"], m["reopens"]["manifest_sha256"]) == ("v1", digest)
    told = m["later_violations"]
    assert [row["document"] for row in told["rows"]] == ["监察〔2025〕1号", "监察〔2025〕3号"]
    assert told["sha256"] == hashlib.sha256((tmp_path / "later.csv").read_bytes()).hexdigest()
    with pytest.raises(InputError):
        write_run(run, first)


def test_recovery__is_the_difference_and_the_next_year_takes_it(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    region, first = settled
    out = write_run(reopen(region, first, later(tmp_path, REMOVED, DEDUCTED)), tmp_path / "v2")
    finals = [
        {
            (r["hospital_id"], r["pool"]): r["final_fen"]
            for r in pq.read_table(folder / "hospitals.parquet").to_pylist()
        }
        for folder in (first, out)
    ]
    rows = pq.read_table(out / "recovery.parquet").to_pylist()
    assert len(rows) == len(finals[0])
    for r in rows:
        key = (r["hospital_id"], r["pool"])
        assert (r["final_before_fen"], r["final_after_fen"]) == (finals[0][key], finals[1][key])
        assert r["difference_fen"] == r["to_add_fen"] - r["to_recover_fen"]
        assert min(r["to_add_fen"], r["to_recover_fen"]) == 0
    # the fund recovers the violation's money; the rest only moves between hospitals
    assert sum(r["difference_fen"] for r in rows) == -10_000
    following = tmp_path / "next"
    shutil.copytree(region, following)
    shutil.copy(out / "carried_difference.csv", following / "carried.csv")
    taken = read_region(following)
    expected = {
        (r["hospital_id"], r["pool"]): -r["difference_fen"] for r in rows if r["difference_fen"]
    }
    assert taken.carried == expected
    for (name, _), text in taken.carried_from.items():  # each names its own documents alone
        assert "监察〔2025〕1号" not in text or name == "H1"
        assert "监察〔2025〕3号" not in text or name == "H3"
        assert "监察〔2025〕" in text or "其他机构的更正使点值变动" in text
    paid = {(h.hospital_id, h.pool): h.final_fen for h in year_end(following).hospitals}
    assert paid == {key: fen - expected.get(key, 0) for key, fen in finals[0].items()}


def test_third_version__holds_the_violations_of_the_second(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    region, first = settled
    second = write_run(reopen(region, first, later(tmp_path, REMOVED)), tmp_path / "v2")
    run = reopen(region, second, later(tmp_path, DEDUCTED, name="more.csv"))
    at_once = reopen(region, first, later(tmp_path, REMOVED, DEDUCTED, name="all.csv"))
    assert [h.final_fen for h in run.hospitals] == [h.final_fen for h in at_once.hospitals]
    assert run.reopening is not None
    assert run.reopening.version == 3
    assert [v.version for v in run.reopening.later] == [2, 3]
    before = {(r[0], r[1]): r[2] for r in differences(run.reopening, run)}
    told = pq.read_table(second / "hospitals.parquet").to_pylist()
    assert before == {(r["hospital_id"], r["pool"]): r["final_fen"] for r in told}


def test_third_version__may_restore_a_case(settled: tuple[Path, Path], tmp_path: Path) -> None:
    region, first = settled
    second = write_run(reopen(region, first, later(tmp_path, REMOVED)), tmp_path / "v2")
    back = "H1,390,,,C03,GB15,复议〔2025〕1号,2025-09-01"
    run = reopen(region, second, later(tmp_path, back, name="more.csv"))
    assert [h.final_fen for h in run.hospitals] == [h.final_fen for h in year_end(region).hospitals]


def test_what_was_prepaid__stays_though_the_months_would_be_others(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    with_value(region, "prepay_basis", "recorded_fund", "month_value")
    first = year_end(region)
    write_run(first, tmp_path / "v1")
    run = reopen(region, tmp_path / "v1", later(tmp_path, REMOVED))
    for old, new in zip(first.hospitals, run.hospitals, strict=True):
        assert (old.prepaid_fen, old.deposit_fen) == (new.prepaid_fen, new.deposit_fen)


def test_violations_table_that_grew__may_be_the_reason(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    region = tmp_path / "region"
    shutil.copytree(settled[0], region)
    with (region / "violations.csv").open("a", encoding="utf-8") as stream:
        stream.write("H1,310,50.00,x\n")
    run = reopen(region, settled[1])
    assert run.reopening is not None
    assert list(run.reopening.changed) == ["violations.csv"]
    assert hospital(run, "H1", "310").violation_fen == 5_000


# --- a new assessment


def manifest_of(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text(encoding="utf-8"))


def test_held_case__is_paid_by_a_later_review(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    with_value(region, '"ungrouped.rule"', "by_cost", "special_review")
    change(region / "reviews.csv", lambda text: text.replace("C02,granted", "C02,refused"))
    first = year_end(region)
    write_run(first, tmp_path / "v1")
    assert case_of(first, "C09")["paid_by"] == 2
    assert hospital(first, "H3", "390").sums.held_cases == 1
    old = hashlib.sha256((region / "reviews.csv").read_bytes()).hexdigest()
    change(region / "reviews.csv", lambda text: text.replace("C09,refused", "C09,granted"))
    new = hashlib.sha256((region / "reviews.csv").read_bytes()).hexdigest()
    run = reopen(region, tmp_path / "v1")
    # (18,750.00 - 1,250.00) / 12,500.00 x 100
    assert (case_of(run, "C09")["paid_by"], case_of(run, "C09")["points"]) == (0, 140 * POINT)
    own, before = hospital(run, "H3", "390"), hospital(first, "H3", "390")
    assert (own.sums.held_cases, own.sums.cases) == (0, before.sums.cases + 1)
    assert (own.prepaid_fen, own.deposit_fen) == (before.prepaid_fen, before.deposit_fen)
    assert own.final_fen > before.final_fen
    out = write_run(run, tmp_path / "v2")
    told = manifest_of(out)["later_violations"]
    assert told["changed_tables"] == ["reviews.csv"]
    assert told["changed"] == [{"file": "reviews.csv", "sha256_before": old, "sha256_after": new}]
    rows = pq.read_table(out / "recovery.parquet").to_pylist()
    assert {r["changed_tables"] for r in rows} == {f"reviews.csv {old[:12]} → {new[:12]}"}
    found = why_case(RunFolder(out), "C09")
    assert not found.disagreements


def test_later_score__releases_or_forfeits_more(settled: tuple[Path, Path], tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(settled[0], region)
    (region / "scores.csv").unlink()
    book = openpyxl.Workbook()
    for row in (("hospital_id", "score"), ("H1", "1"), ("H2", "0.5"), ("H3", "0.8")):
        book.active.append(row)
    book.save(region / "scores.xlsx")
    first, run = year_end(settled[0]), reopen(region, settled[1])
    for old, new in zip(first.hospitals, run.hospitals, strict=True):
        assert (old.due_fen, old.deposit_fen) == (new.due_fen, new.deposit_fen)
        # H2's score falls from 0.9 to 0.5: half of the deposit instead of a tenth
        more = 0 if old.hospital_id != "H2" else new.forfeited_fen - old.forfeited_fen
        assert new.final_fen == old.final_fen - more
        if old.hospital_id == "H2":
            assert new.forfeited_fen == round_half_away(Fraction(old.deposit_fen, 2))
    assert run.reopening is not None
    assert list(run.reopening.changed) == ["scores.csv", "scores.xlsx"]
    assert [bool(a) for a, _ in run.reopening.digests.values()] == [True, False]
    assert any("scores.xlsx" in str(w) for w in run.warnings)


def test_later_score__changes_what_others_share_of_forfeits(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    with_value(region, "deposit_forfeited", "fund", "share")
    first = write_run(year_end(region), tmp_path / "v1")
    change(region / "scores.csv", lambda text: text.replace("H2,0.90", "H2,1.00"))
    out = write_run(reopen(region, first), tmp_path / "v2")
    rows = pq.read_table(out / "recovery.parquet").to_pylist()
    # 310: of 152.25 for H1 alone 70.00 are left, 59.32 for H1 and 10.68 for H2, which has 82.25 back
    assert {
        r["hospital_id"]: (r["to_recover_fen"], r["to_add_fen"]) for r in rows if r["pool"] == "310"
    } == {"H1": (9_293, 0), "H2": (0, 9_293), "H3": (0, 0)}


def test_later_standing__alone_may_change_of_a_hospital(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    region = tmp_path / "region"
    shutil.copytree(settled[0], region)
    rows = rows_of(region / "hospitals.csv")
    table = ["hospital_id,name,level,standing"]
    table += [f"{r['hospital_id']},{r['name']},{r['level']}," for r in rows]
    text = "\n".join(table).replace("H3,第三医院（虚构）,2,", "H3,第三医院（虚构）,2,ended")
    (region / "hospitals.csv").write_text(text + "\n", encoding="utf-8")
    run = reopen(region, settled[1])
    before = hospital(year_end(settled[0]), "H3", "390")
    assert before.forfeited_fen > 0
    assert hospital(run, "H3", "390").forfeited_fen == 0
    (region / "hospitals.csv").write_text(text.replace(",2,ended", ",3,ended"), encoding="utf-8")
    said = refused(region, settled[1])
    assert "hospitals.csv: hospital H3: more than its standing" in said
    assert "H2" not in said


# --- negative finals


def test_negative_final__stands_in_the_table_of_the_next_year(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    keys = [(h.hospital_id, h.pool) for h in year_end(region).hospitals]
    rows = [f"{hospital_id},{pool},0,0" for hospital_id, pool in keys]
    (region / "prepaid.csv").write_text(
        "\n".join(["hospital_id,pool,prepaid_yuan,deposit_yuan", *rows]) + "\n", encoding="utf-8"
    )
    assert not (write_run(year_end(region), tmp_path / "none") / "carried.csv").exists()
    change(region / "violations.csv", lambda text: text.replace("500.00", "90000.00"))
    run = year_end(region)
    out = write_run(run, tmp_path / "v1")
    negative = [h for h in run.hospitals if h.final_fen < 0]
    assert [(h.hospital_id, h.pool) for h in negative] == [("H2", "310")]
    (row,) = rows_of(out / "carried.csv")
    assert {name: row[name] for name in row if name not in CARRIED_ORIGIN} == {
        "hospital_id": "H2",
        "pool": "310",
        "amount_yuan": yuan_text(-negative[0].final_fen).replace(",", ""),
        "from": f"{run.region.id} 2024",
    }
    assert (row["region"], row["run_sha256"]) == ("ex1", manifest_of(out)["run_sha256"])
    following = ex1(tmp_path / "next")
    shutil.copy(out / "carried.csv", following)
    assert read_region(following).carried == {("H2", "310"): -negative[0].final_fen}
    trial = write_run(year_end(region, overrides=["keep_ratio=1"]), tmp_path / "trial")
    shutil.copy(trial / "carried.csv", following)
    with pytest.raises(InputError, match="trial"):
        read_region(following)


# --- refusals


def test_rows_that_an_earlier_version_has__are_refused(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    region, first = settled
    second = write_run(reopen(region, first, later(tmp_path, REMOVED, DEDUCTED)), tmp_path / "v2")
    new = "H1,310,5.00,,,,监察〔2025〕9号,2025-07-01"
    again = DEDUCTED.replace("100.00,2.5", "100,2.50").replace("2025-06-03", "2025-08-01")
    both = later(tmp_path, new, again, REMOVED, name="more.csv")
    said = refused(region, second, both)
    assert "more.csv:3: H3, 310, 监察〔2025〕3号: version 2 has it already" in said
    assert "more.csv:4" in said
    assert "more.csv:2" not in said
    assert "leave only new rows" in said
    run = reopen(region, second, later(tmp_path, new, name="new.csv"))
    assert run.reopening is not None
    assert len(run.reopening.later) == 3


def refused(*args: object) -> str:
    with pytest.raises(InputError) as caught:
        reopen(*args)  # type: ignore[arg-type]
    return caught.value.text("en")


def test_changed_inputs__are_named_all_of_them(settled: tuple[Path, Path], tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(settled[0], region)
    change(region / "cases.csv", lambda text: text.replace("30000.00", "30001.00"))
    (region / "reviews.csv").unlink()
    (region / "tcm.csv").write_text("hospital_id,treatment_share\nH1,0.5\n", encoding="utf-8")
    text = refused(region, settled[1], later(tmp_path, REMOVED))
    for name in ("cases.csv: changed", "reviews.csv: is no longer", "tcm.csv: was not there"):
        assert name in text
    assert "scores.csv" not in text


def test_table_of_violations__tells_every_fault(settled: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [
        "H9,310,1.00,,,,d,2025-01-01",
        "H1,999,1.00,,,,d,2025-01-01",
        "H1,310,,,,,d,2025-01-01",
        "H1,310,1.00,,,,,2025-01-01",
        "H1,310,1.00,,,,d,01/02/2025",
        "H1,310,,,C01,,d,2025-01-01",
        "H1,310,,2,C02,remove,d,2025-01-01",
        "H1,310,,,,GB15,d,2025-01-01",
        "H1,310,-5,,,,d,2025-01-01",
        "H1,310,,,C02,remove,d,2025-01-01",
    ]
    text = refused(*settled, later(tmp_path, *rows))
    for number in range(2, 12):
        assert f"later.csv:{number}" in text
    assert text.count("no amount, points or case_id") == 2  # not of the amount below 0
    assert "H9" in text
    assert "stands twice" in text


def test_cases_that_do_not_fit__are_refused_together(
    settled: tuple[Path, Path], tmp_path: Path
) -> None:
    rows = [
        "H1,310,,,NONE,remove,d,2025-01-01",
        "H2,310,,,C01,remove,d,2025-01-01",
        "H1,390,,,C03,ZZ99,d,2025-01-01",
        "H1,390,,,C12,0000,d,2025-01-01",
    ]
    text = refused(*settled, later(tmp_path, *rows))
    for word in ("NONE", "C01 is of H1 and 310", "'ZZ99'", "'0000'"):
        assert word in text


def test_nothing_new__is_refused(settled: tuple[Path, Path]) -> None:
    assert "nothing new" in refused(*settled)


def test_trial_month_or_no_run__is_refused(settled: tuple[Path, Path], tmp_path: Path) -> None:
    region, _ = settled
    write_run(year_end(region, overrides=["keep_ratio=1"]), tmp_path / "trial")
    write_month(run_month(region, "2024-03"), tmp_path / "month")
    table = later(tmp_path, REMOVED)
    assert "a trial" in refused(region, tmp_path / "trial", table)
    assert "not the folder of a settled run" in refused(region, tmp_path / "month", table)
    assert "not the folder of a settled run" in refused(region, region, table)


def test_why__names_the_document_of_a_case(settled: tuple[Path, Path], tmp_path: Path) -> None:
    out = write_run(reopen(*settled, later(tmp_path, REMOVED, REGROUPED)), tmp_path / "v2")
    run = RunFolder(out)
    for case, document in (("C03", "监察〔2025〕1号"), ("C06", "监察〔2025〕2号")):
        found = why_case(run, case)
        assert not found.disagreements
        assert any(document in fact.text.chinese for fact in found.facts)


def test_command__names_what_is_recovered(settled: tuple[Path, Path], tmp_path: Path) -> None:
    region, first = settled
    table, out = later(tmp_path, REMOVED, DEDUCTED), tmp_path / "v2"
    words = [str(region), "-o", str(out), "--reopens", str(first), "--violations", str(table)]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    rows = pq.read_table(out / "recovery.parquet").to_pylist()
    assert yuan_text(sum(r["to_recover_fen"] for r in rows)) in done.output
    assert "第 2 版" in done.output
    alone = CliRunner().invoke(command, [*words[:2], str(tmp_path / "x"), *words[5:]])
    assert alone.exit_code == 2
    trial = CliRunner().invoke(
        command, [*words[:2], str(tmp_path / "x"), *words[3:], "--set", "keep_ratio=1"]
    )
    assert trial.exit_code == 2


def test_files_of_capitation__are_inputs_like_the_others(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    write_region(
        region,
        [person("P1", area="a", months=12), person("P2", area="b", months=12)],
        [visit("V1", "P1", "H1", "10.00")],
        members={"H1": "A", "H2": "B"},
    )
    with_value(region, '"capitation.rate_yuan"', "none", "600")
    first = write_run(year_end(region), tmp_path / "v1")
    named = json.loads((first / "manifest.json").read_text(encoding="utf-8"))["inputs"]
    own = [f["file"] for f in named if f["file"].startswith("capitation")]
    assert len(own) >= 5
    assert reopen(region, first, later(tmp_path, REMOVED)).reopening is not None
    change(region / own[-1], lambda text: text + "\n")
    assert f"{own[-1]}: changed" in refused(region, first, later(tmp_path, REMOVED))

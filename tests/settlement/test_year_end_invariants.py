"""What every year-end run keeps to: EX1 to the fen, identities, refusals, quarantine, trial marks."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from drgpay.budget.pool import available_budget, share
from drgpay.ground.errors import DrgpayError, InputError, PolicyError, in_language
from drgpay.names.reasons import REASONS, REVIEW_NOTES
from drgpay.policy import YearPolicy, load_policy
from drgpay.report.html import write_report
from drgpay.report.run import Run
from drgpay.runs.folder import write_run
from drgpay.runs.year_tables import case_tables
from drgpay.settlement.point_value import Sums, dues
from drgpay.settlement.year_end import YearEnd, year_end
from tests.command import drgpay
from tests.settlement.regions import (
    CASE_COLUMNS,
    EX1,
    SCHEMES,
    Drawn,
    draw_region,
    keep_schemes,
    typed_table,
    write_csv,
)

Edit = Callable[[Path], None]
Note = tuple[str, int, str, str, str, str]


@pytest.fixture
def region(tmp_path: Path) -> Path:
    """A copy of EX1 that a test may spoil."""
    folder = tmp_path / "region"
    shutil.copytree(EX1, folder, ignore=shutil.ignore_patterns("expected"))
    change("region.toml", "../../schemes/ex1-tiny", SCHEMES["ex1-tiny"])(folder)
    return folder


@pytest.fixture(autouse=True)
def quick_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_schemes(monkeypatch)


def change(file: str, old: str, new: str) -> Edit:
    """Replace a text that stands once in a file."""

    def edit(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file}: {old!r} does not stand there once"
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")

    return edit


def write(file: str, text: str | bytes) -> Edit:
    def edit(folder: Path) -> None:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))

    return edit


def remove(file: str) -> Edit:
    return lambda folder: (folder / file).unlink()


def append(file: str, line: str) -> Edit:
    def edit(folder: Path) -> None:
        with (folder / file).open("a", encoding="utf-8", newline="") as stream:
            stream.write(line + "\n")

    return edit


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def yuan(fen: str | int) -> str:
    return f"{Decimal(fen) / 100:.2f}"


# --- EX1 through the command line, to the fen


@pytest.fixture(scope="module")
def ex1_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("ex1") / "run"
    done = drgpay("year-end", EX1, "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    return out, done.stdout


def test_ex1__hospitals_are_the_expected_ones(ex1_run: tuple[Path, str]) -> None:
    found = {
        (row["hospital_id"], row["pool"]): row for row in rows_of(ex1_run[0] / "hospitals.csv")
    }
    expected = rows_of(EX1 / "expected" / "hospitals.csv")
    assert len(found) == len(expected) == 6
    for due in expected:
        own = found[due["hospital_id"], due["pool"]]
        for column, value in due.items():
            name = column.replace("_yuan", "_fen")
            assert (yuan(own[name]) if name != column else own[name]) == value, (due, column)


def test_ex1__pools_are_the_expected_ones(ex1_run: tuple[Path, str]) -> None:
    found = {row["pool"]: row for row in rows_of(ex1_run[0] / "pools.csv")}
    expected = rows_of(EX1 / "expected" / "pools.csv")
    assert list(found) == [due["pool"] for due in expected] == ["310", "390"]
    for due in expected:
        own = found[due["pool"]]
        total = int(own["recorded_fund_fen"]) + int(own["not_pool_fen"])
        shown = {**own, "total_cost_fen": total}
        for column, value in due.items():
            name = column.replace("_yuan", "_fen")
            shown_value = shown[name]
            assert (yuan(shown_value) if name != column else shown_value) == value, column
        assert own["residual_fen"] == "0"


def test_ex1__cases_are_the_expected_ones(ex1_run: tuple[Path, str]) -> None:
    found = [
        {name: row[name] for name in ("case_id", "case_class", "points")}
        for row in rows_of(ex1_run[0] / "cases.csv")
    ]
    assert found == rows_of(EX1 / "expected" / "cases.csv")


def test_ex1__what_is_printed(ex1_run: tuple[Path, str]) -> None:
    assert "162.334469" in ex1_run[1]
    assert "127,667.50" in ex1_run[1]
    assert "169.203226" in ex1_run[1]
    assert "106,553.66" in ex1_run[1]
    assert "试算" not in ex1_run[1]


def test_ex1__csv_and_parquet_say_the_same(ex1_run: tuple[Path, str]) -> None:
    for name in ("cases", "hospitals", "pools", "drgs", "quarantine"):
        table = pq.read_table(ex1_run[0] / f"{name}.parquet")
        texts = rows_of(ex1_run[0] / f"{name}.csv")
        assert len(table) == len(texts)
        for typed, text in zip(table.to_pylist(), texts, strict=True):
            assert list(typed) == list(text)
            for column, value in typed.items():
                shown = "" if value is None else str(value)
                if isinstance(value, bool):
                    shown = str(value).lower()
                assert text[column] == shown, (name, column)
        assert "trial" not in table.column_names


VARIANTS = {
    "variant_no_readmission": ["readmission.days=none"],
    "variant_keep_all": ["keep_ratio=1", "fund_share_of_overspend=0"],
}


@pytest.fixture(scope="module")
def variant_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    runs = {}
    for name, texts in VARIANTS.items():
        out = tmp_path_factory.mktemp(name) / "run"
        options = [word for text in texts for word in ("--set", text)]
        done = drgpay("year-end", EX1, "-o", out, *options)
        assert (done.returncode, done.stderr) == (0, "")
        runs[name] = out, done.stdout
    return runs


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_ex1__variants_of_12_5(name: str, variant_runs: dict[str, tuple[Path, str]]) -> None:
    found = {
        (row["hospital_id"], row["pool"]): yuan(row["due_fen"])
        for row in rows_of(variant_runs[name][0] / "hospitals.csv")
    }
    expected = rows_of(EX1 / "expected" / f"{name}.csv")
    assert found == {(row["hospital_id"], row["pool"]): row["due_yuan"] for row in expected}


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_trial__is_marked_everywhere(name: str, variant_runs: dict[str, tuple[Path, str]]) -> None:
    out, printed = variant_runs[name]
    mark = "; ".join(VARIANTS[name])
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["trial"] == VARIANTS[name]
    keys = {text.split("=")[0] for text in VARIANTS[name]}
    for parameter in manifest["policy"]["parameters"]:
        assert parameter["trial"] is (parameter["key"] in keys)
        assert (parameter["source"] == "--set") is parameter["trial"]
    tables = sorted(path.stem for path in out.glob("*.parquet"))
    others = ["findings", "findings_by_month", "funds", "hospitals", "months", "perdiem", "pools"]
    more = ["quality", "quarantine", "reviews"]
    assert tables == ["cases", "coefficients", "drgs", *others, *more]
    for table in tables:
        typed = pq.read_table(out / f"{table}.parquet")
        assert typed.column_names[-1] == "trial"
        assert set(typed["trial"].to_pylist()) <= {mark}
        with (out / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
            header, *lines = list(csv.reader(stream))
        assert header[-1] == "trial"
        assert {line[-1] for line in lines} <= {mark}
        assert lines or table in ("quarantine", "findings", "findings_by_month", "reviews")
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "试算" in report
    for text in VARIANTS[name]:
        assert text in report
    assert "试算" in printed
    assert mark in printed


def test_trial__also_in_the_table_of_faulty_past_cases(region: Path, tmp_path: Path) -> None:
    past = rows_of(region / "cases.csv")
    for row in past:
        for name in ("admission_date", "discharge_date", "settlement_date"):
            row[name] = row[name].replace("2024", "2023").replace("02-29", "02-28")
    past[0]["total_cost"] = "x"
    (region / "history").mkdir()
    write_csv(region / "history" / "past.csv", CASE_COLUMNS, past)
    remove("base_points.csv")(region)
    change("region.toml", 'all_drg_mean_yuan = "12500.00"\n', "")(region)
    run = year_end(region, overrides=["stable.min_cases=0"])
    write_run(run, tmp_path / "run")
    (row,) = rows_of(tmp_path / "run" / "history_quarantine.csv")
    assert (row["file"], row["row"], row["case_id"]) == ("past.csv", "2", "C01")
    assert (row["column"], row["value"], row["reason"]) == ("total_cost", "x", "money_invalid")
    assert row["trial"] == "stable.min_cases=0"


# --- what changes nothing


def tables_of(run: YearEnd, folder: Path) -> dict[str, bytes]:
    write_run(run, folder)
    names = ("hospitals", "pools", "drgs")
    return {
        f"{name}.{kind}": (folder / f"{name}.{kind}").read_bytes()
        for name in names
        for kind in ("csv", "parquet")
    }


def settled_regions(folder: Path, count: int) -> Iterator[tuple[Drawn, YearEnd]]:
    """Drawn regions that can be settled, and their runs."""
    seed = 5_000
    while count:
        drawn = draw_region(folder / f"r{seed}", seed)
        overrides = [f"{key}={value}" for key, value in drawn.overrides.items()]
        seed += 1
        try:
            run = year_end(drawn.folder, overrides=overrides, threads=1)
        except (InputError, PolicyError):
            continue
        count -= 1
        yield drawn, run


def few_and_many(few: int, many: int) -> pytest.MarkDecorator:
    """A test with few drawn regions, and with many in the long suite."""
    return pytest.mark.parametrize("count", [few, pytest.param(many, marks=pytest.mark.long)])


def again(drawn: Drawn, **options: Any) -> YearEnd:
    overrides = [f"{key}={value}" for key, value in drawn.overrides.items()]
    return year_end(drawn.folder, overrides=overrides, **options)


def by_case(run: YearEnd, folder: Path) -> list[dict[str, str]]:
    return sorted(rows_of(folder / "cases.csv"), key=lambda row: row["case_id"])


@few_and_many(2, 4)
def test_order_of_rows_and_row_groups__change_nothing(count: int, tmp_path: Path) -> None:
    for number, (drawn, run) in enumerate(settled_regions(tmp_path, count)):
        first = tables_of(run, tmp_path / f"{number}-0")
        cases = by_case(run, tmp_path / f"{number}-0")
        toml = (drawn.folder / "region.toml").read_text(encoding="utf-8")
        listed = next(line for line in toml.splitlines() if line.startswith("cases = "))
        for turn in range(1, 4):
            r = random.Random(turn)
            for path in [*drawn.folder.glob("cases*"), *drawn.folder.glob("history/*")]:
                path.unlink()
            for folder, rows in (("", drawn.cases), ("history", drawn.history)):
                if rows is None:
                    continue
                mixed = r.sample(rows, len(rows))
                path = drawn.folder / folder / f"cases{turn}"
                if turn == 1:
                    write_csv(path.with_suffix(".csv"), CASE_COLUMNS, mixed)
                else:
                    size = (1, 5, 100)[turn - 1]
                    table = typed_table(mixed, r)
                    pq.write_table(table, path.with_suffix(".parquet"), row_group_size=size)
            name = f"cases{turn}." + ("csv" if turn == 1 else "parquet")
            new = toml.replace(listed, f'cases = ["{name}"]')
            (drawn.folder / "region.toml").write_text(new, encoding="utf-8")
            other = again(drawn, threads=turn)
            assert tables_of(other, tmp_path / f"{number}-{turn}") == first
            assert by_case(other, tmp_path / f"{number}-{turn}") == cases


@few_and_many(2, 3)
def test_number_of_threads__changes_no_byte_of_a_run_folder(count: int, tmp_path: Path) -> None:
    for number, (drawn, run) in enumerate(settled_regions(tmp_path, count)):
        folders = []
        for threads in (1, 2, 5):
            folder = tmp_path / f"{number}-{threads}"
            write_run(
                again(drawn, threads=threads),
                folder,
                finish=lambda f: write_report(f, run=Run(f, unfinished=True)),
            )
            folders.append({p.name: p.read_bytes() for p in folder.iterdir()})
        assert len(run.pieces) > 0
        assert folders[0] == folders[1] == folders[2]
        assert "report.html" in folders[0]


def test_order_of_the_small_tables__changes_nothing(region: Path, tmp_path: Path) -> None:
    first = tables_of(year_end(region), tmp_path / "a")
    for name in ("hospitals", "coefficients", "scores", "base_points", "reviews"):
        path = region / f"{name}.csv"
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([header, *reversed(lines)]) + "\n", encoding="utf-8")
    assert tables_of(year_end(region), tmp_path / "b") == first


# --- identities, from the written tables alone


@few_and_many(5, 12)
def test_totals__tie_out_in_every_table(count: int, tmp_path: Path) -> None:
    for number, (drawn, run) in enumerate(settled_regions(tmp_path, count)):
        folder = tmp_path / f"run{number}"
        write_run(run, folder)
        cases, hospitals, pools, drgs, bad = (
            rows_of(folder / f"{name}.csv")
            for name in ("cases", "hospitals", "pools", "drgs", "quarantine")
        )
        held = [row for row in cases if row["paid_by"] == "held"]
        paid = [row for row in cases if row["paid_by"] in ("points", "money")]
        notes = [row for row in bad if row["file"] != "reviews.csv"]
        assert len(cases) == len(drawn.cases) == len(paid) + len(held) + len(notes)
        for rows in (hospitals, pools, drgs):
            assert sum(int(row["cases"]) for row in rows) == len(paid)
            points = sum(
                Decimal(row["points"]) + Decimal(row.get("points_deducted", 0)) for row in rows
            )
            assert points == sum(Decimal(row["points"]) for row in paid)
        assert sum(int(row["held_cases"]) for row in hospitals) == len(held)
        total = {
            name: sum(int(row[name]) for row in hospitals)
            for name in hospitals[0]
            if name.endswith("_fen")
        }
        assert total["not_pool_fen"] == sum(int(row["not_pool_fen"]) for row in paid)
        assert total["recorded_fund_fen"] == sum(int(row["pool_fund_fen"]) for row in paid)
        assert sum(int(row["total_cost_fen"]) for row in drgs) == sum(
            int(row["total_cost_fen"]) for row in paid
        )
        settled = sum(int(row["settled_fen"]) for row in pools)
        assert total["due_fen"] + sum(int(row["residual_fen"]) for row in pools) == settled
        taken = ("prepaid", "forfeited", "violation", "carried")
        paid_out = total["final_fen"] - total["shared_fen"]
        assert total["due_fen"] == paid_out + sum(total[f"{name}_fen"] for name in taken)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        ends = {"paid": len(paid), "held": len(held), "quarantined": len(notes)}
        assert manifest["ends"] == ends
        assert manifest["counts"]["in"] == len(cases)
        assert sum(c["cases"] for c in manifest["classes"].values()) == len(paid)


def shares_of(run: YearEnd) -> dict[tuple[str, str], tuple[int, int]]:
    """Forfeited and shared fen by hospital and pool."""
    return {(h.hospital_id, h.pool): (h.forfeited_fen, h.shared_fen) for h in run.hospitals}


def test_forfeits__are_shared_by_points_in_each_pool(region: Path, tmp_path: Path) -> None:
    change("scores.csv", "H2,0.90", "H2,1.00")(region)
    kept = year_end(region, overrides=["deposit_forfeited=fund"])
    run = year_end(region, overrides=["deposit_forfeited=share"])
    # 70.00 x 808.6 / 954.2 = 59.3188.., 664.50 x 466.4 / 527.3778 = 587.6674..
    assert shares_of(run) == {
        ("H1", "310"): (0, 5_932),
        ("H1", "390"): (0, 58_767),
        ("H2", "310"): (0, 1_068),
        ("H2", "390"): (0, 7_683),
        ("H3", "310"): (7_000, 0),
        ("H3", "390"): (66_450, 0),
    }
    for before, after in zip(kept.hospitals, run.hospitals, strict=True):
        assert before.shared_fen == 0
        assert after.due_fen == before.due_fen
        assert after.final_fen == before.final_fen + after.shared_fen
    # one value for both pools, but each pool's forfeits stay in it
    together = year_end(region, overrides=["deposit_forfeited=share", "combine_pools=true"])
    assert shares_of(together) == shares_of(run)
    table = write_run(run, tmp_path / "run") / "hospitals.csv"
    columns = table.read_text(encoding="utf-8").splitlines()[0].replace('"', "").split(",")
    at = columns.index("forfeited_fen")
    assert columns[at : at + 3] == ["forfeited_fen", "shared_fen", "violation_fen"]
    assert not any("deposit_forfeited" in str(w) for w in run.warnings)


def test_forfeits__are_no_gain_of_the_penalised_nor_of_the_ended(region: Path) -> None:
    change("scores.csv", "H2,0.90", "H2,1.00")(region)
    text = (region / "hospitals.csv").read_text(encoding="utf-8").splitlines()
    rows = [text[0] + ",standing", text[1] + ",penalised", text[2] + ",", text[3] + ","]
    (region / "hospitals.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = year_end(region, overrides=["deposit_forfeited=share"])
    assert {key: pair for key, pair in shares_of(run).items() if key[1] == "310"} == {
        ("H1", "310"): (0, 0),
        ("H2", "310"): (0, 7_000),
        ("H3", "310"): (7_000, 0),
    }
    rows[2] = text[2] + ",ended"
    (region / "hospitals.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = year_end(region, overrides=["deposit_forfeited=share"])
    assert not any(h.shared_fen for h in run.hospitals)
    said = [str(w) for w in run.warnings if "deposit_forfeited" in str(w)]
    assert [text.split(" stay ")[0] for text in said] == [
        "pool 310: forfeited deposits of 70.00 yuan",
        "pool 390: forfeited deposits of 664.50 yuan",
    ]
    kept = year_end(region, overrides=["deposit_forfeited=fund"])
    assert not any("deposit_forfeited" in str(w) for w in kept.warnings)


def test_forfeits__shared_stay_below_the_ceiling(region: Path) -> None:
    """What is paid out is never above Σ due, so a target of exactly Σ due is kept."""
    with (region / "region.toml").open("a", encoding="utf-8") as file:
        file.write('\n[ceiling]\ncontrol_target_yuan = "234221.16"\n')
    run = year_end(region, overrides=["deposit_forfeited=share"])
    due = sum(h.due_fen for h in run.hospitals)
    assert run.ceiling is not None
    assert due == run.ceiling.total_fen == run.ceiling.target_fen == 23_422_116
    shared = sum(h.shared_fen for h in run.hospitals)
    assert shared == sum(h.forfeited_fen for h in run.hospitals) > 0
    violations = sum(h.violation_fen for h in run.hospitals)
    assert sum(h.prepaid_fen + h.final_fen for h in run.hospitals) == due - violations


@few_and_many(12, 20)
def test_more_points__never_mean_less_pay(count: int, tmp_path: Path) -> None:
    compared = 0
    for _, run in settled_regions(tmp_path, count):
        together = len(run.pools) == 1
        for pool in run.pools:
            if pool.point_value_fen < 0:
                continue
            # what the points are worth: the due less money, and what others paid already
            own_hospitals = [h for h in run.hospitals if together or h.pool == pool.pool]
            if any(h.bound for h in own_hospitals) or run.policy["bound.level"] == "case":
                continue  # a bound is the hospital's own
            worth = sorted(
                (h.sums.net_points, h.due_fen - h.sums.money_fen + h.sums.n_fen)
                for h in own_hospitals
            )
            for (points, own), (more, other) in pairwise(worth):
                assert own <= other
                compared += points < more
    assert compared > count


def test_a_higher_coefficient__never_lowers_the_own_due(region: Path) -> None:
    before = None
    for coefficient in ("0.5", "0.9", "0.98", "0.9801", "1.2", "3", "100"):
        rows = f"hospital_id,coefficient\nH1,1.06\nH2,{coefficient}\nH3,0.91\n"
        (region / "coefficients.csv").write_text(rows, encoding="utf-8")
        run = year_end(region)
        own = {h.pool: h.due_fen for h in run.hospitals if h.hospital_id == "H2"}
        settled = {p.pool: p.settled_fen for p in run.pools}
        assert settled == {"310": 12_766_750, "390": 10_655_366}
        if before is not None:
            for pool, due in own.items():
                assert due > before[pool]
        before = own


# --- region folders that cannot be used


def faults_of(folder: Path, kind: type[DrgpayError] = InputError) -> tuple[str, ...]:
    with pytest.raises(kind) as caught:
        year_end(folder, threads=1)
    return caught.value.faults


HOSPITAL = "hospitals.csv"
BROKEN: dict[str, tuple[Edit, str]] = {
    "unknown hospital in violations": (
        change("violations.csv", "H2,310,500.00", "H9,310,500.00"),
        "violations.csv:2: hospital_id 'H9' is not in hospitals.csv",
    ),
    "unknown pool in violations": (
        change("violations.csv", "H2,310,500.00", "H2,311,500.00"),
        "violations.csv:2: pool '311' is not in region.toml",
    ),
    "amount of a violation": (
        change("violations.csv", "H2,310,500.00", "H2,310,-500.00"),
        "violations.csv:2: amount_yuan: '-500.00' is negative",
    ),
    "unknown hospital in prepaid": (
        write("prepaid.csv", "hospital_id,pool,prepaid_yuan\nH1,310,1\nX,310,1\n"),
        "prepaid.csv:3: hospital_id 'X' is not in hospitals.csv",
    ),
    "unknown pool in prepaid": (
        write("prepaid.csv", "hospital_id,pool,prepaid_yuan\nH1,,1\n"),
        "prepaid.csv:2: pool is empty",
    ),
    "prepaid twice": (
        write("prepaid.csv", "hospital_id,pool,prepaid_yuan\nH1,310,1\nH1,310,2\n"),
        "prepaid.csv:3: hospital_id 'H1' and pool '310' stand twice: row 2 has it",
    ),
    "deposit that is no amount": (
        write("prepaid.csv", "hospital_id,pool,prepaid_yuan,deposit_yuan\nH1,310,1,1.234\n"),
        "prepaid.csv:2: deposit_yuan: '1.234' is not an amount in yuan with at most two decimals",
    ),
    "missing coefficient": (
        change("coefficients.csv", "H3,0.9100\n", ""),
        "coefficients.csv: no row for hospital_id 'H3'; each needs one",
    ),
    "empty coefficient": (
        change("coefficients.csv", "H3,0.9100", "H3,"),
        "coefficients.csv:4: coefficient is empty",
    ),
    "coefficient of 0": (
        change("coefficients.csv", "H3,0.9100", "H3,0"),
        "coefficients.csv:4: coefficient: '0' is not above 0 and at most 100",
    ),
    "coefficient with seven decimals": (
        change("coefficients.csv", "H3,0.9100", "H3,0.9100001"),
        "coefficients.csv:4: coefficient: '0.9100001' has more than six decimals",
    ),
    "coefficient of an unknown hospital": (
        append("coefficients.csv", "H4,1"),
        "coefficients.csv:5: hospital_id 'H4' is not in hospitals.csv",
    ),
    "coefficient twice": (
        append("coefficients.csv", "H1,1"),
        "coefficients.csv:5: hospital_id 'H1' stands twice: row 2 has it",
    ),
    "no coefficients.csv": (
        remove("coefficients.csv"),
        "coefficients.xlsx or coefficients.csv: missing; columns hospital_id, coefficient",
    ),
    "score above 1": (
        change("scores.csv", "H2,0.90", "H2,90"),
        "scores.csv:3: score: '90' is not between 0 and 1",
    ),
    "score that is no number": (
        change("scores.csv", "H2,0.90", "H2,good"),
        "scores.csv:3: score: 'good' is not a decimal number",
    ),
    "missing score": (
        change("scores.csv", "H2,0.90\n", ""),
        "scores.csv: no row for hospital_id 'H2'; each needs one",
    ),
    "hospital twice": (
        append(HOSPITAL, "H1,第一医院,3"),
        "hospitals.csv:5: hospital_id 'H1' stands twice: row 2 has it",
    ),
    "base points twice": (
        append("base_points.csv", "GB15,10000.00,yes"),
        "base_points.csv:6: drg 'GB15' stands twice: row 4 has it",
    ),
    "group mean of 0": (
        change("base_points.csv", "GB15,10000.00", "GB15,0"),
        "base_points.csv:4: group_mean_yuan: '0' is 0; leave out what there is none of",
    ),
    "stable that is neither yes nor no": (
        change("base_points.csv", "GB15,10000.00,yes", "GB15,10000.00,true"),
        "base_points.csv:4: stable: 'true' is not yes or no",
    ),
    "bed-day class twice": (
        append("bed_day_rates.csv", "PSY,1"),
        "bed_day_rates.csv:3: bed_day_class 'PSY' and from_day 1 stand twice: row 2 has it",
    ),
    "review twice": (
        append("reviews.csv", "C02,granted,1,"),
        "reviews.csv:4: case_id 'C02' stands twice: row 2 has it",
    ),
    "decision of a review": (
        change("reviews.csv", "C09,refused", "C09,denied"),
        "reviews.csv:3: decision: 'denied' is not granted or refused",
    ),
    "neither base points nor history": (
        lambda f: (remove("base_points.csv")(f), change("region.toml", "all_drg_mean", "#")(f)),
        "neither base_points.csv, weights.csv nor history/ is there: base points need one",
    ),
    "missing all_drg_mean_yuan": (
        change("region.toml", 'all_drg_mean_yuan = "12500.00"', ""),
        "region.toml: [region] needs all_drg_mean_yuan with base_points.csv",
    ),
    "all_drg_mean_yuan of 0": (
        change("region.toml", '"12500.00"', '"0"'),
        "region.toml: all_drg_mean_yuan: '0' is 0; leave out what there is none of",
    ),
    "all_drg_mean_yuan that is no amount": (
        change("region.toml", '"12500.00"', '"12,500"'),
        "region.toml: all_drg_mean_yuan: '12,500' is not an amount in yuan with at most two "
        "decimals",
    ),
    "unknown entry of region.toml": (
        change("region.toml", "year = 2024", "year = 2024\nsurgical_mach = 'any'"),
        "region.toml: [region] has an unknown entry 'surgical_mach'",
    ),
    "no year": (change("region.toml", "year = 2024", ""), "region.toml: [region] has no year"),
    "year as a text": (
        change("region.toml", "year = 2024", 'year = "2024"'),
        "region.toml: year '2024' is a text: leave out the quotation marks, year = 2024",
    ),
    "unknown entry of a pool": (
        change("region.toml", 'budget_yuan = "130000.00"', 'budget_yuan = "1"\nbudget = 1'),
        "region.toml: pool 1: unknown entry 'budget'",
    ),
    "pool without a budget": (
        change("region.toml", 'budget_yuan = "130000.00"', ""),
        "region.toml: pool 1: no budget_yuan",
    ),
    "pool twice": (
        change("region.toml", 'pool = "390"', 'pool = "310"'),
        "region.toml: pool 2: pool '310' stands twice: row 1 has it",
    ),
    "cases as a text": (
        change("region.toml", '["cases.csv"]', '"cases.csv"'),
        "region.toml: cases is 'cases.csv'; must be a list like [\"cases.csv\"]",
    ),
    "missing case file": (
        change("region.toml", '["cases.csv"]', '["cases.csv", "more.csv"]'),
        "region.toml: cases: no file 'more.csv'",
    ),
    "no cases at all": (
        lambda f: (
            remove("cases.csv")(f),
            change("region.toml", 'cases = ["cases.csv"]', "")(f),
        ),
        "no cases: give cases.parquet, cases.csv, cases.xlsx or cases/",
    ),
    "not UTF-8": (
        write(HOSPITAL, b"hospital_id,name,level\nH1,\xff\xff,3\n"),
        "hospitals.csv: neither UTF-8 nor GB18030; save it as CSV UTF-8",
    ),
    "unknown column": (
        change("scores.csv", "hospital_id,score", "hospital_id,points"),
        "scores.csv: columns are hospital_id, points; must be hospital_id, score",
    ),
    "two columns of one name": (
        change("reviews.csv", "unreasonable_yuan,note", "unreasonable_yuan,decision"),
        "reviews.csv: two columns mean decision: 'decision' and another, 'decision': keep one",
    ),
    "too few fields": (
        change("scores.csv", "H2,0.90", "H2"),
        "scores.csv:3: wrong number of fields",
    ),
    "too many fields": (
        change("bed_day_rates.csv", "PSY,400.00", "PSY,400.00,0"),
        "bed_day_rates.csv:2: wrong number of fields",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_region__one_clear_fault(region: Path, what: str) -> None:
    edit, fault = BROKEN[what]
    edit(region)
    found = faults_of(region)
    assert fault in found
    # and nothing but what follows from it: a hospital without a good row, a pool that is gone
    follows = [f for f in found if f != fault and "no row for hospital_id" not in f]
    assert [
        f for f in follows if "'390' is not in region" not in f and "hospital_id 'H" not in f
    ] == []


def test_region__both_base_points_and_history(region: Path) -> None:
    write("history/past.csv", "case_id\n")(region)
    assert faults_of(region) == (
        "base_points.csv and history/ are both there: keep one of them",
        "region.toml: all_drg_mean_yuan stands beside history/, which gives it",
    )


@pytest.mark.parametrize("name", ["coefficients.csv", "scores.csv"])
def test_region__a_table_with_headers_only_lacks_every_row(region: Path, name: str) -> None:
    path = region / name
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    assert faults_of(region) == tuple(
        f"{name}: no row for hospital_id 'H{i}'; each needs one" for i in (1, 2, 3)
    )


def test_region__hospitals_with_headers_only(region: Path) -> None:
    (region / HOSPITAL).write_text("hospital_id,name,level\n", encoding="utf-8")
    assert faults_of(region)[0] == "hospitals.csv: no row"


def test_region__a_wrong_header_of_the_hospitals_is_the_only_fault(region: Path) -> None:
    change(HOSPITAL, "hospital_id,", "hospital_code,")(region)
    write("prepaid.csv", "hospital_id,pool,prepaid_yuan\nH1,310,1\n")(region)
    write("carried.csv", "hospital_id,pool,amount_yuan\nH1,310,1\n")(region)
    (fault,) = faults_of(region)
    assert fault.startswith("hospitals.csv: columns are hospital_code, ")


def test_region__a_table_that_is_there_twice_is_one_fault(region: Path) -> None:
    write("scores.xlsx", b"")(region)
    assert faults_of(region) == ("scores.csv: keep one of scores.csv, scores.xlsx",)
    remove("scores.xlsx")(region)
    remove("scores.csv")(region)
    (fault,) = faults_of(region)
    assert in_language(fault, "zh").startswith("scores.xlsx 或 scores.csv：缺少这个文件")


def test_region__pools_under_one_bracket(region: Path) -> None:
    text = (region / "region.toml").read_text(encoding="utf-8")
    head = text.split("[[pools]]")[0]
    toml = head + '[pools]\npool = "310"\nbudget_yuan = "1"\n'
    (region / "region.toml").write_text(toml, encoding="utf-8")
    assert faults_of(region)[0] == "region.toml: no pool; each stands under a line [[pools]]"


@pytest.mark.parametrize("amount", ["12500", "12500.0", '"12500"', '" 12500.00 "'])
def test_region__an_amount_typed_as_a_number_is_taken_exactly(region: Path, amount: str) -> None:
    change("region.toml", '"12500.00"', amount)(region)
    assert year_end(region).base.all_mean_fen == 1_250_000


def test_region__all_faults_at_once(region: Path) -> None:
    for what in ("score above 1", "unknown pool in violations", "missing coefficient", "no year"):
        BROKEN[what][0](region)
    with pytest.raises(InputError) as caught:
        year_end(region)
    assert caught.value.where == str(region)
    assert set(caught.value.faults) == {
        BROKEN[what][1]
        for what in (
            "score above 1",
            "unknown pool in violations",
            "missing coefficient",
            "no year",
        )
    }
    for fault in caught.value.faults:
        assert fault in str(caught.value)


def test_region__no_folder_and_no_toml(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"no region\.toml") as caught:
            year_end(folder)
        assert caught.value.where == str(folder)
    (tmp_path / "region.toml").write_text("[region\n", encoding="utf-8")
    with pytest.raises(InputError, match="not TOML"):
        year_end(tmp_path)


def test_region__base_points_of_a_group_that_the_scheme_lacks(region: Path) -> None:
    append("base_points.csv", "GB51,10000.00,yes")(region)
    append("base_points.csv", "0000,10000.00,yes")(region)
    with pytest.raises(InputError, match=r"2 of its DRGs are not in the scheme") as caught:
        year_end(region)
    assert caught.value.faults == ("drg 'GB51'", "drg '0000'")
    assert caught.value.where == str(region / "base_points.csv")


def test_region__year_outside_the_policy(region: Path) -> None:
    change("region.toml", "year = 2024", "year = 2018")(region)
    found = faults_of(region, PolicyError)
    assert "parameters has a value in 2018; the first period begins 2019-01-01" in found[0]


def test_region__unknown_policy_scheme_or_reading(
    region: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # here loading the scheme is what is tested
    change("region.toml", '"testland"', '"nowhere"')(region)
    with pytest.raises(InputError, match="no policy named 'nowhere'"):
        year_end(region)
    change("region.toml", '"nowhere"', '"testland"')(region)
    change("region.toml", "year = 2024", 'year = 2024\nsurgical_match = "first"')(region)
    assert faults_of(region) == ("region.toml: surgical_match is 'first': write main or any",)
    change("region.toml", 'surgical_match = "first"', "conditions = 3")(region)
    assert "region.toml: conditions is '3'" in faults_of(region)[0]
    change("region.toml", "conditions = 3", "")(region)
    change("region.toml", SCHEMES["ex1-tiny"], "no-scheme")(region)
    with pytest.raises(InputError, match="no scheme named 'no-scheme'"):
        year_end(region)


def test_region__a_pool_without_points_has_no_value(region: Path) -> None:
    extra = '\n[[pools]]\npool = "999"\nname = "x"\nbudget_yuan = "1.00"\n'
    append("region.toml", extra)(region)
    with pytest.raises(InputError, match="999"):
        year_end(region, overrides=["pool_without_points=refuse"])
    assert [p.pool for p in year_end(region).pools if p.solution == "no_points"] == ["999"]


@pytest.mark.parametrize(
    ("overrides", "violations", "cause"),
    [
        (
            ["short_stay.days=1000", "bed_day.payment=money"],
            False,
            "all cases are paid in money or have 0 points",
        ),
        ([], True, "violations took all points away"),
    ],
)
def test_pool__without_points_is_told_why(
    region: Path, overrides: list[str], violations: bool, cause: str
) -> None:
    if violations:
        rows = [
            f"{h.hospital_id},{h.pool},0.00,{Decimal(h.sums.points) / 10_000}"
            for h in year_end(region).hospitals
        ]
        text = "\n".join(["hospital_id,pool,amount_yuan,points", *rows, ""])
        (region / "violations.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="has a budget but no points") as refused:
        year_end(region, overrides=overrides)
    assert cause in str(refused.value)
    assert "quarantined" not in str(refused.value)


def test_policy__a_faulty_file_is_told_before_the_tables_that_it_asks_for(region: Path) -> None:
    policy = (Path(SCHEMES["ex1-tiny"]) / "../../../reference/policies/testland.toml").read_text(
        encoding="utf-8"
    )
    (region / "own.toml").write_text(policy.replace('unit = "years"', 'unit = "x"'), "utf-8")
    change("region.toml", '"testland"', '"own.toml"')(region)
    remove("coefficients.csv")(region)
    with pytest.raises(PolicyError, match="history_years: unit is 'x'"):
        year_end(region)


def test_bounds__a_refusal_counts_the_penalised_and_names_what_holds(region: Path) -> None:
    text = (region / "hospitals.csv").read_text(encoding="utf-8").splitlines()
    rows = [text[0] + ",standing", *(f"{line},penalised" for line in text[1:])]
    (region / "hospitals.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="no point value within the bounds") as refused:
        year_end(region)
    assert "(violator_no_increase)" in str(refused.value)
    assert "cost_share" not in str(refused.value)
    assert "3 at their high one" in str(refused.value)


def test_cases__a_missing_column_is_named(region: Path) -> None:
    change("cases.csv", "total_cost,pool_fund", "total_cost,fund")(region)
    with pytest.raises(InputError, match=r"cases\.csv: missing column: pool_fund"):
        year_end(region)


def test_history__a_missing_column_is_named(region: Path) -> None:
    remove("base_points.csv")(region)
    change("region.toml", 'all_drg_mean_yuan = "12500.00"\n', "")(region)
    write("history/past.csv", "case_id,sex,age_years,diagnoses\na,M,1,K25.900\n")(region)
    with pytest.raises(
        InputError, match="missing columns: admission_date, discharge_date, total_cost"
    ):
        year_end(region)


# --- exit codes, and nothing half-written


def test_exit_codes__each_kind_of_fault(region: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    policy = (Path(SCHEMES["ex1-tiny"]) / "../../../reference/policies/testland.toml").read_text(
        encoding="utf-8"
    )
    (region / "own.toml").write_text(policy.replace('unit = "years"', 'unit = "x"'), "utf-8")
    bad_scheme = tmp_path / "scheme"
    shutil.copytree(SCHEMES["ex1-tiny"], bad_scheme)
    (bad_scheme / "drg.csv").unlink()
    trials: list[tuple[Edit | None, list[str], int, str]] = [
        (None, [], 0, ""),
        (None, ["--set", "keep_rato=1"], 4, "keep_rato"),
        (None, ["--set", "keep_ratio=2"], 4, "keep_ratio=2"),
        (change("region.toml", '"testland"', '"own.toml"'), [], 4, "history_years: unit is 'x'"),
        (change("region.toml", SCHEMES["ex1-tiny"], str(bad_scheme)), [], 3, "drg.csv"),
        (BROKEN["score above 1"][0], [], 5, "scores.csv:3: score: '90'"),
        (None, ["--sett", "a=1"], 2, "--sett"),
        (None, ["--threads", "0"], 2, "threads"),
    ]
    for number, (edit, options, code, words) in enumerate(trials):
        folder = tmp_path / f"region{number}"
        shutil.copytree(region, folder)
        if edit is not None:
            edit(folder)
        done = drgpay("year-end", folder, "-o", out, *options, lang="en")
        assert done.returncode == code, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        if code == 0:
            before = {path.name: path.read_bytes() for path in out.iterdir()}
            again_done = drgpay("year-end", folder, "-o", out, lang="en")
            assert again_done.returncode == 5
            assert "never overwritten" in again_done.stderr
            assert {path.name: path.read_bytes() for path in out.iterdir()} == before
            shutil.rmtree(out)
        else:
            assert not out.exists()
    assert not list(tmp_path.glob(".*"))


def test_run_folder__a_failure_leaves_nothing(region: Path, tmp_path: Path) -> None:
    run = year_end(region)

    def fail(folder: Path) -> None:
        assert (folder / "manifest.json").exists()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_run(run, tmp_path / "out", finish=fail)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["region"]


def test_run_folder__is_never_overwritten(region: Path, tmp_path: Path) -> None:
    run = year_end(region)
    (tmp_path / "out").mkdir()
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for name in ("out", "file"):
        with pytest.raises(InputError, match="there is something at this place already"):
            write_run(run, tmp_path / name)
    with pytest.raises(InputError, match="no such folder"):
        write_run(run, tmp_path / "no" / "out")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
    assert list((tmp_path / "out").iterdir()) == []


# --- quarantine: each reason with file, row, column and value


def spoil(region: Path, **values: str) -> None:
    """Change columns of case C05, the fifth row."""
    rows = rows_of(region / "cases.csv")
    assert rows[4]["case_id"] == "C05"
    rows[4].update(values)
    write_csv(region / "cases.csv", rows[0], rows)


# column, new value (shown as it stands), reason
QUARANTINED: list[tuple[str, str, str]] = [
    ("case_id", "", "case_id_missing"),
    ("case_id", "  ", "case_id_missing"),
    ("sex", "", "sex_invalid"),
    ("sex", "雄", "sex_invalid"),
    ("age_years", "", "age_invalid"),
    ("age_years", "151", "age_invalid"),
    ("age_years", "six", "age_invalid"),
    ("diagnoses", "", "principal_missing"),
    ("diagnoses", "|K25.900", "principal_missing"),
    ("age_days", "-3", "age_days_invalid"),
    ("age_days", "3.5", "age_days_invalid"),
    ("birth_weight_g", "2磅", "weight_invalid"),
    ("birth_weight_g", "3", "weight_invalid"),
    ("procedures", "99.9", "code_as_number"),
    ("procedures", "胃大部切除术", "code_is_name"),
    ("los_days", "1000001", "count_invalid"),
    ("icu", "2", "flag_invalid"),
    ("admission_date", "", "date_invalid"),
    ("admission_date", "2024-04-31", "date_invalid"),
    ("discharge_date", "soon", "date_invalid"),
    ("settlement_date", "2024-04", "date_invalid"),
    ("discharge_date", "2024-03-31", "dates_reversed"),
    ("total_cost", "", "money_invalid"),
    ("total_cost", "11,00.00", "money_invalid"),
    ("total_cost", "11000.005", "money_invalid"),
    ("pool_fund", "", "money_invalid"),
    ("total_cost", "-0.01", "money_negative"),
    ("pool_fund", "-1", "money_negative"),
    ("pool_fund", "11000.01", "fund_above_cost"),
    ("hospital_id", "H9", "hospital_unknown"),
    ("hospital_id", "", "hospital_unknown"),
    ("pool", "311", "pool_unknown"),
    ("payment_mode", "按天", "payment_mode_unknown"),
    ("bed_day_class", "XXX", "bed_day_rate_missing"),
    ("settlement_date", "2025-01-01", "outside_year"),
    ("settlement_date", "2023-12-31", "outside_year"),
]
ELSEWHERE = {
    "row_broken",
    "row_swallowed",  # tests/readers
    "stored_as_number",  # tests/readers
    "age_contradicts_dates",  # tests/readers
    "rows_differ",  # tests/readers
    "choice_invalid",  # tests/grouper/test_rule_words.py
    "bed_day_class_missing",
    "duplicate_case",
    "no_version_in_force",  # tests/schemes/test_scheme_versions.py
    "code_system_differs",  # tests/codes
    "personal_above_cost",  # below: needs a policy of its own
    *(reason for reason in REASONS if reason.startswith(("list_", "refund_"))),  # tests/lists
}


def assert_quarantined(region: Path, *notes: Note) -> YearEnd:
    """The run quarantines exactly these rows of twelve, and pays the others."""
    run = year_end(region, threads=1)
    assert run.quarantine.rows == list(notes)
    assert run.counts.total == run.counts.quarantined + sum(p.cases for p in run.pools)
    assert run.counts.quarantined == len(notes)
    known = {note[2].strip() for note in notes}
    for piece in run.pieces:
        for row in range(len(piece.status)):
            if piece.status[row] == 3:
                assert (piece.case_id[row].as_py() or "") in known
                assert piece.points[row] == 0
                assert piece.case_class[row] == -1
    return run


@pytest.mark.parametrize(
    ("column", "value", "reason"), QUARANTINED, ids=[f"{c}={v!r}" for c, v, _ in QUARANTINED]
)
def test_quarantine__one_bad_value(region: Path, column: str, value: str, reason: str) -> None:
    spoil(region, **{column: value})
    case = value if column == "case_id" else "C05"
    run = assert_quarantined(region, ("cases.csv", 6, case, column, value, reason))
    assert run.counts.total == 12


def test_quarantine__every_reason_is_tested() -> None:
    assert {reason for _, _, reason in QUARANTINED} | ELSEWHERE == set(REASONS)
    assert set(REVIEW_NOTES) == {"review_without_effect", "review_case_unknown"}


def test_quarantine__personal_payment_above_the_cost(region: Path) -> None:
    text = (EX1 / "cases.csv").read_text(encoding="utf-8").splitlines()
    at = text[0].split(",").index("personal_paid")
    fields = text[5].split(",")
    fields[at] = "11000.01"
    text[5] = ",".join(fields)
    (region / "cases.csv").write_text("\n".join(text) + "\n", encoding="utf-8")
    run = year_end(region, overrides=["not_pool=personal"])
    assert [note[1:] for note in run.quarantine.rows] == [
        (6, "C05", "personal_paid", "11000.01", "personal_above_cost")
    ]


def test_quarantine__broken_row(region: Path) -> None:
    change("cases.csv", "C05,H2,P05,310,M,66,,,2024-04-01", "C05,H2,P05,2024-04-01")(region)
    line = (region / "cases.csv").read_text(encoding="utf-8").splitlines()[5]
    shown = line if len(line) <= 120 else line[:120] + "…"
    run = assert_quarantined(region, ("cases.csv", 6, "", "", shown, "row_broken"))
    assert run.counts.total == 12
    assert sum(len(piece.status) for piece in run.pieces) == 11


def test_quarantine__bed_day_without_a_class(region: Path) -> None:
    spoil(region, payment_mode="bed_day")
    assert_quarantined(
        region, ("cases.csv", 6, "C05", "bed_day_class", "", "bed_day_class_missing")
    )


def test_quarantine__a_long_stay_whose_class_has_no_rate(region: Path) -> None:
    spoil(region, los_days="61")  # long_stay.class is LONG, and only PSY has a rate
    assert_quarantined(region, ("cases.csv", 6, "C05", "bed_day_class", "", "bed_day_rate_missing"))
    append("bed_day_rates.csv", "LONG,100.00")(region)
    run = assert_quarantined(region)
    assert run.totals.classes()["bed_day"][0] == 2


def test_quarantine__by_discharge_when_there_is_no_settlement_date(region: Path) -> None:
    rows = {"settlement_date": "", "admission_date": "2023-12-01", "discharge_date": "2023-12-09"}
    spoil(region, **rows)
    note = ("cases.csv", 6, "C05", "discharge_date", "2023-12-09", "outside_year")
    assert_quarantined(region, note)
    # settled in the year: the year of the discharge does not matter
    spoil(region, settlement_date="2024-01-02")
    assert_quarantined(region)


def test_review__of_more_than_the_cost_is_refused(region: Path) -> None:
    append("reviews.csv", "C05,granted,11000.01,")(region)
    with pytest.raises(InputError, match=r"reviews\.csv:4: C05: .* 11,000\.01 > 11,000\.00"):
        year_end(region, threads=1)


def test_region__unknown_table_is_refused(region: Path) -> None:
    (region / "violation.csv").write_text("hospital_id,pool,amount_yuan\n")
    with pytest.raises(InputError, match=r"violation\.csv"):
        year_end(region, threads=1)


def test_cases__without_patients_are_refused_while_the_readmission_rule_is_on(region: Path) -> None:
    path = region / "cases.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("patient_id", "患者", 1), "utf-8")
    with pytest.raises(InputError, match="missing column: patient_id"):
        year_end(region, threads=1)
    run = year_end(region, overrides=["readmission.days=none"], threads=1)
    assert any("患者" in str(warning) for warning in run.warnings)


def test_quarantine__shows_hospital_and_money_of_what_is_set_aside(region: Path) -> None:
    spoil(region, admission_date="2024-13-01")
    run = year_end(region, threads=1)
    assert run.set_aside.as_dict() == {
        "cases": 1,
        "total_cost_fen": 1_100_000,
        "pool_fund_fen": 770_000,
    }
    (table,) = case_tables(run)
    row = table.filter(pc.equal(table["case_id"], "C05")).to_pylist()[0]
    assert (row["hospital_id"], row["pool_fund_fen"], row["points"]) == ("H2", 770_000, None)
    assert row["reason"] == "date_invalid"


def test_pool__whose_cases_are_all_quarantined_says_why(region: Path) -> None:
    text = (
        (region / "region.toml").read_text(encoding="utf-8").replace("year = 2024", "year = 2023")
    )
    (region / "region.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="belongs to another year: 12, for one in row 2"):
        year_end(region, threads=1)


def test_set__lists_in_brackets_and_unknown_groups(region: Path) -> None:
    plain = year_end(region, overrides=["readmission.exempt=GB1"], threads=1)
    bracketed = year_end(region, overrides=['readmission.exempt=["GB1"]'], threads=1)
    assert [p.settled_fen for p in plain.pools] == [p.settled_fen for p in bracketed.pools]
    assert plain.pools[0].points == bracketed.pools[0].points
    with pytest.raises(PolicyError, match="has no ZZ9"):
        year_end(region, overrides=["readmission.exempt=ZZ9"], threads=1)
    with pytest.raises(PolicyError, match="set twice"):
        year_end(region, overrides=["keep_ratio=1", "keep_ratio=0"], threads=1)


def test_quarantine__the_first_fault_of_a_row_is_noted_once(region: Path) -> None:
    spoil(region, sex="x", total_cost="y", hospital_id="z", admission_date="w")
    run = year_end(region)
    (note,) = run.quarantine.rows
    assert note[:3] == ("cases.csv", 6, "C05")
    assert note[4] in ("w", "x", "y", "z")
    assert run.counts.total == 12


def test_quarantine__every_copy_of_a_case_id(region: Path) -> None:
    lines = (region / "cases.csv").read_text(encoding="utf-8").splitlines()
    append("cases.csv", lines[5])(region)
    append("cases.csv", lines[1])(region)
    append("cases.csv", lines[5].replace("11000.00", "11000.01"))(region)
    run = assert_quarantined(
        region,
        ("cases.csv", 2, "C01", "case_id", "C01", "duplicate_case"),
        ("cases.csv", 6, "C05", "case_id", "C05", "duplicate_case"),
        ("cases.csv", 14, "C05", "case_id", "C05", "duplicate_case"),
        ("cases.csv", 15, "C01", "case_id", "C01", "duplicate_case"),
        ("cases.csv", 16, "C05", "case_id", "C05", "duplicate_case"),
    )
    assert run.counts.total == 15
    assert not any(piece.readmission.any() for piece in run.pieces)  # C05 was the one cut


def test_quarantine__copies_in_two_files(region: Path) -> None:
    rows = rows_of(region / "cases.csv")
    write_csv(region / "more.csv", rows[0], [rows[4]])
    change("region.toml", '["cases.csv"]', '["cases.csv", "more.csv"]')(region)
    assert_quarantined(
        region,
        ("cases.csv", 6, "C05", "case_id", "C05", "duplicate_case"),
        ("more.csv", 2, "C05", "case_id", "C05", "duplicate_case"),
    )


def test_quarantine__a_copy_beside_a_faulty_copy(region: Path) -> None:
    line = (region / "cases.csv").read_text(encoding="utf-8").splitlines()[5]
    append("cases.csv", line.replace("11000.00", "x"))(region)
    assert_quarantined(
        region,
        ("cases.csv", 6, "C05", "case_id", "C05", "duplicate_case"),
        ("cases.csv", 14, "C05", "total_cost", "x", "money_invalid"),
    )


def test_quarantine__rows_without_a_case_id_are_not_copies_of_each_other(region: Path) -> None:
    line = (region / "cases.csv").read_text(encoding="utf-8").splitlines()[5]
    append("cases.csv", line.replace("C05", ""))(region)
    append("cases.csv", line.replace("C05", ""))(region)
    assert_quarantined(
        region,
        ("cases.csv", 14, "", "case_id", "", "case_id_missing"),
        ("cases.csv", 15, "", "case_id", "", "case_id_missing"),
    )


def test_quarantine__blanks_around_ids_do_not_make_another_id(region: Path) -> None:
    spoil(region, case_id=" C05 ", patient_id=" P05", hospital_id=" H2 ")
    first = year_end(region)
    assert [int(piece.readmission.sum()) for piece in first.pieces] == [1]
    assert [h.due_fen for h in first.hospitals] == [h.due_fen for h in year_end(EX1).hospitals]
    text = (region / "cases.csv").read_text(encoding="utf-8").replace(" C05 ,", "C06 ,")
    (region / "cases.csv").write_text(text, encoding="utf-8")
    run = year_end(region)
    assert [note[1:3] + note[5:] for note in run.quarantine.rows] == [
        (6, "C06", "duplicate_case"),
        (7, "C06", "duplicate_case"),
    ]


def test_quarantine__patients_without_an_id_are_never_readmitted(region: Path) -> None:
    for blank in ("", " "):
        text = (EX1 / "cases.csv").read_text(encoding="utf-8").replace(",P05,", f",{blank},")
        (region / "cases.csv").write_text(text, encoding="utf-8")
        run = assert_quarantined(region)
        assert not any(piece.readmission.any() for piece in run.pieces)


def test_quarantine__reviews_without_effect(region: Path) -> None:
    append("reviews.csv", "C01,granted,1.00,")(region)
    append("reviews.csv", "C99,granted,1.00,")(region)
    append("reviews.csv", "C08,refused,0,")(region)
    append("reviews.csv", "C12,refused,5.00,")(region)
    run = assert_quarantined(region)
    assert run.notes.rows == [
        ("reviews.csv", 4, "C01", "case_id", "C01", "review_without_effect"),
        ("reviews.csv", 5, "C99", "case_id", "C99", "review_case_unknown"),
        ("reviews.csv", 6, "C08", "case_id", "C08", "review_without_effect"),
    ]
    assert [h.due_fen for h in run.hospitals] == [h.due_fen for h in year_end(EX1).hospitals]
    book = openpyxl.Workbook()
    for row in csv.reader((region / "reviews.csv").read_text(encoding="utf-8").splitlines()):
        book.active.append(row)
    book.save(region / "reviews.xlsx")
    remove("reviews.csv")(region)
    assert {note[0] for note in year_end(region).notes.rows} == {"reviews.xlsx"}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_quarantine__is_written_with_message_and_remedy(
    region: Path, tmp_path: Path, lang: str
) -> None:
    spoil(region, total_cost="11,00")
    append("reviews.csv", "C01,granted,1.00,")(region)
    write_run(year_end(region), tmp_path / "run", lang=lang)
    bad, review = rows_of(tmp_path / "run" / "quarantine.csv")
    reason = REASONS["money_invalid"]
    assert bad == {
        "file": "cases.csv",
        "row": "6",
        "case_id": "C05",
        "column": "total_cost",
        "value": "11,00",
        "reason": "money_invalid",
        "message": reason.message.of(lang),
        "remedy": reason.remedy.of(lang),
    }
    assert (review["file"], review["reason"]) == ("reviews.csv", "review_without_effect")
    (row,) = [r for r in rows_of(tmp_path / "run" / "cases.csv") if r["status"] == "quarantined"]
    assert (row["case_id"], row["reason"], row["points"]) == ("C05", "money_invalid", "")
    assert (row["hospital_id"], row["case_class"], row["total_cost_fen"]) == ("H2", "", "")


def test_history__bad_double_and_foreign_rows_do_not_count(region: Path) -> None:
    remove("base_points.csv")(region)
    change("region.toml", 'all_drg_mean_yuan = "12500.00"\n', "")(region)
    facts = {"sex": "M", "age_years": "61", "diagnoses": "K25.900", "procedures": "43.7x00"}
    day = {"admission_date": "2023-05-01", "discharge_date": "2023-05-08"}
    good = [{**facts, **day, "case_id": f"h{i}", "total_cost": f"{100 + i}.00"} for i in range(8)]
    other = [
        {
            **good[0],
            "case_id": "far",
            "discharge_date": "2021-12-31",
            "admission_date": "2021-12-30",
        },
        {**good[0], "case_id": "now", "discharge_date": "2024-01-01"},
        {**good[0], "case_id": "bed", "payment_mode": "bed_day"},
        {**good[0], "case_id": "long", "admission_date": "2022-05-01"},
        {**good[0], "case_id": "free", "total_cost": "0"},
        {**good[0], "case_id": "lost", "diagnoses": "J15.900"},
    ]
    bad = [
        {**good[0], "case_id": "twice"},
        {**good[0], "case_id": "twice"},
        {**good[0], "case_id": "minus", "total_cost": "-1"},
        {**good[0], "case_id": ""},
    ]
    (region / "history").mkdir()
    columns = [*good[0], "payment_mode"]
    rows = [*bad[:1], *good, *other, *bad[1:]]
    write_csv(region / "history" / "past.csv", columns, rows)
    run = year_end(region, threads=1)
    base = run.base.groups["GB15"]
    assert (base.n_before, base.n_after, base.mean_fen) == (8, 8, 10_350)
    assert (run.base.history_years, run.base.years_found) == ((2022, 2023), (2023,))
    (said,) = [str(w) for w in run.warnings if "history_years" in str(w)]
    assert "of 2022 there is none that counts: base points rest on 2023 alone" in said
    assert run.base.all_mean_fen == 10_350
    assert (
        run.prepared.past.rows,
        run.prepared.past.used,
        run.prepared.past.quarantined,
    ) == (18, 8, 4)
    assert run.prepared.past.quarantine.rows == [
        ("past.csv", 2, "twice", "case_id", "twice", "duplicate_case"),
        ("past.csv", 17, "twice", "case_id", "twice", "duplicate_case"),
        ("past.csv", 18, "minus", "total_cost", "-1", "money_negative"),
        ("past.csv", 19, "", "case_id", "", "case_id_missing"),
    ]


def test_inputs__are_named_with_their_rows(region: Path) -> None:
    run = year_end(region)
    rows = {entry.name: entry.rows for entry in run.inputs}
    assert rows["cases.csv"] == 12
    assert {"region.toml", "hospitals.csv", "testland.toml", "violations.csv"} <= set(rows)
    assert all(len(entry.sha256) == 64 for entry in run.inputs)


def test_point_value__is_the_exact_fraction(region: Path) -> None:
    run = year_end(region)
    values = {pool.pool: pool.point_value_fen / 100 for pool in run.pools}
    assert values == {
        "310": Fraction(333_435, 2054),
        "390": Fraction(919_516_150, 5_434_389),
    }


# --- pool totals and the last fen, by hand


def year_policy(*overrides: str) -> YearPolicy:
    return load_policy("testland").for_year(2024, overrides)


@pytest.mark.parametrize(
    ("recorded", "available", "overrides", "settled"),
    [
        (11_445_000, 13_000_000, (), 12_766_750),  # EX1, 310
        (11_252_437, 10_550_000, (), 10_655_366),  # EX1, 390: 10,655,365.55
        (100, 100, (), 100),
        (0, 3, ("keep_ratio=0.5",), 2),  # 1.5
        (3, 0, ("fund_share_of_overspend=0.5",), 2),
        (0, 10, ("keep_ratio=0",), 0),
        (10, 0, ("fund_share_of_overspend=0",), 0),
        # care outside the region beyond the budget: B is negative, and so may T be
        (0, -3, ("fund_share_of_overspend=0.5",), -2),  # -1.5, away from zero
        (2, -1, ("fund_share_of_overspend=0.5",), 1),  # 0.5
    ],
)
def test_settled_total__surplus_overspend_and_halves(
    recorded: int, available: int, overrides: tuple[str, ...], settled: int
) -> None:
    assert share(recorded, available, year_policy(*overrides)).settled_fen == settled


def test_available_budget__reserve_is_rounded_once_and_care_outside_taken_off() -> None:
    p = year_policy("reserve_ratio=0.05")
    made = available_budget(1_010, 7, p)
    # 1,010 x 0.95 = 959.5
    assert (made.reserve_fen, made.available_fen) == (50, 953)
    deducted = available_budget(1_010, 7, year_policy("reserve_ratio=0.05", "out_of_area=deducted"))
    assert deducted.available_fen == 960


def test_dues__ties_go_to_the_smaller_hospital_then_pool() -> None:
    keys = [("H10", "390"), ("H10", "310"), ("H2", "310"), ("H1", "390")]
    sums = {key: Sums(1, 10_000, 0, 0) for key in keys}
    made = dues(sums, 6, year_policy(), "310+390")
    assert (made.value, made.residual) == (Fraction(6, 4), 0)
    assert made.due == {("H1", "390"): 2, ("H10", "310"): 2, ("H10", "390"): 1, ("H2", "310"): 1}


def test_dues__the_residual_of_a_rounded_value_stays_in_the_fund() -> None:
    sums = {(f"H{i}", "310"): Sums(1, 10_000, 0, 0) for i in range(3)}
    p = year_policy("residual=to_fund", "value_dp=2")
    made = dues(sums, 1_000, p, "310")
    assert (made.value, set(made.due.values()), made.residual) == (333, {333}, 1)
    made = dues(sums, 1_001, year_policy("residual=to_fund"), "310")
    assert (made.value, set(made.due.values()), made.residual) == (Fraction(1001, 3), {334}, -1)

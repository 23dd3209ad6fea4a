"""Every number of every derivation is computed again, from formulas, tables and parameters."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from drgpay.ground.errors import DrgpayError
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.why import RunFolder, text, why
from tests.settlement.regions import EX1, draw_region, keep_schemes
from tests.why.formulas import Formula, Tables, check_derivation

CLASSES = {
    "normal", "high", "reviewed", "low", "unstable", "ungrouped", "ambiguous", "bed_day",
    "special_discharge", "long_stay", "short_stay",
}  # fmt: skip
# steps that some drawn region must need, or the drawn regions test less than they should
STEPS = {
    "bed_day.points", "band", "bound.high", "bounds", "brings.bounded", "chain", "class",
    "deductible.due", "deductible.excess", "stay", "coefficient.sum", "coefficient.tilted", "due.bounded", "due.rank", "forfeited.band", "forfeits.left", "held",
    "not_pool.points", "points.deducted", "points.set", "points.share", "price", "readmission",
    "shared.rank", "sharing",
    "slice", "stable.cv", "test.day_surgery", "test.discharge_way", "test.long_stay",
    "test.short_stay", "trimmed", "value", "value.unbounded",
}  # fmt: skip


@pytest.fixture(scope="module")
def ex1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(year_end(EX1), tmp_path_factory.mktemp("why") / "run")


def subjects(tables: Tables) -> list[tuple[str, str]]:
    """Every case, hospital, pool and group of a run."""
    found = [("case", case) for case in dict.fromkeys(r["case_id"] for r in tables.rows("cases"))]
    found += [("hospital", h["hospital_id"]) for h in tables.manifest["hospitals"]]
    found += [("pool", row["pool"]) for row in tables.rows("pools")]
    return found + [("drg", row["drg"]) for row in tables.rows("drgs")]


def check_run(folder: Path) -> Counter[str]:
    """Fail if a derivation of a run does not hold; count what was checked."""
    run, tables, met = RunFolder(folder), Tables(folder), Counter[str]()
    for subject, name in subjects(tables):
        made = why(run, subject, name)
        met += check_derivation(made.as_dict(), tables)
        met[subject] += 1
        met.update("step " + step.key.rstrip(".0123456789") for step in made.steps)
        if subject == "case":
            row = tables.where("cases", {"case_id": name})[0]
            met[f"class {row['case_class'] or 'quarantined'}"] += 1
        for lang in ("zh", "en"):
            assert text(made, lang)
    return met


def check_drawn(folder: Path, seeds: range, scheme: str | None) -> Counter[str]:
    met: Counter[str] = Counter()
    for seed in seeds:
        drawn = draw_region(folder / "region", seed, scheme)
        overrides = [f"{key}={value}" for key, value in drawn.overrides.items()]
        try:
            run = year_end(drawn.folder, overrides=overrides)
        except DrgpayError:
            met["refused"] += 1
            continue
        met += check_run(write_run(run, folder / f"run{seed}"))
        met["run"] += 1
    return met


def missing(met: Counter[str]) -> set[str]:
    wanted = {f"class {name}" for name in CLASSES} | {f"step {key}" for key in STEPS}
    return wanted - set(met)


def test_why__ex1_holds_for_every_case_hospital_pool_and_group(ex1: Path) -> None:
    met = check_run(ex1)
    assert (met["case"], met["hospital"], met["pool"]) == (12, 3, 2)
    assert met["step"] > 300
    assert met["formula"] > 250
    assert met["leaf of a table"] > 300


def test_why__shared_forfeits_of_ex1(tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(EX1, region)
    for name, old, new in (
        ("scores.csv", "H2,0.90", "H2,1.00"),
        ("region.toml", "../../schemes/ex1-tiny", str(EX1.parents[1] / "schemes" / "ex1-tiny")),
    ):
        text = (region / name).read_text(encoding="utf-8")
        assert old in text
        (region / name).write_text(text.replace(old, new), encoding="utf-8")
    run = year_end(region, overrides=["deposit_forfeited=share"])
    folder = write_run(run, tmp_path / "run")
    assert check_run(folder)["step shared.rank"] == 4
    told = text_of(folder, "H2")
    assert formula(told, "share by points, exact") == (
        "70.00 × 145.6000 ÷ 954.2000 = 3920/367 ≈ 10.681199 yuan"
    )
    assert formula(told, "share of forfeits") == "floor(3920/367, 2) + 0 = 10.68 yuan"
    assert formula(told, "final payment") == (
        "16585.90 − 15627.50 − 0.00 + 10.68 − 500.00 = 469.08 yuan"
    )
    assert "it forfeited itself: no share" in text_of(folder, "H3")


def text_of(folder: Path, hospital: str) -> str:
    return text(why(folder, "hospital", hospital), "en")


def test_why__drawn_regions_with_every_class_and_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_schemes(monkeypatch)
    met: Counter[str] = Counter()
    for first in range(0, 96, 8):
        met += check_drawn(tmp_path, range(first, first + 8), "testland-tiny")
        if met["run"] >= 6 and not missing(met):
            break
    assert met["formula"] > 1_000
    assert not missing(met)


@pytest.mark.long
@pytest.mark.parametrize("first", range(1000, 1600, 100))
def test_why__many_drawn_regions(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_schemes(monkeypatch)
    met = check_drawn(tmp_path, range(first, first + 100), None)
    assert met["run"] > 40
    assert not {f"class {name}" for name in CLASSES} - set(met)


# --- what EX1 publishes


def rows(name: str) -> list[dict[str, str]]:
    with (EX1 / "expected" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def formula(told: str, title: str) -> str:
    """The formula under a title of the English text."""
    lines = told.splitlines()
    at = next(i for i, line in enumerate(lines) if f") {title}  rule" in line)
    return lines[at + 1].strip()


def test_why__a_case_of_ex1_ends_in_its_published_points(ex1: Path) -> None:
    run = RunFolder(ex1)
    for row in rows("cases.csv"):
        made = why(run, "case", row["case_id"])
        last = next(step for step in reversed(made.steps) if step.key == "points")
        assert last.formula.split("= ")[-1] == row["points"]
        assert next(s for s in made.steps if s.key == "class").figures[0].value == row["case_class"]


def test_why__point_values_of_ex1(ex1: Path) -> None:
    told = text(why(ex1, "pool", "310"), "en")
    assert (
        formula(told, "point value V")
        == "(127667.50 + 39050.00) ÷ 1027.0000 = 333435/2054 ≈ 162.334469328140 yuan per point"
    )
    for row in rows("pools.csv"):
        told = text(why(ex1, "pool", row["pool"]), "en")
        assert f"= {row['point_value_fraction']} ≈ {row['point_value']} " in told
        assert f"= {row['settled_yuan']} yuan" in told
        assert f"= {row['points']} points" in told


def test_why__hospitals_of_ex1_to_the_fen(ex1: Path) -> None:
    run = RunFolder(ex1)
    for row in rows("hospitals.csv"):
        made = why(run, "hospital", row["hospital_id"])
        own = next(s for s in made.sections if f"Pool {row['pool']}: what is due" == s.title)
        assert own.steps[-1].formula.endswith(f"= {row['due_yuan']}")
        last = next(s for s in made.sections if f"Pool {row['pool']}: what is paid" in s.title)
        assert last.steps[-1].formula.endswith(f"= {row['final_yuan']}")


def test_why__the_reviewed_case_of_ex1_step_by_step(ex1: Path) -> None:
    told = text(why(ex1, "case", "C02"), "en")
    assert formula(told, "high-cost?") == "90000.00 ≥ 1.5 × 45000.00 = 67500.00  ✓ yes"
    assert formula(told, "low-cost?") == "90000.00 > 0.4 × 45000.00 = 18000.00  ✗ no"
    assert formula(told, "points before readmission") == (
        "round(360.0000 × 1.0600 + max(0, (90000.00 − 2250.00) ÷ 45000.00 − 1.5) × 360.0000, 4)"
        " = 543.6000 points"
    )
    assert formula(told, "rounded to the fen") == "round(70087633/1027, 2) = 68245.02 yuan"
    assert "high.bands = 100: 3; 300: 2; none: 1.5 [not verified]" in told


# --- the checks can fail


@pytest.mark.parametrize(
    "wrong",
    ["2 × 3 = 7", "1 ÷ 3 ≈ 0.3334", "round(2.5, 0) = 2", "1 ≥ 2", "3 < 3", "floor(1.19, 1) = 1.2"],
)
def test_formulas__a_wrong_one_is_found(wrong: str) -> None:
    with pytest.raises(AssertionError):
        Formula(wrong).check()


def test_formulas__right_ones_hold() -> None:
    for right in (
        "2 + 3 × 4 = 14", "(2 + 3) × 4 = 20", "1 − 2 − 3 = (-4)", "-1 ÷ 8 ≈ -0.13", "2 ≥ 6 ÷ 3 = 2",
        "max(0, min(5, 7)) + round(2.5, 0) = 8", "floor(-1.19, 1) = -1.2", "1 ÷ 3 = 1/3 ≈ 0.333",
    ):  # fmt: skip
        Formula(right).check()


@pytest.mark.parametrize("what", ["formula", "leaf", "figure", "value", "number from nowhere"])
def test_check__a_changed_derivation_is_found(ex1: Path, what: str) -> None:
    told = json.loads(json.dumps(why(ex1, "case", "C02").as_dict()))
    steps = [step for section in told["sections"] for step in section["steps"]]
    step = next(s for s in steps if s["key"] == "points.before")
    check_derivation(told, Tables(ex1))
    if what == "formula":
        step["formula"] = step["formula"].replace("90000.00", "90001.00")
    elif what == "leaf":
        leaf = next(i for i in step["inputs"] if i["text"] == "2250.00")
        leaf["figure"]["column"] = "not_pool_fen"
    elif what == "figure":
        step["stated"][0]["value"] = "543.6001"
    elif what == "value":
        step["value"] = "543"
    else:
        step["formula"] = step["formula"].replace("max(0, ", "max(0 × 7, ")
    with pytest.raises(AssertionError):
        check_derivation(told, Tables(ex1))

"""Special reviews are counted against the quota of discharges, of the region or of each institution."""

from __future__ import annotations

import datetime as dt
import math
import random
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from drgpay.cli import cli
from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.policy import load_policy
from drgpay.runs.folder import write_run
from drgpay.runs.reader import RunFolder
from drgpay.settlement.year_end import year_end
from drgpay.wrapper.planning import Asked, put_down
from drgpay.wrapper.reviews import Application, applications, counted
from tests.months.folders import ex1

YEAR, DAY = 2024, dt.date(2024, 5, 6)
NAME = "testland-budget"
POLICY = load_policy(NAME, catalogue="budget").for_year(YEAR)
STEPS = {
    "apply": ("institution", ("review_application", "case_record")),
    "accept": ("maker", ("quota_count",)),
    "review": ("maker", ("experts", "no_conflict", "expert_opinions")),
    "check": ("checker", ("check_record",)),
    "decide": ("approver", ("decision",)),
    "answer": ("maker", ("answer",)),
    "appeal": ("institution", ("appeal",)),
}


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book.create(tmp_path / "b", region_id="ex1", region_name="区", year=YEAR, who="甲")


def go(book: Book, folder: Path, subject: str, hospital: str, upto: str, back: str = "") -> None:
    """Put the steps of an application down as far as one; `back`: that one sends it back."""
    for at, (step, (role, papers)) in enumerate(STEPS.items()):
        files = []
        for name in papers:
            (folder / name).write_text(name, encoding="utf-8")
            files.append(f"{name}={folder / name}")
        asked = Asked(
            procedure="special_review", step=step, year=YEAR, month=0, subject=subject, day=DAY,
            role=role, party=hospital if step == "apply" else "", papers=tuple(files),
            back=back if step == upto else "", who=f"人{at}",
        )  # fmt: skip
        with book.writing() as turn:
            put_down(turn, asked, NAME)
        if step == upto:
            return


def test_applications__are_counted_as_far_as_they_went(book: Book, tmp_path: Path) -> None:
    rng = random.Random(3)
    went = [rng.choice(list(STEPS)) for _ in range(12)]
    for at, upto in enumerate(went):
        go(book, tmp_path, f"申请{at}", f"H{1 + at % 2}", upto)
    go(book, tmp_path, "退回", "H1", "check", back="材料不全")
    with book.reading() as reading:
        found = applications(reading, YEAR, POLICY)
    assert [own.subject for own in found] == [*(f"申请{at}" for at in range(12)), "退回"]
    assert [own.done[-1].id for own in found[:-1]] == went
    assert found[-1].has("accept") and not found[-1].has("review"), "sent back to the review"
    region = ex1(tmp_path)
    folder = write_month(run_month(region, "2024-06"), tmp_path / "june")
    (own,) = counted(found, folder, YEAR)
    order = list(STEPS)
    reached = [order.index(upto) for upto in went]
    assert (own.hospital_id, own.applied) == ("", 13)
    assert own.accepted == 1 + sum(n >= order.index("accept") for n in reached)
    assert own.decided == sum(n >= order.index("decide") for n in reached)
    assert own.appeals == sum(n >= order.index("appeal") for n in reached)
    rows = RunFolder(folder, "month").table("months_hospitals").to_pylist()
    assert own.discharges == sum(row["cases"] for row in rows) > 0
    share = Fraction(str(RunFolder(folder, "month").values["special_quota"]))
    assert own.quota == math.ceil(share * own.discharges)
    words = ["budget", "reviews", str(folder), "--year", str(YEAR), "--policy", NAME]
    told = CliRunner().invoke(cli, [*words, "--book", str(tmp_path / "b")])
    assert told.exit_code == 0 and f"超出名额 {-own.left} 件" in told.output, told.output


def test_quota__of_each_institution(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    settled = year_end(region, overrides=["special_quota.scope=hospital", "special_quota=0.5"])
    folder = write_run(settled, tmp_path / "run")
    steps = {own: () for own in ("H1", "H9")}
    found = [Application(f"申请{name}", name, steps[name]) for name in steps]
    rows = {own.hospital_id: own for own in counted(found, folder, YEAR)}
    table = RunFolder(folder).table("hospitals").to_pylist()
    for name in {row["hospital_id"] for row in table}:
        cases = sum(row["cases"] for row in table if row["hospital_id"] == name)
        assert (rows[name].discharges, rows[name].quota) == (cases, math.ceil(Fraction(cases, 2)))
    assert (rows["H9"].discharges, rows["H9"].quota, rows["H9"].applied) == (0, 0, 1)
    with pytest.raises(InputError, match="whose they are"):
        counted([Application("无名", "", ())], folder, YEAR)
    with pytest.raises(InputError, match="not of 2025"):
        counted(found, folder, 2025)

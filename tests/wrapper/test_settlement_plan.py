"""The settlement plan: the parameters of a clearing, approved before it, and what it is held to."""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.policy.budget import BUDGET
from drgpay.wrapper.index_clearing import index_clearing_draft
from drgpay.wrapper.settlement_plan import (
    hold_points_to_plan,
    plan_of,
    settlement_plan_draft,
    told,
)
from tests.cli.test_budget import Desk, desk, last, year
from tests.wrapper.test_index_outcomes import ended
from tests.wrapper.test_index_year import write
from tests.wrapper.test_post_runs import passed

__all__ = ["desk", "year"]


def planned(book: Book, of: int, policy: str, points: str = "") -> int:
    with book.reading() as reading:
        draft = settlement_plan_draft(reading, of, policy, "甲", points)
    return passed(book, draft).number


def test_plan__holds_every_parameter_of_the_clearing_with_its_source(tmp_path: Path) -> None:
    book = Book.create(tmp_path / "b", region_id="R", region_name="区", year=2026, who="甲")
    number = planned(book, 2026, "testland-budget", "testland")
    with book.reading() as reading:
        entry = plan_of(reading, 2026)
    assert entry is not None and entry.number == number and entry.lines == ()
    rows = entry.body["policy"]["parameters"]
    due = {key for key, own in BUDGET.items() if own.rule.startswith("20.")}
    assert {row["key"] for row in rows} == due >= {"clearing.keep_ratio", "clearing.fund_share"}
    assert all(row["value"] and row["source"] for row in rows)
    points = {row["key"] for row in entry.body["points_policy"]["parameters"]}
    assert {"keep_ratio", "fund_share_of_overspend", "prepay_ratio"} <= points
    lines = [line.chinese for line in told(entry.body)]
    assert len(lines) == len(rows) + len(points)
    assert any("clearing.keep_ratio" in line and "未核实" in line for line in lines)


def test_clearing__by_other_parameters_than_the_plans_is_refused_by_name(tmp_path: Path) -> None:
    book, _ = ended(
        tmp_path, "testland-budget", 2026, {"A": 90_000}, "机构编码,险种,score", ["A,310,1"],
    )  # fmt: skip
    with book.reading() as reading, pytest.raises(InputError, match="too late for a plan"):
        settlement_plan_draft(reading, 2026, "testland-budget", "甲")


def test_clearing__is_held_to_the_plan_that_stands(tmp_path: Path) -> None:
    """A plan by another policy is in the way, until one by the clearing's own takes its place."""
    other: dict[str, int] = {}

    def plan_first(book: Book) -> None:
        other["plan"] = planned(book, 2026, "shangyu-budget")

    with pytest.raises(InputError) as found:
        ended(
            tmp_path, "testland-budget", 2026, {"A": 90_000}, "机构编码,险种,score", ["A,310,1"],
            before=plan_first,
        )  # fmt: skip
    text = found.value.text("zh")
    assert f"第 {other['plan']} 号清算方案" in text and "clearing.method" in text
    book = Book.open(tmp_path / "b")
    planned(book, 2026, "testland-budget")
    write(tmp_path / "y", "assessed", "机构编码,险种,score", "A,310,1")
    with book.reading() as reading:
        draft = index_clearing_draft(reading, tmp_path / "y", 2026, "testland-budget", "甲")
    assert passed(book, draft).body["figures"]


def test_points__are_held_to_the_plan_too(tmp_path: Path) -> None:
    book = Book.create(tmp_path / "b", region_id="R", region_name="区", year=2026, who="甲")
    with book.reading() as reading:
        hold_points_to_plan(reading, 2026, {"keep_ratio": "0.1"})  # no plan holds nothing
    planned(book, 2026, "testland-budget", "testland")
    with book.reading() as reading:
        plan = plan_of(reading, 2026)
        assert plan is not None
        values = {p["key"]: p["value"] for p in plan.body["points_policy"]["parameters"]}
        hold_points_to_plan(reading, 2026, values)
        with pytest.raises(InputError) as found:
            hold_points_to_plan(reading, 2026, values | {"keep_ratio": "0.123"})
    assert len(found.value.faults) == 1
    assert "keep_ratio" in found.value.text("zh") and "清算为 0.123" in found.value.text("zh")


def test_command__proposes_the_plan_and_tells_its_parameters(desk: Desk) -> None:
    said = desk(
        "settlement-plan", "--year", 2024, "--as", "张三", "--policy", "testland-budget",
        "--points-policy", "testland",
    )  # fmt: skip
    assert "指标结余留用比例（clearing.keep_ratio）" in said
    number = last(desk)
    desk.passed(number)
    assert "清算方案" in desk("entries", "--year", 2024)

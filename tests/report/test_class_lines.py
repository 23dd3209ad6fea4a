"""What classes are shown to be due adds up to each hospital's due, whatever bounds hold."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from drgpay.names.codes import CASE_CLASSES
from drgpay.report.classes import split
from drgpay.report.derive import derivation
from drgpay.report.letters import write_letters
from drgpay.report.run import Run
from drgpay.report.sections import paid_by_class, paid_class_table
from drgpay.report.texts import Words
from drgpay.runs.case_bounds import Held
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from tests.cli.test_language import region
from tests.report.test_letters import recomputed, steps_of
from tests.report.test_report_html import Reader

SETTINGS: dict[str, list[str]] = {
    "plain": [],
    "points_deducted": [],
    "case_share": ["bound.level=case", "bound.never_below_zero=true", "bound.cost_share=1.2"],
    "case_cost": [
        *("bound.level=case", "bound.never_below_zero=true"),
        *("bound.case_within_cost=true", "bound.unsolved=to_fund"),
    ],
    "case_penalised": ["bound.level=case", "bound.cost_share=1.5", "bound.unsolved=to_fund"],
    "hospital": ["bound.level=hospital", "bound.unsolved=to_fund", "bound.cost_share=1.1"],
    "personal": ["not_pool=personal", "bound.level=case", "bound.cost_share=1.3"],
    "combined": ["combine_pools=true", "bound.level=case", "bound.cost_share=1.3"],
    "in_money": ["bed_day.payment=money", "low.rule=by_item", "ungrouped.rule=special_review"],
}


@pytest.fixture(scope="module", params=SETTINGS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp(request.param)
    place = region(home)
    if request.param == "points_deducted":
        text = "hospital_id,pool,amount_yuan,points,reason\nH3,390,0.00,12.5,x\n"
        (place / "violations.csv").write_text(text, encoding="utf-8")
    if request.param == "case_penalised":
        text = "hospital_id,name,level,standing\nH1,A,3,penalised\nH2,B,2,normal\nH3,C,2,normal\n"
        (place / "hospitals.csv").write_text(text, encoding="utf-8")
    made = year_end(place, overrides=SETTINGS[request.param])
    return Run(write_run(made, home / "run"))


def fen(text: str) -> int:
    return int(Decimal(text.replace(",", "").replace("+", "")) * 100)


def due_of(case: dict[str, Any], run: Run) -> Fraction:
    """What a case by points brings its hospital in fen, bounds included, worked out here."""
    value = run.point_values[run.settled_in(case["pool"])] * 100
    exact = Fraction(case["points"]) * value - case["not_pool_fen"]
    rules = run.values
    if rules["bound.level"] != "case":
        return exact
    if rules["bound.cost_share"] != "none":
        share = Fraction(str(rules["bound.cost_share"])) * case["pool_fund_fen"]
        exact = min(exact, Fraction(max(0, share.numerator // share.denominator)))
    if rules["bound.case_within_cost"]:
        exact = min(exact, Fraction(max(0, case["total_cost_fen"] - case["not_pool_fen"])))
    return max(exact, Fraction(0)) if rules["bound.never_below_zero"] else exact


def test_class_lines__are_what_their_cases_brought_and_add_up_to_dues(run: Run) -> None:
    exact: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    for case in run.table("cases").to_pylist():
        key = (case["hospital_id"], case["pool"], case["case_class"] or "", case["paid_by"] or "")
        if case["paid_by"] == "points":
            exact[key] += due_of(case, run)
        elif case["paid_by"] == "money":
            exact[key] += case["price_fen"] - case["not_pool_fen"]
    seen = 0
    for account in run.accounts:
        found = split(run, account)
        for line in found.lines:
            p = line.part
            right = exact[p.hospital, p.pool, p.case_class, p.paid_by]
            assert abs(line.due - right) <= Fraction(1, 2), p
            seen += 1
        assert found.due == account.amounts.due
        assert abs(found.rounding) <= len(found.lines)
        if not account.bound:
            assert found.limits == 0
        if not account.amounts.deducted:
            assert found.deducted == 0
    assert seen == len(exact) >= 8


def test_bounds__of_cases_hold_some_here(run: Run) -> None:
    held = sum((e.both for e in run.case_bounds.classes.values()), Held())
    groups = sum((e.both for e in run.case_bounds.groups.values()), Held())
    assert held == groups
    low, high = (sum(p.get(key) or 0 for p in run.pools) for key in ("at_low", "at_high"))
    if not run.bounded_by_case:
        assert held.cases == 0
    elif not any(a.bound for a in run.accounts):
        # at the value that pays all high bounds, the last case is paid its bound either way
        spilled = run.values["bound.unsolved"] == "to_fund"
        assert held.cases == low + high - spilled > 0


def test_letters__classes_add_up_to_the_due_and_steps_can_be_recomputed(
    run: Run, tmp_path: Path
) -> None:
    letters = write_letters(run.folder, tmp_path / "letters")
    names = {word.chinese for word in CASE_CLASSES.values()} | {
        "违规扣减点数 × 点值",
        "限额调整",
        "取整",
    }
    dues = {(a.hospital, a.pool): a.amounts.due for a in run.accounts}
    for hospital in {hospital for hospital, _ in dues}:
        html = (letters / f"{hospital}.html").read_text(encoding="utf-8")
        rows = [[c.strip() for c in r] for r in Reader(html).rows if len(r) == 9]
        totals = [r for r in rows if r[0] == "合计" and r[1] == ""]
        pools = sorted(pool for own, pool in dues if own == hospital and run.parts_of[own, pool])
        assert [fen(r[8]) for r in totals] == [dues[hospital, pool] for pool in pools]
        lines: list[list[str]] = []
        for r in rows:
            if r[0] in names:
                lines.append(r)
            elif r in totals:
                for column in (5, 6, 8):
                    assert sum(fen(x[column]) for x in lines) == fen(r[column]), (hospital, column)
                lines = []
        for steps in steps_of(html):
            assert recomputed(steps)


def test_derivation__leaves_less_than_a_fen_where_no_bound_of_the_whole_holds(run: Run) -> None:
    for account in run.accounts:
        steps = {step.key: step for step in derivation(run, account, Words("zh"))}
        if not account.bound:
            assert abs(steps["rest"].amount) < Fraction(1, 100)


def test_report__classes_add_up_to_all_dues(run: Run) -> None:
    table = paid_class_table(run, Words("zh"))
    lines, total = table.rows[:-1], table.rows[-1]
    assert total.kind == "total"
    made = sum(fen(r.cells[3].text) for r in lines)
    assert made == fen(total.cells[3].text)
    money = pq.read_table(run.folder / "hospitals.parquet").to_pylist()
    income = sum(r["due_fen"] for r in money)
    cases = [c for c in run.table("cases").to_pylist() if c["paid_by"] in ("points", "money")]
    income += sum(c["total_cost_fen"] - c["pool_fund_fen"] for c in cases)
    assert made == income
    if run.bounded_by_case:
        for paid in paid_by_class(run):
            assert abs(paid.difference) <= paid.cost  # no class at some multiple of its cost

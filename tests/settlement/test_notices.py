"""What money hangs on is told with amounts: findings, groups without base points, reviews, points."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from drgpay.ground.errors import in_language
from drgpay.report.outputs import write_outputs
from drgpay.report.run import Run
from drgpay.report.sections import quarantine_table
from drgpay.report.texts import Words
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.why import why
from reference.model import settle_region
from tests.settlement.regions import EX1
from tests.settlement.small import BASE, case, small_region


def said(run: YearEnd, lang: str = "zh") -> str:
    return "\n".join(in_language(w, lang) for w in run.warnings)


def region(folder: Path, *cases: dict[str, Any], **more: Any) -> Path:
    return small_region(folder, [*BASE, *cases], **more)


def test_findings__that_are_paid_all_the_same_are_told_with_their_money(tmp_path: Path) -> None:
    wrong = case("C3", "H2", "9000.00", "5000.00", los_days="30")
    given = {"los_conflict": '"given"'}
    run = year_end(region(tmp_path / "r", wrong, policy=given))
    assert "（stay_against_dates）1 例、记账 5,000.00 元" in said(run)
    assert "(stay_against_dates): 1 cases, recorded fund 5,000.00 yuan" in said(run, "en")
    folder = write_run(run, tmp_path / "run", finish=lambda d: write_outputs(d))
    assert "（stay_against_dates）1 例、记账 5,000.00 元" in (folder / "report.html").read_text(
        "utf-8"
    )
    held = {"unsettled_share_max": '"1"'}
    assert "照付" not in said(year_end(region(tmp_path / "s", wrong, policy=held)))
    assert "照付" not in said(year_end(region(tmp_path / "t")))


def test_groups_without_base_points__are_told_with_cost_and_points(tmp_path: Path) -> None:
    """19,000.00 of cost / 10,000.00 x 100 = 190 points by cost."""
    means = {"base_points": [{"drg": "FM13", "group_mean_yuan": "10000.00"}]}
    run = year_end(region(tmp_path / "r", tables=means))
    assert "2 例属于没有基准点数的 1 个病组" in said(run)
    assert "总费用 19,000.00 元，点数 190.0000；费用最多的：GB15" in said(run)


def test_groups_without_base_points__paid_by_another_rule_are_not_told() -> None:
    """TR19 of EX1 has no base points, and its one case is paid by the day."""
    run = year_end(EX1)
    assert "TR19" not in run.base.groups and "基准点数" not in said(run)


def test_findings__of_held_cases_are_not_told_as_paid(tmp_path: Path) -> None:
    """C3 and C4 group nowhere: the one waits for its review, the other's was granted."""
    odd = {"diagnoses": "J15.900|E11.900"}
    lost = [case(f"C{n}", "H2", f"{n}000.00", f"{n}00.00", **odd) for n in (3, 4)]
    policy = {"ungrouped.rule": '"special_review"', "special_quota": '"1"'}
    policy |= {"unsettled_share_max": '"1"', "grouped.share_min": '"0"'}
    held = year_end(region(tmp_path / "r", *lost, policy=policy))
    assert "2 例须经特病单议" in said(held) and "照付" not in said(held)
    folder = write_run(held, tmp_path / "held", finish=lambda d: write_outputs(d))
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["front_page"]["errors"] == {}
    granted = {"reviews": [{"case_id": "C4", "decision": "granted", "unreasonable_yuan": "0"}]}
    paid = year_end(region(tmp_path / "s", *lost, policy=policy, tables=granted))
    assert "（principal_in_no_mdc）1 例、记账 400.00 元" in said(paid)


def test_quarantine__reviews_without_effect_are_not_counted_as_cases(tmp_path: Path) -> None:
    odd = case("C3", "H2", "9000.00", "5000.00", sex="X")
    tables = {"reviews": [{"case_id": "C1", "decision": "refused", "unreasonable_yuan": "0"}]}
    policy = {"unsettled_share_max": '"1"'}
    made = year_end(region(tmp_path / "r", odd, tables=tables, policy=policy))
    run = Run(write_run(made, tmp_path / "run", finish=lambda d: write_outputs(d)))
    rows = getattr(quarantine_table(run, Words("zh")), "rows", [])
    told = [(row.kind, row.cells[1].text, row.cells[3].text) for row in rows]
    assert told == [("", "cases.csv", "1"), ("total", "", "1"), ("", "reviews.csv", "1")]
    assert "合计之后列出的是不起作用的评审" in (run.folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize("rule", ["to_fund", "shared"])
def test_reviews_and_points_of_violations__are_told_with_what_they_come_to(
    rule: str, tmp_path: Path
) -> None:
    """T = 12,000 + 0.15 x 9,000 = 13,350; N = 18,000; points 100 + 150 + 100 = 350.

    The 10 points that a violation takes are paid for at the value, or leave 340 for all.
    """
    dear = case("C4", "H1", "20000.00", "9000.00")
    tables = {
        "reviews": [
            {"case_id": "C4", "decision": "granted", "unreasonable_yuan": "0", "points": "150"}
        ],
        "violations": [{"hospital_id": "H1", "pool": "310", "amount_yuan": "0", "points": "10"}],
    }
    policy = {"special_quota": '"1"', "removed_case": f'"{rule}"'}
    run = year_end(region(tmp_path / "r", dear, tables=tables, policy=policy))
    points = 350 if rule == "to_fund" else 340
    assert run.pools[0].point_value_fen * points == 1_335_000 + 1_800_000
    assert "1 例按准予的特病单议计点：总费用 20,000.00 元，点数 150.0000" in said(run)
    h1 = next(h for h in run.hospitals if h.hospital_id == "H1")
    folder = write_run(run, tmp_path / "run", finish=lambda d: write_outputs(d))
    page = (folder / "report.html").read_text("utf-8")
    if rule == "to_fund":  # 10 x 89.5714… = 895.71
        assert (h1.violation_fen, h1.sums.points_deducted) == (89_571, 0)
        told = "违规扣减 10.0000 点，按点值合 895.71 元，计入违规扣款、退回基金"
        reason = "扣 10.0000 点，按点值合 895.71 元，退回基金"
        assert [v.reason for v in run.region.violations] == [reason]
    else:  # 10 x 92.2058… = 922.06
        assert (h1.violation_fen, h1.sums.points_deducted) == (0, 100_000)
        told = "违规扣减 10.0000 点，按点值合 922.06 元，不退回基金"
    assert told in said(run) and told in page
    for kind, what in (("hospital", "H1"), ("pool", "310"), ("case", "C4")):
        assert not why(folder, kind, what).disagreements
    model = settle_region(tmp_path / "r")
    assert [(h.due_fen, h.violation_fen, h.final_fen) for h in run.hospitals] == [
        (h.due_fen, h.violation_fen, h.final_fen) for h in model.hospitals
    ]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_notices__stand_in_run_report_and_workbook(lang: str, tmp_path: Path) -> None:
    """Findings paid all the same and held, no base points, reviews, points, provisions."""
    cases = [
        case("C3", "H2", "9000.00", "5000.00", los_days="30"),
        case("C4", "H1", "20000.00", "9000.00"),
        case("C5", "H1", "5000.00", "1000.00", patient_id="PX"),
        case("C6", "H1", "5000.00", "1000.00", patient_id="PX"),
        case("C7", "H1", "5000.00", "2000.00", sex="X"),
    ]
    tables: dict[str, Any] = {
        "reviews": [
            {"case_id": "C4", "decision": "granted", "unreasonable_yuan": "0", "points": "150"}
        ],
        "violations": [{"hospital_id": "H1", "pool": "310", "amount_yuan": "0", "points": "10"}],
    }
    share = {"special_quota": '"1"', "unsettled_share_max": '"1"', "los_conflict": '"given"'}
    one = region(tmp_path / "one", *cases, tables=tables, policy=share)
    bases = {"base_points": [{"drg": "FM13", "group_mean_yuan": "10000.00"}]}
    two = region(tmp_path / "two", tables=bases)
    wanted = {
        one: {
            "zh": ("照付", "暂不支付", "特病单议计点", "违规扣减", "预提", "被隔离"),
            "en": ("an error", "are held", "special reviews", "points taken off", "set aside"),
        },
        two: {"zh": ("没有基准点数",), "en": ("without base points",)},
    }
    for where, words in wanted.items():
        run = year_end(where)
        folder = write_run(
            run, where.with_suffix(".run"), finish=lambda made: write_outputs(made, lang)
        )
        told = [w[lang] for w in json.loads((folder / "manifest.json").read_text())["warnings"]]
        page = html.unescape((folder / "report.html").read_text("utf-8"))
        book = openpyxl.load_workbook(folder / "settlement.xlsx", read_only=True)
        cells = {str(c) for sheet in book for row in sheet.iter_rows(values_only=True) for c in row}
        for word in words[lang]:
            own = [text for text in told if word in text]
            assert own, word
            assert all(text in page and text in cells for text in own), word

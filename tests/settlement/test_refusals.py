"""What cannot be paid rightly is refused, left aside, or said: points, values, pools, ended agreements.

Each region is small enough that what must come out is worked out here by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import DrgpayError, in_language
from drgpay.months.run import run_month
from drgpay.reopening.reopen import reopen
from drgpay.report.letters import write_letters
from drgpay.report.outputs import write_outputs
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.why import why
from reference.model import settle_region
from tests.settlement.small import BASE, case, small_region

TWO = {"310": "12000.00", "390": "5000.00"}


def finals(run: Any) -> dict[tuple[str, str], int]:
    return {(h.hospital_id, h.pool): h.final_fen for h in run.hospitals}


def both_settle(folder: Path) -> YearEnd:
    """Settle with engine and model; they agree on every due and final payment."""
    run, model = year_end(folder), settle_region(folder)
    assert finals(run) == finals(model)
    assert [h.due_fen for h in run.hospitals] == [h.due_fen for h in model.hospitals]
    return run


def both_refuse(folder: Path, *told: str) -> None:
    with pytest.raises(DrgpayError) as error:
        year_end(folder)
    for text in told:
        assert text in error.value.text("zh")
    with pytest.raises(ValueError):
        settle_region(folder)


def said(run: YearEnd) -> str:
    return "\n".join(in_language(w, "zh") for w in run.warnings)


def test_value__below_zero_is_refused_with_all_figures(tmp_path: Path) -> None:
    """T = 12,000 + 0.15 x 75,000 = 23,250; M = 90,000 − 10,000; V = (23,250 − 80,000 + 3,000)/100."""
    cases = [BASE[0], case("C2", "H2", "90000.00", "80000.00")]
    region = small_region(tmp_path / "r", cases, policy={"high.rule": '"by_item"'})
    both_refuse(region, "T 23,250.00", "M 80,000.00", "≈ -537.50", "value_not_positive")
    allowed = {"high.rule": '"by_item"', "value_not_positive": '"settle"'}
    run = both_settle(small_region(tmp_path / "s", cases, policy=allowed))
    assert [h.due_fen for h in run.hospitals] == [-5_675_000, 8_000_000]
    assert "点值不为正" in said(run)


def test_settled_total__below_zero_is_refused(tmp_path: Path) -> None:
    """B = 100 − 5,000; F = 0: T = −4,900 + 0.15 x 4,900 = −4,165, though V = (−4,165 + 19,000)/200."""
    cases = [case("C1", "H1", "10000.00", "0.00"), case("C2", "H2", "9000.00", "0.00")]
    region = small_region(tmp_path / "r", cases, {"310": "100.00"})
    path = region / "region.toml"
    path.write_text(path.read_text("utf-8") + 'out_of_area_fund_yuan = "5000.00"\n', "utf-8")
    both_refuse(region, "T -4,165.00", "74.18")


def test_pool_without_points__is_left_alone_and_the_others_go_on(tmp_path: Path) -> None:
    """310 as without 390: V = (12,000 + 7,000)/200 = 95; H1 6,500 − 6,650, H2 5,500 − 4,750."""
    tables = {"prepaid": [{"hospital_id": "H1", "pool": "390", "prepaid_yuan": "100.00"}]}
    region = small_region(tmp_path / "r", pools=TWO, tables=tables)
    run = both_settle(region)
    assert finals(run) == {("H1", "310"): -15_000, ("H2", "310"): 75_000, ("H1", "390"): 0}
    left = run.pools[1]
    assert (left.solution, left.settled_fen, left.point_value_fen) == ("no_points", 0, 0)
    for text in ("险种 390", "只搁置该险种", "预算 5,000.00", "已预付 100.00"):
        assert text in said(run)
    folder = write_run(run, tmp_path / "run", finish=lambda d: write_outputs(d, letters=True))
    for kind, what in (("pool", "390"), ("hospital", "H1")):
        told = why(folder, kind, what)
        assert not told.disagreements
        assert "没有点数，求不出点值" in [in_language(s.title, "zh") for s in told.steps]
    letter = (folder / "letters" / "H1.html").read_text("utf-8")
    assert "本次未清算（该险种没有点数）" in letter
    with pytest.raises(DrgpayError, match="left pool 390 unsettled"):
        reopen(region, folder)


def test_pool_without_points__refuses_the_run_by_policy_or_when_no_pool_has_any(
    tmp_path: Path,
) -> None:
    refuse = {"pool_without_points": '"refuse"'}
    both_refuse(small_region(tmp_path / "a", pools=TWO, policy=refuse), "险种 390", "没有点数")
    short = {"short_stay.days": "10"}  # all cases are paid by item
    both_refuse(small_region(tmp_path / "b", policy=short), "险种 310", "另计 12,000.00")


def test_review__of_a_million_points_is_refused(tmp_path: Path) -> None:
    """10,000.00 are 100 points by cost; review.points_max = 2 allows 200."""

    def region(name: str, points: str, cost: str = "0", **policy: str) -> Path:
        row = {"case_id": "C1", "decision": "granted", "unreasonable_yuan": cost, "points": points}
        rules = {"special_quota": '"1"', **policy}
        return small_region(tmp_path / name, tables={"reviews": [row]}, policy=rules)

    both_refuse(region("a", "1000000"), "C1", "按费用计点 100.0000，最多 200.0000")
    both_refuse(region("b", "200.0001"), "200.0001")
    both_refuse(region("c", "200", "0.01"), "最多 199.9998")
    run = both_settle(region("d", "200"))
    # V = 19,000 / 300: H1 200 V − 3,000, H2 100 V − 4,000
    assert [h.due_fen for h in run.hospitals] == [966_667, 233_333]
    both_settle(region("e", "1000000", **{"review.points_max": '"none"'}))


def test_base_points__that_round_to_zero_are_refused_or_said(tmp_path: Path) -> None:
    """4,000 / 10,000 x 1 = 0.4, without decimals 0."""
    rules = {"point_scale": "1", "base_points_dp": "0", "grouped.share_min": '"0"'}
    means = {"base_points": [{"drg": "GB15", "group_mean_yuan": "4000.00"}]}
    cases = [
        case("C1", "H1", "4000.00", "3000.00"),
        case("C2", "H2", "9000.00", "5000.00", diagnoses="Z00.000", procedures=""),
    ]
    region = small_region(tmp_path / "r", cases, tables=means, policy=rules)
    both_refuse(region, "GB15", "base_points_dp 0")
    more = {**rules, "zero_base_points": '"settle"'}
    run = both_settle(small_region(tmp_path / "s", cases, tables=means, policy=more))
    assert "基准点数取整后为 0" in said(run) and "GB15" in said(run)
    rates = {"bed_day_rates": [{"bed_day_class": "PSY", "rate_yuan": "400.00"}]}
    both_refuse(small_region(tmp_path / "t", tables=rates, policy=rules), "PSY")


def test_ended_agreement__owes_back_and_has_no_next_payment(tmp_path: Path) -> None:
    """H1: 6,500 − 6,650 − 9,000 = −9,150, demanded back; nothing of it is carried."""
    fine = [{"hospital_id": "H1", "pool": "310", "amount_yuan": "9000.00", "reason": "查实违规"}]
    region = small_region(tmp_path / "r", standings={"H1": "ended"}, tables={"violations": fine})
    run = both_settle(region)
    assert finals(run) == {("H1", "310"): -915_000, ("H2", "310"): 75_000}
    folder = write_run(run, tmp_path / "run", finish=lambda d: write_outputs(d, letters=True))
    assert not (folder / "carried.csv").exists()
    lines = (folder / "demanded.csv").read_text("utf-8").splitlines()[1:]
    assert [",".join(line.split(",")[:4]) for line in lines] == ["H1,310,9150.00,small 2024"]
    letter = (folder / "letters" / "H1.html").read_text("utf-8")
    assert "贵机构协议已解除，没有下期拨付可抵，请将 9,150.00 元退回基金" in letter
    assert "在下期拨付中抵回" not in letter
    page = (folder / "report.html").read_text("utf-8")
    assert "合计 9,150.00 元：没有下期拨付可抵，须退回基金" in page
    assert 'tag">下期抵回<' not in page and 'tag">须退回<' in page
    last = next(s for s in why(folder, "hospital", "H1").steps if s.key == "final")
    assert "须退回基金" in in_language(last.note, "zh")
    english = write_letters(folder, tmp_path / "letters", "en") / "H1.html"
    assert "please pay 9,150.00 yuan back to the fund" in english.read_text("utf-8")


def test_files__with_a_header_only_are_refused_in_words(tmp_path: Path) -> None:
    region = small_region(tmp_path / "r", [])
    for settle in (year_end, lambda folder: run_month(folder, "2024-03")):
        with pytest.raises(DrgpayError) as error:
            settle(region)
        assert "病例文件没有一行病例：cases.csv" in error.value.text("zh")

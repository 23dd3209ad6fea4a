"""Pools with money, tiers, bounds, deposits, months and the ceiling: numbers worked out by hand."""

import shutil
from dataclasses import dataclass, replace
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import pytest

from reference.model import Settlement, settle_region
from reference.model.cash import hold
from reference.model.grouping import UNGROUPABLE
from reference.model.months import hospital_months, month_budgets
from reference.model.region import Ceiling, Hospital, PoolBudget, Region, read_region
from reference.model.settlement import (
    CaseRow,
    check_growth,
    check_policy,
    score_ratio,
    settle_pools,
    settled_total,
)
from reference.model.sums import reserve
from tests.model.region_builder import EMPTY

EX1 = Path(__file__).parent.parent / "cases" / "ex1"


def fen(yuan: str) -> int:
    return int(F(yuan) * 100)


# --- rule 9: T


def test_settled_total__tiers_of_a_surplus_and_an_overspend(parameters) -> None:
    p = parameters(
        keep_tiers='[["0.1", "1"], ["none", "0.5"]]',
        overspend_tiers='[["0.2", "0.5"], ["none", "0.1"]]',
    )
    # of 200 left of 1,000: 100 x 1 + 100 x 0.5
    assert settled_total(800, 1000, p) == 950
    assert settled_total(900, 1000, p) == 1000
    assert settled_total(1000, 1000, p) == 1000
    # of 300 over: 200 x 0.5 + 100 x 0.1
    assert settled_total(1300, 1000, p) == 1110
    assert settled_total(1001, 1000, p) == 1001  # 1000.5, half away
    # no budget: the last ratio for all, 0.1 x 300 and 0.1 x 400
    assert settled_total(300, 0, p) == 30
    assert settled_total(300, -100, p) == -60


def test_settled_total__overspend_capped_by_the_reserve(parameters) -> None:
    p = parameters(overspend_cap="reserve", reserve_ratio="0.05", fund_share_of_overspend="0.5")
    # 1,000 less 50; 450 over: T = 950 + 225, at most 950 + 50
    assert reserve([PoolBudget("310", 1000)], p) == 50
    assert settled_total(1400, 950, p, 50) == 1000
    assert settled_total(1020, 950, p, 50) == 985


def test_growth__above_the_cap_needs_an_approval__t6(parameters) -> None:
    # 467,890,123.45 by 10 % is 514,679,135.795, by 7.5 % 502,981,882.70875
    def check(budget: str, cap: str, approval: str = "") -> None:
        pool = PoolBudget("310", fen(budget), 0, fen("467890123.45"), approval)
        check_growth(
            Region(**(EMPTY | {"pools": {"310": pool}})), parameters(budget_growth_cap=cap)
        )

    check("514679135.79", "0.10")
    check("502981882.70", "0.075")
    for budget, cap in (("514679135.80", "0.10"), ("502981882.71", "0.075")):
        with pytest.raises(ValueError, match="grows"):
            check(budget, cap)
        check(budget, cap, "a document")


# --- rules 9 and 10 with rows of cases


def row(case_id: str, hospital: str, points: str, cost: int, fund: int, **values: Any) -> CaseRow:
    made = CaseRow(
        case_id=case_id,
        hospital_id=hospital,
        pool="310",
        mdc="",
        adrg="",
        drg=UNGROUPABLE,
        status="ungroupable",
        severity="none",
        severity_diagnosis="",
        case_class="ungrouped",
        group_mean_fen=None,
        base_points=None,
        coefficient=F(1),
        days=1,
        total_cost_fen=cost,
        pool_fund_fen=fund,
        not_pool_fen=cost - fund,
        unreasonable_fen=0,
        points_before_readmission=F(points),
        points=F(points),
        readmission=False,
        month="2024-01",
        correction_month="",
        paid_by="points",
        price_fen=0,
        chain="",
    )
    return replace(made, **values)


def region(budget: int, **values: Any) -> Region:
    """H1, H2 and H3 with one pool of that budget."""
    names = ("H1", "H2", "H3")
    own = {
        "pools": {"310": PoolBudget("310", budget)},
        "hospitals": {name: Hospital(name, "3") for name in names},
        "scores": dict.fromkeys(names, F(1)),
    }
    return Region(**(EMPTY | own | values))


def penalised(*names: str) -> dict[str, Hospital]:
    return {
        name: Hospital(name, "3", "", "penalised" if name in names else "normal")
        for name in ("H1", "H2", "H3")
    }


def dues(rows: list[CaseRow], budget: int, p: dict[str, Any], **values: Any) -> dict[str, int]:
    hospitals, _ = settle_pools(rows, region(budget, **values), p)
    return {own.hospital_id: own.due_fen for own in hospitals}


ALL_KEPT = {"keep_ratio": "1", "fund_share_of_overspend": "0"}  # T is the budget


def test_money__is_due_apart_from_points(parameters) -> None:
    rows = [
        row("A", "H1", "10", 1000, 600),
        row("B", "H2", "10", 2000, 2000),
        row("C", "H2", "0", 3000, 1000, paid_by="money", price_fen=2500),
        row("D", "H3", "0", 500, 500, paid_by="held"),
    ]
    hospitals, (pool,) = settle_pools(rows, region(4000), parameters(**ALL_KEPT))
    # F = 3,600; T = 4,000; M = 2,500 - 2,000 = 500; N by points 400: V = (4,000 - 500 + 400) / 20
    assert (pool.settled_fen, pool.money_fen, pool.point_value) == (4000, 500, F(195, 100))
    assert (pool.cases, pool.recorded_fund_fen, pool.not_pool_fen) == (3, 3600, 2400)
    assert pool.held_cases == 1
    # 10 x 195 - 400; 10 x 195 + 500
    assert [own.due_fen for own in hospitals] == [1550, 2450, 0]
    held = hospitals[2]
    assert (held.cases, held.held_cases, held.held_fund_fen, held.prepaid_fen) == (0, 1, 500, 0)


def test_violations_points__come_off_a_hospitals_points(parameters) -> None:
    rows = [row("A", "H1", "10", 0, 0), row("B", "H2", "10", 0, 0)]
    off = {("H1", "310"): [F("2"), F("0.5")], ("H3", "310"): [F(5)]}
    money = {("H1", "310"): 0, ("H3", "310"): 7}
    hospitals, (pool,) = settle_pools(
        rows, region(350, violation_points=off, violations_fen=money), parameters(**ALL_KEPT)
    )
    # 7.5 and 10 points share 350: 20 a point
    assert (pool.points, pool.points_deducted, pool.point_value) == (F("17.5"), F("2.5"), F("0.2"))
    assert [own.due_fen for own in hospitals] == [150, 200, 0]
    assert [own.points_deducted for own in hospitals] == [F("2.5"), 0, 0]
    off = {("H1", "310"): [F(99)]}
    hospitals, _ = settle_pools(
        rows, region(350, violation_points=off, violations_fen=money), parameters(**ALL_KEPT)
    )
    assert [own.points for own in hospitals] == [0, 10, 0]
    everything = {("H1", "310"): [F(99)], ("H2", "310"): [F(10)]}
    with pytest.raises(ValueError, match="no points"):
        dues(rows, 350, parameters(**ALL_KEPT), violation_points=everything)


# --- bounds

TWO = [row("A", "H1", "10", 100, 100), row("B", "H2", "10", 300, 300)]


def test_bounds__of_hospitals(parameters) -> None:
    p = parameters(bound__level="hospital", bound__cost_share="1", **ALL_KEPT)
    # V = 17.5 would give 175 each; H1 may have 100, so H2 gets 250 and V is 25
    hospitals, (pool,) = settle_pools(TWO, region(350), p)
    assert [(own.due_fen, own.bound) for own in hospitals] == [(100, "high"), (250, "")]
    assert (pool.point_value, pool.solution) == (F("0.25"), "unique")
    # both at their bound: every value from 30 on pays 400, the smallest counts
    _, (pool,) = settle_pools(TWO, region(400), p)
    assert (pool.point_value, pool.solution, pool.value_high) == (F("0.3"), "interval", None)
    with pytest.raises(ValueError, match="above the sum"):
        settle_pools(TWO, region(401), p)
    p = p | {"bound.unsolved": "to_fund"}
    hospitals, (pool,) = settle_pools(TWO, region(401), p)
    assert [own.due_fen for own in hospitals] == [100, 300]
    assert (pool.residual_fen, pool.solution) == (1, "to_fund")
    # the share is rounded down: 1.005 x 100
    p = parameters(bound__level="hospital", bound__cost_share="1.005", **ALL_KEPT)
    assert dues(TWO, 350, p) == {"H1": 100, "H2": 250}


def test_bounds__never_below_zero(parameters) -> None:
    rows = [row("A", "H1", "1", 900, 0), row("B", "H2", "9", 500, 500)]
    # T = 500 of budget 500; V = (500 + 900) / 10 = 140: H1 140 - 900, H2 1,260
    assert dues(rows, 500, parameters(**ALL_KEPT)) == {"H1": -760, "H2": 1260}
    p = parameters(bound__level="hospital", bound__never_below_zero="true", **ALL_KEPT)
    hospitals, (pool,) = settle_pools(rows, region(500), p)
    assert [(own.due_fen, own.bound) for own in hospitals] == [(0, "low"), (500, "")]
    assert pool.point_value == F(500, 900)


def test_bounds__with_money_on_the_whole_due(parameters) -> None:
    money = row("C", "H1", "0", 60, 60, paid_by="money", price_fen=60)
    p = parameters(bound__level="hospital", bound__cost_share="1", **ALL_KEPT)
    hospitals, (pool,) = settle_pools([*TWO, money], region(420), p)
    # H1 may have 160, money included, so H2 gets 260
    assert [own.due_fen for own in hospitals] == [160, 260]
    assert pool.point_value == F("0.26")


def test_bounds__of_cases(parameters) -> None:
    rows = [
        row("A", "H1", "10", 100, 80),  # n 20
        row("B", "H1", "10", 300, 280),  # n 20
        row("C", "H2", "10", 500, 500),
    ]
    p = parameters(bound__level="case", bound__cost_share="1", **ALL_KEPT)
    # V = (600 + 40) / 30 would give A 193.3 of 80: it has 80; B and C share 520 + 20: V = 27
    hospitals, (pool,) = settle_pools(rows, region(600), p)
    assert pool.point_value == F("0.27")
    assert [(own.due_fen, own.bound) for own in hospitals] == [(80 + 250, ""), (270, "")]
    within = parameters(bound__level="case", bound__case_within_cost="true", **ALL_KEPT)
    # at most cost less n: the same here, as n is cost less fund
    assert dues(rows, 600, within) == {"H1": 330, "H2": 270}
    off = {("H2", "310"): [F(1)]}
    with pytest.raises(ValueError, match="cannot come off"):
        dues(rows, 600, p, violation_points=off, violations_fen={("H2", "310"): 0})


def test_bounds__penalised_hospital_has_no_increase(parameters) -> None:
    p = parameters(**ALL_KEPT)
    assert dues(TWO, 350, p) == {"H1": 175, "H2": 175}
    assert dues(TWO, 350, p, hospitals=penalised("H1")) == {"H1": 100, "H2": 250}
    off = parameters(violator_no_increase="false", **ALL_KEPT)
    assert dues(TWO, 350, off, hospitals=penalised("H1")) == {"H1": 175, "H2": 175}
    # by case it caps the sum of its cases and its money: 100 + 60 of fund, 60 of them money
    money = row("C", "H1", "0", 60, 60, paid_by="money", price_fen=60)
    p = parameters(bound__level="case", bound__never_below_zero="true", **ALL_KEPT)
    hospitals, _ = settle_pools([*TWO, money], region(420, hospitals=penalised("H1")), p)
    assert [(own.due_fen, own.bound) for own in hospitals] == [(160, "high"), (260, "")]


def test_bounds__residual_by_largest_remainder_whatever_the_policy(parameters) -> None:
    rows = [*TWO, row("C", "H3", "10", 900, 900)]
    p = parameters(
        bound__level="hospital", bound__cost_share="1", residual="to_fund", value_dp="0", **ALL_KEPT
    )
    # H1 100; H2 and H3 share 403: 201.5 each, the odd fen to H2
    hospitals, (pool,) = settle_pools(rows, region(503), p)
    assert [own.due_fen for own in hospitals] == [100, 202, 201]
    assert (pool.point_value, pool.residual_fen) == (F("0.2015"), 0)


def test_policy__that_does_not_fit_together__is_refused(parameters) -> None:
    for own in (
        {"bound__never_below_zero": "true"},
        {"bound__cost_share": "1"},
        {"bound__case_within_cost": "true", "bound__level": "hospital"},
        {"deposit_score": "bands"},
    ):
        with pytest.raises(ValueError, match=r"bound\.level|deposit_bands"):
            check_policy(parameters(**own))
    check_policy(parameters(bound__level="case", bound__case_within_cost="true"))


# --- rule 11


def test_deposit__bands_and_an_agreement_that_ended(parameters) -> None:
    bands = '[["0.6", "0"], ["0.9", "0.5"], ["none", "1"]]'
    p = parameters(deposit_score="bands", deposit_bands=bands)
    scores = {"H1": F("0.6"), "H2": F("0.9"), "H3": F("0.5999")}
    own = region(1, scores=scores)
    assert [score_ratio(name, own, p) for name in scores] == [F("0.5"), 1, 0]
    assert score_ratio("H1", own, parameters()) == F("0.6")
    ended = {name: Hospital(name, "3", "", "ended") for name in scores}
    assert score_ratio("H3", region(1, scores=scores, hospitals=ended), p) == 1


def test_final__less_what_is_carried(parameters) -> None:
    carried = {("H1", "310"): 30, ("H3", "310"): -5}
    hospitals, _ = settle_pools(TWO, region(350, carried_fen=carried), parameters(**ALL_KEPT))
    finals = {own.hospital_id: own.final_fen for own in hospitals}
    # 175 - 95 - 30; 175 - 285; nothing but what is carried
    assert finals == {"H1": 50, "H2": -110, "H3": 5}


def test_forfeits__are_shared_by_those_with_points_who_forfeited_nothing(parameters) -> None:
    rows = [
        row("A", "H1", "10", 100, 100),
        row("B", "H2", "20", 100, 100),
        row("C", "H3", "9", 100, 100),
    ]
    # of H3's deposit of 100 a tenth is forfeited: 10 x 10/30 = 3.33, 10 x 20/30 = 6.67; H4 has no case
    own = region(
        400,
        prepaid_fen={("H3", "310"): (0, 100), ("H4", "310"): (0, 0)},
        scores={"H1": F(1), "H2": F(1), "H3": F("0.9"), "H4": F(1)},
        hospitals={h: Hospital(h, "3") for h in ("H1", "H2", "H3", "H4")},
    )

    def shared(where: Region, rule: str) -> list[tuple[int, int]]:
        p = parameters(deposit_forfeited=rule, **ALL_KEPT)
        hospitals, _ = settle_pools(rows, where, p)
        for h in hospitals:
            taken = h.prepaid_fen + h.forfeited_fen + h.violation_fen + h.carried_fen
            assert h.final_fen == h.due_fen - taken + h.shared_fen
        return [(h.forfeited_fen, h.shared_fen) for h in hospitals]

    assert shared(own, "fund") == [(0, 0), (0, 0), (10, 0), (0, 0)]
    assert shared(own, "share") == [(0, 3), (0, 7), (10, 0), (0, 0)]
    barred = {"H1": Hospital("H1", "3", "", "penalised"), "H2": Hospital("H2", "3", "", "ended")}
    one = replace(own, hospitals=own.hospitals | {"H1": barred["H1"]})
    assert shared(one, "share") == [(0, 0), (0, 10), (10, 0), (0, 0)]
    none = replace(own, hospitals=own.hospitals | barred)
    assert shared(none, "share") == [(0, 0), (0, 0), (10, 0), (0, 0)]


# --- rule 13


def test_month_budgets__add_up_to_the_year() -> None:
    # 83.33 166.67 250 ... round to 83, 167, 250
    assert month_budgets(1000, [F(1, 12)] * 12) == [83, 84, 83] * 4
    assert sum(month_budgets(-7, [F(1, 12)] * 12)) == -7


MONTHS = [
    replace(
        row("A", "H1", "10", 1000, 600, month="2024-01", correction_month="2024-02"), points=F(5)
    ),
    row("B", "H1", "6", 500, 500, month="2024-02"),
    row("C", "H2", "4", 700, 100, month="2024-02"),
    row("D", "H2", "0", 90, 90, month="2024-02", paid_by="money", price_fen=80),
    row("E", "H2", "0", 90, 90, month="2024-02", paid_by="held"),
]


def months(p: dict[str, Any], **values: Any) -> list[Any]:
    own = Settlement(
        region=region(12_000, **values),
        scheme=None,  # type: ignore[arg-type]
        parameters=p,
        all_drg_mean_fen=0,
        cases=tuple(MONTHS),
        drgs=(),
        hospitals=(),
        pools=(),
        outside_year=(),
        idle_reviews=(),
        coefficients=None,  # type: ignore[arg-type]
        over_quota=(),
        ceiling=(),
    )
    return list(own.months())


def test_months__value_points_and_payments_by_value(parameters) -> None:
    january, february, march, *_ = months(parameters(prepay_basis="month_value"))
    # 1,000 a month; January (1,000 + 400) / 10
    assert (january.budget_fen, january.points, january.value_fen) == (1000, 10, 140)
    # February: 6 + 4 - 5 points, M = 80 of money, N by points 600: (1,000 - 80 + 600) / 5
    assert (february.points, february.correction_points) == (5, -5)
    assert (february.value_fen, february.recorded_fund_fen) == (304, 690)
    assert march.value_fen is None
    # January H1: 1,400 - 400, 95 % now; February H1: 1 point x 304; H2: 4 x 304 - 600 + 80 = 696
    paid = [[(x.payment_fen, x.kept_fen) for x in m.hospitals] for m in (january, february)]
    assert paid == [[(950, 50), (0, 0)], [(289, 15), (661, 35)]]
    sums = hospital_months([january, february, march])
    assert sums == {("H1", "310"): (1239, 65), ("H2", "310"): (661, 35)}


def test_months__payments_of_the_recorded_fund_to_date(parameters) -> None:
    january, february, *_ = months(parameters(prepay_ratio="0.333"))
    # H1: 600 x 0.333 = 199.8; 1,100 x 0.333 = 366.3; H2: 190 x 0.333 = 63.27
    assert [x.payment_fen for x in january.hospitals] == [200, 0]
    assert [x.payment_fen for x in february.hospitals] == [166, 63]


def test_months__abnormal_growth_is_suspended(parameters) -> None:
    last = {("H1", "310", 1): 500, ("H1", "310", 2): 500, ("H2", "310", 2): 100}
    p = parameters(month__growth_limit="0.1", prepay_ratio="0.95")
    january, february, *_ = months(p, last_year_months_fen=last)
    # H1 in January: 600 of at most 550: 570 x 550 / 600 = 522.5, rounded 523
    assert [(x.payment_fen, x.suspended_fen) for x in january.hospitals] == [(570, 47), (0, 0)]
    # what was suspended counts as paid: 1,045 - 570; 500 is no growth; H2 190 of at most 110
    assert [(x.payment_fen, x.suspended_fen) for x in february.hospitals] == [(475, 0), (181, 76)]
    # without a row of last year there is nothing to compare with
    january, *_ = months(p, last_year_months_fen={("H1", "310", 2): 500})
    assert january.hospitals[0].suspended_fen == 0


def test_months__shares_given(parameters) -> None:
    shares = (F("0.12"), *[F("0.08")] * 11)
    p = parameters(month__pattern="given")
    assert [m.budget_fen for m in months(p, month_shares=shares)] == [1440, *[960] * 11]
    with pytest.raises(ValueError, match="month_shares"):
        months(p)


# --- rule 14


@dataclass(frozen=True)
class Account:
    """What rule 14 asks of a row of a hospital and pool."""

    hospital_id: str
    pool: str
    prepaid_fen: int
    final_fen: int
    due_fen: int = 0
    deferred_fen: int = 0


def held(own: Region, p: Any, *rows: Account) -> Any:
    return hold(rows, dict.fromkeys(own.pools, 0), own, p)


def paid(prepaid: int, final: int, pool: str = "310") -> Account:
    return Account("H1", pool, prepaid, final)


def test_ceiling__reserves_cover_an_excess_in_their_order(parameters) -> None:
    reserves = (("first", 30, False, ""), ("second", 100, False, ""))
    ceiling = Ceiling(1000, reserves, (("outpatient", 200, ""),))
    pool = PoolBudget("310", 900, 150)
    own = region(0, ceiling=ceiling, pools={"310": pool})
    p = parameters()
    # 600 + 100 + 150 + 200 - 1,000 = 50: 30 of the first, 20 of the second
    assert held(own, p, paid(600, 100))[2] == (
        ("prepaid", 600),
        ("payable", 100),
        ("out_of_area", 150),
        ("capitation", 0),
        ("outpatient", 200),
        ("first", 30),
        ("second", 20),
    )
    deducted = parameters(out_of_area="deducted")
    assert held(own, deducted, paid(600, 100))[2][-2:] == (("first", 0), ("second", 0))
    held(own, p, paid(600, 180))
    with pytest.raises(ValueError, match="exceeded by 1 fen"):
        held(own, p, paid(600, 181))
    assert held(region(0), p, paid(10**9, 1))[2] == ()
    # the same target with 30 and 100 inside it: 870 without a reserve, 1,000 with both
    aside = (("first", 30, True, ""), ("second", 100, True, ""))
    own = region(0, ceiling=Ceiling(1000, aside, ceiling.payments), pools={"310": pool})
    assert held(own, p, paid(500, 40))[2][-2:] == (("first", 20), ("second", 0))
    assert held(own, p, paid(500, 150))[2][-2:] == (("first", 30), ("second", 100))
    with pytest.raises(ValueError, match="exceeded by 1 fen"):
        held(own, p, paid(500, 151))


def test_ceiling__what_one_owes_back_pays_nobody_else(parameters) -> None:
    own = region(0, ceiling=Ceiling(1000, (), ()), pools={"310": PoolBudget("310", 1000)})
    rows = (
        Account("H1", "310", 900, -400),
        Account("H2", "310", 50, 300),
        Account("H3", "310", 0, 150),
    )
    # 950 are out, 50 are left: 400 of the 450 wait, 2 : 1, until H1 has paid back
    found, (fund,), counted = held(own, parameters(), *rows)
    assert [row.deferred_fen for row in found] == [0, 267, 133]
    assert (fund.payable_fen, fund.deferred_fen, fund.recover_fen) == (50, 400, 400)
    assert fund.cash_fen == dict(counted)["prepaid"] + dict(counted)["payable"] == 1000
    with pytest.raises(ValueError, match="exceeded by 400 fen"):
        held(own, parameters(**{"ceiling.excess": "refuse"}), *rows)
    # no more waits than is owed back
    with pytest.raises(ValueError, match="exceeded by 1 fen"):
        held(own, parameters(), *rows[:2], Account("H3", "310", 0, 151))


def test_ceiling__each_fund_has_its_own(parameters) -> None:
    pools = {
        "310": PoolBudget("310", 900, control_target_fen=900),
        "390": PoolBudget("390", 100, control_target_fen=100),
    }
    reserves = (("common", 40, False, ""), ("own", 20, False, "390"))
    own = region(0, ceiling=Ceiling(1000, reserves, ()), pools=pools)
    # together 980 of 1,000, but 390 pays 50 of its 100 too much: the common reserve first, as given
    found = held(own, parameters(), paid(800, 30), paid(100, 50, "390"))
    assert [fund.drawn_fen for fund in found[1]] == [0, 50]
    assert found[2][-2:] == (("common", 40), ("own", 10))
    with pytest.raises(ValueError, match="pool 390: the control target is exceeded by 1 fen"):
        held(own, parameters(), paid(800, 30), paid(100, 61, "390"))
    # 310 has none of 390's reserve
    with pytest.raises(ValueError, match="pool 310: the control target is exceeded by 1 fen"):
        held(own, parameters(), paid(900, 41), paid(0, 0, "390"))


# --- the tables of a region


@pytest.fixture
def ex1(tmp_path: Path) -> Path:
    folder = tmp_path / "cases" / "ex1"
    shutil.copytree(EX1, folder)
    shutil.copytree(EX1.parent.parent / "schemes" / "ex1-tiny", tmp_path / "schemes" / "ex1-tiny")
    return folder


def write(folder: Path, **tables: str) -> None:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")


def test_region__all_tables_are_read(ex1: Path) -> None:
    write(
        ex1,
        hospitals="hospital_id,name,level,community_id,standing\n"
        "H1,a,3,Y,penalised\nH2,b,2,Y,\nH3,c,2,,ended\n",
        coefficients="hospital_id,coefficient,drg\nH1,1,\nH1,1.1,GB15\nH2,1,\nH3,1,\n",
        level_coefficients="level,coefficient\n2,0.9\n3,1.1\n",
        components="hospital_id,component,value\nH1,catalogue,1.2\n",
        tcm="hospital_id,treatment_share\nH1,0.5\n",
        bed_day_rates="bed_day_class,rate_yuan,level,from_day\nPSY,400,,31\nPSY,450,,1\nPSY,1,3,\n",
        reviews="case_id,decision,unreasonable_yuan,points\nC01,granted,1.00,12.3456\n",
        violations="hospital_id,pool,amount_yuan,points,reason\nH1,310,1.00,2,a\nH1,310,2,0.5,b\n",
        carried="hospital_id,pool,amount_yuan,from\nH1,310,-1.00,x\nH1,310,3.00,y\n",
        month_shares="month,share\n"
        + "".join(f"{month},{'0.12' if month == 12 else '0.08'}\n" for month in range(12, 0, -1)),
        last_year_months="hospital_id,pool,month,fund_yuan\nH1,310,3,10.00\n",
    )
    own = read_region(ex1)
    assert own.hospitals["H1"] == Hospital("H1", "3", "Y", "penalised")
    assert [own.hospitals[x].standing for x in ("H2", "H3")] == ["normal", "ended"]
    assert own.coefficients["H1", "GB15"] == F("1.1") and own.level_coefficients["3"] == F("1.1")
    assert own.components == {("H1", "catalogue"): F("1.2")}
    assert own.treatment_shares == {"H1": F("0.5")}
    assert own.bed_day_rates == {
        ("PSY", ""): ((1, 45_000), (31, 40_000)),
        ("PSY", "3"): ((1, 100),),
    }
    assert own.reviews["C01"].points == F("12.3456")
    assert own.violations_fen == {("H1", "310"): 300}
    assert own.violation_points == {("H1", "310"): [F("2"), F("0.5")]}
    assert own.carried_fen == {("H1", "310"): 200}
    assert own.month_shares == (*[F("0.08")] * 11, F("0.12"))
    assert own.last_year_months_fen == {("H1", "310", 3): 1000}


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        ("hospitals", "hospital_id,standing\nH1,odd\n", "standing"),
        ("bed_day_rates", "bed_day_class,rate_yuan,from_day\nPSY,1,2\n", "from day 1"),
        ("bed_day_rates", "bed_day_class,rate_yuan\nPSY,1\nPSY,2\n", "twice"),
        ("reviews", "case_id,decision,points\nC01,granted,1.00001\n", "four decimals"),
        ("carried", "hospital_id,pool,amount_yuan\nH9,310,1\n", "no hospital H9"),
        ("month_shares", "month,share\n1,1\n", "twelve"),
        ("tcm", "hospital_id,treatment_share\nH1,1.1\n", "between 0 and 1"),
    ],
)
def test_region__faults_of_the_tables__are_refused(
    ex1: Path, table: str, text: str, message: str
) -> None:
    write(ex1, **{table: text})
    with pytest.raises(ValueError, match=message):
        read_region(ex1)


def test_region__review_of_more_than_the_cost__is_refused(ex1: Path) -> None:
    write(ex1, reviews="case_id,decision,unreasonable_yuan\nC04,refused,3500.01\n")
    with pytest.raises(ValueError, match="C04: unreasonable cost above"):
        settle_region(ex1)


def test_region__quota_of_reviews(ex1: Path) -> None:
    write(
        ex1,
        reviews="case_id,decision,unreasonable_yuan\nC02,granted,0\nC12,granted,0\nC01,granted,0\n",
    )
    # 12 cases: 0.05 allows one, 0.1 two; C01 is normal and of no account
    with pytest.raises(ValueError, match="special_quota"):
        settle_region(ex1)
    assert settle_region(ex1, overrides={"special_quota": "0.1"}).over_quota == ()
    warned = settle_region(ex1, overrides={"special_quota.over": "warn"})
    assert warned.over_quota == ("region",)
    by_hospital = {"special_quota": "0.25", "special_quota.scope": "hospital"}
    with pytest.raises(ValueError, match="H1"):  # two of four cases; 0.25 x 4 allows one
        settle_region(ex1, overrides=by_hospital)
    settle_region(ex1, overrides=by_hospital | {"special_quota": "0.26"})


def test_region__high_cases_by_item(ex1: Path) -> None:
    result = settle_region(ex1, overrides={"high.rule": "by_item"})
    case = result.case("C12")
    assert (case.paid_by, case.price_fen, case.points) == ("money", fen("67500.00"), 0)
    pool = result.pool("390")
    # T 106,553.66 as ever; M 35,500.00; N by points 45,349.57; 1,086.8778 - 381.6 points
    assert (pool.money_fen, pool.points) == (fen("35500.00"), F("705.2778"))
    assert pool.point_value == F("116403.23") / F("705.2778")
    # 84.8 x 165.04592 - 3,800.20 + 35,500; 60.9778 x ... - 3,249.38; 559.5 x ... - 38,299.99
    dues = [result.hospital(h, "390").due_fen for h in ("H1", "H2", "H3")]
    assert dues == [fen("45695.69"), fen("6814.76"), fen("54043.21")]
    assert sum(dues) == fen("106553.66")
    assert result.case("C02").points == F("543.6")  # reviewed, whatever the rule

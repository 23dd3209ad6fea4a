"""Year-end clearing of indices: surplus kept, overspending shared, rewards, deposit, final payment.

Sources: S0 32-35, S2 二(二)1(7), S3 二(三)3, S4 (4)-(5) and (7)-(8). Amounts in fen, ratios exact.
Ratios, gate, tiers and caps are parameters of the budget policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from drgpay.budget import index_formulas
from drgpay.budget.deposit import released_by
from drgpay.budget.formulas import forfeited
from drgpay.budget.pool import Rules, Sharing, share
from drgpay.budget.sums import tie
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.money import yuan_text
from drgpay.ground.numbers import above_zero, less
from drgpay.names.plan import OUTCOMES
from drgpay.policy.year import says


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexYear:
    """An institution's year in one pool, in fen.

    `index_fen` with all decided changes and the deposit (`Held.control_fen`); `actual_fen`: recognised cost, violations of the months
    taken off, costly cases that are settled outside the index (`costly_fen`) left out. Of both,
    `outside_*` is the part of care outside the city. `met`: how many indicators (`OUTCOMES`).
    `gates_passed`: no indicator was missed that alone makes the assessment not passed. `report`:
    cause and remedy of overspending were handed in in writing.
    """

    hospital_id: str
    pool: str
    index_fen: int
    actual_fen: int
    costly_fen: int = 0
    outside_index_fen: int = 0
    outside_actual_fen: int = 0
    paid_fen: int = 0
    advances_fen: int = 0
    deposit_fen: int = 0
    violation_fen: int = 0
    score: Fraction = Fraction(1)
    met: str = "all"
    gates_passed: bool = True
    penalised: bool = False
    ended: bool = False
    report: bool = False
    patients: int | None = None
    patients_last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compensation:
    """What more patients bring (S4 (5)): growth, the overspending it explains, what is paid."""

    growth: Fraction
    reasonable_fen: int
    cap_fen: int | None
    paid_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """An institution's clearing in one pool, in fen.

    Under the index: `kept_fen` of the surplus, or `reward_fen` (of it `treasury_fen` is paid by the
    treasury, in no sum of the fund). Over it: the fund bears `fund_fen` and the compensation, the
    institution `borne_fen`. `waiting_fen`: the fund's share without the written report. Of a member
    of a community in deficit that saved, `fund_fen` is below 0. Due = min(actual, index) + costly +
    what the fund adds.
    """

    given: IndexYear
    outcome: str
    difference_fen: int
    sharing: Sharing | None = None
    compensation: Compensation | None = None
    excess_inside_fen: int = 0
    excess_outside_fen: int = 0
    kept_fen: int = 0
    reward_fen: int = 0
    treasury_fen: int = 0
    fund_fen: int = 0
    borne_fen: int = 0
    waiting_fen: int = 0
    released: Fraction
    forfeited_fen: int

    @property
    def added_fen(self) -> int:
        """What the fund adds to the smaller of actual cost and index."""
        more = self.compensation.paid_fen if self.compensation else 0
        kept = self.kept_fen + self.reward_fen - self.treasury_fen
        return kept + self.fund_fen + more - self.waiting_fen

    @property
    def due_fen(self) -> int:
        """What the fund owes for the year (决算额)."""
        g = self.given
        return min(g.actual_fen, g.index_fen) + g.costly_fen + self.added_fen

    @property
    def final_fen(self) -> int:
        """Due less paid, advances outstanding, forfeited deposit, violations; below 0: owed back."""
        g = self.given
        return less(self.due_fen, g.paid_fen, g.advances_fen, self.forfeited_fen, g.violation_fen)

    @property
    def payable_fen(self) -> int:
        """What leaves the fund now."""
        return above_zero(self.final_fen)

    @property
    def recover_fen(self) -> int:
        """What the institution owes back; never netted with what others get."""
        return above_zero(-self.final_fen)


NOT_ASSESSED, PASSED, FAILED, NO_INCREASE, OVERSPENT, OF_COMMUNITY = (
    "not_assessed", "passed", "failed", "no_increase", "overspent", "of_community",
)  # fmt: skip


def clear(year: IndexYear, policy: Rules) -> Cleared:
    """Return the clearing of one institution by `clearing.method`.

    An ended agreement is not assessed: the smaller of cost and index, the deposit whole (S2
    二(二)1(7); our reading). Raises InputError for amounts that contradict each other.
    """
    _check(year)
    three = says(policy, "clearing.method", "three_outcomes", "national")
    difference = year.index_fen - year.actual_fen
    made: dict[str, Any]
    if year.ended:
        made = {"outcome": NOT_ASSESSED, "borne_fen": max(0, -difference)}
    elif difference >= 0:
        made = _under(year, policy, three=three)
    else:
        made = _by_outcome(year, policy) if three else _over(year, policy)
    return _cleared(year, policy, made)


def clear_member(year: IndexYear, amount_fen: int, policy: Rules) -> Cleared:
    """Return the clearing of a community's member: what it retains (+), or is refused (−), is given.

    Its due is its cost with that amount, whatever its own difference (S1 三(六)); deposit, advances
    and violations are its own. Raises InputError as `clear`.
    """
    _check(year)
    excess = max(0, year.actual_fen - year.index_fen)
    borne = max(0, -amount_fen)
    made = {
        "outcome": OF_COMMUNITY,
        "kept_fen": max(0, amount_fen),
        "fund_fen": excess - borne,
        "borne_fen": borne,
    }
    return _cleared(year, policy, made)


def _cleared(year: IndexYear, policy: Rules, made: Mapping[str, Any]) -> Cleared:
    """Return a clearing with the deposit by the score; an ended agreement has none."""
    released = Fraction(1) if year.ended else released_by(year.score, policy)
    return Cleared(
        given=year,
        difference_fen=year.index_fen - year.actual_fen,
        released=released,
        forfeited_fen=int(forfeited(Fraction(year.deposit_fen), released)),
        **made,
    )


def _check(year: IndexYear) -> None:
    y = year
    amounts = {
        "index_fen": y.index_fen, "actual_fen": y.actual_fen, "costly_fen": y.costly_fen,
        "outside_index_fen": y.outside_index_fen, "outside_actual_fen": y.outside_actual_fen,
        "advances_fen": y.advances_fen, "deposit_fen": y.deposit_fen,
        "violation_fen": y.violation_fen,
    }  # fmt: skip
    faults: list[Bilingual] = [
        both(f"{name} {yuan_text(fen)} 元小于0", f"{name}: {yuan_text(fen)} yuan is below 0")
        for name, fen in amounts.items()
        if fen < 0
    ]
    if y.outside_index_fen > y.index_fen or y.outside_actual_fen > y.actual_fen:
        faults.append(both("市外部分大于合计", "the part outside the city exceeds the whole"))
    if not 0 <= y.score <= 1:
        faults.append(both(f"考核得分 {y.score} 不在0至1之间", f"score {y.score}: not 0 to 1"))
    if y.met not in OUTCOMES:
        faults.append(both(f"没有“{y.met}”这种考核结果", f"no outcome {y.met!r}"))
    if faults:
        raise InputError(
            both(
                f"机构 {y.hospital_id}（险种 {y.pool}）不能清算",
                f"{y.hospital_id}, pool {y.pool}, cannot be cleared",
            ),
            faults=faults,
            remedy=both("改正该机构的数据", "correct its figures"),
        )


def _under(year: IndexYear, policy: Rules, *, three: bool) -> dict[str, Any]:
    """Within the index: what is kept, or the reward."""
    if year.penalised and policy["violator_no_increase"]:
        return {"outcome": NO_INCREASE}
    if three:
        surplus = Fraction(year.index_fen - year.actual_fen)
        ratio = Fraction(policy["clearing.reward_ratio"])
        reward = int(index_formulas.share_of(surplus, ratio))
        treasury = says(policy, "clearing.reward_payer", "treasury", "insurance_fund")
        return {
            "outcome": PASSED,
            "reward_fen": reward,
            "treasury_fen": reward if treasury else 0,
        }
    if year.score < policy["clearing.gate_score"] or not year.gates_passed:
        return {"outcome": FAILED}
    sharing = share(year.actual_fen, year.index_fen, sharing_rules(policy))
    kept = sharing.settled_fen - year.actual_fen
    return {"outcome": PASSED, "sharing": sharing, "kept_fen": kept}


def sharing_rules(policy: Rules) -> dict[str, Any]:
    """Return the parameters of clearing by the names under which a pool's sharing asks them."""
    return {
        "keep_ratio": policy["clearing.keep_ratio"],
        "keep_tiers": policy["clearing.keep_tiers"],
        "fund_share_of_overspend": policy["clearing.fund_share"],
        "overspend_tiers": policy["clearing.overspend_tiers"],
        "overspend_cap": "none",
    }


def _over(year: IndexYear, policy: Rules) -> dict[str, Any]:
    """Over the index by the plan's ratios: compensation first, the rest shared."""
    excess = year.actual_fen - year.index_fen
    compensation = _compensation(year, excess, policy)
    rest = excess - (compensation.paid_fen if compensation else 0)
    sharing = share(year.index_fen + rest, year.index_fen, sharing_rules(policy))
    fund = sharing.settled_fen - year.index_fen
    waits = says(policy, "clearing.report", "required", "not_required") and not year.report
    return {
        "outcome": OVERSPENT,
        "sharing": sharing,
        "compensation": compensation,
        "fund_fen": fund,
        "borne_fen": rest - fund,
        "waiting_fen": fund if waits else 0,
    }


def _compensation(year: IndexYear, excess: int, policy: Rules) -> Compensation | None:
    """Many more patients (S4 (5)): what of the excess index × growth explains, its ratio, the cap."""
    least = policy["patients.growth_min"]
    if least is None or not year.patients_last or year.patients is None:
        return None
    growth = Fraction(year.patients, year.patients_last) - 1
    if growth < least:
        return None
    index = Fraction(year.index_fen)
    reasonable = index_formulas.from_more_patients(Fraction(excess), index, growth)
    cap = policy["patients.cap"]
    most = None if cap is None else index_formulas.share_of(index, Fraction(cap))
    paid = index_formulas.compensated(reasonable, Fraction(policy["patients.ratio"]), most)
    return Compensation(
        growth=growth,
        reasonable_fen=int(reasonable),
        cap_fen=None if most is None else int(most),
        paid_fen=int(paid),
    )


def excess_by_place(year: IndexYear) -> tuple[int, int]:
    """Return the overspending inside and outside the city; what one saves lessens the other's."""
    outside = year.outside_actual_fen - year.outside_index_fen
    inside = year.actual_fen - year.index_fen - outside
    if outside < 0:
        return inside + outside, 0
    if inside < 0:
        return 0, inside + outside
    return inside, outside


def _by_outcome(year: IndexYear, policy: Rules) -> dict[str, Any]:
    """Over the control by Shangyu's outcomes: all, not all, or none of the indicators met."""
    inside, outside = excess_by_place(year)
    tie(both("超额", "overspending"), inside + outside, year.actual_fen - year.index_fen)
    if year.met == "all":
        borne = 0
    elif year.met == "some":
        borne = int(
            index_formulas.share_of(Fraction(inside), Fraction(policy["clearing.inside_share"]))
            + index_formulas.share_of(Fraction(outside), Fraction(policy["clearing.outside_share"]))
        )
    else:
        borne = inside + outside
    fund = inside + outside - borne
    waits = says(policy, "clearing.report", "required", "not_required") and not year.report
    return {
        "outcome": OVERSPENT,
        "excess_inside_fen": inside,
        "excess_outside_fen": outside,
        "fund_fen": fund,
        "borne_fen": borne,
        "waiting_fen": fund if waits else 0,
    }


@dataclass(frozen=True, slots=True)
class PoolCleared:
    """A pool's clearing of all its institutions, in fen; payable and owed are never netted."""

    pool: str
    rows: tuple[Cleared, ...]
    sums: dict[str, int] = field(default_factory=dict)


SUMMED = (
    "due_fen", "kept_fen", "reward_fen", "treasury_fen", "fund_fen", "borne_fen", "waiting_fen",
    "forfeited_fen", "final_fen", "payable_fen", "recover_fen",
)  # fmt: skip
GIVEN = (
    "index_fen", "actual_fen", "costly_fen", "paid_fen", "advances_fen", "deposit_fen",
    "violation_fen",
)  # fmt: skip


def clear_pool(
    pool: str, years: Sequence[IndexYear], policy: Rules, members: Mapping[str, int] | None = None
) -> PoolCleared:
    """Return the clearing of a pool; its sums tie out.

    `members`: of communities' members what each retains (+) or is refused (−), in fen; their index
    is the budget after the transfer.

    Actual + costly + kept + rewards of the fund = due + borne + waiting. Due = paid + advances +
    forfeited + violations + final; final = payable − owed. Raises InputError for an institution
    twice, of another pool, or a member without its year.
    """
    given = members or {}
    rows_of = Counter(year.hospital_id for year in years)
    wrong = {y.hospital_id for y in years if y.pool != pool or rows_of[y.hospital_id] > 1}
    wrong |= {name for name in given if not rows_of[name]}
    if wrong:
        raise InputError(
            both(
                f"险种 {pool} 的清算中有重复、缺少或不属该险种的机构：{'、'.join(sorted(wrong))}",
                f"pool {pool}: institutions twice, missing, or of another pool: "
                f"{', '.join(sorted(wrong))}",
            ),
            remedy=both("险种分开清算，每个机构一行", "clear pools apart, one row an institution"),
        )
    rows = tuple(
        clear_member(year, given[year.hospital_id], policy)
        if year.hospital_id in given
        else clear(year, policy)
        for year in sorted(years, key=lambda y: y.hospital_id)
    )
    sums = {name: sum(getattr(row, name) for row in rows) for name in SUMMED}
    sums |= {name: sum(getattr(row.given, name) for row in rows) for name in GIVEN}
    s = sums
    brought = s["actual_fen"] + s["costly_fen"] + s["kept_fen"] + s["reward_fen"]
    gone = s["due_fen"] + s["treasury_fen"] + s["borne_fen"] + s["waiting_fen"]
    tie(both("决算额", "dues"), brought, gone)
    settled = s["paid_fen"] + s["advances_fen"] + s["forfeited_fen"] + s["violation_fen"]
    tie(both("最终支付", "final payments"), s["due_fen"], settled + s["final_fen"])
    tie(
        both("应付与应收回", "payable and owed"),
        s["final_fen"],
        s["payable_fen"] - s["recover_fen"],
    )
    return PoolCleared(pool, rows, sums)

"""The yearly fund budget, its split between city and counties, and the control target.

Sources: S0 10-14, S4 (2), S2 一 and 二(二)1(2). Amounts in fen, ratios exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from drgpay.budget import formulas, index_formulas
from drgpay.budget.ceiling import Reserve
from drgpay.budget.pool import Rules, check_growth
from drgpay.budget.sums import tie
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.money import yuan_text
from drgpay.names.plan import BUDGET_FACTORS, DEDUCTIONS, PAYERS, RESERVES
from drgpay.policy.year import says

REVENUE, LAST_YEAR, RISK_RESERVE = "revenue", "last_year", "risk_reserve"
CHANGES = tuple(c for c in BUDGET_FACTORS if c not in (REVENUE, LAST_YEAR, RISK_RESERVE))
DEPOSIT = "deposit"
RATIO_OF = {
    "mid_year": "target.mid_year_ratio",
    "year_end": "target.year_end_ratio",
    "deposit": "deposit.ratio",
}


@dataclass(frozen=True, slots=True)
class BudgetFactor:
    """A factor of an expenditure budget: its figure in fen, what it rests on, who gave it.

    Changes against last year are signed; the other figures are 0 or more.
    """

    code: str
    amount_fen: int
    basis: str
    author: str


@dataclass(frozen=True, slots=True)
class FundBudget:
    """The yearly fund budget of a pool, in fen. `most_fen`: what the growth cap allows."""

    pool: str
    factors: tuple[BudgetFactor, ...]
    revenue_fen: int
    last_year_fen: int
    changes_fen: int
    risk_reserve_fen: int
    budget_fen: int
    surplus_fen: int
    growth_cap: Fraction
    most_fen: int
    approval: str


def fund_budget(
    pool: str, factors: Sequence[BudgetFactor], policy: Rules, approval: str = ""
) -> FundBudget:
    """Return a budget of the eight factors: last year's expenditure, its changes, a risk reserve.

    Income first: the budget is at most the revenue. It grows at most by `budget_growth_cap`, unless
    a document of approval is named. Source: S0 10-11, S2 一. Raises InputError, all faults at once.
    """
    _check_factors(pool, factors)
    amount = {factor.code: factor.amount_fen for factor in factors}
    changes = [amount[code] for code in CHANGES]
    budget = index_formulas.expenditure(amount[LAST_YEAR], changes, amount[RISK_RESERVE])
    if budget > amount[REVENUE]:
        raise InputError(
            both(
                f"险种 {pool} 的支出预算 {yuan_text(budget)} 元超过收入预算 "
                f"{yuan_text(amount[REVENUE])} 元 {yuan_text(budget - amount[REVENUE])} 元",
                f"expenditure of pool {pool}, {yuan_text(budget)} yuan, is "
                f"{yuan_text(budget - amount[REVENUE])} more than its revenue of "
                f"{yuan_text(amount[REVENUE])}",
            ),
            remedy=both(
                "以收定支：调低支出各因素，或重新测算收入",
                "spend what comes in: lower the factors, or estimate revenue anew",
            ),
        )
    check_growth(pool, budget, amount[LAST_YEAR], policy, approval)
    cap = Fraction(policy["budget_growth_cap"])
    return FundBudget(
        pool=pool,
        factors=tuple(sorted(factors, key=lambda f: list(BUDGET_FACTORS).index(f.code))),
        revenue_fen=amount[REVENUE],
        last_year_fen=amount[LAST_YEAR],
        changes_fen=sum(changes),
        risk_reserve_fen=amount[RISK_RESERVE],
        budget_fen=budget,
        surplus_fen=amount[REVENUE] - budget,
        growth_cap=cap,
        most_fen=int(formulas.grown(Fraction(amount[LAST_YEAR]), cap)),
        approval=approval.strip(),
    )


def _check_factors(pool: str, factors: Sequence[BudgetFactor]) -> None:
    codes = [factor.code for factor in factors]
    faults: list[Bilingual] = []
    for code, word in BUDGET_FACTORS.items():
        if codes.count(code) != 1:
            faults.append(both(f"“{word.chinese}”须有且只有一项", f"{word}: give it exactly once"))
    for factor in factors:
        if factor.code not in BUDGET_FACTORS:
            faults.append(both(f"没有“{factor.code}”这个因素", f"no factor {factor.code!r}"))
            continue
        word = BUDGET_FACTORS[factor.code]
        if not factor.basis.strip() or not factor.author.strip():
            faults.append(
                both(f"“{word.chinese}”没有依据或提出人", f"{word}: no basis, or nobody gave it")
            )
        if factor.code not in CHANGES and factor.amount_fen < 0:
            faults.append(
                both(
                    f"“{word.chinese}” {yuan_text(factor.amount_fen)} 元小于0",
                    f"{word}: {yuan_text(factor.amount_fen)} yuan is below 0",
                )
            )
    if faults:
        raise InputError(
            both(f"险种 {pool} 的支出预算不完整", f"the budget of pool {pool} is not complete"),
            faults=faults,
            remedy=both(
                "八项因素各写金额、依据和提出人，没有的写0",
                "give figure, basis and author of each of the eight factors, 0 where there is none",
            ),
        )


# --- between city and counties


@dataclass(frozen=True, slots=True)
class CountyPlan:
    """A county's part of a city's budget: benefits, subsidy from above, payment upwards, in fen."""

    area: str
    benefits_fen: int
    subsidy_fen: int = 0
    paid_up_fen: int = 0

    @property
    def own_fen(self) -> int:
        """What the county's own money pays: benefits and payment upwards less the subsidy."""
        return self.benefits_fen + self.paid_up_fen - self.subsidy_fen


@dataclass(frozen=True, slots=True)
class BudgetSplit:
    """A city's budget as it is spent by city and counties, in fen."""

    pool: str
    budget_fen: int
    counties: tuple[CountyPlan, ...]
    city_benefits_fen: int
    subsidies_down_fen: int
    payments_up_fen: int
    city_own_fen: int


def split_budget(pool: str, budget_fen: int, counties: Sequence[CountyPlan]) -> BudgetSplit:
    """Return the split: the city has what the counties have not; subsidies and payments cancel.

    Source: S0 12. Raises InputError for an area twice, an amount below 0, counties above the city.
    """
    names = [county.area for county in counties]
    faults = [
        both(f"“{c.area}”：地区重复或没有名称", f"{c.area!r}: twice, or without a name")
        for c in counties
        if names.count(c.area) > 1 or not c.area.strip()
    ]
    for c in counties:
        if min(c.benefits_fen, c.subsidy_fen, c.paid_up_fen, c.own_fen) < 0:
            left = yuan_text(c.own_fen)
            faults.append(
                both(
                    f"“{c.area}”：有金额小于0，或补助多于支出（自有 {left} 元）",
                    f"{c.area!r}: an amount is below 0, or the subsidy exceeds what it pays for "
                    f"(own money {left} yuan)",
                )
            )
    down = sum(c.subsidy_fen for c in counties)
    up = sum(c.paid_up_fen for c in counties)
    city = budget_fen - sum(c.benefits_fen for c in counties)
    own = city + down - up
    if min(city, own) < 0:
        faults.append(
            both(
                f"区县合计后市级待遇支出 {yuan_text(city)} 元、自有 {yuan_text(own)} 元，小于0",
                f"after the counties the city has benefits of {yuan_text(city)} yuan and own money "
                f"of {yuan_text(own)}: below 0",
            )
        )
    if faults:
        raise InputError(
            both(f"险种 {pool} 的市县预算分解有误", f"the split of pool {pool} does not hold"),
            faults=faults,
            remedy=both("改正各区县金额", "correct the counties' amounts"),
        )
    tie(
        both("市县预算合计", "parts of the budget"),
        budget_fen,
        own + sum(c.own_fen for c in counties),
    )
    return BudgetSplit(pool, budget_fen, tuple(counties), city, down, up, own)


# --- the control target


@dataclass(frozen=True, slots=True)
class SetAside:
    """A reserve inside a control target: its ratio of the target and its amount in fen."""

    code: str
    ratio: Fraction
    amount_fen: int


@dataclass(frozen=True, slots=True)
class ControlTarget:
    """A pool's control target (总额控制目标), in fen.

    `inside_fen`: care outside the region that stays inside it. `free_fen`: less the reserves, what
    indices, or points, may share.
    """

    pool: str
    budget_fen: int
    deducted: tuple[tuple[str, int], ...]
    inside_fen: int
    target_fen: int
    reserves: tuple[SetAside, ...]
    free_fen: int

    @property
    def deposit_fen(self) -> int | None:
        """What is set aside as deposit; None where the target contains none."""
        return next((r.amount_fen for r in self.reserves if r.code == DEPOSIT), None)

    def for_ceiling(self, released_fen: int = 0) -> tuple[Reserve, ...]:
        """Return the reserves as the ceiling takes them: the deposit covers no overspend.

        `released_fen`: what the assessment released of the deposit is set aside no longer. Raises
        InputError for more than was set aside.
        """
        held = self.deposit_fen or 0
        if not 0 <= released_fen <= held:
            raise InputError(
                both(
                    f"返还保证金 {yuan_text(released_fen)} 元，预留只有 {yuan_text(held)} 元",
                    f"{yuan_text(released_fen)} yuan of deposit released, {yuan_text(held)} set aside",
                ),
                remedy=both("核对各机构的质量保证金", "check the institutions' deposits"),
            )
        return tuple(
            Reserve(
                RESERVES[r.code].chinese,
                r.amount_fen - (released_fen if r.code == DEPOSIT else 0),
                covers_overspend=r.code != DEPOSIT,
                inside_target=True,
            )
            for r in self.reserves
        )


def control_target(
    pool: str, budget_fen: int, outside: Mapping[str, int], policy: Rules
) -> ControlTarget:
    """Return the expenditure budget less what a target leaves out, with the reserves inside it.

    `outside`, in fen: care outside the region (`out_of_area`: deducted, or left inside), and each
    of `target.deductions`. Reserves (`target.reserves`) are ratios of the target, each to the fen.
    Source: S0 13, S4 (2), S2 二(二)1(2). Raises InputError.
    """
    wanted = ("out_of_area", *policy["target.deductions"])
    _check_outside(pool, outside, wanted)
    deducts = says(policy, "out_of_area", "deducted", "inside_budget")
    deducted = tuple((c, outside[c]) for c in wanted if c != "out_of_area" or deducts)
    inside = 0 if deducts else outside["out_of_area"]
    target = formulas.available(budget_fen, *(fen for _, fen in deducted))
    reserves = tuple(
        SetAside(code, ratio, int(index_formulas.set_aside(Fraction(target), ratio)))
        for code in policy["target.reserves"]
        for ratio in (Fraction(policy[RATIO_OF[code]]),)
    )
    free = formulas.available(target, *(r.amount_fen for r in reserves))
    if target < inside or free < 0:
        raise InputError(
            both(
                f"险种 {pool} 的控制目标 {yuan_text(target)} 元不足：留在其中的统筹区域外就医 "
                f"{yuan_text(inside)} 元，预留后余 {yuan_text(free)} 元",
                f"the control target of pool {pool}, {yuan_text(target)} yuan, does not hold: care "
                f"outside the region inside it {yuan_text(inside)}, left after reserves "
                f"{yuan_text(free)}",
            ),
            remedy=both("核对支出预算、扣除项目和预留比例", "check budget, deductions, ratios"),
        )
    tie(
        both("目标与扣除", "target and deductions"),
        budget_fen,
        target + sum(fen for _, fen in deducted),
    )
    tie(
        both("目标与预留", "target and reserves"),
        target,
        free + sum(r.amount_fen for r in reserves),
    )
    return ControlTarget(pool, budget_fen, deducted, inside, target, reserves, free)


def _check_outside(pool: str, outside: Mapping[str, int], wanted: Sequence[str]) -> None:
    faults = [
        both(f"没有给出“{DEDUCTIONS[c].chinese}”", f"{DEDUCTIONS[c]}: not given")
        for c in wanted
        if c not in outside
    ]
    for code, fen in outside.items():
        word = DEDUCTIONS.get(code, both(code, code))
        if code not in wanted:
            faults.append(
                both(
                    f"政策的扣除项目中没有“{word.chinese}”",
                    f"{word}: not one of target.deductions",
                )
            )
        elif fen < 0:
            faults.append(
                both(
                    f"“{word.chinese}” {yuan_text(fen)} 元小于0",
                    f"{word}: {yuan_text(fen)} yuan is below 0",
                )
            )
    if faults:
        raise InputError(
            both(f"险种 {pool} 的扣除项目有误", f"the deductions of pool {pool} do not hold"),
            faults=faults,
            remedy=both(
                "每项给出不小于0的金额，没有的写0", "give each an amount of 0 or more, 0 for none"
            ),
        )


@dataclass(frozen=True, slots=True)
class Covered:
    """What of a cost a control target covers, in fen, by care and payer; `left_out_fen`: the rest."""

    parts: tuple[tuple[str, str, int], ...]
    covered_fen: int
    left_out_fen: int


def covered(amounts: Mapping[tuple[str, str], int], policy: Rules) -> Covered:
    """Return what of amounts by care and payer the target covers (`coverage.care`, `.money`).

    Source: S0 14. Raises InputError for care or payers that there are not.
    """
    payers = list(PAYERS)
    if says(policy, "coverage.money", "pooled_fund", "fund_and_account", "all_cost"):
        payers = payers[:1]
    elif says(policy, "coverage.money", "fund_and_account", "pooled_fund", "all_cost"):
        payers = payers[:2]
    strange = [key for key in amounts if key[0] not in ("inpatient", "outpatient")]
    strange += [key for key in amounts if key[1] not in PAYERS]
    if strange:
        named = "、".join("/".join(key) for key in strange)
        raise InputError(both(f"没有这类费用：{named}", f"no such kind of cost: {named}"))
    parts = tuple(
        (care, payer, fen)
        for (care, payer), fen in sorted(amounts.items())
        if care in policy["coverage.care"] and payer in payers
    )
    inside = sum(fen for _, _, fen in parts)
    return Covered(parts, inside, sum(amounts.values()) - inside)

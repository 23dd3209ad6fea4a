"""Point value (点值) and what each hospital is due, exact.

Sources: S2 二(二)2(3) (the region fixes the value from its points and its budget; institutions are
paid by their points), S2 二(二)1(7) (no increase for those penalised); the formulas
V = (T − M + N) / Σ points and due = points x V − n + money are assumed, as docs/rules.md 9 to 11
says; S0 13 and S4 (7)-(8) (quality deposit; who shares what of it is forfeited is our reading).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from drgpay.budget import formulas
from drgpay.budget.bounds import NONE_TOO_HIGH, Items
from drgpay.budget.kernels import NO_HIGH
from drgpay.budget.limits import (
    bounds_of,
    by_case,
    caps_of,
    check_bounds,
    dues_within_bounds,
    is_bounded,
)
from drgpay.budget.pool import PoolBudget, Sharing, available_budget, check_growth, share
from drgpay.ground.errors import BooksError, InputError, PolicyError, both
from drgpay.ground.money import (
    POINT,
    largest_remainder,
    points_text,
    remainder_by_party,
    round_half_away,
    round_to,
    yuan_text,
)
from drgpay.policy import YearPolicy
from drgpay.region.records import Pool, Region
from drgpay.region.standing import PENALISED
from drgpay.region.together import settled_together
from drgpay.settlement import account
from drgpay.settlement.account import released_share, why_no_share

Key = tuple[str, str]  # hospital, pool
SOLUTIONS = {NONE_TOO_HIGH: "to_fund"}  # all get their high bound, the rest stays in the fund
NO_POINTS = "no_points"  # a pool that is left unsettled, as no point has a value


@dataclass(frozen=True, slots=True)
class Sums:
    """What the cases of one hospital and pool add up to; points in 1/10,000, money in fen.

    `points` are those of the cases, `points_deducted` what violations take off them. Money is due
    outside of points. Held cases stand in none of the other sums.
    """

    cases: int
    points: int
    not_pool_fen: int
    recorded_fund_fen: int
    not_pool_by_points_fen: int | None = None
    money_fen: int = 0
    points_deducted: int = 0
    held_cases: int = 0
    held_fund_fen: int = 0
    total_cost_fen: int = 0

    @classmethod
    def of(cls, several: Iterable[Sums]) -> Sums:
        """Return what several add up to."""
        rows = list(several)
        added = {own.name: [getattr(s, own.name) for s in rows] for own in fields(cls)}
        added["not_pool_by_points_fen"] = [s.n_fen for s in rows]
        return cls(**{name: sum(column) for name, column in added.items()})

    @property
    def net_points(self) -> int:
        """Points that are paid."""
        return self.points - self.points_deducted

    @property
    def n_fen(self) -> int:
        """What the pool did not pay of the cases that are paid by points."""
        by_points = self.not_pool_by_points_fen
        return self.not_pool_fen if by_points is None else by_points


@dataclass(frozen=True, slots=True)
class PoolResult:
    """A settled pool. `point_value_fen` is exact, in fen per point; `points` are those paid."""

    pool: str
    name: str
    budget: PoolBudget
    cases: int
    points: int
    recorded_fund_fen: int
    not_pool_fen: int
    settled_fen: int
    point_value_fen: Fraction
    residual_fen: int
    points_deducted: int = 0
    money_fen: int = 0
    not_pool_by_points_fen: int = 0
    held_cases: int = 0
    solution: str = "unique"
    value_high_fen: Fraction | None = None
    sharing: Sharing | None = None
    at_low: int = 0
    at_high: int = 0


@dataclass(frozen=True, slots=True)
class HospitalResult:
    """What a hospital gets of a pool, in fen.

    final = due − prepaid − forfeited + shared − violation − carried. `bound`: low or high where one
    holds. `shared_fen`: its part of what others forfeited. `deferred_fen`: what of a final payment
    waits until others have paid back, as the control target holds in cash. In a pool that is left
    unsettled all amounts are 0.
    """

    hospital_id: str
    pool: str
    sums: Sums
    due_fen: int
    prepaid_fen: int
    deposit_fen: int
    forfeited_fen: int
    violation_fen: int
    carried_fen: int = 0
    bound: str = ""
    shared_fen: int = 0
    deferred_fen: int = 0

    @property
    def payable_fen(self) -> int:
        """What leaves the fund now."""
        return account.payable(self.final_fen, self.deferred_fen)

    @property
    def recover_fen(self) -> int:
        """What the hospital owes back; never netted with what others, or its other pools, get."""
        return account.recover(self.final_fen)

    @property
    def final_fen(self) -> int:
        """What is still to be paid; negative when money comes back."""
        return account.final(
            self.due_fen, self.prepaid_fen, self.forfeited_fen, self.violation_fen,
            shared=self.shared_fen, carried=self.carried_fen,
        )  # fmt: skip


@dataclass(frozen=True)
class CaseItems:
    """The cases of some pools that are paid by points, for bounds on each case.

    `account` is the place of a case's hospital and pool among the keys in order.
    """

    points: NDArray[np.int64]
    not_pool: NDArray[np.int64]
    fund: NDArray[np.int64]
    cost: NDArray[np.int64]
    account: NDArray[np.int64]


ItemsOf = Callable[[Sequence[Key]], CaseItems]


@dataclass(frozen=True)
class Dues:
    """Point value in fen per point, dues in fen, and which bounds hold; `residual` stays behind."""

    value: Fraction
    due: Mapping[Key, int]
    residual: int
    solution: str = "unique"
    value_high: Fraction | None = None
    bound: Mapping[Key, str] = field(default_factory=dict)
    at_low: int = 0
    at_high: int = 0


def dues(sums: Mapping[Key, Sums], settled_fen: int, policy: YearPolicy, name: str) -> Dues:
    """Return point value in fen per point, dues by hospital and pool, and the residual in fen.

    Raises InputError when nothing earned a point: then there is no value.
    """
    whole = Sums.of(sums.values())
    if whole.net_points == 0:
        raise without_points(name, whole)
    shared = formulas.for_points(settled_fen, whole.n_fen, whole.money_fen)
    value = formulas.value(Fraction(shared), Fraction(whole.net_points, POINT))

    def exact(s: Sums) -> Fraction:
        points, n, money = Fraction(s.net_points, POINT), Fraction(s.n_fen), Fraction(s.money_fen)
        return account.exact_due(account.worth(points, value), n, money)

    if policy.says("residual", "largest_remainder", "to_fund"):
        shares = {k: exact(s) for k, s in sums.items()}
        if hospital_first(policy):
            return Dues(value, remainder_by_party(shares, settled_fen), 0)
        return Dues(value, largest_remainder(shares, settled_fen), 0)
    if policy["value_dp"] is not None:
        value = round_to(value / 100, policy["value_dp"]) * 100
    due = {k: round_half_away(exact(s)) for k, s in sums.items()}
    return Dues(value, due, formulas.residual(settled_fen, sum(due.values())))


def hospital_first(policy: YearPolicy) -> bool:
    """Whether fen left over of one value for all pools go to hospitals, then to their pools."""
    return bool(policy["combine_pools"]) and policy.says(
        "combined_residual", "hospital_first", "by_account"
    )


def without_points(name: str, sums: Sums) -> InputError:
    """Return the refusal of a pool in which nothing earned a point; its remedy fits the cause."""
    cases, held, points, taken = sums.cases, sums.held_cases, sums.points, sums.points_deducted
    if points and points == taken:
        remedy = both(
            "违规扣去了全部点数：核对 violations 表的点数",
            "violations took all points away: check the points of table violations",
        )
    elif cases:
        remedy = both(
            "病例都按金额支付或点数为0：核对政策中按项目支付的类别（by_item）、bed_day.payment 与再入院系数",
            "all cases are paid in money or have 0 points: check which classes the policy pays by item "
            "(by_item), bed_day.payment and readmission.factor",
        )
    elif held:
        remedy = both(
            "病例都暂不支付：在 reviews 表给出特病单议的结论，或改 unstable.rule、ungrouped.rule",
            "all cases are held: give the decisions of their special reviews in table reviews, or "
            "change unstable.rule, ungrouped.rule",
        )
    else:
        remedy = both(
            "核对该险种的病例是否在内、是否全被隔离",
            "check that the pool's cases are there and not all quarantined",
        )
    return InputError(
        both(
            f"险种 {name} 有预算而没有点数，求不出点值：参与清算 {cases} 例，病例点数 "
            f"{points_text(points)}，违规扣减 {points_text(taken)}，按金额支付另计 {yuan_text(sums.money_fen)} 元，"
            f"暂不支付 {held} 例",
            f"pool {name} has a budget but no points: a point has no value ({cases} cases settled, "
            f"points {points_text(points)}, taken off by violations {points_text(taken)}, "
            f"{yuan_text(sums.money_fen)} yuan due in money, {held} cases held)",
        ),
        remedy=remedy,
    )


def bounded_dues(
    sums: Mapping[Key, Sums],
    settled_fen: int,
    policy: YearPolicy,
    name: str,
    penalised: Mapping[Key, bool],
    items_of: ItemsOf | None,
) -> Dues:
    """As `dues`, with what bounds a hospital or a case (docs/point-value.md)."""
    keys = list(sums)
    if not any(sums[k].net_points for k in keys):
        raise without_points(name, Sums.of(sums.values()))
    recorded = np.array([sums[k].recorded_fund_fen for k in keys], np.int64)
    money = np.array([sums[k].money_fen for k in keys], np.int64)
    held = np.array([penalised[k] for k in keys], np.bool_)
    party = _parties(keys) if hospital_first(policy) else None
    if by_case(policy) and items_of is not None:
        case = items_of(keys)
        low, high = bounds_of(policy, case.fund, case.cost, case.not_pool)
        cap = caps_of(policy, recorded, held)
        cap = np.where(cap == NO_HIGH, cap, cap - money)
        found = dues_within_bounds(
            Items.of(_deducted(case, keys, sums), case.not_pool, low, np.maximum(low, high)),
            settled_fen - int(money.sum()),
            policy,
            name,
            allotted=True,
            group=case.account,
            groups=len(keys),
            cap_fen=cap,
            party=party,
        )
        due = found.due_fen + money
        state = found.capped.astype(np.int8)
    else:
        n = np.array([sums[k].n_fen for k in keys], np.int64) - money
        points = np.array([sums[k].net_points for k in keys], np.int64)
        cost = np.array([sums[k].total_cost_fen for k in keys], np.int64)
        low, high = bounds_of(policy, recorded, cost, n, held)
        found = dues_within_bounds(
            Items.of(points, n, low, np.maximum(low, high)),
            settled_fen,
            policy,
            name,
            allotted=True,
            party=party,
        )
        due, state = found.due_fen, found.state
    words = {-1: "low", 0: "", 1: "high"}
    return Dues(
        value=found.point_value,
        due={k: int(fen) for k, fen in zip(keys, due.tolist(), strict=True)},
        residual=found.residual_fen,
        solution=SOLUTIONS.get(found.kind, found.kind),
        value_high=found.value_high,
        bound={k: words[int(s)] for k, s in zip(keys, state.tolist(), strict=True)},
        at_low=found.at_low,
        at_high=found.at_high,
    )


def _parties(keys: Sequence[Key]) -> list[int]:
    """Return of each account the number of its hospital, in order of their codes."""
    numbers = {hospital: n for n, hospital in enumerate(sorted({key[0] for key in keys}))}
    return [numbers[key[0]] for key in keys]


def _deducted(case: CaseItems, keys: Sequence[Key], sums: Mapping[Key, Sums]) -> NDArray[np.int64]:
    """Return the points of cases; violations' points are refused: they have no case to come off."""
    for key in keys:
        if sums[key].points_deducted:
            raise PolicyError(
                both(
                    f"机构 {key[0]} 有违规扣点，bound.level 为 case（按病例）时无从扣到病例",
                    f"hospital {key[0]} has points deducted, which bound.level = case cannot take "
                    "off its cases",
                ),
                where="bound.level",
                remedy=both(
                    "改为扣款（违规表的金额 amount_yuan），或将 bound.level 设为 hospital",
                    "deduct money (amount_yuan), or set bound.level to hospital",
                ),
            )
    return case.points


def settle(
    region: Region,
    policy: YearPolicy,
    sums: Mapping[Key, Sums],
    *,
    items_of: ItemsOf | None = None,
    monthly: Mapping[Key, tuple[int, int, int]] | None = None,
    quarantined: Mapping[str, int] | None = None,
) -> tuple[list[PoolResult], list[HospitalResult]]:
    """Settle all pools of a region: point values, dues, prepaid, deposits, forfeits, finals.

    `sums` holds hospitals with cases; those with only a violation, a prepayment or a carried
    amount are added. `items_of`: the cases, for bounds on each; `monthly`: what the months paid, kept
    back and suspended, where the policy prepays by them; `quarantined`: recorded fund in fen of the
    cases of this year that are quarantined, by pool.
    """
    everyone = _everyone(region, sums)
    check_bounds(policy)
    left = left_pools(region, policy, everyone)
    aside = quarantined or {}
    pools: list[PoolResult] = []
    due, bound = dict.fromkeys(everyone, 0), dict.fromkeys(everyone, "")
    for name, title, members in settled_together(region.pools, policy):
        own = _of_pools(everyone, members)
        budget = _budget(members, own, policy, aside)
        whole = Sums.of(own.values())
        shared = None
        made = Dues(Fraction(0), {}, 0, NO_POINTS)
        if name not in left:
            shared = share(
                whole.recorded_fund_fen, budget.available_fen, policy, budget.reserve_fen
            )
            made = _dues_of(own, shared.settled_fen, region, policy, name, items_of)
            check_value(name, shared, made.value, whole, policy)
        due.update(made.due)
        bound.update(made.bound)
        pools.append(
            PoolResult(
                pool=name,
                name=title,
                budget=budget,
                cases=whole.cases,
                points=whole.net_points,
                recorded_fund_fen=whole.recorded_fund_fen,
                not_pool_fen=whole.not_pool_fen,
                settled_fen=0 if shared is None else shared.settled_fen,
                point_value_fen=made.value,
                residual_fen=made.residual,
                points_deducted=whole.points_deducted,
                money_fen=whole.money_fen,
                not_pool_by_points_fen=whole.n_fen,
                held_cases=whole.held_cases,
                solution=made.solution,
                value_high_fen=made.value_high,
                sharing=shared,
                at_low=made.at_low,
                at_high=made.at_high,
            )
        )
    standing = {h.id: h.standing for h in region.hospitals}
    scores = {h.id: released_share(h.score, policy, h.standing) for h in region.hospitals}
    hospitals = []
    for key, s in everyone.items():
        if key[1] in left:
            hospitals.append(HospitalResult(key[0], key[1], s, 0, 0, 0, 0, 0))
            continue
        prepaid, deposit = _prepaid(key, s, region, policy, monthly)
        hospitals.append(
            HospitalResult(
                hospital_id=key[0],
                pool=key[1],
                sums=s,
                due_fen=due[key],
                prepaid_fen=prepaid,
                deposit_fen=deposit,
                forfeited_fen=int(account.forfeited(Fraction(deposit), scores[key[0]])),
                violation_fen=region.violation_fen.get(key, 0),
                carried_fen=region.carried.get(key, 0),
                bound=bound[key],
            )
        )
    if policy.says("deposit_forfeited", "share", "fund"):
        hospitals = with_shares(hospitals, standing)
    _check(pools, hospitals)
    return pools, hospitals


def _everyone(region: Region, sums: Mapping[Key, Sums]) -> dict[Key, Sums]:
    """Return the sums of all that have cases, or a violation, a prepayment or a carried amount."""
    empty, taken = Sums(0, 0, 0, 0), region.violation_points
    named = set(region.violation_fen) | set(region.prepaid) | set(region.carried)
    made = {}
    for key in sorted(set(sums) | named):
        own = sums.get(key, empty)
        less = min(own.points, taken.get(key, 0))
        made[key] = replace(own, points_deducted=less) if less else own
    return made


def _of_pools(sums: Mapping[Key, Sums], pools: Sequence[Pool]) -> dict[Key, Sums]:
    """Return the sums of some pools."""
    ids = {pool.id for pool in pools}
    return {key: s for key, s in sums.items() if key[1] in ids}


def _budget(
    members: Sequence[Pool],
    sums: Mapping[Key, Sums],
    policy: YearPolicy,
    quarantined: Mapping[str, int],
) -> PoolBudget:
    """Return the budget of what is settled together; each pool's is held to the growth cap."""
    for pool in members:
        check_growth(
            pool.id, pool.budget_fen, pool.last_year_fund_fen, policy, pool.growth_approval
        )
    return available_budget(
        sum(pool.budget_fen for pool in members),
        sum(pool.out_of_area_fund_fen for pool in members),
        policy,
        provision_of(sums, [quarantined.get(pool.id, 0) for pool in members], policy),
    )


def _dues_of(
    sums: Mapping[Key, Sums],
    settled_fen: int,
    region: Region,
    policy: YearPolicy,
    name: str,
    items_of: ItemsOf | None,
) -> Dues:
    """Return the dues of what is settled together, within bounds where there are any."""
    standing = {h.id: h.standing for h in region.hospitals}
    penalised = {key: standing[key[0]] == PENALISED for key in sums}
    if is_bounded(policy, any(penalised.values())):
        return bounded_dues(sums, settled_fen, policy, name, penalised, items_of)
    return dues(sums, settled_fen, policy, name)


def left_pools(region: Region, policy: YearPolicy, sums: Mapping[Key, Sums]) -> set[str]:
    """Return the pools that are left unsettled, as nothing in them earned a point.

    Each fund is settled by itself, so the others go on (`pool_without_points`). Raises InputError
    when the policy refuses such a pool, or no pool has a point.
    """
    found: list[tuple[str, Sums]] = []
    together = settled_together(region.pools, policy)
    for name, _, members in together:
        own = Sums.of(_of_pools(sums, members).values())
        if not own.net_points:
            found.append((name, own))
    if found and (
        policy.says("pool_without_points", "refuse", "leave") or len(found) == len(together)
    ):
        raise without_points(*found[0])
    return {name for name, _ in found}


def provision_of(
    sums: Mapping[Key, Sums], quarantined_fen: Iterable[int], policy: YearPolicy
) -> int:
    """Return what is set aside for held and quarantined cases: their recorded fund (`provision`)."""
    if policy.says("provision", "none", "recorded_fund"):
        return 0
    return sum(s.held_fund_fen for s in sums.values()) + sum(quarantined_fen)


def check_value(
    name: str, shared: Sharing, value: Fraction, sums: Sums, policy: YearPolicy
) -> None:
    """Fail if T is below 0 or V not above 0, unless the policy settles all the same.

    With such a value more points mean a smaller payment. Parameter `value_not_positive`.
    """
    if shared.settled_fen >= 0 and value > 0:
        return
    if policy.says("value_not_positive", "settle", "refuse"):
        return
    money, not_pool = yuan_text(sums.money_fen), yuan_text(sums.n_fen)
    points = points_text(sums.net_points)
    total, budget = yuan_text(shared.settled_fen), yuan_text(shared.available_fen)
    shown = yuan_text(round_half_away(value))
    raise InputError(
        both(
            f"险种 {name} 的清算总额或点值不为正：清算总额 T {total} 元（可用预算 {budget} 元），"
            f"按金额支付 M {money} 元，非统筹支付 N {not_pool} 元，点数 {points}，"
            f"点值 (T − M + N) ÷ 点数 ≈ {shown} 元",
            f"pool {name}: settled total or point value is not above 0: T {total} yuan (available "
            f"budget {budget}), M paid in money {money}, N not paid by the pool {not_pool}, points "
            f"{points}, value (T − M + N) / points about {shown} yuan",
        ),
        remedy=both(
            "核对预算、异地就医基金和按项目付费（by_item）的病例；确要照算，将 value_not_positive 设为 settle",
            "check budget, care elsewhere and the cases paid by item (by_item); to settle all the "
            "same, set value_not_positive to settle",
        ),
    )


def forfeits(hospitals: Sequence[HospitalResult]) -> dict[str, int]:
    """Return the forfeited deposits of each pool in fen; pools with none are left out."""
    found: dict[str, int] = defaultdict(int)
    for h in hospitals:
        found[h.pool] += h.forfeited_fen
    return {pool: fen for pool, fen in found.items() if fen}


def with_shares(
    hospitals: Sequence[HospitalResult], standing: Mapping[str, str]
) -> list[HospitalResult]:
    """Return the hospitals with their parts of each pool's forfeited deposits (rule 11).

    By points that are paid, to those in normal standing who forfeited nothing in the pool; where
    there is none the money stays in the fund.
    """
    shared: dict[Key, int] = {}
    for pool, fen in forfeits(hospitals).items():
        points = {
            (h.hospital_id, h.pool): h.sums.net_points
            for h in hospitals
            if h.pool == pool
            and not why_no_share(standing[h.hospital_id], h.forfeited_fen, h.sums.net_points)
        }
        whole = Fraction(sum(points.values()))
        if whole:
            shares = {
                key: account.forfeits_share(Fraction(fen), Fraction(own), whole)
                for key, own in points.items()
            }
            shared.update(largest_remainder(shares, fen))
    return [replace(h, shared_fen=shared.get((h.hospital_id, h.pool), 0)) for h in hospitals]


def _prepaid(
    key: Key,
    sums: Sums,
    region: Region,
    policy: YearPolicy,
    monthly: Mapping[Key, tuple[int, int, int]] | None,
) -> tuple[int, int]:
    """Return what was prepaid and what was kept as deposit, of which suspended money is no part."""
    prepaid, deposit = region.prepaid.get(key, (None, None))
    paid, kept, suspended = (0, 0, 0) if monthly is None else monthly.get(key, (0, 0, 0))
    if prepaid is None:
        prepaid = paid
        if monthly is None:
            ratio = Fraction(policy["prepay_ratio"])
            prepaid = int(account.prepaid(Fraction(sums.recorded_fund_fen), ratio))
    if deposit is None:
        deposit = kept
        if policy.says("prepay_basis", "recorded_fund", "month_value"):
            deposit = account.deposit(sums.recorded_fund_fen, prepaid, suspended)
    return prepaid, deposit


def _check(pools: Sequence[PoolResult], hospitals: Sequence[HospitalResult]) -> None:
    """Fail if what hospitals are due and what is left does not make up what was settled."""
    due = sum(h.due_fen for h in hospitals)
    rest = sum(p.residual_fen for p in pools)
    settled = sum(p.settled_fen for p in pools)
    taken = sum(h.forfeited_fen + h.violation_fen + h.carried_fen for h in hospitals)
    paid = sum(h.final_fen + h.prepaid_fen - h.shared_fen for h in hospitals) + taken
    ties = [
        (due + rest, settled, both("应付金额与尾差之和、清算总额", "dues with residual, settled")),
        (paid, due, both("支付与扣减合计、应付金额", "payments with deductions, dues")),
    ]
    shared: dict[str, int] = defaultdict(int)
    for h in hospitals:
        shared[h.pool] += h.shared_fen
    forfeited = forfeits(hospitals)
    for pool, fen in shared.items():
        what = both(f"险种 {pool} 分配的、扣罚的保证金", f"pool {pool}: deposits shared, forfeited")
        ties += [(fen, forfeited.get(pool, 0), what)] if fen else []
    for one, other, what in ties:
        if one != other:
            raise BooksError(
                both(
                    f"{what.chinese}不相等：{one} 分与 {other} 分",
                    f"{what} do not tie out: {one} and {other} fen",
                )
            )

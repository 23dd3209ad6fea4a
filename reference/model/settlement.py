"""The year's settlement of a region (docs/rules.md, rules 9 to 12 and 14).

Amounts are integer fen, points exact fractions of a point, point values exact yuan a point.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

from reference.model.bounded import (
    NONE_TOO_HIGH,
    NONE_TOO_LOW,
    UNIQUE,
    Item,
    bends,
    group_payments,
    solve,
)
from reference.model.cash import FundRow, hold
from reference.model.chains import Stay, chains, lead_of, price_chain, readmitted, review_counts
from reference.model.coefficients import Coefficients
from reference.model.deductibles import ReferralRow, check_standards, referral_rows
from reference.model.doubts import doubted
from reference.model.exact import (
    largest_remainder,
    largest_remainder_of_hospitals,
    round_fen,
    round_half_away,
)
from reference.model.grouping import Grouping, group_case, regrouped_to
from reference.model.history import (
    Base,
    base_from_means,
    base_from_weights,
    base_points,
    read_history,
)
from reference.model.months import Month, hospital_months, hospital_suspended, months_of
from reference.model.points import (
    BY_POINTS,
    HELD,
    Price,
    Setting,
    held,
    price_of,
    with_new_technology,
)
from reference.model.policy import Policy, load_policy, says
from reference.model.region import Case, Region, Row, read_region
from reference.model.scheme import Scheme, find_folder, load_scheme
from reference.model.stay import (
    Parameters,
    is_bed_day,
    key_day,
    length_of_stay,
    not_pool_fen,
    paid_days,
    round_points,
    year_of,
)
from reference.model.sums import HospitalPool, Sums, available_budget, reserve, sums_of

NO_POINTS = "no_points"  # left unsettled: nothing is due, nothing is taken
TO_FUND = "to_fund"  # all at their high bound, the rest stays in the fund


class Columns:
    """A row of a result table: its columns as attributes, and by name like a dict."""

    def __getitem__(self, column: str) -> Any:
        return getattr(self, column)

    def as_dict(self) -> dict[str, Any]:
        return {field.name: self[field.name] for field in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class CaseRow(Columns):
    """One case. `points` are after the readmission rule, `readmission` says that it cut them."""

    case_id: str
    hospital_id: str
    pool: str
    mdc: str
    adrg: str
    drg: str
    status: str
    severity: str
    severity_diagnosis: str
    case_class: str
    group_mean_fen: int | None
    base_points: Fraction | None
    coefficient: Fraction
    days: int
    total_cost_fen: int
    pool_fund_fen: int
    not_pool_fen: int
    unreasonable_fen: int
    points_before_readmission: Fraction
    points: Fraction
    readmission: bool
    month: str
    correction_month: str  # of the stay that followed, or ""
    paid_by: str
    price_fen: int
    chain: str  # the lead of a referral chain, or ""


@dataclass(frozen=True)
class DrgRow(Columns):
    """One group: the year's cases (0000 and QY groups too) and what its history says."""

    drg: str
    name: str
    cases: int
    points: Fraction
    total_cost_fen: int
    group_mean_fen: int | None
    base_points: Fraction | None
    stable: bool
    n_before: int | None
    n_after: int | None
    cv_squared_before: Fraction | None
    cv_squared_after: Fraction | None
    mean_before_fen: int | None
    median_before_fen: Fraction | None
    median_after_fen: Fraction | None
    trimmed: int | None
    origin: str

    @property
    def cv_before(self) -> float | None:
        return None if self.cv_squared_before is None else math.sqrt(self.cv_squared_before)

    @property
    def cv_after(self) -> float | None:
        return None if self.cv_squared_after is None else math.sqrt(self.cv_squared_after)


@dataclass(frozen=True)
class HospitalRow(Columns):
    """One hospital in one pool."""

    hospital_id: str
    pool: str
    cases: int
    points: Fraction
    not_pool_fen: int
    recorded_fund_fen: int
    due_fen: int
    prepaid_fen: int
    deposit_fen: int
    forfeited_fen: int
    shared_fen: int
    violation_fen: int
    carried_fen: int
    final_fen: int
    points_deducted: Fraction
    money_fen: int
    held_cases: int
    held_fund_fen: int
    bound: str  # low or high, when it holds
    deferred_fen: int = 0  # rule 14: waits until others have paid back


@dataclass(frozen=True)
class PoolRow(Columns):
    """One pool, or with `combine_pools` all of them in one row ("310+390").

    `point_value` is the value that dues are computed with, in yuan: exact, unless rounded to
    `value_dp` with `residual = to_fund`. `point_value_fraction` is the same as text. `value_high`
    is the upper end of an interval of values that all pay the same, None when it has no end.
    """

    pool: str
    budget_fen: int
    settled_fen: int
    points: Fraction
    point_value_fraction: str
    point_value: Fraction
    residual_fen: int
    cases: int
    recorded_fund_fen: int
    not_pool_fen: int
    available_budget_fen: int
    provision_fen: int
    points_deducted: Fraction
    money_fen: int
    held_cases: int
    solution: str
    value_high: Fraction | None


@dataclass(frozen=True)
class Settlement:
    """The result of a run."""

    region: Region
    scheme: Scheme
    parameters: Parameters
    all_drg_mean_fen: int
    cases: tuple[CaseRow, ...]
    drgs: tuple[DrgRow, ...]
    hospitals: tuple[HospitalRow, ...]
    pools: tuple[PoolRow, ...]
    outside_year: tuple[str, ...]  # rule 1: case_ids of another year, quarantined
    idle_reviews: tuple[str, ...]  # rule 7: case_ids whose review changes nothing
    coefficients: Coefficients
    over_quota: tuple[str, ...]  # rule 7: where more reviews were granted than the quota
    ceiling: tuple[tuple[str, int], ...]  # rule 14: what counts, then what covers an excess
    funds: tuple[FundRow, ...] = ()  # rule 14: what leaves each fund
    referrals: tuple[ReferralRow, ...] = ()  # rule 7: stays of chains, with their deductibles

    def case(self, case_id: str) -> CaseRow:
        return next(row for row in self.cases if row.case_id == case_id)

    def drg(self, drg: str) -> DrgRow:
        return next(row for row in self.drgs if row.drg == drg)

    def hospital(self, hospital_id: str, pool: str) -> HospitalRow:
        return next(
            row for row in self.hospitals if (row.hospital_id, row.pool) == (hospital_id, pool)
        )

    def pool(self, pool: str) -> PoolRow:
        return next(row for row in self.pools if row.pool == pool)

    def months(self) -> tuple[Month, ...]:
        """Rule 13: the twelve months of every pool."""
        return months_of(self.cases, self.region, self.parameters)


def settle_region(
    region_dir: str | Path,
    policy: Policy | str | Path | None = None,
    scheme: Scheme | str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    cases: Iterable[Row] | None = None,
    history: Iterable[Row] | None = None,
    quarantined: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    removed: Iterable[str] = (),
    regrouped: Mapping[str, str] = MappingProxyType({}),
) -> Settlement:
    """Settle a region's year from its folder.

    `policy` and `scheme` replace those of region.toml; `overrides` are texts as on the command
    line ({"keep_ratio": "1"}); `cases` and `history` are rows that replace the files'. Raises
    ValueError for input that is not clean and for choices that the model does not know.
    """
    region = read_region(region_dir, cases, history)
    if not isinstance(policy, Policy):
        policy = load_policy(policy) if policy else load_policy(region.policy, region.folder)
    if not isinstance(scheme, Scheme):
        where = scheme or find_folder(region.scheme, "schemes", region.folder)
        scheme = load_scheme(where, options=region.readings)
    p = policy.for_year(region.year, overrides)
    if not overrides:  # else it is a trial
        check_targets(region, p)
    return settle(region, p, scheme, quarantined=quarantined, removed=removed, regrouped=regrouped)


@dataclass(frozen=True)
class Groupings:
    """The groups of a region's cases and of its history, by case_id; good for one
    `los_convention`, as the length of stay is among the facts of grouping."""

    cases: Mapping[str, Grouping]
    history: Mapping[str, Grouping]


def group_region(region: Region, p: Parameters, scheme: Scheme) -> Groupings:
    """Group all cases of a region, those of other years too."""
    return Groupings(
        {case.case_id: group(scheme, case, p) for case in region.cases},
        {case.case_id: group(scheme, case, p) for case in region.history or ()},
    )


def settle(
    region: Region,
    p: Parameters,
    scheme: Scheme,
    groupings: Groupings | None = None,
    quarantined: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    removed: Iterable[str] = (),
    regrouped: Mapping[str, str] = MappingProxyType({}),
) -> Settlement:
    """Settle a region that was read, with the parameters of its year.

    `groupings` saves grouping again when a region is settled under several policies;
    `quarantined`: cases and recorded fund of what somebody left out as unclean, by pool;
    `removed`: cases that a later violation removes, `regrouped`: the groups that it puts others into
    (rule 15).
    """
    check_policy(p)
    check_growth(region, p)
    check_standards(region, p)
    if groupings is None:
        groupings = group_region(region, p, scheme)
    stays = [
        (case, groupings.cases[case.case_id])
        for case in region.cases
        if year_of(case, p) == region.year
    ]
    check_stays(stays, region)
    check_grouped(stays, p)

    past = None
    if region.history is not None:
        history = [(case, groupings.history[case.case_id]) for case in region.history]
        past = read_history(history, region.year, p)
        all_mean_fen, bases = past.all_mean_fen, past.bases
    else:
        all_mean_fen = region.all_drg_mean_fen or 0
        if region.weights is not None:
            bases = base_from_weights(region.weights, all_mean_fen, p)
        else:
            bases = base_from_means(region.given_means or {}, all_mean_fen, p)
    check_zero_points(region, bases, all_mean_fen, p)
    setting = Setting(region, p, all_mean_fen, bases, Coefficients(region, past, p))

    shares = says(p, "removed_case", "shared", "to_fund")
    right = [in_group(stay, regrouped.get(stay[0].case_id), scheme) for stay in stays]
    made = scored(right if shares else stays, setting, removed if shares else ())
    rows, idle, doubts = made.rows, made.idle, made.doubts
    over_quota = check_quota(rows, idle, region, p)
    plain = region if shares else replace(region, violation_points={})
    hospitals, pools = settle_pools(rows, plain, p, quarantined)
    if not shares:
        hospitals, taken = pay_for_points(hospitals, pools, region)
        corrected = scored(right, setting).rows if regrouped else rows
        hospitals = give_back(rows, corrected, set(removed), hospitals, taken, pools, p)
    settled = {own for row in pools if row.solution != NO_POINTS for own in row.pool.split("+")}
    check_given_money([row for row in hospitals if row.pool in settled], region, p)
    held_fund = [(row.pool, row.held_fund_fen) for row in hospitals]
    aside = provisions_of(held_fund, region.pools, quarantined, p)
    hospitals, funds, ceiling = hold(
        hospitals,
        alone_totals(hospitals, region, p, aside),
        region,
        p,
        provisions=aside,
    )
    settlement = Settlement(
        region=region,
        scheme=scheme,
        parameters=p,
        all_drg_mean_fen=all_mean_fen,
        cases=rows,
        drgs=drg_rows(rows, bases, scheme),
        hospitals=hospitals,
        pools=pools,
        outside_year=tuple(
            case.case_id for case in region.cases if year_of(case, p) != region.year
        ),
        idle_reviews=tuple(sorted(idle - doubts)),
        coefficients=setting.coefficients,
        over_quota=over_quota,
        ceiling=ceiling,
        funds=funds,
        referrals=referral_rows(
            made.chains, made.lead_ids, {row.case_id: row.points for row in rows}, region, p
        ),
    )
    check_identities(settlement)
    return settlement


@dataclass(frozen=True)
class Scored:
    """The cases of a year with what they earn, and what was met on the way."""

    rows: tuple[CaseRow, ...]
    chains: list[list[Stay]]
    lead_ids: Mapping[str, str]
    idle: set[str]
    doubts: set[str]


def scored(stays: list[Stay], setting: Setting, removed: Iterable[str] = ()) -> Scored:
    """Rules 7 and 8: price every stay; `removed` ones keep no points and no price."""
    region, p, bases = setting.region, setting.p, setting.bases
    found = chains(stays, region, p)
    lead_ids = {case.case_id: lead_of(own, setting)[0].case_id for own in found for case, _ in own}
    prices: dict[str, Price] = {}
    for chain in found:
        prices |= price_chain(chain, setting)
    for case, grouping in stays:
        if case.case_id not in prices:
            prices[case.case_id] = price_of(case, grouping, setting)
        prices[case.case_id] = with_new_technology(prices[case.case_id], case, setting)
    idle = {
        case_id
        for case_id in region.reviews
        if case_id not in prices or not review_counts(prices[case_id])
    }
    doubts = doubted(region.cases, p) & prices.keys()
    waiting = doubts - region.reviews.keys()
    for chain in found:  # one stay: what holds one of them holds all
        if any(case.case_id in waiting for case, _ in chain):
            waiting |= {case.case_id for case, _ in chain}
    for case_id in waiting:
        prices[case_id] = held(prices[case_id])
    for case_id in removed:  # no points and no price; its F and n still count
        if prices[case_id].paid_by != HELD:
            prices[case_id] = replace(
                prices[case_id], paid_by=BY_POINTS, points=Fraction(0), price_fen=0
            )
    followed = readmitted(stays, p, found)

    day_of = {case.case_id: f"{key_day(case, p):%Y-%m}" for case, _ in stays}
    rows = tuple(
        case_row(
            case,
            grouping,
            prices[case.case_id],
            bases,
            day_of[case.case_id],
            day_of.get(followed.get(case.case_id, ""), ""),
            lead_ids.get(case.case_id, ""),
            p,
        )
        for case, grouping in stays
    )
    return Scored(rows, found, lead_ids, idle, doubts)


def in_group(stay: Stay, drg: str | None, scheme: Scheme) -> Stay:
    """A stay in the group that a later violation says, if it says one."""
    case, grouping = stay
    if drg is None:
        return stay
    return case, regrouped_to(grouping, drg, scheme)


def group(scheme: Scheme, case: Case, p: Parameters) -> Grouping:
    """Group a case of a region; its length of stay is that of rule 2."""
    return group_case(
        scheme,
        sex=case.sex,
        age_years=case.age_years,
        diagnoses=case.diagnoses,
        procedures=case.procedures,
        age_days=case.age_days,
        birth_weight_g=case.birth_weight_g,
        los_days=length_of_stay(case, p),
        icu=case.icu,
        icu_hours=case.icu_hours,
        admission_weight_g=case.admission_weight_g,
        discharge_way=case.discharge_way,
        special_charge=case.special_charge,
    )


# --- what is refused


def check_policy(p: Parameters) -> None:
    """Bounds that their level gives no meaning, bands of deposits that are not there."""
    idle = not says(p, "bound.level", "case", "none", "hospital") and p["bound.case_within_cost"]
    if says(p, "bound.level", "none", "hospital", "case"):
        idle = idle or p["bound.never_below_zero"] or p["bound.cost_share"] is not None
    if idle:
        raise ValueError(f"bound.level = {p['bound.level']} gives a bound no meaning")
    if says(p, "deposit_score", "bands", "linear") and p["deposit_bands"] is None:
        raise ValueError("deposit_score = bands, but deposit_bands is none")


def check_growth(region: Region, p: Parameters) -> None:
    """Rule 9: a budget may not grow by more than the cap without an approval."""
    for pool, budget in region.pools.items():
        last = budget.last_year_fund_fen
        if last is None or budget.growth_approval:
            continue
        if budget.budget_fen > last * (1 + p["budget_growth_cap"]):
            raise ValueError(f"pool {pool}: the budget grows by more than budget_growth_cap")


def check_zero_points(
    region: Region, bases: Mapping[str, Base], all_mean_fen: int, p: Parameters
) -> None:
    """Rule 5: base points that rounding takes to 0."""
    if says(p, "zero_base_points", "settle", "refuse"):
        return
    if any(base.group_mean_fen > 0 and base.base_points == 0 for base in bases.values()):
        raise ValueError("a group has 0 base points")
    if says(p, "bed_day.payment", "points", "money"):
        for bands in region.bed_day_rates.values():
            if any(rate > 0 and base_points(rate, all_mean_fen, p) == 0 for _, rate in bands):
                raise ValueError("a bed-day class has 0 base points")


def check_stays(stays: Iterable[Stay], region: Region) -> None:
    for case, _ in stays:
        if case.hospital_id not in region.hospitals or case.pool not in region.pools:
            raise ValueError(
                f"case {case.case_id}: unknown hospital {case.hospital_id} or pool {case.pool}"
            )
        review = region.reviews.get(case.case_id)
        if review is not None and review.unreasonable_fen > case.total_cost_fen:
            raise ValueError(f"case {case.case_id}: unreasonable cost above the total cost")


def check_grouped(stays: Iterable[Stay], p: Parameters) -> None:
    """Refuse a region of whose cases too few group: codes or scheme are most likely wrong."""
    drgs = [grouping.drg for _, grouping in stays]
    grouped = sum(drg != "0000" for drg in drgs)
    if grouped < p["grouped.share_min"] * len(drgs):
        raise ValueError(f"only {grouped} of {len(drgs)} cases group (grouped.share_min)")


def check_quota(
    rows: Iterable[CaseRow], idle: set[str], region: Region, p: Parameters
) -> tuple[str, ...]:
    """Rule 7: reviews granted with effect are at most a share of the paid cases, rounded up."""
    paid: dict[str, int] = {}
    granted: dict[str, int] = {}
    for row in rows:
        where = (
            row.hospital_id if says(p, "special_quota.scope", "hospital", "region") else "region"
        )
        if row.paid_by == HELD:
            continue
        paid[where] = paid.get(where, 0) + 1
        review = region.reviews.get(row.case_id)
        counts = review is not None and review.granted and row.case_id not in idle
        granted[where] = granted.get(where, 0) + counts
    over = tuple(
        where
        for where in sorted(paid)
        if granted[where] > math.ceil(p["special_quota"] * paid[where])
    )
    if over and says(p, "special_quota.over", "refuse", "warn"):
        raise ValueError(f"more reviews granted than special_quota allows: {over}")
    return over


def check_given_money(rows: Iterable[HospitalRow], region: Region, p: Parameters) -> None:
    """Rule 11: what comes in by hand is refused where nothing can be behind it."""
    refuses = says(p, "carried.unmatched", "refuse", "recover_only", "accept")
    recovers = says(p, "carried.unmatched", "recover_only", "refuse", "accept")
    bad = [amount for amount in region.carried_by_hand_fen if refuses or (recovers and amount < 0)]
    if bad:
        raise ValueError(f"carried.csv: {bad} fen match no run")
    if p["prepaid.limit"] is None or not region.prepaid_by_hand:
        return
    for row in rows:
        prepaid, deposit = region.prepaid_fen.get((row.hospital_id, row.pool), (None, None))
        most = max(0, row.recorded_fund_fen + row.held_fund_fen, row.due_fen)
        if prepaid is not None and prepaid > p["prepaid.limit"] * most:
            raise ValueError(f"prepaid.csv: {prepaid} fen where {most} are recorded or due")
        if prepaid is not None and deposit is not None and deposit > max(0, most - prepaid):
            raise ValueError(f"prepaid.csv: a deposit of {deposit} fen is not what was held back")


def check_targets(region: Region, p: Parameters) -> None:
    """Rule 14: an official run has a control target, of the region or of each fund."""
    of_funds = [budget.control_target_fen for budget in region.pools.values()]
    one = len(of_funds) == 1 and region.ceiling is not None
    missing = {
        "none": False,
        "region": region.ceiling is None,
        "fund": None in of_funds and not one,
    }
    if p["ceiling.required"] not in missing:
        raise ValueError(f"no rule ceiling.required = {p['ceiling.required']!r}")
    if missing[p["ceiling.required"]]:
        raise ValueError("region.toml gives no control target")


def alone_totals(
    rows: Iterable[HospitalRow], region: Region, p: Parameters, aside: Mapping[str, int]
) -> dict[str, int]:
    """T of every fund by itself, whatever pools are settled together."""
    funds = dict.fromkeys(region.pools, 0)
    for row in rows:
        funds[row.pool] += row.recorded_fund_fen
    return {
        pool: settled_total(
            fund, available_budget([own], p) - aside.get(pool, 0), p, reserve([own], p)
        )
        for (pool, fund), own in zip(funds.items(), region.pools.values(), strict=True)
    }


# --- cases and groups


def case_row(
    case: Case,
    grouping: Grouping,
    price: Price,
    bases: Mapping[str, Base],
    month: str,
    correction_month: str,
    lead: str,
    p: Parameters,
) -> CaseRow:
    base = bases.get(grouping.drg) if grouping.status == "grouped" else None
    points = price.points
    if correction_month:  # rule 8, last of all
        points = round_points(points * p["readmission.factor"], p)
    return CaseRow(
        case_id=case.case_id,
        hospital_id=case.hospital_id,
        pool=case.pool,
        **grouping._asdict(),
        case_class=price.case_class,
        group_mean_fen=None if base is None else base.group_mean_fen,
        base_points=price.base_points,
        coefficient=price.coefficient,
        days=paid_days(case, p) if is_bed_day(case, p) else length_of_stay(case, p),
        total_cost_fen=case.total_cost_fen,
        pool_fund_fen=case.pool_fund_fen,
        not_pool_fen=not_pool_fen(case, p),
        unreasonable_fen=price.unreasonable_fen,
        points_before_readmission=price.points,
        points=points,
        readmission=bool(correction_month),
        month=month,
        correction_month=correction_month,
        paid_by=price.paid_by,
        price_fen=price.price_fen,
        chain=lead,
    )


def drg_rows(
    rows: Iterable[CaseRow], bases: Mapping[str, Base], scheme: Scheme
) -> tuple[DrgRow, ...]:
    by_drg: dict[str, list[CaseRow]] = {drg: [] for drg in bases}
    for row in rows:
        if row.paid_by != HELD:
            by_drg.setdefault(row.drg, []).append(row)
    result = []
    for drg, members in sorted(by_drg.items()):
        base = bases.get(drg)
        result.append(
            DrgRow(
                drg=drg,
                name=scheme.drg_names.get(drg, ""),
                cases=len(members),
                points=sum((row.points for row in members), Fraction(0)),
                total_cost_fen=sum(row.total_cost_fen for row in members),
                group_mean_fen=base.group_mean_fen if base else None,
                base_points=base.base_points if base else None,
                stable=base.stable if base else False,
                n_before=base.n_before if base else None,
                n_after=base.n_after if base else None,
                cv_squared_before=base.cv_squared_before if base else None,
                cv_squared_after=base.cv_squared_after if base else None,
                mean_before_fen=base.mean_before_fen if base else None,
                median_before_fen=base.median_before_fen if base else None,
                median_after_fen=base.median_after_fen if base else None,
                trimmed=base.trimmed if base else None,
                origin=base.origin if base else "",
            )
        )
    return tuple(result)


# --- rule 9: the pool


def tiered(amount: int, available_fen: int, tiers: Any, single: Fraction) -> Fraction:
    """Each slice of an amount at the ratio of its tier; tiers end at a share of the budget B."""
    if tiers is None:
        return single * amount
    share, begin = Fraction(0), Fraction(0)
    for limit, ratio in tiers:
        # no budget: limits are at 0 and the last ratio is that of all
        end = Fraction(amount) if limit is None else min(amount, limit * max(0, available_fen))
        share += ratio * max(Fraction(0), end - begin)
        begin = max(begin, end)
    return share


def settled_total(fund_fen: int, budget_fen: int, p: Parameters, reserve_fen: int = 0) -> int:
    """T of rule 9: of a surplus institutions keep a share, of an overspend the fund bears one."""
    if fund_fen <= budget_fen:
        surplus = budget_fen - fund_fen
        return round_fen(fund_fen + tiered(surplus, budget_fen, p["keep_tiers"], p["keep_ratio"]))
    over = fund_fen - budget_fen
    borne = tiered(over, budget_fen, p["overspend_tiers"], p["fund_share_of_overspend"])
    settled = round_fen(budget_fen + borne)
    if says(p, "overspend_cap", "reserve", "none"):
        settled = min(settled, budget_fen + reserve_fen)
    return settled


def point_value_fen(settled_fen: int, not_pool_fen: int, points: Fraction) -> Fraction:
    """V of rule 9: (T - M + N) / all points, exact, in fen a point."""
    if points == 0:
        raise ValueError("a pool has a budget but no points: it cannot have a point value")
    return (settled_fen + not_pool_fen) / points


# --- rule 10: dues


@dataclass(frozen=True)
class Dues:
    """What the hospitals of a pool are due, and how the point value was found."""

    value_fen: Fraction
    due_fen: Mapping[HospitalPool, int]
    bound: Mapping[HospitalPool, str]
    solution: str = UNIQUE
    value_high_fen: Fraction | None = None


def dues(
    members: Mapping[HospitalPool, Sums], value_fen: Fraction, settled_fen: int, p: Parameters
) -> dict[HospitalPool, int]:
    """Without bounds: points x V - n of cases by points + money of others, in whole fen."""
    exact = {
        key: sums.points * value_fen - sums.not_pool_by_points_fen + sums.money_fen
        for key, sums in members.items()
    }
    if says(p, "residual", "to_fund", "largest_remainder"):
        return {key: round_fen(amount) for key, amount in exact.items()}
    return in_whole_fen(exact, settled_fen, p)


def in_whole_fen(
    exact: dict[HospitalPool, Fraction], total: int, p: Parameters
) -> dict[HospitalPool, int]:
    """By largest remainder; of one value for all pools, hospitals come before their pools."""
    if p["combine_pools"] and says(p, "combined_residual", "hospital_first", "by_account"):
        return largest_remainder_of_hospitals(exact, total)
    return largest_remainder(exact, total)


def unbounded(members: Mapping[HospitalPool, Sums], settled_fen: int, p: Parameters) -> Dues:
    points = sum((own.points for own in members.values()), Fraction(0))
    not_pool = sum(own.not_pool_by_points_fen for own in members.values())
    money = sum(own.money_fen for own in members.values())
    value = point_value_fen(settled_fen - money, not_pool, points)
    if says(p, "residual", "to_fund", "largest_remainder") and p["value_dp"] is not None:
        value = round_half_away(value / 100, p["value_dp"]) * 100
    return Dues(value, dues(members, value, settled_fen, p), {}, value_high_fen=value)


def bounds(fund_fen: int, p: Parameters) -> tuple[int | None, int | None]:
    """Low and high of a hospital or a case by its recorded fund."""
    low = 0 if p["bound.never_below_zero"] else None
    share = p["bound.cost_share"]
    return low, None if share is None else math.floor(share * fund_fen)


def lowest_of(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def items_of(
    key: HospitalPool, own: Sums, rows: Iterable[CaseRow], cap: int | None, p: Parameters
) -> list[Item]:
    """What is bounded: the hospital with its whole due, or each of its cases by points."""
    if not says(p, "bound.level", "case", "none", "hospital"):
        low, high = bounds(own.recorded_fund_fen, p)
        high = lowest_of(high, cap)
        if low is not None and high is not None:
            high = max(low, high)
        return [Item(own.points, own.not_pool_by_points_fen - own.money_fen, low, high, key)]
    if own.points_deducted:
        raise ValueError(f"{key}: points of violations cannot come off bounded cases")
    items = []
    for row in rows:
        if row.paid_by != BY_POINTS:
            continue
        low, high = bounds(row.pool_fund_fen, p)
        if p["bound.case_within_cost"]:
            high = lowest_of(high, row.total_cost_fen - row.not_pool_fen)
        if low is not None and high is not None:
            high = max(low, high)
        items.append(Item(row.points, row.not_pool_fen, low, high, key))
    # a cap below 0 (of money beyond the recorded fund) holds without a case by points, too
    return items or [Item(Fraction(0), 0, None, None, key)]


def bounded(
    members: Mapping[HospitalPool, Sums],
    by_hospital: Mapping[HospitalPool, list[CaseRow]],
    settled_fen: int,
    region: Region,
    p: Parameters,
) -> Dues | None:
    """Within bounds: V pays exactly what is to be shared; None when nothing is bounded."""
    caps = {}
    if p["violator_no_increase"]:
        caps = {
            key: own.recorded_fund_fen
            for key, own in members.items()
            if region.hospitals[key[0]].standing == "penalised"
        }
    bounds_given = p["bound.never_below_zero"] or p["bound.case_within_cost"]
    if not caps and not bounds_given and p["bound.cost_share"] is None:
        return None
    by_case = says(p, "bound.level", "case", "none", "hospital")
    items = [
        item
        for key, own in members.items()
        for item in items_of(key, own, by_hospital[key], caps.get(key), p)
    ]
    # the cap is on the whole due: in cases by points, less the money of the others
    limits = {key: caps[key] - members[key].money_fen for key in caps} if by_case else {}
    points = sum((own.points for own in members.values()), Fraction(0))
    point_value_fen(0, 0, points)  # refuses a pool without points
    money = {key: own.money_fen if by_case else 0 for key, own in members.items()}
    target = settled_fen - sum(money.values())
    solved = solve(items, target, limits)
    if solved.kind == NONE_TOO_LOW:
        raise ValueError(f"{target} fen are below the sum of what must be paid")
    full = solved.kind == NONE_TOO_HIGH
    if full and says(p, "bound.unsolved", "refuse", "to_fund"):
        raise ValueError(f"{target} fen are above the sum of what may be paid")
    got = dict.fromkeys(members, Fraction(0)) | group_payments(items, solved.value, limits)
    exact = {key: got[key] + money[key] for key in members}
    # when all are at their high bound: a value that is above whatever bends
    value = bends(items, limits)[-1] + 1 if full else solved.value
    held = {}
    for key in members:
        own_items = [item for item in items if item.group == key]
        if by_case:
            amount = sum((item.payment(value) for item in own_items), Fraction(0))
            held[key] = "high" if key in limits and amount > limits[key] else ""
        else:
            held[key] = {-1: "low", 0: "", 1: "high"}[own_items[0].state(value)]
    total = int(sum(exact.values()))
    kind = TO_FUND if full else solved.kind
    return Dues(solved.value, in_whole_fen(exact, total, p), held, kind, solved.value_high)


def provisions_of(
    held: Iterable[tuple[str, int]],
    pools: Iterable[str],
    quarantined: Mapping[str, tuple[int, int]],
    p: Parameters,
) -> dict[str, int]:
    """What is set aside in each pool for held cases (pool and recorded fund) and quarantined ones."""
    if says(p, "provision", "none", "recorded_fund"):
        return {}
    held = list(held)
    return {
        pool: sum(fen for own, fen in held if own == pool) + quarantined.get(pool, (0, 0))[1]
        for pool in pools
    }


def check_unsettled(
    sums: Mapping[HospitalPool, Sums],
    quarantined: Mapping[str, tuple[int, int]],
    region: Region,
    p: Parameters,
) -> None:
    """Rule 9: what is not settled is a small share of cases and of money, in all and by pool."""
    limit = p["unsettled_share_max"]
    for names in [*([pool] for pool in region.pools), list(region.pools)]:
        own = [s for key, s in sums.items() if key[1] in names]
        bad = [quarantined.get(pool, (0, 0)) for pool in names]
        waiting = sum(s.held_cases for s in own) + sum(cases for cases, _ in bad)
        money = sum(s.held_fund_fen for s in own) + sum(fund for _, fund in bad)
        cases = sum(s.cases for s in own) + waiting
        fund = sum(s.recorded_fund_fen for s in own) + money
        if waiting > limit * cases or money > limit * fund:
            raise ValueError(f"{names}: more is unsettled than unsettled_share_max allows")


def settle_pools(
    rows: Iterable[CaseRow],
    region: Region,
    p: Parameters,
    quarantined: Mapping[str, tuple[int, int]] = MappingProxyType({}),
) -> tuple[tuple[HospitalRow, ...], tuple[PoolRow, ...]]:
    """Rules 9 to 11: every pool by itself, or all together with `combine_pools`."""
    rows = tuple(rows)
    by_hospital: dict[HospitalPool, list[CaseRow]] = {
        key: [] for key in (*region.violations_fen, *region.prepaid_fen, *region.carried_fen)
    }
    for row in rows:
        by_hospital.setdefault((row.hospital_id, row.pool), []).append(row)
    sums = {
        key: sums_of(members, sum(region.violation_points.get(key, ()), Fraction(0)))
        for key, members in sorted(by_hospital.items())
    }

    check_unsettled(sums, quarantined, region, p)
    together = [list(region.pools)] if p["combine_pools"] else [[x] for x in region.pools]
    left = [
        pools
        for pools in together
        if not sum(own.points for key, own in sums.items() if key[1] in pools)
    ]
    if left and (says(p, "pool_without_points", "refuse", "leave") or len(left) == len(together)):
        raise ValueError(f"pools {left} have a budget but no points")
    pool_rows, due_of, bound_of = [], {}, {}
    for pools in together:
        name = "+".join(pools)
        members = {key: own for key, own in sums.items() if key[1] in pools}
        fund = sum(own.recorded_fund_fen for own in members.values())
        budgets = [region.pools[pool] for pool in pools]
        available = available_budget(budgets, p)
        held_fund = [(key[1], own.held_fund_fen) for key, own in members.items()]
        provision = sum(provisions_of(held_fund, pools, quarantined, p).values())
        available -= provision
        settled = settled_total(fund, available, p, reserve(budgets, p))
        try:
            if pools in left:
                found = Dues(Fraction(0), dict.fromkeys(members, 0), {}, NO_POINTS, Fraction(0))
                settled = 0
            else:
                found = bounded(members, by_hospital, settled, region, p) or unbounded(
                    members, settled, p
                )
                if (settled < 0 or found.value_fen <= 0) and says(
                    p, "value_not_positive", "refuse", "settle"
                ):
                    raise ValueError("T is below 0 or V is not above 0")
        except ValueError as error:
            raise ValueError(f"pool {name}: {error}") from None
        due_of.update(found.due_fen)
        bound_of.update(found.bound)
        value, high = found.value_fen / 100, found.value_high_fen
        pool_rows.append(
            PoolRow(
                pool=name,
                budget_fen=sum(budget.budget_fen for budget in budgets),
                settled_fen=settled,
                points=sum((own.points for own in members.values()), Fraction(0)),
                point_value_fraction=f"{value.numerator}/{value.denominator}",
                point_value=value,
                residual_fen=settled - sum(found.due_fen.values()),
                cases=sum(own.cases for own in members.values()),
                recorded_fund_fen=fund,
                not_pool_fen=sum(own.not_pool_fen for own in members.values()),
                available_budget_fen=available,
                provision_fen=provision,
                points_deducted=sum((own.points_deducted for own in members.values()), Fraction(0)),
                money_fen=sum(own.money_fen for own in members.values()),
                held_cases=sum(own.held_cases for own in members.values()),
                solution=found.solution,
                value_high=None if high is None else high / 100,
            )
        )
    monthly: dict[HospitalPool, tuple[int, int]] = {}
    withheld: dict[HospitalPool, int] = {}
    if (
        says(p, "prepay_basis", "month_value", "recorded_fund")
        or p["month.growth_limit"] is not None
    ):
        months = months_of(rows, region, p)
        monthly, withheld = hospital_months(months), hospital_suspended(months)
    unsettled = {pool for pools in left for pool in pools}
    hospital_rows = tuple(
        left_row(key, own)
        if key[1] in unsettled
        else hospital_row(
            key,
            own,
            due_of[key],
            bound_of.get(key, ""),
            (*monthly.get(key, (0, 0)), withheld.get(key, 0)),
            region,
            p,
        )
        for key, own in sums.items()
    )
    if says(p, "deposit_forfeited", "share", "fund"):
        hospital_rows = share_forfeits(hospital_rows, region)
    return hospital_rows, tuple(pool_rows)


# --- rule 11


def hospital_row(
    key: HospitalPool,
    sums: Sums,
    due_fen: int,
    bound: str,
    monthly: tuple[int, int, int],
    region: Region,
    p: Parameters,
) -> HospitalRow:
    """Rule 11: prepaid, deposit (质量保证金), forfeited, violations, carried, final before sharing.

    `monthly`: what the months really paid, kept back and suspended. The deposit is what the ratio
    keeps back, not what was suspended.
    """
    hospital_id, pool = key
    paid, kept, withheld = monthly
    by_value = says(p, "prepay_basis", "month_value", "recorded_fund")
    prepaid, deposit = region.prepaid_fen.get(key, (None, None))
    if prepaid is None:
        prepaid = round_fen(p["prepay_ratio"] * sums.recorded_fund_fen)
        if by_value or p["month.growth_limit"] is not None:
            prepaid = paid
    if deposit is None:
        left = sums.recorded_fund_fen - prepaid - withheld
        deposit = max(0, kept if by_value else left)
    forfeited = round_fen(deposit * (1 - score_ratio(hospital_id, region, p)))
    violation = region.violations_fen.get(key, 0)
    carried = region.carried_fen.get(key, 0)
    return HospitalRow(
        hospital_id=hospital_id,
        pool=pool,
        cases=sums.cases,
        points=sums.points,
        not_pool_fen=sums.not_pool_fen,
        recorded_fund_fen=sums.recorded_fund_fen,
        due_fen=due_fen,
        prepaid_fen=prepaid,
        deposit_fen=deposit,
        forfeited_fen=forfeited,
        shared_fen=0,
        violation_fen=violation,
        carried_fen=carried,
        final_fen=due_fen - prepaid - forfeited - violation - carried,
        points_deducted=sums.points_deducted,
        money_fen=sums.money_fen,
        held_cases=sums.held_cases,
        held_fund_fen=sums.held_fund_fen,
        bound=bound,
    )


def pay_for_points(
    hospitals: tuple[HospitalRow, ...], pools: tuple[PoolRow, ...], region: Region
) -> tuple[tuple[HospitalRow, ...], dict[HospitalPool, int]]:
    """Rule 15, `removed_case = to_fund`: points of violations are paid for in money, at the value.

    At most the points that there are, at most what is due; returns what was taken, too.
    """
    made, taken = [], {}
    for row in hospitals:
        key = (row.hospital_id, row.pool)
        left, back = row.points, 0
        value = value_of(row.pool, pools)
        for given in region.violation_points.get(key, ()):
            points = min(given, left)
            left -= points
            back += min(round_fen(points * value * 100), max(0, row.due_fen) - back)
        taken[key] = back
        made.append(
            replace(row, violation_fen=row.violation_fen + back, final_fen=row.final_fen - back)
        )
    return tuple(made), taken


def value_of(pool: str, pools: tuple[PoolRow, ...]) -> Fraction:
    return next(row.point_value for row in pools if pool in row.pool.split("+"))


def worth(case: CaseRow, pools: tuple[PoolRow, ...], p: Parameters) -> int:
    """What a case brings its hospital, in fen; one that is held brings nothing."""
    if case.paid_by == HELD:
        return 0
    if case.paid_by != BY_POINTS:
        return case.price_fen - case.not_pool_fen
    fen = round_fen(case.points * value_of(case.pool, pools) * 100 - case.not_pool_fen)
    if says(p, "bound.level", "case", "none", "hospital"):
        low, high = bounds(case.pool_fund_fen, p)
        if p["bound.case_within_cost"]:
            high = lowest_of(high, case.total_cost_fen - case.not_pool_fen)
        fen = fen if low is None else max(fen, low)
        fen = fen if high is None else min(fen, high)
    return fen + case.price_fen  # what new technology is paid apart


def give_back(
    rows: Iterable[CaseRow],
    corrected: Iterable[CaseRow],
    removed: set[str],
    hospitals: tuple[HospitalRow, ...],
    taken: Mapping[HospitalPool, int],
    pools: tuple[PoolRow, ...],
    p: Parameters,
) -> tuple[HospitalRow, ...]:
    """Rule 15, `removed_case = to_fund`: what cases bring too much is taken back as a violation.

    Of removed cases all of it, of others what they bring beyond what they bring by the right groups.
    """
    unsettled = [name for row in pools if row.solution == NO_POINTS for name in row.pool.split("+")]
    made = {(row.hospital_id, row.pool): row for row in hospitals}
    left = {key: max(0, row.due_fen) - taken[key] for key, row in made.items()}
    too_much = [(row, max(0, worth(row, pools, p))) for row in rows if row.case_id in removed]
    too_much += [
        (was, worth(was, pools, p) - worth(now, pools, p))
        for was, now in zip(rows, corrected, strict=True)
        if was.case_id not in removed
    ]
    for case, amount in too_much:
        if case.pool in unsettled:
            continue
        key = (case.hospital_id, case.pool)
        back = min(amount, left[key])
        left[key] -= back
        row = made[key]
        made[key] = replace(
            row, violation_fen=row.violation_fen + back, final_fen=row.final_fen - back
        )
    return tuple(made.values())


def left_row(key: HospitalPool, sums: Sums) -> HospitalRow:
    """A hospital in a pool that is left unsettled: its sums, no amount."""
    return HospitalRow(
        hospital_id=key[0],
        pool=key[1],
        cases=sums.cases,
        points=sums.points,
        not_pool_fen=sums.not_pool_fen,
        recorded_fund_fen=sums.recorded_fund_fen,
        due_fen=0,
        prepaid_fen=0,
        deposit_fen=0,
        forfeited_fen=0,
        shared_fen=0,
        violation_fen=0,
        carried_fen=0,
        final_fen=0,
        points_deducted=sums.points_deducted,
        money_fen=sums.money_fen,
        held_cases=sums.held_cases,
        held_fund_fen=sums.held_fund_fen,
        bound="",
    )


def share_forfeits(rows: tuple[HospitalRow, ...], region: Region) -> tuple[HospitalRow, ...]:
    """Rule 11, `deposit_forfeited = share`: pool by pool, to whom nothing can be held against."""
    made = {(row.hospital_id, row.pool): row for row in rows}
    for pool in region.pools:
        members = [row for row in rows if row.pool == pool]
        forfeited = sum(row.forfeited_fen for row in members)
        blameless = {
            (row.hospital_id, pool): row.points
            for row in members
            if row.forfeited_fen == 0
            and row.points > 0
            and region.hospitals[row.hospital_id].standing not in ("penalised", "ended")
        }
        points = sum(blameless.values(), Fraction(0))
        if not blameless:
            continue  # the fund keeps it
        exact = {key: forfeited * own / points for key, own in blameless.items()}
        for key, fen in largest_remainder(exact, forfeited).items():
            row = made[key]
            made[key] = replace(row, shared_fen=fen, final_fen=row.final_fen + fen)
    return tuple(made.values())


def score_ratio(hospital_id: str, region: Region, p: Parameters) -> Fraction:
    """What of the deposit is paid out: by the score, or by its band; all when not assessed."""
    if region.hospitals[hospital_id].standing == "ended":
        return Fraction(1)
    score = region.scores[hospital_id]
    if says(p, "deposit_score", "linear", "bands"):
        return score
    return next(ratio for limit, ratio in p["deposit_bands"] if limit is None or score < limit)


# --- rule 12


def check_identities(result: Settlement) -> None:
    """Rule 12. Raises ArithmeticError: a broken identity is a fault of the program."""
    due = sum(row.due_fen for row in result.hospitals)
    paid = sum(
        row.final_fen + row.prepaid_fen + row.forfeited_fen + row.violation_fen + row.carried_fen
        for row in result.hospitals
    ) - sum(row.shared_fen for row in result.hospitals)
    more_shared = [
        pool
        for pool in result.region.pools
        if sum(row.shared_fen - row.forfeited_fen for row in result.hospitals if row.pool == pool)
        > 0
    ]
    deducted = sum(row.points_deducted for row in result.hospitals)
    points = {
        "cases": sum(row.points for row in result.cases) - deducted,
        "hospitals": sum(row.points for row in result.hospitals),
        "pools": sum(row.points for row in result.pools),
        "drgs": sum(row.points for row in result.drgs) - deducted,
    }
    counts = sum(row.cases + row.held_cases for row in result.hospitals)
    broken = [
        name
        for name, holds in (
            (
                "every row has one end",
                counts + len(result.outside_year) == len(result.region.cases),
            ),
            (
                "due + residual = T",
                due + sum(row.residual_fen for row in result.pools)
                == sum(row.settled_fen for row in result.pools),
            ),
            ("final + prepaid + forfeited − shared + violations + carried = due", paid == due),
            ("no pool shares more than is forfeited", not more_shared),
            (f"points {points}", len(set(points.values())) == 1),
        )
        if not holds
    ]
    if broken:
        raise ArithmeticError(f"identities broken: {broken}")

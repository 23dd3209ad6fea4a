"""The year's settlement of a region (docs/formats.md section 5, rules 9 to 12).

Amounts are integer fen, points exact fractions of a point, point values exact yuan a point.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from reference.model.exact import largest_remainder, round_fen, round_half_away
from reference.model.grouping import Grouping, group_case
from reference.model.points import (
    BY_COST,
    Base,
    Parameters,
    Points,
    base_from_history,
    base_from_means,
    case_class,
    is_bed_day,
    length_of_stay,
    paid_days,
    points_of_case,
    readmitted,
    round_points,
    year_of,
)
from reference.model.policy import Policy, load_policy
from reference.model.region import Case, PoolBudget, Region, Row, read_region
from reference.model.scheme import Scheme, find_folder, load_scheme


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


@dataclass(frozen=True)
class DrgRow(Columns):
    """One DRG that has a mean or a case; 0000 and the ambiguous groups too, so that sums tie."""

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
    violation_fen: int
    final_fen: int


@dataclass(frozen=True)
class PoolRow(Columns):
    """One pool, or with `combine_pools` all of them in one row ("310+390").

    `point_value` is the value that dues are computed with, in yuan: exact, unless rounded to
    `value_dp` with `residual = to_fund`. `point_value_fraction` is the same as text.
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


def settle_region(
    region_dir: str | Path,
    policy: Policy | str | Path | None = None,
    scheme: Scheme | str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    cases: Iterable[Row] | None = None,
    history: Iterable[Row] | None = None,
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
        scheme = load_scheme(where, surgical_match=region.surgical_match)
    p = policy.for_year(region.year, overrides)

    if region.history is not None:
        past = [(case, group(scheme, case, p)) for case in region.history]
        all_mean_fen, bases = base_from_history(past, region.year, p)
    else:
        all_mean_fen = region.all_drg_mean_fen or 0
        bases = base_from_means(region.given_means or {}, all_mean_fen, p)

    stays = [case for case in region.cases if year_of(case, p) == region.year]
    for case in stays:
        if case.hospital_id not in region.hospitals or case.pool not in region.pools:
            raise ValueError(
                f"case {case.case_id}: unknown hospital {case.hospital_id} or pool {case.pool}"
            )
    groupings = {case.case_id: group(scheme, case, p) for case in stays}
    cut = readmitted(((case, groupings[case.case_id]) for case in stays), p)
    rows = tuple(
        case_row(case, groupings[case.case_id], bases, all_mean_fen, case.case_id in cut, region, p)
        for case in stays
    )
    hospitals, pools = settle(rows, region, p)
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
        idle_reviews=idle_reviews(rows, region),
    )
    check_identities(settlement)
    return settlement


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
    )


def case_row(
    case: Case,
    grouping: Grouping,
    bases: Mapping[str, Base],
    all_mean_fen: int,
    is_cut: bool,
    region: Region,
    p: Parameters,
) -> CaseRow:
    """Rules 6 to 8 for one case."""
    base = bases.get(grouping.drg) if grouping.status == "grouped" else None
    review = region.reviews.get(case.case_id)
    class_ = case_class(case, grouping, base, review, p)
    made: Points = points_of_case(
        case,
        class_,
        grouping,
        base,
        review,
        region.coefficients[case.hospital_id],
        region.bed_day_rates_fen,
        all_mean_fen,
        p,
    )
    # rule 8, last of all
    points = round_points(made.points * p["readmission.factor"], p) if is_cut else made.points
    return CaseRow(
        case_id=case.case_id,
        hospital_id=case.hospital_id,
        pool=case.pool,
        **grouping._asdict(),
        case_class=class_,
        group_mean_fen=None if base is None else base.group_mean_fen,
        base_points=made.base_points,
        coefficient=made.coefficient,
        days=paid_days(case, p) if is_bed_day(case, p) else length_of_stay(case, p),
        total_cost_fen=case.total_cost_fen,
        pool_fund_fen=case.pool_fund_fen,
        not_pool_fen=case.not_pool_fen,
        unreasonable_fen=made.unreasonable_fen,
        points_before_readmission=made.points,
        points=points,
        readmission=is_cut,
    )


def idle_reviews(rows: Iterable[CaseRow], region: Region) -> tuple[str, ...]:
    """Rule 7: reviews of cases that are neither high nor paid by cost, or not in this run."""
    moved = {row.case_id for row in rows if row.case_class in ("high", "reviewed", *BY_COST)}
    return tuple(sorted(set(region.reviews) - moved))


def drg_rows(
    rows: Iterable[CaseRow], bases: Mapping[str, Base], scheme: Scheme
) -> tuple[DrgRow, ...]:
    by_drg: dict[str, list[CaseRow]] = {drg: [] for drg in bases}
    for row in rows:
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
            )
        )
    return tuple(result)


# --- rules 9 to 11

HospitalPool = tuple[str, str]


@dataclass(frozen=True)
class Sums:
    """Points, recorded fund (F) and what the pool did not pay (N) of some cases."""

    cases: int
    points: Fraction
    recorded_fund_fen: int
    not_pool_fen: int


def sums_of(rows: Iterable[CaseRow]) -> Sums:
    rows = list(rows)
    return Sums(
        cases=len(rows),
        points=sum((row.points for row in rows), Fraction(0)),
        recorded_fund_fen=sum(row.pool_fund_fen for row in rows),
        not_pool_fen=sum(row.not_pool_fen for row in rows),
    )


def available_budget(budgets: Iterable[PoolBudget], p: Parameters) -> int:
    """B of rule 9: budget less reserve (调剂金), less care outside when it is inside the budget."""
    budgets = list(budgets)
    budget = sum(budget.budget_fen for budget in budgets)
    available = round_fen(budget * (1 - p["reserve_ratio"]))
    if p["out_of_area"] == "inside_budget":
        available -= sum(budget.out_of_area_fund_fen for budget in budgets)
    return available


def settled_total(fund_fen: int, budget_fen: int, p: Parameters) -> int:
    """T of rule 9: of a surplus institutions keep a share, of an overspend the fund bears one."""
    if fund_fen <= budget_fen:
        exact = fund_fen + p["keep_ratio"] * (budget_fen - fund_fen)
    else:
        exact = budget_fen + p["fund_share_of_overspend"] * (fund_fen - budget_fen)
    return round_fen(exact)


def point_value_fen(settled_fen: int, not_pool_fen: int, points: Fraction) -> Fraction:
    """V of rule 9: (T + N) / all points, exact, in fen a point."""
    if points == 0:
        raise ValueError("a pool has a budget but no points: it cannot have a point value")
    return (settled_fen + not_pool_fen) / points


def dues(
    members: Mapping[HospitalPool, Sums], value_fen: Fraction, settled_fen: int, p: Parameters
) -> dict[HospitalPool, int]:
    """Rule 10: points x V - N of every hospital and pool, in whole fen."""
    exact = {key: sums.points * value_fen - sums.not_pool_fen for key, sums in members.items()}
    if p["residual"] == "to_fund":
        return {key: round_fen(amount) for key, amount in exact.items()}
    return largest_remainder(exact, settled_fen)


def settle(
    rows: Iterable[CaseRow], region: Region, p: Parameters
) -> tuple[tuple[HospitalRow, ...], tuple[PoolRow, ...]]:
    """Rules 9 to 11: every pool by itself, or all together with `combine_pools`."""
    by_hospital: dict[HospitalPool, list[CaseRow]] = {
        key: [] for key in (*region.violations_fen, *region.prepaid_fen)
    }
    for row in rows:
        by_hospital.setdefault((row.hospital_id, row.pool), []).append(row)
    sums = {key: sums_of(members) for key, members in sorted(by_hospital.items())}

    together = [list(region.pools)] if p["combine_pools"] else [[x] for x in region.pools]
    pool_rows, due_of = [], {}
    for pools in together:
        name = "+".join(pools)
        members = {key: own for key, own in sums.items() if key[1] in pools}
        fund = sum(own.recorded_fund_fen for own in members.values())
        not_pool = sum(own.not_pool_fen for own in members.values())
        points = sum((own.points for own in members.values()), Fraction(0))
        budgets = [region.pools[pool] for pool in pools]
        available = available_budget(budgets, p)
        settled = settled_total(fund, available, p)
        try:
            value_fen = point_value_fen(settled, not_pool, points)
        except ValueError as error:
            raise ValueError(f"pool {name}: {error}") from None
        if p["residual"] == "to_fund" and p["value_dp"] is not None:
            value_fen = round_half_away(value_fen / 100, p["value_dp"]) * 100
        own_dues = dues(members, value_fen, settled, p)
        due_of.update(own_dues)
        value = value_fen / 100
        pool_rows.append(
            PoolRow(
                pool=name,
                budget_fen=sum(budget.budget_fen for budget in budgets),
                settled_fen=settled,
                points=points,
                point_value_fraction=f"{value.numerator}/{value.denominator}",
                point_value=value,
                residual_fen=settled - sum(own_dues.values()),
                cases=sum(own.cases for own in members.values()),
                recorded_fund_fen=fund,
                not_pool_fen=not_pool,
                available_budget_fen=available,
            )
        )
    hospital_rows = tuple(
        hospital_row(key, own, due_of[key], region, p) for key, own in sums.items()
    )
    return hospital_rows, tuple(pool_rows)


def hospital_row(
    key: HospitalPool, sums: Sums, due_fen: int, region: Region, p: Parameters
) -> HospitalRow:
    """Rule 11: prepaid, deposit (质量保证金), forfeited, violations, final."""
    hospital_id, pool = key
    prepaid, deposit = region.prepaid_fen.get(key, (None, None))
    if prepaid is None:
        prepaid = round_fen(p["prepay_ratio"] * sums.recorded_fund_fen)
    if deposit is None:
        deposit = max(0, sums.recorded_fund_fen - prepaid)
    forfeited = round_fen(deposit * (1 - region.scores[hospital_id]))
    violation = region.violations_fen.get(key, 0)
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
        violation_fen=violation,
        final_fen=due_fen - prepaid - forfeited - violation,
    )


def check_identities(result: Settlement) -> None:
    """Rule 12. Raises ArithmeticError: a broken identity is a fault of the program."""
    due = sum(row.due_fen for row in result.hospitals)
    paid = sum(
        row.final_fen + row.prepaid_fen + row.forfeited_fen + row.violation_fen
        for row in result.hospitals
    )
    points = {
        "cases": sum(row.points for row in result.cases),
        "hospitals": sum(row.points for row in result.hospitals),
        "pools": sum(row.points for row in result.pools),
        "drgs": sum(row.points for row in result.drgs),
    }
    broken = [
        name
        for name, holds in (
            ("every row has one end", _ends(result) == len(result.region.cases)),
            (
                "due + residual = T",
                due + sum(row.residual_fen for row in result.pools)
                == sum(row.settled_fen for row in result.pools),
            ),
            ("final + prepaid + forfeited + violations = due", paid == due),
            (f"points {points}", len(set(points.values())) == 1),
        )
        if not holds
    ]
    if broken:
        raise ArithmeticError(f"identities broken: {broken}")


def _ends(result: Settlement) -> int:
    return len(result.cases) + len(result.outside_year)

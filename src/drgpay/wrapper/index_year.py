"""The year of institutions that are paid by an index (总额控制指标) on the book.

Indices are set out of what the target leaves free, months are paid within them; the arithmetic is
that of `budget`, the figures stand in the entries. The year's end: index_clearing.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.budget.deposit import hold_deposits
from drgpay.budget.index_months import (
    IndexMonth,
    changed_months,
    month_budgets,
    settle_month,
)
from drgpay.budget.indices import (
    Adjustment,
    Fit,
    GroupRule,
    Index,
    PastYears,
    base_of,
    fit,
    hold_groups,
    index_of,
)
from drgpay.budget.prepayment import paid_within_index, prepaid_month
from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.ledger.book import Reading
from drgpay.ledger.cash import SET_ASIDE
from drgpay.ledger.entries import Draft, credit, debit
from drgpay.ledger.postings import (
    INDEX,
    MonthFigures,
    Place,
    index_lines,
    month_lines,
)
from drgpay.names.plan import INDEX_FACTORS
from drgpay.policy import YearPolicy
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional
from drgpay.wrapper.filled import MEND, WHO, read_tables
from drgpay.wrapper.past_months import (
    PAST_MONTHS,
    months_faults,
    past_by_place,
    past_month,
    shares_of,
)
from drgpay.wrapper.planning import budget_policy, policy_facts
from drgpay.wrapper.post_runs import posted_months

PERCENT = kinds.number(least=-100)
PAST = Table(
    "past_years",
    (
        *WHO,
        optional("level"),
        optional("kind"),
        optional("group"),
        *(
            optional(name, kinds.amount, None)
            for name in (
                "last_index_yuan", "last_execution_yuan", "year_1_yuan", "year_2_yuan", "year_3_yuan",
            )
        ),
    ),
    required=True,
    unique=("hospital_id", "pool"),
    filled=True,
)  # fmt: skip
FACTORS = Table(
    "index_factors",
    (
        *WHO,
        Column("factor", kinds.coded(INDEX_FACTORS)),
        Column("percent", PERCENT),
        Column("reason"),
    ),
    unique=("hospital_id", "pool", "factor"),
)
GROUPS = Table(
    "group_rules",
    (
        Column("group"),
        Column("factor", kinds.coded(INDEX_FACTORS)),
        optional("percent", PERCENT, None),
    ),
    unique=("group", "factor"),
)
CLAIMS = Table(
    "claims",
    (*WHO, Column("claim_yuan", kinds.amount), optional("violation_yuan", kinds.amount, 0)),
    required=True,
    unique=("hospital_id", "pool"),
    filled=True,
)


# --- the indices


@dataclass(frozen=True, slots=True)
class PoolIndices:
    """The indices of a pool: as they come out of their factors, and as they fit the target."""

    fit: Fit
    indices: Mapping[str, Index]
    groups: Mapping[str, str]
    set_aside_fen: int | None


def indices_draft(reading: Reading, folder: Path, year: int, policy_name: str, who: str) -> Draft:
    """Return the entry that sets the indices of a year, out of what its target leaves free.

    Raises InputError for tables with faults, for a target that is not set, for factors that are not
    those of the institution's group, for indices that do not fit, or that a policy shares as in past
    years without their months.
    """
    policy = budget_policy(policy_name, year)
    past, factors, rules, by_month = read_tables(Path(folder), PAST, FACTORS, GROUPS, PAST_MONTHS)
    free = {b.pool: b.amount_fen for b in reading.balances("available", year=year)}
    aside = {
        b.pool: b.amount_fen
        for b in reading.balances("reserve", year=year)
        if b.detail == SET_ASIDE
    }
    known = {(row["hospital_id"], row["pool"]) for row in past}
    faults = [*_unknown(past, factors, rules, free), *months_faults(by_month, known, year)]
    if faults:
        raise InputError(
            both("指标定不了", "the indices cannot be set"), where=folder, faults=faults,
            remedy=MEND,
        )  # fmt: skip
    pools = {
        pool: _pool_indices(
            pool,
            [row for row in past if row["pool"] == pool],
            [row for row in factors if row["pool"] == pool],
            rules, free[pool], aside.get(pool), policy,
        )
        for pool in sorted({row["pool"] for row in past})
    }  # fmt: skip
    earlier = past_by_place(by_month)
    rows, lines = [], []
    for pool, own in pools.items():
        set_to = {name: fen for name, _, fen in own.fit.rows}
        for held in hold_deposits(set_to, policy, own.set_aside_fen):
            group = own.groups[held.hospital_id]
            facts = _index_facts(pool, own.indices[held.hospital_id], asdict(held), group)
            before = earlier.get((held.hospital_id, pool))
            rows.append({**facts, **({"past_months": before} if before else {})})
            lines += index_lines(pool, held.hospital_id, set_to[held.hospital_id])
            if own.set_aside_fen is not None:
                lines += [
                    debit("allotted", pool, held.deposit_fen, held.hospital_id),
                    credit("reserve", pool, held.deposit_fen, detail=SET_ASIDE),
                ]
    # refused now rather than in January: what the policy shares by past months has them
    shares_of({(own["hospital_id"], own["pool"]): own for own in rows}, policy, Path(folder))
    body = {
        "policy": policy_facts(policy),
        "indices": rows,
        "fits": [
            {
                "pool": pool, "available_fen": own.fit.available_fen,
                "asked_fen": own.fit.asked_fen, "excess_fen": own.fit.excess_fen,
                "how": own.fit.how, "left_fen": own.fit.left_fen,
            }
            for pool, own in pools.items()
        ],
    }  # fmt: skip
    return Draft(
        "indices", year, who, "maker", body, clause="S0 15-20", subject=f"{year}",
        lines=tuple(lines),
    )  # fmt: skip


def _unknown(
    past: Sequence[Row], factors: Sequence[Row], rules: Sequence[Row], free: Mapping[str, int]
) -> Iterator[Bilingual]:
    known = {(row["hospital_id"], row["pool"]) for row in past}
    for row in past:
        if row["pool"] not in free:
            yield fault_at(
                row.where,
                f"险种 {row['pool']} 还没有总额控制目标（drgpay budget plan）",
                f"pool {row['pool']} has no control target yet (drgpay budget plan)",
            )
    for row in factors:
        if (row["hospital_id"], row["pool"]) not in known:
            yield fault_at(
                row.where,
                f"机构 {row['hospital_id']}、险种 {row['pool']} 不在 past_years 表中",
                f"{row['hospital_id']}, pool {row['pool']}, is not in past_years",
            )
    groups = {row["group"] for row in past}
    for row in rules:
        if row["group"] not in groups:
            yield fault_at(
                row.where, f"没有机构属“{row['group']}”组", f"nobody is in group {row['group']!r}"
            )


def _pool_indices(
    pool: str, past: Sequence[Row], factors: Sequence[Row], rules: Sequence[Row], free_fen: int,
    set_aside_fen: int | None, policy: YearPolicy,
) -> PoolIndices:  # fmt: skip
    years = {row["hospital_id"]: _past(row) for row in past}
    plans: dict[str, list[Adjustment]] = {name: [] for name in years}
    for row in factors:
        own = Adjustment(row["factor"], row["percent"] / 100, row["reason"])
        plans[row["hospital_id"]].append(own)
    if rules:
        hold_groups(plans, _groups(past, rules), policy)
    indices = {
        name: index_of(base_of(one, list(years.values()), policy), plans[name], policy)
        for name, one in years.items()
    }
    asked = {name: index.index_fen for name, index in indices.items()}
    levels = {name: one.level for name, one in years.items()}
    groups = {row["hospital_id"]: row["group"] for row in past}
    return PoolIndices(fit(pool, asked, free_fen, policy, levels), indices, groups, set_aside_fen)


def _past(row: Row) -> PastYears:
    years = row.of("year_1_yuan", "year_2_yuan", "year_3_yuan")
    return PastYears(
        hospital_id=row["hospital_id"],
        pool=row["pool"],
        level=row["level"],
        kind=row["kind"],
        last_index_fen=row["last_index_yuan"],
        last_execution_fen=row["last_execution_yuan"],
        years_fen=tuple(fen for fen in years if fen is not None),
    )


def _groups(past: Sequence[Row], rules: Sequence[Row]) -> list[GroupRule]:
    members: dict[str, list[str]] = {}
    for row in past:
        members.setdefault(row["group"], []).append(row["hospital_id"])
    return [
        GroupRule(
            name,
            tuple(own),
            {
                r["factor"]: None if r["percent"] is None else Fraction(r["percent"]) / 100
                for r in rules
                if r["group"] == name
            },
        )
        for name, own in members.items()
    ]


def _index_facts(pool: str, index: Index, held: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Return every figure of an index, factor by factor, ratios as fractions."""
    return {
        "hospital_id": index.base.hospital_id, "pool": pool, "group": group, "how": index.base.how,
        "parts": [[name, fen, str(weight)] for name, fen, weight in index.base.parts],
        "base_fen": index.base.base_fen,
        "factors": [
            {"code": a.code, "ratio": str(a.ratio), "reason": a.reason, "brings_fen": fen}
            for a, (_, fen) in zip(index.adjustments, index.steps, strict=True)
        ],
        "asked_fen": index.index_fen, "index_fen": held["index_fen"],
        "deposit_fen": held["deposit_fen"], "monthly_fen": held["monthly_fen"],
        "settlement_fen": 0,
    }  # fmt: skip


def held_indices(
    reading: Reading, year: int, *, transferred: bool = False
) -> dict[Place, Mapping[str, Any]]:
    """Return the indices in force of a year, as their entries have them, by institution and pool.

    `transferred`: as communities have moved them after its end, for the clearing alone (S1 三(五)).
    """
    found: dict[Place, Mapping[str, Any]] = {}
    asked = ("indices", "adjustment", "transfer") if transferred else ("indices", "adjustment")
    for entry in reading.entries(asked, year=year):
        for own in entry.body["indices"]:
            found[own["hospital_id"], own["pool"]] = own
    return found


def control_of(held: Mapping[str, Any]) -> int:
    """Return what a year's cost is held against, in fen.

    What months share, the deposit, and what was added to the year's settlement alone.
    """
    return int(held["monthly_fen"] + held["deposit_fen"] + held["settlement_fen"])


# --- a month


def index_month_draft(
    reading: Reading, folder: Path, year: int, policy_name: str, who: str
) -> Draft:
    """Return the entry of the next month: claims against what the index leaves, or its prepayment.

    Raises InputError for claims with faults, an institution without an index, or one with an index
    that is not among the claims (0 where it claims nothing).
    """
    policy = budget_policy(policy_name, year)
    (claims,) = read_tables(Path(folder), CLAIMS)
    held = held_indices(reading, year)
    before = posted_months(reading, year, INDEX)
    month = len(before) + 1
    if month > 12:
        raise InputError(
            both(f"{year}年十二个月都已结算", f"all twelve months of {year} are settled"),
            remedy=both(
                "年终清算用 drgpay budget index-clear", "clear it: drgpay budget index-clear"
            ),
        )
    refuse_others(claims, held, Path(folder))
    last = {
        (r["hospital_id"], r["pool"]): r for r in (before[-1].body["figures"] if before else [])
    }
    shares, within = shares_of(held, policy, Path(folder)), paid_within_index(policy)
    compared = _last_year(reading, held, year - 1, month, policy)
    rows, figures = [], []
    for row in sorted(claims, key=lambda r: (r["pool"], r["hospital_id"])):
        place = row["hospital_id"], row["pool"]
        was = last.get(place)
        months = _months(held[place]["monthly_fen"], was, month, shares[place])
        earlier = IndexMonth(**was["month"]) if was else None
        claimed = row["claim_yuan"], row["violation_yuan"]
        year_before = compared.get(place) if compared else None
        own = (
            settle_month(earlier, month, months[month - 1], *claimed, policy, year_before)
            if within
            else prepaid_month(
                earlier, month, months[month - 1], held[place]["monthly_fen"], *claimed, policy,
                year_before,
            )
        )  # fmt: skip
        figures.append(month_figures(place, own))
        rows.append(
            {
                "hospital_id": place[0], "pool": place[1], "paid_fen": own.paid_fen,
                "months": months, "month": asdict(own),
                **({"last_year_fen": year_before} if year_before is not None else {}),
            }
        )  # fmt: skip
    body = {
        "method": INDEX, "policy": policy_facts(policy), "month": f"{year}-{month:02d}",
        "figures": rows,
    }  # fmt: skip
    if compared is not None:
        alone = sorted(set(held) - set(compared))
        body["not_compared"] = [{"hospital_id": h, "pool": p} for h, p in alone]
    return Draft(
        "month", year, who, "maker", body, clause="S0 28-29", subject=f"{year}-{month:02d}",
        lines=tuple(month_lines(figures)),
    )  # fmt: skip


def _last_year(
    reading: Reading, held: Mapping[Place, Mapping[str, Any]], last: int, month: int,
    policy: YearPolicy,
) -> dict[Place, int] | None:  # fmt: skip
    """Return what the same month of last year cost, in fen; None where nothing is compared.

    What was claimed of it by the book; where the book has it not, what the index keeps of past years.
    """
    if policy["month.growth_limit"] is None:
        return None
    kept = {place: past_month(own, last, month) for place, own in held.items()}
    claimed = {
        (own["hospital_id"], own["pool"]): own["month"]["claim_fen"]
        for entry in posted_months(reading, last, INDEX)[month - 1 : month]
        for own in entry.body["figures"]
    }
    return {place: fen for place, fen in kept.items() if fen is not None} | claimed


def _months(
    index_fen: int, was: Mapping[str, Any] | None, month: int, shares: Sequence[Fraction]
) -> list[int]:
    """Return twelve parts of an index: those of the month before, unless the index changed since."""
    if was is None:
        return changed_months([0] * 12, index_fen, month, shares) if month > 1 else month_budgets(
            index_fen, shares
        )  # fmt: skip
    if sum(was["months"]) == index_fen:
        return list(was["months"])
    return changed_months(was["months"], index_fen, month, shares)


def month_figures(place: Place, month: IndexMonth) -> MonthFigures:
    """Return what a month posts: what violations took off its claim now, and what is deferred."""
    taken = month.violation_fen + month.owed_before_fen - month.owed_fen
    return MonthFigures(
        *place,
        paid_fen=month.paid_fen,
        deferred_fen=month.deferred_fen + month.suspended_fen - month.paid_deferred_fen,
        violations_fen=taken,
        method=INDEX,
    )


def refuse_others(rows: Sequence[Row], held: Mapping[Place, Any], folder: Path) -> None:
    """Fail unless the rows are those of the institutions that have an index, each once."""
    given = {(row["hospital_id"], row["pool"]) for row in rows}
    faults = [
        fault_at(
            row.where,
            f"机构 {row['hospital_id']}、险种 {row['pool']} 没有指标",
            f"{row['hospital_id']}, pool {row['pool']}, has no index",
        )
        for row in rows
        if (row["hospital_id"], row["pool"]) not in held
    ]
    faults += [
        both(f"缺少机构 {h}、险种 {p}，没有申报的写0", f"{h}, pool {p}, is missing: 0 for nothing")
        for h, p in sorted(set(held) - given)
    ]
    if faults:
        raise InputError(
            both("与指标不符", "the rows are not those of the indices"),
            where=folder,
            faults=faults,
            remedy=both("每家有指标的机构一行", "one row for each institution with an index"),
        )

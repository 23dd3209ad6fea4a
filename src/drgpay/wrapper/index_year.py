"""The year of institutions that are paid by an index (总额控制指标) on the book.

Indices are set out of what the target leaves free, months are paid within them, the year is cleared
against them; the arithmetic is that of `budget`, the figures stand in the entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.budget.deposit import hold_deposits
from drgpay.budget.index_clearing import Cleared, IndexYear, clear_pool
from drgpay.budget.index_months import (
    IndexMonth,
    changed_months,
    index_shares,
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
from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.ledger.book import Reading
from drgpay.ledger.cash import SET_ASIDE
from drgpay.ledger.entries import Draft, Entry, credit, debit
from drgpay.ledger.postings import (
    INDEX,
    ClearingFigures,
    MonthFigures,
    Place,
    clearing_lines,
    index_lines,
    month_lines,
)
from drgpay.names.plan import INDEX_FACTORS, OUTCOMES
from drgpay.policy import YearPolicy
from drgpay.region.standing import ENDED, NORMAL, PENALISED
from drgpay.region.tables import STANDINGS
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional
from drgpay.tables.reader import Reader
from drgpay.wrapper.planning import budget_policy, coded, policy_facts
from drgpay.wrapper.post_runs import of_method, posted_months

WHO = (Column("hospital_id", kinds.code), Column("pool", kinds.code))
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
    (*WHO, Column("factor", coded(INDEX_FACTORS)), Column("percent", PERCENT), Column("reason")),
    unique=("hospital_id", "pool", "factor"),
)
GROUPS = Table(
    "group_rules",
    (
        Column("group"),
        Column("factor", coded(INDEX_FACTORS)),
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
ASSESSED = Table(
    "assessed",
    (
        *WHO,
        Column("score", kinds.share),
        optional("met", coded(OUTCOMES), "all"),
        optional("standing", STANDINGS, NORMAL),
        optional("report", kinds.yes_no, False),
        *(
            optional(name, kinds.amount, 0)
            for name in (
                "costly_yuan",
                "violation_yuan",
                "outside_index_yuan",
                "outside_claim_yuan",
            )
        ),
        optional("patients", kinds.whole(0, 10**9), None),
        optional("patients_last", kinds.whole(0, 10**9), None),
    ),
    required=True,
    unique=("hospital_id", "pool"),
    filled=True,
)


def _read(folder: Path, *tables: Table) -> list[list[Row]]:
    """Return the rows of tables of a folder; raises InputError with all faults."""
    reader = Reader(folder)
    rows = [reader.read(table) for table in tables]
    reader.refuse(
        folder,
        both("表格有误", "the tables have faults"),
        both("逐条改正后重试", "mend each and try again"),
    )
    return rows


# --- the indices


@dataclass(frozen=True, slots=True)
class PoolIndices:
    """The indices of a pool: as they come out of their factors, and as they fit the target."""

    fit: Fit
    indices: Mapping[str, Index]
    set_aside_fen: int | None


def indices_draft(reading: Reading, folder: Path, year: int, policy_name: str, who: str) -> Draft:
    """Return the entry that sets the indices of a year, out of what its target leaves free.

    Raises InputError for tables with faults, for a target that is not set, for factors that are not
    those of the institution's group, for indices that do not fit.
    """
    policy = budget_policy(policy_name, year)
    past, factors, rules = _read(Path(folder), PAST, FACTORS, GROUPS)
    free = {b.pool: b.amount_fen for b in reading.balances("available", year=year)}
    aside = {
        b.pool: b.amount_fen
        for b in reading.balances("reserve", year=year)
        if b.detail == SET_ASIDE
    }
    faults = list(_unknown(past, factors, rules, free))
    if faults:
        raise InputError(
            both("指标定不了", "the indices cannot be set"), where=folder, faults=faults,
            remedy=both("逐条改正后重试", "mend each and try again"),
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
    rows, lines = [], []
    for pool, own in pools.items():
        set_to = {name: fen for name, _, fen in own.fit.rows}
        for held in hold_deposits(set_to, policy, own.set_aside_fen):
            rows.append(_index_facts(pool, own.indices[held.hospital_id], asdict(held)))
            lines += index_lines(pool, held.hospital_id, set_to[held.hospital_id])
            if own.set_aside_fen is not None:
                lines += [
                    debit("allotted", pool, held.deposit_fen, held.hospital_id),
                    credit("reserve", pool, held.deposit_fen, detail=SET_ASIDE),
                ]
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
    return PoolIndices(fit(pool, asked, free_fen, policy, levels), indices, set_aside_fen)


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


def _index_facts(pool: str, index: Index, held: Mapping[str, Any]) -> dict[str, Any]:
    """Return every figure of an index, factor by factor, ratios as fractions."""
    return {
        "hospital_id": index.base.hospital_id, "pool": pool, "how": index.base.how,
        "parts": [[name, fen, str(weight)] for name, fen, weight in index.base.parts],
        "base_fen": index.base.base_fen,
        "factors": [
            {"code": a.code, "ratio": str(a.ratio), "reason": a.reason, "brings_fen": fen}
            for a, (_, fen) in zip(index.adjustments, index.steps, strict=True)
        ],
        "asked_fen": index.index_fen, "index_fen": held["index_fen"],
        "deposit_fen": held["deposit_fen"], "monthly_fen": held["monthly_fen"],
    }  # fmt: skip


def held_indices(reading: Reading, year: int) -> dict[Place, Mapping[str, Any]]:
    """Return the indices in force of a year, as their entries have them, by institution and pool."""
    found: dict[Place, Mapping[str, Any]] = {}
    for entry in reading.entries(("indices", "adjustment"), year=year):
        for own in entry.body["indices"]:
            found[own["hospital_id"], own["pool"]] = own
    return found


# --- a month


def index_month_draft(
    reading: Reading, folder: Path, year: int, policy_name: str, who: str
) -> Draft:
    """Return the entry of the next month: claims against what the index leaves.

    Raises InputError for claims with faults, an institution without an index, or one with an index
    that is not among the claims (0 where it claims nothing).
    """
    policy = budget_policy(policy_name, year)
    (claims,) = _read(Path(folder), CLAIMS)
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
    _refuse_others(claims, held, Path(folder))
    last = {
        (r["hospital_id"], r["pool"]): r for r in (before[-1].body["figures"] if before else [])
    }
    shares = index_shares(policy)
    rows, figures = [], []
    for row in sorted(claims, key=lambda r: (r["pool"], r["hospital_id"])):
        place = row["hospital_id"], row["pool"]
        was = last.get(place)
        months = _months(held[place]["monthly_fen"], was, month, shares)
        earlier = IndexMonth(**was["month"]) if was else None
        own = settle_month(
            earlier, month, months[month - 1], row["claim_yuan"], row["violation_yuan"], policy
        )
        figures.append(_figures(place, own))
        rows.append(
            {
                "hospital_id": place[0], "pool": place[1], "paid_fen": own.paid_fen,
                "months": months, "month": asdict(own),
            }
        )  # fmt: skip
    body = {
        "method": INDEX, "policy": policy_facts(policy), "month": f"{year}-{month:02d}",
        "figures": rows,
    }  # fmt: skip
    return Draft(
        "month", year, who, "maker", body, clause="S0 28-29", subject=f"{year}-{month:02d}",
        lines=tuple(month_lines(figures)),
    )  # fmt: skip


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


def _figures(place: Place, month: IndexMonth) -> MonthFigures:
    """Return what a month posts: what violations took off its claim now, and what is deferred."""
    taken = month.violation_fen + month.owed_before_fen - month.owed_fen
    return MonthFigures(
        *place,
        paid_fen=month.paid_fen,
        deferred_fen=month.deferred_fen - month.paid_deferred_fen,
        violations_fen=taken,
        method=INDEX,
    )


def _refuse_others(rows: Sequence[Row], held: Mapping[Place, Any], folder: Path) -> None:
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


# --- the year


def index_clearing_draft(
    reading: Reading, folder: Path, year: int, policy_name: str, who: str
) -> Draft:
    """Return the entry that clears a year against its indices (S0 32-35).

    Raises InputError for tables with faults, for a year whose months are not all settled or that is
    cleared already; BooksError where the months in the book come to other amounts.
    """
    policy = budget_policy(policy_name, year)
    (assessed,) = _read(Path(folder), ASSESSED)
    held = held_indices(reading, year)
    _refuse_others(assessed, held, Path(folder))
    months = posted_months(reading, year, INDEX)
    if len(months) != 12 or any(
        e.body["method"] == INDEX for e in reading.entries(("clearing",), year=year)
    ):
        raise InputError(
            both(
                f"{year}年已结算 {len(months)} 个月；须结算十二个月且未清算",
                f"{len(months)} months of {year} are settled: twelve, and no clearing, are needed",
            ),
            remedy=both(
                "先逐月结算：drgpay budget index-month", "first: drgpay budget index-month"
            ),
        )
    advanced, settled = _advanced(reading), _by_place(months)
    given = [
        _year(row, held[place], settled.get(place, []), advanced)
        for row in assessed
        for place in [(row["hospital_id"], row["pool"])]
    ]
    cleared = [
        own
        for pool in sorted({y.pool for y in given})
        for own in clear_pool(pool, [y for y in given if y.pool == pool], policy).rows
    ]
    taken = {
        place: sum(_figures(place, month).violations_fen for month in own)
        for place, own in settled.items()
    }
    figures = [
        ClearingFigures(
            c.given.hospital_id, c.given.pool,
            # what violations took off the months stands beside it, on its own account
            {"index": c.due_fen + taken[c.given.hospital_id, c.given.pool]},
            c.forfeited_fen, c.given.violation_fen, c.final_fen, method=INDEX,
            advances_fen=advanced.get((c.given.hospital_id, c.given.pool), {}),
        )
        for c in cleared
    ]  # fmt: skip
    body = {
        "method": INDEX, "policy": policy_facts(policy),
        "figures": [_cleared_facts(c) for c in cleared],
    }  # fmt: skip
    return Draft(
        "clearing", year, who, "maker", body, clause="S0 32-35", subject=f"{year}",
        lines=tuple(clearing_lines(figures, of_method(reading, year, INDEX))),
    )  # fmt: skip


def _advanced(reading: Reading) -> dict[Place, dict[str, int]]:
    """Return what is advanced to institutions and not returned yet, by account."""
    found: dict[Place, dict[str, int]] = {}
    for b in reading.balances("working_capital", "advance"):
        if b.amount_fen:
            found.setdefault((b.hospital_id, b.pool), {})[b.account] = b.amount_fen
    return found


def _by_place(months: Sequence[Entry]) -> dict[Place, list[IndexMonth]]:
    """Return the months of each institution and pool, in order."""
    found: dict[Place, list[IndexMonth]] = {}
    for entry in months:
        for own in entry.body["figures"]:
            place = own["hospital_id"], own["pool"]
            found.setdefault(place, []).append(IndexMonth(**own["month"]))
    return found


def _year(
    row: Row, held: Mapping[str, Any], own: Sequence[IndexMonth],
    advanced: Mapping[Place, Mapping[str, int]],
) -> IndexYear:  # fmt: skip
    place = row["hospital_id"], row["pool"]
    return IndexYear(
        hospital_id=place[0], pool=place[1],
        index_fen=held["monthly_fen"] + held["deposit_fen"],
        actual_fen=sum(m.net_fen for m in own) - row["costly_yuan"],
        costly_fen=row["costly_yuan"],
        outside_index_fen=row["outside_index_yuan"], outside_actual_fen=row["outside_claim_yuan"],
        paid_fen=sum(m.paid_fen for m in own),
        advances_fen=sum(advanced.get(place, {}).values()),
        deposit_fen=held["deposit_fen"],
        violation_fen=row["violation_yuan"] + (own[-1].owed_fen if own else 0),
        score=row["score"], met=row["met"],
        penalised=row["standing"] == PENALISED, ended=row["standing"] == ENDED,
        report=row["report"], patients=row["patients"], patients_last=row["patients_last"],
    )  # fmt: skip


def _cleared_facts(c: Cleared) -> dict[str, Any]:
    """Return every figure of an institution's clearing, amounts in fen, ratios as fractions."""
    given = {k: v for k, v in asdict(c.given).items() if v is not None}
    given["score"] = str(c.given.score)
    names = (
        "difference_fen", "kept_fen", "reward_fen", "treasury_fen", "fund_fen", "borne_fen",
        "waiting_fen", "forfeited_fen", "due_fen", "final_fen", "payable_fen", "recover_fen",
    )  # fmt: skip
    return {
        "hospital_id": c.given.hospital_id, "pool": c.given.pool, "outcome": c.outcome,
        "given": given, "released": str(c.released),
        "compensation_fen": c.compensation.paid_fen if c.compensation else 0,
        **{name: getattr(c, name) for name in names},
    }  # fmt: skip

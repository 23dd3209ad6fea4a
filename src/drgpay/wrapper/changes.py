"""What changes a year while it runs, on the book: indices adjusted, very costly cases taken up.

Both are decided by their procedures first (`mid_year`, `costly_cases`); what was decided is then
computed, proposed and posted, or kept for the clearing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.budget.changes import (
    Asked,
    Change,
    ChangedIndex,
    Funding,
    changed_index,
    fund_changes,
    hold_change_rules,
)
from drgpay.budget.index_months import changed_months
from drgpay.budget.indices import GroupRule
from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.ground.money import yuan_text
from drgpay.ledger.book import Reading, Turn
from drgpay.ledger.entries import Draft, Entry, Line
from drgpay.ledger.postings import INDEX, Place, draw_lines, index_lines
from drgpay.names.plan import CAPACITY, CAUSES, CHANGES
from drgpay.policy import YearPolicy
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional
from drgpay.wrapper.filled import WHO, read_table, read_tables
from drgpay.wrapper.index_clearing import cleared_places
from drgpay.wrapper.index_year import PERCENT, held_indices
from drgpay.wrapper.past_months import shares_of
from drgpay.wrapper.planning import budget_policy, kept_file, policy_facts, stands
from drgpay.wrapper.post_runs import posted_months

MID_YEAR, COSTLY = "mid_year", "costly_cases"  # procedures
RESERVE = "mid_year"  # of `RESERVES`: what changes come out of first


def _one_figure(row: Row) -> Bilingual | None:
    if (row["amount_yuan"] is None) == (row["percent"] is None):
        return both("金额、百分比须写且只写一项", "give the amount or the per cent, one of them")
    return None


ADJUSTMENTS = Table(
    "adjustments",
    (
        *WHO,
        Column("cause", kinds.coded(CHANGES)),
        optional("amount_yuan", kinds.signed_amount, None),
        optional("percent", PERCENT, None),
        Column("reason"),
    ),
    required=True,
    unique=("hospital_id", "pool", "cause"),
    filled=True,
    row_rules=(_one_figure,),
)
RULES = Table(
    "adjustment_rules",
    (
        Column("group", empty=""),
        Column("cause", kinds.coded(CAUSES)),
        optional("percent", PERCENT, None),
    ),
    unique=("group", "cause"),
)
COSTLY_CASES = Table(
    "costly_cases",
    (
        *WHO,
        Column("case_id", kinds.code),
        Column("claim_yuan", kinds.amount_above_zero),
        Column("approved_yuan", kinds.amount),
        Column("reason"),
    ),
    required=True,
    unique=("case_id",),
    filled=True,
)


# --- indices adjusted


def adjustment_draft(
    reading: Reading, folder: Path, year: int, application: str, policy_name: str, who: str
) -> Draft:
    """Return the entry of a mid-year adjustment that was decided (S0 22-23).

    Tables: `adjustments`, `adjustment_rules`. Raises InputError where the authority has not decided, an
    institution is cleared or moved already, a change is not its group's rule, or there is no money
    for it within the target.
    """
    policy = budget_policy(policy_name, year)
    decision = _decided(reading, year, application, policy)
    applied = stands(reading, MID_YEAR, year, application, "apply", policy) is not None
    rows, rules = read_tables(Path(folder), ADJUSTMENTS, RULES)
    held = held_indices(reading, year)
    _refuse_closed(reading, rows, held, year, folder)
    pools = sorted({row["pool"] for row in rows})
    changed: dict[Place, ChangedIndex] = {}
    for pool in pools:
        own = {place[0]: facts for place, facts in held.items() if place[1] == pool}
        mine = [row for row in rows if row["pool"] == pool]
        asked = [_asked(row) for row in mine]
        indices = {name: facts["index_fen"] for name, facts in own.items()}
        hold_change_rules(asked, indices, _groups(own, rules), policy)
        for name in sorted({one.hospital_id for one in asked}):
            changes = [
                Change(one.cause, one.amount_of(indices[name]), decision["digest"])
                for one in asked
                if one.hospital_id == name
            ]
            changed[name, pool] = changed_index(name, pool, indices[name], changes, policy)
    facts = {place: _after(held[place], made) for place, made in changed.items()}
    _refuse_spent(reading, year, facts, policy, folder)
    lines, funded = [], []
    for pool in pools:
        funding, posted = _posted(reading, year, pool, changed)
        lines += posted
        funded.append(asdict(funding))
    body = {
        "policy": policy_facts(policy), "application": application, "decision": decision,
        "raised_by": "institution" if applied else "agency",
        "indices": list(facts.values()), "funding": funded,
        "changes": [
            {
                "hospital_id": place[0], "pool": place[1], "cause": change.cause,
                "amount_fen": change.amount_fen, "before_fen": made.before_fen,
                "after_fen": made.after_fen,
                "reason": next(
                    row["reason"]
                    for row in rows
                    if row.of("hospital_id", "pool", "cause") == (*place, change.cause)
                ),
            }
            for place, made in changed.items()
            for change in made.changes
        ],
    }  # fmt: skip
    return Draft(
        "adjustment", year, who, "maker", body, clause="S0 22-23",
        subject=f"{year} {application}", lines=tuple(lines),
    )  # fmt: skip


def _decided(reading: Reading, year: int, application: str, policy: YearPolicy) -> dict[str, str]:
    """Return when a change was decided and on which paper; raises InputError where it was not."""
    papers = stands(reading, MID_YEAR, year, application, "decide", policy)
    if papers is None:
        raise InputError(
            both(
                f"年中调整“{application}”尚未经主管部门审定（S0 第23条）",
                f"the adjustment {application!r} was not decided by the authority (S0 art. 23)",
            ),
            remedy=both(
                "先登记：drgpay budget done mid_year propose、decide（--role authority）",
                "first: drgpay budget done mid_year propose and decide (--role authority)",
            ),
        )
    for entry in reading.entries(("adjustment",), year=year):
        if entry.body["application"] == application:
            raise InputError(
                both(
                    f"年中调整“{application}”已于第 {entry.number} 号入账",
                    f"the adjustment {application!r} is entry {entry.number}",
                ),
                remedy=both("另一次调整另立一件", "another change is another application"),
            )
    days = [
        entry.body["day"]
        for entry in reading.entries(("step",), year=year)
        if (entry.body["procedure"], entry.body["subject"], entry.body["step"])
        == (MID_YEAR, application, "decide")
    ]
    return {"day": days[-1], "digest": papers["decision_minutes"]}


def _refuse_closed(
    reading: Reading, rows: Sequence[Row], held: Mapping[Place, Any], year: int, folder: Path
) -> None:
    """Fail if a row is of no index, or of one whose year is cleared or was moved in its community."""
    done = cleared_places(reading, year) | {
        (own["hospital_id"], own["pool"])
        for entry in reading.entries(("transfer",), year=year)
        for own in entry.body["indices"]
    }
    faults = []
    for row in rows:
        place = row["hospital_id"], row["pool"]
        if place not in held:
            faults.append(
                fault_at(
                    row.where,
                    f"机构 {place[0]}、险种 {place[1]} 没有指标",
                    f"{place[0]}, pool {place[1]}, has no index",
                )
            )
        elif place in done:
            faults.append(
                fault_at(
                    row.where,
                    f"机构 {place[0]}、险种 {place[1]} {year}年已清算或已在医共体内调剂",
                    f"{place[0]}, pool {place[1]}: {year} is cleared, or was moved in its community",
                )
            )
    if faults:
        raise InputError(
            both("指标不能调整", "the indices cannot be changed"),
            where=folder,
            faults=faults,
            remedy=both("改正后重试", "mend it and try again"),
        )


def _asked(row: Row) -> Asked:
    return Asked(
        hospital_id=row["hospital_id"],
        cause=row["cause"],
        amount_fen=row["amount_yuan"],
        ratio=None if row["percent"] is None else Fraction(row["percent"]) / 100,
        reason=row["reason"],
    )


def _groups(held: Mapping[str, Any], rules: Sequence[Row]) -> list[GroupRule]:
    """Return the rules of the groups in which the indices were negotiated."""
    members: dict[str, list[str]] = {}
    for name, facts in held.items():
        members.setdefault(facts["group"], []).append(name)
    return [
        GroupRule(
            group,
            tuple(names),
            {
                row["cause"]: None if row["percent"] is None else Fraction(row["percent"]) / 100
                for row in rules
                if row["group"] == group
            },
        )
        for group, names in members.items()
    ]


def _after(held: Mapping[str, Any], made: ChangedIndex) -> dict[str, Any]:
    """Return an index's facts after its changes: new capacity is in the year's settlement alone."""
    later = sum(change.amount_fen for change in made.changes if change.cause == CAPACITY)
    return {
        **held, "index_fen": made.after_fen,
        "monthly_fen": held["monthly_fen"] + made.after_fen - made.before_fen - later,
        "settlement_fen": held["settlement_fen"] + later,
    }  # fmt: skip


def _refuse_spent(
    reading: Reading, year: int, facts: Mapping[Place, Any], policy: YearPolicy, folder: Path
) -> None:
    """Fail if months that are settled had more than an index has after its change."""
    months = posted_months(reading, year, INDEX)
    if not 0 < len(months) < 12:
        return
    shares = shares_of(facts, policy, folder)
    gone = {(own["hospital_id"], own["pool"]): own["months"] for own in months[-1].body["figures"]}
    faults = []
    for place, own in facts.items():
        try:
            if place in gone:
                first = len(months) + 1
                changed_months(gone[place], own["monthly_fen"], first, shares[place])
        except InputError as error:
            faults.append(fault_at("、".join(place), error.what.chinese, str(error.what)))
    if faults:
        raise InputError(
            both("指标不能这样调整", "the indices cannot be changed so"),
            where=folder,
            faults=faults,
            remedy=both("调整后不低于各月已用的指标", "leave at least what the months have had"),
        )


def _posted(
    reading: Reading, year: int, pool: str, changed: Mapping[Place, ChangedIndex]
) -> tuple[Funding, list[Line]]:
    own = {place: made for place, made in changed.items() if place[1] == pool}
    needed = sum(made.after_fen - made.before_fen for made in own.values())
    left = {
        b.account: b.amount_fen
        for b in reading.balances("available", "reserve", year=year)
        if b.pool == pool and b.detail in ("", RESERVE)
    }
    funding = fund_changes(pool, needed, left.get("reserve", 0), left.get("available", 0))
    lines = draw_lines(pool, RESERVE, funding.reserve_fen)
    for place, made in own.items():
        lines += index_lines(pool, place[0], made.after_fen - made.before_fen)
    return funding, lines


# --- very costly cases


def take_up_costly(
    turn: Turn, table: Path, year: int, application: str, policy: YearPolicy, who: str
) -> Entry:
    """Take up the costly cases that an application came to, settled outside the index (S0 24).

    The table is the very one that was reviewed, checked and approved. Raises InputError for another
    one, and for a case that was taken up before.
    """
    approved = stands(turn, COSTLY, year, application, "approve", policy)
    reviewed = stands(turn, COSTLY, year, application, "review", policy)
    paper = kept_file(turn, table)
    if approved is None or reviewed is None or reviewed["review_opinion"] != paper.digest:
        open_ = approved is None or reviewed is None
        raise InputError(
            both(
                f"高额病例“{application}”"
                + ("尚未审核、复核、审批（S0 第24条）" if open_ else "审核认定的不是这张表"),
                f"the costly cases {application!r}: "
                + ("not reviewed, checked and approved (S0 art. 24)" if open_ else "another table "
                   "was reviewed"),
            ),
            where=table,
            remedy=both(
                "登记 drgpay budget done costly_cases 的各步，审核一步附这张表（review_opinion）",
                "put the steps of costly_cases down, this table as the review's paper (review_opinion)",
            ),
        )  # fmt: skip
    rows = read_table(table, COSTLY_CASES)
    held = held_indices(turn, year)
    faults = list(_unfit_cases(rows, held, costly_entries(turn), cleared_places(turn, year)))
    if faults:
        raise InputError(
            both("高额病例不能入账", "the costly cases cannot be taken up"),
            where=table,
            faults=faults,
            remedy=both("改正后重新审核", "mend the table and have it reviewed again"),
        )
    body = {
        "application": application,
        "cases": [
            {
                "hospital_id": row["hospital_id"], "pool": row["pool"], "case_id": row["case_id"],
                "claim_fen": row["claim_yuan"], "approved_fen": row["approved_yuan"],
                "reason": row["reason"],
            }
            for row in rows
        ],
    }  # fmt: skip
    return turn.append(
        Draft(
            "costly", year, who, "maker", body, clause="S0 24", subject=f"{year} {application}",
            documents=(paper,),
        )
    )  # fmt: skip


def costly_entries(reading: Reading) -> dict[str, Entry]:
    """Return the entries that took costly cases up, by case."""
    return {
        own["case_id"]: entry
        for entry in reading.entries(("costly",))
        for own in entry.body["cases"]
    }


def _unfit_cases(
    rows: Sequence[Row], held: Mapping[Place, Any], known: Mapping[str, Entry],
    cleared: frozenset[Place],
) -> Iterator[Bilingual]:  # fmt: skip
    for row in rows:
        place = row["hospital_id"], row["pool"]
        if place not in held or place in cleared:
            yield fault_at(
                row.where,
                f"机构 {place[0]}、险种 {place[1]} 没有指标或已清算",
                f"{place[0]}, pool {place[1]}, has no index or is cleared",
            )
        if row["case_id"] in known:
            entry = known[row["case_id"]]
            yield fault_at(
                row.where,
                f"病例 {row['case_id']} 已于第 {entry.number} 号（{entry.year}年）认定",
                f"case {row['case_id']} was taken up by entry {entry.number} ({entry.year})",
            )
        if row["approved_yuan"] > row["claim_yuan"]:
            told = yuan_text(row["approved_yuan"]), yuan_text(row["claim_yuan"])
            yield fault_at(
                row.where,
                f"认定 {told[0]} 元，多于申请的 {told[1]} 元",
                f"{told[0]} yuan approved, {told[1]} applied for",
            )

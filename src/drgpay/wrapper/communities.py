"""Communities (医共体) through the year on the book: filed, moved between, cleared on one side, rebalanced.

Source: S1 三. The arithmetic is budget/communities.py; what a lead hands in is a table (forms 1, 3
and 5 come back filled), kept with its digest; money moves by a proposal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drgpay.budget.communities import (
    CommunitySettled,
    Filing,
    MemberBudget,
    Transfer,
    check_filing,
    rebalance,
    settle_community,
    transfer,
)
from drgpay.budget.index_clearing import Cleared, clear_pool
from drgpay.ground.errors import Bilingual, InputError, both, fault_at, located
from drgpay.ground.money import yuan_text
from drgpay.ledger.book import Reading, Turn
from drgpay.ledger.entries import Document, Draft, Entry
from drgpay.ledger.orders import open_amounts
from drgpay.ledger.postings import rebalancing_lines, transfer_lines
from drgpay.names.plan import PAYERS
from drgpay.policy import YearPolicy
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional
from drgpay.wrapper.filings import (
    APPLIED,
    COMMUNITY,
    FILING,
    IN_FORCE,
    RETURNED,
    YEAR,
    Filed,
    community,
    filed_communities,
    in_force,
)
from drgpay.wrapper.filled import WHO, read_table, read_tables
from drgpay.wrapper.index_clearing import (
    ASSESSED,
    IndexBook,
    cleared_lines,
    clearing_body,
    nothing_open,
)
from drgpay.wrapper.index_year import control_of, held_indices, refuse_others
from drgpay.wrapper.planning import budget_policy, kept_file, policy_facts, stands, step_done
from drgpay.wrapper.settlement_plan import hold_to_plan

LEAD_MARKS = ("牵头单位", "lead")
MEMBERS = Table(
    "community_members",
    (
        optional("row_number"),
        Column("hospital_id", kinds.code),
        Column("name"),
        optional("level"),
        optional("district"),
        optional("contact"),
        optional("phone", kinds.code),
        optional("note"),
    ),
    required=True,
    unique=("hospital_id",),
    filled=True,
    form=True,
)
OF_MEMBER = (
    optional("row_number"), *WHO, optional("name"), optional("level"), optional("district"),
)  # fmt: skip
TRANSFER = Table(
    "community_transfer",
    (
        *OF_MEMBER,
        optional("fund", kinds.coded(PAYERS), "pooled_fund"),
        Column("before_yuan", kinds.amount),
        Column("moved_out_yuan", kinds.signed_amount),
        optional("after_yuan", kinds.signed_amount, None),
        Column("signed_by", empty=""),
    ),
    required=True,
    unique=("hospital_id", "pool", "fund"),
    filled=True,
    form=True,
)
REBALANCING = Table(
    "community_rebalancing",
    (
        *OF_MEMBER,
        Column("amount_before_yuan", kinds.signed_amount),
        Column("amount_after_yuan", kinds.signed_amount),
        Column("signed_by", empty=""),
    ),
    required=True,
    unique=("hospital_id", "pool"),
    filled=True,
    form=True,
)
ALLOCATION = Table(
    "community_allocation",
    (*WHO, Column("amount_yuan", kinds.signed_amount), Column("reason")),
    unique=("hospital_id", "pool"),
)
BOOKED_FUND = "pooled_fund"  # the fund whose indices are in the book


# --- filed


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a lead files of its community (form 1): its facts, and the files that go with them."""

    community_id: str
    name: str
    approved_by: str
    founded_on: str
    members: Path
    approval: Path
    rules: Path
    application: Path | None
    year: int
    day: dt.date
    who: str


def file_community(turn: Turn, asked: Application, policy: YearPolicy) -> Entry:
    """Put a filing down with its papers: the steps of the lead, and who is filed where.

    Raises InputError for a lead that is none, a member that is filed elsewhere (with the first's
    date and name), and what the procedure refuses.
    """
    rows = read_table(asked.members, MEMBERS)
    marked = [row["hospital_id"] for row in rows if row["note"].strip() in LEAD_MARKS]
    known = filed_communities(turn, asked.year)
    filing = Filing(
        asked.community_id, asked.name, _one_lead(asked, marked),
        tuple(row["hospital_id"] for row in rows), asked.day,
    )  # fmt: skip
    _refuse_name(asked, known)
    check_filing(filing, [own.filing for own in in_force(known)])
    papers = {
        "filing_application": kept_file(turn, asked.application or asked.members),
        "founding_approval": kept_file(turn, asked.approval),
        "transfer_rules": kept_file(turn, asked.rules),
        "members_table": kept_file(turn, asked.members),
    }
    subject = _subject(turn, asked, known.get(asked.community_id))
    told: dict[str, Any] = {"role": "lead", "who": asked.who, "day": asked.day}
    matter = (FILING, asked.year, subject)
    if not stands(turn, *matter, "rules", policy):
        rules = {"transfer_rules": papers["transfer_rules"]}
        step_done(turn, *matter, "rules", policy, papers=rules, **told)
    step_done(turn, *matter, "apply", policy, papers=papers, **told)
    body = {
        "what": COMMUNITY, "withdrawn": False, "id": asked.community_id, "name": asked.name,
        "subject": subject, "lead": filing.lead, "filed_on": asked.day.isoformat(),
        "approved_by": asked.approved_by, "founded_on": asked.founded_on,
        "papers": {name: paper.digest for name, paper in papers.items()},
        "members": [
            {
                name: row[name]
                for name in ("hospital_id", "name", "level", "district", "contact", "phone")
            }
            for row in rows
        ],
    }  # fmt: skip
    documents = tuple({paper.digest: paper for paper in papers.values()}.values())
    return turn.append(
        Draft(
            "filing", asked.year, asked.who, "lead", body, clause="S1 三(一)",
            subject=asked.name, documents=documents,
        )
    )  # fmt: skip


def _one_lead(asked: Application, marked: Sequence[str]) -> str:
    if len(marked) != 1:
        raise InputError(
            both(
                f"医共体“{asked.name}”须明确一家牵头单位，备注栏写“牵头单位”的有 {len(marked)} 家"
                "（S1 附件1）",
                f"community {asked.name!r} needs exactly one lead; marked as such: {len(marked)} "
                "(S1, annex 1)",
            ),
            where=asked.members,
            remedy=both(
                "在一家的备注栏写“牵头单位”", "write 牵头单位 (or lead) into the note of one member"
            ),
        )
    return marked[0]


def _refuse_name(asked: Application, known: Mapping[str, Filed]) -> None:
    for own in in_force(known):
        if own.name == asked.name and own.filing.community_id != asked.community_id:
            raise InputError(
                both(
                    f"已有名为“{own.name}”的医共体（编码 {own.filing.community_id}，"
                    f"{own.filing.filed_on} 备案）",
                    f"a community {own.name!r} is filed already (id {own.filing.community_id}, "
                    f"{own.filing.filed_on})",
                ),
                remedy=both("换一个名称", "give it another name"),
            )


def _subject(turn: Turn, asked: Application, before: Filed | None) -> str:
    """Return under which name the procedure stands: one that is filed anew in a year has a number."""
    if before and before.state in (APPLIED, RETURNED):
        return str(before.facts["subject"])
    own = [
        entry
        for entry in turn.entries(("filing",), year=asked.year)
        if entry.body["what"] == COMMUNITY
        and not entry.body["withdrawn"]
        and entry.body["id"] == asked.community_id
    ]
    number = len({entry.body["subject"] for entry in own}) + 1
    return asked.name if number == 1 else f"{asked.name} {number}"


def withdraw_community(turn: Turn, year: int, community_id: str, who: str, why: str) -> Entry:
    """Take a filing back from a year on; raises InputError where none holds or the year has begun to be moved."""
    own = filed_communities(turn, year).get(community_id)
    if own is None or own.state not in IN_FORCE:
        raise InputError(
            both(f"没有备案的医共体 {community_id}", f"no community {community_id!r} is filed"),
            remedy=both("见 drgpay budget community list", "see drgpay budget community list"),
        )
    for entry in turn.entries(("transfer", "clearing"), year=year):
        if entry.body.get("community") == community_id:
            raise InputError(
                both(
                    f"“{own.name}”{year}年已调剂或清算（第 {entry.number} 号），当年不能撤销",
                    f"{own.name!r}: {year} was moved or cleared (entry {entry.number})",
                ),
                remedy=both("自下一年度起撤销", "withdraw it from the next year on"),
            )
    body = {"what": COMMUNITY, "withdrawn": True, "id": community_id, "why": why}
    return turn.append(
        Draft("filing", year, who, "lead", body, clause="S1 三(一)", subject=own.name)
    )


# --- members' budgets, and what is moved between them


def _of_pool(own: Filed, held: Mapping[tuple[str, str], Any], pool: str) -> Filing:
    """Return a community as it stands in one pool: its members that have an index there."""
    names = tuple(name for name in own.filing.members if (name, pool) in held)
    return Filing(own.filing.community_id, own.name, own.filing.lead, names, own.filing.filed_on)


def pools_of(own: Filed, held: Mapping[tuple[str, str], Any]) -> list[str]:
    """Return the pools in which a community's members have an index."""
    return sorted({pool for name, pool in held if name in own.filing.members})


def file_transfer(
    turn: Turn, year: int, name: str, table: Path, policy: YearPolicy, *, by: str, day: dt.date, who: str
) -> Draft:  # fmt: skip
    """Put form 3 down as its lead's step, and return the entry that moves the budgets (S1 三(四)-(五)).

    Of each pool: all members that have an index, what they have by the book, signed by all, sum before =
    sum after. Raises InputError with all faults, and for a second transfer.
    """
    own = community(turn, year, name)
    for entry in turn.entries(("transfer",), year=year):
        if entry.body["community"] == own.filing.community_id:
            raise _twice(own, both("调剂", "the transfer"), entry)
    rows = read_table(table, TRANSFER)
    held = held_indices(turn, year)
    moved = list(_moved(own, held, rows, table))
    paper, filed = _filed_paper(
        turn, own, year, "transfer", "transfer_table", table, policy, by=by, day=day
    )
    lines, indices = [], []
    for one in moved:
        lines += transfer_lines(one.pool, {r.hospital_id: r.moved_out_fen for r in one.rows})
        for member in one.rows:
            was = held[member.hospital_id, one.pool]
            out = member.moved_out_fen
            indices.append(
                {
                    **was, "index_fen": was["index_fen"] - out,
                    "monthly_fen": was["monthly_fen"] - out, "moved_out_fen": out,
                }
            )  # fmt: skip
    body = {
        "policy": policy_facts(policy), "community": own.filing.community_id, "name": own.name,
        "table": paper.digest, "filed": filed, "indices": indices,
        "transfers": [
            {
                "pool": one.pool, "fund": one.fund, "total_fen": one.total_fen,
                "rows": [{**asdict(row), "after_fen": row.after_fen} for row in one.rows],
            }
            for one in moved
        ],
    }  # fmt: skip
    return Draft(
        "transfer", year, who, "maker", body, clause="S1 三(四)-(五)", subject=f"{year} {own.name}",
        documents=(paper,), lines=tuple(lines),
    )  # fmt: skip


def _twice(own: Filed, what: Bilingual, entry: Entry) -> InputError:
    return InputError(
        both(
            f"医共体“{own.name}”{entry.year}年的{what.chinese}已于第 {entry.number} 号入账",
            f"{what} of community {own.name!r} for {entry.year} is entry {entry.number}",
        ),
        remedy=both("每年一次", "once a year"),
    )


def _moved(
    own: Filed, held: Mapping[tuple[str, str], Any], rows: Sequence[Row], table: Path
) -> Iterator[Transfer]:
    """Return the transfers of form 3, one of each pool and fund; raises InputError with all faults."""
    faults = [fault for row in rows for fault in _unlike_book(row, held)]
    made = []
    for pool, fund in sorted({row.of("pool", "fund") for row in rows}):
        members = [
            MemberBudget(
                row["hospital_id"], pool, fund, row["before_yuan"], row["moved_out_yuan"],
                bool(row["signed_by"].strip()),
            )
            for row in rows
            if row.of("pool", "fund") == (pool, fund)
        ]  # fmt: skip
        try:
            made.append(transfer(_of_pool(own, held, pool), members))
        except InputError as error:
            faults += [
                located(both(f"险种 {pool}", f"pool {pool}"), fault)
                for fault in error.faults or (error.what,)
            ]
    if faults:
        raise InputError(
            both(
                f"医共体“{own.name}”的调剂分配表不能备案（S1 三(四)、附件3）",
                f"the transfer of community {own.name!r} cannot be filed (S1 三(四), annex 3)",
            ),
            where=table,
            faults=faults,
            remedy=both("由牵头单位改正后重新报送", "the lead corrects it and files again"),
        )
    return iter(made)


def _unlike_book(row: Row, held: Mapping[tuple[str, str], Any]) -> Iterator[Bilingual]:
    """Fail if a row of form 3 is not of an index in the book, or does not begin with what it is."""
    place = row["hospital_id"], row["pool"]
    if row["fund"] != BOOKED_FUND:
        word = PAYERS[BOOKED_FUND]
        yield fault_at(
            row.where,
            f"账中只有{word.chinese}的指标，其他基金不在此调剂",
            f"the book has indices of the {word} alone: no other fund is moved here",
        )
    elif place not in held:
        yield fault_at(
            row.where,
            f"机构 {place[0]}、险种 {place[1]} 没有指标",
            f"{place[0]}, pool {place[1]}, has no index",
        )
    else:
        budget = control_of(held[place])
        if row["before_yuan"] != budget:
            yield fault_at(
                row.where,
                f"调剂前预算总额 {yuan_text(row['before_yuan'])} 元，账上为 {yuan_text(budget)} 元",
                f"{yuan_text(row['before_yuan'])} yuan before, {yuan_text(budget)} by the book",
            )
        left = held[place]["monthly_fen"] - row["moved_out_yuan"]
        if left < 0:
            yield fault_at(
                row.where,
                f"调出后不足质量保证金 {yuan_text(held[place]['deposit_fen'])} 元",
                f"what is left is less than its deposit of {yuan_text(held[place]['deposit_fen'])}",
            )
    after = row["before_yuan"] - row["moved_out_yuan"]
    if row["after_yuan"] not in (None, after):
        yield fault_at(
            row.where,
            f"调剂后应为 {yuan_text(after)} 元，表中为 {yuan_text(row['after_yuan'])} 元",
            f"{yuan_text(after)} yuan after by the row, {yuan_text(row['after_yuan'])} in it",
        )


def _filed_paper(
    turn: Turn, own: Filed, year: int, step: str, paper: str, table: Path, policy: YearPolicy, *,
    by: str, day: dt.date,
) -> tuple[Document, dict[str, Any]]:  # fmt: skip
    """Put a form down as its lead's step; the same form whose step stands is not put down again.

    Return the form as it is kept, and what the step says: its day, its last day, whether it was late.
    """
    document = kept_file(turn, table)
    if stands(turn, YEAR, year, own.name, step, policy) != {paper: document.digest}:
        step_done(
            turn, YEAR, year, own.name, step, policy,
            role="lead", who=by, day=day, papers={paper: document},
        )  # fmt: skip
    told = _steps(turn, own, year, step)[-1].body
    return document, {key: told[key] for key in ("day", "last_day", "late")}


# --- cleared on one side


def community_clearing_draft(
    reading: Reading, folder: Path, year: int, name: str, policy_name: str, who: str
) -> Draft:
    """Return the entry that clears a community's members, all on the side of the whole (S1 三(六)).

    Tables: `assessed` of its members, `community_allocation` for those of the other side. Raises
    InputError where the transfer that was filed is not approved, an allocation is missing or too
    much, and as the clearing by index does.
    """
    policy = budget_policy(policy_name, year)
    hold_to_plan(reading, year, policy)
    own = community(reading, year, name)
    assessed, allocated = read_tables(Path(folder), ASSESSED, ALLOCATION)
    book = IndexBook.read(reading, year)
    _refuse_unapproved(reading, own, year, policy)
    to_clear = book.open_to(frozenset(own.filing.members), inside=True)
    if not to_clear:
        raise nothing_open(year)
    refuse_others(assessed, to_clear, Path(folder))
    refuse_strange(allocated, to_clear, Path(folder))
    before = held_indices(reading, year)
    given = book.given(assessed)
    cleared: list[Cleared] = []
    sides: list[CommunitySettled] = []
    for pool in pools_of(own, to_clear):
        years = [y for y in given if y.pool == pool]
        moved = transfer(
            _of_pool(own, to_clear, pool),
            [
                MemberBudget(
                    y.hospital_id, pool, BOOKED_FUND, control_of(before[y.hospital_id, pool]),
                    control_of(before[y.hospital_id, pool]) - y.index_fen,
                )
                for y in years
            ],
        )  # fmt: skip
        side = settle_community(
            moved,
            {y.hospital_id: y.actual_fen for y in years},
            policy,
            {r["hospital_id"]: r["amount_yuan"] for r in allocated if r["pool"] == pool},
        )
        sides.append(side)
        amounts = {row.hospital_id: row.amount_fen for row in side.rows}
        cleared += clear_pool(pool, years, policy, amounts).rows
    body = {
        **clearing_body(cleared, policy), "community": own.filing.community_id, "name": own.name,
        "sides": [side_facts(side) for side in sides],
        "allocations": [
            {
                "hospital_id": r["hospital_id"], "pool": r["pool"],
                "amount_fen": r["amount_yuan"], "reason": r["reason"],
            }
            for r in allocated
        ],
    }  # fmt: skip
    return Draft(
        "clearing", year, who, "maker", body, clause="S1 三(六)", subject=f"{year} {own.name}",
        lines=tuple(cleared_lines(reading, book, cleared)),
    )  # fmt: skip


def _refuse_unapproved(reading: Reading, own: Filed, year: int, policy: YearPolicy) -> None:
    """Fail if form 3 was handed in, and the budgets were not adjusted by it yet."""
    moved = any(
        entry.body["community"] == own.filing.community_id
        for entry in reading.entries(("transfer",), year=year)
    )
    if not moved and stands(reading, YEAR, year, own.name, "transfer", policy):
        raise InputError(
            both(
                f"医共体“{own.name}”已报调剂表，指标尚未按表调整（S1 三(五)至(六)）",
                f"community {own.name!r} filed a transfer by which its budgets are not adjusted yet "
                "(S1 三(五)-(六))",
            ),
            remedy=both(
                "先审批调剂，或由回执退回该表", "approve the transfer first, or send the form back"
            ),
        )


def refuse_strange(rows: Iterable[Row], known: Mapping[tuple[str, str], Any], folder: Path) -> None:
    """Fail if a row is of an institution and pool that is not among those known."""
    faults = [
        fault_at(
            row.where,
            f"机构 {row['hospital_id']}、险种 {row['pool']} 不在其中",
            f"{row['hospital_id']}, pool {row['pool']}, is not among them",
        )
        for row in rows
        if (row["hospital_id"], row["pool"]) not in known
    ]
    if faults:
        raise InputError(
            both("表中有不相干的机构", "rows of institutions that are not asked for"),
            where=folder, faults=faults,
            remedy=both("删去这些行", "leave these rows out"),
        )  # fmt: skip


def side_facts(side: CommunitySettled) -> dict[str, Any]:
    """Return every figure of a community's clearing in one pool, amounts in fen."""
    return {
        "pool": side.pool, "side": side.side, "budget_fen": side.budget_fen,
        "actual_fen": side.actual_fen, "settled_fen": side.sharing.settled_fen,
        "amount_fen": side.amount_fen, "rows": [asdict(row) for row in side.rows],
        "warnings": [[text.chinese, str(text)] for text in side.warnings],
    }  # fmt: skip


# --- rebalanced


def file_rebalancing(
    turn: Turn, year: int, name: str, table: Path, policy: YearPolicy, *, by: str, day: dt.date, who: str
) -> Draft:  # fmt: skip
    """Put form 5 down as its lead's step, and return the entry that carries it into payment (S1 三(七)).

    What a member gets more is payable; what it is deducted is taken from what is payable to it and on
    no order yet, the rest of it is owed (月结算扣减). Raises InputError with all faults.
    """
    own = community(turn, year, name)
    cleared = community_entry(turn, own, year)
    for entry in turn.entries(("rebalancing",), year=year):
        if entry.body["community"] == own.filing.community_id:
            raise _twice(own, both("再平衡", "the rebalancing"), entry)
    rows = read_table(table, REBALANCING)
    sides = {side["pool"]: side for side in cleared.body["sides"]}
    made = list(_rebalanced(own, sides, rows, table))
    paper, filed = _filed_paper(
        turn, own, year, "rebalance", "rebalance_table", table, policy, by=by, day=day
    )
    free = {
        (b.hospital_id, b.pool): -b.amount_fen
        - open_amounts(turn, year).get((b.pool, b.hospital_id), 0)
        for b in turn.balances("payable", year=year)
    }
    lines = [
        line
        for pool, moved in made
        for line in rebalancing_lines(
            pool,
            {row.hospital_id: row.after_fen - row.before_fen for row in moved},
            {row.hospital_id: free.get((row.hospital_id, pool), 0) for row in moved},
        )
    ]
    body = {
        "policy": policy_facts(policy), "community": own.filing.community_id, "name": own.name,
        "table": paper.digest, "filed": filed,
        "rows": [
            {
                "pool": pool, "hospital_id": row.hospital_id, "before_fen": row.before_fen,
                "after_fen": row.after_fen, "paid_more_fen": row.paid_more_fen,
                "deducted_fen": row.deducted_fen,
            }
            for pool, moved in made
            for row in moved
        ],
    }  # fmt: skip
    return Draft(
        "rebalancing", year, who, "maker", body, clause="S1 三(七)", subject=f"{year} {own.name}",
        documents=(paper,), lines=tuple(lines),
    )  # fmt: skip


def community_entry(reading: Reading, own: Filed, year: int) -> Entry:
    """Return the clearing of a community; raises InputError where there is none."""
    for entry in reading.entries(("clearing",), year=year):
        if entry.body.get("community") == own.filing.community_id:
            return entry
    raise InputError(
        both(
            f"医共体“{own.name}”{year}年尚未清算（S1 三(六)至(七)）",
            f"community {own.name!r} is not cleared for {year} (S1 三(六)-(七))",
        ),
        remedy=both("先清算：drgpay budget community settle", "first: community settle"),
    )


def _rebalanced(
    own: Filed, sides: Mapping[str, Any], rows: Sequence[Row], table: Path
) -> Iterator[tuple[str, Sequence[Any]]]:
    faults: list[Bilingual] = []
    made = []
    for pool in sorted({row["pool"] for row in rows}):
        mine = [row for row in rows if row["pool"] == pool]
        if pool not in sides:
            faults.append(both(f"险种 {pool} 没有清算", f"pool {pool} was not cleared"))
            continue
        side = sides[pool]
        before = {row["hospital_id"]: row["amount_fen"] for row in side["rows"]}
        for row in mine:
            if row["amount_before_yuan"] != before.get(row["hospital_id"], 0):
                told = yuan_text(before.get(row["hospital_id"], 0))
                faults.append(
                    fault_at(
                        row.where,
                        f"再分配前 {yuan_text(row['amount_before_yuan'])} 元，清算结果为 {told} 元",
                        f"{yuan_text(row['amount_before_yuan'])} yuan before, {told} by the clearing",
                    )
                )
        try:
            moved = rebalance(
                _of_pool(own, {(name, pool): None for name in before}, pool),
                side["side"],
                before,
                {row["hospital_id"]: row["amount_after_yuan"] for row in mine},
                [row["hospital_id"] for row in mine if row["signed_by"].strip()],
            )
        except InputError as error:
            faults += [
                located(both(f"险种 {pool}", f"pool {pool}"), fault)
                for fault in error.faults or (error.what,)
            ]
        else:
            made.append((pool, moved))
    if faults:
        raise InputError(
            both(
                f"医共体“{own.name}”的再平衡分配表不能备案（S1 三(七)、附件5）",
                f"the rebalancing of community {own.name!r} cannot be filed (S1 三(七), annex 5)",
            ),
            where=table,
            faults=faults,
            remedy=both("由牵头单位改正后重新报送", "the lead corrects it and files again"),
        )
    return iter(made)


# --- shown


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberYear:
    """A member's year in one pool as the book has it, in fen; None where it is not that far."""

    hospital_id: str
    name: str
    level: str
    district: str
    lead: bool
    pool: str
    before_fen: int
    moved_out_fen: int | None
    after_fen: int
    actual_fen: int | None
    difference_fen: int | None
    amount_fen: int | None
    rebalanced_fen: int | None


def member_years(reading: Reading, own: Filed, year: int) -> list[MemberYear]:
    """Return what a community's members have of a year, by pool (S1 三(三)): their sum is its budget."""
    held, after = held_indices(reading, year), held_indices(reading, year, transferred=True)
    id = own.filing.community_id
    found: dict[str, dict[tuple[str, str], int]] = {}
    for entry in reading.entries(("transfer", "clearing", "rebalancing"), year=year):
        if entry.body.get("community") == id:
            for key, place, fen in _member_amounts(entry):
                found.setdefault(key, {})[place] = fen
    facts = {member["hospital_id"]: member for member in own.members}
    names = ("moved_out", "actual", "difference", "amount", "rebalanced")

    def year_of(name: str, pool: str) -> MemberYear:
        told: dict[str, Any] = {key: facts[name][key] for key in ("name", "level", "district")}
        told |= {f"{key}_fen": found.get(key, {}).get((name, pool)) for key in names}
        return MemberYear(
            hospital_id=name, pool=pool, lead=name == own.filing.lead,
            before_fen=control_of(held[name, pool]), after_fen=control_of(after[name, pool]),
            **told,
        )  # fmt: skip

    return [
        year_of(name, pool)
        for pool in pools_of(own, held)
        for name in own.filing.members
        if (name, pool) in held
    ]


def _steps(reading: Reading, own: Filed, year: int, step: str) -> list[Entry]:
    """Return the entries of a step of a community's year, in order."""
    return [
        entry
        for entry in reading.entries(("step",), year=year)
        if (entry.body["procedure"], entry.body["subject"], entry.body["step"])
        == (YEAR, own.name, step)
    ]


def filed_on(reading: Reading, own: Filed, year: int, step: str) -> str:
    """Return the day on which a step of a community's year was last done, empty for never."""
    found = _steps(reading, own, year, step)
    return str(found[-1].body["day"]) if found else ""


def _member_amounts(entry: Entry) -> Iterator[tuple[str, tuple[str, str], int]]:
    """Return the amounts that an entry of a community gives its members, each under its name."""
    body = entry.body
    for one in body.get("transfers", ()):
        for row in one["rows"]:
            yield "moved_out", (row["hospital_id"], one["pool"]), row["moved_out_fen"]
    for side in body.get("sides", ()):
        for row in side["rows"]:
            for key in ("actual", "difference", "amount"):
                yield key, (row["hospital_id"], side["pool"]), row[f"{key}_fen"]
    if entry.kind == "rebalancing":
        for row in body["rows"]:
            yield "rebalanced", (row["hospital_id"], row["pool"]), row["after_fen"]

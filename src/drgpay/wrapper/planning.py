"""The plan of a year on the book: from tables that people fill in to a proposed control target.

Also the procedures of the year: where they stand, and a step put down.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from drgpay.budget.targets import (
    BudgetFactor,
    ControlTarget,
    FundBudget,
    control_target,
    fund_budget,
)
from drgpay.ground.errors import InputError, both
from drgpay.ground.times import today
from drgpay.ledger.book import Reading, Turn
from drgpay.ledger.calendar import load_calendar
from drgpay.ledger.entries import Document, Draft
from drgpay.ledger.postings import target_lines
from drgpay.ledger.procedure_reader import load_procedures
from drgpay.ledger.procedures import Act, Matter, Procedure, Terms, progress
from drgpay.ledger.status import Row, year_status
from drgpay.ledger.steps import STEP, Recorded, StepLog, do_step
from drgpay.names.plan import BUDGET_FACTORS, DEDUCTIONS
from drgpay.policy import YearPolicy, load_policy
from drgpay.policy.year import shown
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Table
from drgpay.tables.reader import Reader
from drgpay.wrapper.filled import MEND
from drgpay.wrapper.plan_parts import parts_of, read_parts

BUDGET = "budget"  # the catalogue of its policies


FACTORS = Table(
    "budget_factors",
    (
        Column("pool", kinds.code),
        Column("factor", kinds.coded(BUDGET_FACTORS)),
        Column("amount_yuan", kinds.signed_amount),
        Column("basis"),
        Column("author"),
    ),
    required=True,
    unique=("pool", "factor"),
    filled=True,
)
OUTSIDE = Table(
    "target_deductions",
    (
        Column("pool", kinds.code),
        Column("deduction", kinds.coded(DEDUCTIONS)),
        Column("amount_yuan", kinds.amount),
    ),
    required=True,
    unique=("pool", "deduction"),
)


@dataclass(frozen=True)
class AskedPolicy(YearPolicy):
    """The parameters in force in a year, and which of them were asked."""

    asked: set[str] = field(default_factory=set, compare=False)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)


def budget_policy(name: str, year: int) -> AskedPolicy:
    """Return the parameters of a budget policy in force in a year."""
    return asked_policy(load_policy(name, catalogue=BUDGET).for_year(year))


def asked_policy(own: YearPolicy) -> AskedPolicy:
    """Return the same parameters, none of them asked yet."""
    return AskedPolicy(**{each.name: getattr(own, each.name) for each in fields(own)})


def policy_facts(policy: YearPolicy) -> dict[str, Any]:
    """Return what an entry says of the policy that it was computed by: the parameters asked so far.

    Each with its value, source and rule of docs/rules.md, so that the entry tells by itself what it
    hangs on, whatever becomes of the policy's file.
    """
    asked = policy.asked if isinstance(policy, AskedPolicy) else ()
    return {
        "id": policy.id, "digest": policy.digest,
        "parameters": [
            {
                "key": key, "name": own.name, "rule": policy.known[key].rule,
                "value": shown(own.raw), "verified": own.verified, "source": own.source,
                "source_zh": own.source_zh,
            }
            for key, own in policy.parameters.items()
            if key in asked
        ],
    }  # fmt: skip


def plan_draft(folder: Path, year: int, policy_name: str, who: str, approval: str = "") -> Draft:
    """Return the entry of a plan: budget, control target, reserves, divisions of each pool.

    Raises InputError for tables that cannot be read (all faults at once), for a budget that grows
    or spends too much, for a target that does not hold its reserves, and for parts that exceed what they divide.
    """
    policy = budget_policy(policy_name, year)
    reader = Reader(Path(folder))
    factors, outside = reader.read(FACTORS), reader.read(OUTSIDE)
    pools = sorted({row["pool"] for row in factors})
    reader.give(FACTORS.name, pools, reader.path(FACTORS).name)
    given = read_parts(reader)
    reader.refuse(
        Path(folder),
        both("预算表有误", "the tables of the budget have faults"),
        MEND,
    )
    strange = sorted({row["pool"] for row in outside} - set(pools))
    if strange:
        raise InputError(
            both(
                f"扣除项目中的险种没有支出预算：{'、'.join(strange)}",
                f"deductions of pools without a budget: {', '.join(strange)}",
            ),
            where=folder,
        )
    made = []
    for pool in pools:
        amounts = [
            BudgetFactor(r["factor"], r["amount_yuan"], r["basis"], r["author"])
            for r in factors
            if r["pool"] == pool
        ]
        budget = fund_budget(pool, amounts, policy, approval)
        left_out = {r["deduction"]: r["amount_yuan"] for r in outside if r["pool"] == pool}
        made.append((budget, control_target(pool, budget.budget_fen, left_out, policy)))
    lines = [
        line
        for _, own in made
        for line in target_lines(
            own.pool, own.target_fen, {r.code: r.amount_fen for r in own.reserves}, {}
        )
    ]
    parts = parts_of(given, made, policy)
    body = {
        "policy": policy_facts(policy),
        "approval": approval.strip(),
        "targets": [_facts(budget, own) for budget, own in made],
        **parts,
        "assumed": _assumed(policy),
    }
    return Draft(
        "target", year, who, "maker", body, clause="S0 10-14", subject=f"{year}",
        lines=tuple(lines),
    )  # fmt: skip


def _facts(budget: FundBudget, target: ControlTarget) -> dict[str, Any]:
    """Return every figure of a pool's plan, amounts in fen."""
    return {
        "pool": budget.pool, "factors": [asdict(factor) for factor in budget.factors],
        "revenue_fen": budget.revenue_fen, "budget_fen": budget.budget_fen,
        "surplus_fen": budget.surplus_fen, "growth_cap": str(budget.growth_cap),
        "most_fen": budget.most_fen, "deducted": [[c, fen] for c, fen in target.deducted],
        "inside_fen": target.inside_fen, "target_fen": target.target_fen,
        "reserves": [[r.code, str(r.ratio), r.amount_fen] for r in target.reserves],
        "free_fen": target.free_fen,
    }  # fmt: skip


PLANNED = ("budget_growth_cap", "out_of_area", "target.")


def _assumed(policy: YearPolicy) -> list[str]:
    """Return the parameters of planning that no text at hand states."""
    return [
        f"{p.name}（{key}）"
        for key, p in policy.parameters.items()
        if not p.verified and key.startswith(PLANNED)
    ]


# --- procedures


def kept_file(turn: Turn, path: Path) -> Document:
    """Keep a file in the book; raises InputError where there is none."""
    if not path.is_file():
        raise InputError(
            both("没有这个文件", "there is no such file"),
            where=path,
            remedy=both("核对文件的位置", "check where it is"),
        )
    return turn.keep(path.name, path.read_bytes())


def stands(
    reading: Reading, procedure_id: str, year: int, subject: str, step: str, policy: YearPolicy
) -> Mapping[str, str] | None:
    """Return the papers' digests of a step that stands, None where it is not done or was sent back."""
    (procedure,) = chosen([procedure_id])
    matter = Matter(procedure=procedure_id, year=year, month=0, subject=subject)
    acts = StepLog().of_year(reading, year).get(matter, ())
    so_far = progress(procedure, matter, acts, Terms.of(policy, load_calendar()))
    if not so_far.done(procedure.steps[step]):
        return None
    own = {"procedure": procedure_id, "subject": subject, "step": step, "month": 0}
    found: Mapping[str, str] = next(
        entry.body["papers"]
        for entry in reversed(reading.entries((STEP,), year=year))
        if all(entry.body[key] == value for key, value in own.items())
    )
    return found


def step_done(
    turn: Turn,
    procedure_id: str,
    year: int,
    subject: str,
    step: str,
    policy: YearPolicy,
    *,
    role: str,
    who: str,
    day: dt.date,
    papers: Mapping[str, Document],
) -> Recorded:
    """Put a step of a community's or an application's procedure down, with papers that are kept."""
    (procedure,) = chosen([procedure_id])
    matter = Matter(procedure=procedure_id, year=year, month=0, subject=subject)
    act = Act(step=step, role=role, who=who, day=day)
    terms = Terms.of(policy, load_calendar())
    return do_step(turn, StepLog(), procedure, matter, act, papers, terms)


def chosen(names: Sequence[str]) -> list[Procedure]:
    """Return procedures by id; raises InputError for one that is not known."""
    known = load_procedures().by_id
    for name in names:
        if name not in known:
            raise InputError(
                both(f"没有程序 {name}", f"there is no procedure {name!r}"),
                remedy=both(f"可用：{'、'.join(known)}", f"known: {', '.join(known)}"),
            )
    return [known[name] for name in names]


def standing(
    done: Mapping[Matter, Sequence[Act]],
    year: int,
    policy_name: str,
    names: Sequence[str] = (),
    *,
    communities: Sequence[str] = (),
    everything: bool = False,
) -> tuple[Row, ...]:
    """Return how the procedures of a year stand today: those named, else those that a region follows.

    `communities`: the names of those on file.
    """
    policy = budget_policy(policy_name, year)
    asked = chosen(names or policy["procedures.followed"])
    terms = Terms.of(policy, load_calendar())
    return year_status(
        year, asked, done, terms, today(), communities=communities, everything=everything
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A step that somebody says was done; `papers` as CODE=FILE."""

    procedure: str
    step: str
    year: int
    month: int
    subject: str
    day: dt.date
    role: str
    party: str
    papers: tuple[str, ...]
    back: str
    who: str


def put_down(turn: Turn, asked: Asked, policy_name: str) -> Recorded:
    """Put a step down in the book with its papers; raises InputError for one that may not be."""
    (procedure,) = chosen([asked.procedure])
    terms = Terms.of(budget_policy(policy_name, asked.year), load_calendar())
    papers = {}
    for text in asked.papers:
        code, sign, file = text.partition("=")
        if not sign or not Path(file).is_file():
            raise InputError(
                both(f"--paper {text} 不是 文件代码=文件", f"--paper {text} is no CODE=FILE"),
                remedy=both("写作 minutes=纪要.pdf，文件须存在", "as minutes=FILE, which exists"),
            )
        papers[code] = turn.keep(Path(file).name, Path(file).read_bytes())
    matter = Matter(
        procedure=procedure.id, year=asked.year, month=asked.month, subject=asked.subject
    )
    act = Act(
        step=asked.step, role=asked.role, who=asked.who, day=asked.day, party=asked.party,
        returned=bool(asked.back), note=asked.back,
    )  # fmt: skip
    return do_step(turn, StepLog(), procedure, matter, act, papers, terms)

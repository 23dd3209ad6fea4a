"""Steps of procedures that an entry of the book does by itself: put down when it takes effect.

Which step is which entry's stands in procedures.toml (`entry`). What cannot be put down, because a
step before it is not, is told, and stays due; the entry holds all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from drgpay.ground.errors import Bilingual, DrgpayError, both, joined, located
from drgpay.ledger.book import Turn
from drgpay.ledger.calendar import load_calendar
from drgpay.ledger.entries import Document, Entry, canonical
from drgpay.ledger.procedure_reader import load_procedures
from drgpay.ledger.procedures import Act, Matter, Procedure, Step, Terms, progress
from drgpay.ledger.steps import StepLog, do_step
from drgpay.policy.budget import BUDGET_POLICY
from drgpay.wrapper.planning import budget_policy


def put_down_own_steps(
    turn: Turn, entry: Entry, day: dt.date, policy_name: str = ""
) -> list[Bilingual]:
    """Put the steps down that an entry does; return what is to be told of them.

    Of procedures that were begun, each step once. `policy_name`: by default that of the entry.
    """
    own = entry.body.get("policy")
    name = policy_name or (own["id"] if isinstance(own, Mapping) else BUDGET_POLICY)
    log = StepLog()
    told: list[Bilingual] = []
    for procedure, step in _steps_of(entry.kind):
        for matter in _matters(log.of_year(turn, entry.year), procedure, entry):
            try:
                terms = Terms.of(budget_policy(name, entry.year), load_calendar())
                told += _put_down(turn, log, procedure, step, matter, entry, day, terms)
            except DrgpayError as error:
                told.append(_not_put_down(procedure, step, matter, error))
    return told


def _steps_of(kind: str) -> Iterator[tuple[Procedure, Step]]:
    for procedure in load_procedures().by_id.values():
        for step in procedure.steps.values():
            if step.entry == kind:
                yield procedure, step


def _matters(done: Mapping[Matter, object], procedure: Procedure, entry: Entry) -> list[Matter]:
    """Return the matters of a procedure that were begun and that an entry is about."""
    begun = [matter for matter in done if matter.procedure == procedure.id]
    if entry.kind == "published":  # it shows whatever is in the book
        return begun
    body = entry.body
    about = {
        "community": body.get("name", "") if "community" in body else None,
        "application": body.get("application"),
        "year": None if "community" in body else "",
        "month": None,
    }[procedure.per]
    return [matter for matter in begun if matter.subject == about]


def _put_down(
    turn: Turn, log: StepLog, procedure: Procedure, step: Step, matter: Matter, entry: Entry,
    day: dt.date, terms: Terms,
) -> Iterator[Bilingual]:  # fmt: skip
    """Put one step down, unless it is done already, and tell of it."""
    so_far = progress(procedure, matter, log.of_year(turn, matter.year)[matter], terms)
    if so_far.done(step):
        return
    if entry.kind == "published" and so_far.waits_for(step, day):
        return  # another time
    maker = turn.entry(entry.about).who if entry.about is not None else entry.who
    act = Act(step=step.id, role=step.role, who=maker, day=day)
    content = canonical(
        {"number": entry.number, "digest": entry.digest, "kind": entry.kind,
         "subject": entry.subject, "body": entry.body}
    )  # fmt: skip
    paper: Document = turn.keep(f"第{entry.number}号.json", content.encode())
    made = do_step(turn, log, procedure, matter, act, dict.fromkeys(step.papers, paper), terms)
    yield both(
        f"已登记，第 {made.entry.number} 号：{made.entry.subject}",
        f"put down as entry {made.entry.number}: {procedure.name}, {step.name}",
    )
    yield from made.notes


def _not_put_down(
    procedure: Procedure, step: Step, matter: Matter, error: DrgpayError
) -> Bilingual:
    what = both(
        f"未登记“{procedure.name.chinese}·{step.name.chinese}”{matter.subject}，条件具备后用 "
        f"drgpay budget done {procedure.id} {step.id} 登记",
        f"not put down: {procedure.name}, {step.name} {matter.subject}; once it may be, by "
        f"drgpay budget done {procedure.id} {step.id}",
    )
    return located(what, joined([error.what, *error.faults]))

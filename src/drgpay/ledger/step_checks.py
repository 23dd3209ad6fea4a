"""Whether a step of a procedure may be done: out of its order, by the wrong one or too late it may not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ledger.calendar import Deadline
from drgpay.ledger.persons import PARAMETER, others
from drgpay.ledger.procedures import (
    NAMED,
    Act,
    Clause,
    Matter,
    Procedure,
    Progress,
    Step,
    Terms,
    TimeLimit,
    parties_told,
    progress,
    step_of,
)
from drgpay.names.ledger import BOOK_ROLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A step that may be done: its last day, whether it is late, what the reader must know."""

    step: Step
    due: Deadline | None
    late: bool
    notes: tuple[Bilingual, ...]


def check_step(
    procedure: Procedure, matter: Matter, acts: Sequence[Act], act: Act, terms: Terms
) -> Checked:
    """Return that a step may be done now, and whether it is late.

    Raises InputError with everything that stands against it, each with its clause and remedy: the
    wrong role, a paper that is not on file, a step out of its order, a person who must be another
    one, a last day after which it is refused.
    """
    so_far = progress(procedure, matter, acts, terms)
    step = step_of(procedure, act)
    faults = [fault for check in CHECKS for fault in check(so_far, step, act)]
    if faults:
        raise InputError(
            both(
                f"“{procedure.name.of('zh')}”的步骤“{step.name.of('zh')}”不能办理",
                f"step {step.name.of('en')!r} of {procedure.name.of('en')!r} cannot be done",
            ),
            where=f"{procedure.id}.{step.id}",
            faults=faults,
        )
    due = so_far.due(step)
    late = due is not None and act.day > due.day
    notes = list(so_far.notes(step))
    if late and due and step.limit:
        notes.append(_late(step.limit, due, act.day))
    return Checked(step=step, due=due, late=late, notes=tuple(notes))


# ---- what may stand against a step: each says the fault with its clause and what to do


def _wrong_matter(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if the matter does not say its month, or which community or application it is about."""
    matter, per = so_far.matter, so_far.procedure.per
    if (per == "month") != (1 <= matter.month <= 12):
        yield _fault(
            step.clause,
            f"月份 {matter.month} 不对：按月的程序写 1 至 12，其余不写；请核对",
            f"has month {matter.month}: 1 to 12 for what is done by month, else none: check it",
        )
    if (per in NAMED) != bool(matter.subject.strip()):
        yield _fault(
            step.clause,
            "没有写明是哪个医共体或哪件申请" if per in NAMED else "不应写所涉的医共体或申请",
            "does not say which community or application it is about: name it"
            if per in NAMED
            else "is about no community or application: leave it out",
        )


def _wrong_role(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if the step is another role's."""
    if act.role != step.role:
        own, wanted = BOOK_ROLES.get(act.role), BOOK_ROLES[step.role]
        yield _fault(
            step.clause,
            f"应由{wanted.of('zh')}办理，而不是{own.of('zh') if own else f'“{act.role}”'}；"
            f"请由{wanted.of('zh')}登录办理",
            f"is for the {wanted.of('en')} to do, not the {own.of('en') if own else repr(act.role)}: "
            f"let the {wanted.of('en')} do it",
        )


def _no_person(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if nobody is named as doing it."""
    if not act.who.strip():
        yield _fault(
            step.clause, "没有经手人；请写明姓名或工号", "names nobody who does it: name one"
        )


def _paper_missing(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if a paper is not on file; what is sent back needs none."""
    for paper, name in step.papers.items() if not act.returned else ():
        if paper not in act.papers:
            yield _fault(
                step.clause,
                f"缺少材料“{name.of('zh')}”（{paper}）；请附上后再办",
                f"lacks the paper {name.of('en')!r} ({paper}): put it on file first",
            )


def _out_of_order(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if a step that must come before is not done, or not on an earlier day."""
    for other in so_far.waits_for(step, act.day):
        missing = so_far.missing(other)
        told = parties_told(missing)
        zh, en = f"（未办：{told.of('zh')}）", f" (open: {told.of('en')})"
        yield _fault(
            step.clause,
            f"须先办“{other.name.of('zh')}”{zh if missing else ''}",
            f"comes after {other.name.of('en')!r}{en if missing else ''}: do that first",
        )
    if not so_far.asked(step):
        return
    earlier = [a for id in step.before for a in so_far.acts.get(id, ()) if a.day > act.day]
    for other_act in earlier[:1]:
        name = so_far.procedure.steps[other_act.step].name
        yield _fault(
            step.clause,
            f"日期 {act.day} 早于前一步“{name.of('zh')}”的 {other_act.day}；请核对日期",
            f"is dated {act.day}, before {name.of('en')!r} of {other_act.day}: check the date",
        )


def _not_asked(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if the step hangs on one that was not done."""
    if not so_far.asked(step) and so_far.passed(so_far.procedure.steps[step.when], act.day):
        name = so_far.procedure.steps[step.when].name
        yield _fault(
            step.clause,
            f"只在办过“{name.of('zh')}”之后才有；请先办该步",
            f"is there only after {name.of('en')!r}: do that first",
        )


def _done_already(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if it is done already, or a later step is; what each must do may still come, late."""
    same = [a for a in so_far.done(step) if not step.each or a.party == act.party]
    for other in same[:1]:
        yield _fault(
            step.clause,
            f"已于 {other.day} 由 {other.who} 办过；如有错，由后面的步骤退回后重办",
            f"was done on {other.day} by {other.who}: to do it again, a later step sends it back",
        )
    if same or step.each:
        return
    for later in so_far.overtaken(step)[:1]:
        yield _fault(
            step.clause,
            f"后面的步骤“{later.name.of('zh')}”已办，不能再补办；如有错，退回后重办",
            f"comes before {later.name.of('en')!r}, which is done: have that sent back first",
        )


def _wrong_party(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if a step that each must do is done for nobody, or for one that is no party."""
    parties = so_far.matter.parties
    if step.each and parties and act.party not in parties:
        yield _fault(
            step.clause,
            f"“{act.party}”不在应办机构之列；请写应办机构的编码",
            f"is not owed by {act.party!r}: name an institution that owes it",
        )


def _returned_wrongly(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if a step sends back that cannot, or without a reason."""
    if act.returned and not step.returns_to:
        yield _fault(
            step.clause, "这一步不能退回；请照办", "sends nothing back: do it, or leave it"
        )
    elif act.returned and not act.note.strip():
        yield _fault(step.clause, "退回没有理由；请写明", "is sent back without a reason: say why")


def _same_person(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if a person does two steps that different ones must do."""
    for group in so_far.procedure.persons:
        for id in others(so_far.terms.values[PARAMETER], group, step.id):
            for other in so_far.acts.get(id, ()):
                if other.who.strip() == act.who.strip():
                    name = so_far.procedure.steps[id].name
                    yield _fault(
                        step.clause,
                        f"{act.who} 已办“{name.of('zh')}”，须由另一人办理（persons.distinct）",
                        f"{act.who} did {name.of('en')!r}: another person must do this "
                        "(persons.distinct)",
                    )


def _too_late(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if it is refused after its last day."""
    due = so_far.due(step)
    if due and step.limit and step.late == "refuse" and act.day > due.day:
        late = _late(step.limit, due, act.day)
        yield both(
            f"{late.of('zh')}；逾期不予受理，有特殊情况的报主管部门决定",
            f"{late.of('en')}: not taken any more; in special circumstances ask the authority",
        )


def _late(limit: TimeLimit, due: Deadline, day: dt.date) -> Bilingual:
    """Return that a last day is past, and who says so."""
    clause = limit.clause.told
    zh = f"{clause.of('zh')}；{limit.assumed.of('zh')}，期限为假定" if limit.assumed else ""
    en = f"{clause.of('en')}; assumed: {limit.assumed.of('en')}" if limit.assumed else ""
    return both(
        f"已过期限：最后一日 {due.day}，办理 {day}（{zh or clause.of('zh')}）",
        f"late: the last day was {due.day}, done on {day} ({en or clause.of('en')})",
    )


def _fault(clause: Clause, chinese: str, english: str) -> Bilingual:
    """Return what stands against a step, with its clause."""
    return both(f"{chinese}（{clause.told.of('zh')}）", f"{english} ({clause.told.of('en')})")


CHECKS = (
    _wrong_matter,
    _wrong_role,
    _no_person,
    _wrong_party,
    _paper_missing,
    _not_asked,
    _out_of_order,
    _done_already,
    _returned_wrongly,
    _same_person,
    _too_late,
)

"""Procedures of the budget's year: steps, who must do them, with what on file, by when.

Pure: given what was done and a calendar, the state of each step, and whether a further one may be
done. Procedures are data (procedures.toml); what says how they are read is procedure_reader.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from drgpay.ground.errors import Bilingual, InputError, both, unknown_choice
from drgpay.ledger.calendar import Calendar, Deadline
from drgpay.names.ledger import BOOK_ROLES
from drgpay.policy.year import Values

# what a procedure is gone through for, once each
MATTERS: Mapping[str, Bilingual] = {
    "year": both("年度", "year"),
    "month": both("月份", "month"),
    "community": both("医共体", "community"),
    "application": both("每件申请", "application"),
}
NAMED = ("community", "application")  # whose matters say what they are about
LATENESS: Mapping[str, Bilingual] = {
    "mark": both("逾期照办并注明", "done all the same, marked as late"),
    "refuse": both("逾期不予受理", "refused when late"),
}
STATES: Mapping[str, Bilingual] = {
    "done": both("已办", "done"),
    "done_late": both("已办（逾期）", "done late"),
    "due": both("待办", "due"),
    "overdue": both("逾期未办", "overdue"),
    "optional": both("可办", "may be done"),
    "waiting": both("待前一步", "waiting"),
    "lapsed": both("未办，不再办理", "no longer possible"),
    "not_asked": both("不涉及", "not asked for"),
}
DONE = ("done", "done_late")
OPEN = ("due", "overdue", "optional")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Where a rule stands: the name of a text and the place in it; `whole`: its wording is at hand."""

    text: Bilingual
    place: Bilingual
    whole: bool

    @property
    def told(self) -> Bilingual:
        """The clause as it is cited."""
        return both(
            f"{self.text.of('zh')} {self.place.of('zh')}",
            f"{self.text.of('en')}, {self.place.of('en')}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimit:
    """When a step must be done, in one of four ways.

    A date `by` (month, day) of the matter's year or of the year `year` years later; such a date that
    a `parameter` of the policy gives; a `day` of the month `month` months after the matter's; or
    `working_days` after another step (`after`) was done, or after that one's own last day
    (`counted` is deadline). `assumed`: why, where no text states it.
    """

    by: tuple[int, int] | None = None
    parameter: str = ""
    year: int = 0
    day: int = 0
    month: int = 0
    working_days: int = 0
    after: str = ""
    counted: str = "done"
    clause: Clause
    assumed: Bilingual | None = None

    @property
    def verified(self) -> bool:
        """Whether a text that was at hand states it; what a parameter gives is said by the policy."""
        return self.clause.whole and self.assumed is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: who does it, what must be on file, after which steps.

    An `optional` one is waited for by nobody. One with `when` is asked for only where that step was
    done. `each`: owed by every party of the matter. `returns_to`: the step from which all is done
    again when this one sends it back. `late`: what becomes of it after its last day.
    """

    id: str
    name: Bilingual
    clause: Clause
    role: str
    papers: Mapping[str, Bilingual]
    after: tuple[str, ...] = ()
    when: str = ""
    optional: bool = False
    each: bool = False
    returns_to: str = ""
    limit: TimeLimit | None = None
    late: str = ""

    @property
    def before(self) -> tuple[str, ...]:
        """The steps that come before, the one it hangs on among them."""
        return (self.when, *self.after) if self.when else self.after


@dataclass(frozen=True, kw_only=True)
class Procedure:
    """A procedure: its steps in an order in which they can be done.

    `per`: what it is gone through for, of `MATTERS`; `persons`: groups of steps that different
    persons must do.
    """

    id: str
    name: Bilingual
    clause: Clause
    per: str
    steps: Mapping[str, Step]
    persons: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def later(self) -> Mapping[str, frozenset[str]]:
        """The steps that come after each, straight or by way of others."""
        found: dict[str, set[str]] = {id: set() for id in self.steps}
        for step in reversed(list(self.steps.values())):
            for before in step.before:
                found[before] |= {step.id, *found[step.id]}
        return {id: frozenset(steps) for id, steps in found.items()}


@dataclass(frozen=True, kw_only=True)
class Procedures:
    """Procedures with the papers that their steps ask for."""

    papers: Mapping[str, Bilingual]
    by_id: Mapping[str, Procedure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a procedure is gone through for: a year's, a month's, a community's, an application.

    `subject` says which community or application; `parties` are the institutions that owe the steps
    which each must do.
    """

    procedure: str
    year: int
    month: int = 0
    subject: str = ""
    parties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What was done: a step, by whom in which role, on which day, with which papers on file.

    `party`: the institution that it was done for, of a step that each must do. `returned`: sent
    back, not passed.
    """

    step: str
    role: str
    who: str
    day: dt.date
    papers: tuple[str, ...] = ()
    party: str = ""
    returned: bool = False


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What deadlines and persons are judged by: the calendar, and the policy's parameters.

    Read are `deadline.weekend`, `persons.distinct` and those that time limits name.
    """

    calendar: Calendar
    values: Values

    @property
    def weekend(self) -> str:
        """What a day off does to a deadline."""
        return str(self.values["deadline.weekend"])


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """Where a step stands.

    `state`: of `STATES`. `acts`: what did it. `missing`: the parties that have not done it.
    `waits_for`: the steps that must be done first. `due`: its last day, None without one or as long
    as the step that it is counted from is open.
    """

    step: Step
    state: str
    acts: tuple[Act, ...] = ()
    missing: tuple[str, ...] = ()
    waits_for: tuple[Step, ...] = ()
    due: Deadline | None = None
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A step that may be done: its last day, whether it is late, what the reader must know."""

    step: Step
    due: Deadline | None
    late: bool
    notes: tuple[Bilingual, ...]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a matter has come: the acts that stand, by step, after what was sent back."""

    procedure: Procedure
    matter: Matter
    terms: Terms
    acts: Mapping[str, tuple[Act, ...]] = field(default_factory=dict)

    def done(self, step: Step) -> tuple[Act, ...]:
        """Return the acts of a step, empty where it is not done at all."""
        return self.acts.get(step.id, ())

    def missing(self, step: Step) -> tuple[str, ...]:
        """Return the parties that owe a step which each must do, and have not done it."""
        if not step.each:
            return ()
        have = {act.party for act in self.done(step)}
        return tuple(party for party in self.matter.parties if party not in have)

    def passed(self, step: Step, day: dt.date) -> bool:
        """Return whether later steps need not wait for a step on a day.

        They do not for one that is done, that may be left out or that is not asked for; nor, after
        its last day, for parties that have not done what each must do: those are late.
        """
        if self.done(step) and not self.missing(step):
            return True
        if step.optional or not self.asked(step):
            return True
        due = self.due(step)
        return step.each and bool(self.done(step)) and due is not None and day > due.day

    def asked(self, step: Step) -> bool:
        """Return whether a step is asked for: the one that it hangs on was done, if there is one."""
        return not step.when or bool(self.done(self.procedure.steps[step.when]))

    def waits_for(self, step: Step, day: dt.date) -> tuple[Step, ...]:
        """Return the steps that must be done before a step, of those right before it."""
        steps = self.procedure.steps
        return tuple(steps[id] for id in step.before if not self.passed(steps[id], day))

    def overtaken(self, step: Step) -> tuple[Step, ...]:
        """Return the later steps that are done already."""
        later = self.procedure.later[step.id]
        return tuple(s for s in self.procedure.steps.values() if s.id in later and self.done(s))

    def due(self, step: Step) -> Deadline | None:
        """Return the last day of a step, None where it has none or none yet."""
        limit = step.limit
        if limit is None:
            return None
        if limit.after:
            return self._counted(limit)
        if limit.day:
            months = self.matter.year * 12 + self.matter.month - 1 + limit.month
            nominal = dt.date(months // 12, months % 12 + 1, limit.day)
        else:
            month, day = limit.by or self.terms.values[limit.parameter]
            nominal = dt.date(self.matter.year + limit.year, month, day)
        return self.terms.calendar.deadline(nominal, self.terms.weekend)

    def _counted(self, limit: TimeLimit) -> Deadline | None:
        """Return the end of a time that is counted from another step."""
        step = self.procedure.steps[limit.after]
        if limit.counted == "deadline":
            due = self.due(step)
            begin = due.day if due else None
        elif limit.counted == "done":
            done = self.done(step)
            begin = max(act.day for act in done) if done and not self.missing(step) else None
        else:
            raise unknown_choice("counted", limit.counted)
        return self.terms.calendar.counted(begin, limit.working_days) if begin else None

    def with_act(self, act: Act) -> Progress:
        """Return how far the matter is after a further act; InputError for a step there is not."""
        step = _step(self.procedure, act)
        acts = dict(self.acts)
        if act.returned:
            again = step.returns_to or step.id
            for id in (again, *self.procedure.later[again]):
                acts.pop(id, None)
        else:
            acts[step.id] = (*acts.get(step.id, ()), act)
        return Progress(procedure=self.procedure, matter=self.matter, terms=self.terms, acts=acts)


def progress(procedure: Procedure, matter: Matter, acts: Sequence[Act], terms: Terms) -> Progress:
    """Return how far a matter has come by what was done, in the order in which it was."""
    found = Progress(procedure=procedure, matter=matter, terms=terms)
    for act in acts:
        found = found.with_act(act)
    return found


def states(
    procedure: Procedure, matter: Matter, acts: Sequence[Act], terms: Terms, today: dt.date
) -> tuple[StepState, ...]:
    """Return where each step of a matter stands today, in the procedure's order.

    Raises InputError for an act of a step that there is not, and for a deadline in a year without a
    calendar.
    """
    so_far = progress(procedure, matter, acts, terms)
    return tuple(_state(so_far, step, today) for step in procedure.steps.values())


def _state(so_far: Progress, step: Step, today: dt.date) -> StepState:
    acts, missing, due = so_far.done(step), so_far.missing(step), so_far.due(step)
    waits_for: tuple[Step, ...] = ()
    if acts and not missing:
        late = due is not None and max(act.day for act in acts) > due.day
        state = "done_late" if late else "done"
    else:
        late = due is not None and today > due.day
        if not so_far.asked(step):
            state, late = "not_asked", False
        elif step.optional and (so_far.overtaken(step) or (late and step.late == "refuse")):
            state, late = "lapsed", False
        elif waits_for := so_far.waits_for(step, today):
            state = "waiting"
        else:
            state = "optional" if step.optional else "overdue" if late else "due"
    return StepState(
        step=step,
        state=state,
        acts=acts,
        missing=missing,
        waits_for=waits_for,
        due=due,
        late=late,
    )


def check_step(
    procedure: Procedure, matter: Matter, acts: Sequence[Act], act: Act, terms: Terms
) -> Checked:
    """Return that a step may be done now, and whether it is late.

    Raises InputError with everything that stands against it, each with its clause and remedy: the
    wrong role, a paper that is not on file, a step out of its order, a person who must be another
    one, a last day after which it is refused.
    """
    so_far = progress(procedure, matter, acts, terms)
    step = _step(procedure, act)
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
    notes = list(due.notes) if due else []
    if late and due and step.limit:
        notes.append(_late(step.limit, due, act.day))
    return Checked(step=step, due=due, late=late, notes=tuple(notes))


def _step(procedure: Procedure, act: Act) -> Step:
    """Return the step of an act; InputError where the procedure has none of that name."""
    found = procedure.steps.get(act.step)
    if found is None:
        known = ", ".join(procedure.steps)
        raise InputError(
            both(
                f"“{procedure.name.of('zh')}”没有步骤“{act.step}”",
                f"procedure {procedure.id} has no step {act.step!r}",
            ),
            where=procedure.id,
            remedy=both(f"可用的步骤：{known}", f"its steps: {known}"),
        )
    return found


# ---- what may stand against a step: each says the fault with its clause and what to do


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
        zh, en = (f"（未办：{'、'.join(missing)}）", f" (open: {', '.join(missing)})")
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


def _nothing_to_return(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if a step sends back that cannot."""
    if act.returned and not step.returns_to:
        yield _fault(
            step.clause, "这一步不能退回；请照办", "sends nothing back: do it, or leave it"
        )


def _same_person(so_far: Progress, step: Step, act: Act) -> Iterator[Bilingual]:
    """Fail if a person does two steps that different ones must do."""
    for group in so_far.procedure.persons:
        for id in _others(so_far.terms, group, step.id):
            for other in so_far.acts.get(id, ()):
                if other.who == act.who:
                    name = so_far.procedure.steps[id].name
                    yield _fault(
                        step.clause,
                        f"{act.who} 已办“{name.of('zh')}”，须由另一人办理（persons.distinct）",
                        f"{act.who} did {name.of('en')!r}: another person must do this "
                        "(persons.distinct)",
                    )


def _others(terms: Terms, group: tuple[str, ...], step: str) -> tuple[str, ...]:
    """Return the steps whose persons must not be that of a step, of a group in its order."""
    rule = terms.values["persons.distinct"]
    if rule == "maker_and_approver":
        group = (group[0], group[-1])
    elif rule == "not_asked":
        group = ()
    elif rule != "three_persons":
        raise unknown_choice("persons.distinct", rule)
    return tuple(other for other in group if other != step) if step in group else ()


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
    _wrong_role,
    _no_person,
    _wrong_party,
    _paper_missing,
    _not_asked,
    _out_of_order,
    _done_already,
    _nothing_to_return,
    _same_person,
    _too_late,
)

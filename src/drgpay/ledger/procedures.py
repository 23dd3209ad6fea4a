"""Procedures of the budget's year: steps, who must do them, with what on file, by when.

Pure: given what was done and a calendar, the state of each step. Procedures are data
(procedures.toml), read by procedure_reader.py; step_checks.py says whether a further step may be done.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from drgpay.ground.errors import Bilingual, InputError, both, unknown_choice
from drgpay.ledger.calendar import Calendar, Deadline
from drgpay.policy.year import Values, YearPolicy

# what a procedure is gone through for, once each
MATTERS: Mapping[str, Bilingual] = {
    "year": both("年度", "year"),
    "month": both("月份", "month"),
    "community": both("医共体", "community"),
    "application": both("每件申请", "application"),
}
NAMED = ("community", "application")  # whose matters say what they are about
BEGINS: Mapping[str, Bilingual] = {
    "at_once": both("随时", "at any time"),
    "over": both("期满之后", "when the time is over"),
}
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
NAMED_PARTIES = 5  # so many that owe a step are named, the rest counted
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
    again when this one sends it back. `late`: what becomes of it after its last day. `entry`: the
    kind of entry that does it, and puts it down, when it takes effect.
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
    entry: str = ""

    @property
    def before(self) -> tuple[str, ...]:
        """The steps that come before, the one it hangs on among them."""
        return (self.when, *self.after) if self.when else self.after


@dataclass(frozen=True, kw_only=True)
class Procedure:
    """A procedure: its steps in an order in which they can be done.

    `per`: what it is gone through for, of `MATTERS`; `begins`: from when on it is asked for, of
    `BEGINS`; `persons`: groups of steps that different persons must do.
    """

    id: str
    name: Bilingual
    clause: Clause
    per: str
    begins: str
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
    which each must do, and no part of what makes two matters one.
    """

    procedure: str
    year: int
    month: int = 0
    subject: str = ""
    parties: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What was done: a step, by whom in which role, on which day, with which papers on file.

    `party`: the institution that it was done for, of a step that each must do. `returned`: sent
    back, not passed; `note` says why.
    """

    step: str
    role: str
    who: str
    day: dt.date
    papers: tuple[str, ...] = ()
    party: str = ""
    returned: bool = False
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What deadlines and persons are judged by: the calendar, and the policy's parameters.

    Read are `deadline.weekend`, `persons.distinct` and those that time limits name. `assumed`: the
    sources of parameters that are not verified, to be told with what hangs on them.
    """

    calendar: Calendar
    values: Values
    assumed: Mapping[str, Bilingual] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: YearPolicy, calendar: Calendar) -> Terms:
        """Return the terms of a budget policy's year."""
        assumed = {
            key: both(p.source_zh or p.source, p.source)
            for key, p in policy.parameters.items()
            if not p.verified
        }
        return cls(calendar=calendar, values=policy, assumed=assumed)

    @property
    def weekend(self) -> str:
        """What a day off does to a deadline."""
        return str(self.values["deadline.weekend"])


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """Where a step stands.

    `state`: of `STATES`. `acts`: what did it. `missing`: the parties that have not done it.
    `waits_for`: the steps that must be done first. `due`: its last day, None without one or as long
    as the step that it is counted from is open; `notes` are what its reader must know.
    """

    step: Step
    state: str
    acts: tuple[Act, ...] = ()
    missing: tuple[str, ...] = ()
    waits_for: tuple[Step, ...] = ()
    due: Deadline | None = None
    late: bool = False
    notes: tuple[Bilingual, ...] = ()


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
        """Return the steps that must be done before a step: the next ones, also behind one left out."""
        found: dict[str, Step] = {}
        for other in (self.procedure.steps[id] for id in step.before):
            if not self.passed(other, day):
                found[other.id] = other
            elif not self.done(other):
                found |= {behind.id: behind for behind in self.waits_for(other, day)}
        return tuple(found.values())

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

    def notes(self, step: Step) -> Iterator[Bilingual]:
        """Yield what the reader of a step's last day must know: what of it no text states."""
        limit, due = step.limit, self.due(step)
        if limit is None or due is None:
            return
        assumed = self.terms.assumed
        if limit.parameter:
            why = assumed.get(limit.parameter)
            zh, en = (f"：{why.of('zh')}", f": {why.of('en')}") if why else ("", "")
            yield both(
                f"期限由政策参数 {limit.parameter} 给出{zh}",
                f"the last day is that of {limit.parameter} (policy){en}",
            )
        elif limit.assumed:
            yield both(
                f"期限为假定：{limit.assumed.of('zh')}",
                f"the last day is assumed: {limit.assumed.of('en')}",
            )
        elif not limit.clause.whole:
            clause = limit.clause.told
            yield both(
                f"期限出自 {clause.of('zh')}，原文未见",
                f"the last day is of {clause.of('en')}, whose wording was not at hand",
            )
        if due.day != due.nominal and "deadline.weekend" in assumed:
            why = assumed["deadline.weekend"]
            yield both(
                f"{due.nominal} 放假，移至 {due.day}：{why.of('zh')}",
                f"{due.nominal} is a day off, moved to {due.day}: {why.of('en')}",
            )
        yield from due.notes


def matter_name(matter: Matter) -> Bilingual:
    """Return what a matter is called.

    >>> matter_name(Matter(procedure="monthly_settlement", year=2025, month=3)).chinese
    '2025年3月'
    """
    month = f"{matter.month}月" if matter.month else ""
    zh = f"{matter.year}年{month}{matter.subject and f' {matter.subject}'}"
    when = f"{matter.year}-{matter.month:02}" if matter.month else str(matter.year)
    return both(zh, f"{when}{matter.subject and f' {matter.subject}'}")


def parties_told(parties: Sequence[str]) -> Bilingual:
    """Return some institutions by name: a few of many, with their number.

    >>> parties_told(["H1", "H2", "H3", "H4", "H5", "H6"]).chinese
    'H1、H2、H3、H4、H5等 6 家'
    """
    named, more = parties[:NAMED_PARTIES], len(parties) - NAMED_PARTIES
    zh = f"等 {len(parties)} 家" if more > 0 else ""
    en = f" and {more} more" if more > 0 else ""
    return both(f"{'、'.join(named)}{zh}", f"{', '.join(named)}{en}")


def progress(procedure: Procedure, matter: Matter, acts: Sequence[Act], terms: Terms) -> Progress:
    """Return how far a matter has come by what was done, in the order in which it was.

    Raises InputError for an act of a step that there is not.
    """
    found: dict[str, list[Act]] = {}
    for act in acts:
        step = step_of(procedure, act)
        if act.returned:
            again = step.returns_to or step.id
            for id in (again, *procedure.later[again]):
                found.pop(id, None)
        else:
            found.setdefault(step.id, []).append(act)
    standing = {id: tuple(own) for id, own in found.items()}
    return Progress(procedure=procedure, matter=matter, terms=terms, acts=standing)


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
        notes=tuple(so_far.notes(step)),
    )


def step_of(procedure: Procedure, act: Act) -> Step:
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

"""Where the budget's year stands: what is next, and who owes what by when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from drgpay.ground.errors import Bilingual, both, joined, unknown_choice
from drgpay.ledger.procedures import (
    DONE,
    OPEN,
    STATES,
    Act,
    Matter,
    Procedure,
    StepState,
    Terms,
    matter_name,
    parties_told,
    states,
)
from drgpay.names.ledger import BOOK_ROLES

COLUMNS: Mapping[str, Bilingual] = {
    "procedure": both("程序", "Procedure"),
    "matter": both("事项", "Matter"),
    "step": both("步骤", "Step"),
    "owed_by": both("责任方", "Owed by"),
    "state": both("状态", "State"),
    "last_day": both("最后一日", "Last day"),
    "days_left": both("剩余工作日", "Working days left"),
    "waits_for": both("等待", "Waits for"),
    "clause": both("依据", "Clause"),
    "notes": both("说明", "Notes"),
}
ORDER = ("overdue", "due", "optional", "waiting", "done_late", "done", "lapsed", "not_asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A step of a matter as it stands today.

    `days_left`: working days after today up to its last day, negative after it; None without one,
    or where it is done.
    """

    procedure: Procedure
    matter: Matter
    state: StepState
    days_left: int | None

    def cells(self, lang: str) -> dict[str, str | int]:
        """Return what `COLUMNS` show in a language, empty where there is nothing to say.

        The last day is a date's text, the days left a number.
        """
        state, step = self.state, self.state.step
        shown = state.state in (*OPEN, "waiting", *DONE) and state.due
        done = [both(text, text) for text in (f"{act.day} {act.who}" for act in state.acts)]
        told: dict[str, Bilingual] = {
            "procedure": self.procedure.name,
            "matter": matter_name(self.matter),
            "step": step.name,
            "owed_by": _owed_by(state),
            "state": STATES[state.state],
            "waits_for": joined(other.name for other in state.waits_for),
            "clause": step.clause.told,
            "notes": joined((*state.notes, *done)),
        }
        plain: dict[str, str | int] = {
            "last_day": state.due.day.isoformat() if shown and state.due else "",
            "days_left": "" if self.days_left is None else self.days_left,
        }
        return {key: plain[key] if key in plain else told[key].of(lang) for key in COLUMNS}


def year_status(
    year: int,
    procedures: Iterable[Procedure],
    done: Mapping[Matter, Sequence[Act]],
    terms: Terms,
    today: dt.date,
    *,
    communities: Sequence[str] = (),
    parties: Sequence[str] = (),
    everything: bool = False,
) -> tuple[Row, ...]:
    """Return the steps of a year that are open today, what is overdue first, then by last day.

    `procedures` are those that the region follows, `done` what was done, by matter; matters that
    nobody has begun are added: the year's, those of months that are over, one for each of the
    `communities`. `parties` owe the steps that each institution must do. `everything`: with what
    waits, is done or not asked for. Raises InputError for a deadline in a year without a calendar.
    """
    known = {procedure.id: procedure for procedure in procedures}
    rows = []
    for matter in _matters(year, known, done, today, communities, parties):
        procedure = known[matter.procedure]
        for state in states(procedure, matter, done.get(matter, ()), terms, today):
            if everything or state.state in OPEN:
                left = (
                    terms.calendar.between(today, state.due.day)
                    if state.due and state.state in (*OPEN, "waiting")
                    else None
                )
                rows.append(Row(procedure=procedure, matter=matter, state=state, days_left=left))
    return tuple(sorted(rows, key=_order))


def headline(rows: Sequence[Row]) -> Bilingual:
    """Return in one sentence how many steps are overdue and due, and which is the next last day."""
    count = {state: sum(row.state.state == state for row in rows) for state in STATES}
    days = sorted(row.state.due.day for row in rows if row.state.state == "due" and row.state.due)
    zh = f"；最近的最后一日 {days[0]}" if days else ""
    en = f"; the next last day is {days[0]}" if days else ""
    return both(
        f"逾期未办 {count['overdue']} 项，待办 {count['due']} 项，可办 {count['optional']} 项{zh}",
        f"{count['overdue']} steps overdue, {count['due']} due, {count['optional']} that may be "
        f"done{en}",
    )


def _matters(
    year: int,
    known: Mapping[str, Procedure],
    done: Mapping[Matter, Sequence[Act]],
    today: dt.date,
    communities: Sequence[str],
    parties: Sequence[str],
) -> list[Matter]:
    """Return the matters of a year: those begun, and those that are asked for by now."""
    found: list[Matter] = []
    for procedure in known.values():
        owed = tuple(parties) if any(step.each for step in procedure.steps.values()) else ()
        begun = [m for m in done if m.year == year and m.procedure == procedure.id]
        found += [replace(matter, parties=matter.parties or owed) for matter in begun]
        for month, subject in _times(procedure, communities):
            matter = Matter(
                procedure=procedure.id, year=year, month=month, subject=subject, parties=owed
            )
            over = procedure.begins == "at_once" or today > _end(year, month)
            if over and matter not in done:
                found.append(matter)
    return found


def _times(procedure: Procedure, communities: Sequence[str]) -> list[tuple[int, str]]:
    """Return month and subject of each time that a procedure is gone through in a year unasked."""
    if procedure.per == "year":
        return [(0, "")]
    if procedure.per == "month":
        return [(month, "") for month in range(1, 13)]
    if procedure.per == "community":
        # a filing is begun by the community itself
        return [(0, community) for community in communities if procedure.begins == "over"]
    if procedure.per == "application":
        return []
    raise unknown_choice("per", procedure.per)


def _end(year: int, month: int) -> dt.date:
    """Return the last day of a month, or of the year."""
    after = dt.date(year + 1, 1, 1) if month in (0, 12) else dt.date(year, month + 1, 1)
    return after - dt.timedelta(days=1)


def _order(row: Row) -> tuple[int, dt.date, str, int, str]:
    due = row.state.due
    last = due.day if due else dt.date.max
    matter = row.matter
    return ORDER.index(row.state.state), last, matter.procedure, matter.month, matter.subject


def _owed_by(state: StepState) -> Bilingual:
    """Return the role that owes a step, with the parties that have not done it."""
    role = BOOK_ROLES[state.step.role]
    missing = state.missing if state.state not in DONE else ()
    if not missing:
        return role
    told = parties_told(missing)
    return both(f"{role.of('zh')}（{told.of('zh')}）", f"{role.of('en')} ({told.of('en')})")

"""Steps of procedures in the book: each that is done is an entry, and what is done is read from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.times import day as day_of
from drgpay.ledger.book import Reading, Turn
from drgpay.ledger.entries import Document, Draft, Entry
from drgpay.ledger.procedures import Act, Matter, Procedure, Terms, matter_name
from drgpay.ledger.step_checks import Checked, check_step

STEP = "step"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step that was done: its entry, and what was found when it was checked."""

    entry: Entry
    checked: Checked
    notes: tuple[Bilingual, ...]


class StepLog:
    """What was done by the book's entries, by matter: read once, then followed as the book grows."""

    def __init__(self) -> None:
        self._years: dict[int, tuple[int, str, dict[Matter, list[Act]]]] = {}

    def of_year(self, reading: Reading, year: int) -> Mapping[Matter, Sequence[Act]]:
        """Return what was done in a budget's year, in the book's order; it grows with further calls."""
        number, digest, acts = self._years.get(year, (0, "", {}))
        if number:
            # a turn that failed may have been read, and its numbers given to others since
            there = reading.entries(numbers=[number])
            if not there or there[0].digest != digest:
                number, acts = 0, {}
        for entry in reading.entries({STEP}, year=year, after=number):
            matter, act = _read(entry)
            acts.setdefault(matter, []).append(act)
            number, digest = entry.number, entry.digest
        self._years[year] = number, digest, acts
        return acts


def do_step(
    turn: Turn,
    log: StepLog,
    procedure: Procedure,
    matter: Matter,
    act: Act,
    papers: Mapping[str, Document],
    terms: Terms,
) -> Recorded:
    """Put a step down in the book, after all that the book has of its matter.

    `log` is best kept as long as the book is open. `papers` are documents that the turn keeps, by
    what they are (the step's papers). Whether it is late is kept with it. Raises InputError for a step that may not be done, and for a day to come.
    """
    act = replace(act, papers=tuple(papers))
    today = dt.date.fromisoformat(day_of(turn.clock()))
    if act.day > today:
        raise InputError(
            both(
                f"办理日期 {act.day} 晚于今天 {today}",
                f"the step is dated {act.day}, and today is {today}",
            ),
            where=f"{procedure.id}.{act.step}",
            remedy=both("核对日期，办了再登记", "check the date; put it down when it is done"),
        )
    done = log.of_year(turn, matter.year).get(matter, ())
    checked = check_step(procedure, matter, done, act, terms)
    step = checked.step
    notes = list(checked.notes)
    if act.day < today:
        notes.append(
            both(f"办理日期 {act.day}，登记于 {today}", f"done on {act.day}, put down on {today}")
        )
    body = {
        "procedure": procedure.id,
        "step": step.id,
        "month": matter.month,
        "subject": matter.subject,
        "party": act.party,
        "day": act.day.isoformat(),
        "last_day": checked.due.day.isoformat() if checked.due else "",
        "late": checked.late,
        "returned": act.returned,
        "note": act.note,
        "papers": {paper: document.digest for paper, document in papers.items()},
    }
    about = f"{procedure.name.chinese}·{step.name.chinese}·{matter_name(matter).chinese}"
    entry = turn.append(
        Draft(
            STEP,
            matter.year,
            act.who,
            act.role,
            body,
            clause=step.clause.told.chinese,
            subject=about,
            documents=tuple(papers.values()),
        )
    )
    return Recorded(entry, checked, tuple(notes))


def _read(entry: Entry) -> tuple[Matter, Act]:
    """Return what an entry says was done, and about what."""
    told = entry.body
    matter = Matter(
        procedure=told["procedure"], year=entry.year, month=told["month"], subject=told["subject"]
    )
    act = Act(
        step=told["step"],
        role=entry.role,
        who=entry.who,
        day=dt.date.fromisoformat(told["day"]),
        papers=tuple(told["papers"]),
        party=told["party"],
        returned=told["returned"],
        note=told["note"],
    )
    return matter, act

"""Objections of hospitals to what was published, each with its number and, in time, its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from drgpay.ground.errors import both
from drgpay.service.pages.forms import Form
from drgpay.service.problems import At, Problem, not_there
from drgpay.service.roles import Caller
from drgpay.service.store import OBJECTIONS, Store, now

LONGEST_ABOUT, LONGEST_TEXT = 120, 4_000
LISTED = 200
MOST_OPEN = 200  # of one hospital
FIELDS = {"about": both("针对什么", "what it is about"), "text": both("理由", "the reasons")}
UNDECIDED = both("须选择采纳或不采纳", "say whether it is accepted")
HIGHEST = 2**63 - 1  # number that the store has


@dataclass(frozen=True, slots=True)
class Objection:
    """An objection; `accepted` is None until it is answered."""

    number: int
    hospital: str
    run_id: str
    about: str
    text: str
    made_at: int
    answer: str
    accepted: bool | None
    answered_at: int | None


def object_to(store: Store, caller: Caller, run_id: str, about: str, text: str) -> int:
    """Take an objection of a hospital and return its number; raises Problem for an empty one."""
    wrong = faults_of(about, text)
    if wrong:
        raise Problem(422, "invalid", both("异议未受理", "the objection is not taken"), faults=wrong)  # fmt: skip
    with store.begin() as connection:
        waiting = connection.execute(
            sa.select(sa.func.count()).where(
                OBJECTIONS.c.hospital_id == caller.hospital, OBJECTIONS.c.accepted.is_(None)
            )
        ).scalar_one()
        if waiting >= MOST_OPEN:
            raise Problem(
                429,
                "objections_waiting",
                both("待答复的异议过多", "too many objections wait for an answer"),
            )
        made = connection.execute(
            sa.insert(OBJECTIONS)
            .values(
                hospital_id=caller.hospital, run_id=run_id, about=about, text=text, made_at=now(),
                made_by=caller.id, answer="", answered_by="",
            )
            .returning(OBJECTIONS.c.number)
        ).scalar_one()  # fmt: skip
    return int(made)


def faults_of(about: str, text: str) -> list[At]:
    """Return what is wrong with an objection as it was written, by field."""
    wrong = []
    for name, value, most in (("about", about, LONGEST_ABOUT), ("text", text, LONGEST_TEXT)):
        word = FIELDS[name]
        if not value:
            told = both(f"“{word.chinese}”不能为空", f"{word} must not be empty")
            wrong.append(At(name, told))
        elif len(value) > most:
            told = both(f"“{word.chinese}”最多{most}字", f"{word}: at most {most} characters")
            wrong.append(At(name, told))
    return wrong


def accepted_of(form: Form) -> bool:
    """Return whether an answer accepts; raises Problem where it says neither."""
    decided = {"yes": True, "no": False}.get(form.one("accepted"))
    if decided is None:
        raise Problem(422, "invalid", UNDECIDED)
    return decided


def answer_faults(text: str) -> None:
    """Raise Problem for an answer without words, or with too many."""
    if not text or len(text) > LONGEST_TEXT:
        raise Problem(
            422, "invalid", both("答复不能为空，也不能过长", "an answer has some words, not too many"),
            faults=[At("answer", both(f"1至{LONGEST_TEXT}字", f"1 to {LONGEST_TEXT} characters"))],
        )  # fmt: skip


def answer_objection(store: Store, caller: Caller, number: int, text: str, accepted: bool) -> None:
    """Answer an objection, once; raises Problem for one that there is not or that is answered."""
    if not 0 < number <= HIGHEST:
        raise none_waits()
    answer_faults(text)
    done = store.write(
        sa.update(OBJECTIONS)
        .where(OBJECTIONS.c.number == number, OBJECTIONS.c.accepted.is_(None))
        .values(answer=text, accepted=accepted, answered_at=now(), answered_by=caller.id)
    )
    if not done:
        raise none_waits()


def none_waits() -> Problem:
    """Return the refusal of an answer to what waits for none."""
    return not_there(both("没有待答复的这一异议", "no such objection waits for an answer"))


def list_objections(store: Store, hospital: str | None = None) -> list[Objection]:
    """Return the objections of a hospital, or of all, those that wait first, then the latest."""
    asked = sa.select(OBJECTIONS).order_by(
        OBJECTIONS.c.accepted.isnot(None), OBJECTIONS.c.number.desc()
    )
    if hospital is not None:
        asked = asked.where(OBJECTIONS.c.hospital_id == hospital)
    return [_objection(row) for row in store.rows(asked.limit(LISTED))]


def _objection(row: Mapping[str, Any]) -> Objection:
    return Objection(
        number=row["number"], hospital=row["hospital_id"], run_id=row["run_id"],
        about=row["about"], text=row["text"], made_at=row["made_at"], answer=row["answer"],
        accepted=row["accepted"], answered_at=row["answered_at"],
    )  # fmt: skip

"""Registers on the book: what was given back to institutions, objections, opinions, agreements.

An objection or opinion is known by the number of its entry; answers, effects and the version that
took an opinion up are later entries about it. Nothing is changed, everything is added.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drgpay.ground.errors import InputError, both
from drgpay.ground.times import day as day_of
from drgpay.ledger.book import Reading, Turn
from drgpay.ledger.entries import Document, Draft, Entry
from drgpay.ledger.procedure_reader import load_procedures
from drgpay.ledger.procedures import Terms

CHECKING = ("objections", "object")  # the step whose time is that of checking
ANSWERING = ("objections", "answer")
OPINION_KINDS = ("group", "weight", "coefficient")


@dataclass(frozen=True, slots=True)
class Filed:
    """An objection or an opinion with what became of it; `answers` in the book's order."""

    entry: Entry
    answers: tuple[Entry, ...]

    @property
    def number(self) -> int:
        """By which it is known."""
        return self.entry.number

    @property
    def hospital_id(self) -> str:
        """Whose it is."""
        return str(self.entry.body["hospital_id"])

    def last(self, key: str) -> Any:
        """Return what the last answer says that says it, None where none does."""
        return next((a.body[key] for a in reversed(self.answers) if key in a.body), None)

    @property
    def state(self) -> str:
        """open, accepted, refused, in_effect or taken_up."""
        if self.last("version"):
            return "taken_up"
        if self.last("effect"):
            return "in_effect"
        accepted = self.last("accepted")
        return "open" if accepted is None else "accepted" if accepted else "refused"


def filed(reading: Reading, kind: str, *, year: int, hospital: str = "") -> list[Filed]:
    """Return the objections or opinions of a year, of one institution where one is named."""
    answers: dict[int, list[Entry]] = {}
    for entry in reading.entries(("answer",)):
        if entry.about is not None:
            answers.setdefault(entry.about, []).append(entry)
    found = [
        Filed(entry, tuple(answers.get(entry.number, ())))
        for entry in reading.entries((kind,), year=year)
    ]
    return [own for own in found if hospital in ("", own.hospital_id)]


def one_filed(reading: Reading, kind: str, number: int) -> Filed:
    """Return an objection or opinion by its number; raises InputError for what is none."""
    entry = reading.entry(number)
    if entry.kind != kind:
        raise InputError(
            both(f"第 {number} 号不是这种记录", f"entry {number} is of another kind"),
            remedy=both("编号见列表", "numbers: see the list"),
        )
    return Filed(entry, tuple(reading.entries(("answer",), about=number)))


# --- what was given back to each institution, to be checked


def give(
    turn: Turn, year: int, packages: Mapping[str, Document], who: str, terms: Terms, day: dt.date
) -> tuple[Entry, dt.date]:
    """Put down that each institution was given its own; return the entry and the last day to object."""
    last = last_day_to_object(terms, day)
    body = {
        "audience": "institutions", "day": day.isoformat(), "last_day": last.isoformat(),
        "working_days": _limit(CHECKING),
        "packages": {name: own.digest for name, own in sorted(packages.items())},
    }  # fmt: skip
    draft = Draft(
        "published", year, who, "maker", body, clause=_clause(CHECKING), subject=f"{year}",
        documents=tuple(packages.values()),
    )  # fmt: skip
    return turn.append(draft), last


def last_day_to_object(terms: Terms, day: dt.date) -> dt.date:
    """Return the last day to object to what is given on a day."""
    return terms.calendar.counted(day, _limit(CHECKING)).day


def hospitals_of(entries: Iterable[Entry]) -> list[str]:
    """Return the institutions that entries say something of."""
    return sorted(
        {
            own["hospital_id"]
            for entry in entries
            for listed in entry.body.values()
            if isinstance(listed, list)
            for own in listed
            if isinstance(own, Mapping) and "hospital_id" in own
        }
    )


def given_to(reading: Reading, year: int, hospital: str) -> Entry | None:
    """Return the last entry by which an institution was given its own of a year."""
    found = [
        entry
        for entry in reading.entries(("published",), year=year)
        if hospital in entry.body.get("packages", {})
    ]
    return found[-1] if found else None


def _limit(step: tuple[str, str]) -> int:
    limit = load_procedures().by_id[step[0]].steps[step[1]].limit
    if limit is None or not limit.working_days:
        raise ValueError(f"{step} has no time in working days")
    return limit.working_days


def _clause(step: tuple[str, str]) -> str:
    return load_procedures().by_id[step[0]].steps[step[1]].clause.told.chinese


def object_to(
    turn: Turn, year: int, hospital: str, about: str, text: str, who: str, *,
    documents: Sequence[Document] = (),
) -> Entry:  # fmt: skip
    """Put an objection down against what an institution was given.

    Raises InputError where nothing was given to it, or the time to check it is over.
    """
    _said({"about": about, "text": text})
    entry = given_to(turn, year, hospital)
    if entry is None:
        raise InputError(
            both(
                f"还没有向机构 {hospital} 反馈{year}年的数据",
                f"{hospital} was given nothing of {year}",
            ),
            remedy=both("先反馈：drgpay budget give", "first: drgpay budget give"),
        )
    today, last = day_of(turn.clock()), entry.body["last_day"]
    if today > last:
        raise InputError(
            both(
                f"核对期已于 {last} 届满，今天是 {today}",
                f"the time to check ended on {last}, today is {today}",
            ),
            where=_clause(CHECKING),
            remedy=both("逾期不予受理", "what comes later is not taken"),
        )
    body = {"hospital_id": hospital, "about": about, "text": text, "given": entry.number}
    return turn.append(
        Draft(
            "objection", year, who, "institution", body, clause=_clause(CHECKING),
            subject=f"{hospital} {about}"[:200], documents=tuple(documents),
        )
    )  # fmt: skip


def state_opinion(
    turn: Turn, year: int, hospital: str, what: str, code: str, text: str, who: str, *,
    documents: Sequence[Document],
) -> Entry:  # fmt: skip
    """Put an opinion down: on a group, weight or coefficient, with its evidence."""
    if what not in OPINION_KINDS:
        raise InputError(
            both(f"没有“{what}”这种意见", f"no opinion on {what!r}"),
            remedy=both(f"可用：{'、'.join(OPINION_KINDS)}", f"known: {', '.join(OPINION_KINDS)}"),
        )
    _said({"code": code, "text": text})
    if not documents:
        raise InputError(
            both("意见须附依据", "an opinion comes with its evidence"),
            remedy=both("加 --evidence 文件", "add --evidence FILE"),
        )
    body = {"hospital_id": hospital, "what": what, "code": code, "text": text}
    step = ("opinions", "state")
    return turn.append(
        Draft(
            "opinion", year, who, "institution", body, clause=_clause(step),
            subject=f"{hospital} {what} {code}"[:200], documents=tuple(documents),
        )
    )  # fmt: skip


def answer(turn: Turn, kind: str, number: int, text: str, accepted: bool, who: str) -> Entry:
    """Answer an objection or opinion, once; raises InputError for one that is answered."""
    _said({"text": text})
    own = one_filed(turn, kind, number)
    if own.state != "open":
        raise InputError(
            both(f"第 {number} 号已答复", f"{number} is answered already"),
            remedy=both("结果另行登记", "what came of it is put down by itself"),
        )
    step = ANSWERING if kind == "objection" else ("opinions", "answer")
    return _about(turn, own, {"accepted": accepted, "text": text}, _clause(step), who)


def bring_into_effect(turn: Turn, number: int, text: str, entry: int | None, who: str) -> Entry:
    """Put down what came of an objection that was accepted, and the entry that did it."""
    _said({"text": text})
    own = one_filed(turn, "objection", number)
    if own.state != "accepted":
        raise InputError(
            both(
                f"第 {number} 号没有待落实的答复",
                f"{number} has no accepted answer to bring into effect",
            )
        )
    body: dict[str, Any] = {"effect": text}
    if entry is not None:
        turn.entry(entry)  # it is there
        body["effect_entry"] = entry
    return _about(turn, own, body, _clause(("objections", "effect")), who)


def take_up(turn: Turn, number: int, version: str, who: str) -> Entry:
    """Put down the version that took an opinion up; raises InputError for one that was not accepted."""
    _said({"version": version})
    own = one_filed(turn, "opinion", number)
    if own.state != "accepted":
        raise InputError(
            both(
                f"第 {number} 号意见未被采纳，或已纳入",
                f"opinion {number} is not accepted, or taken up",
            )
        )
    return _about(turn, own, {"version": version}, _clause(("opinions", "take_up")), who)


def _about(turn: Turn, own: Filed, body: Mapping[str, Any], clause: str, who: str) -> Entry:
    year = own.entry.year
    return turn.append(
        Draft("answer", year, who, "maker", dict(body), clause=clause,
              subject=own.entry.subject, about=own.number)
    )  # fmt: skip


def _said(texts: Mapping[str, str]) -> None:
    empty = [name for name, text in texts.items() if not text.strip()]
    if empty:
        raise InputError(
            both(f"不能为空：{'、'.join(empty)}", f"must not be empty: {', '.join(empty)}")
        )


# --- agreements


def file_agreement(
    turn: Turn, year: int, hospital: str, indices: Mapping[str, int], policy: Mapping[str, str],
    document: Document, who: str,
) -> Entry:  # fmt: skip
    """File an agreement of an institution: its index, its rules of assessment and settlement.

    `indices`: in fen by pool. Its versions are numbered; a later one takes the place of those before.
    Raises InputError for the same paper twice, and for one that would change nothing.
    """
    before = agreements(turn, year, hospital)
    body = {
        "hospital_id": hospital, "version": len(before) + 1,
        "indices": [{"pool": pool, "index_fen": fen} for pool, fen in sorted(indices.items())],
        "policy": dict(policy), "assessment": _last(turn, "assessment", year),
    }  # fmt: skip
    if before and before[-1].documents[0].digest == document.digest:
        raise InputError(
            both(
                f"这份协议已作为第 {before[-1].body['version']} 版登记",
                f"this paper is filed as version {before[-1].body['version']} already",
            )
        )
    return turn.append(
        Draft(
            "agreement", year, who, "maker", body, clause="S0 41",
            subject=f"{hospital} {year} v{len(before) + 1}", documents=(document,),
        )
    )  # fmt: skip


def _last(reading: Reading, kind: str, year: int) -> int:
    return reading.last((kind,), year)


def agreements(reading: Reading, year: int, hospital: str = "") -> list[Entry]:
    """Return the agreements of a year in their order, of one institution where one is named."""
    return [
        entry
        for entry in reading.entries(("agreement",), year=year)
        if hospital in ("", entry.body["hospital_id"])
    ]


def in_force(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the last version of each institution's agreement."""
    return {str(entry.body["hospital_id"]): entry for entry in entries}

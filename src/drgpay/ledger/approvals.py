"""What moves money is proposed by one, checked by another, approved by a third (经办、复核、审批).

A proposal holds the entry as it would be, and whether different persons must do the three
(`persons.distinct` of the policy it was made by). It takes effect when it is approved, and not if
what it was computed from has changed since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drgpay.ground.errors import InputError, both
from drgpay.ledger.book import Reading, Turn
from drgpay.ledger.entries import Draft, Entry, Line, check_draft
from drgpay.ledger.persons import PARAMETER, THREE, others
from drgpay.names.ledger import ENTRY_KINDS

STEPS = ("proposed", "checked", "approved", "returned", "withdrawn")
GROUP = ("proposed", "checked", "approved")  # whom `persons.distinct` tells apart
ENDED = ("approved", "returned", "withdrawn")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal and what became of it: the last step and everybody who took part."""

    entry: Entry
    state: str
    by: tuple[tuple[str, str], ...]  # step, person

    @property
    def number(self) -> int:
        """Its number in the book."""
        return self.entry.number

    @property
    def draft(self) -> Draft:
        """The entry that it proposes; who and role are those of whoever approves."""
        told, entry = self.entry.body, self.entry
        return Draft(
            kind=told["kind"], year=entry.year, who=entry.who, role=entry.role,
            body=told["body"], clause=entry.clause, subject=entry.subject,
            documents=entry.documents, lines=tuple(Line(*line) for line in told["lines"]),
        )  # fmt: skip


def propose(
    turn: Turn, draft: Draft, stands_on: Collection[str] = (), persons: str = THREE
) -> Proposal:
    """Put an entry down as a proposal.

    `stands_on`: kinds of entries that it was computed from; one of them that comes before the
    approval makes it void. `persons`: the policy's rule (`persons.distinct`). Raises InputError and BooksError for an entry that could not be made.
    """
    kind = ENTRY_KINDS.get(draft.kind)
    if kind is None or not kind.approved:
        raise InputError(
            both(f"“{draft.kind}”不须审批", f"an entry {draft.kind!r} takes no approval")
        )
    others(persons, GROUP, GROUP[0])
    check_draft(replace(draft, role=kind.roles[-1]))
    turn.check_cash(draft)
    body = {
        "kind": draft.kind,
        "body": draft.body,
        "persons": persons,
        "lines": [[a.account, a.pool, a.hospital_id, a.detail, a.amount_fen] for a in draft.lines],
        "stands_on": {"kinds": sorted(stands_on), "last": _last(turn, draft.year, stands_on)},
    }
    entry = turn.append(replace(draft, kind="proposed", role="maker", body=body, lines=()))
    return Proposal(entry, "proposed", (("proposed", entry.who),))


def check(turn: Turn, number: int, who: str, note: str = "") -> Proposal:
    """Note that a proposal was checked, by another person where its policy asks for one."""
    return _step(turn, number, "checked", who, "checker", note)


def send_back(turn: Turn, number: int, who: str, role: str, why: str) -> Proposal:
    """Send a proposal back, with the reason; it takes no effect any more."""
    if not why.strip():
        raise InputError(both("退回须写明理由", "a proposal is sent back with a reason"))
    return _step(turn, number, "returned", who, role, why)


def withdraw(turn: Turn, number: int, who: str, why: str = "") -> Proposal:
    """Withdraw a proposal that has not taken effect."""
    return _step(turn, number, "withdrawn", who, "maker", why)


def approve(turn: Turn, number: int, who: str, role: str = "approver") -> Entry:
    """Approve a proposal that was checked; return the entry that takes effect.

    By another person where its policy asks for one. Raises InputError for one that was not
    checked, has ended, or stands on figures that changed since, and for what exceeds the ceiling.
    """
    found = proposal(turn, number)
    if found.state == "proposed":
        raise _refused(found, both("尚未复核", "was not checked yet"))
    told = found.entry.body["stands_on"]
    last = _last(turn, found.entry.year, told["kinds"])
    if last != told["last"]:
        raise InputError(
            both(
                f"第 {number} 号拟定之后账有变动（第 {last} 号），所依据的数已过时",
                f"the book went on (entry {last}) after proposal {number} was computed",
            ),
            remedy=both("撤回后重新拟定", "withdraw it and propose anew"),
        )
    _step(turn, number, "approved", who, role, "")
    draft = replace(found.draft, who=who, role="approver")
    return turn.append(replace(draft, about=number))


def _step(turn: Turn, number: int, step: str, who: str, role: str, note: str) -> Proposal:
    found = proposal(turn, number)
    if found.state in ENDED:
        word = ENTRY_KINDS[found.state].word
        raise _refused(found, both(f"已{word.chinese}", f"is {str(word).lower()} already"))
    if found.state == step:
        raise _refused(found, both("已复核", "was checked already"))
    apart = others(found.entry.body.get("persons", THREE), GROUP, step)
    if any(own in apart and person.strip() == who.strip() for own, person in found.by):
        told = [ENTRY_KINDS[own].word for own in (*apart, step)]
        raise InputError(
            both(
                f"第 {number} 号已由{who}经手，{'、'.join(w.chinese for w in told)}须是不同的人"
                f"（{PARAMETER}）",
                f"{who} had proposal {number} in hand: who {', '.join(str(w).lower() for w in told)} "
                f"it are different persons ({PARAMETER})",
            ),
            remedy=both("由另一人办理", "another person does it"),
        )
    entry = turn.append(
        Draft(
            step,
            found.entry.year,
            who,
            role,
            {"note": note},
            clause=found.entry.clause,
            subject=found.entry.subject,
            about=number,
        )
    )
    return replace(found, state=step, by=(*found.by, (step, entry.who)))


def _refused(found: Proposal, why: Any) -> InputError:
    return InputError(
        both(f"第 {found.number} 号{why.chinese}", f"proposal {found.number} {why}"),
        remedy=both("见待办：drgpay budget status", "what waits: drgpay budget status"),
    )


def proposal(reading: Reading, number: int) -> Proposal:
    """Return a proposal by its number; raises InputError for what is none."""
    entry = reading.entry(number)
    if entry.kind != "proposed":
        raise InputError(both(f"第 {number} 号不是拟定", f"entry {number} is no proposal"))
    return _with_steps([entry], reading.entries(STEPS, about=number))[0]


def proposals(reading: Reading, *, year: int | None = None) -> list[Proposal]:
    """Return the proposals of a year (or all) with what became of them, in their order."""
    found = reading.entries(STEPS, year=year)
    return _with_steps([entry for entry in found if entry.kind == "proposed"], found)


def _with_steps(made: Sequence[Entry], steps: Sequence[Entry]) -> list[Proposal]:
    found = {e.number: Proposal(e, "proposed", (("proposed", e.who),)) for e in made}
    for entry in steps:
        if entry.kind != "proposed" and entry.about is not None:
            before = found[entry.about]
            by = (*before.by, (entry.kind, entry.who))
            found[entry.about] = replace(before, state=entry.kind, by=by)
    return list(found.values())


def _last(reading: Reading, year: int, kinds: Collection[str]) -> int:
    """Return the number of the last entry of some kinds in a year."""
    return reading.last(kinds, year) if kinds else 0


def waiting(found: Sequence[Proposal]) -> Mapping[str, list[Proposal]]:
    """Return the proposals that wait, by the role that they wait for."""
    return {
        "checker": [p for p in found if p.state == "proposed"],
        "approver": [p for p in found if p.state == "checked"],
    }

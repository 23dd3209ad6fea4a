"""Communities (医共体) that the book has on file: who is filed where since when, and in which state.

A filing is an entry of its lead; the receipt is a step of the procedure `community_filing` (S1 三(二)).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drgpay.budget.communities import Filing
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ledger.book import Reading

COMMUNITY = "community"  # what a filing is of
FILING, YEAR = "community_filing", "community_year"  # procedures
APPLIED, RECEIVED, RETURNED, WITHDRAWN = "applied", "received", "returned", "withdrawn"
STATES: Mapping[str, Bilingual] = {
    APPLIED: both("已报备案，待回执", "filed, no receipt yet"),
    RECEIVED: both("已备案", "filed"),
    RETURNED: both("备案被退回", "sent back"),
    WITHDRAWN: both("已撤销", "withdrawn"),
}
IN_FORCE = (APPLIED, RECEIVED)


@dataclass(frozen=True, slots=True)
class Filed:
    """A community's last filing, in its state; `members` as form 1 has them, the lead among them."""

    filing: Filing
    members: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    number: int
    state: str

    @property
    def name(self) -> str:
        """The community's name, under which its procedures stand."""
        return self.filing.name


def filed_communities(reading: Reading, year: int) -> dict[str, Filed]:
    """Return the communities filed in a year or before, by id, in whatever state they are."""
    found: dict[str, Filed] = {}
    for entry in reading.entries(("filing", "step")):
        told = entry.body
        if entry.year > year:
            continue
        if entry.kind == "filing" and told["what"] == COMMUNITY:
            if told["withdrawn"]:
                found[told["id"]] = replace(found[told["id"]], state=WITHDRAWN)
            else:
                found[told["id"]] = Filed(
                    _filing(told), told["members"], told, entry.number, APPLIED
                )
        elif entry.kind == "step" and (told["procedure"], told["step"]) == (FILING, "receipt"):
            for own in found.values():
                if own.facts["subject"] == told["subject"] and own.state == APPLIED:
                    state = RETURNED if told["returned"] else RECEIVED
                    found[own.filing.community_id] = replace(own, state=state)
    return found


def _filing(told: Mapping[str, Any]) -> Filing:
    return Filing(
        told["id"],
        told["name"],
        told["lead"],
        tuple(own["hospital_id"] for own in told["members"]),
        dt.date.fromisoformat(told["filed_on"]),
    )


def in_force(found: Mapping[str, Filed]) -> list[Filed]:
    """Return the communities whose filing holds, first the one that was filed first."""
    own = [one for one in found.values() if one.state in IN_FORCE]
    return sorted(own, key=lambda one: one.number)


def members_of(reading: Reading, year: int) -> frozenset[str]:
    """Return the institutions that stand in a community with its receipt."""
    return frozenset(
        name
        for own in filed_communities(reading, year).values()
        if own.state == RECEIVED
        for name in own.filing.members
    )


def on_file(reading: Reading, year: int, name: str) -> Filed | None:
    """Return a community by its id, whatever its state, or by the name of one in force."""
    found = filed_communities(reading, year)
    return found.get(name) or next((o for o in in_force(found) if o.name == name), None)


def community(reading: Reading, year: int, name: str) -> Filed:
    """Return a community with its receipt, by id or name; raises InputError where there is none."""
    own = on_file(reading, year, name)
    if own is None or own.state != RECEIVED:
        state = STATES[own.state] if own else both("没有备案", "not filed")
        raise InputError(
            both(
                f"医共体“{name}”{state.chinese}，不能办理（S1 三(一)至(二)）",
                f"community {name!r}: {state} (S1 三(一)-(二))",
            ),
            remedy=both(
                "先备案（drgpay budget community file）并出具回执（drgpay budget done "
                "community_filing receipt）",
                "file it first (drgpay budget community file), and give the receipt (drgpay budget "
                "done community_filing receipt)",
            ),
        )
    return own

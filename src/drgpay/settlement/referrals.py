"""Deductibles of stays referred inside a community: due once, the higher level's (C6).

A finding: what patients paid at the bedside is corrected by a refund there, never by the year end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.ground.errors import Bilingual, PolicyError, both
from drgpay.names.run_tables import columns_table
from drgpay.policy import YearPolicy
from drgpay.region.levels import differently_written, written_twice
from drgpay.region.records import Region
from drgpay.settlement.facts import NOT_GIVEN, UNREADABLE, one_stay
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.said import note
from drgpay.settlement.scored import ScoredPieces
from drgpay.settlement.scoring import PAID_BY
from drgpay.settlement.stays import Chain, Places, referral_chains

HOSPITALS_NAMED = 10
MADE = ("drg", "cost", "points", "paid_by", "chain")  # what a stay came to
DEDUCTIBLE_KEYS = ("referral.deductible", "referral.deductible_standards")


@dataclass(frozen=True)
class Stay:
    """A stay of a chain: its place over all pieces, hospital by number, deductible in fen."""

    place: int
    case_id: str
    hospital: int
    admission: int
    discharge: int
    deductible: int


@dataclass(frozen=True)
class Referral:
    """A chain's stays in order; what is due once and each stay's excess; None: nothing given."""

    stays: tuple[Stay, ...]
    paid_fen: int | None
    due_fen: int | None
    excess_fen: tuple[int | None, ...]

    @property
    def several(self) -> bool:
        """Whether more than one deductible was paid."""
        return sum(stay.deductible > 0 for stay in self.stays) > 1


def referrals(prepared: Prepared, region: Region, policy: YearPolicy) -> list[Referral]:
    """Return the chains of a year with their deductibles, in order of admission.

    Raises PolicyError when the policy asks for standards and lacks that of a level.
    """
    if not one_stay(policy):
        return []
    return referrals_of(chain_stays(prepared, policy), region, policy)


def referrals_of(
    chains: Sequence[tuple[Stay, ...]], region: Region, policy: YearPolicy
) -> list[Referral]:
    """Return chains, given by their stays in order, with what their deductibles come to."""
    standards = _standards(region, policy)
    levels = [h.level for h in region.hospitals]
    found = []
    for stays in sorted(chains, key=lambda stays: _when(stays[0])):
        by_level = [standards[levels[s.hospital]] for s in stays] if standards else None
        found.append(_referral(stays, by_level))
    return found


def _standards(region: Region, policy: YearPolicy) -> dict[str, int]:
    """Return the deductible of each level, nothing where the highest one paid counts."""
    if not policy.says("referral.deductible", "standards", "highest_paid"):
        return {}
    standards = dict(policy["referral.deductible_standards"])
    lacking = sorted({h.level for h in region.hospitals if h.community} - set(standards))
    if lacking:
        names = "、".join(level or "（空）" for level in lacking)
        twins = [
            differently_written("hospitals.csv", mine, "referral.deductible_standards", other)
            for mine, other in written_twice(lacking, list(standards))
        ]
        raise PolicyError(
            both(
                f"医共体内机构的等级 {names} 没有起付线标准",
                "no deductible is given for the levels of hospitals in a community: "
                + ", ".join(level or "(empty)" for level in lacking),
            ),
            where="referral.deductible_standards",
            faults=twins,
            remedy=both(
                '补上这些等级，如 [["三级", "800.00"]]，或设 referral.deductible = highest_paid',
                'add them, as [["3", "800.00"]], or set referral.deductible = highest_paid',
            ),
        )
    return standards


def chain_stays(prepared: Prepared, policy: YearPolicy) -> list[tuple[Stay, ...]]:
    """Return the stays of each chain; kept for the next time."""
    key = ("referred", policy["referral.days"])
    if key not in prepared.cache:
        prepared.cache[key] = _read(prepared, referral_chains(prepared, policy))
    found: list[tuple[Stay, ...]] = prepared.cache[key]
    return found


def _read(prepared: Prepared, chains: Sequence[Chain]) -> list[tuple[Stay, ...]]:
    pieces = prepared.pieces
    places = Places.of(pieces)
    every = np.array([p for chain in chains for p in chain.places], dtype=np.int64)
    stay_at: dict[int, Stay] = {}
    for number, rows, mine in places.by_piece(every):
        piece = pieces[number]
        f, at = piece.facts, pa.array(rows)
        given = piece.deductible
        paid = np.full(len(rows), NOT_GIVEN) if given is None else given[rows]
        for place, case, *facts in zip(
            every[mine].tolist(),
            piece.case_id.take(at).to_pylist(),
            f.hospital[rows].tolist(),
            f.admission[rows].tolist(),
            f.discharge[rows].tolist(),
            paid.tolist(),
            strict=True,
        ):
            stay_at[place] = Stay(place, case, *facts)
    return [tuple(stay_at[p] for p in chain.places) for chain in chains]


def _when(stay: Stay) -> tuple[int, int, str]:
    return stay.admission, stay.discharge, stay.case_id


def _referral(stays: tuple[Stay, ...], standards: Sequence[int] | None) -> Referral:
    """Return a chain with its excess: what is due once is kept of the highest ones first."""
    paid = [stay.deductible if stay.deductible >= 0 else None for stay in stays]
    known = [fen for fen in paid if fen is not None]
    if not known:
        return Referral(stays, None, None, (None,) * len(stays))
    due = max(known if standards is None else standards)
    rank = [fen or 0 for fen in paid] if standards is None else list(standards)
    left, excess = due, list(paid)
    for i in sorted(range(len(stays)), key=lambda i: (rank[i], i), reverse=True):
        own = paid[i]
        if own is not None:
            kept = min(left, own)
            left, excess[i] = left - kept, own - kept
    return Referral(stays, sum(known), due, tuple(excess))


def referral_notes(
    chains: Sequence[Referral], region: Region, policy: YearPolicy
) -> list[Bilingual]:
    """Return how many chains there are and what was paid more than once, by hospital."""
    stays = [stay for chain in chains for stay in chain.stays]
    if not stays:
        return []
    given = sum(stay.deductible >= 0 for stay in stays)
    bad = sum(stay.deductible == UNREADABLE for stay in stays)
    head = note("referrals", chains=len(chains), stays=len(stays))
    if not given:
        return [_joined(head, note("referrals_unreadable" if bad else "referrals_absent"))]
    over = [chain for chain in chains if any(chain.excess_fen)]
    sums: dict[int, list[int]] = {}
    for chain in chains:
        for stay, excess in zip(chain.stays, chain.excess_fen, strict=True):
            if excess:
                own = sums.setdefault(stay.hospital, [0, 0])
                own[0], own[1] = own[0] + 1, own[1] + excess
    parts = [head, _of_excess(over, sums, region) if over else note("referrals_none_over")]
    if sums and policy.says("referral.deductible", "highest_paid", "standards"):
        parts.append(note("referrals_highest"))
    if given < len(stays):
        unread = note("referrals_bad", bad=bad) if bad else ""
        parts.append(note("referrals_not_given", stays=len(stays) - given, bad=unread))
    return [_joined(*parts)]


def _of_excess(
    over: Sequence[Referral], sums: Mapping[int, Sequence[int]], region: Region
) -> Bilingual:
    """Return what was paid too much: in how many chains, and in which hospitals most."""
    several = sum(chain.several for chain in over)
    told = note(
        "referrals_over", over=len(over), total_fen=sum(fen for _, fen in sums.values()),
        several=note("referrals_several", several=several) if several else "",
    )  # fmt: skip
    ranked = sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    shown = [
        note("referrals_of", hospital=region.hospitals[h].id, count=count, excess_fen=fen)
        for h, (count, fen) in ranked[:HOSPITALS_NAMED]
    ]
    hidden = len(ranked) > len(shown)
    more = note("referrals_more", hospitals=len(ranked)) if hidden else ""
    return _joined(told, note("referrals_by", shown=shown, more=more))


def _joined(*parts: Bilingual) -> Bilingual:
    return both("".join(part.chinese for part in parts), "".join(str(part) for part in parts))


@dataclass(frozen=True)
class Referrals:
    """The chains of a settled year, as a table of its run folder; `drgs` by number.

    `scored` gives by name what stays at some places came to.
    """

    chains: Sequence[Referral]
    region: Region
    scored: Callable[[NDArray[np.int64]], dict[str, list[Any]]]
    drgs: Sequence[str]

    def tables(self, lang: str = "zh") -> dict[str, pa.Table]:
        """Return the table `referrals`, which is the same in every language."""
        stays = [stay.place for chain in self.chains for stay in chain.stays]
        made = self.scored(np.array(stays, dtype=np.int64))
        table = referrals_table(self.chains, self.region, made, self.drgs)
        return {"referrals": table}


def referrals_table(
    chains: Sequence[Referral],
    region: Region,
    made: Mapping[str, Sequence[Any]],
    drgs: Sequence[str],
) -> pa.Table:
    """Return a row for each stay of the chains; what is of a chain stands in its last row.

    `made`: what the stays came to, in their order.
    """
    stays = [stay for chain in chains for stay in chain.stays]
    hospitals = [region.hospitals[stay.hospital] for stay in stays]
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "chain_number", "stay_number", "excess_fen", "chain_stays", "chain_paid_fen",
            "chain_due_fen",
        )
    }  # fmt: skip
    for number, chain in enumerate(chains, start=1):
        size = len(chain.stays)
        for place, excess in enumerate(chain.excess_fen, start=1):
            last = place == size
            own = (
                number, place, excess, size if last else None, chain.paid_fen if last else None,
                chain.due_fen if last else None,
            )  # fmt: skip
            for values, value in zip(columns.values(), own, strict=True):
                values.append(value)

    ids = [stay.case_id for stay in stays]
    return columns_table(
        "referrals",
        {
            **columns,
            "chain": made["chain"],
            "case_id": ids,
            "hospital_id": [h.id for h in hospitals],
            "level": [h.level for h in hospitals],
            "community_id": [h.community for h in hospitals],
            "admission_date": [stay.admission for stay in stays],
            "discharge_date": [stay.discharge for stay in stays],
            "drg": [drgs[i] for i in made["drg"]],
            "lead": [a == b for a, b in zip(ids, made["chain"], strict=True)],
            "total_cost_fen": made["cost"],
            "points": made["points"],
            "paid_by": [PAID_BY[i] for i in made["paid_by"]],
            "deductible_fen": [None if s.deductible < 0 else s.deductible for s in stays],
        },
    )


def made_of(scored: ScoredPieces, wanted: NDArray[np.int64]) -> dict[str, list[Any]]:
    """Return what stays came to, in the order of their places."""
    out: dict[str, list[Any]] = {name: [None] * len(wanted) for name in MADE}
    for number, rows, mine in Places.of(scored.pieces).by_piece(wanted):
        piece = scored[number]
        columns = {
            "drg": piece.drg[rows].tolist(),
            "cost": piece.facts.cost[rows].tolist(),
            "points": piece.points[rows].tolist(),
            "paid_by": piece.paid_by[rows].tolist(),
            "chain": [piece.chain[row] for row in rows.tolist()],
        }
        for at, *values in zip(mine.tolist(), *columns.values(), strict=True):
            for name, value in zip(columns, values, strict=True):
                out[name][at] = value
    return out

"""What later violations take away from what was paid, and where it goes (`removed_case`).

Cases that are removed or put into another group, points that violations cost. `to_fund`: cases and
points keep their weight in the point value, so that nobody else is paid for them, and what they
brought too much is taken back as a violation. `shared`: the points are gone, the recorded fund stays
in the settled total, and what they brought raises the value of all others.
Source: S2 二(二)1(6) (what a violation distorted is recovered); docs/reopening.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from drgpay.budget.kernels import NO_HIGH, NO_LOW
from drgpay.budget.limits import bounds_of, by_case
from drgpay.ground.errors import Bilingual
from drgpay.ground.money import POINT, decimal_text, points_text, round_half_away, yuan_text
from drgpay.points.kernels import HELD, MONEY
from drgpay.policy import YearPolicy
from drgpay.region.later import LaterViolation, Reopening, case_mark, standing_rows
from drgpay.region.records import Region, Violation
from drgpay.region.together import by_pool, ids_in
from drgpay.settlement.point_value import NO_POINTS, HospitalResult, Key, PoolResult
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.said import note
from drgpay.settlement.scored import ScoredPiece, ScoredPieces


@dataclass(frozen=True)
class Returned:
    """A case and what it brought its hospital too much, in fen, at the value of its pool.

    Below 0: by its right group it brings more, which the fund pays, too.
    """

    case_id: str
    hospital_id: str
    pool: str
    amount_fen: int


def to_fund(policy: YearPolicy) -> bool:
    """Whether what violations take away returns to the fund."""
    return policy.says("removed_case", "to_fund", "shared")


# --- points of violations


def without_points(region: Region) -> Region:
    """Return a region in which violations cost no points."""
    own = tuple(replace(v, points=0) for v in region.violations)
    return replace(region, violations=own)


def points_in_money(
    region: Region, pools: Sequence[PoolResult], hospitals: Sequence[HospitalResult]
) -> tuple[Region, dict[Key, int], list[Bilingual]]:
    """Return a region whose violations cost money for points, how much by account, and notes.

    `pools`, `hospitals`: settled without those points. Points are worth the point value; at most
    those that the hospital has, and at most what it is due.
    """
    value = by_pool((p.pool, p.point_value_fen) for p in pools)
    made = {(h.hospital_id, h.pool): h for h in hospitals}
    points = {key: h.sums.points for key, h in made.items()}
    due = {key: max(0, h.due_fen) for key, h in made.items()}
    violations, taken = [], dict.fromkeys(made, 0)
    told: dict[str, tuple[int, int]] = {}
    for v in region.violations:
        key = (v.hospital_id, v.pool)
        if not v.points:
            violations.append(v)
            continue
        own = min(v.points, points[key])
        points[key] -= own
        fen = min(round_half_away(value[v.pool] * Fraction(own, POINT)), due[key] - taken[key])
        taken[key] += fen
        before = told.get(v.pool, (0, 0))
        told[v.pool] = (before[0] + own, before[1] + fen)
        text = f"扣 {points_text(own)} 点，按点值合 {yuan_text(fen)} 元，退回基金"
        reason = f"{v.reason}：{text}" if v.reason else text
        violations.append(replace(v, amount_fen=v.amount_fen + fen, points=0, reason=reason))
    notes = [
        note("points_in_money", pool=pool, points=own, worth_fen=fen)
        for pool, (own, fen) in sorted(told.items())
    ]
    return replace(region, violations=tuple(violations)), taken, notes


# --- cases of a reopened year


def returned_cases(
    prepared: Prepared,
    pieces: ScoredPieces,
    corrected: ScoredPieces | None,
    region: Region,
    policy: YearPolicy,
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
    taken: Mapping[Key, int],
) -> list[Returned]:
    """Return what removed cases brought, and what others bring too much by their group.

    A case is worth points x V − n within its bounds, or price − n. `corrected`: the cases scored by
    their right groups, which may change what other stays earn (readmission, referral), too.
    Nothing of a removed case is below 0; the cases of a hospital and pool give back at most what it
    is due, less what its points of violations took (`taken`).
    """
    left = {(h.hospital_id, h.pool): max(0, h.due_fen) for h in hospitals}
    left = {key: fen - taken.get(key, 0) for key, fen in left.items()}
    worth = _Worth(region, policy, pools)
    found = []
    unsettled = {name for p in pools if p.solution == NO_POINTS for name in ids_in(p.pool)}
    for case, removed in _changed(prepared, pieces, corrected, worth):
        if case.pool in unsettled:
            continue
        key = (case.hospital_id, case.pool)
        fen = min(max(0, case.amount_fen) if removed else case.amount_fen, left.get(key, 0))
        left[key] = left.get(key, 0) - fen
        found.append(replace(case, amount_fen=fen))
    return found


def _changed(
    prepared: Prepared, pieces: ScoredPieces, corrected: ScoredPieces | None, worth: _Worth
) -> Iterator[tuple[Returned, bool]]:
    """Yield removed cases with what they brought, then others with what they brought too much."""
    for number, rows in sorted(prepared.removed.items()):
        for case in worth.of(pieces[number], rows):
            yield case, True
    for number in range(0 if corrected is None else len(pieces)):
        assert corrected is not None
        old, new = pieces[number], corrected[number]
        other = (old.points != new.points) | (old.price != new.price)
        other |= old.paid_by != new.paid_by
        other[prepared.removed.get(number, np.zeros(0, np.int64))] = False
        rows = np.flatnonzero(other)
        for was, now in zip(worth.of(old, rows), worth.of(new, rows), strict=True):
            yield replace(was, amount_fen=was.amount_fen - now.amount_fen), False


class _Worth:
    """What cases bring their hospitals at the values of a year."""

    def __init__(self, region: Region, policy: YearPolicy, pools: Sequence[PoolResult]) -> None:
        self.region, self.policy = region, policy
        self.value = by_pool((p.pool, p.point_value_fen) for p in pools)

    def of(self, piece: ScoredPiece, rows: NDArray[np.int64]) -> Iterator[Returned]:
        """Yield what some cases of a piece bring; held ones nothing."""
        f = piece.facts
        low, high = bounds_of(self.policy, f.fund[rows], f.cost[rows], f.not_pool[rows])
        for place, row in enumerate(np.asarray(rows).tolist()):
            hospital = self.region.hospitals[int(f.hospital[row])].id
            pool = self.region.pools[f.pool[row]].id
            n, paid_by = int(f.not_pool[row]), int(piece.paid_by[row])
            fen = 0
            if paid_by == MONEY:
                fen = int(piece.price[row]) - n
            elif paid_by != HELD:
                exact = self.value[pool] * Fraction(int(piece.points[row]), POINT) - n
                fen = round_half_away(exact)
                if by_case(self.policy):
                    fen = fen if low[place] == NO_LOW else max(fen, int(low[place]))
                    fen = fen if high[place] == NO_HIGH else min(fen, int(high[place]))
                fen += int(piece.apart[row])
            yield Returned(piece.case_id[row].as_py(), hospital, pool, fen)


def as_violations(
    found: Sequence[Returned], later: Sequence[LaterViolation]
) -> tuple[Violation, ...]:
    """Return the amounts as violations, each with its case and document as the reason."""
    rows = {v.case_id: v for v in standing_rows(later) if v.case_id}
    by = sorted({v.document for v in rows.values() if not v.removes})
    made = []
    for r in found:
        own = rows.get(r.case_id)
        if own is None:
            what = f"{'、'.join(by)}：连带{case_mark(r.case_id)}因其他病例改组"
        elif own.removes:
            what = f"{own.document}：移除{case_mark(r.case_id)}"
        else:
            what = f"{own.document}：改组{case_mark(r.case_id)}按 {own.new_drg} 计点"
        ends = "所付金额退回基金" if own is not None and own.removes else "多付的金额退回基金"
        ends = "少付的金额由基金补付" if r.amount_fen < 0 else ends
        if r.amount_fen:
            made.append(Violation(r.hospital_id, r.pool, r.amount_fen, 0, f"{what}{ends}"))
    return tuple(made)


def removed_notes(
    reopening: Reopening,
    policy: YearPolicy,
    found: Sequence[Returned],
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
) -> list[Bilingual]:
    """Return what became of the money of cases that were removed or regrouped, with figures."""
    rows = [v for v in standing_rows(reopening.later) if v.case_id]
    notes = []
    for pool in sorted({v.pool for v in rows}):
        own = sorted((v.case_id, v.new_drg, v.removes) for v in rows if v.pool == pool)
        before = reopening.values.get(pool)
        now = next(p.point_value_fen / 100 for p in pools if pool in ids_in(p.pool))
        values = f"{'—' if before is None else decimal_text(before, 2)} → {decimal_text(now, 2)}"
        cases = [
            note("case_removed" if gone else "case_regrouped", case=case, drg=drg)
            for case, drg, gone in own
        ]
        if to_fund(policy):
            fen = sum(r.amount_fen for r in found if r.pool == pool)
            notes.append(
                note("cases_to_fund", pool=pool, cases=cases, returned_fen=fen, values=values)
            )
            continue
        owners = {v.hospital_id for v in rows if v.pool == pool}
        more = sum(
            h.final_fen - reopening.finals.get((h.hospital_id, pool), 0)
            for h in hospitals
            if h.pool == pool and h.hospital_id not in owners
        )
        notes.append(note("cases_shared", pool=pool, cases=cases, values=values, more_fen=more))
    return notes

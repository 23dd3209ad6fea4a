"""What was paid for cases that a later violation removed, and where it goes (`removed_case`).

`to_fund`: the case keeps its weight in the point value, so that nobody else is paid for it, and
what it brings its hospital is taken back as a violation. `shared`: it keeps no points and its
recorded fund stays in the settled total, so that what it brought raises the value of all others.
Source: S2 二(二)1(6) (what a violation distorted is recovered); docs/reopening.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from drgpay.budget.bounds import NO_HIGH, NO_LOW
from drgpay.budget.limits import bounds_of, by_case
from drgpay.errors import Bilingual, both
from drgpay.money import POINT, decimal_text, round_half_away, yuan_text
from drgpay.points.kernels import HELD, MONEY
from drgpay.policy import YearPolicy
from drgpay.settlement.point_value import HospitalResult, PoolResult
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.region import Region, Violation
from drgpay.settlement.scored import ScoredPieces
from drgpay.settlement.versions import Reopening, standing_rows


@dataclass(frozen=True)
class Returned:
    """A removed case and what it brought its hospital, in fen, at the value of its pool."""

    case_id: str
    hospital_id: str
    pool: str
    amount_fen: int


def to_fund(policy: YearPolicy) -> bool:
    """Whether what was paid for a removed case returns to the fund."""
    return bool(policy["removed_case"] == "to_fund")


def returned_cases(
    prepared: Prepared,
    pieces: ScoredPieces,
    region: Region,
    policy: YearPolicy,
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
) -> list[Returned]:
    """Return what the removed cases brought: points x V − n within their bounds, or price − n.

    Nothing is below 0, and the cases of a hospital and pool bring at most what it is due.
    """
    left = {(h.hospital_id, h.pool): max(0, h.due_fen) for h in hospitals}
    found = []
    for case in _worth(prepared, pieces, region, policy, pools):
        key = (case.hospital_id, case.pool)
        fen = min(max(0, case.amount_fen), left.get(key, 0))
        left[key] = left.get(key, 0) - fen
        found.append(Returned(case.case_id, *key, fen))
    return found


def _worth(
    prepared: Prepared,
    pieces: ScoredPieces,
    region: Region,
    policy: YearPolicy,
    pools: Sequence[PoolResult],
) -> Iterator[Returned]:
    value = {name: p.point_value_fen for p in pools for name in p.pool.split("+")}
    for number, rows in sorted(prepared.removed.items()):
        piece = pieces[number]
        f = piece.facts
        low, high = bounds_of(policy, f.fund[rows], f.cost[rows], f.not_pool[rows])
        for place, row in enumerate(np.asarray(rows).tolist()):
            hospital, pool = region.hospitals[int(f.hospital[row])].id, region.pools[f.pool[row]].id
            n, paid_by = int(f.not_pool[row]), int(piece.paid_by[row])
            fen = 0
            if paid_by == MONEY:
                fen = int(piece.price[row]) - n
            elif paid_by != HELD:
                fen = round_half_away(value[pool] * Fraction(int(piece.points[row]), POINT) - n)
                if by_case(policy):
                    fen = fen if low[place] == NO_LOW else max(fen, int(low[place]))
                    fen = fen if high[place] == NO_HIGH else min(fen, int(high[place]))
            yield Returned(piece.case_id[row].as_py(), hospital, pool, fen)


def as_violations(found: Sequence[Returned], documents: Mapping[str, str]) -> tuple[Violation, ...]:
    """Return the amounts as violations, each with its case and document as the reason."""
    return tuple(
        Violation(
            r.hospital_id,
            r.pool,
            r.amount_fen,
            0,
            f"{documents.get(r.case_id, '')}：移除病例 {r.case_id}，所付金额退回基金",
        )
        for r in found
        if r.amount_fen
    )


def removed_notes(
    reopening: Reopening,
    policy: YearPolicy,
    found: Sequence[Returned],
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
) -> list[Bilingual]:
    """Return what became of the money of removed cases, with figures."""
    names = {v.case_id for v in standing_rows(reopening.later) if v.removes}
    if not names:
        return []
    notes = []
    for pool in sorted({v.pool for v in standing_rows(reopening.later) if v.removes}):
        own = sorted(
            v.case_id for v in standing_rows(reopening.later) if v.removes and v.pool == pool
        )
        before = reopening.values.get(pool)
        now = next(p.point_value_fen / 100 for p in pools if pool in p.pool.split("+"))
        values = f"{'—' if before is None else decimal_text(before, 2)} → {decimal_text(now, 2)}"
        shown = "、".join(own)
        if to_fund(policy):
            fen = yuan_text(sum(r.amount_fen for r in found if r.pool == pool))
            notes.append(
                both(
                    f"险种 {pool}：移除的病例 {shown} 所付的 {fen} 元退回基金（removed_case = to_fund，"
                    f"S2 二(二)1(6)），计入违规扣款；点值 {values} 元，其他机构不因移除而多得",
                    f"pool {pool}: {fen} yuan paid for the removed cases {', '.join(own)} return to the "
                    f"fund (removed_case = to_fund, S2 二(二)1(6)) as violations; point value {values} "
                    "yuan, nobody else is paid more by the removal",
                )
            )
            continue
        owners = {v.hospital_id for v in reopening.later if v.case_id in own}
        after = {(h.hospital_id, h.pool): h.final_fen for h in hospitals}
        more = sum(
            after[key] - reopening.finals.get(key, 0)
            for key in after
            if key[1] == pool and key[0] not in owners
        )
        notes.append(
            both(
                f"险种 {pool}：移除的病例 {shown} 不计点数，其记账仍在清算总额中，由各机构分享"
                f"（removed_case = shared）：点值 {values} 元，其他机构的最终支付合计变动 {yuan_text(more)} 元",
                f"pool {pool}: the removed cases {', '.join(own)} have no points, their recorded fund "
                f"stays in the settled total and is shared (removed_case = shared): point value {values} "
                f"yuan, final payments of the others change by {yuan_text(more)} yuan in all",
            )
        )
    return notes


__all__ = ["Returned", "as_violations", "removed_notes", "returned_cases", "to_fund"]

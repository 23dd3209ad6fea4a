"""The formulas of a pool, each once: what may be spent, what is settled, what a point is worth.

A formula is written over anything that adds: the engine gives it whole fen and exact fractions,
`why` figures of tables that carry their text, the report and its workbook their lines and cells.
Sources: S0 13 and S2 二(二)1(2) (care outside the region), S2 一2 and S0 34-35 (what of a surplus
is kept, what of an overspend is shared), S2 二(二)2(3); docs/formats.md, rules 9 and 10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from drgpay.ground.numbers import N, Number, above_zero, less, smallest, total, whole_fen

Q = TypeVar("Q", Fraction, Number)  # what can be divided and shared
TIERS = {True: "keep_tiers", False: "overspend_tiers"}  # by whether there is a surplus
RATIOS = {True: "keep_ratio", False: "fund_share_of_overspend"}


def after_reserve(budget: Q, ratio: Q) -> Q:
    """Return what of a budget is left when the reserve (预留调剂金) is kept back."""
    return whole_fen(budget * (1 - ratio))


def grown(last_year: Q, rate: Q) -> Q:
    """Return last year's fund expenditure grown by a rate."""
    return whole_fen(last_year * (1 + rate))


def available(budget: N, *taken: N) -> N:
    """Return B: a budget less the reserve, care outside the region and provisions (可用预算)."""
    return less(budget, *taken)


def balance(recorded: N, available: N, *, surplus: bool) -> N:
    """Return the surplus, or the overspend, of recorded fund F and available budget B."""
    return available - recorded if surplus else recorded - available


def slices(
    balance: Q,
    available: Q,
    tiers: Sequence[tuple[Q | None, Q]],
    named: Callable[[int, Q], Q] = lambda _, part: part,
) -> list[tuple[int, Q]]:
    """Return the tiers that a balance reaches, by place, with what of it lies in each.

    A tier reaches from the limit of the one before, x B, to its own; the last has none, and takes
    all where B is 0 or less. `named` may give a part, by the number of its tier, a name.
    """
    if available <= 0:
        return [(len(tiers) - 1, balance)]
    parts: list[Q] = []
    for limit, _ in tiers:
        end = balance if limit is None else smallest(balance, limit * available)
        parts.append(named(len(parts) + 1, end - total(parts) if parts else end))
        if balance <= total(parts):
            break
    return list(enumerate(parts))


def shared(parts: Sequence[tuple[int, Q]], tiers: Sequence[tuple[Any, Q]]) -> Q:
    """Return Σ ratio x part: what institutions keep of a surplus, or the fund bears."""
    return total([tiers[place][1] * part for place, part in parts])


def settled(smaller: Q, shared: Q, cap: Q | None = None) -> Q:
    """Return T: the smaller of F and B with what is shared, to the fen (清算总额).

    The sum is rounded, not the share: a budget that care outside the region ate is negative.
    `cap`: budget and reserve, where the fund bears no more of an overspend.
    """
    made = whole_fen(smaller + shared)
    return made if cap is None else smallest(made, cap)


def for_points(settled: N, not_pool: N, money: N | None = None) -> N:
    """Return T − M + N: what points share, of the pool and of what it does not pay."""
    return (settled if money is None else settled - money) + not_pool


def value(for_points: Q, points: Q) -> Q:
    """Return V, what a point is worth (点值)."""
    return for_points / points


def forfeited(deposit: Q, released: Q) -> Q:
    """Return what of a quality deposit is forfeited (扣罚保证金)."""
    return whole_fen(deposit * (1 - released))


def waits(excess: N, owed: N, payable: N) -> N:
    """Return what of a fund's payments waits: what is beyond its control target (`ceiling.excess`).

    At most what others still owe back, and what is to be paid.
    """
    return smallest(above_zero(excess), owed, payable)


def residual(settled: N, due: N) -> N:
    """Return what of T dues leave over (尾差)."""
    return settled - due

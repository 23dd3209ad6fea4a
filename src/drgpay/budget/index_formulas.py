"""The formulas of indices, their months and their clearing, each once.

Written over anything that adds, as formulas.py: whole fen and exact fractions for the engine,
numbers that carry their text for derivations and papers. Sources: S0 17-19, 28-29, 34-35; S1 三;
S3 二(一)3 and 二(三)3; S4 (5).
"""

from __future__ import annotations

from collections.abc import Sequence

from drgpay.budget.formulas import Q
from drgpay.ground.numbers import N, fen_below, smallest, total, whole_fen

MONTHS = 12


def expenditure(last_year: N, changes: Sequence[N], reserve: N) -> N:
    """Return the expenditure budget: last year's, its changes, and the reserve for risk (S0 11)."""
    return last_year + total(changes) + reserve


def set_aside(target: Q, ratio: Q) -> Q:
    """Return a reserve that a control target contains (预留)."""
    return whole_fen(target * ratio)


def weighted_base(last_index: Q, execution: Q, weight: Q) -> Q:
    """Return A of last year's index and its execution (基数), to the fen."""
    return whole_fen(execution * weight + last_index * (1 - weight))


def mean(amounts: Sequence[Q], number: Q) -> Q:
    """Return A as a mean of years or of peers, to the fen."""
    return whole_fen(total(amounts) / number)


def index(base: Q, change: Q) -> Q:
    """Return A × (1 + N), to the fen (总额控制指标)."""
    return whole_fen(base * (1 + change))


def fitted(asked: Q, available: Q, together: Q) -> Q:
    """Return an index cut in proportion, so that all of them fit; not rounded."""
    return asked * available / together


def in_month(index: N, carried: N) -> N:
    """Return what may be paid in a month: its index and what earlier months left (结转)."""
    return index + carried


def within(net: N, room: N) -> N:
    """Return what of a claim is paid within the index."""
    return smallest(net, room)


def months_worth(yearly: Q, months: Q) -> Q:
    """Return some months of a yearly index, rounded down to the fen: a limit."""
    return fen_below(yearly * months / MONTHS)


def mean_and_actual(control: Q, actual: Q, weight: Q) -> Q:
    """Return Shangyu's monthly prepayment: the control's monthly mean and the month's real figure."""
    return whole_fen(control / MONTHS * weight + actual * (1 - weight))


def from_more_patients(excess: Q, index: Q, growth: Q) -> Q:
    """Return the overspending that more patients explain: at most the excess (合理超支)."""
    return smallest(excess, whole_fen(index * growth))


def compensated(reasonable: Q, ratio: Q, cap: Q | None = None) -> Q:
    """Return what the fund compensates of it, to the fen; `cap` where the policy sets one."""
    made = whole_fen(reasonable * ratio)
    return made if cap is None else smallest(made, cap)


def share_of(amount: Q, ratio: Q) -> Q:
    """Return a part of an amount, to the fen: a reward, or what an institution bears."""
    return whole_fen(amount * ratio)


def after_transfer(before: N, moved_out: N) -> N:
    """Return a member's budget after a transfer; moved in is negative (调剂出让额)."""
    return before - moved_out

"""The point value (点值) when what a hospital or a case gets is bounded (保底、封顶).

Solves Σ clip(points x V − n, low, high) = T for V >= 0, exactly, by the breakpoints
(low + n) / points and (high + n) / points: between two of them the sum is a straight line. Floats
choose the breakpoint to look at next; every comparison is one of integers, and nothing is iterated
to a tolerance. docs/point-value.md explains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drgpay.budget import kernels
from drgpay.budget.kernels import BITS, NO_HIGH, NO_LOW
from drgpay.ground.errors import BooksError, InputError, both
from drgpay.ground.money import POINT, largest_remainder

Ints = NDArray[np.int64]
LARGEST = 1 << 60  # of points, n and bounds; kernels multiply 62-bit numbers
UNIQUE, INTERVAL = "unique", "interval"
NONE_TOO_LOW, NONE_TOO_HIGH = "none_too_low", "none_too_high"


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """What is paid within bounds, hospitals or cases: arrays of one length.

    `points` in 1/10,000 point, at least 0; `not_pool_fen` (n) is taken off points x V; `low_fen`
    and `high_fen` bound what is left, NO_LOW and NO_HIGH where there is no bound.
    """

    points: Ints
    not_pool_fen: Ints
    low_fen: Ints
    high_fen: Ints

    @classmethod
    def of(
        cls,
        points: ArrayLike,
        not_pool_fen: ArrayLike,
        low_fen: ArrayLike = NO_LOW,
        high_fen: ArrayLike = NO_HIGH,
    ) -> Items:
        """Return checked items; a single bound holds for all.

        Raises InputError for points below 0, a low bound above the high one, and figures that
        are no amounts.
        """
        p = np.asarray(points, np.int64)
        n = np.asarray(not_pool_fen, np.int64)
        low = np.broadcast_to(np.asarray(low_fen, np.int64), p.shape)
        high = np.broadcast_to(np.asarray(high_fen, np.int64), p.shape)
        if p.ndim != 1 or n.shape != p.shape:
            raise ValueError("points and n must be arrays of one length")
        items = cls(p, n, low, high)
        _check(items)
        return items

    def __len__(self) -> int:
        return len(self.points)

    @property
    def arrays(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Points, n, low and high, as the kernels take them."""
        return self.points, self.not_pool_fen, self.low_fen, self.high_fen

    def where(self, chosen: NDArray[np.bool_]) -> Items:
        """Return some of the items, in their order."""
        return Items(*(column[chosen] for column in self.arrays))


def _check(items: Items) -> None:
    p, n, low, high = items.arrays
    far = (p > LARGEST) | (n > LARGEST) | (n < -LARGEST)
    far |= (low != NO_LOW) & ((low < -LARGEST) | (low > LARGEST))
    far |= (high != NO_HIGH) & ((high < -LARGEST) | (high > LARGEST))
    for wrong, what in (
        (p < 0, both("点数小于0", "points below 0")),
        (far, both("数额超出可计算范围", "a figure is too large to be calculated with")),
        (low > high, both("保底高于封顶", "the low bound is above the high bound")),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            raise InputError(
                both(
                    f"第 {i + 1} 项{what.chinese}：点数 {p[i]}（万分之一点），保底 {low[i]} 分，封顶 {high[i]} 分",
                    f"item {i + 1}: {what}: points {p[i]} (1/10,000), low {low[i]} fen, high {high[i]} fen",
                ),
                remedy=both(
                    "核对该项的点数与上下限参数（bound.*）",
                    "check the item's points and the parameters of its bounds (bound.*)",
                ),
            )


class Stated:
    """Items that are held at their bounds, by the state of each: −1 low, 0 inside, 1 high."""

    state: NDArray[np.int8]

    @property
    def at_low(self) -> int:
        """How many items their low bound holds up."""
        return int(np.count_nonzero(self.state < 0))

    @property
    def at_high(self) -> int:
        """How many items their high bound holds down."""
        return int(np.count_nonzero(self.state > 0))


@dataclass(frozen=True, slots=True, eq=False)
class Solution(Stated):
    """The point value that pays the target within the bounds, or the nearest to it.

    `kind`: `unique`; `interval`: every V from `value` to `value_high` (None: and above) pays the
    same, `value` is the smallest; `none_too_low`, `none_too_high`: no V, because the target is
    below the lowest or above the highest total, and `value` is the smallest V that pays that
    total. `value` is in fen per point, at least 0. `state` of each item: −1 held up at its low
    bound, 0 inside, 1 held down at its high bound. `highest_fen` is None when nothing bounds the
    total. `total_fen` is what is paid: the target, the lowest or the highest.
    """

    kind: str
    target_fen: int
    value: Fraction
    value_high: Fraction | None
    lowest_fen: int
    highest_fen: int | None
    state: NDArray[np.int8]

    @property
    def solved(self) -> bool:
        """Whether the target is paid."""
        return self.kind in (UNIQUE, INTERVAL)

    @property
    def total_fen(self) -> int:
        """What is paid together."""
        if self.kind == NONE_TOO_HIGH and self.highest_fen is not None:
            return self.highest_fen
        return self.lowest_fen if self.kind == NONE_TOO_LOW else self.target_fen


def solve(items: Items, target_fen: int) -> Solution:
    """Return the V >= 0 with which the items' payments make up the target exactly.

    Time and memory grow with the number of items; the order of items does not matter.

    >>> found = solve(Items.of([30_000, 10_000], [0, 0], 0, [500, 1000]), 800)
    >>> found.kind, found.value, found.state.tolist()
    ('unique', Fraction(300, 1), [1, 0])
    """
    n = len(items)
    number, weight = np.empty(2 * n, np.int64), np.empty(2 * n, np.int64)
    sums = np.zeros((4, 2), np.int64)
    m = kernels.collect(*items.arrays, number, weight, sums)
    slope, lowest, highest, open_high = _totals(sums)
    top = None if open_high else highest

    def found(kind: str, unit: Fraction, last: Fraction | None = None) -> Solution:
        endless = kind == NONE_TOO_HIGH
        state = states_above_all(items) if endless else states(items, unit * POINT)
        high = None if last is None else last * POINT
        return Solution(kind, target_fen, unit * POINT, high, lowest, top, state)

    zero = Fraction(0)
    if target_fen < lowest:
        return found(NONE_TOO_LOW, zero, zero)
    search = _Search(number[:m], weight[:m], slope, lowest)
    if target_fen == lowest:
        last = zero if slope > 0 else search.first()
        return found(UNIQUE if last == zero else INTERVAL, zero, last)
    first, last = search.run(target_fen)
    if first is None:
        return found(NONE_TOO_HIGH, search.below)
    return found(UNIQUE if first == last else INTERVAL, first, last)


class _Search:
    """The breakpoints between which the value is looked for; all below are in slope, constant."""

    def __init__(self, number: Ints, weight: Ints, slope: int, constant: int) -> None:
        self.number, self.weight = number, weight
        self.guess = number / np.abs(weight)
        self.side = np.empty(len(number), np.int8)
        self.slope, self.constant = slope, constant
        self.below = Fraction(0)

    def _at(self, e: int) -> tuple[int, int]:
        return int(self.number[e]), abs(int(self.weight[e]))

    def _nearest(self, wanted: int) -> Fraction | None:
        e = kernels.nearest(self.number, self.weight, self.side, wanted)
        return None if e < 0 else Fraction(*self._at(e))

    def first(self) -> Fraction | None:
        """Return the smallest breakpoint."""
        self.side[:] = 1
        return self._nearest(1)

    def _keep(self, side: int) -> None:
        m = kernels.keep_side(self.number, self.weight, self.guess, self.side, side)
        self.number, self.weight = self.number[:m], self.weight[:m]
        self.guess, self.side = self.guess[:m], self.side[:m]

    def run(self, target: int) -> tuple[Fraction | None, Fraction | None]:
        """Return the smallest and the largest unit value that pay the target, which is above f(0).

        The largest is None when there is no end, both are when no value pays so much. Each round
        looks at the middle breakpoint and drops the half that cannot matter.
        """
        while len(self.number):
            middle = len(self.guess) // 2
            a, b = self._at(int(np.argpartition(self.guess, middle)[middle]))
            sums = np.zeros((4, 2), np.int64)
            kernels.weigh(self.number, self.weight, a, b, self.side, sums)
            below_slope, below_constant, at_slope, at_constant = _totals(sums)
            slope, constant = self.slope + below_slope, self.constant + below_constant
            over = slope * a + constant * b - target * b
            if over < 0:
                self.slope, self.constant = slope + at_slope, constant + at_constant
                self.below = Fraction(a, b)
                self._keep(1)
            elif over > 0:
                self._keep(-1)
            else:
                here = Fraction(a, b)
                first = self._nearest(-1) if slope == 0 else here
                last = self._nearest(1) if slope + at_slope == 0 else here
                return first, last
        if self.slope == 0:
            return None, None
        unit = Fraction(target - self.constant, self.slope)
        return unit, unit


def _totals(sums: Ints) -> list[int]:
    return [(int(high) << BITS) + int(low) for high, low in sums]


def _unit(value: Fraction) -> tuple[int, int]:
    """Return a value in fen per point as the fraction of a 1/10,000 point."""
    unit = value / POINT
    return unit.numerator, unit.denominator


def _fits(a: int, b: int) -> bool:
    return a < 1 << 62 and b < 1 << 62


def states(items: Items, value: Fraction) -> NDArray[np.int8]:
    """Return for each item which bound holds it at a value: −1 low, 0 none, 1 high."""
    state = np.empty(len(items), np.int8)
    a, b = _unit(value)
    if _fits(a, b):
        kernels.find_states(*items.arrays, a, b, state)
        return state
    for i in range(len(items)):
        p, n, low, high = (int(column[i]) for column in items.arrays)
        exact = Fraction(p * a, b) - n
        state[i] = -1 if low > NO_LOW and exact < low else high < NO_HIGH and exact > high
    return state


def states_above_all(items: Items) -> NDArray[np.int8]:
    """Return the states at a value above every breakpoint."""
    state = np.empty(len(items), np.int8)
    kernels.find_states(*items.arrays, 1, 0, state)
    return state


def exact_payment(items: Items, state: NDArray[np.int8], value: Fraction, i: int) -> Fraction:
    """Return what item i gets before it is rounded, in fen."""
    if state[i]:
        return Fraction(int((items.low_fen if state[i] < 0 else items.high_fen)[i]))
    return value * int(items.points[i]) / POINT - int(items.not_pool_fen[i])


def payments(items: Items, solution: Solution) -> Ints:
    """Return what each item gets in whole fen, together exactly `solution.total_fen`.

    Rounded down, then one fen each to the largest rests, ties to the item that stands first. Each
    payment stays within its bounds, as bounds are whole fen.

    >>> items = Items.of([10_000, 10_000, 10_000], [0, 0, 0])
    >>> payments(items, solve(items, 100)).tolist()
    [34, 33, 33]
    """
    paid, rest = _floors(items, solution.state, solution.value)
    left = solution.total_fen - _sum(paid)
    if not 0 <= left <= np.count_nonzero(rest):
        raise BooksError(
            both(
                f"取整后余 {left} 分，无法分配：目标 {solution.total_fen} 分",
                f"{left} fen are left of {solution.total_fen} after rounding, and cannot be allotted",
            )
        )
    if left:
        least = np.partition(rest, len(rest) - left)[len(rest) - left]
        more = rest > least
        ties = np.flatnonzero(rest == least)[: left - np.count_nonzero(more)]
        paid[more] += 1
        paid[ties] += 1
    return paid


def _floors(
    items: Items, state: NDArray[np.int8], value: Fraction
) -> tuple[Ints, NDArray[np.generic]]:
    """Return payments rounded down, and the rests: integers that compare as the rests do."""
    a, b = _unit(value)
    inside = state == 0
    most = int(items.points.max(where=inside, initial=0))
    if most * a // b > 2 * LARGEST:
        raise InputError(
            both(
                f"点值 {value} 分过大，金额超出可计算范围",
                f"a value of {value} fen a point makes amounts too large to be calculated with",
            ),
            remedy=both("核对点数是否过小、清算总额是否过大", "check the points and the total"),
        )
    paid = np.empty(len(items), np.int64)
    if _fits(a, b):
        rest = np.empty(len(items), np.int64)
        kernels.floors(*items.arrays, state, a, b, paid, rest)
        return paid, rest
    rests = np.zeros(len(items), object)
    for i in range(len(items)):
        exact = exact_payment(items, state, value, i)
        paid[i] = exact.numerator // exact.denominator
        rests[i] = (exact - int(paid[i])) * b
    return paid, rests


def _sum(column: Ints) -> int:
    """Return the sum of an array, whatever its size."""
    return (int((column >> BITS).sum()) << BITS) + int((column & kernels.MASK).sum())


def group_sums(
    items: Items, state: NDArray[np.int8], value: Fraction, group: NDArray[np.integer], groups: int
) -> list[Fraction]:
    """Return what the items of each group get together, exactly, in fen.

    value x Σ points inside − Σ n inside + Σ low where held up + Σ high where held down.
    """
    sums = np.zeros((groups, 2, 2), np.int64)
    kernels.add_by_group(*items.arrays, state, np.asarray(group, np.int64), sums)
    unit = value / POINT
    return [unit * points + fen for points, fen in map(_totals, sums)]


def whole_fen(exact: list[Fraction], total_fen: int) -> Ints:
    """Return exact amounts in whole fen by largest remainder, ties to the first; they sum to total.

    >>> whole_fen([Fraction(1, 2), Fraction(1, 2)], 1).tolist()
    [1, 0]
    """
    return np.array(list(largest_remainder(dict(enumerate(exact)), total_fen).values()), np.int64)

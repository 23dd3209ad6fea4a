"""Bounded payments clip(points x V − n, low, high): breakpoints, sums, states, whole fen.

Dimensions: N items; M breakpoints, at most 2N; G groups of items. A unit value is a fraction in fen
of 1/10,000 point; the fraction 1/0 stands for a value above every breakpoint. Sums are pairs
(x >> 31, x & MASK), so that they never overflow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel

NO_LOW = -(1 << 62)
NO_HIGH = 1 << 62
BITS = 31
MASK = (1 << BITS) - 1
SLOPE, CONSTANT, HIGHEST, OPEN_HIGH = range(4)  # sums of collect
BELOW_SLOPE, BELOW_CONSTANT, AT_SLOPE, AT_CONSTANT = range(4)  # sums of weigh
POINTS, FEN = range(2)  # sums of add_by_group


@kernel
def compare_products(a: int, b: int, c: int, d: int) -> int:
    """Return the sign of a x b − c x d, exactly; each of the four is 0 … 2^62 − 1."""
    if (a | b | c | d) <= MASK:
        left, right = a * b, c * d
        return 1 if left > right else (-1 if left < right else 0)
    a1, a0, b1, b0 = a >> BITS, a & MASK, b >> BITS, b & MASK
    c1, c0, d1, d0 = c >> BITS, c & MASK, d >> BITS, d & MASK
    low = a0 * b0
    middle = a1 * b0 + a0 * b1 + (low >> BITS)
    left = a1 * b1 + (middle >> BITS)
    left_rest = ((middle & MASK) << BITS) | (low & MASK)
    low = c0 * d0
    middle = c1 * d0 + c0 * d1 + (low >> BITS)
    right = c1 * d1 + (middle >> BITS)
    right_rest = ((middle & MASK) << BITS) | (low & MASK)
    if left == right:
        left, right = left_rest, right_rest
    return 1 if left > right else (-1 if left < right else 0)


@kernel
def add(sums: Any, at: int, x: int) -> None:
    """Add x to a sum kept as a pair."""
    sums[at, 0] += x >> BITS
    sums[at, 1] += x & MASK


@kernel
def clipped(x: int, low: int, high: int) -> int:
    """Return x, or the bound that it passes."""
    return low if x < low else (high if x > high else x)


@kernel
def collect(
    points: Any,  # [N] 1/10,000 point, >= 0
    not_pool: Any,  # [N] fen
    low: Any,  # [N] fen
    high: Any,  # [N] fen
    number: Any,  # out [M] a breakpoint is number / |weight|, above 0
    weight: Any,  # out [M] what the slope gains there: points, or − points
    sums: Any,  # out [4, 2] of the function at V = 0: slope, value; highest total; items without top
) -> int:
    """List the breakpoints above 0 of Σ clip(points x V − n, low, high); return how many.

    An item that gets one amount whatever the value is has none.
    """
    m = 0
    for i in range(len(points)):
        p, n = points[i], not_pool[i]
        if p == 0 or low[i] == high[i]:
            fixed = clipped(-n, low[i], high[i])
            add(sums, CONSTANT, fixed)
            add(sums, HIGHEST, fixed)
            continue
        closed = high[i] < NO_HIGH
        if closed:
            add(sums, HIGHEST, high[i])
        else:
            add(sums, OPEN_HIGH, 1)
        if closed and high[i] + n <= 0:
            add(sums, CONSTANT, high[i])
            continue
        if low[i] > NO_LOW and low[i] + n > 0:
            add(sums, CONSTANT, low[i])
            number[m] = low[i] + n
            weight[m] = p
            m += 1
        else:
            add(sums, CONSTANT, -n)
            add(sums, SLOPE, p)
        if closed:
            number[m] = high[i] + n
            weight[m] = -p
            m += 1
    return m


@kernel
def weigh(
    number: Any,  # [M]
    weight: Any,  # [M]
    a: int,
    b: int,
    side: Any,  # out [M] where a breakpoint lies: −1 below a / b, 0 at it, 1 above
    sums: Any,  # out [4, 2] what breakpoints below and at a / b add to slope and constant
) -> None:
    """Compare breakpoints with a / b and add up those that are not above it."""
    for e in range(len(number)):
        w = weight[e]
        s = compare_products(number[e], b, a, abs(w))
        side[e] = s
        if s <= 0:
            k = BELOW_SLOPE if s < 0 else AT_SLOPE
            add(sums, k, w)
            add(sums, k + 1, -number[e] if w > 0 else number[e])


@kernel
def keep_side(
    number: Any,  # [M] in and out
    weight: Any,  # [M] in and out
    guess: Any,  # [M] in and out
    side: Any,  # [M]
    wanted: int,
) -> int:
    """Move the breakpoints of one side to the front; return how many they are."""
    m = 0
    for e in range(len(number)):
        if side[e] == wanted:
            number[m] = number[e]
            weight[m] = weight[e]
            guess[m] = guess[e]
            m += 1
    return m


@kernel
def nearest(number: Any, weight: Any, side: Any, wanted: int) -> int:
    """Return the largest breakpoint of side −1, or the smallest of side 1; −1 for none."""
    found = -1
    for e in range(len(number)):
        if side[e] == wanted and (
            found < 0
            or compare_products(number[e], abs(weight[found]), number[found], abs(weight[e]))
            == -wanted
        ):
            found = e
    return found


@kernel
def find_states(
    points: Any,  # [N]
    not_pool: Any,  # [N]
    low: Any,  # [N]
    high: Any,  # [N]
    a: int,  # the unit value is a / b
    b: int,
    state: Any,  # out [N] −1 held up at low, 0 inside, 1 held down at high
) -> None:
    """Say which bound changes what an item gets; one that it just reaches does not."""
    for i in range(len(points)):
        p, n = points[i], not_pool[i]
        to_low = clipped(low[i], -n, NO_HIGH) + n  # 0 where it never holds
        to_high = high[i] + n
        state[i] = 0
        if p == 0:
            if to_low > 0:
                state[i] = -1
            elif high[i] < NO_HIGH and to_high < 0:
                state[i] = 1
        elif to_low > 0 and compare_products(to_low, b, a, p) > 0:
            state[i] = -1
        elif high[i] < NO_HIGH and (to_high < 0 or compare_products(to_high, b, a, p) < 0):
            state[i] = 1


@kernel
def floors(
    points: Any,  # [N]
    not_pool: Any,  # [N]
    low: Any,  # [N]
    high: Any,  # [N]
    state: Any,  # [N]
    a: int,  # the unit value is a / b; points x a / b < 2^61
    b: int,
    paid: Any,  # out [N] fen, rounded down
    rest: Any,  # out [N] what was rounded off, in 1/b fen
) -> None:
    """Return what each item gets in whole fen and the rest; multiplies bit by bit."""
    whole, part = a // b, a % b
    for i in range(len(points)):
        rest[i] = 0
        if state[i] < 0:
            paid[i] = low[i]
            continue
        if state[i] > 0:
            paid[i] = high[i]
            continue
        p = points[i]
        q, r = np.int64(0), np.int64(0)
        bits = 0
        while p >> bits:
            bits += 1
        for k in range(bits - 1, -1, -1):
            q, r = 2 * q, 2 * r
            if r >= b:
                r -= b
                q += 1
            if (p >> k) & 1:
                q += whole
                r += part
                if r >= b:
                    r -= b
                    q += 1
        paid[i] = q - not_pool[i]
        rest[i] = r


@kernel
def add_by_group(
    points: Any,  # [N]
    not_pool: Any,  # [N]
    low: Any,  # [N]
    high: Any,  # [N]
    state: Any,  # [N]
    group: Any,  # [N] index of G
    sums: Any,  # out [G, 2, 2] points inside; fen: low and high where held, else − n
) -> None:
    """Add up by group what V multiplies and what it does not."""
    for i in range(len(points)):
        if state[i] == 0:
            add(sums[group[i]], POINTS, points[i])
            add(sums[group[i]], FEN, -not_pool[i])
        else:
            add(sums[group[i]], FEN, low[i] if state[i] < 0 else high[i])

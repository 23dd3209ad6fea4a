"""Kernels of what would change the group: every variant of cases, and the nearest groups of them.

Dimensions: N cases, V variants, A numbers of a case, R of them that are varied. Codes are end to end
as in drgpay.grouper.kernels. A variant is a row of [V, 8]: a secondary diagnosis less, another
one less, the diagnosis exchanged with the principal one (places from 0, -1 none), 1 for a CC more
or 2 for an MCC more, a procedure less, the procedure exchanged with the main one, which number is
another, and its value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel

LESS, LESS2, PRINCIPAL, MORE, PX_LESS, MAIN, NUMBER, VALUE = range(8)


@kernel
def counting(
    offsets: Any, ids: Any, diagnosis_info: Any, principal_info: Any, exclusion_bits: Any
) -> Any:
    """Return which diagnoses, end to end, are secondary ones that count as CC or MCC."""
    met = np.zeros(offsets[-1], np.bool_)
    for i in range(offsets.shape[0] - 1):
        first = offsets[i]
        if offsets[i + 1] == first:
            continue
        row = (principal_info[ids[first]] >> np.uint64(16)) & np.uint64(0xFFFF)
        for j in range(first + 1, offsets[i + 1]):
            info = diagnosis_info[ids[j]]
            number = (info >> np.uint64(2)) & np.uint64(0x3FFFFFFF)
            bits = exclusion_bits[row, number >> np.uint64(6)] >> (number & np.uint64(63))
            level = info & np.uint64(3)
            met[j] = level > np.uint64(0) and (bits & np.uint64(1)) == np.uint64(0)
    return met


@kernel
def put(
    made: Any, at: Any, less: int, less2: int, principal: int, more: int, px_less: int, main: int
) -> Any:
    """Write a variant of codes; return the next place."""
    made[at, LESS], made[at, LESS2], made[at, PRINCIPAL] = less, less2, principal
    made[at, MORE], made[at, PX_LESS], made[at, MAIN] = more, px_less, main
    made[at, NUMBER], made[at, VALUE] = -1, 0
    return at + 1


@kernel
def put_number(made: Any, at: Any, number: int, value: int) -> Any:
    """Write a variant of a number; return the next place."""
    put(made, at, -1, -1, -1, 0, -1, -1)
    made[at, NUMBER], made[at, VALUE] = number, value
    return at + 1


@kernel
def put_pairs(made: Any, at: Any, own: Any, secondary: int, further: Any, procedures: int) -> Any:
    """Write the pairs of changes of a case; `own` are the places of diagnoses that count."""
    for a in range(own.shape[0]):
        for b in range(a + 1, own.shape[0]):
            at = put(made, at, own[a], own[b], -1, 0, -1, -1)
    for a in range(own.shape[0]):
        at = put(made, at, own[a], -1, -1, 1, -1, -1)
    for level in range(1, 3):
        for j in range(1, secondary + 1):
            at = put(made, at, -1, -1, j, level, -1, -1)
    for level in range(1, 3):
        for k in range(procedures):
            at = put(made, at, -1, -1, -1, level, k, -1)
    for level in range(1, 3):
        for k in range(1, further + 1):
            at = put(made, at, -1, -1, -1, level, -1, k)
    for k in range(procedures):
        for a in range(own.shape[0]):
            at = put(made, at, own[a], -1, -1, 0, k, -1)
    for j in range(1, secondary + 1):
        for k in range(1, further + 1):
            at = put(made, at, -1, -1, j, 0, -1, k)
    return at


@kernel
def variants_of(
    dx_offsets: Any,
    dx: Any,
    px_offsets: Any,
    px: Any,
    numbers: Any,  # [R, N] -1 unknown
    icu: Any,
    sex: Any,
    cuts: Any,  # values at which rules change, number by number
    cut_start: Any,  # [R + 1]
    matters: Any,  # [D] a secondary diagnosis that some rule or its level asks for
    counts: Any,  # by `counting`
    exchanges_main: bool,
    asks_icu: bool,
    asks_sex: bool,
    most_codes: int,  # a case with more has no variants
) -> Any:
    """Return where each case's variants begin [N + 1], and the variants, smallest changes first."""
    count, varied = icu.shape[0], numbers.shape[0]
    start = np.zeros(count + 1, np.int64)
    for i in range(count):
        n, k = dx_offsets[i + 1] - dx_offsets[i], px_offsets[i + 1] - px_offsets[i]
        start[i + 1] = start[i]
        if n + k <= most_codes:
            c = np.int64(0)
            for j in range(dx_offsets[i], dx_offsets[i + 1]):
                c += counts[j]
            # an upper bound: those that are not to be are taken off below
            start[i + 1] += 2 * n + 2 * k + 4 + 2 * varied + c * (c + 1) // 2 + 2 * n + 4 * k
            start[i + 1] += k * c + n * k
    made = np.empty((start[count], 8), np.int64)
    own = np.empty(most_codes + 1, np.int64)
    at = np.int64(0)
    for i in range(count):
        first, n = dx_offsets[i], dx_offsets[i + 1] - dx_offsets[i]
        k = px_offsets[i + 1] - px_offsets[i]
        start[i] = at
        if n + k > most_codes:
            continue
        further = max(k - 1, 0) if exchanges_main else 0
        c = np.int64(0)
        for j in range(1, n):
            if counts[first + j]:
                own[c] = j
                c += 1
            if matters[dx[first + j]]:
                at = put(made, at, j, -1, -1, 0, -1, -1)
        for level in range(1, 3):
            at = put(made, at, -1, -1, -1, level, -1, -1)
        for j in range(1, n):
            at = put(made, at, -1, -1, j, 0, -1, -1)
        for j in range(k):
            at = put(made, at, -1, -1, -1, 0, j, -1)
        for j in range(1, further + 1):
            at = put(made, at, -1, -1, -1, 0, -1, j)
        for r in range(varied):
            here, beyond = cut_start[r], cut_start[r + 1]
            given = numbers[r, i]
            while here < beyond and cuts[here] <= given:
                here += 1
            if given >= 0 and here > cut_start[r]:
                at = put_number(made, at, r, cuts[here - 1] - 1)
            if given >= 0 and here < beyond:
                at = put_number(made, at, r, cuts[here])
        if asks_icu:
            at = put_number(made, at, varied, 1 - icu[i])
        if asks_sex:
            at = put_number(made, at, varied + 1, 3 - sex[i])
        at = put_pairs(made, at, own[:c], max(n - 1, 0), further, k)
    start[count] = at
    return start, made[:at]


@kernel
def nearest_of(
    start: Any, made: Any, reached: Any, outcome: Any, drg_of: Any, place: Any, most: int
) -> Any:
    """Return of each case the variants that lead to the nearest other DRGs, and how far they are.

    `place` is [3, outcomes]: the number of the ADRG, that of the MDC, 1 where it is no DRG. Returns
    where those of a case begin [N + 1], their places among the variants, their steps.
    """
    count = start.shape[0] - 1
    size = np.int64(0)
    for i in range(count):
        size += min(start[i + 1] - start[i], most)
    rows, steps = np.empty(size, np.int64), np.empty(size, np.int64)
    seen = np.full(place.shape[1], -1, np.int64)  # no scheme has more DRGs than outcomes
    keys = np.empty(place.shape[1], np.int64)
    begins = np.zeros(count + 1, np.int64)
    for i in range(count):
        here = outcome[i]
        own, found = drg_of[here], 0
        for v in range(start[i], start[i + 1]):
            there = reached[v]
            if drg_of[there] == own or seen[drg_of[there]] == i:
                continue  # variants stand in the order of their size: the first one is the smallest
            seen[drg_of[there]] = i
            step = 2
            if place[2, there]:
                step = 3
            elif place[0, here] == place[0, there]:
                step = 0
            elif place[1, here] == place[1, there]:
                step = 1
            changes = np.int64(0)
            for change in range(NUMBER + 1):
                changes += made[v, change] != (0 if change == MORE else -1)
            keys[found] = (4 * (changes > 1) + step) * made.shape[0] + v
            found += 1
        at = begins[i]
        for chosen in range(min(found, most)):
            least = chosen
            for other in range(chosen + 1, found):
                if keys[other] < keys[least]:
                    least = other
            keys[chosen], keys[least] = keys[least], keys[chosen]
            rows[at] = keys[chosen] % made.shape[0]
            steps[at] = (keys[chosen] // made.shape[0]) % 4
            at += 1
        begins[i + 1] = at
    return begins, rows[: begins[count]], steps[: begins[count]]

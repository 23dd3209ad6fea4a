"""Kernels that make the variants of cases: numbers and codes with one or two changes.

Dimensions and variants as in drgpay.grouper.change_kernels; A numbers of a case.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel
from drgpay.grouper.change_kernels import LESS, LESS2, MAIN, MORE, NUMBER, PRINCIPAL, PX_LESS, VALUE


@kernel
def changed_numbers(start: Any, made: Any, given: Any, row_of: Any) -> Any:
    """Return numbers of the variants [A, V]; `given` is [A, N], `row_of` the row of a varied one."""
    after = np.empty((given.shape[0], made.shape[0]), given.dtype)
    for i in range(start.shape[0] - 1):
        for v in range(start[i], start[i + 1]):
            for row in range(given.shape[0]):
                after[row, v] = given[row, i]
            if made[v, NUMBER] >= 0:
                after[row_of[made[v, NUMBER]], v] = made[v, VALUE]
    return after


@kernel
def changed_diagnoses(start: Any, made: Any, offsets: Any, ids: Any, generic: Any) -> Any:
    """Return offsets and codes of the variants' diagnoses; `generic`: [3] nothing, a CC, an MCC.

    A code that is taken away becomes one that means nothing; one place more is for a CC or an MCC.
    """
    size = np.int64(1)
    for i in range(start.shape[0] - 1):
        size += (start[i + 1] - start[i]) * (offsets[i + 1] - offsets[i] + 1)
    after, codes = np.zeros(made.shape[0] + 1, np.int64), np.zeros(size, np.int32)
    for i in range(start.shape[0] - 1):
        first, n = offsets[i], offsets[i + 1] - offsets[i]
        for v in range(start[i], start[i + 1]):
            to = after[v]
            codes[to : to + n] = ids[first : first + n]
            codes[to + n] = generic[made[v, MORE]]
            for change in range(LESS, LESS2 + 1):
                if made[v, change] >= 0:
                    codes[to + made[v, change]] = 0
            other = made[v, PRINCIPAL]
            if other >= 0:
                codes[to], codes[to + other] = ids[first + other], ids[first]
            after[v + 1] = to + n + 1
    return after, codes


@kernel
def changed_procedures(start: Any, made: Any, offsets: Any, ids: Any) -> Any:
    """Return offsets and codes of the variants' procedures: one left out, or another the main one."""
    size = np.int64(1)
    for i in range(start.shape[0] - 1):
        size += (start[i + 1] - start[i]) * (offsets[i + 1] - offsets[i])
    after, codes = np.zeros(made.shape[0] + 1, np.int64), np.zeros(size, np.int32)
    for i in range(start.shape[0] - 1):
        first, k = offsets[i], offsets[i + 1] - offsets[i]
        for v in range(start[i], start[i + 1]):
            to = after[v]
            for j in range(k):
                if j != made[v, PX_LESS]:
                    codes[to] = ids[first + j]
                    to += 1
            other = made[v, MAIN]
            if other >= 0:
                codes[after[v]], codes[after[v] + other] = ids[first + other], ids[first]
            after[v + 1] = to
    return after, codes


@kernel
def exchanged(
    given: Any, dx_offsets: Any, dx: Any, px_offsets: Any, px: Any, alike_offsets: Any, alike: Any,
    main_offsets: Any, mains: Any, bare: bool,
) -> Any:  # fmt: skip
    """Return N cases as they are tried: where those of each begin [N + 1], numbers and codes.

    Each with `alike` codes in the place of the principal diagnosis, then with `mains` in the place
    of the main procedure, then without its procedures, if it has any; `bare`: the first ones
    without procedures, and no others. `given` is [A, N].
    """
    count = given.shape[1]
    start = np.zeros(count + 1, np.int64)
    dx_size, px_size = np.int64(1), np.int64(1)
    for i in range(count):
        n, k = dx_offsets[i + 1] - dx_offsets[i], px_offsets[i + 1] - px_offsets[i]
        first = alike_offsets[i + 1] - alike_offsets[i]
        others = 0 if bare else main_offsets[i + 1] - main_offsets[i]
        start[i + 1] = start[i] + first + others + (0 if bare or not k else 1)
        dx_size += (start[i + 1] - start[i]) * n
        px_size += 0 if bare else (first + others) * k
    tries = start[count]
    numbers = np.empty((given.shape[0], tries), given.dtype)
    own_dx, own_px = np.zeros(tries + 1, np.int64), np.zeros(tries + 1, np.int64)
    d, x = np.zeros(dx_size, np.int32), np.zeros(px_size, np.int32)
    for i in range(count):
        n, k = dx_offsets[i + 1] - dx_offsets[i], px_offsets[i + 1] - px_offsets[i]
        first = start[i] + alike_offsets[i + 1] - alike_offsets[i]
        others = first + (0 if bare else main_offsets[i + 1] - main_offsets[i])
        for v in range(start[i], start[i + 1]):
            for row in range(given.shape[0]):
                numbers[row, v] = given[row, i]
            to, at = own_dx[v], own_px[v]
            d[to : to + n] = dx[dx_offsets[i] : dx_offsets[i] + n]
            if v < first:
                d[to] = alike[alike_offsets[i] + v - start[i]]
            own_dx[v + 1], own_px[v + 1] = to + n, at
            if bare or v >= others:
                continue
            x[at : at + k] = px[px_offsets[i] : px_offsets[i] + k]
            if v >= first:
                x[at] = mains[main_offsets[i] + v - first]
            own_px[v + 1] = at + k
    return start, numbers, own_dx, d, own_px, x

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

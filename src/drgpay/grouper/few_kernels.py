"""What the grouper's kernel asks under few schemes: counts of codes, and numbers of few columns.

Dimensions: Q tests, M numbers, N cases; see drgpay.grouper.kernels and drgpay.schemes.program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay._jit import kernel


@kernel
def facts_of_numbers(more: Any, case: int, number_start: Any, number_facts: Any) -> Any:
    """Return the facts set by the numbers [M, N] of a case, whose tables are the fifth and on."""
    met = np.uint64(0)
    for m in range(more.shape[0]):
        value = np.int64(more[m, case])
        if value >= 0:
            start = number_start[4 + m]
            met |= number_facts[start + min(value, number_start[5 + m] - start - 1)]
    return met


@kernel
def counts_met(ids: Any, first: int, last: int, tests: Any, facts: Any, counted: Any) -> Any:
    """Return the facts set by tests that count codes `first` to `last - 1` of a case.

    A test counts from its entry on, each code once when it says so, up to the number it needs.
    """
    met = np.uint64(0)
    for q in range(tests.shape[0]):
        found = 0
        for j in range(first + tests[q, 0], last):
            counts = (counted[ids[j]] >> np.uint64(q)) & np.uint64(1)
            if tests[q, 1]:
                for k in range(first + tests[q, 0], j):
                    if ids[k] == ids[j]:
                        counts = np.uint64(0)
            if counts:
                found += 1
        if found >= tests[q, 2]:
            met |= facts[q]
    return met

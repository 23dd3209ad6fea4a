"""Which code of a case is the faulty one, for the few cases that have a finding.

The codes of case i are `ids[offsets[i]:offsets[i + 1]]`; positions count from 0, -1 is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel


@kernel
def first_flagged(
    rows: Any, offsets: Any, ids: Any, flags: Any, wanted: Any, start: int, out: Any
) -> None:
    """Write the position, from `start` on, of the first code with a wanted flag of each row."""
    for r in range(rows.shape[0]):
        first = offsets[rows[r]]
        out[r] = -1
        for j in range(first + start, offsets[rows[r] + 1]):
            if flags[ids[j]] & wanted[r] != 0:
                out[r] = j - first
                break


@kernel
def second_of_repeated(rows: Any, offsets: Any, ids: Any, out: Any) -> None:
    """Write the position of the first code that stood before among those of each row."""
    for r in range(rows.shape[0]):
        first = offsets[rows[r]]
        out[r] = -1
        for j in range(first + 1, offsets[rows[r] + 1]):
            if out[r] < 0:
                for k in range(first, j):
                    if ids[k] == ids[j] and ids[j] > 0:
                        out[r] = j - first
                        break


@kernel
def first_outside(
    rows: Any, offsets: Any, days: Any, admission: Any, discharge: Any, out: Any
) -> None:
    """Write the position of the first date that is not in the stay of each row."""
    for r in range(rows.shape[0]):
        first = offsets[rows[r]]
        out[r] = -1
        for j in range(first, offsets[rows[r] + 1]):
            day = days[j]
            early = admission[rows[r]] > -1_000_000 and day < admission[rows[r]]
            late = discharge[rows[r]] > -1_000_000 and day > discharge[rows[r]]
            if day > -1_000_000 and (early or late):
                out[r] = j - first
                break


@kernel
def hash_stays(
    patients: Any,
    unknown: Any,
    hospitals: Any,
    hospital: Any,
    admission: Any,
    discharge: Any,
    out: Any,
) -> None:
    """Write a hash of patient, hospital and dates of N cases, 0 where one of them is not known.

    `patients` [N] are hashes and `unknown` the one of no patient, `hospitals` [H] hashes by number.
    """
    prime, shift = np.uint64(0x9E3779B97F4A7C15), np.uint64(31)
    for i in range(out.shape[0]):
        out[i] = 0
        if patients[i] != unknown and admission[i] > -1_000_000 and discharge[i] > -1_000_000:
            days = np.int64(admission[i]) * 131_072 + discharge[i]
            h = patients[i] ^ (hospitals[hospital[i]] * prime)
            h = (h ^ np.uint64(days)) * prime
            out[i] = (h ^ (h >> shift)) | np.uint64(1)

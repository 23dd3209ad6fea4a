"""Hashes of texts, to find equal ones without a table of all; texts that need a closer look.

Dimensions: N texts, text i is `data[offsets[i]:offsets[i + 1]]`; N hashes, 0 for none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel


@kernel
def hash_texts(offsets: Any, data: Any, out: Any) -> None:
    """Write a 64-bit hash of each text; equal texts have equal hashes."""
    prime = np.uint64(0x9FB21C651E98DF25)
    shift = np.uint64(29)
    for i in range(out.shape[0]):
        h = np.uint64(0x2545F491)
        j, end = np.int64(offsets[i]), np.int64(offsets[i + 1])
        h ^= np.uint64(end - j)
        while j + 8 <= end:  # eight bytes at a time, the lowest first
            word = np.uint64(data[j])
            for k in range(1, 8):
                word |= np.uint64(data[j + k]) << np.uint64(8 * k)
            h = (h ^ word) * prime
            h ^= h >> shift
            j += 8
        word = np.uint64(0)
        for k in range(end - j):
            word |= np.uint64(data[j + k]) << np.uint64(8 * k)
        h = (h ^ word) * prime
        h ^= h >> shift
        h *= prime
        out[i] = h ^ (h >> shift)


@kernel
def doubled(ordered: Any, out: Any) -> int:
    """Write the values that stand more than once in an ordered array, but 0; return how many."""
    count = 0
    for i in range(1, ordered.shape[0]):
        if ordered[i] == ordered[i - 1] and ordered[i] != np.uint64(0):
            if count < out.shape[0]:
                out[count] = ordered[i]
            count += 1
    return count


@kernel
def suspects(hashes: Any, table: Any, out: Any) -> int:
    """Write the places of hashes whose low bits the table has; return how many there are.

    The table's length is a power of two; places beyond the length of `out` are only counted.
    """
    mask = np.uint64(table.shape[0] - 1)
    count = 0
    for i in range(hashes.shape[0]):
        if table[np.int64(hashes[i] & mask)]:
            if count < out.shape[0]:
                out[count] = i
            count += 1
    return count


@kernel
def short_words(offsets: Any, data: Any, firsts: Any, longest: int, out: Any) -> int:
    """Write which texts have 1 to `longest` bytes, the first one of `firsts`; return how many."""
    count = 0
    for i in range(offsets.shape[0] - 1):
        start = np.int64(offsets[i])
        size = np.int64(offsets[i + 1]) - start
        if 0 < size <= longest and firsts[data[start]]:
            out[count] = i
            count += 1
    return count


@kernel
def odd_numbers(offsets: Any, data: Any, least: int, most: int, out: Any) -> int:
    """Write which texts are neither empty nor `least` to `most` digits that begin with none of 0.

    Returns how many there are.
    """
    count = 0
    for i in range(offsets.shape[0] - 1):
        start, end = np.int64(offsets[i]), np.int64(offsets[i + 1])
        if start == end:
            continue
        good = least <= end - start <= most and data[start] != 48
        for j in range(start, end):
            good = good and 48 <= data[j] <= 57
        if not good:
            out[count] = i
            count += 1
    return count


@kernel
def odd_codes(offsets: Any, data: Any, letter: bool, least: int, most: int, out: Any) -> int:
    """Write which texts have not the simplest shape of a code, empty ones neither; return how many.

    It is two digits, behind a letter of A to Z where asked, a point, `least` to `most` digits
    (x among them behind a letter) and perhaps x and one to three digits more.
    """
    count = 0
    for i in range(offsets.shape[0] - 1):
        start, end = np.int64(offsets[i]), np.int64(offsets[i + 1])
        at = start
        good = end - start > 3 + letter
        if good:
            if letter:
                good = 65 <= data[at] <= 90
                at += 1
            good = good and 48 <= data[at] <= 57 and 48 <= data[at + 1] <= 57
            good = good and data[at + 2] == 46
            at += 3
            first = at
            while at < end and at < first + most:
                if not (48 <= data[at] <= 57 or (letter and (data[at] | 32) == 120)):
                    break
                at += 1
            good = good and at - first >= least
            if good and at < end:
                good = (data[at] | 32) == 120 and 1 < end - at <= 4
                for j in range(at + 1, end):
                    good = good and 48 <= data[j] <= 57
        if not good and end > start:
            out[count] = i
            count += 1
    return count


@kernel
def odd_ages(years: Any, days: Any, has_days: bool, dated: bool, missing: int, out: Any) -> int:
    """Write which ages in years and days [N] need more than their numbers; return how many.

    Without a column of days no year is missing a partner; `dated`: dates may say the days.
    """
    count = 0
    for i in range(years.shape[0]):
        odd = (years[i] < 1 or years[i] > 999) and years[i] != missing
        if years[i] == 0:
            odd = dated and not (has_days and days[i] != missing)
        if has_days:
            odd = odd or years[i] == missing
            odd = odd or (days[i] != missing and (days[i] < 0 or days[i] > 9999))
        if odd:
            out[count] = i
            count += 1
    return count

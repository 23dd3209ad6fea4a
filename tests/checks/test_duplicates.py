"""Equal hashes among many, against a plain count."""

from __future__ import annotations

import numpy as np
import pytest

from drgpay.cases.duplicates import equal_hashes


@pytest.mark.parametrize(("count", "kinds"), [(0, 1), (1, 1), (2, 1), (50, 30), (60_000, 40_000)])
def test_equal_hashes__are_those_that_stand_more_than_once(count: int, kinds: int) -> None:
    drawn = np.random.default_rng(count).integers(0, kinds, count, dtype=np.uint64)
    hashes = drawn * np.uint64(0x9E3779B97F4A7C15)
    values, times = np.unique(hashes, return_counts=True)
    several = values[(times > 1) & (values != 0)]
    parts = np.array_split(hashes, 3)
    assert equal_hashes(parts).tolist() == np.flatnonzero(np.isin(hashes, several)).tolist()


def test_equal_hashes__all_alike() -> None:
    assert len(equal_hashes([np.full(30_000, 7, np.uint64)])) == 30_000
    assert len(equal_hashes([np.zeros(30_000, np.uint64)])) == 0


def test_equal_hashes__alike_in_their_low_bits_alone() -> None:
    hashes = np.array([1, 1 + (1 << 40), 1 + (1 << 41), 1], dtype=np.uint64)
    assert equal_hashes([hashes]).tolist() == [0, 3]
    assert equal_hashes([]).tolist() == []

"""Readmission: which earlier stays lose points, in chains, ties and at the limits."""

from __future__ import annotations

import random
from fractions import Fraction as F
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drgpay.ground.money import round_half_away
from drgpay.points.readmission import followed_stays, reduced_points

Stay = tuple[int, int, int, int, int, str]  # patient, hospital, group, admission, discharge, id


def found(stays: list[Stay], days: int) -> list[str]:
    """The ids of the stays that a readmission follows, in order of rows."""
    columns = [np.array([s[k] for s in stays], dtype=np.int32) for k in range(5)]
    ids = [s[5] for s in stays]

    def case_order(rows: Any) -> Any:
        texts = [ids[row] for row in rows.tolist()]
        rank = {text: number for number, text in enumerate(sorted(texts))}
        return np.array([rank[text] for text in texts], dtype=np.int64)

    rows, _ = followed_stays(*columns, case_order, days)
    return [ids[row] for row in rows.tolist()]


def expected(stays: list[Stay], days: int) -> set[str]:
    chains: dict[tuple[int, int, int], list[tuple[int, int, str]]] = {}
    for patient, hospital, group, admission, discharge, case_id in stays:
        chains.setdefault((patient, hospital, group), []).append((admission, discharge, case_id))
    cut = set()
    for chain in chains.values():
        chain.sort()
        cut |= {a[2] for a, b in pairwise(chain) if 0 <= b[0] - a[1] <= days}
    return cut


@pytest.mark.parametrize(("gap", "cut"), [(-1, []), (0, ["a"]), (14, ["a"]), (15, ["a"]), (16, [])])
def test_readmission__days_between_at_the_limits(gap: int, cut: list[str]) -> None:
    stays = [(1, 1, 1, 100, 107, "a"), (1, 1, 1, 107 + gap, 130, "b")]
    assert found(stays, 15) == cut


@pytest.mark.parametrize("other", [(2, 1, 1), (1, 2, 1), (1, 1, 2)])
def test_readmission__another_patient_hospital_or_group(other: tuple[int, int, int]) -> None:
    assert found([(1, 1, 1, 100, 107, "a"), (*other, 108, 110, "b")], 15) == []


def test_readmission__a_chain_of_three_cuts_all_but_the_last() -> None:
    stays = [(1, 1, 1, 30, 35, "c"), (1, 1, 1, 10, 15, "a"), (1, 1, 1, 20, 25, "b")]
    assert found(stays, 15) == ["a", "b"]


def test_readmission__only_the_next_stay_counts() -> None:
    # b overlaps a; c follows b, and a by 5 days, but is not the stay next to a
    stays = [(1, 1, 1, 10, 15, "a"), (1, 1, 1, 12, 17, "b"), (1, 1, 1, 20, 25, "c")]
    assert found(stays, 15) == ["b"]


def test_readmission__same_admission_goes_by_discharge() -> None:
    stays = [(1, 1, 1, 10, 20, "a"), (1, 1, 1, 10, 10, "b"), (1, 1, 1, 25, 26, "c")]
    assert found(stays, 15) == ["a", "b"]


def test_readmission__same_days_go_by_case_id() -> None:
    stays = [(1, 1, 1, 10, 10, "b"), (1, 1, 1, 10, 10, "a"), (1, 1, 1, 10, 10, "c")]
    assert found(stays, 0) == ["b", "a"]  # the last one by id, c, is followed by none


def test_readmission__ids_are_compared_as_texts() -> None:
    stays = [(1, 1, 1, 10, 10, "10"), (1, 1, 1, 10, 10, "9")]
    assert found(stays, 15) == ["10"]


def test_readmission__no_stays() -> None:
    assert found([], 15) == []


STAYS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 1),
        st.integers(0, 2),
        st.integers(0, 40),
        st.integers(0, 12),
    ),
    max_size=40,
)


@given(STAYS, st.integers(0, 20), st.booleans())
@settings(max_examples=300)
def test_readmission__against_plain_lists(
    drawn: list[tuple[int, ...]], days: int, wide: bool
) -> None:
    # wide numbers do not fit into one key of 62 bits: the other way of sorting
    far = 2_000_000_000 if wide else 0
    stays = [
        (p + far, h + far, g + far, a, a + d, f"C{(7 * i) % 41:02d}")
        for i, (p, h, g, a, d) in enumerate(drawn)
    ]
    assert set(found(stays, days)) == expected(stays, days)


@given(STAYS, st.integers(0, 20), st.randoms())
def test_readmission__order_of_rows_changes_nothing(
    drawn: list[tuple[int, ...]], days: int, rng: random.Random
) -> None:
    stays = [(p, h, g, a, a + d, f"C{i:02d}") for i, (p, h, g, a, d) in enumerate(drawn)]
    shuffled = rng.sample(stays, len(stays))
    assert set(found(stays, days)) == set(found(shuffled, days))


@given(
    st.lists(st.integers(0, 10**15), max_size=8),
    st.sampled_from(["0.5", "0", "1", "0.3333", "0.75", "0.33333333333333333333"]),
    st.sampled_from([1, 10, 100, 1000, 10_000]),
)
def test_reduced_points__rounded_once(points: list[int], factor: str, step: int) -> None:
    values = [value - value % step for value in points]
    reduced = reduced_points(np.array(values, dtype=np.int64), F(factor), step)
    assert reduced.tolist() == [round_half_away(v * F(factor) / step) * step for v in values]
    assert reduced.dtype == np.int64

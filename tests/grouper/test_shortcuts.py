"""The kernel's shortcuts hide nothing: a search through all terms ends in the same groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drgpay.cases.encode import EncodedCases, Faults, encode_cases
from drgpay.grouper import Grouper
from drgpay.grouper.engine import _run
from drgpay.schemes.program import Program
from drgpay.schemes.shortcuts import (
    ALWAYS_MARKED,
    ASKED_MARKS,
    CONDITION_MARKS,
    MARKS_AT,
    bits_of,
    first_terms,
)
from tests.grouper.generated import Tables, as_table

SCHEMES = [
    ("zj-drg-2022", "main"),
    ("zj-drg-2022", "any"),
    ("jiangsu-drg-2025", "main"),
    *(
        pytest.param(name, "main", marks=pytest.mark.long)
        for name in ("zj-drg-2024", "nanchang-drg-2025", "foshan-drg-2025")
    ),
]


def _encoded(grouper: Grouper, seed: int, count: int) -> EncodedCases:
    tables = Tables(grouper, seed)
    table = as_table([*tables.drawn(count), *tables.boundaries()])
    compiled = grouper.compiled
    encoders = compiled.encode_diagnoses, compiled.procedures.encode
    return encode_cases(table, *encoders, Faults.of(table, "x", 1), None, compiled.more)


def _grouped(grouper: Grouper, program: Program, cases: EncodedCases) -> list[np.ndarray]:
    n = len(cases)
    kinds = (np.int16, np.int8, np.int8, np.int8, np.uint8, np.int32, np.int32)
    out = tuple(np.full(n, 99, kind) for kind in kinds)
    more = cases.stacked(grouper.compiled.more)
    compiled = replace(grouper.compiled, program=program)
    _run(compiled, cases, more, grouper._facts_of, out, 0, n)
    return list(out)


def _searching_all(program: Program) -> Program:
    """The same program, no case of which is usual and no term of which waits for a mark."""
    usual = program.term_usual.copy()
    usual[:, 2] |= ALWAYS_MARKED
    everything = np.full_like(program.mark_terms, ~np.uint64(0))
    return program._replace(
        term_usual=usual, principal_first=program.principal_terms, mark_terms=everything
    )


@pytest.mark.parametrize(("name", "match"), SCHEMES)
def test_shortcuts__end_as_a_search_through_all_terms(name: str, match: str) -> None:
    grouper = Grouper(name, surgical_match=match)
    program, cases = grouper.compiled.program, _encoded(grouper, 31, 12_000)
    quick, slow = (_grouped(grouper, some, cases) for some in (program, _searching_all(program)))
    assert all(np.array_equal(a, b) for a, b in zip(quick, slow, strict=True))
    assert len(np.unique(quick[0])) > 200


@pytest.mark.parametrize("name", ["zj-drg-2024", "jiangsu-drg-2025"])
def test_shortcuts__end_most_drawn_principals_without_a_search(name: str) -> None:
    """Plain cases stay plain: a mark that every code carried would cost time and be seen nowhere."""
    grouper = Grouper(name)
    program = grouper.compiled.program
    marks = program.diagnosis_info >> np.uint64(MARKS_AT)
    assert (marks == 0).mean() > 0.5
    assert int(marks.max()) < 1 << (CONDITION_MARKS + ASKED_MARKS)
    ended = (program.term_usual[program.first_term, 2] & ALWAYS_MARKED) == 0
    assert ended.mean() > 0.5


def test_shortcuts__a_block_border_changes_nothing() -> None:
    grouper = Grouper("zj-drg-2024")
    cases = _encoded(grouper, 32, 5_000)
    whole = _grouped(grouper, grouper.compiled.program, cases)
    n = len(cases)
    kinds = (np.int16, np.int8, np.int8, np.int8, np.uint8, np.int32, np.int32)
    out = tuple(np.full(n, 99, kind) for kind in kinds)
    more = cases.stacked(grouper.compiled.more)
    for first, last in ((0, 1), (1, 2049), (2049, 4098), (4098, n), (n, n)):
        _run(grouper.compiled, cases, more, grouper._facts_of, out, first, last)
    assert all(np.array_equal(a, b) for a, b in zip(whole, out, strict=True))


def test_first_terms__are_the_lowest_common_bits() -> None:
    principal = np.array([bits_of(np.arange(130) % 2 == 0, 3), bits_of(np.arange(130) == 129, 3)])
    main = np.array([bits_of(np.arange(130) >= 65, 3), bits_of(np.arange(130) < 1, 3)])
    assert first_terms(principal, main, 130).tolist() == [[66, 0], [129, 130]]

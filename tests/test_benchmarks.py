"""Benchmarks find what they measure: a name that moved is noticed here, not when they are run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cleaning import without_cleaning
from drgpay.grouper import group_file

TESTS = Path(__file__).parent


def test_cleaning__left_out_changes_nothing_of_clean_cells(tmp_path: Path) -> None:
    def grouped(name: str) -> bytes:
        out = tmp_path / name
        group_file(TESTS / "cases" / "ex1" / "cases.csv", out, TESTS / "schemes" / "ex1-tiny")
        return out.read_bytes()

    with without_cleaning():
        plain = grouped("a.csv")
    assert plain == grouped("b.csv")

"""Benchmarks find what they measure: a name that moved is noticed here, not when they are run."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.cleaning import without_cleaning
from drgpay.grouper import group_file

TESTS = Path(__file__).parent
SOURCES = sorted((TESTS.parent / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_benchmark__finds_what_it_takes_from_us(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("drgpay"):
            module = import_module(node.module or "")
            missing = [one.name for one in node.names if not hasattr(module, one.name)]
            assert not missing, f"{path.name}:{node.lineno}: {node.module} has no {missing}"


def test_cleaning__left_out_changes_nothing_of_clean_cells(tmp_path: Path) -> None:
    def grouped(name: str) -> bytes:
        out = tmp_path / name
        group_file(TESTS / "cases" / "ex1" / "cases.csv", out, TESTS / "schemes" / "ex1-tiny")
        return out.read_bytes()

    with without_cleaning():
        plain = grouped("a.csv")
    assert plain == grouped("b.csv")

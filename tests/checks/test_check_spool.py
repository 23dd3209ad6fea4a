"""What checks keep on disk gives the findings of what they keep in memory, byte for byte."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.cases.checks.catalogue import CASE_TWICE, STAY_TWICE
from drgpay.cases.duplicates import equal_hashes
from drgpay.cases.sources import open_source
from drgpay.grouper.check import WANTED, Checked, CheckRun
from drgpay.grouper.check_spool import CheckSpool, HashParts, Held
from drgpay.grouper.pieces import group_piece
from drgpay.grouper.versions import any_grouper
from drgpay.synth import synthesize


def run(cases: Path, **more: Any) -> Checked:
    checks = CheckRun(any_grouper("zj-drg-2022"), **more)
    source = open_source(cases, WANTED, "settlement")
    for piece in source.pieces:
        checks.take(checks.piece(group_piece(piece, checks.grouper, checks.before)))
    return checks.finish(source.broken, rows=source.rows)


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Cases in several pieces; ids and whole stays stand in two of them."""
    synthesize(tmp_path / "city", 3_000, 3, scheme="zj-drg-2022", year=2024, history_years=1)
    table = pq.read_table(tmp_path / "city" / "cases.parquet")
    again = table.slice(5, 20)
    renamed = again.set_column(0, "case_id", pa.array([f"又{n}" for n in range(20)]))
    path = tmp_path / "cases.parquet"
    pq.write_table(pa.concat_tables([table, again, renamed]), path, row_group_size=700)
    return path


def test_check_run__on_disk_as_in_memory(cases: Path, tmp_path: Path) -> None:
    expected = run(cases)
    assert {CASE_TWICE, STAY_TWICE} <= set(expected.by_check)
    folder = tmp_path / "spool"
    folder.mkdir()
    found = run(cases, on_disk=True, folder=folder)
    for own in fields(Checked):
        a, b = getattr(expected, own.name), getattr(found, own.name)
        assert a.equals(b) if isinstance(a, pa.Table) else a == b, own.name
    assert not list(folder.iterdir())  # nothing is left


def test_check_spool__gives_back_what_it_keeps(tmp_path: Path) -> None:
    spool = CheckSpool(tmp_path)
    kept, given = [], []
    for n in (3, 0, 5):
        ids = pa.array(["甲", "", *(f"case {i}" for i in range(10))]).slice(1, n)
        held = Held(
            "a.csv",
            7,
            None,
            ids,
            np.arange(n, dtype=np.uint64) + 1,
            np.arange(n, dtype=np.uint64) * 3,
            np.arange(n, dtype=np.int32),
            np.arange(n, dtype=np.int16) - 1,
            np.zeros(n, np.uint8),
        )
        given.append(held)
        kept.append(spool.keep(held))
    for a, b in zip(given, kept, strict=True):
        assert b.case_ids.equals(a.case_ids)
        for name in ("case_hashes", "stay_hashes", "hospital", "month"):
            assert np.array_equal(getattr(a, name), getattr(b, name))
        assert b.numbers_of(np.array([0, 2])).tolist() == [7, 9]
    assert [len(part) for part in HashParts(kept, "case_hashes")[:]] == [3, 0, 5]
    spool.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("at_once", [100, 1_000, 10**6])
def test_equal_hashes__whatever_is_sorted_together(at_once: int) -> None:
    rng = np.random.default_rng(2)
    hashes = rng.integers(0, 2**63, 3_000, dtype=np.uint64)
    hashes[rng.integers(0, 3_000, 400)] = hashes[rng.integers(0, 3_000, 400)]
    hashes[::50] = 0
    values, counts = np.unique(hashes, return_counts=True)
    several = values[(counts > 1) & (values > 0)]
    expected = np.flatnonzero(np.isin(hashes, several)).tolist()
    assert len(expected) > 100
    assert equal_hashes(np.array_split(hashes, 7), at_once).tolist() == expected

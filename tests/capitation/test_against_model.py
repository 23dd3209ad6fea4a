"""The engine and the plain model come to the same fen in hundreds of drawn regions."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from drgpay.capitation import files
from drgpay.capitation.run import capitate
from reference.model.capitation import capitate_region
from tests.capitation.regions import compare, draw_region, engine_policy


def settle_block(folder: Path, seeds: range) -> Counter[str]:
    """Settle the region of each seed both ways and compare; count what was met."""
    met: Counter[str] = Counter()
    for seed in seeds:
        region, policy = draw_region(folder / str(seed), seed)
        plain = capitate_region(region, policy)
        fast = capitate(region, engine_policy(policy), 2024)
        try:
            met["figures"] += compare(fast, plain)
        except AssertionError as error:
            pytest.fail(f"seed {seed}, {policy}: {error}")
        met["regions"] += 1
        met[policy["capitation.method"]] += 1
        for row in fast.communities.to_pylist():
            met["surplus" if row["balance_fen"] > 0 else "deficit"] += 1
            met["special"] += row["special_fen"] > 0
        met["unassigned"] += bool(len(fast.unassigned))
        met["invalid"] += bool(len(fast.invalid))
        met["unknown"] += fast.totals["visits_unknown_person"] > 0
    return met


@pytest.mark.parametrize(
    "block", [0, *(pytest.param(block, marks=pytest.mark.long) for block in range(1, 6))]
)
def test_engine__equals_the_model(block: int, tmp_path: Path) -> None:
    met = settle_block(tmp_path, range(block * 50, block * 50 + 50))
    assert met["regions"] == 50
    for what in ("rate", "share_of_budget", "surplus", "deficit", "special", "unassigned"):
        assert met[what] > 0, what
    assert met["invalid"] and met["unknown"]


@pytest.mark.long
@pytest.mark.parametrize("block", range(20))
def test_engine__equals_the_model_in_many_regions(block: int, tmp_path: Path) -> None:
    first = 1_000 + block * 250
    assert settle_block(tmp_path, range(first, first + 250))["regions"] == 250


def as_parquet(path: Path) -> None:
    table = pyarrow.csv.read_csv(
        path, convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    )
    pq.write_table(table, path.with_suffix(".parquet"))
    path.unlink()


@pytest.mark.parametrize("seed", range(900, 912))
def test_result__is_the_same_for_any_row_order_kind_of_file_and_size_of_piece(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    region, policy = draw_region(tmp_path, seed)
    first = capitate(region, engine_policy(policy), 2024)
    folder = region / "capitation"
    for path in folder.glob("*.csv"):
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        random.Random(seed).shuffle(lines)
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    for name in ("persons", "visits", "areas"):
        as_parquet(folder / f"{name}.csv")
    monkeypatch.setattr(files, "BATCH_ROWS", 7)
    second = capitate(region, engine_policy(policy), 2024)
    for name, table in first.tables().items():
        other = second.tables()[name]
        if name in ("capitation_cells", "capitation_unassigned_persons"):
            names = [c for c in table.column_names if c not in ("file", "row")]
            keys = [(column, "ascending") for column in names]
            table, other = table.select(names).sort_by(keys), other.select(names).sort_by(keys)
        assert other.equals(table), name
    assert second.totals == first.totals

"""The year-end run equals the plain model to the last fen and the last 1/10,000 point.

Regions and policies are drawn from seeds; docs/rules.md, decides where the two differ.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drgpay.policy.catalogue import CATALOGUE
from drgpay.policy.constraints import NONE, Choice, Names, Switch
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.synth import synthesize
from reference.model import settle_region
from tests.settlement.regions import (
    CASE_COLUMNS,
    compare,
    draw_policy,
    draw_region,
    keep_schemes,
    model_scheme,
    run_both,
)

BLOCK = 24
ALL_CLASSES = {
    "normal",
    "high",
    "reviewed",
    "low",
    "unstable",
    "ungrouped",
    "ambiguous",
    "bed_day",
    "special_discharge",
    "long_stay",
    "short_stay",
}


MET = (
    "ex1-tiny",
    "testland-tiny",
    "zj-drg-2022",
    "history",
    "given means",
    "readmission",
    "outside year",
    "idle reviews",
    "idle hospitals",
    "combined pools",
    "residual",
    "paid back",
    "zero cost",
    "trimmed",
    "trial",
    "paid by points",
    "paid by money",
    "paid by held",
    "paid apart",
    "chain",
)


def settle_block(folder: Path, seeds: range, patch: pytest.MonkeyPatch) -> Counter[str]:
    """Settle a drawn region for each seed and compare; count what was met."""
    keep_schemes(patch)
    met: Counter[str] = Counter()
    for seed in seeds:
        drawn = draw_region(folder / "region", seed)
        both = run_both(drawn, threads=1 + seed % 2)
        if both is None:
            met["refused by both"] += 1
            continue
        fast, model = both
        try:
            met["cases"] += compare(fast, model)
        except AssertionError as error:
            pytest.fail(f"seed {seed}, scheme {drawn.scheme}, {drawn.overrides}: {error}")
        met["settlements"] += 1
        met[drawn.scheme] += 1
        met["history" if drawn.history is not None else "given means"] += 1
        met.update(row.case_class for row in model.cases)
        met["readmission"] += sum(row.readmission for row in model.cases)
        met["outside year"] += len(model.outside_year)
        met["idle reviews"] += len(model.idle_reviews)
        met["idle hospitals"] += sum(row.cases == 0 for row in model.hospitals)
        met["combined pools"] += any("+" in row.pool for row in model.pools)
        met["residual"] += any(row.residual_fen for row in model.pools)
        met["paid back"] += any(row.final_fen < 0 for row in model.hospitals)
        met["zero cost"] += sum(row.total_cost_fen == 0 for row in model.cases)
        met["trimmed"] += any(row.n_after != row.n_before for row in model.drgs)
        met["trial"] += bool(fast.policy.trial)
        met.update(f"paid by {row.paid_by}" for row in model.cases)
        met["paid apart"] += sum(bool(r.price_fen) and r.paid_by == "points" for r in model.cases)
        met["chain"] += sum(bool(row.chain) for row in model.cases)
    return met


@pytest.mark.parametrize("block", [0, pytest.param(1, marks=pytest.mark.long)])
def test_settlement__drawn_regions_and_policies(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = settle_block(tmp_path, range(block * BLOCK, (block + 1) * BLOCK), monkeypatch)
    # each block meets every kind of case, so that none goes untested: a kind that these seeds no
    # longer draw is looked for in some more
    for more in range(10_000 + block * BLOCK, 10_000 + block * BLOCK + BLOCK, 4):
        if met["settlements"] >= 12 and not _missing(met):
            break
        met += settle_block(tmp_path, range(more, more + 4), monkeypatch)
    assert met["settlements"] >= 12
    assert not _missing(met)


def _missing(met: Counter[str]) -> list[str]:
    return [name for name in (*ALL_CLASSES, *MET) if not met[name]]


@pytest.mark.long
@pytest.mark.parametrize("block", range(63))
def test_settlement__thousands_of_drawn_regions(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = 1_000_000 + block * 100
    met = settle_block(tmp_path, range(first, first + 100), monkeypatch)
    # the others are refused, by engine and model alike: nearly every second one, drawn from seeds
    assert met["settlements"] >= 25


def test_drawn_policies__take_every_choice_of_the_catalogue() -> None:
    drawn = [draw_policy(random.Random(seed), ["GB15", "FM13"]) for seed in range(200)]
    for key, known in CATALOGUE.items():
        values = [policy[key] for policy in drawn]
        if isinstance(known.takes, Choice):
            assert {str(v) for v in values} == set(known.choices), key
        if isinstance(known.takes, Switch):
            assert set(values) == {True, False}, key
        if known.none:
            assert NONE in values, key
        if isinstance(known.takes, Names) and known.choices:
            assert {word for value in values for word in value} == set(known.choices), key


# --- an invented city


def _fen(yuan: object) -> int:
    """The fen of an amount as the invented files hold it, 0 where there is none."""
    return int(Decimal(str(yuan)) * 100) if yuan is not None else 0


class ModelRows:
    """The rows of Parquet files for the model, without those that the engine quarantined."""

    def __init__(self, files: list[Path], bad: set[tuple[str, int]]) -> None:
        self.files, self.bad = files, bad
        self.left_out = 0
        self.aside: dict[str, list[int]] = {}  # of those left out: cases and fund by pool

    def __iter__(self) -> Iterator[dict[str, object]]:
        for path in self.files:
            number = 0
            file = pq.ParquetFile(path)
            columns = [name for name in CASE_COLUMNS if name in file.schema_arrow.names]
            for batch in file.iter_batches(20_000, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    if (path.name, number) in self.bad:
                        self.left_out += 1
                        own = self.aside.setdefault(str(row.get("pool")), [0, 0])
                        own[0] += 1
                        own[1] += max(0, _fen(row.get("pool_fund")))
                        continue
                    if row["icu"] is not None:
                        row["icu"] = "1" if row["icu"] else "0"
                    yield row
            file.close()


def settle_city(folder: Path, cases: int, seed: int, history_years: int) -> tuple[YearEnd, int]:
    """Settle an invented city with engine and model, compare, return the run and its cases."""
    region = folder / "city"
    synthesize(
        region,
        cases,
        seed,
        scheme="zj-drg-2022",
        year=2024,
        history_years=history_years,
        error_rate=0.02,
    )
    fast = year_end(region)
    wrong = [note for note in fast.quarantine.rows if note[5] != "outside_year"]
    rows = ModelRows([region / "cases.parquet"], {(note[0], note[1]) for note in wrong})
    past = ModelRows(
        sorted((region / "history").iterdir()),
        {(note[0], note[1]) for note in fast.prepared.past.quarantine.rows},
    )
    # what the model is not shown it must be told of: their money is set aside
    counted = ModelRows(rows.files, rows.bad)
    assert sum(1 for _ in counted) == cases - len(wrong)
    model = settle_region(
        region,
        scheme=model_scheme("zj-drg-2022"),
        cases=rows,
        history=past,
        quarantined={pool: (n, fen) for pool, (n, fen) in counted.aside.items()},
    )
    assert rows.left_out == len(wrong)
    assert past.left_out == len(fast.prepared.past.quarantine)
    paid = compare(fast, model)
    assert fast.counts.total == cases == paid + len(fast.quarantine)
    return fast, paid


@pytest.mark.parametrize(
    ("cases", "stable"), [(4_000, 100), pytest.param(20_000, 200, marks=pytest.mark.long)]
)
def test_synthetic_city__thousands_of_cases_with_history(
    cases: int, stable: int, tmp_path: Path
) -> None:
    fast, paid = settle_city(tmp_path, cases, 11, 1)
    assert paid > 0.98 * cases
    assert fast.prepared.past.used > 0.8 * cases
    assert sum(g.stable for g in fast.base.groups.values()) > stable
    assert sum(int(piece.readmission.sum()) for piece in fast.pieces) > 0
    # the bundled policy pays long stays by bed-day and knows no rule of short stays or discharges
    others = {"ambiguous", "special_discharge", "long_stay", "short_stay"}
    assert {name for name, (n, _, _) in fast.totals.classes().items() if n} >= ALL_CLASSES - others


@pytest.mark.long
def test_synthetic_city__a_million_cases_with_history(tmp_path: Path) -> None:
    _, paid = settle_city(tmp_path, 1_000_000, 2024, 1)
    assert paid > 980_000

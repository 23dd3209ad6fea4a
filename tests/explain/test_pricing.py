"""Prices of cases in groups are those of the run that settled them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.cases.sources import open_source
from drgpay.ground.errors import InputError
from drgpay.ground.money import POINT, round_half_away
from drgpay.grouper.explain_file import explain_case
from drgpay.runs.folder import write_run
from drgpay.runs.pricing import Pricer
from drgpay.schemes import load_scheme
from drgpay.settlement.year_end import YearEnd, year_end
from tests.explain.test_trace import grouper_of
from tests.settlement.regions import EX1, draw_region, keep_schemes, run_both

WANTED = ("case_id", "sex", "age_years", "diagnoses", "payment_mode")


@pytest.fixture(scope="module")
def ex1_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(year_end(EX1), tmp_path_factory.mktemp("priced") / "run")


def compare(run: YearEnd, folder: Path) -> Counter[str]:
    """Fail if a case of a run has another class or other points in its own group; count classes."""
    pricer = Pricer(folder)
    columns = ["case_id", "drg", "status", "case_class", "points_before_readmission", "pool"]
    columns += ["paid_by", "price_fen", "apart_fen", "doubts"]
    settled = {
        row["case_id"]: row
        for row in pq.read_table(folder / "cases.parquet", columns=columns).to_pylist()
    }
    values = {
        row["pool"]: Fraction(row["point_value_fraction"]) * 100
        for row in pq.read_table(folder / "pools.parquet").to_pylist()
    }
    chains = folder / "referrals.parquet"
    ids = pq.read_table(chains)["case_id"].to_pylist() if chains.exists() else []
    chained = {i for i in ids if settled[i]["case_class"] != "bed_day"}
    met: Counter[str] = Counter()
    for piece in open_source(list(run.region.cases), WANTED).pieces:
        table = piece.load()
        rows = [settled[str(i).strip()] for i in table["case_id"].to_pylist()]
        drgs = [row["drg"] or "0000" for row in rows]
        prices = pricer.of_table(table)(np.arange(len(table)), drgs)
        for row, price in zip(rows, prices, strict=True):
            if row["status"] == "quarantined":
                assert price is None
                met["quarantined"] += 1
                continue
            assert price is not None
            if price.note == "referral":  # settled with other stays as one
                assert row["case_id"] in chained
                met["referral"] += 1
                continue
            assert row["case_id"] not in chained
            if row["paid_by"] == "held" and row["doubts"]:
                # held for a finding: the price is what it earns when the finding is refuted
                assert price.case_class == row["case_class"]
                met["doubtful"] += 1
                continue
            due = int(row["points_before_readmission"] * POINT)
            assert (price.case_class, price.points) == (row["case_class"], due), row
            value = next(v for pool, v in values.items() if row["pool"] in pool.split("+"))
            fen = round_half_away(value * due / POINT) + (row["apart_fen"] or 0)
            if row["paid_by"] == "money":
                fen = row["price_fen"]
            assert price.fen == fen, row
            met[row["case_class"]] += 1
            met["new technology"] += bool(row["apart_fen"])
    return met


def test_price__of_the_own_group_is_what_the_run_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_schemes(monkeypatch)
    met: Counter[str] = Counter()
    for seed in (*range(20), 32, 33, 39):
        both = run_both(draw_region(tmp_path / "region", seed, "testland-tiny"))
        if both is not None:
            folder = write_run(both[0], tmp_path / f"run{seed}")
            met += compare(both[0], folder)
    assert {
        "normal",
        "high",
        "reviewed",
        "low",
        "unstable",
        "ungrouped",
        "ambiguous",
        "bed_day",
        "referral",
    } <= set(met)
    assert met["new technology"]


@pytest.mark.long
def test_price__of_many_drawn_runs_is_what_they_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_schemes(monkeypatch)
    for seed in range(100, 300):
        both = run_both(draw_region(tmp_path / "region", seed))
        if both is not None:
            compare(both[0], write_run(both[0], tmp_path / f"run{seed}"))


def test_price__of_another_group_follows_its_base_points(ex1_run: Path) -> None:
    pricer = Pricer(ex1_run)
    cases = pq.read_table(ex1_run / "cases.parquet").to_pylist()
    normal = next(c for c in cases if c["case_class"] == "normal")
    groups = {d["drg"]: d for d in pq.read_table(ex1_run / "drgs.parquet").to_pylist()}
    price = pricer.case(normal["case_id"])
    seen = set()
    for drg, group in groups.items():
        if not group["stable"] or group["base_points"] is None:
            continue
        made = price(drg)
        seen.add(made.case_class)
        if made.case_class == "normal":
            exact = Fraction(group["base_points"]) * Fraction(normal["coefficient"])
            assert Fraction(made.points, POINT) == Fraction(round_half_away(exact * 10_000), 10_000)
    assert "normal" in seen
    by_cost = price("0000")
    assert by_cost.case_class == "ungrouped"
    assert by_cost.points == price("GQY").points


def test_explain__with_prices_shows_what_each_group_would_bring(ex1_run: Path) -> None:
    ex1 = grouper_of("ex1-tiny")
    pricer = Pricer(ex1_run)
    pricer.check_scheme(ex1.scheme)
    rows = pq.read_table(ex1_run / "cases.parquet").to_pylist()
    case = next(c for c in rows if c["case_class"] == "normal")
    price = pricer.case(case["case_id"])
    e, _ = explain_case(EX1 / "cases.csv", case["case_id"], ex1, prices=pricer)
    assert e.grouping.drg == case["drg"] == pricer.settled(pa.array([case["case_id"]])).drg[0]
    assert e.price == price(case["drg"])
    assert len(e.prices) == len(e.nearest)
    made = e.as_dict()
    for near, given in zip(made["nearest"], e.prices, strict=True):
        assert near["price"] == given._asdict()
        assert near["direction"] in ("more", "less", "same")
    assert "点" in e.text() and "未给出" not in e.text()
    assert " yuan" in e.text("en")
    json.dumps(made)


def test_pricer__refuses_another_scheme(ex1_run: Path) -> None:
    with pytest.raises(InputError, match="ex1-tiny"):
        Pricer(ex1_run).check_scheme(load_scheme("chs-drg-1.1"))


def test_pricer__refuses_what_is_no_run(tmp_path: Path, ex1_run: Path) -> None:
    with pytest.raises(InputError, match="not the folder of a settled run"):
        Pricer(tmp_path)
    with pytest.raises(InputError, match="did not settle case 'C99'"):
        Pricer(ex1_run).case("C99")


@pytest.mark.parametrize("decision", ["granted", "refused"])
def test_price__a_review_counts_in_groups_paid_by_cost_whatever_its_own_group(
    tmp_path: Path, decision: str
) -> None:
    region = tmp_path / "region"
    shutil.copytree(EX1, region)
    toml = (region / "region.toml").read_text(encoding="utf-8")
    scheme = (EX1.parents[1] / "schemes" / "ex1-tiny").as_posix()
    (region / "region.toml").write_text(
        toml.replace("../../schemes/ex1-tiny", scheme), encoding="utf-8"
    )
    with (region / "reviews.csv").open("a", encoding="utf-8") as stream:
        stream.write(f"C05,{decision},1000.00,\n")
    price = Pricer(write_run(year_end(region), tmp_path / "run")).case("C05")
    # 11,000.00 less 1,000.00 of an all-case mean of 12,500.00, times 100
    assert (price("0000").case_class, price("0000").points) == ("ungrouped", 800_000)
    # in its own group, neither high nor paid by cost, the review has no effect: 80 x 0.98
    assert (price("GB15").case_class, price("GB15").points) == ("normal", 784_000)

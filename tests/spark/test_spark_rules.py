"""Rules that need several cases at once, on Spark: chains of referral, bounds on each case."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv

from drgpay.ground.errors import DrgpayError, InputError
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.spark import settle, settle_on_spark
from tests.capitation.regions import person, visit, write_region
from tests.settlement.regions import CASE_COLUMNS, Drawn, Row, draw_region
from tests.settlement.test_new_technology import AMOUNTS, ITEMS, write
from tests.settlement.test_referrals import STANDARDS, region
from tests.spark.compare import assert_same, assert_same_folder

pytestmark = [
    pytest.mark.xdist_group("spark"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets that Spark closes late
]
BY_CASE = [
    "bound.level=case",
    "bound.case_within_cost=true",
    "bound.unsolved=to_fund",
    "high.rule=by_item",
]
TOGETHER = ["referral.rule=one_stay", STANDARDS, "readmission.days=60", *BY_CASE]
TINY = Path(__file__).resolve().parents[1] / "schemes" / "ex1-tiny"
PERIODS = {"a": "from = 2019-01-01\nto = 2024-05-10", "b": "from = 2024-05-11"}
CEILING = """
[ceiling]
control_target_yuan = "90000000.00"
"""


def texts(path: Path) -> pa.Table:
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    kinds = csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()))
    return csv.read_csv(path, convert_options=kinds)


@pytest.fixture
def together(tmp_path: Path) -> tuple[Path, pa.Table]:
    """A region with chains, capitation, new technology, a control target, two versions of its scheme.

    Its cases lie elsewhere.
    """
    folder = region(tmp_path / "region")
    persons = [person("p1", area="a"), person("p2", area="b", months=3), person("p3", area="?")]
    visits = [visit("v1", "p1", "HA", "120.00"), visit("v2", "p2", "HA", "900.50")]
    write_region(folder, persons, visits)
    write(folder, "new_technology_items.csv", ITEMS)
    write(folder, "new_technology.csv", [*AMOUNTS, ("R13", "N1", "50.00")])
    path = folder / "region.toml"
    text = path.read_text(encoding="utf-8").replace(str(TINY), "../family")
    path.write_text(text + CEILING, encoding="utf-8")
    for name, period in PERIODS.items():
        shutil.copytree(TINY, tmp_path / "family" / name)
        manifest = tmp_path / "family" / name / "manifest.toml"
        text = re.sub("^from = .*$", period, manifest.read_text(encoding="utf-8"), flags=re.M)
        manifest.write_text(text, encoding="utf-8")
    return folder, texts(folder / "cases.csv")


def test_settle_on_spark__counts_chains_and_bounds_each_case(
    spark: Any,
    together: tuple[Path, pa.Table],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, cases = together
    capitation = ["capitation.method=rate", "capitation.rate_yuan=600"]
    overrides = [*TOGETHER, *capitation, "new_technology.rule=paid_apart"]
    one = year_end(folder, overrides=overrides)
    (folder / "cases.csv").unlink()
    monkeypatch.setattr(settle, "BUCKET_ROWS", 2)
    out = tmp_path / "run"
    many = settle_on_spark(
        spark, folder, cases=spark.createDataFrame(cases), out=out, overrides=overrides
    )
    assert_same(one, many, out)
    names = assert_same_folder(one, out, tmp_path / "one")
    assert {"perdiem", "referrals", "capitation_communities", "ceiling"} <= names
    assert any(p.at_high for p in one.pools)
    assert one.ceiling is not None
    assert one.totals is not None and one.totals.apart_fen and one.totals.new_technology_fen
    assert all(use.cases for use in one.prepared.versions) and len(one.prepared.versions) == 2
    assert {p.mode for p in one.ceiling.payments} > {"prepaid", "payable", "capitation"}


@pytest.mark.long
def test_settle_on_spark__says_when_bounded_cases_are_too_many(
    spark: Any,
    together: tuple[Path, pa.Table],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, cases = together
    (folder / "cases.csv").unlink()
    monkeypatch.setattr(settle, "BOUNDED_CASES", 3)
    with pytest.raises(InputError, match="more than the 3 that the driver solves at once"):
        settle_on_spark(
            spark,
            folder,
            cases=spark.createDataFrame(cases),
            out=tmp_path / "run",
            overrides=BY_CASE,
        )


def frame(spark: Any, rows: list[Row]) -> Any:
    columns = {n: pa.array([row.get(n, "") for row in rows], pa.string()) for n in CASE_COLUMNS}
    return spark.createDataFrame(pa.table(columns)).repartition(2)


def drawn_from(folder: Path, seed: int) -> tuple[Drawn, list[str], YearEnd]:
    """Return the next drawn region where a readmission follows a chain and a case meets its bound."""
    for number in range(seed, seed + 200):
        drawn = draw_region(folder, number)
        overrides = [*(f"{key}={value}" for key, value in drawn.overrides.items()), *TOGETHER]
        try:
            run = year_end(drawn.folder, overrides=overrides)
        except DrgpayError:
            continue
        follows = any(p.readmission[list(p.chain)].any() for p in run.pieces if p.chain)
        if follows and any(p.at_high for p in run.pools):
            return drawn, overrides, run
    raise AssertionError("no such region is drawn")


@pytest.mark.long
@pytest.mark.parametrize("seed", [55, 125])
def test_settle_on_spark__settles_drawn_regions(spark: Any, seed: int, tmp_path: Path) -> None:
    drawn, overrides, one = drawn_from(tmp_path / "region", seed)
    for path in drawn.folder.glob("cases*.*"):
        path.unlink()
    history = None if drawn.history is None else frame(spark, drawn.history)
    out = tmp_path / "run"
    many = settle_on_spark(
        spark,
        drawn.folder,
        cases=frame(spark, drawn.cases),
        history=history,
        out=out,
        overrides=overrides,
    )
    assert_same(one, many, out)
    assert_same_folder(one, out, tmp_path / "one")

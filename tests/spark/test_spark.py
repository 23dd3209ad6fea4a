"""A year settled on Spark is the one settled on this machine: to the fen, row for row."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import DrgpayError, InputError
from drgpay.points.base import history_base_points
from drgpay.points.coefficients import coefficients
from drgpay.points.history import History
from drgpay.policy import load_policy
from drgpay.settlement.year_end import year_end
from drgpay.spark import settle_on_spark
from drgpay.spark.engine import spark_module
from drgpay.spark.history import SparkHistory
from drgpay.synth import synthesize
from tests.spark.compare import EX1, assert_same, ex1_cases

pytestmark = [
    pytest.mark.xdist_group("spark"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets that Spark closes late
]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An invented city whose cases lie in two parts, with ids that stand in both of them."""
    path = tmp_path_factory.mktemp("city") / "city"
    synthesize(path, 2_000, 11, scheme="zj-drg-2022", year=2024, history_years=2)
    whole = pq.read_table(path / "cases.parquet")
    (path / "cases").mkdir()
    ids = whole["case_id"].to_pylist()
    ids[1_500], ids[1_501] = ids[3], f" {ids[4]} "  # copies, one of them with blanks
    whole = whole.set_column(0, "case_id", pa.array(ids))
    pq.write_table(whole.slice(0, 1_400), path / "cases" / "a.parquet")
    pq.write_table(whole.slice(1_400), path / "cases" / "b.parquet")
    (path / "cases.parquet").unlink()
    past = pq.read_table(path / "history" / "2023.parquet")
    copied = past.slice(0, 5)  # copies inside the history
    pq.write_table(pa.concat_tables([past, copied]), path / "history" / "2023.parquet")
    text = (path / "region.toml").read_text(encoding="utf-8")
    text = text.replace('["cases.parquet"]', '["cases/a.parquet", "cases/b.parquet"]')
    (path / "region.toml").write_text(text, encoding="utf-8")
    return path


@pytest.mark.long  # by default the worked example, and chains and bounds in test_spark_rules
def test_settle_on_spark__gives_the_year_of_one_machine(
    spark: Any, city: Path, tmp_path: Path
) -> None:
    one = year_end(city)
    out = tmp_path / "run"
    many = settle_on_spark(spark, city, out=out)
    assert_same(one, many, out)
    assert one.prepared.past.quarantine.rows and one.counts.quarantined > 4
    noted = pq.read_table(out / "quarantine").select(["file", "row", "case_id", "reason"])
    theirs = [(r["file"], r["row"], r["case_id"], r["reason"]) for r in noted.to_pylist()]
    assert sorted(theirs) == sorted((r[0], r[1], r[2], r[5]) for r in one.quarantine.rows)
    assert not [p for p in out.iterdir() if p.name.startswith("_")]


def test_settle_on_spark__settles_the_worked_example(spark: Any, tmp_path: Path) -> None:
    overrides = [
        "high.rule=by_item", "unstable.rule=special_review", "not_pool=personal",
        "deposit_forfeited=share",
    ]  # fmt: skip
    one = year_end(EX1, overrides=overrides)
    folder = tmp_path / "elsewhere"  # cases that do not lie in the folder of the region
    shutil.copytree(EX1, folder, ignore=shutil.ignore_patterns("cases.csv"))
    schemes = tmp_path.parent / "schemes"
    text = (folder / "region.toml").read_text(encoding="utf-8")
    tiny = (EX1.parents[1] / "schemes" / "ex1-tiny").as_posix()
    (folder / "region.toml").write_text(
        text.replace("../../schemes/ex1-tiny", tiny), encoding="utf-8"
    )
    assert not schemes.exists()
    frame = spark.createDataFrame(ex1_cases())
    many = settle_on_spark(spark, folder, cases=frame, out=tmp_path / "run", overrides=overrides)
    assert_same(one, many, tmp_path / "run")
    assert {p.money_fen for p in one.pools} != {0} or {p.held_cases for p in one.pools} != {0}


METHODS = (
    ("trim.method=winsorise", "trim.when=always", "history.weighting=yearly_means",
     "history.year_weights=2,1"),
    ("trim.method=sd", "trim.quantile_type=6", "trim.when=always"),
    ("trim.method=multiples", "small_groups=borrow_adrg", "trim.when=always"),
)  # fmt: skip


def test_history__answers_as_the_one_on_this_machine(spark: Any) -> None:
    rng = np.random.default_rng(5)
    rows, drgs = 400, ["AA11", "AA12", "AB11", "BB11"]
    group = rng.integers(-1, 4, rows).astype(np.int32)
    cost = (rng.lognormal(12, 1, rows)).astype(np.int64) + 1
    year = rng.integers(2022, 2024, rows).astype(np.int32)
    hospital = rng.integers(-1, 3, rows).astype(np.int32)
    patients = pa.array([f"P{n}" if n else "" for n in rng.integers(0, 200, rows).tolist()])
    with History() as history:
        history.add(group, cost, year, hospital, cost // 3, patients)
        frame = spark.createDataFrame(
            pa.table(
                {
                    "grp": group,
                    "year": year,
                    "cost": cost,
                    "hospital": hospital,
                    "not_pool": cost // 3,
                    "patient_id": patients,
                }
            )
        ).where("grp >= 0")
        frame = frame.cache()
        frame.createOrReplaceTempView("past")
        ordered = spark.sql(
            "select grp, row_number() over (partition by grp order by cost) - 1 as place, cost"
            " from past"
        )
        mine = SparkHistory(spark, frame, ordered, rows, True)
        assert mine.used == history.used
        adrg_of = {drg: drg[:3] for drg in drgs}
        for method in METHODS:
            policy = load_policy("testland").for_year(2024, list(method))
            years = (2022, 2023)
            expected = history_base_points(history, drgs, adrg_of, policy, years)
            found = history_base_points(mine, drgs, adrg_of, policy, years)
            assert found == expected
            assert len(found.groups) == 4
        names = "history,level,cmi,visits_per_head,personal_burden"
        policy = load_policy("testland").for_year(
            2024,
            ["coef.source=components", f"coef.components={names}",
             "coef.weights=0.2,0.2,0.2,0.2,0.2"],
        )  # fmt: skip
        ids, levels = ["h1", "h2", "h3"], ["1", "2", "2"]
        a, b = (
            coefficients(policy, ids, levels, drgs, history=h, base=base)
            for h, base in ((history, expected), (mine, found))
        )
        assert np.array_equal(a.values, b.values)
        assert len(set(b.general.tolist())) > 1


def test_settle_on_spark__tells_a_fault_met_by_a_worker(spark: Any, tmp_path: Path) -> None:
    folder = tmp_path / "ex1"
    shutil.copytree(EX1, folder)
    tiny = (EX1.parents[1] / "schemes" / "ex1-tiny").as_posix()
    text = (folder / "region.toml").read_text(encoding="utf-8")
    (folder / "region.toml").write_text(text.replace("../../schemes/ex1-tiny", tiny), "utf-8")
    (folder / "reviews.csv").write_text(
        "case_id,decision,unreasonable_yuan\nC01,granted,99999999.00\n", encoding="utf-8"
    )
    frame = spark.createDataFrame(ex1_cases())
    with pytest.raises(InputError) as told:
        settle_on_spark(spark, folder, cases=frame, out=tmp_path / "run")
    assert "不合理费用大于总费用" in told.value.text("zh")
    assert "C01" in str(told.value) and "Traceback" not in str(told.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ex1"]


def test_settle_on_spark__refuses_what_it_cannot_read(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(InputError, match="there already"):
        settle_on_spark(spark, EX1, out=tmp_path / "run")
    with pytest.raises(InputError, match="only Parquet"):
        settle_on_spark(spark, EX1, out=tmp_path / "new")
    frame = spark.createDataFrame(ex1_cases()).withColumn(
        "discharge_date", spark_module("pyspark.sql.functions").current_timestamp()
    )
    with pytest.raises(InputError, match="points in time: discharge_date"):
        settle_on_spark(spark, EX1, cases=frame, out=tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_spark_module__says_how_to_install_it() -> None:
    with pytest.raises(DrgpayError, match="PySpark is not installed"):
        spark_module("pyspark.nothing_of_this_name")

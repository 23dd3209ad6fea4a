"""New technology taken out of a case's cost: paid apart or rewarded by points, tied out in every sum."""

from __future__ import annotations

import csv
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import InputError
from drgpay.report.html import write_report
from drgpay.report.letters import write_letters
from drgpay.report.settlement_excel import write_settlement_excel
from drgpay.runs.folder import write_run
from drgpay.runs.pricing import Pricer
from drgpay.runs.year_tables import case_tables
from drgpay.settlement.year_end import YearEnd, year_end
from reference.model import settle_region
from tests.months.folders import ex1
from tests.settlement.regions import EX1, model_scheme
from tests.why.test_derivations import check_run

ITEMS = [
    ("item", "name", "from_date", "to_date"),
    ("N1", "新型支架（虚构）", "2024-01-01", ""),
    ("N2", "新药（虚构）", "2019-01-01", "2023-12-31"),  # no longer listed in 2024
]
# C01 normal, C12 at the limit of high, C09 by cost, C05 halved by a readmission, C08 by bed-day
AMOUNTS = [
    ("case_id", "item", "amount_yuan"),
    ("C01", "N1", "5000.00"),
    ("C01", "N2", "700.00"),
    ("C12", "N1", "500.00"),
    ("C09", "N1", "2500.01"),
    ("C05", "N1", "1000.00"),
    ("C08", "N1", "300.00"),
    ("NOBODY", "N1", "1.00"),
]


def write(folder: Path, name: str, rows: list[tuple[str, ...]]) -> None:
    with (folder / name).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


@pytest.fixture
def region(tmp_path: Path) -> Path:
    folder = ex1(tmp_path)
    write(folder, "new_technology_items.csv", ITEMS)
    write(folder, "new_technology.csv", AMOUNTS)
    return folder


def cases(run: YearEnd) -> dict[str, dict[str, Any]]:
    return {row["case_id"]: row for t in case_tables(run) for row in t.to_pylist()}


APART = ["new_technology.rule=paid_apart"]


def test_new_technology__off_by_default_and_said(region: Path) -> None:
    run = year_end(region)
    plain = year_end(EX1)
    assert [h.final_fen for h in run.hospitals] == [h.final_fen for h in plain.hospitals]
    assert any("has 7 rows, 10,001.01 yuan, and no effect" in str(w) for w in run.warnings)


def test_new_technology__paid_apart_by_hand(region: Path) -> None:
    run = year_end(region, overrides=APART)
    made = cases(run)
    # C12: 67,000 of 45,000 is below 1.5 times; its points as a normal case are the same
    assert (made["C12"]["case_class"], made["C12"]["points"]) == ("normal", F("381.6"))
    # C09: (18,750 − 2,500.01 − 1,250) / 12,500 x 100
    assert made["C09"]["points"] == F("119.9999")
    assert made["C01"]["new_technology_fen"] == 500_000  # N2 is not listed in 2024
    paid = {name: row["apart_fen"] for name, row in made.items() if row["apart_fen"]}
    assert paid == {"C01": 500_000, "C12": 50_000, "C09": 250_001, "C05": 100_000, "C08": 30_000}
    assert all(made[name]["price_fen"] == fen for name, fen in paid.items())
    # T and N stay; what is paid apart comes out of T before the value, so that Σ due = T
    pools = {p.pool: p for p in run.pools}
    assert (pools["310"].settled_fen, pools["390"].settled_fen) == (12_766_750, 10_655_366)
    assert (pools["310"].money_fen, pools["390"].money_fen) == (600_000, 330_001)
    by_hand = F(12_766_750 - 600_000 + 3_905_000) / 1027
    assert pools["310"].point_value_fen == by_hand
    h1 = next(h for h in run.hospitals if (h.hospital_id, h.pool) == ("H1", "310"))
    exact = F("808.6") * by_hand - 2_900_000 + 500_000
    assert abs(h1.due_fen - exact) < 1
    for name, pool in pools.items():
        assert sum(h.due_fen for h in run.hospitals if h.pool == name) == pool.settled_fen
    told = [str(w) for w in run.warnings]
    assert any("9,300.01 yuan taken out of costs, 9,300.01 yuan paid apart" in w for w in told)
    assert any("701.00 yuan of the table of new technology have no effect" in w for w in told)


def test_new_technology__a_share_and_points(region: Path) -> None:
    some = cases(year_end(region, overrides=[*APART, "new_technology.share=0.3333"]))
    assert some["C09"]["apart_fen"] == 83_325  # 2,500.01 x 0.3333 = 833.253333
    made = cases(year_end(region, overrides=["new_technology.rule=by_points"]))
    plain = cases(year_end(EX1))
    # 5,000 / 12,500 x 100 = 40 points more; C05: (78.4 + 8) / 2
    assert made["C01"]["points"] == plain["C01"]["points"] + 40
    assert made["C05"]["points"] == F("43.2")
    assert made["C01"]["apart_fen"] is None
    assert made["C01"]["price_fen"] is None


@pytest.mark.parametrize("rule", ["paid_apart", "by_points"])
@pytest.mark.parametrize("more", [[], ["ungrouped.rule=by_item", "bed_day.payment=money"]])
def test_new_technology__engine_model_why_and_prices_agree(
    region: Path, tmp_path: Path, rule: str, more: list[str]
) -> None:
    overrides = [f"new_technology.rule={rule}", "new_technology.share=0.7", *more]
    run = year_end(region, overrides=overrides)
    model = settle_region(
        region,
        scheme=model_scheme("ex1-tiny"),
        overrides=dict(text.split("=") for text in overrides),
    )
    mine = {(h.hospital_id, h.pool): h.due_fen for h in run.hospitals}
    assert mine == {(h.hospital_id, h.pool): h.due_fen for h in model.hospitals}
    folder = write_run(run, tmp_path / "run")
    check_run(folder)
    price = Pricer(folder)
    for name, row in cases(run).items():
        if row["status"] == "grouped" and row["case_class"] != "bed_day":
            found = price.case(name)(row["drg"])
            assert F(found.points, 10_000) == row["points_before_readmission"], name
    assert write_report(folder).exists()
    assert write_settlement_excel(folder).exists()
    letter = (write_letters(folder) / "H1.html").read_text("utf-8")
    assert ("单独支付的新技术项目" in letter) == (rule == "paid_apart")


def test_new_technology__counts_against_the_ceiling_in_the_dues(region: Path) -> None:
    path = region / "region.toml"
    path.write_text(path.read_text("utf-8") + '\n[ceiling]\ncontrol_target_yuan = "300000"\n')
    run = year_end(region, overrides=APART)
    assert run.ceiling is not None
    apart = {h.hospital_id: 0 for h in run.hospitals}
    for row in cases(run).values():
        apart[row["hospital_id"]] += row["apart_fen"] or 0
    assert apart == {"H1": 550_000, "H2": 100_000, "H3": 280_001}
    paid = sum(max(0, h.final_fen) + h.prepaid_fen for h in run.hospitals)
    assert sum(p.amount_fen for p in run.ceiling.payments) == paid
    told = "在已预付和本次支付之中计入总额控制目标"
    assert any("9,300.01 元是应付的一部分" in w.chinese and told in w.chinese for w in run.warnings)
    assert not any("历史病例的费用" in w.chinese for w in run.warnings)  # means are given


def test_new_technology__in_past_costs_is_said(region: Path) -> None:
    (region / "base_points.csv").unlink()
    lines = (region / "region.toml").read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("all_drg_mean_yuan")]
    (region / "region.toml").write_text("\n".join(kept) + "\n", "utf-8")
    with (EX1 / "cases.csv").open(encoding="utf-8") as stream:
        rows = [list(row) for row in csv.reader(stream)]
    (region / "history").mkdir()
    past = [tuple(x.replace("2024-", "2023-") for x in row) for row in rows[1:]]
    write(region / "history", "past.csv", [tuple(rows[0]), *past])
    run = year_end(region, overrides=[*APART, "history_years=1", "stable.min_cases=0"])
    assert any("past cases are not cleared of new technology" in str(w) for w in run.warnings)
    off = year_end(region, overrides=["history_years=1", "stable.min_cases=0"])
    assert not any("not cleared" in str(w) for w in off.warnings)


FAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    "not on the list": (("C02", "N9", "1"), "item 'N9' is not in new_technology_items.csv"),
    "negative": (("C02", "N1", "-1"), "amount_yuan: '-1' is negative"),
    "twice": (("C01", "N1", "1"), "case_id 'C01' and item 'N1' stand twice"),
    "no case": (("", "N1", "1"), "case_id is empty"),
    "no amount": (("C02", "N1", "many"), "amount_yuan: 'many' is not an amount"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_new_technology__faults_are_named(region: Path, name: str) -> None:
    row, text = FAULTS[name]
    write(region, "new_technology.csv", [*AMOUNTS, row])
    with pytest.raises(InputError) as caught:
        year_end(region)
    assert text in str(caught.value)
    assert "new_technology.csv:9" in str(caught.value)


def test_new_technology__of_more_than_the_cost_is_refused(region: Path) -> None:
    write(region, "new_technology.csv", [*AMOUNTS, ("C04", "N1", "3500.01")])
    with pytest.raises(InputError, match=r"new_technology\.csv:9: C04: new technology 3,500\.01 >"):
        year_end(region, overrides=APART)


def test_new_technology__is_in_the_tables_of_the_run(region: Path, tmp_path: Path) -> None:
    folder = write_run(year_end(region, overrides=APART), tmp_path / "run")
    table = pq.read_table(folder / "cases.parquet", columns=["new_technology_fen", "apart_fen"])
    sums = [sum(x or 0 for x in table[name].to_pylist()) for name in table.column_names]
    assert sums == [930_001, 930_001]

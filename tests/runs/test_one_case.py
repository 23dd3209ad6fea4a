"""A case by itself is priced as the year priced it, wherever nothing else than the case matters."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.ground.money import divide_rounded
from drgpay.grouper.versions import any_grouper
from drgpay.runs.folder import write_run
from drgpay.runs.one_case import OneCase, OnePricer
from drgpay.runs.priced import Pricing, price_cases
from drgpay.runs.pricing import Pricer
from drgpay.settlement.year_end import year_end
from drgpay.synth import synthesize

CASES = 240
TRIALS = {
    "its policy": ("unsettled_share_max=1",),
    "other rules": (
        "unsettled_share_max=1", "combine_pools=true", "bed_day.payment=money", "los_conflict=dates", "los_convention=plus_one",
        "short_stay.days=2", "long_stay.days=20", "long_stay.rule=by_item", "high.rule=linear_add",
        "not_pool=personal", "death.rule=by_cost", "findings.hold=day_surgery_with_long_stay",
    ),
    "bed-days": (
        "unsettled_share_max=1", "los_conflict=hold", "long_stay.days=15", "long_stay.rule=bed_day", "long_stay.class=LONG",
        "bed_day.mode=whole_stay", "high.rule=cap", "against_order.rule=by_item",
        "low.rule=by_cost", "ungrouped.rule=special_review", "unstable.rule=by_cost",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city whose stays are told in every way: without days, against dates, by bed-day."""
    folder = tmp_path_factory.mktemp("one") / "city"
    synthesize(folder, CASES, 7, scheme="zj-drg-2022", year=2024, history_years=1)
    region = folder / "region.toml"
    text = region.read_text(encoding="utf-8")
    own = re.search(r'reserves\]\][^[]*?amount_yuan = "([0-9.]+)"', text)
    assert own is not None  # a reserve that covers whatever the altered stays come to
    region.write_text(text.replace(own[1], "900000.00"), encoding="utf-8")
    path = folder / "cases.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    for i, row in enumerate(rows):
        if i % 7 == 0:
            row["los_days"] = None
        elif i % 7 == 1 and row["los_days"] is not None:
            row["los_days"] += 3
        if i % 11 == 0:
            row["payment_mode"] = "day_surgery"
        elif i % 13 == 0:
            row["payment_mode"], row["bed_day_class"] = "bed_day", ("PSY", "REH", None)[i % 3]
        if i % 5 == 0:
            row["discharge_way"] = ("2", "4", "5")[i % 3]
        if i % 6 == 2:  # a high case, the more paid by the patient
            row["personal_paid"] += row["total_cost"] * 4
            row["total_cost"] *= 5
        elif i % 6 == 5:
            for column in ("total_cost", "pool_fund", "personal_paid", "other_paid"):
                row[column] = round(row[column] / 10, 2)
        if i % 29 == 0:
            row["diagnoses"] = ["Z99.999x999", *row["diagnoses"]]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    return folder


@pytest.fixture(scope="module")
def settled(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what gives the folder of the city settled by a policy, each settled once."""

    @cache
    def run(name: str) -> Path:
        folder = tmp_path_factory.mktemp("runs") / "run"
        write_run(year_end(city, overrides=TRIALS[name]), folder)
        return folder

    return run


def told(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a row says, as the pricer takes it."""
    plain = (
        "hospital_id", "pool", "los_days", "admission_date", "discharge_date", "payment_mode",
        "bed_day_class", "discharge_way",
    )  # fmt: skip
    return {
        **{name: row[name] for name in plain},
        **{
            name: None if row[own] is None else int(row[own] * 100)
            for name, own in (("cost_fen", "total_cost"), ("fund_fen", "pool_fund"))
        },
    }


def beside_itself(own: dict[str, Any], reviewed: set[str]) -> bool:
    """Whether more than the case itself decided: a review, a referral, a finding of others."""
    more = "patient_id_missing", "settlement_before_discharge", "overlapping"
    return own["case_id"] in reviewed or bool(own["chain"]) or any(
        name in (own["doubts"] or "") for name in more
    )  # fmt: skip


each_policy = pytest.mark.parametrize(
    "name",
    ["its policy", pytest.param("other rules"), pytest.param("bed-days", marks=pytest.mark.long)],
)


@each_policy
def test_one_case__is_priced_as_the_year_priced_it(
    city: Path, settled: Callable[[str], Path], name: str
) -> None:
    run = settled(name)
    pricer = Pricer(run)
    one, grouper = OnePricer(pricer), any_grouper(pricer.scheme_name, pricer.readings)
    known = {r["case_id"]: r for r in pq.read_table(run / "cases.parquet").to_pylist()}
    reviewed = {r["case_id"] for r in pq.read_table(run / "reviews.parquet").to_pylist()}
    classes, held, quarantined, tried = set(), 0, 0, 0
    for row in pq.read_table(city / "cases.parquet").to_pylist():
        own = known[row["case_id"]]
        read = one.read(**told(row))
        if own["status"] == "quarantined":
            quarantined += not isinstance(read, OneCase)
            continue
        assert isinstance(read, OneCase), (row, read)
        assert read.days == own["days"]
        if beside_itself(own, reviewed):
            continue
        made = grouper.group_case(
            sex=row["sex"], age_years=row["age_years"], age_days=row["age_days"],
            birth_weight_g=row["birth_weight_g"], los_days=read.days, icu=bool(row["icu"]),
            discharge_way=row["discharge_way"], diagnoses=row["diagnoses"],
            procedures=row["procedures"] or [],
        )  # fmt: skip
        assert made.drg == own["drg"], row
        price, paid_by = one.prices(read, [made.drg])[0]
        before = int(own["points_before_readmission"] * 10_000)
        value = pricer.point_values[own["pool"]]
        fen = divide_rounded(value.numerator * before * 100, value.denominator * 10_000)
        assert (price.case_class, paid_by) == (own["case_class"], own["paid_by"]), row
        assert price.points == before, row
        assert price.fen == (own["price_fen"] if paid_by == "money" else fen), row
        tried, held = tried + 1, held + (paid_by == "held")
        classes.add(price.case_class)
    assert tried > CASES * 0.8
    assert len(classes) >= 5
    assert held or name == "its policy"
    assert quarantined or name == "its policy"


def spoiled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return cases of which each eighth lacks something, or says what cannot be."""
    made = []
    for i, row in enumerate(rows):
        own = dict(row)
        match i % 64:
            case 1:
                own["hospital_id"] = "elsewhere"
            case 9:
                own["hospital_id"] = None
            case 17:
                own["pool"] = "999"
            case 25:
                own["pool"], own["total_cost"] = None, None
            case 33:
                own["pool_fund"] = own["total_cost"] + 1
            case 41:
                own["discharge_date"] = own["admission_date"] - dt.timedelta(1)
            case 49:
                own["los_days"] = own["admission_date"] = own["discharge_date"] = None
            case 57:
                own["los_days"], own["admission_date"] = None, None
                own["payment_mode"], own["bed_day_class"] = "bed_day", "PSY"
        made.append(own)
    return made


@each_policy
def test_many_cases__are_read_and_priced_as_each_by_itself(
    city: Path, settled: Callable[[str], Path], name: str
) -> None:
    pricer = Pricer(settled(name))
    one, grouper = OnePricer(pricer), any_grouper(pricer.scheme_name, pricer.readings)
    values = {pool: value * 2 for pool, value in list(pricer.point_values.items())[:1]}
    table = pq.read_table(city / "cases.parquet")
    rows = spoiled(table.to_pylist())
    pricing = Pricing(pricer, values)
    made = price_cases(pa.Table.from_pylist(rows, table.schema), grouper, pricing).table.to_pylist()
    seen = {"unpriced": set(), "paid_by": set(), "doubts": set()}
    for row, many in zip(rows, made, strict=True):
        if many["status"] == "quarantined":
            continue
        for column in seen:
            seen[column].add(many[column])
        read = one.read(**told(row))
        if not isinstance(read, OneCase):
            assert many["unpriced"] == read[0].code, row
            assert many["points"] is many["expected_fen"] is many["case_class"] is None
            continue
        assert not many["unpriced"] and many["days"] == read.days, (row, many)
        assert (many["doubts"] or "") == "|".join(read.doubts)
        price, paid_by = one.prices(read, [many["drg"]], values)[0]
        assert (many["case_class"], many["paid_by"]) == (price.case_class, paid_by), row
        assert many["points"] * 10_000 == price.points
        less = row["personal_paid"] if one.personal else row["total_cost"] - row["pool_fund"]
        if paid_by == "held":
            assert many["expected_fen"] is many["over_cost_fen"] is many["due_fen"] is None
            continue
        assert many["expected_fen"] == price.fen, row
        assert many["over_cost_fen"] == price.fen - read.cost
        assert many["payment_over_cost"] * 10_000 == divide_rounded(price.fen * 10_000, read.cost)
        assert many["due_fen"] == price.fen - int(less * 100)
    assert {"no_cost", "no_hospital", "hospital_unknown", "pool_unknown", "fund_above_cost",
            "dates_reversed"} <= seen["unpriced"]  # fmt: skip
    assert "held" in seen["paid_by"] or name == "its policy"
    assert name == "its policy" or len(seen["doubts"]) > 1
    assert name != "other rules" or "money" in seen["paid_by"]


def test_one_case__of_many_groups_is_that_of_each(ex1: OnePricer) -> None:
    read = ex1.read(hospital_id="H1", pool="310", cost_fen=1_000_000, los_days=8)
    assert isinstance(read, OneCase)
    drgs = [*ex1.pricer.drgs, "0000", "BQY", "unheard of"]
    assert ex1.prices(read, drgs) == [ex1.prices(read, [drg])[0] for drg in drgs]


def test_one_case__says_all_that_stands_in_the_way(ex1: OnePricer) -> None:
    day = dt.date(2024, 3, 1)
    found = ex1.read(
        hospital_id="elsewhere", pool="999", cost_fen=5, fund_fen=6, admission_date=day,
        discharge_date=day - dt.timedelta(1), payment_mode="bed_day",
    )  # fmt: skip
    assert isinstance(found, list)
    assert [lack.code for lack in found] == [
        "fund_above_cost", "hospital_unknown", "pool_unknown", "dates_reversed",
        "bed_day_class_missing",
    ]  # fmt: skip
    nothing = ex1.read(hospital_id=None, pool=None, cost_fen=None)
    assert isinstance(nothing, list)
    assert [lack.code for lack in nothing] == ["no_cost", "no_hospital", "no_pool"]
    assert "310" in nothing[-1].text.chinese


@pytest.fixture(scope="module")
def ex1(tmp_path_factory: pytest.TempPathFactory) -> OnePricer:
    """The worked example's pricer."""
    folder = tmp_path_factory.mktemp("ex1") / "run"
    write_run(year_end(Path(__file__).parents[1] / "cases" / "ex1"), folder)
    return OnePricer(Pricer(folder))

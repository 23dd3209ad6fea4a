"""`POST /v1/preview`: the answer to a case is what the year made of it."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from typing import Any

import pyarrow.parquet as pq
import pytest

from drgpay.ground.money import divide_rounded, points_text
from drgpay.grouper import explain
from drgpay.grouper.engine import kept_by_grouper
from drgpay.service.desk import Desk, versions_of
from drgpay.service.models import Case
from drgpay.service.roles import Caller, Role
from tests.service.conftest import EX1, Served

REVIEWED = ("C02", "C09")
YUAN = {"total_cost", "pool_fund"}


def _asked(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the example's cases as the API takes it."""
    lists = {
        name: [c for c in (row[name] or "").split("|") if c] for name in ("diagnoses", "procedures")
    }
    plain = (
        "case_id",
        "pool",
        "sex",
        "age_years",
        "discharge_date",
        "admission_date",
        "hospital_id",
        "discharge_way",
        "payment_mode",
        "bed_day_class",
    )
    told = {name: row[name] for name in plain if row.get(name)}
    return {**told, **lists, **{name: row[name] for name in YUAN if row.get(name)}}


def test_preview__of_settled_cases_is_what_the_year_paid(served: Served, ex1_run: Any) -> None:
    settled = {r["case_id"]: r for r in pq.read_table(ex1_run / "cases.parquet").to_pylist()}
    with (EX1 / "cases.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    tried = 0
    for row in rows:
        own = settled[row["case_id"]]
        if own["status"] == "quarantined" or own["readmission"] or own["case_id"] in REVIEWED:
            continue  # which hang on what one case does not know
        asked = _asked(row) | {n: int(row[n]) for n in ("age_years", "los_days") if row[n]}
        answer = served.client.post("/v1/preview", json=asked, headers=served.headers("agency"))
        assert answer.status_code == 200, answer.text
        made = answer.json()
        assert made["drg"]["code"] == own["drg"]
        assert made["case_class"]["code"] == own["case_class"]
        assert made["points"] == points_text(int(own["points"] * 10_000))
        value = Fraction(made["point_value"]["fraction"])
        points = int(own["points"] * 10_000)
        paid = divide_rounded(value.numerator * points * 100, value.denominator * 10_000)
        paid = paid if own["paid_by"] != "money" else own["price_fen"]
        cost = own["total_cost_fen"]
        assert made["paid_by"]["code"] == own["paid_by"]
        assert (made["expected_fen"], made["over_cost_fen"]) == (paid, paid - cost)
        assert made["due_fen"] == paid - own["not_pool_fen"]
        assert made["payment_over_cost"] == points_text(divide_rounded(paid * 10_000, cost))
        tried += 1
    assert tried >= 5


def test_preview__names_each_wrong_field_and_repeats_nothing(served: Served) -> None:
    asked = {"sex": "x", "age_years": -1, "diagnoses": "秘密", "names": 1}
    answer = served.client.post("/v1/preview", json=asked, headers=served.headers("hospital"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [e["field"] for e in answer.json()["errors"]] == [
        "sex",
        "age_years",
        "diagnoses",
        "names",
    ]
    assert "秘密" not in answer.text


def test_preview__of_another_hospital_is_refused(served: Served) -> None:
    asked = {"sex": "M", "age_years": 60, "diagnoses": ["I63.900"], "hospital_id": "H2"}
    answer = served.client.post("/v1/preview", json=asked, headers=served.headers("hospital"))
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["field"] == "hospital_id"


def _previewed(served: Served, asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = served.client.post(
        "/v1/preview", json=asked, params=more, headers=served.headers("agency")
    )
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


BARE = {"sex": "M", "age_years": 61, "diagnoses": ["K22.301"]}


def test_preview__says_what_points_lack(served: Served) -> None:
    made = _previewed(served, BARE)
    assert made["points"] is None is made["expected_fen"]
    assert {n["code"] for n in made["notes"]} >= {"no_cost", "no_hospital", "no_pool"}
    elsewhere = {**BARE, "hospital_id": "H9", "pool": "310", "total_cost": 100}
    assert "hospital_unknown" in {n["code"] for n in _previewed(served, elsewhere)["notes"]}


def test_preview__says_how_codes_were_read(served: Served) -> None:
    made = _previewed(served, {**BARE, "diagnoses": [" k22.301", "K22.399x"]})
    first, second = made["codes"]["diagnoses"]
    assert (first["code"], second["unknown"]) == ("K22.301", True)
    assert "unknown_code" in {n["code"] for n in made["notes"]}


def test_preview__explained_has_the_same_price_and_group(served: Served) -> None:
    asked = {
        **BARE, "diagnoses": ["K22.301", "K11.901"], "procedures": ["96.0800x005"],
        "hospital_id": "H1", "pool": "310", "total_cost": "12000.00", "los_days": 5,
    }  # fmt: skip
    made = _previewed(served, asked, explain="true")
    told = made["explanation"]
    assert told["price"]["fen"] == made["expected_fen"]
    assert points_text(told["price"]["points"]) == made["points"]
    assert made["explanation"]["grouping"]["drg"] == made["drg"]["code"]


def test_preview__of_an_infant_reads_its_days_by_the_dates(served: Served) -> None:
    dates = {"birth_date": "2024-02-01", "admission_date": "2024-02-11"}
    made = _previewed(served, {**BARE, "age_years": 0, **dates}, explain="true")
    assert made["explanation"]["facts"]["age_days"] == 10
    assert "age_by_dates" in {n["code"] for n in made["notes"]}


@pytest.mark.parametrize(
    ("cost", "says"),
    [*((c, "14800.00") for c in ("12,34.60", "1e3", "0.1+0.2", "1.234", float("nan"), True)),
     (10**30, "1,000,000,000")],
)  # fmt: skip
def test_preview__of_no_amount_says_how_one_is_written(
    cost: Any, says: str, served: Served
) -> None:
    case = {"sex": "M", "age_years": 60, "diagnoses": ["I63.900"], "total_cost": cost}
    answer = served.client.post(
        "/v1/preview", content=json.dumps(case), headers=served.headers("agency")
    )
    (fault,) = answer.json()["errors"]
    assert fault["field"] == "total_cost" and says in fault["message"]


def test_preview__takes_amounts_as_files_have_them(served: Served) -> None:
    made = [
        _previewed(served, {**BARE, "total_cost": cost})["over_cost_fen"]
        for cost in ("12,345.60", "12345.60", 12345.60, " 12345.6元")
    ]
    assert len(set(made)) == 1


def test_explanation__once_the_desk_is_warm_compiles_nothing_whatever_the_case(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(served.service.store, served.service.settings)
    monkeypatch.setattr(explain, "explainer_of", kept_by_grouper(explain.Explainer))
    monkeypatch.setattr("drgpay.service.desk.explainer_of", explain.explainer_of)
    desk.warm_up()
    for own in versions_of(desk.board.grouper):
        assert {"surgical_match", "sex_and_newborn"} <= explain.explainer_of(own)._others.keys()

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("somebody waits")

    monkeypatch.setattr("drgpay.grouper.engine.compile_scheme", never)
    somebody, seen = Caller("", Role.AGENCY, ""), set()
    pairs = [(["I50.900", "E11.900"], []), (["I50.900"], ["96.0800x005", "45.1302"]),
             (["A99.999"], ["99.9999"])]  # fmt: skip
    for diagnoses, procedures in pairs:
        for sex, age in (("M", 60), ("F", 30), ("F", 0)):
            case = Case(sex=sex, age_years=age, diagnoses=diagnoses, procedures=procedures)
            made = desk.preview(case, somebody, explained=True)
            seen.add(made["status"]["code"])
    assert "ungroupable" in seen and len(seen) > 1

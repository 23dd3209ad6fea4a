"""Lists of the national interface: answered in its own form, faults told by its fields."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import Served

MESSAGE = json.loads(
    (Path(__file__).parents[2] / "examples" / "4101.json").read_text(encoding="utf-8")
)


def _sent(served: Served, message: Any, who: str = "other", **params: str) -> Any:
    body = (
        message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()
    )
    return served.client.post(
        "/v1/preview", content=body, params=params, headers=served.headers(who)
    )


def _changed(**more: Any) -> dict[str, Any]:
    message = copy.deepcopy(MESSAGE)
    for path, value in more.items():
        node, _, field = path.partition("__")
        part = message["input"][node]
        (part[0] if isinstance(part, list) else part)[field] = value
    return message


def test_message__is_answered_in_its_own_form(served: Served) -> None:
    answer = _sent(served, MESSAGE)
    assert answer.status_code == 200
    made = answer.json()
    assert (made["infcode"], made["err_msg"]) == (0, "")
    assert re.fullmatch(r"\d{30}", made["inf_refmsgid"])
    assert made["inf_refmsgid"].startswith("330100")
    assert re.fullmatch(r"\d{17}", made["refmsg_time"])
    assert made["respond_time"] >= made["refmsg_time"]
    assert made["output"]["case_id"] == "S0000007"
    assert made["output"]["total_cost_fen"] == 812_345


def test_message__means_what_the_same_case_means(served: Served) -> None:
    asked = {
        "sex": "F", "age_years": 64, "diagnoses": ["K22.301", "E11.900"],
        "procedures": ["96.0800x005"], "hospital_id": "H2", "pool": "390",
        "total_cost": "8123.45", "pool_fund": "4874.07", "personal_paid": "3249.38",
        "admission_date": "2024-06-09", "discharge_date": "2024-06-15", "los_days": 6,
        "discharge_way": "1", "birth_date": "1960-03-01", "case_id": "S0000007", "icu_hours": 0,
    }  # fmt: skip
    own = served.client.post("/v1/preview", json=asked, headers=served.headers("other")).json()
    made = _sent(served, MESSAGE).json()["output"]
    assert made == own
    assert made["points"] is not None
    assert _sent(served, MESSAGE["input"]).json() == own  # a bare list: as a case of ours
    explained = _sent(served, MESSAGE, explain="true").json()["output"]
    assert explained["explanation"]["grouping"]["drg"] == own["drg"]["code"]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (_changed(setlinfo__gend="0"), "sex"),
        (_changed(diseinfo__diag_type="7"), "diag_type"),
        (_changed(iteminfo__amt="12.345"), "amt"),
        ({**MESSAGE, "infno": "2304"}, "infno"),
        ({**MESSAGE, "input": {}}, "setlinfo"),
        ({**MESSAGE, "input": [MESSAGE["input"], MESSAGE["input"]]}, "input"),
    ],
)
def test_message__with_a_fault_is_answered_with_field_and_remedy(
    served: Served, message: dict[str, Any], field: str
) -> None:
    answer = _sent(served, message)
    assert answer.status_code == 200
    made = answer.json()
    assert made["infcode"] == -1
    assert field in made["err_msg"]
    assert len(made["err_msg"]) <= 200
    assert "output" not in made
    assert "TEST" not in answer.text  # the patient's name


def test_message__of_another_hospital_is_refused(served: Served) -> None:
    made = _sent(served, MESSAGE, "hospital").json()
    assert made["infcode"] == -1
    assert "hospital_id" in made["err_msg"]


def test_list__that_is_wrong_is_a_problem(served: Served) -> None:
    body = copy.deepcopy(MESSAGE["input"])
    body["setlinfo"]["gend"] = "0"
    answer = _sent(served, body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "sex"
    cut = json.dumps(MESSAGE["input"]).encode()[:-40]
    assert _sent(served, cut).status_code == 422


def test_message__in_gb18030_and_capitals_is_read(served: Served) -> None:
    own = _sent(served, MESSAGE).json()["output"]
    body = json.dumps(MESSAGE, ensure_ascii=False).encode("gb18030")
    assert _sent(served, body).json()["output"] == own
    capitals = {**MESSAGE, "input": {k.upper(): v for k, v in MESSAGE["input"].items()}}
    assert _sent(served, capitals).json()["output"] == own

"""Saved previews: kept on request alone, seen by the own hospital, answered anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from drgpay.service import saved
from drgpay.service.roles import Role
from drgpay.service.store import PREVIEWS
from tests.service.conftest import OTHER, Served, serving

CASE = {
    "sex": "M", "age_years": 58, "diagnoses": ["I50.900"], "los_days": 6, "total_cost": "9500.50",
    "pool": "390", "discharge_date": "2024-03-10",
}  # fmt: skip
SECOND = {"name": "合并症", "diagnoses": ["I50.900", "E11.900"], "procedures": []}


def kept(served: Served) -> int:
    (row,) = served.service.store.rows(sa.select(sa.func.count().label("n")).select_from(PREVIEWS))
    return int(row["n"])


def keep(served: Served, who: Role | str = Role.HOSPITAL, **more: Any) -> Any:
    body = {"title": "主诊待定", "case": CASE, "codings": [SECOND], **more}
    return served.client.post("/v1/previews", json=body, headers=served.headers(who))


def test_saved__is_answered_as_the_same_stay_asked_anew(served: Served) -> None:
    before = kept(served)
    headers = served.headers(Role.HOSPITAL)
    compared = {"case": CASE, "codings": [SECOND]}
    told = served.client.post("/v1/compare", json=compared, headers=headers).json()
    assert kept(served) == before, "nothing is kept that nobody asked to keep"
    made = keep(served)
    assert made.status_code == 201 and made.json()["codings"] == told["codings"]
    assert kept(served) == before + 1
    opened = served.client.get(f"/v1/previews/{made.json()['id']}", headers=headers).json()
    assert opened == made.json() and opened["title"] == "主诊待定"
    assert opened["asked"] == {"case": CASE, "codings": [SECOND]}
    assert opened["codings"][1]["difference_fen"] == 0 or told["codings"][1]["expected_fen"]


def test_saved__of_another_hospital_is_not_there(served: Served) -> None:
    own = keep(served).json()["id"]
    theirs = keep(served, "other").json()["id"]
    for who, mine, not_mine in ((Role.HOSPITAL, own, theirs), ("other", theirs, own)):
        headers = served.headers(who)
        listed = served.client.get("/v1/previews", headers=headers).json()["previews"]
        assert mine in {one["id"] for one in listed} and not_mine not in {o["id"] for o in listed}
        for method in ("GET", "DELETE"):
            gone = served.client.request(method, f"/v1/previews/{not_mine}", headers=headers)
            assert gone.status_code == 404
    asked = served.headers(Role.AGENCY)
    assert served.client.get(f"/v1/previews/{own}", headers=asked).status_code == 404
    of_agency = keep(served, Role.AGENCY).json()["id"]
    assert served.client.get(f"/v1/previews/{of_agency}", headers=asked).status_code == 200
    done = served.client.delete(f"/v1/previews/{own}", headers=served.headers(Role.HOSPITAL))
    assert done.status_code == 204
    again = served.client.get(f"/v1/previews/{own}", headers=served.headers(Role.HOSPITAL))
    assert again.status_code == 404


def test_saved__that_could_not_be_opened_is_refused(served: Served) -> None:
    before = kept(served)
    refused = keep(served, case={**CASE, "hospital_id": OTHER})
    assert refused.status_code in (403, 422) and kept(served) == before
    wrong = keep(served, case={**CASE, "age_years": -1})
    assert wrong.status_code == 422 and kept(served) == before


def test_saved__has_a_limit_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MOST_SAVED", 2)
    with serving(tmp_path) as served:
        assert [keep(served).status_code for _ in range(3)] == [201, 201, 409]
        assert keep(served, "other").status_code == 201, "each hospital has its own"


def test_page__keeps_the_form_and_opens_it_by_a_link_without_data(served: Served) -> None:
    headers = {**served.headers(Role.HOSPITAL), "HX-Request": "true"}
    form = {
        "dx_a": ["I50.900"], "dx_b": ["I50.900", "E11.900"], "two": "1", "sex": "M",
        "age_years": "58", "total_cost": "9,500.50", "pool": "390", "title": "讨论<b>",
    }  # fmt: skip
    before = kept(served)
    part = served.client.post("/previews", data=form, headers=headers)
    assert part.status_code == 200 and "讨论&lt;b&gt;" in part.text and kept(served) == before + 1
    link = part.text.partition('href="/?saved=')[2].partition('"')[0]
    opened = served.client.get(f"/?saved={link}", headers=headers)
    assert "E11.900" in opened.text and "9500.50" in opened.text
    headers_other = {**served.headers("other"), "Accept": "text/html"}
    assert served.client.get(f"/?saved={link}", headers=headers_other).status_code == 404
    assert "E11.900" not in served.client.get("/", headers=headers).text
    faulty = served.client.post("/previews", data={**form, "age_years": "x"}, headers=headers)
    assert "data-fault-field" in faulty.text and kept(served) == before + 1
    long = served.client.post("/previews", data={**form, "title": "长" * 65}, headers=headers)
    assert "题名" in long.text and kept(served) == before + 1, "never cut short in silence"
    gone = served.client.delete(f"/previews/{link}", headers=headers)
    assert gone.status_code == 200 and link not in gone.text and kept(served) == before

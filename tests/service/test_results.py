"""`/v1/runs…`: a hospital sees the region's figures and its own rows, and nobody else's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.service.conftest import HOSPITAL, OTHER, Served, serving


def _got(served: Served, path: str, role: str, **asked: Any) -> Any:
    return served.client.get(path, params=asked, headers=served.headers(role))


def test_runs__are_listed_with_their_figures(served: Served) -> None:
    rows = _got(served, "/v1/runs", "hospital").json()["runs"]
    assert [row["id"] for row in rows] == [served.run.id]
    made = _got(served, f"/v1/runs/{served.run.id}", "hospital").json()
    values = served.service.desk.board.values
    for pool in made["pools"]:
        assert str(values[pool["pool"]].yuan) in (pool["point_value_fraction"], pool["pool"])
    assert _got(served, "/v1/runs/nothing", "agency").status_code == 404


def test_hospital__sees_its_own_rows_alone(served: Served, ex1_run: Any) -> None:
    path = f"/v1/runs/{served.run.id}/hospitals/"
    made = _got(served, path + HOSPITAL, "hospital").json()
    own = [r for r in pq.read_table(ex1_run / "hospitals.parquet").to_pylist()
           if r["hospital_id"] == HOSPITAL]  # fmt: skip
    assert [r["pool"] for r in made["rows"]] == [r["pool"] for r in own]
    assert [r["points"] for r in made["rows"]] == [str(r["points"]) for r in own]
    assert _got(served, path + OTHER, "hospital").status_code == 404
    assert _got(served, path + OTHER, "agency").status_code == 200
    assert _got(served, path + "H999", "agency").status_code == 404


@pytest.fixture(scope="module")
def cases(ex1_run: Any) -> dict[str, str]:
    rows = pq.read_table(ex1_run / "cases.parquet").to_pylist()
    return {r["case_id"]: r["hospital_id"] for r in rows if r["status"] != "quarantined"}


def test_why__of_a_case_is_for_its_hospital_and_the_region(
    served: Served, cases: dict[str, str]
) -> None:
    path = f"/v1/runs/{served.run.id}/why"
    for case, hospital in cases.items():
        answer = _got(served, path, "hospital", case=case)
        assert answer.status_code == (200 if hospital == HOSPITAL else 404), case
        told = _got(served, path, "agency", case=case).json()
        assert told["agrees"] and told["withheld"] == 0
    unknown = _got(served, path, "hospital", case="C0")
    assert unknown.status_code == 404
    assert not any(case in unknown.text for case in cases)  # no near names of others' cases


def test_why__names_no_other_institution_to_a_hospital(
    served: Served, cases: dict[str, str], ex1_run: Any
) -> None:
    path = f"/v1/runs/{served.run.id}/why"
    manifest = json.loads((ex1_run / "manifest.json").read_text(encoding="utf-8"))
    others = {h["hospital_id"] for h in manifest["hospitals"]} - {HOSPITAL}
    asked = [{"hospital": HOSPITAL}, *({"pool": p["pool"]} for p in manifest["pools"])]
    asked += [{"case": case} for case, hospital in cases.items() if hospital == HOSPITAL]
    withheld = 0
    for one in asked:
        answer = _got(served, path, "hospital", **one)
        assert answer.status_code == 200, answer.text
        withheld += answer.json()["withheld"]
        rows = json.dumps(answer.json())
        assert not any(f'"{other}"' in rows or f"{other} " in rows for other in others), one
    assert withheld
    assert _got(served, path, "hospital", hospital=OTHER).status_code == 404


def test_why__of_a_group_of_few_institutions_is_for_the_agency(
    served: Served, ex1_run: Any
) -> None:
    path = f"/v1/runs/{served.run.id}/why"
    drg = next(r["drg"] for r in pq.read_table(ex1_run / "drgs.parquet").to_pylist() if r["cases"])
    assert _got(served, path, "agency", drg=drg).status_code == 200
    assert _got(served, path, "hospital", drg=drg).status_code == 403


def test_why__wants_one_subject(served: Served) -> None:
    path = f"/v1/runs/{served.run.id}/why"
    assert _got(served, path, "agency").status_code == 422
    assert _got(served, path, "agency", case="C01", pool="310").status_code == 422


def test_result__whose_folder_is_gone_is_the_services_fault(
    tmp_path: Path, ex1_run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(ex1_run, tmp_path / "run")
    with serving(tmp_path / "data", publish_run=tmp_path / "run") as served:
        (tmp_path / "run").rename(tmp_path / "elsewhere")
        assert served.run is not None
        one = f"/v1/runs/{served.run.id}"
        for path in (one, f"{one}/hospitals/{HOSPITAL}", f"{one}/why", "/hospital"):
            answer = _got(served, path, "hospital", case="C01")
            assert answer.status_code == 503 and int(answer.headers["retry-after"]), path
            assert answer.json()["type"].endswith(":published_away")
            assert str(tmp_path) not in answer.text
        assert str(tmp_path / "run") in caplog.text
        (tmp_path / "elsewhere").rename(tmp_path / "run")
        assert _got(served, one, "hospital").status_code == 200

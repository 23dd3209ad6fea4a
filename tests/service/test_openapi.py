"""The API as it describes itself: whole, with examples that run, and no fault of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from drgpay.service.app import rows
from drgpay.service.openapi import examples
from drgpay.service.rows import Row
from tests.service.conftest import Served


@pytest.fixture(scope="module")
def described(served: Served) -> dict[str, Any]:
    answer = served.client.get("/v1/openapi.json", headers=served.headers("agency"))
    assert answer.status_code == 200
    made: dict[str, Any] = answer.json()
    return made


def _told(row: Row) -> bool:
    return not row.page and row.told.get("include_in_schema", True)


def test_openapi__has_every_route_but_pages(described: dict[str, Any]) -> None:
    told = {(m.upper(), p) for p, methods in described["paths"].items() for m in methods}
    assert told == {(row.method, row.path) for row in rows() if _told(row)}
    assert "HTTPValidationError" not in json.dumps(described)


def test_openapi__tells_every_fault_as_a_problem(described: dict[str, Any]) -> None:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if status.isdigit() and int(status) >= 400 and path != "/readyz":
                    assert list(answer["content"]) == ["application/problem+json"], (method, path)
            if operation.get("parameters") or "requestBody" in operation:
                assert "422" in operation["responses"], (method, path)


def test_openapi__has_examples_that_run(served: Served, described: dict[str, Any]) -> None:
    tried = 0
    for method, path, name, value in examples(described):
        answer = served.client.request(method, path, json=value, headers=served.headers("agency"))
        assert answer.status_code in (200, 201), (path, name, answer.text)
        assert answer.json().get("infcode", 0) == 0, answer.text
        tried += 1
    assert tried >= 3


def test_docs__is_a_page_of_our_own(served: Served) -> None:
    answer = served.client.get("/docs", headers=served.headers("agency"))
    assert answer.status_code == 200
    assert "/v1/preview" in answer.text
    assert "//" not in answer.text.replace("<!--", "").split("<main")[0].replace(
        "http://www.w3.org", ""
    )
    assert " style=" not in answer.text and "<script>" not in answer.text


def _hold(served: Served, described: dict[str, Any], tries: int, modes: list[Any]) -> int:
    """Fail if some request by what the API describes ends in a fault of the service itself."""
    schema = schemathesis.openapi.from_dict(described)
    operations = [found.ok() for found in schema.get_all_operations()]
    streams = "/events"  # which end with their job
    return sum(
        _tried(served, operation, tries, mode)
        for operation in operations
        for mode in modes
        if not operation.path.endswith(streams)
    )


def _tried(served: Served, operation: Any, tries: int, mode: Any) -> int:
    tried = 0

    @settings(
        max_examples=tries, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(mode))
    def one(case: Any) -> None:
        nonlocal tried
        asked = case.as_transport_kwargs(base_url="http://testserver")
        given_headers = dict(asked.pop("headers", None) or {})
        headers = {k: v for k, v in given_headers.items() if k.lower() not in _OWN}
        asked.pop("cookies", None)
        body = asked.pop("data", None)
        if isinstance(body, str | bytes):
            asked["content"] = body
        asked["headers"] = {**headers, **served.headers("agency")}
        answer = served.client.request(**asked, follow_redirects=False)
        tried += 1
        known = answer.status_code < 500 or answer.json()["type"].endswith("store_away")
        assert known, (operation.label, answer.status_code, answer.text[:300])
        if answer.status_code == 422:
            assert answer.headers["content-type"] == "application/problem+json"

    try:
        one()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing to be wrong in it
    return tried


_OWN = ("authorization", "cookie")


def test_openapi__holds_what_it_says(served: Served, described: dict[str, Any]) -> None:
    assert _hold(served, described, 1, [GenerationMode.POSITIVE]) > 15


@pytest.mark.long
def test_openapi__withstands_what_it_does_not_allow(
    served: Served, described: dict[str, Any]
) -> None:
    assert _hold(served, described, 150, list(GenerationMode)) > 1_000

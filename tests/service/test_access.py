"""Every route x every role: what strangers, hospitals, the agency, auditors and keys get.

A new route gets a line in `TABLE`, and a maker in `ASKED` where a bare request says nothing: where
its path has an id in it, the maker makes the thing as the first hospital and gives its address.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from drgpay.service.app import rows
from drgpay.service.jobs import add_job, new_id, withdraw
from drgpay.service.pages.objections import object_to
from drgpay.service.pages.statics import asset
from drgpay.service.roles import Caller, Role
from drgpay.service.rows import Row
from drgpay.service.saved import Stay, save
from tests.service.conftest import HOSPITAL, Served

WHO: tuple[Role | str | None, ...] = (
    None, Role.HOSPITAL, "other", Role.AGENCY, Role.AUDITOR, Role.KEYS,
)  # fmt: skip
# ok: let in, whatever is then said of the request; a number: the answer (303: shown the log-in)
TABLE = """
route                            stranger  hospital  other     agency    auditor   keys
GET /                            303       ok        ok        ok        ok        ok
GET /batch                       303       ok        ok        ok        ok        403
GET /batch/{job_id}              303       ok        404       404       404       403
GET /budget                      303       403       403       ok        ok        403
GET /budget/own                  303       ok        ok        403       403       403
GET /budget/entries/{number}     303       403       403       ok        ok        403
GET /budget/registers            303       403       403       ok        ok        403
GET /budget/watch                303       403       403       ok        ok        403
GET /budget/watch/persons        303       403       403       ok        403       403
GET /budget/published            303       ok        ok        ok        ok        403
GET /budget/published/{number}/{name} 303  ok        ok        ok        ok        403
GET /budget/given                303       ok        ok        403       403       403
POST /budget/objections          401       ok        ok        403       403       403
POST /budget/objections/{number} 401       403       403       ok        403       403
POST /budget/check               401       403       403       ok        403       403
POST /budget/approve             401       403       403       ok        403       403
POST /budget/return              401       403       403       ok        403       403
GET /groups                      303       ok        ok        ok        ok        403
GET /groups/compared             303       ok        ok        ok        ok        403
GET /groups/{drg}                303       ok        ok        ok        ok        403
GET /healthz                     ok        ok        ok        ok        ok        ok
GET /hospital                    303       ok        ok        403       403       403
GET /hospital/{hospital_id}      303       ok        404       ok        ok        403
GET /hospital/{hospital_id}/case 303       ok        404       ok        ok        403
GET /hospital/{hospital_id}/why  303       ok        404       ok        ok        403
GET /keys                        303       403       403       403       403       ok
POST /keys                       401       403       403       403       403       ok
POST /keys/revoke                401       403       403       403       403       ok
POST /users                      401       403       403       403       403       ok
POST /users/lock                 401       403       403       403       403       ok
POST /users/password             401       403       403       403       403       ok
GET /login/callback              404       404       404       404       404       404
GET /login/oidc                  404       404       404       404       404       404
GET /login                       ok        ok        ok        ok        ok        ok
POST /login                      ok        ok        ok        ok        ok        ok
POST /logout                     ok        ok        ok        ok        ok        ok
GET /metrics                     401       403       403       ok        ok        403
GET /objections                  303       403       403       ok        ok        403
POST /objections                 401       ok        ok        403       403       403
POST /objections/{number}        401       403       403       ok        403       403
POST /preview                    401       ok        ok        ok        ok        403
GET /readyz                      ok        ok        ok        ok        ok        ok
GET /region                      303       403       403       ok        ok        403
GET /region/compared             303       403       403       ok        ok        403
GET /region/trial                303       403       403       ok        403       403
GET /region/trial/sliders        303       403       403       ok        403       403
POST /region/trial               401       403       403       ok        403       403
GET /static/{name:path}          ok        ok        ok        ok        ok        ok
GET /v1/audit                    401       403       403       ok        ok        403
GET /v1/codes                    401       ok        ok        ok        ok        403
POST /v1/compare                 401       ok        ok        ok        ok        403
GET /v1/me                       401       ok        ok        ok        ok        ok
POST /v1/preview                 401       ok        ok        ok        ok        403
GET /v1/schemes                  401       ok        ok        ok        ok        403
GET /v1/schemes/{id}/drgs        401       ok        ok        ok        ok        403
GET /v1/schemes/{id}/drgs/{drg}  401       ok        ok        ok        ok        403
GET /v1/schemes/{id}/versions    401       ok        ok        ok        ok        403
GET /docs                        303       ok        ok        ok        ok        ok
GET /v1/openapi.json             401       ok        ok        ok        ok        ok
GET /v1/runs                     401       ok        ok        ok        ok        403
GET /v1/runs/{id}                401       ok        ok        ok        ok        403
GET /v1/runs/{id}/hospitals/{hospital} 401 ok        404       ok        ok        403
GET /v1/runs/{id}/why            401       ok        404       ok        ok        403
POST /v1/preview/batch           401       ok        ok        ok        ok        403
GET /v1/jobs                     401       ok        ok        ok        ok        403
GET /v1/jobs/{job_id}            401       ok        404       404       404       403
DELETE /v1/jobs/{job_id}         401       ok        404       404       404       ok
POST /batch/{job_id}/delete      401       ok        404       404       404       403
GET /v1/jobs/{job_id}/events     401       ok        404       404       404       403
GET /v1/jobs/{job_id}/result     401       ok        404       404       404       403
GET /v1/jobs/{job_id}/summary    401       ok        404       404       404       403
POST /v1/previews                401       ok        ok        ok        403       403
GET /v1/previews                 401       ok        ok        ok        403       403
GET /v1/previews/{preview_id}    401       ok        404       404       403       403
DELETE /v1/previews/{preview_id} 401       ok        404       404       403       403
POST /previews                   401       ok        ok        ok        403       403
DELETE /previews/{preview_id}    401       ok        404       404       403       403
"""
EXPECTED = {
    f"{method} {path}": dict(zip(WHO, told, strict=True))
    for method, path, *told in (line.split() for line in TABLE.strip().splitlines()[1:])
}


@dataclass
class Asked:
    """A request that says something: `path` with its ids, `more` as the client takes it."""

    path: str
    more: dict[str, Any] = field(default_factory=dict)


CASE = {"sex": "M", "age_years": 60, "diagnoses": ["I63.900"]}


def objection_of(served: Served) -> Asked:
    """Return the answer to an objection of the first hospital."""
    hospital = Caller("key:x", Role.HOSPITAL, "", HOSPITAL)
    number = object_to(served.service.store, hospital, served.run.id, "点数", "少计")
    return Asked(f"/objections/{number}", {"data": {"answer": "已核", "accepted": "no"}})


ASKED: dict[str, Callable[[Served], Asked]] = {
    "POST /v1/preview": lambda _: Asked("/v1/preview", {"json": CASE}),
    "GET /static/{name:path}": lambda _: Asked(asset("app.css")),
    "GET /budget/entries/{number}": lambda _: Asked("/budget/entries/1"),
    "GET /budget/published/{number}/{name}": lambda _: Asked("/budget/published/2/index.html"),
    **{
        f"POST /budget/{step}": lambda _, step=step: Asked(  # type: ignore[misc]
            f"/budget/{step}", {"data": {"number": "1", "why": "误"}}
        )
        for step in ("check", "approve", "return")
    },
    "GET /v1/codes": lambda _: Asked("/v1/codes?q=I63"),
    "GET /v1/runs/{id}": lambda served: Asked(f"/v1/runs/{served.run.id}"),
    "GET /v1/runs/{id}/hospitals/{hospital}": lambda served: Asked(
        f"/v1/runs/{served.run.id}/hospitals/{HOSPITAL}"
    ),
    "GET /v1/runs/{id}/why": lambda served: Asked(
        f"/v1/runs/{served.run.id}/why?hospital={HOSPITAL}"
    ),
    "GET /v1/schemes/{id}/versions": lambda _: Asked("/v1/schemes/zhejiang/versions"),
    "GET /v1/schemes/{id}/drgs": lambda _: Asked("/v1/schemes/ex1-tiny/drgs"),
    "GET /v1/schemes/{id}/drgs/{drg}": lambda _: Asked("/v1/schemes/zj-drg-2024/drgs/BR21"),
    "POST /preview": lambda _: Asked(
        "/preview", {"data": {"dx_a": "I63.900", "sex": "M", "age_years": "60"}}
    ),
    "POST /keys": lambda _: Asked("/keys", {"data": {"name": "x", "role": "agency"}}),
    "POST /keys/revoke": lambda _: Asked("/keys/revoke", {"data": {"id": "0" * 12}}),
    "POST /users": lambda _: Asked("/users", {"data": {"name": "x", "password": "short"}}),
    "POST /users/lock": lambda _: Asked("/users/lock", {"data": {"name": "nobody"}}),
    "POST /users/password": lambda _: Asked("/users/password", {"data": {"name": "nobody"}}),
    "POST /login": lambda served: Asked("/login", {"data": {"key": served.other}}),
    "POST /v1/compare": lambda _: Asked(
        "/v1/compare", {"json": {"case": CASE, "codings": [{"diagnoses": ["E11.900"]}]}}
    ),
}


def job_of(served: Served, more: str = "") -> Asked:
    """Return the address of a job of the first hospital, which nobody works on."""
    hospital = Caller("key:test", Role.HOSPITAL, "", HOSPITAL)
    job_id = new_id()
    add_job(served.service.store, job_id, hospital, {}, 0, direct=False, most=10_000)
    withdraw(served.service.store, job_id)
    return Asked(f"/v1/jobs/{job_id}{more}")


def preview_of(served: Served, path: str = "/v1/previews") -> Asked:
    """Return the address of a preview that the first hospital saved."""
    hospital = Caller("key:test", Role.HOSPITAL, "", HOSPITAL)
    stay = Stay.model_validate({"case": CASE})
    return Asked(f"{path}/{save(served.service.store, hospital, '', stay)}")


ASKED |= {
    "POST /v1/previews": lambda _: Asked("/v1/previews", {"json": {"case": CASE}}),
    "GET /v1/previews/{preview_id}": preview_of,
    "DELETE /v1/previews/{preview_id}": preview_of,
    "POST /previews": lambda _: Asked(
        "/previews", {"data": {"dx_a": "I63.900", "sex": "M", "age_years": "60"}}
    ),
    "DELETE /previews/{preview_id}": lambda served: preview_of(served, "/previews"),
    "POST /v1/preview/batch": lambda _: Asked("/v1/preview/batch", {"content": b""}),
    "GET /v1/jobs/{job_id}": job_of,
    "GET /region/compared": lambda served: Asked(
        f"/region/compared?from={served.run.id}&to={served.run.id}"
    ),
    "GET /hospital/{hospital_id}": lambda _: Asked("/hospital/H1"),
    "GET /hospital/{hospital_id}/case": lambda _: Asked("/hospital/H1/case?case_id=C01"),
    "GET /hospital/{hospital_id}/why": lambda _: Asked("/hospital/H1/why"),
    "POST /budget/objections": lambda _: Asked(
        "/budget/objections", {"data": {"about": "点数", "text": "少计"}}
    ),
    "POST /budget/objections/{number}": lambda _: Asked(
        "/budget/objections/1", {"data": {"answer": "已核", "accepted": "no"}}
    ),
    "POST /objections": lambda _: Asked("/objections", {"data": {"about": "点数", "text": "少计"}}),
    "POST /objections/{number}": objection_of,
    "GET /groups/{drg}": lambda _: Asked("/groups/GB11"),
    "GET /batch/{job_id}": lambda served: Asked(job_of(served).path.replace("/v1/jobs", "/batch")),
    "DELETE /v1/jobs/{job_id}": job_of,
    "POST /batch/{job_id}/delete": lambda served: Asked(
        job_of(served, "/delete").path.replace("/v1/jobs", "/batch")
    ),
    **{
        f"GET /v1/jobs/{{job_id}}/{what}": lambda served, what=what: job_of(served, f"/{what}")  # type: ignore[misc]
        for what in ("events", "result", "summary")
    },
}
ROWS = {row.name: row for row in rows()}
# numbers that are no secret to whom the route is open
COUNTED = {
    "/budget/entries/{number}",
    "/budget/objections/{number}",
    "/budget/published/{number}/{name}",
}
GUESSES = ("0", "1", "guessed", "%2e%2e", "..%2f..%2fsecret.key", "'%20or%20'1'='1", "%00", "脑")


def asked_of(row: Row, served: Served) -> Asked:
    """Return a request of a route."""
    make = ASKED.get(row.name)
    if make is None:
        assert "{" not in row.path, f"{row.name} has no maker in ASKED of {__name__}"
        return Asked(row.path)
    return make(served)


def sent(served: Served, method: str, asked: Asked, who: Role | str | None) -> Any:
    """Return the answer to a request of a role."""
    more = dict(asked.more)
    headers = {**more.pop("headers", {}), **served.headers(who)}
    served.client.cookies.clear()
    return served.client.request(
        method, asked.path, headers=headers, follow_redirects=False, **more
    )


def test_table__has_every_route_and_no_other() -> None:
    names = [row.name for row in rows()]
    assert len(names) == len(set(names)), "a route stands twice"
    lacking = sorted(set(names) - set(EXPECTED))
    assert not lacking, f"no line in TABLE of {__name__}: {', '.join(lacking)}"
    assert not (found := set(EXPECTED) - set(names)), f"no such route: {found}"
    assert not (found := set(ASKED) - set(names)), f"no such route: {found}"


@pytest.mark.parametrize("who", WHO, ids=lambda who: str(who or "stranger"))
@pytest.mark.parametrize("name", ROWS)
def test_route__gives_each_role_what_the_table_says(
    name: str, who: Role | str | None, served: Served
) -> None:
    if name not in EXPECTED:
        pytest.fail(f"no line in TABLE of {__name__}: {name}")
    row, told = ROWS[name], EXPECTED[name][who]
    answer = sent(served, row.method, asked_of(row, served), who)
    if told == "ok":
        assert answer.status_code < 500 and answer.status_code not in (401, 403, 404, 405, 429), (
            f"{name}: {answer.status_code} {answer.text[:200]}"
        )
        assert row.path == "/logout" or answer.headers.get("location") != "/login"
        return
    assert answer.status_code == int(told), f"{name}: {answer.text[:200]}"
    if told == "303":
        assert answer.headers["location"] == "/login" and not answer.content
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) <= {"type", "title", "status", "detail", "instance", "request_id"}


@pytest.mark.parametrize("guess", GUESSES)
def test_routes__do_not_know_a_guessed_id(guess: str, served: Served) -> None:
    for row in rows():
        if "{" not in row.path or (row.path in COUNTED and guess == "1"):
            continue
        path = re.sub(r"\{[^}]*\}", guess, row.path)
        for who in WHO:
            answer = sent(served, row.method, Asked(path), who)
            assert answer.status_code in (303, 401, 403, 404, 422), f"{row.method} {path} {who}"
            if answer.status_code == 303:
                assert who is None and row.page


@pytest.mark.parametrize("name", ROWS)
def test_route__without_a_key_says_nothing_but_that(name: str, served: Served) -> None:
    row = ROWS[name]
    if row.roles is None:
        return  # open
    for key in ("", "Bearer", "Bearer x", "Basic YTpi", f"Bearer dp_{'0' * 12}_{'A' * 43}"):
        served.client.cookies.clear()
        answer = served.client.request(
            row.method,
            re.sub(r"\{[^}]*\}", "1", row.path),
            headers={"Authorization": key},
            follow_redirects=False,
        )
        assert answer.status_code == 401 or (not key and row.page and answer.status_code == 303)

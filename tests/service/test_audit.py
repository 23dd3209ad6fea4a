"""The audit log: who asked for what is there, what they asked about is nowhere."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from drgpay.service.app import rows
from drgpay.service.audit import MANY, Audit, Note
from drgpay.service.roles import Role
from drgpay.service.store import AUDIT, META, Store, now
from tests.service.conftest import Served, serving
from tests.service.test_access import CASE, ROWS, Asked, asked_of, sent

MARK, PLAIN = "张三丰9J7K", "K9J7F3Q1"  # as a name, a case id or a code may look
# tables in which a text that somebody asked to keep may stand
KEPT = {"previews", "objections"}


@pytest.fixture(scope="module")
def own(ex1_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("audit"), publish_run=ex1_run) as served:
        yield served


def marked() -> dict[str, Any]:
    """Return a case full of what must not be kept."""
    return {
        **CASE,
        "case_id": MARK,
        "diagnoses": ["I63.900", PLAIN, MARK],
        "procedures": [PLAIN],
    }


def bodies() -> Iterator[dict[str, Any]]:
    """Yield what a request may bring: right ones, wrong ones, rubbish."""
    case = marked()
    yield {"json": case}
    yield {"json": {**case, MARK: PLAIN, "sex": MARK, "age_years": PLAIN}}
    yield {"json": {"case": case, "codings": [{"name": MARK, "diagnoses": [PLAIN]}]}}
    yield {"json": {"cases": [case], "input": {"setlinfo": {"psn_name": MARK}}, "infno": PLAIN}}
    yield {"json": [case]}
    yield {"content": json.dumps(case).encode()[:-3]}
    yield {"content": f"{MARK}\0{PLAIN}".encode()}
    form = f"name={quote(MARK)}&password={PLAIN}&key={PLAIN}"
    yield {
        "content": form.encode(),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    }
    yield {"data": {"name": MARK, "password": PLAIN, "case_id": PLAIN}}
    table = f"case_id,sex,age_years,diagnoses\n{PLAIN},M,60,I63.900\n{MARK},{MARK},60,{PLAIN}\n"
    yield {"content": table.encode(), "headers": {"Content-Type": "text/csv"}}


def test_marks__sent_through_every_route_are_kept_nowhere(
    own: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    for name in ("httpx", "httpx2", "asyncio"):  # the client's own, on this side
        caplog.set_level(logging.ERROR, logger=name)
    headers = {"X-Request-Id": PLAIN, "User-Agent": PLAIN, "Referer": f"http://x/{PLAIN}"}
    query = "&".join(
        f"{n}={quote(MARK)}" for n in ("q", "lang", "scheme", "explain", "who", "since")
    )
    asked = 0
    for row in rows():
        path = re.sub(r"\{[^}]*\}", quote(MARK), row.path)
        whole = [{**more, "headers": {**more.get("headers", {}), **headers}} for more in bodies()]
        tries = [(f"{path}?{query}", whole[0], Role.HOSPITAL), (path, whole[0], None)]
        tries += [(path, more, Role.AGENCY) for more in whole[: None if row.body else 1]]
        for address, more, who in tries:
            more = more if row.body else {"headers": headers}
            answer = sent(own, row.method, Asked(address, dict(more)), who)
            assert answer.status_code != 500, f"{row.method} {address}"
            asked += 1
    assert asked > 50
    own.service.audit.flush()
    for table in META.sorted_tables:
        if table.name not in KEPT:
            found = repr(own.service.store.rows(sa.select(table)))
            assert MARK not in found and PLAIN not in found, table.name
    told = caplog.text + "".join(capfd.readouterr())
    assert MARK not in told and PLAIN not in told
    assert MARK not in own.client.get("/metrics", headers=own.headers("agency")).text


def test_route__that_is_noted_is_noted_for_each_who_may(own: Served) -> None:
    for name, row in ROWS.items():
        if not row.audit or name in ("POST /login", "POST /logout"):
            continue
        for who in (Role.HOSPITAL, Role.AGENCY):
            own.service.audit.flush()
            before = len(own.service.store.rows(sa.select(AUDIT)))
            answer = sent(own, row.method, asked_of(row, own), who)
            own.service.audit.flush()
            found = own.service.store.rows(sa.select(AUDIT).order_by(AUDIT.c.number))[before:]
            notes = [n for n in found if n["action"] == row.audit]
            assert notes, f"{name} leaves no trace"
            last = notes[-1]
            assert last["status"] == answer.status_code and last["role"] == who
            assert last["hospital_id"] == ("H1" if who is Role.HOSPITAL else "")
            assert last["who"] == f"key:{own.keys[who].split('_')[1]}"
            assert last["request_id"] == answer.headers["x-request-id"]
            assert abs(last["at"] - now()) < 60
            if row.noted_first and answer.status_code < 400:
                assert notes[0]["status"] == 0, "it is noted before it leaves"


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 422), (b'{"sex": "M", "age_years": 5, "diagnoses": [" "]}', 422)]
)
def test_preview__that_is_faulty_is_noted_as_it_was_answered(
    body: bytes, status: int, own: Served
) -> None:
    answer = own.client.post("/v1/preview", content=body, headers=own.headers("agency"))
    own.service.audit.flush()
    last = own.service.store.rows(sa.select(AUDIT).order_by(AUDIT.c.number.desc()))[0]
    assert (answer.status_code, last["status"], last["action"]) == (status, status, "preview")


def test_login__is_noted_and_so_is_one_that_fails(own: Served) -> None:
    from drgpay.service.users import add_user

    add_user(own.service.store, "eve", Role.AUDITOR, "a long password")
    for password in ("a wrong password", "a long password"):
        own.client.cookies.clear()
        own.client.post("/login", data={"name": "eve", "password": password})
    own.client.cookies.clear()
    own.client.post("/login", data={"name": "nobody-here", "password": "a long password"})
    own.service.audit.flush()
    lines = own.client.get("/v1/audit?action=login", headers=own.headers("auditor")).json()["lines"]
    assert [(n["who"], n["status"]) for n in lines[:2]] == [("user:eve", 303), ("user:eve", 401)]
    assert "nobody-here" not in str(lines), "what a stranger types may be anything"


def lines(served: Served, **asked: Any) -> Any:
    answer = served.client.get("/v1/audit", params=asked, headers=served.headers("auditor"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_audit__is_read_page_by_page_and_by_time(own: Served) -> None:
    row = {
        "who": "key:x", "role": "agency", "hospital_id": "H9", "action": "paging", "subject": "s",
        "status": 200, "times": 2, "request_id": "r",
    }  # fmt: skip
    base = 1_700_000_000
    own.service.store.write(sa.insert(AUDIT), [{**row, "at": base + n} for n in range(25)])
    found: list[Any] = []
    page = lines(own, action="paging", limit=10)
    found += page["lines"]
    while page["next"] is not None:
        page = lines(own, action="paging", limit=10, before=page["next"])
        found += page["lines"]
    assert len(found) == 25 == len({n["number"] for n in found})
    assert [n["at"] for n in found] == sorted((n["at"] for n in found), reverse=True)
    assert found[-1]["at"] == "2023-11-14T22:13:20Z" and found[-1]["times"] == 2
    since, until = "2023-11-14T22:13:25", "2023-11-15T06:13:30+08:00"
    between = lines(own, action="paging", since=since, until=until)["lines"]
    assert len(between) == 5, "from `since` on, before `until`"
    assert len(lines(own, hospital_id="H9", who="key:x")["lines"]) == 25
    assert lines(own, who="' or 1=1 --")["lines"] == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "before=0", "since=yesterday", "until=-1e99", "who=" + "x" * 200],
)  # fmt: skip
def test_audit__of_a_wrong_question_is_told(query: str, own: Served) -> None:
    answer = own.client.get(f"/v1/audit?{query}", headers=own.headers("auditor"))
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == query.split("=")[0]


def test_flush__of_many_alike_notes_writes_one_with_their_number(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'service.sqlite'}")
    store.upgrade()
    audit = Audit(store)
    audit.close()  # nothing is written but what is asked here
    alike = Note(1_700_000_000, "key:a", "hospital", "H1", "preview", "", 200, 1, "r")
    for number in range(MANY):
        audit.note(replace(alike, request_id=f"r{number}"))
    audit.flush()
    rows = store.rows(sa.select(AUDIT))
    assert [row["times"] for row in rows] == [1] * MANY and rows[3]["request_id"] == "r3"
    for number in range(3 * MANY):
        audit.note(replace(alike, status=200 if number % 3 else 422))
    audit.flush()
    rows = store.rows(sa.select(AUDIT).order_by(AUDIT.c.number))[MANY:]
    assert sorted((row["status"], row["times"], row["request_id"]) for row in rows) == [
        (200, 2 * MANY, ""),
        (422, MANY, ""),
    ]
    store.close()

"""Many cases by one file: in every kind in and out, as `POST /v1/preview` says of each, none lost."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import io
import json
import shutil
import time
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from starlette.requests import Request

from drgpay.ground.errors import in_language
from drgpay.names.preview_columns import PREVIEW_COLUMNS
from drgpay.names.reasons import QUARANTINED
from drgpay.policy.catalogue import CATALOGUE
from drgpay.service.batch import _events
from drgpay.service.batch_work import OWN_JSON, SUMS, upload_of, work
from drgpay.service.jobs import BATCH, RUNNING, add_job, find_job, new_id
from drgpay.service.keys import add_key, revoke_key
from drgpay.service.problems import Problem
from drgpay.service.roles import Caller, Role
from drgpay.service.store import AUDIT, JOBS, now
from drgpay.settlement.doubts import BIT
from tests.service.conftest import EX1, Served

CASES = (EX1 / "cases.csv").read_bytes()
WAIT = {"prefer": "wait=60"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def sent(
    served: Served, body: bytes, who: Role | str = Role.AGENCY, query: str = "", **headers: str
) -> Any:
    """Return the answer to an upload."""
    served.client.cookies.clear()
    own = {**WAIT, **served.headers(who), **{k.replace("_", "-"): v for k, v in headers.items()}}
    return served.client.post(f"/v1/preview/batch{query}", content=body, headers=own)


def left_behind(served: Served) -> list[str]:
    """Return what lies in the folder of uploads that belongs to no job that is kept."""
    folder = served.service.settings.uploads
    return sorted(p.name for p in folder.iterdir() if list(p.glob("*.part")))


def own_json(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return rows of a CSV file as objects of our API."""
    made = []
    for row in rows:
        one: dict[str, Any] = {name: value for name, value in row.items() if value}
        for name in ("diagnoses", "procedures"):
            one[name] = one[name].split("|") if name in one else []
        for name in ("age_years", "age_days", "birth_weight_g", "los_days"):
            if name in one:
                one[name] = int(one[name])
        one["icu"] = row["icu"] == "1"
        made.append(one)
    return made


ROWS = list(csv.DictReader(io.StringIO(CASES.decode("utf-8-sig"))))


def bodies() -> dict[str, bytes]:
    """Return the worked example in every kind of file."""
    table = pa.csv.read_csv(
        io.BytesIO(CASES),
        convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(ROWS[0], pa.string())),
    )
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    from openpyxl import Workbook

    book, sheet = Workbook(), io.BytesIO()
    book.active.append(list(ROWS[0]))
    for row in ROWS:
        book.active.append(list(row.values()))
    book.save(sheet)
    return {
        "csv": CASES,
        "json": json.dumps(own_json(ROWS), ensure_ascii=False).encode(),
        "parquet": parquet.getvalue(),
        "xlsx": sheet.getvalue(),
    }


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "xlsx"])
def test_batch__says_of_each_case_what_a_single_preview_says(kind: str, served: Served) -> None:
    answer = sent(served, bodies()[kind])
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["counts"]["in"] == len(ROWS) == len(told["cases"]) + len(told["quarantined"])
    known = (
        "case_id hospital_id pool sex age_years age_days birth_weight_g admission_date "
        "discharge_date los_days discharge_way icu diagnoses procedures total_cost pool_fund "
        "payment_mode bed_day_class"
    ).split()
    by_id = {one["case_id"]: one for one in own_json(ROWS)}
    for one in told["cases"]:
        case = {name: value for name, value in by_id[one["case_id"]].items() if name in known}
        single = served.client.post(
            "/v1/preview", json=case, headers=served.headers(Role.AGENCY)
        ).json()
        for name in ("points", "expected_fen", "over_cost_fen", "due_fen", "case_class", "status"):
            assert one[name] == single[name], (one["case_id"], name)
        assert one["drg"] == single["drg"]
    assert any(one["points"] for one in told["cases"])
    assert told["promise"] and told["versions"]["engine"]


def test_batch__comes_out_in_every_kind_and_nothing_is_kept(served: Served) -> None:
    as_csv = sent(served, CASES, query="?as=csv")
    assert as_csv.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert list(rows[0]) == list(PREVIEW_COLUMNS) and len(rows) == len(ROWS)
    as_parquet = sent(served, CASES, accept="application/vnd.apache.parquet")
    table = pq.read_table(io.BytesIO(as_parquet.content))
    assert table.column("case_id").to_pylist() == [row["case_id"] for row in ROWS]
    points = [str(p) if p is not None else "" for p in table.column("points").to_pylist()]
    assert points == [row["points"] for row in rows]
    as_book = sent(served, CASES, accept=XLSX)
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(as_book.content), read_only=True)
    assert book.sheetnames == ["汇总", "科室", "病组", "病例", "隔离"]
    summary = {row[0]: row[1] for row in book["汇总"].iter_rows(values_only=True) if row[0]}
    assert {"点值 310（元/点）", "分组方案", "政策参数", "清算结果", "未核实的参数"} <= set(summary)
    assert "2024 年度清算" in summary["点值 310（元/点）"]
    paid = sum(int(row["expected_fen"] or 0) for row in rows)
    for name in ("科室", "病组"):
        *lines, total = [row for row in book[name].iter_rows(values_only=True) if row[0]]
        place = lines[0].index("预计支付（元）")
        assert total[0] == "合计" and round(total[place] * 100) == paid
        assert round(sum(line[place] for line in lines[1:]) * 100) == paid
    listed = served.client.get("/v1/jobs", headers=served.headers(Role.AGENCY)).json()
    assert not [job for job in listed["jobs"] if job["counts"]]
    until = time.monotonic() + 10
    while any(served.service.settings.uploads.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(served.service.settings.uploads.iterdir())


def test_held_case__is_counted_apart_in_batch_and_single(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pricer = served.service.desk.board.pricer
    assert pricer is not None and pricer.rules.hold == 0
    held = dataclasses.replace(pricer.rules, hold=BIT["day_surgery_with_long_stay"])
    monkeypatch.setattr(pricer, "rules", held)
    case = {
        **{name: own_json(ROWS)[0][name] for name in ("sex", "age_years", "diagnoses", "procedures",
           "hospital_id", "pool", "total_cost", "pool_fund", "case_id")},
        "admission_date": "2024-01-08", "discharge_date": "2024-01-17",
        "payment_mode": "day_surgery",
    }  # fmt: skip
    body = json.dumps([case, {**case, "case_id": "2", "payment_mode": "drg"}]).encode()
    (tmp_path / f"cases{OWN_JSON}").write_bytes(body)
    agency, out = Caller("", Role.AGENCY, ""), tmp_path / "out"  # here, where the rules are other
    work(served.service.desk, tmp_path, out, agency, {}, most=9, progress=lambda *_: None)
    first, second = json.loads((out / "result.zh.json").read_text(encoding="utf-8"))["cases"]
    total = json.loads((out / SUMS).read_text(encoding="utf-8"))["total"]
    assert (total["held"], total["priced"], total["losing"] + total["gaining"]) == (1, 1, 1)
    assert total["held_cost_fen"] == first["total_cost_fen"]
    assert total["expected_fen"] == second["expected_fen"]
    me = served.headers(Role.AGENCY)
    single = served.client.post("/v1/preview", json=case, headers=me).json()
    for one in (first, single):
        assert one["paid_by"]["code"] == "held" and one["points"] == "0.0000"
        assert one["expected_fen"] is one["over_cost_fen"] is one["payment_over_cost"] is None
    [note] = first["notes"]
    assert note in single["notes"] and "暂不支付" in note["text"] and "_" not in note["text"]
    assert second["expected_fen"] > 0 and second["notes"] == []


def test_bad_rows__are_quarantined_with_place_and_remedy_and_the_good_go_on(
    served: Served,
) -> None:
    lines = CASES.decode("utf-8-sig").splitlines()
    lines[2] = lines[2].replace(",M,71,", ",X,71,")
    lines[3] = lines[3] + ",one,field,more"
    lines.append(lines[1].replace("C01", "C99").replace("I25.103|E11.900", "=cmd|' /C calc'!A0"))
    told = sent(served, "\n".join(lines).encode()).json()
    assert told["counts"]["in"] == len(ROWS) + 1
    assert told["counts"]["quarantined"] == len(told["quarantined"]) == 2
    first, second = sorted(told["quarantined"], key=lambda q: q["row"])
    assert (first["row"], first["column"], first["value"]) == (3, "sex", "X")
    assert first["reason"] == "sex_invalid" and first["message"] and first["remedy"]
    assert second["reason"] == "row_broken" and second["row"] == 4
    assert len(told["cases"]) == len(ROWS) - 1


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_case_id__twice_is_quarantined_as_at_the_years_end(served: Served, lang: str) -> None:
    lines = CASES.decode("utf-8-sig").splitlines()
    faulty = lines[3].replace(",M,", ",X,").replace(",F,", ",X,")
    lines += [lines[1], faulty, lines[1]]
    body, count = "\n".join(lines).encode(), len(ROWS) + 3
    told = sent(served, body, accept_language=lang).json()
    reason = QUARANTINED["duplicate_case"]
    own = {(q["row"], q["reason"]) for q in told["quarantined"]}
    twice = {(n, "duplicate_case") for n in (2, 4, count - 1, count + 1)}
    assert own == {*twice, (count, "sex_invalid")}
    for one in told["quarantined"]:
        if one["reason"] == "duplicate_case":
            assert (one["column"], one["value"]) == ("case_id", one["case_id"])
            assert one["message"] == in_language(reason.message, lang)
            assert one["remedy"] == in_language(reason.remedy, lang)
    counts = told["counts"]
    assert counts["in"] == count == len(told["cases"]) + len(told["quarantined"])
    assert counts["in"] == sum(number for name, number in counts.items() if name != "in")
    assert counts["quarantined"] == 5
    table = pq.read_table(io.BytesIO(sent(served, body, query="?as=parquet").content))
    [row] = table.filter(pc.equal(table["row"], 2)).to_pylist()
    assert row["drg"] is row["points"] is row["expected_fen"] is row["case_class"] is None
    assert row["hospital_id"] == ROWS[0]["hospital_id"] and row["total_cost_fen"] > 0


def test_hospital__gets_points_for_its_own_cases_alone(served: Served) -> None:
    told = sent(served, CASES, Role.HOSPITAL).json()
    own = {row["case_id"] for row in ROWS if row["hospital_id"] == "H1"}
    for one in told["cases"]:
        if one["case_id"] in own:
            assert one["points"] is not None
        else:
            assert one["points"] is None and one["notes"][0]["code"] == "other_hospital"
    without = [dict(row, hospital_id="") for row in ROWS]
    told = sent(served, json.dumps(own_json(without)).encode(), Role.HOSPITAL).json()
    assert all(one["points"] is not None for one in told["cases"])


def job_of(
    served: Served, body: bytes = CASES, who: Role | str = Role.HOSPITAL, query: str = ""
) -> str:
    """Return the id of a job that is done."""
    answer = sent(served, body, who, query, prefer="respond-async")
    assert answer.status_code == 202, answer.text
    where = answer.headers["location"]
    assert where == f"/v1/jobs/{answer.json()['id']}"
    until = time.monotonic() + 60
    while True:
        job = served.client.get(where, headers=served.headers(who)).json()
        if job["state"] in ("done", "failed"):
            return str(job["id"])
        assert time.monotonic() < until, job
        time.sleep(0.05)


def test_job__has_result_summary_marked_file_and_is_gone_when_deleted(served: Served) -> None:
    me = served.headers(Role.HOSPITAL)
    job_id = job_of(served)
    base = f"/v1/jobs/{job_id}"
    job = served.client.get(base, headers=me).json()
    assert job["state"] == "done" and job["done"] == job["counts"]["in"] == len(ROWS)
    assert job["kept_until"] == job["ended_at"] + 7 * 86_400
    assert len(served.client.get(f"{base}/result", headers=me).json()["cases"]) == len(ROWS)
    rows = served.client.get(f"{base}/result?as=csv", headers=me)
    assert rows.text.count("\n") == len(ROWS) + 1
    marked = served.client.get(f"{base}/result?as=marked", headers=me)
    assert marked.headers["content-type"] == XLSX and marked.content[:2] == b"PK"
    told = served.client.get(f"{base}/summary", headers=me).json()
    assert told["total"]["cases"] == len(ROWS)
    for by in ("groups", "departments", "classes"):
        for name in ("expected_fen", "cost_fen", "over_cost_fen", "gaining", "losing", "held"):
            assert sum(row[name] for row in told[by]) == told["total"][name], (by, name)
    page = served.client.get(f"/batch/{job_id}", headers={**me, "Accept": "text/html"}).text
    about = served.client.get(f"{base}/result", headers=me).json()
    assert about["promise"] in page and about["versions"]["run"]["digest"][:12] in page
    assert "元/点" in page and all(own["period"] in page for own in about["point_values"].values())
    assert about["unverified"] and CATALOGUE[about["unverified"][0]].name in page
    assert {i["indicator"] for i in told["indicators"]} == {"cmi", "time_index", "cost_index"}
    for who in ("other", Role.AGENCY, Role.AUDITOR):
        for more in ("", "/result", "/summary", "/events"):
            assert served.client.get(base + more, headers=served.headers(who)).status_code == 404
        listed = served.client.get("/v1/jobs", headers=served.headers(who)).json()["jobs"]
        assert job_id not in [one["id"] for one in listed]
    assert served.client.delete(base, headers=me).status_code == 204
    assert served.client.get(base, headers=me).status_code == 404
    assert not (served.service.settings.uploads / job_id).exists()


def test_events__tell_each_step_once_and_go_on_where_they_were_left(served: Served) -> None:
    me = served.headers(Role.HOSPITAL)
    job_id = job_of(served)
    told = served.client.get(f"/v1/jobs/{job_id}/events", headers=me)
    assert told.headers["content-type"].startswith("text/event-stream")
    last = told.text.split("id: ")[1].split("\n")[0]
    assert last == f"done-{len(ROWS)}" and "event: done" in told.text
    again = served.client.get(f"/v1/jobs/{job_id}/events", headers={**me, "Last-Event-ID": last})
    assert "event:" not in again.text


def test_job__of_a_file_that_cannot_be_read_fails_and_says_why(served: Served) -> None:
    body = b"name,colour\nx,red\n"
    job_id = job_of(served, body)
    me = served.headers(Role.HOSPITAL)
    job = served.client.get(f"/v1/jobs/{job_id}", headers={**me, "Accept-Language": "en"}).json()
    assert job["state"] == "failed" and "missing" in json.dumps(job["problem"])
    answer = served.client.get(f"/v1/jobs/{job_id}/result", headers=me)
    assert answer.status_code == 422 and "red" not in answer.text
    assert sent(served, body).status_code == 422


HOSTILE: dict[str, tuple[bytes, dict[str, str], int]] = {
    "empty": (b"", {}, 400),
    "not what is declared": (CASES, {"content_type": "application/vnd.apache.parquet"}, 415),
    "a workbook called CSV": (b"PK\x03\x04" + b"x" * 60, {"content_type": "text/csv"}, 415),
    "a kind that is not taken": (CASES, {"content_type": "application/pdf"}, 415),
    "a form": (CASES, {"content_type": "multipart/form-data; boundary=x"}, 415),
    "half a Parquet file": (b"PAR1" + b"\0" * 100, {}, 422),
    "half a zip": (b"PK\x03\x04" + b"\0" * 100, {}, 422),
    "zeros": (b"\0" * 5000, {}, 422),
    "deep JSON": (b'[{"diagnoses":' + b"[" * 100_000, {}, 422),
    "an array without end": (b'[{"sex":"M","diagnoses":["I63.900"],"age_years":1},', {}, 422),
    "an array of texts": (b'["diagnoses", "sex"]', {}, 200),
    "a field of lists": (
        b'[{"case_id":["a"],"sex":{},"diagnoses":{"a":1},"age_years":[]}]', {}, 200,
    ),
    "text behind the array": (b'[{"diagnoses":["A"],"sex":"M","age_years":1}] x', {}, 422),
    "no format of Accept": (CASES, {"accept": "image/png"}, 406),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, {}, 422),
    "a header alone": (CASES.splitlines()[0] + b"\n", {}, 200),
}  # fmt: skip


def packed(name: str, content: bytes, more: bytes = b"") -> bytes:
    """Return an archive with a member that unpacks to much; a workbook where `more` is one."""
    out = io.BytesIO(more)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def bombs() -> dict[str, bytes]:
    """Return small files that unpack to much, and one that lies about its rows."""
    much = b" " * (80 * 1024 * 1024)
    book = io.BytesIO()
    parts = zipfile.ZipFile(io.BytesIO(bodies()["xlsx"]))
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts.namelist():
            own = parts.read(part)
            if part.endswith("sheet1.xml"):
                own = own.replace(b"</sheetData>", much + much + b"</sheetData>")
            archive.writestr(part, own)
    parquet = bodies()["parquet"]
    return {
        "zip": packed("lists.json", b"[" + much + b"]"),
        "zip in zip": packed("inner.zip", packed("a.json", b"[]")),
        "zip that leads out": packed("../../evil.json", b"[]"),
        "xlsx": book.getvalue(),
        "parquet cut in its footer": parquet[: len(parquet) - 40] + parquet[-8:],
        "parquet with a long footer": parquet[:-8] + b"\xff\xff\xff\x7fPAR1",
    }


def test_bombs_and_lies__are_refused_and_leave_nothing(served: Served) -> None:
    for name, body in bombs().items():
        assert len(body) < 2_000_000
        answer = sent(served, body)
        # a member whose name leads out is read where it is, and written nowhere
        wanted = 200 if name == "zip that leads out" else 422
        assert answer.status_code == wanted, (name, answer.status_code, answer.text[:300])
        assert not left_behind(served), name
    assert sent(served, CASES).status_code == 200, "the next one is answered"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_body__is_refused_and_leaves_nothing(name: str, served: Served) -> None:
    body, headers, status = HOSTILE[name]
    answer = sent(served, body, **headers)
    assert answer.status_code == status, answer.text[:300]
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
    assert not left_behind(served)


@pytest.mark.parametrize("columns", [3_900, 5_000, 1_000_000])
def test_many_columns__are_refused_in_few_words(columns: int, served: Served) -> None:
    header = ",".join(f"c{n}" for n in range(columns))
    answer = sent(served, header.encode() + b"\n" + b"," * (columns - 1) + b"\n")
    assert answer.status_code == 422 and len(answer.content) < 10_000


def test_too_many_cases__are_refused(served: Served) -> None:
    limit = served.service.settings.batch_cases
    head = b"case_id,sex,age_years,diagnoses\n"
    answer = sent(served, head + b"".join(b"%d,M,60,I63.900\n" % n for n in range(limit + 1)))
    assert answer.status_code == 413 and f"{limit:,}" in answer.text


@pytest.mark.parametrize("name", ["../../../etc/passwd", "a/b.csv", "C:\\x", "\x00", "脑" * 120])
def test_name_of_the_sender__is_shown_and_never_a_path(name: str, served: Served) -> None:
    from urllib.parse import quote

    answer = sent(served, CASES, Role.HOSPITAL, f"?name={quote(name)}", prefer="respond-async")
    assert answer.status_code == 202
    folder = served.service.settings.uploads / answer.json()["id"]
    assert {p.name for p in folder.iterdir() if p.is_file()} <= {"cases.csv"}
    assert answer.json()["name"] == name.replace("\x00", "")


def test_uploads__are_for_their_owner_alone(served: Served) -> None:
    job_id = job_of(served)
    folder = served.service.settings.uploads / job_id
    assert folder.stat().st_mode & 0o077 == 0
    for path in folder.rglob("*"):
        if path.is_dir():
            assert path.stat().st_mode & 0o077 == 0
    assert (folder / "cases.csv").stat().st_mode & 0o077 == 0


def test_full_disk__is_told_and_nothing_is_left(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from drgpay.service import uploads

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "_write_all", full)
    answer = sent(served, CASES)
    assert answer.status_code == 507 and "retry-after" in answer.headers
    assert not left_behind(served)
    monkeypatch.undo()
    monkeypatch.setattr(uploads, "SPARE", 1 << 60)
    assert sent(served, CASES).status_code == 507


def test_waiting_jobs__of_one_caller_are_limited(served: Served) -> None:
    from drgpay.service import jobs
    from drgpay.service.problems import Problem
    from drgpay.service.roles import Caller

    caller, store = Caller("key:many", Role.AGENCY, ""), served.service.store
    ids = [jobs.new_id() for _ in range(4)]
    try:
        for job_id in ids[:3]:
            jobs.add_job(store, job_id, caller, {}, 1 << 40, direct=False, most=3)
        with pytest.raises(Problem) as found:
            jobs.add_job(store, ids[3], caller, {}, 1 << 40, direct=False, most=3)
        assert found.value.status == 429
    finally:
        for job_id in ids:
            jobs.forget(store, job_id)


def test_marked_file__is_called_as_its_sender_calls_it(served: Served) -> None:
    from openpyxl import load_workbook

    job_id = job_of(served, query="?name=七月.csv")
    path = f"/v1/jobs/{job_id}/result?as=marked"
    marked = served.client.get(path, headers=served.headers(Role.HOSPITAL))
    cells = [str(c) for s in load_workbook(io.BytesIO(marked.content)) for r in s.values for c in r]
    assert any("七月.csv" in cell for cell in cells)
    folder = str(served.service.settings.uploads)
    assert not [cell for cell in cells if folder in cell or "cases.csv" in cell]


def test_job__is_deleted_on_its_page_by_who_may_see_it(served: Served) -> None:
    me, service = served.headers(Role.HOSPITAL), served.service
    done = job_of(served)
    running = new_id()
    owner = Caller("key:x", Role.HOSPITAL, "", "H1")
    with service.store.begin() as connection:  # at once, else the process of jobs takes it up
        connection.execute(
            sa.insert(JOBS).values(
                id=running, who=owner.id, role=str(owner.role), hospital_id=owner.hospital,
                kind=BATCH, asked={}, state=RUNNING, direct=False, size=0, made_at=now(), done=0,
                tries=1, holder="another", lease_until=now() + 3_600,
            )
        )  # fmt: skip
    for job_id, word in ((done, "删除"), (running, "停止并删除")):
        form = f"/batch/{job_id}/delete"
        page = served.client.get(f"/batch/{job_id}", headers=me).text
        assert f'action="{form}"' in page and f"<summary>{word}</summary>" in page
        foreign = {**served.headers("other"), "Accept": "text/html"}
        assert served.client.post(form, headers=foreign).status_code == 404
        assert find_job(service.store, job_id) is not None
        answer = served.client.post(form, headers=me, follow_redirects=False)
        assert answer.status_code == 303 and answer.headers["location"] == "/batch"
        assert find_job(service.store, job_id) is None
        assert not (service.settings.uploads / job_id).exists()
        assert job_id not in served.client.get("/batch", headers=me).text
    service.audit.flush()
    notes = service.store.rows(sa.select(AUDIT).where(AUDIT.c.action == "delete job"))
    assert {(n["subject"], n["status"]) for n in notes} >= {
        (job_id, status) for job_id in (done, running) for status in (303, 404)
    }


def test_result__whose_files_are_gone_says_so_everywhere(served: Served) -> None:
    me = served.headers(Role.HOSPITAL)
    job_id = job_of(served)
    shutil.rmtree(served.service.settings.uploads / job_id)
    base = f"/v1/jobs/{job_id}"
    for path in (
        f"{base}/result",
        f"{base}/result?as=marked",
        f"{base}/summary",
        f"/batch/{job_id}",
    ):
        answer = served.client.get(path, headers=me)
        assert answer.status_code == 410 and answer.json()["type"].endswith(":gone"), path
    assert served.client.delete(base, headers=me).status_code == 204


def test_job__whose_upload_is_gone_fails_and_asks_for_it_again(tmp_path: Path) -> None:
    with pytest.raises(Problem) as found:
        upload_of(tmp_path)
    assert found.value.status == 410


def test_events__end_with_the_key_of_who_asks(served: Served) -> None:
    service = served.service
    key = add_key(service.store, service.secret, Role.HOSPITAL, "short", hospital="H1")
    service.keys.refresh()
    caller = service.keys.find(key)
    assert caller is not None
    request = Request({"type": "http", "headers": [], "state": {"caller": caller}})
    assert service.still_in(request)
    revoke_key(service.store, caller.id.removeprefix("key:"))
    service.keys.refresh()
    assert not service.still_in(request)

    async def told() -> list[str]:
        job_id = new_id()
        add_job(service.store, job_id, caller, {}, 0, direct=False, most=10_000)
        job = find_job(service.store, job_id)
        assert job is not None
        still_in = partial(service.still_in, request)
        return [line async for line in _events(service, job, "", "zh", still_in)]

    assert [line.partition("\n")[0] for line in asyncio.run(told())] == [
        "retry: 1000", "id: waiting-0",
    ]  # fmt: skip


def test_json__reads_numbers_as_a_single_case_does(served: Served) -> None:
    case = {"sex": "M", "age_years": 60, "diagnoses": ["K22.301"], "pool": "310", "los_days": 9}
    for given, fen in (
        ("1e3", 100_000),
        ("1.5E+2", 15_000),
        ("12.30", 1_230),
        ("12300e-2", 12_300),
    ):
        text = json.dumps({**case, "total_cost": 0}).replace(": 0}", f": {given}}}")
        one = served.client.post("/v1/preview", content=text, headers=served.headers("agency"))
        assert one.json()["total_cost_fen"] == fen
        (many,) = sent(served, f"[{text}]".encode()).json()["cases"]
        assert many["total_cost_fen"] == fen, given
    for much in ("1e400", "1000000000.01", "1e10"):
        text = json.dumps({**case, "total_cost": 0}).replace(": 0}", f": {much}}}")
        one = served.client.post("/v1/preview", content=text, headers=served.headers("agency"))
        assert one.status_code == 422 and one.json()["errors"][0]["field"] == "total_cost"
        (many,) = sent(served, f"[{text}]".encode()).json()["cases"]
        assert [n["code"] for n in many["notes"]] == ["cost_invalid"]


@pytest.mark.parametrize(
    ("text", "fen"),
    [("1e3", None), ("1_000", None), ("１２", None), ("+5", None), (".5", None), ("12,34", None),
     ("1000000000.01", None), ("99999999999", None), ("1,000,000,000.00", 10**11),
     ("12.30", 1_230), (" 7 ", 700), ("1,234.56", 123_456), ("1,234.5 元", 123_450)],
)  # fmt: skip
def test_json__reads_texts_of_amounts_as_a_single_case_does(
    text: str, fen: int | None, served: Served
) -> None:
    case = {"sex": "M", "age_years": 60, "diagnoses": ["K22.301"], "pool": "310", "los_days": 9}
    case["total_cost"] = text
    one = served.client.post("/v1/preview", json=case, headers=served.headers("agency"))
    (many,) = sent(served, json.dumps([case]).encode()).json()["cases"]
    if fen is None:
        assert one.status_code == 422 and one.json()["errors"][0]["field"] == "total_cost"
        assert [n["code"] for n in many["notes"]] == ["cost_invalid"]
    else:
        assert (one.json()["total_cost_fen"], many["total_cost_fen"]) == (fen, fen)


def test_json__with_half_a_letter_names_the_case(served: Served) -> None:
    good = b'{"sex":"M","age_years":60,"diagnoses":["K22.301"]}'
    bad = good.replace(b"K22", b"\\ud800")
    answer = sent(served, b"[" + good + b"," + bad + b"]")
    assert answer.status_code == 422 and "第2例" in answer.json()["title"]


@pytest.mark.parametrize(
    "body", [b"[]", b"[[[]]]", "病例号,性别,年龄,主要诊断\n".encode()], ids=range(3)
)
def test_file__without_a_case_says_so(body: bytes, served: Served) -> None:
    told = sent(served, body).json()
    assert told["counts"]["in"] == 0
    assert "no_cases" in [note["code"] for note in told["notes"]]

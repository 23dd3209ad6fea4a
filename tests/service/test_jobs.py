"""Jobs under a lease: taken once, taken up again, ended by their holder alone; uploads that break off."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.requests import Request

from drgpay.service import job_process, jobs, uploads
from drgpay.service.batch_work import Withdrawn
from drgpay.service.jobs import DONE, FAILED, LEASE_SECONDS, MOST_TRIES, RUNNING, WAITING
from drgpay.service.problems import Problem
from drgpay.service.roles import Caller, Role
from drgpay.service.settings import Settings
from drgpay.service.store import JOBS, Store, now, private_folder
from tests.readers import servers
from tests.service.conftest import EX1, serving
from tests.service.stores import ENGINES, database

ME = Caller("key:a", Role.HOSPITAL, "", "H1")


pytestmark = pytest.mark.xdist_group("stores")


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of its own, in both engines."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'service.sqlite'}"
        if request.param != "sqlite":
            url = stack.enter_context(database(request.getfixturevalue("server")))
        made = Store(url)
        made.upgrade()
        yield made
        made.close()


def added(store: Store, size: int = 10, direct: bool = False) -> str:
    """Accept a job."""
    job_id = jobs.new_id()
    jobs.add_job(store, job_id, ME, {"as": "json"}, size, direct=direct, most=100)
    return job_id


def lapse(store: Store) -> None:
    """Let every lease be over."""
    store.write(sa.update(JOBS).values(lease_until=now() - 1))


def test_claim__gives_each_job_to_one_and_those_waited_for_first(store: Store) -> None:
    first, second, direct = added(store), added(store), added(store, direct=True)
    taken = [jobs.claim(store, f"h:{n}") for n in range(4)]
    assert taken[3] is None
    ids = [job.id for job in taken if job is not None]
    assert ids[0] == direct and sorted(ids) == sorted((first, second, direct))


def test_claim__of_small_ones_leaves_the_large(store: Store) -> None:
    large = added(store, size=10_000)
    assert jobs.claim(store, "h:1", most_size=9_999) is None
    found = jobs.claim(store, "h:1")
    assert found is not None and found.id == large


def test_lease__that_lapsed_is_taken_over_and_the_first_holder_ends_nothing(store: Store) -> None:
    job_id = added(store)
    assert jobs.claim(store, "h:1") is not None
    assert jobs.renew(store, job_id, "h:1", 5, 10)
    assert jobs.claim(store, "h:2") is None
    lapse(store)
    again = jobs.claim(store, "h:2")
    assert again is not None and again.id == job_id
    assert not jobs.renew(store, job_id, "h:1", 6, 10)
    assert not jobs.end(store, job_id, "h:1", DONE, {"counts": {"in": 1}}, 1)
    assert jobs.end(store, job_id, "h:2", DONE, {"counts": {"in": 2}}, 2)
    assert not jobs.end(store, job_id, "h:2", FAILED, {}, 0)
    ended = jobs.find_job(store, job_id)
    assert ended is not None and ended.state == DONE and ended.result["counts"]["in"] == 2


def test_claims__of_many_at_once_give_each_job_to_one(store: Store) -> None:
    made = {added(store) for _ in range(40)}
    taken: list[str] = []

    def take(holder: str) -> None:
        while (job := jobs.claim(store, holder)) is not None:
            taken.append(job.id)

    threads = [threading.Thread(target=take, args=(f"h:{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 40 and set(taken) == made


def test_release__frees_what_this_machine_held_alone(store: Store) -> None:
    added(store), added(store)
    assert jobs.claim(store, "here:1:x") and jobs.claim(store, "there:1:x")
    jobs.release_of(store, "here:")
    again = jobs.claim(store, "here:2:x")
    assert again is not None and again.holder == "here:1:x"
    assert jobs.claim(store, "here:2:y") is None


def test_job__that_takes_its_process_down_goes_behind_and_fails_at_last(store: Store) -> None:
    bad = added(store)
    assert jobs.claim(store, "h:0") is not None
    good = added(store)
    lapse(store)
    found = jobs.claim(store, "h:1")
    assert found is not None and found.id == good
    for number in range(MOST_TRIES - 1):
        store.write(sa.update(JOBS).where(JOBS.c.id == bad).values(lease_until=0))
        taken = jobs.claim(store, f"h:{number}")
        assert taken is not None and taken.id == bad
    store.write(sa.update(JOBS).where(JOBS.c.id == bad).values(lease_until=0))
    assert jobs.claim(store, "h:z") is None
    ended = jobs.find_job(store, bad)
    assert ended is not None and ended.state == FAILED
    assert ended.result["problem"] == jobs.TOO_OFTEN


def test_withdrawn_job__stops_its_work(store: Store) -> None:
    job_id = added(store)
    assert jobs.claim(store, "h:1") is not None
    lease = job_process.Lease(store, job_id, "h:1")
    with lease:
        lease.progress(1, 10)
        jobs.withdraw(store, job_id)
        until = time.monotonic() + 20
        with pytest.raises(Withdrawn):
            while time.monotonic() < until:
                lease.progress(2, 10)
                time.sleep(0.02)


def test_lease__is_held_while_the_store_is_away_and_no_longer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bool:
        raise sa.exc.OperationalError("", {}, Exception())

    job_id = added(store)
    jobs.claim(store, "h:1")
    monkeypatch.setattr(jobs, "renew", away)
    monkeypatch.setattr(job_process, "RENEW_SECONDS", 0.01)
    lease = job_process.Lease(store, job_id, "h:1")
    with lease:
        time.sleep(0.1)
        lease.progress(1, None)
        lease.until = time.monotonic() - 1
        time.sleep(0.1)
        with pytest.raises(Withdrawn):
            lease.progress(2, None)


def test_sweep__drops_what_is_over_and_what_belongs_to_nobody(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    private_folder(settings.uploads)
    store = Store(settings.url)
    store.upgrade()
    old, young, waited = added(store), added(store), added(store, direct=True)
    orphan, fresh = jobs.new_id(), jobs.new_id()
    for job_id in (old, young, waited, orphan, fresh):
        (settings.uploads / job_id).mkdir()
    (settings.uploads / "a file of somebody").touch()
    jobs.withdraw(store, old)
    store.write(sa.update(JOBS).where(JOBS.c.id == old).values(ended_at=now() - 8 * 86_400))
    store.write(sa.update(JOBS).where(JOBS.c.id == waited).values(made_at=now() - 7_200))
    import os

    os.utime(settings.uploads / orphan, (now() - 7_200, now() - 7_200))
    job_process.sweep(store, settings)
    left = {path.name for path in settings.uploads.iterdir()}
    assert left == {young, fresh, "a file of somebody"}
    assert {jobs.find_job(store, j) is None for j in (old, waited)} == {True}
    assert jobs.find_job(store, young) is not None
    store.close()


def received(tmp_path: Path, messages: list[dict[str, Any]], most: int = 1_000) -> Any:
    """Receive a body that comes in so many messages."""
    left = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(left)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    return asyncio.run(uploads.receive(Request(scope, receive), tmp_path, "0" * 24, most))


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    """Return one message of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}
BROKEN: dict[str, tuple[list[dict[str, Any]], int]] = {
    "broken off": ([part(b"case_id,sex\n"), GONE], 400),
    "broken off at once": ([GONE], 400),
    "too long": ([part(b"x" * 600), part(b"x" * 600, False)], 413),
    "nothing": ([part(b"", False)], 400),
}


@pytest.mark.parametrize("name", BROKEN)
def test_upload__that_does_not_come_whole_leaves_nothing(name: str, tmp_path: Path) -> None:
    messages, status = BROKEN[name]
    with pytest.raises(Problem) as found:
        received(tmp_path, messages)
    assert found.value.status == status
    assert not list(tmp_path.iterdir())


def test_upload__slower_than_allowed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "GRACE_SECONDS", -1.0)
    with pytest.raises(Problem) as found:
        received(tmp_path, [part(b"case_id,sex\n"), part(b"1,M\n", False)])
    assert found.value.status == 408 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_upload__onto_a_full_disk_is_told_so(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Callable[..., int]:
        raise OSError(number, "full")

    monkeypatch.setattr(uploads, "_write_all", full)
    with pytest.raises(Problem) as found:
        received(tmp_path, [part(b"case_id,sex\n", False)])
    assert found.value.status == 507 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("job_id", ["", "..", "../x", "0" * 23, "G" * 24, "0" * 24 + "\n"])
def test_folder__is_never_that_of_another_name(job_id: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        uploads.folder_of(tmp_path, job_id)


def test_states__are_those_of_the_store() -> None:
    assert {WAITING, RUNNING, *jobs.ENDED} == {"waiting", "running", "done", "failed", "withdrawn"}
    assert LEASE_SECONDS > 10 * job_process.RENEW_SECONDS


@pytest.mark.long
def test_jobs__outlive_a_store_that_stops_in_the_middle(
    server: servers.Postgresql, ex1_run: Path, tmp_path: Path
) -> None:
    head, *rows = (EX1 / "cases.csv").read_text(encoding="utf-8-sig").splitlines()
    lines = [row.replace("C", f"C{n:04d}", 1) for n in range(400) for row in rows]
    body = "\n".join([head, *lines]).encode()
    with (
        database(server) as url,
        serving(tmp_path, database=url, publish_run=ex1_run) as served,
    ):
        client, me = served.client, {**served.headers("hospital"), "Prefer": "respond-async"}
        accepted = []
        for _ in range(6):
            answer = client.post("/v1/preview/batch", content=body, headers=me)
            assert answer.status_code == 202, answer.text
            accepted.append(answer.json()["id"])
        until = time.monotonic() + 60
        while jobs.find_job(served.service.store, accepted[0]).state == WAITING:  # type: ignore[union-attr]
            assert time.monotonic() < until
            time.sleep(0.02)
        server.stop()
        try:
            answer = client.post("/v1/preview/batch", content=body, headers=me)
            assert answer.status_code == 503 and "retry-after" in answer.headers
            assert client.get(f"/v1/jobs/{accepted[0]}", headers=me).status_code == 503
        finally:
            server.start()
        for job_id in accepted:
            while True:
                job = client.get(f"/v1/jobs/{job_id}", headers=me).json()
                if job.get("state") == DONE:
                    break
                assert time.monotonic() < until + 60, job
                time.sleep(0.1)
            assert job["counts"]["in"] == len(lines)
        left = {path.name for path in served.service.settings.uploads.iterdir()}
        assert left == set(accepted), "what was refused has left nothing"

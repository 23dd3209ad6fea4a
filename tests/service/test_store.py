"""The store in SQLite and PostgreSQL: the same tables, the same answers, clear words when it fails."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from drgpay.ground.errors import InputError
from drgpay.ledger.tables import META as BOOK
from drgpay.runs.folder import write_run
from drgpay.service.audit import Audit, Note, joined
from drgpay.service.faults import problem_of
from drgpay.service.keys import KeyRing, add_key, list_keys, revoke_key
from drgpay.service.migrations import upgrade
from drgpay.service.published import list_published, publish, withdraw
from drgpay.service.roles import Caller, Role
from drgpay.service.sessions import Sessions
from drgpay.service.settings import Settings
from drgpay.service.store import AUDIT, META, PUBLISHED, Store
from drgpay.service.users import add_user, check_password, list_users, lock_user
from drgpay.settlement.year_end import year_end
from tests.readers import servers
from tests.service.conftest import EX1, Served, serving
from tests.service.stores import ENGINES, database

pytestmark = pytest.mark.xdist_group("stores")
SECRET = b"s" * 32
NOTE = Note(1, "key:a", "agency", "", "preview", "", 200, 1, "r")
CASE = {"sex": "M", "age_years": 60, "diagnoses": ["I63.900"]}


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield Settings(data=tmp_path).url
        return
    with database(request.getfixturevalue("server")) as address:
        yield address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = Store(url)
    made.upgrade()
    yield made
    made.close()


def shape(engine: sa.Engine) -> dict[str, Any]:
    """Return what a database says of our tables."""
    found = sa.inspect(engine)
    made: dict[str, Any] = {}
    for name in sorted(found.get_table_names()):
        if name == "alembic_version":
            continue
        columns = [
            (c["name"], str(c["type"]), c["nullable"], str(c["default"]).replace(name, ""))
            for c in found.get_columns(name)
        ]
        indexes = sorted(
            (str(i["name"]), tuple(i["column_names"]), bool(i["unique"]))
            for i in found.get_indexes(name)
        )
        made[name] = columns, found.get_pk_constraint(name)["constrained_columns"], indexes
    return made


def test_migrations__make_the_tables_that_are_declared(store: Store) -> None:
    migrated = shape(store.engine)
    META.drop_all(store.engine)
    META.create_all(store.engine)
    assert migrated == shape(store.engine)
    assert set(migrated) == set(META.tables)


def test_upgrade__by_several_at_once_is_done_once(url: str, tmp_path: Path) -> None:
    start = tmp_path / "start"
    code = (
        "import pathlib, sys, time\n"
        "from drgpay.service.store import Store\n"
        "import drgpay.service.migrations\n"
        "store = Store(sys.argv[1])\n"
        "print(flush=True)\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.001)\n"
        "store.upgrade()\n"
    )
    words = [sys.executable, "-c", code, url, str(start)]
    running = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)
    ]
    for one in running:
        assert one.stdout is not None and one.stdout.readline() == b"\n"
    start.touch()
    ends = [one.communicate(timeout=60) for one in running]
    assert [one.returncode for one in running] == [0, 0, 0], ends
    store = Store(url)
    with store.begin() as connection:
        assert connection.scalar(sa.text("select count(*) from alembic_version")) == 1
    store.upgrade()  # again: nothing to do
    store.close()


def test_keys_users_sessions__are_the_same_in_both(store: Store) -> None:
    key = add_key(store, SECRET, Role.HOSPITAL, "病案室", hospital="H1", days=None)
    ring = KeyRing(store, SECRET)
    caller = ring.find(key)
    assert caller == Caller(f"key:{key.split('_')[1]}", Role.HOSPITAL, "病案室", "H1")
    assert ring.find(key + "x") is None and ring.find(key[:-1]) is None
    sessions = Sessions(store, SECRET, ring)
    cookie = sessions.open(caller, 1)
    assert sessions.known(cookie) is None
    found = sessions.find(cookie)
    assert found is not None and found.by_session and found.hospital == "H1"
    assert sessions.known(cookie) == found
    assert sessions.find(cookie + "x") is None
    revoke_key(store, key.split("_")[1])
    ring.refresh()
    assert ring.find(key) is None and sessions.known(cookie) is None
    assert sessions.find(cookie) is None
    with pytest.raises(InputError, match="no key"):
        revoke_key(store, key.split("_")[1])
    assert [k.state(0) for k in list_keys(store)] == ["revoked"]
    add_user(store, "王", Role.AGENCY, "a long password")
    with pytest.raises(InputError, match="already"):
        add_user(store, "王", Role.AGENCY, "a long password")
    assert check_password(store, "王", "a long password")[1]
    lock_user(store, "王")
    assert not check_password(store, "王", "a long password")[1]
    assert [u.name for u in list_users(store)] == ["王"]


def test_published__are_the_same_in_both(store: Store, tmp_path: Path) -> None:
    write_run(year_end(EX1), tmp_path / "run")
    first, second = (publish(store, tmp_path / "run", "test") for _ in range(2))
    assert [p.id for p in list_published(store)] == [second.id] != [first.id]
    withdraw(store, second.id)
    assert not list_published(store)


def test_published__by_two_at_once_is_one_of_a_period(store: Store, tmp_path: Path) -> None:
    write_run(year_end(EX1), tmp_path / "run")
    made = []
    begin = threading.Barrier(4)

    def act() -> None:
        begin.wait()
        made.append(publish(store, tmp_path / "run", "test").id)

    clerks = [threading.Thread(target=act) for _ in range(4)]
    for one in clerks:
        one.start()
    for one in clerks:
        one.join()
    assert len(made) == 4 and [p.id in made for p in list_published(store)] == [True]
    again = sa.insert(PUBLISHED).from_select(
        PUBLISHED.columns.keys(),
        sa.select(*(sa.literal("x") if c.name == "id" else c for c in PUBLISHED.c)).where(
            PUBLISHED.c.withdrawn_at.is_(None)
        ),
    )
    with pytest.raises(sa.exc.IntegrityError):
        store.write(again)


def test_upgrade__keeps_the_last_of_what_two_published_at_once(url: str) -> None:
    store = Store(url)
    upgrade(store.engine, META.tables, "002")
    row = {
        "kind": "year",
        "region_id": "r",
        "year": 2024,
        "folder": "/",
        "digest": "d",
        "published_by": "x",
    }
    rows = [
        {**row, "id": "a", "month": 0, "published_at": 1},
        {**row, "id": "b", "month": 0, "published_at": 2},
        {**row, "id": "c", "month": 0, "published_at": 2},
        {**row, "id": "d", "month": 1, "published_at": 1},
        {**row, "id": "e", "month": 0, "published_at": 3, "withdrawn_at": 4},
    ]
    for one in rows:
        store.write(sa.insert(PUBLISHED).values(**one))
    store.upgrade()
    assert {p.id for p in list_published(store)} == {"c", "d"}
    store.close()


def test_writers__at_once_lose_nothing(store: Store) -> None:
    def write() -> None:
        for _ in range(20):
            store.write(sa.insert(AUDIT), [vars_of(NOTE)] * 5)

    writing = [threading.Thread(target=write) for _ in range(4)]
    for one in writing:
        one.start()
    for one in writing:
        one.join()
    rows = store.rows(sa.select(AUDIT.c.number))
    assert len(rows) == len({row["number"] for row in rows}) == 400


def vars_of(note: Note) -> dict[str, Any]:
    return {name: getattr(note, name) for name in Note.__slots__}


@pytest.mark.parametrize(
    "address",
    ["mysql://h/d", "postgresql://zj:secret@127.0.0.1:1/d", "nonsense", "sqlite:////proc/x/y"],
)
def test_store__that_cannot_be_is_told_without_its_password(address: str) -> None:
    with pytest.raises(InputError) as caught:
        Store(address).upgrade()
    assert "secret" not in str(caught.value) + caught.value.text("zh")


def test_upgrade__of_what_is_not_ours_or_newer_is_refused_and_leaves_it(url: str) -> None:
    store = Store(url)
    with store.begin() as connection:
        connection.execute(sa.text("CREATE TABLE keys (id int)"))
    with pytest.raises(InputError, match="not drgpay's: it has tables keys") as caught:
        store.upgrade()
    assert caught.value.remedy is not None
    with store.begin() as connection:
        connection.execute(sa.text("DROP TABLE keys"))
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num varchar(32))"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('f00d')"))
    with pytest.raises(InputError, match="not drgpay's"):
        store.upgrade()
    with store.begin() as connection:
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
        connection.execute(sa.text("DROP TABLE alembic_version"))
    store.upgrade()
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '999'"))
    with pytest.raises(InputError, match="a newer drgpay"):
        store.upgrade()
    store.close()


def test_upgrade__of_somebody_elses_database_is_refused_though_no_name_is_shared(
    url: str,
) -> None:
    store = Store(url)
    with store.begin() as connection:
        connection.execute(sa.text("CREATE TABLE wards (id int)"))
    with pytest.raises(InputError, match="not drgpay's: it has tables wards") as caught:
        store.upgrade()
    assert caught.value.remedy is not None and "空的" in caught.value.remedy.chinese
    with store.begin() as connection:
        assert sa.inspect(connection).get_table_names() == ["wards"]
        connection.execute(sa.text("DROP TABLE wards"))
        BOOK.create_all(connection)  # the year's book may lie there
    store.upgrade()
    with store.begin() as connection:
        assert {*META.tables, *BOOK.tables} < set(sa.inspect(connection).get_table_names())
    store.close()


def test_tables__that_lack_are_told_as_that_and_not_as_away(store: Store) -> None:
    with store.begin() as connection:
        connection.execute(sa.text("ALTER TABLE published DROP COLUMN signals"))
        connection.execute(sa.text("DROP TABLE objections"))
    for table in (PUBLISHED, META.tables["objections"]):
        with pytest.raises(sa.exc.SQLAlchemyError) as caught:
            store.rows(sa.select(table))
        told = problem_of(caught.value).as_dict("zh")
        assert (told["status"], told["type"]) == (503, "urn:drgpay:problem:store_form")
        assert "表缺失" in told["title"] and "重新启动" in told["detail"]


# --- when it fails -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("failing")) as served:
        yield served


@pytest.mark.parametrize(
    ("pragma", "words"),
    [("max_page_count=1", "磁盘已满"), ("query_only=ON", "只能读")],
    ids=["full", "read-only"],
)
def test_store__that_takes_nothing_is_told(pragma: str, words: str, own: Served) -> None:
    service = own.service

    def hindered(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    login = {"key": own.keys[Role.AGENCY]}
    event.listen(service.store.engine, "connect", hindered)
    service.store.engine.dispose()
    try:
        answer = own.client.post("/login", data=login, headers={"Accept": "application/json"})
        while answer.status_code != 503:  # room that was left in the last page
            assert answer.status_code in (200, 303)
            answer = own.client.post("/login", data=login, headers={"Accept": "application/json"})
        assert words in answer.text and answer.headers["retry-after"] == "5"
        asked = own.client.post("/v1/preview", json=CASE, headers=own.headers("hospital"))
        assert asked.status_code == 200, "a case needs nothing of the store"
    finally:
        event.remove(service.store.engine, "connect", hindered)
        service.store.engine.dispose()
    service.audit.flush()
    notes = service.store.rows(sa.select(AUDIT).where(AUDIT.c.action == "preview"))
    assert notes, "what was asked meanwhile is noted later"


def test_notes__that_wait_are_joined_and_then_refused(tmp_path: Path) -> None:
    store = Store(Settings(data=tmp_path).url)  # without tables: nothing can be written
    audit = Audit(store, most=40)
    try:
        for number in range(25):
            audit.note(Note(1, f"key:{number % 3}", "agency", "", "preview", "", 200, 1, "r"))
        with pytest.raises(sa.exc.SQLAlchemyError):
            audit.flush()
        assert len(audit._waiting) == 3 and sum(n.times for n in audit._waiting) == 25
        assert not audit.full
        for number in range(40):
            audit.note(Note(1, f"key:{number}", "agency", "", "preview", "", 200, 1, "r"))
        assert audit.full
        store.upgrade()
        audit.flush()
        assert sum(row["times"] for row in store.rows(sa.select(AUDIT))) == 65
    finally:
        audit.close()
        store.close()


def test_notes__of_other_minutes_callers_or_outcomes_stay_apart() -> None:
    others = [
        Note(61, "key:a", "agency", "", "preview", "", 200, 1, "r"),
        Note(1, "key:b", "agency", "", "preview", "", 200, 1, "r"),
        Note(1, "key:a", "agency", "H", "preview", "", 200, 1, "r"),
        Note(1, "key:a", "agency", "", "compare", "", 200, 1, "r"),
        Note(1, "key:a", "agency", "", "preview", "x", 200, 1, "r"),
        Note(1, "key:a", "agency", "", "preview", "", 422, 1, "r"),
    ]
    assert joined([NOTE, *others]) == [NOTE, *others]
    assert joined([NOTE, *others, NOTE])[0].times == 2


def test_postgresql__stopped_and_started_in_the_middle(
    server: servers.Postgresql, tmp_path: Path
) -> None:
    with database(server) as url, serving(tmp_path, database=url) as served:
        client, service = served.client, served.service
        agency = served.headers("agency")
        page = {"Accept": "application/json"}

        def login() -> Any:
            return client.post(
                "/login", data={"key": served.keys[Role.AGENCY]}, headers=page,
                follow_redirects=False,
            )  # fmt: skip

        assert login().status_code == 303
        cookies = dict(client.cookies)
        client.cookies.clear()
        server.stop()
        try:
            answered = 0
            for _ in range(20):
                made = client.post("/v1/preview", json=CASE, headers=agency)
                answered += made.status_code == 200
            assert answered == 20, "cases are answered without the store"
            for answer in (login(), client.get("/v1/audit", headers=agency)):
                assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
                assert answer.json()["type"].endswith("store_away")
                assert "zj" not in answer.text and "127.0.0.1" not in answer.text
            until = time.monotonic() + 10
            while client.get("/readyz").status_code != 503:
                assert time.monotonic() < until
                time.sleep(0.05)
        finally:
            server.start()
        until = time.monotonic() + 20
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until, "it does not come back"
            time.sleep(0.05)
        client.cookies.update(cookies)
        assert client.get("/v1/me").status_code == 200, "the session is still there"
        client.cookies.clear()
        service.audit.flush()
        lines = client.get("/v1/audit?action=preview", headers=agency).json()["lines"]
        assert sum(line["times"] for line in lines) == answered, "each is noted, later"
        assert client.get("/v1/audit?who=%00", headers=agency).status_code == 422

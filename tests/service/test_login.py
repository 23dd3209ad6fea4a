"""Log-in: by key, by password; sessions that end; changes that come from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from drgpay.ground.errors import InputError
from drgpay.service.keys import MARK, add_key, revoke_key
from drgpay.service.roles import Role
from drgpay.service.sessions import COOKIE
from drgpay.service.store import KEYS, SESSIONS, USERS, now
from drgpay.service.users import add_user, list_users, lock_user, set_password
from tests.service.conftest import Served, serving

NAME, PASSWORD = "病案室王", "correct horse 马"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service of its own: nothing published, keys are revoked and users locked here."""
    with serving(tmp_path_factory.mktemp("login")) as served:
        add_user(served.service.store, NAME, Role.HOSPITAL, PASSWORD, hospital="H1")
        yield served


@pytest.fixture
def browser(own: Served) -> TestClient:
    own.client.cookies.clear()
    return own.client


def login(browser: TestClient, **fields: str) -> httpx2.Response:
    answer: httpx2.Response = browser.post("/login", data=fields, follow_redirects=False)
    return answer


def who(browser: TestClient) -> str | None:
    """Return who a browser is to the service."""
    answer = browser.get("/v1/me")
    return str(answer.json()["id"]) if answer.status_code == 200 else None


def test_login__by_key_opens_a_session_and_logout_ends_it(own: Served, browser: TestClient) -> None:
    answer = login(browser, key=own.keys[Role.AGENCY])
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    (cookie,) = answer.headers.get_list("set-cookie")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"))
    assert "Secure" not in cookie
    assert str(who(browser)).startswith("key:")
    kept = browser.cookies[COOKIE]
    assert browser.post("/logout", follow_redirects=False).headers["location"] == "/login"
    assert who(browser) is None
    browser.cookies.set(COOKIE, kept)
    assert who(browser) is None, "the cookie that was ended opens nothing"


def test_login__by_password(own: Served, browser: TestClient) -> None:
    assert login(browser, name=f" {NAME} ", password=PASSWORD).status_code == 303
    assert who(browser) == f"user:{NAME}"
    assert browser.get("/v1/me").json()["hospital_id"] == "H1"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": NAME, "password": PASSWORD + "x"},
        {"name": NAME, "password": ""},
        {"name": "nobody", "password": PASSWORD},
        {"name": "x" * 5000, "password": PASSWORD},
        {"name": "\0", "password": "\0"},
        {"name": "", "password": ""},
        {"key": "dp_000000000000_" + "A" * 43},
        {"key": "' or 1=1 --"},
        {"key": "脑" * 50},
        {},
    ],
    ids=range(10),
)
def test_login__with_a_wrong_one_is_refused_alike(
    fields: dict[str, str], browser: TestClient
) -> None:
    answer = login(browser, **fields)
    assert answer.status_code == 401 and "set-cookie" not in answer.headers
    assert "text/html" in answer.headers["content-type"] and 'role="alert"' in answer.text
    assert ("密钥无效" if "key" in fields else "用户名或密码不对") in answer.text
    assert fields.get("password") is None or PASSWORD not in answer.text
    assert who(browser) is None


def test_login__escapes_the_name_that_it_shows_again(browser: TestClient) -> None:
    answer = login(browser, name='"><script>alert(1)</script>', password="x")
    assert "<script>alert" not in answer.text and "&lt;script&gt;" in answer.text


@pytest.mark.parametrize("body", [b"\xff\xfe", "名=值".encode(), b"a&b", b"&".join([b"a=b"] * 20)])
def test_login__of_what_is_no_form_is_told(body: bytes, browser: TestClient) -> None:
    assert browser.post("/login", content=body).status_code == 422


def test_login__begins_a_new_session_and_ends_the_old(own: Served, browser: TestClient) -> None:
    browser.cookies.set(COOKIE, "chosen-by-somebody-else")
    login(browser, key=own.keys[Role.AGENCY])
    first = browser.cookies.get(COOKIE, domain="testserver.local")
    assert first != "chosen-by-somebody-else"
    browser.cookies.clear()
    browser.cookies.set(COOKIE, str(first))
    login(browser, key=own.keys[Role.HOSPITAL])
    browser.cookies.clear()
    browser.cookies.set(COOKIE, str(first))
    assert who(browser) is None


def test_login__is_limited_by_address_and_by_name(
    own: Served, browser: TestClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(tmp_path_factory.mktemp("few"), rates=(("login", "3/minute"),)) as served:
        found = [login(served.client, key="dp_x_y") for _ in range(5)]
        assert [a.status_code for a in found] == [401, 401, 401, 429, 429]
        assert 1 <= int(found[-1].headers["retry-after"]) <= 60
        bad = {"Authorization": "Bearer dp_x_y"}
        assert served.client.get("/v1/me", headers=bad).status_code == 429
        good = served.headers(Role.AGENCY)
        assert served.client.get("/v1/me", headers=good).status_code == 200
        served.service.rates.clear()
        for _ in range(3):
            served.service.rates.take("login", "user:eve")
        assert login(served.client, name="eve", password="x").status_code == 429


def test_session__ends_with_the_key_that_opened_it(own: Served, browser: TestClient) -> None:
    service = own.service
    key = add_key(service.store, service.secret, Role.AGENCY, "short")
    service.keys.refresh()
    login(browser, key=key)
    assert who(browser)
    revoke_key(service.store, key.split("_")[1])
    until = time.monotonic() + 2
    while who(browser):
        assert time.monotonic() < until, "two seconds later it still opens"
        time.sleep(0.05)
    assert browser.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_session__ends_when_the_key_expires(own: Served, browser: TestClient) -> None:
    service = own.service
    key = add_key(service.store, service.secret, Role.AGENCY, "short")
    service.keys.refresh()
    login(browser, key=key)
    assert who(browser)
    ended = sa.update(KEYS).where(KEYS.c.id == key.split("_")[1]).values(expires_at=now())
    service.store.write(ended)
    service.keys.refresh()
    assert who(browser) is None
    assert login(browser, key=key).status_code == 401


def test_session__ends_after_its_hours(own: Served, browser: TestClient) -> None:
    login(browser, key=own.keys[Role.AGENCY])
    assert who(browser)
    own.service.store.write(sa.update(SESSIONS).values(expires_at=now()))
    time.sleep(1.1)  # what is known of a session is asked again
    assert who(browser) is None


def test_user__that_is_locked_is_out(own: Served, browser: TestClient) -> None:
    store = own.service.store
    add_user(store, "leaver", Role.AUDITOR, "a long password")
    login(browser, name="leaver", password="a long password")
    assert who(browser) == "user:leaver"
    lock_user(store, "leaver")
    time.sleep(1.1)
    assert who(browser) is None
    assert login(browser, name="leaver", password="a long password").status_code == 401
    set_password(store, "leaver", "another password")
    assert login(browser, name="leaver", password="a long password").status_code == 401
    assert login(browser, name="leaver", password="another password").status_code == 303
    (user,) = (u for u in list_users(store) if u.name == "leaver")
    assert user.locked_at is None and user.role is Role.AUDITOR and user.local


@pytest.mark.parametrize(
    ("name", "role", "hospital", "password"),
    [
        (NAME, Role.HOSPITAL, "H1", PASSWORD),  # taken
        ("a", Role.HOSPITAL, "", PASSWORD),
        ("a", Role.AGENCY, "H1", PASSWORD),
        ("", Role.AGENCY, "", PASSWORD),
        ("a\nb", Role.AGENCY, "", PASSWORD),
        ("a" * 65, Role.AGENCY, "", PASSWORD),
        ("bob", Role.AGENCY, "", "short"),
        ("bob", Role.AGENCY, "", "x" * 129),
        ("bob", Role.AGENCY, "", "aaaaaaaaaaaaaaaa"),
        ("agency1", Role.AGENCY, "", "agency1-agency1"),
    ],
    ids=range(10),
)
def test_user__that_cannot_be_is_refused(
    name: str, role: Role, hospital: str, password: str, own: Served
) -> None:
    with pytest.raises(InputError):
        add_user(own.service.store, name, role, password, hospital=hospital)


def test_passwords_and_keys__are_not_in_the_store(own: Served) -> None:
    store = own.service.store
    (kept,) = store.rows(sa.select(USERS).where(USERS.c.name == NAME))
    assert kept["password"].startswith("$argon2id$") and PASSWORD not in kept["password"]
    text = repr(store.rows(sa.select(KEYS))) + repr(store.rows(sa.select(SESSIONS)))
    for key in own.keys.values():
        # the random part may hold "_" itself: the whole of it, not what stands after its last one
        secret = key.removeprefix(MARK).partition("_")[2]
        assert len(secret) >= 32 and secret not in text


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, False),
        ({"Origin": "http://testserver"}, True),
        ({"Origin": "http://testserver.evil.example"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({}, True),  # no browser
    ],
    ids=str,
)
def test_change__by_a_browser_comes_from_our_pages(
    headers: dict[str, str], allowed: bool, own: Served, browser: TestClient
) -> None:
    login(browser, key=own.keys[Role.AGENCY])
    asked = {"sex": "M", "age_years": 60, "diagnoses": ["I63.900"]}
    answer = browser.post("/v1/preview", json=asked, headers=headers)
    assert answer.status_code == (200 if allowed else 403), answer.text
    by_key = {**headers, **own.headers(Role.AGENCY)}
    browser.cookies.clear()
    assert browser.post("/v1/preview", json=asked, headers=by_key).status_code == 200
    strange = browser.post("/login", data={"key": "dp_x_y"}, headers=headers)
    assert strange.status_code == (401 if allowed else 403), "nobody is logged in by another site"


def test_login__counts_a_name_however_it_is_written(tmp_path: Path) -> None:
    with serving(tmp_path, rates=(("login", "2/minute"),)) as served:
        rates = served.service.rates
        for name in ("eve", " eve  ", "ｅｖｅ", " " * 70 + "eve"):
            rates._windows = {k: v for k, v in rates._windows.items() if k[1].startswith("user:")}
            last = login(served.client, name=name, password="x").status_code
        assert last == 429

"""密钥与用户: what the administrator of keys does in the pages, by the functions of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from drgpay.service.keys import list_keys
from drgpay.service.roles import Role
from drgpay.service.store import AUDIT
from drgpay.service.users import add_user, check_password, list_users
from tests.service.conftest import Served, serving

PASSWORD = " correct horse 马 "


@pytest.fixture(scope="module")
def own(ex1_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("keys"), publish_run=ex1_run) as served:
        yield served


def sent(own: Served, path: str, who: Role = Role.KEYS, **fields: str) -> Any:
    """Return the answer to a form of the administrator of keys."""
    headers = {**own.headers(who), "Accept": "text/html"}
    return own.client.post(path, data=fields, headers=headers, follow_redirects=False)


def seen(own: Served) -> str:
    """Return the page."""
    return str(own.client.get("/keys", headers=own.headers(Role.KEYS)).text)


def made_key(own: Served, **fields: str) -> str:
    """Make a key and return it."""
    answer = sent(own, "/keys", **fields)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    (key,) = re.findall(r"dp_[0-9a-f]{12}_[\w-]{43}", answer.text)
    return str(key)


def test_key__is_made_shown_once_opens_and_is_revoked(own: Served) -> None:
    asked = {"name": "病案室", "role": "hospital", "hospital": "H1", "days": "30"}
    key = made_key(own, **asked)
    mine = {"Authorization": f"Bearer {key}"}
    me = own.client.get("/v1/me", headers=mine).json()
    assert (me["role"], me["hospital_id"], me["name"]) == ("hospital", "H1", "病案室")
    number = key.split("_")[1]
    assert number in seen(own) and key not in seen(own)
    (found,) = [one for one in list_keys(own.service.store) if one.id == number]
    assert found.made_by.startswith("key:") and found.expires_at == found.made_at + 30 * 86_400
    assert sent(own, "/keys/revoke", id=number).headers["location"] == "/keys"
    assert own.client.get("/v1/me", headers=mine).status_code == 401
    again = sent(own, "/keys/revoke", id=number)
    assert again.status_code == 422 and 'role="alert"' in again.text
    own.service.audit.flush()
    notes = own.service.store.rows(sa.select(AUDIT))
    told = {(n["action"], n["status"]) for n in notes if n["subject"] == f"key:{number}"}
    assert {("add key", 200), ("revoke key", 303)} <= told
    assert ("add key", 0) in {(n["action"], n["status"]) for n in notes}
    assert key not in repr(notes) and key[16:] not in repr(notes)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "x", "role": "hospital"}, "须写明机构编码"),
        ({"name": "x", "role": "agency", "hospital": "H1"}, "须写明机构编码"),
        ({"name": " ", "role": "agency"}, "密钥没有名称"),
        ({"name": "x", "role": "nobody"}, "没有选角色"),
        ({"name": "x", "role": "agency", "days": "-1"}, "须为整数"),
        ({"name": "x", "role": "agency", "days": "１"}, "须为整数"),
        ({"name": "x", "role": "agency", "days": "99999"}, "有效天数"),
        ({"name": "x" * 121, "role": "agency"}, "不合要求"),
        ({"name": "x", "role": "hospital", "hospital": "H\0"}, "不合要求"),
    ],
    ids=range(9),
)
def test_key__that_cannot_be_is_told_on_the_page(
    fields: dict[str, str], told: str, own: Served
) -> None:
    before = len(list_keys(own.service.store))
    answer = sent(own, "/keys", **fields)
    assert answer.status_code == 422 and told in answer.text and "dp_" not in answer.text
    assert len(list_keys(own.service.store)) == before


def test_hospital__that_is_not_published_is_refused_unless_ticked(own: Served) -> None:
    store, asked = own.service.store, {"name": "新院", "role": "hospital", "hospital": "H11"}
    assert 'name="anyway"' not in seen(own)
    for path, more in (("/keys", {}), ("/users", {"password": PASSWORD})):
        before = (len(list_keys(store)), len(list_users(store)))
        answer = sent(own, path, **asked, **more)
        assert answer.status_code == 422 and "没有机构 H11" in answer.text and "H1 " in answer.text
        assert 'name="anyway"' in answer.text and PASSWORD.strip() not in answer.text
        assert (len(list_keys(store)), len(list_users(store))) == before
        assert sent(own, path, **asked, **more, anyway="yes").status_code in (200, 303)
    # keys of one second stand in the order of their random ids
    assert [
        [one.hospital for one in made].count("H11")
        for made in (list_keys(store), list_users(store))
    ] == [1, 1]


def test_user__is_added_locked_and_given_a_password(own: Served) -> None:
    store = own.service.store
    asked = {"name": "王<b>", "role": "hospital", "hospital": "H1"}
    assert sent(own, "/users", password=PASSWORD, **asked).status_code == 303
    assert check_password(store, "王<b>", PASSWORD)[1], "blanks belong to a password"
    assert "王<b>" not in seen(own) and "王&lt;b&gt;" in seen(own)
    weak = sent(own, "/users", **{**asked, "name": "李", "password": "短"})
    assert weak.status_code == 422 and "12" in weak.text
    taken = sent(own, "/users", password=PASSWORD, **asked)
    assert taken.status_code == 422 and PASSWORD.strip() not in taken.text
    assert sent(own, "/users/lock", name="王<b>").status_code == 303
    assert not check_password(store, "王<b>", PASSWORD)[1]
    assert "停用" in seen(own)
    other = "another horse 马"
    assert sent(own, "/users/password", name="王<b>", password=other).status_code == 303
    assert check_password(store, "王<b>", other)[1]
    for path in ("/users/lock", "/users/password"):
        assert sent(own, path, name="nobody", password=other).status_code == 422


def test_changes__of_another_site_are_refused(own: Served) -> None:
    add_user(own.service.store, "keeper", Role.KEYS, PASSWORD)
    own.client.cookies.clear()
    own.client.post("/login", data={"name": "keeper", "password": PASSWORD})
    before = (list_keys(own.service.store), list_users(own.service.store))
    foreign = {"Sec-Fetch-Site": "cross-site"}
    for path in ("/keys", "/keys/revoke", "/users", "/users/lock", "/users/password"):
        fields = {"name": "keeper", "role": "agency", "password": PASSWORD, "id": "x"}
        assert own.client.post(path, data=fields, headers=foreign).status_code == 403
    assert (list_keys(own.service.store), list_users(own.service.store)) == before
    own.client.cookies.clear()


def test_home__of_the_administrator_is_this_page(own: Served) -> None:
    answer = own.client.get("/", headers=own.headers(Role.KEYS), follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == "/keys"
    assert 'href="/keys" aria-current="page"' in seen(own) and "/region" not in seen(own)

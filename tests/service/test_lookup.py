"""`/v1/codes` and `/v1/schemes…`: what is found, in words, and what a client may keep."""

from __future__ import annotations

from typing import Any

import pytest

from drgpay.ground.reference import bundled
from drgpay.schemes import load_scheme
from drgpay.schemes.search import CodeSearch, initials
from tests.service.conftest import SCHEME, Served


@pytest.fixture(scope="module")
def search() -> CodeSearch:
    return CodeSearch(load_scheme("zj-drg-2024", check=False))


@pytest.mark.parametrize(
    ("asked", "code"),
    [("脑梗", "I63.900"), ("ngs", "I63.900"), ("gxy", "I10.x00x002"), ("I63", "I63.900"),
     ("i639", "I63.900"), ("Ｉ６３．９", "I63.900"), ("脑梗 后遗症", "I69.300"), ("zjp", "M51.305"),
     ("癌", "C80.901"), ("br21", "BR21"), ("99.10", "99.1000")],
)  # fmt: skip
def test_search__finds_by_code_name_and_initials(search: CodeSearch, asked: str, code: str) -> None:
    assert code in [one.code for one in search.find(asked, limit=100)]


def test_search__agrees_with_looking_through_everything(search: CodeSearch) -> None:
    told = [
        (
            e.code,
            f"{e.code} {e.code.replace('.', '')}\n{e.name}".casefold() + "\n" + initials(e.name),
        )
        for e in search.entries
    ]
    for word in ("性", "脑梗", "xyx", "植入术", "8.7", "zz"):
        own = {e.code for e in search.find(word, limit=1000)}
        every = {code for code, text in told if word in text}
        assert own <= every
        assert len(own) >= min(len(every), 200)


def test_search__of_nothing_or_what_is_nowhere_is_empty(search: CodeSearch) -> None:
    assert search.find("  ，") == [] == search.find("没有这样的名称") == search.find("qqqqqq")


def test_initials__are_those_of_the_word_and_of_medicine() -> None:
    assert initials("重症肺炎") == "zzfy"
    assert initials("重复肾") == "cfs"
    assert initials("椎间盘突出") == "zjptc"
    assert initials("ⅡA期") == "ⅱaq"


def test_codes__of_a_scheme_by_kind(served: Served) -> None:
    headers = served.headers("hospital")
    asked = {"q": "ngs", "scheme": "zj-drg-2024", "kind": "diagnosis", "limit": 3}
    answer = served.client.get("/v1/codes", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["scheme"] == "zj-drg-2024"
    assert made["codes"][0]["code"] == "I63.900"
    assert {one["kind"] for one in made["codes"]} == {"diagnosis"}
    asked["kind"] = "group"
    found = served.client.get("/v1/codes", params={**asked, "q": "BR2"}, headers=headers).json()
    assert {one["kind"] for one in found["codes"]} <= {"mdc", "adrg", "drg"}
    assert found["codes"][0]["code"] == "BR2"


def test_codes__kept_by_a_client_are_not_sent_again(served: Served) -> None:
    headers = served.headers("hospital")
    first = served.client.get("/v1/codes", params={"q": "I10"}, headers=headers)
    tag = first.headers["etag"]
    again = served.client.get(
        "/v1/codes", params={"q": "I10"}, headers={**headers, "If-None-Match": tag}
    )
    assert (again.status_code, again.content) == (304, b"")
    other = served.client.get(
        "/v1/codes", params={"q": "I11"}, headers={**headers, "If-None-Match": tag}
    )
    assert other.status_code == 200


def test_schemes__are_all_bundled_ones_and_the_published_one(served: Served) -> None:
    rows = served.client.get("/v1/schemes", headers=served.headers("agency")).json()["schemes"]
    assert {row["id"] for row in rows} >= {*bundled("schemes"), "ex1-tiny"}
    assert [row["id"] for row in rows if row["published"]] == ["ex1-tiny"]
    family = served.client.get("/v1/schemes/zhejiang/versions", headers=served.headers("agency"))
    ids = [row["id"] for row in family.json()["schemes"]]
    assert ids == ["zj-drg-2022", "zj-drg-2024"]
    one = served.client.get("/v1/schemes/zj-drg-2022/versions", headers=served.headers("agency"))
    assert one.json() == family.json()
    none = served.client.get("/v1/schemes/nowhere/versions", headers=served.headers("agency"))
    assert none.status_code == 404


def _group(served: Served, path: str, role: str = "agency", **asked: Any) -> Any:
    answer = served.client.get(path, params=asked, headers=served.headers(role))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_group__says_rules_lists_and_base_points(served: Served) -> None:
    made = _group(served, "/v1/schemes/zj-drg-2024/drgs/BR21")
    way = made["ways"][0]
    assert (way["mdc"], way["adrg"]) == ("MDCB", "BR2")
    assert "主要诊断在列表" in way["adrg_rule"]
    assert "伴MCC" in way["drg_rule"]
    own = next(one for one in way["lists"] if one["owner"] == "BR2")
    scheme = load_scheme("zj-drg-2024", check=False)
    assert own["count"] == len(scheme.list_ids("BR2", own["name"]))
    assert len(own["codes"]) == min(50, own["count"])
    rest = _group(
        served, "/v1/schemes/zj-drg-2024/drgs/BR21", list=own["name"], offset=50, size=2000
    )
    more = next(one for one in rest["ways"][0]["lists"] if one["owner"] == "BR2")
    assert len(more["codes"]) == max(0, own["count"] - 50)
    assert not {c["code"] for c in more["codes"]} & {c["code"] for c in own["codes"]}
    assert made["base"] is None  # another scheme than the published year's
    english = _group(served, "/v1/schemes/zj-drg-2024/drgs/BR21", lang="en")
    assert "principal" in english["ways"][0]["adrg_rule"]


def test_group__of_the_published_scheme_has_its_base_points(served: Served, ex1_run: Any) -> None:
    import pyarrow.parquet as pq

    for row in pq.read_table(ex1_run / "drgs.parquet").to_pylist():
        if row["base_points"] is None:
            continue
        path = f"/v1/schemes/{SCHEME.rpartition('/')[2]}/drgs/{row['drg']}"
        own, seen = _group(served, path)["base"], _group(served, path, "hospital")["base"]
        assert own["base_points"] == f"{row['base_points']:.4f}"
        assert own["cases"] == row["cases"]
        assert seen["base_points"] == own["base_points"]
        assert seen["cases"] is None  # of two institutions: the other's could be reckoned


def test_groups__list_each_code_once(served: Served) -> None:
    rows = _group(served, "/v1/schemes/zj-drg-2024/drgs")["drgs"]
    codes = [row["drg"] for row in rows]
    scheme = load_scheme("zj-drg-2024", check=False)
    assert len(codes) == len(set(codes))
    assert {d.drg for d in scheme.drgs} <= set(codes)
    missing = served.client.get(
        "/v1/schemes/zj-drg-2024/drgs/ZZ99", headers=served.headers("agency")
    )
    assert missing.status_code == 404

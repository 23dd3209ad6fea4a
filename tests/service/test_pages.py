"""Pages without a browser: the shell, its files, faults told as pages."""

from __future__ import annotations

import re

from drgpay.service.pages.statics import FOLDER, files
from drgpay.service.roles import Role
from tests.service.conftest import Served

HTML = {"Accept": "text/html,*/*;q=0.8"}


def test_static__is_kept_for_ever_under_a_name_of_its_content(served: Served) -> None:
    style = files()["app.css"]
    plain = (FOLDER / "app.css").read_bytes()
    answer = served.client.get(style.url)
    assert answer.content == plain
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    again = served.client.get(style.url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_static__another_name_or_a_way_out_is_not_there(served: Served) -> None:
    for name in ("app.css", "app.0000000000000000.css", "../shell.py", "%2e%2e/shell.py"):
        assert served.client.get(f"/static/{name}").status_code == 404


def test_home__asks_a_stranger_to_log_in(served: Served) -> None:
    answer = served.client.get("/", headers=HTML, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_page__is_chinese_until_another_language_is_asked_for(served: Served) -> None:
    mine = served.headers(Role.HOSPITAL)
    assert '<html lang="zh-CN">' in served.client.get("/", headers=mine).text
    english = served.client.get("/?lang=en", headers=mine)
    assert '<html lang="en">' in english.text
    assert english.cookies["drgpay_lang"] == "en"
    served.client.cookies.clear()


def test_page__carries_nothing_inline(served: Served) -> None:
    text = served.client.get("/", headers=served.headers(Role.AGENCY)).text
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"(src|href|action)=\"(https?:)?//", text)


def test_fault__is_a_page_for_a_browser_and_json_for_a_program(served: Served) -> None:
    browser = served.client.get("/nowhere", headers=HTML)
    assert (browser.status_code, browser.headers["content-type"]) == (
        404,
        "text/html; charset=utf-8",
    )
    assert "没有这一项" in browser.text
    program = served.client.get("/nowhere")
    assert program.headers["content-type"] == "application/problem+json"


def test_preview_page__answers_a_form_and_keeps_nothing(served: Served) -> None:
    asked = {"dx_a": ["I50.900", "E11.900"], "sex": "M", "age_years": "58", "los_days": "6",
             "total_cost": "9,500.50", "pool": "390"}  # fmt: skip
    mine = served.headers(Role.HOSPITAL)
    text = served.client.post("/preview", data=asked, headers=mine).text
    assert "FR13" in text and "9,500.50" in text and "不是支付承诺" in text
    assert 'data-mark="CC"' in text
    less = {**asked, "dx_a": [], "sex": ""}
    text = served.client.post("/preview", data=less, headers=mine).text
    assert "主要诊断" in text and "性别" in text and "FR13" not in text


def test_preview_page__writes_what_was_sent_as_text(served: Served) -> None:
    asked = {"dx_a": "<script>1</script>", "sex": "M", "age_years": "58"}
    text = served.client.post("/preview", data=asked, headers=served.headers(Role.HOSPITAL)).text
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_form__of_another_kind_is_refused(served: Served) -> None:
    mine = served.headers(Role.HOSPITAL)
    answer = served.client.post("/preview", content=b"{}", headers=mine)
    assert answer.status_code == 422
    many = "&".join(f"a{n}=1" for n in range(2_000))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = served.client.post("/preview", content=many, headers={**mine, **kind})
    assert answer.status_code == 422


def test_objection__is_answered_once_and_never_empty(served: Served) -> None:
    mine, agency = served.headers(Role.HOSPITAL), served.headers(Role.AGENCY)
    empty = served.client.post("/objections", data={"about": "", "text": "x"}, headers=mine)
    assert [one["field"] for one in empty.json()["errors"]] == ["about"]
    made = served.client.post(
        "/objections", data={"about": "点数", "text": "少计"}, headers=mine, follow_redirects=False
    )
    number = made.headers["location"].partition("sent=")[2].partition("#")[0]
    told = {"answer": "已核", "accepted": "yes"}
    for status in (303, 404):
        answer = served.client.post(
            f"/objections/{number}", data=told, headers=agency, follow_redirects=False
        )
        assert answer.status_code == status

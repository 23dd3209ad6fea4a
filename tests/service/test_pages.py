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

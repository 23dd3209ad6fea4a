"""Assessment, registers and publications in the pages: the agency sees all, a hospital its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Response

from drgpay.ledger.book import Book
from drgpay.ledger.calendar import load_calendar
from drgpay.ledger.entries import Draft
from drgpay.ledger.postings import target_lines
from drgpay.ledger.procedures import Terms
from drgpay.policy import load_policy
from drgpay.service.roles import Role
from drgpay.wrapper.registers import give
from tests.ledger.conftest import settled
from tests.service.conftest import Served, new_book, serving
from tests.service.test_budget_page import text

NAME = "testland-budget"
POLICY = load_policy(NAME, catalogue="budget").for_year(2026)
INDICATOR = {
    "indicator": "complaints", "direction": "max", "high": "5", "points": "40", "got": "40",
    "state": "met", "value": "3", "numerator": "3", "document": "投诉台账", "gate": True,
}  # fmt: skip


def score(hospital: str, part: str) -> dict[str, object]:
    return {
        "hospital_id": hospital, "score": part, "met": "all", "gates": [], "grade": "甲等",
        "indicators": [INDICATOR],
    }  # fmt: skip


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A service whose book has an assessment, an objection, an opinion, papers given and published."""
    place = new_book(tmp_path)
    book = Book.open(place)
    settled(
        book,
        Draft("target", 2026, "张三", "maker", {}, lines=tuple(target_lines("310", 1, {}, {}))),
    )
    scores = {"scores": [score("H1", "9/10"), score("H2", "4/5")], "policy": {"id": NAME}}
    settled(book, Draft("assessment", 2026, "张三", "maker", scores))
    with book.writing("张三") as turn:
        packages = {h: turn.keep(f"{h}.xlsx", f"of {h}".encode()) for h in ("H1", "H2")}
        give(turn, 2026, packages, "张三", Terms.of(POLICY, load_calendar()), dt.date(2026, 6, 1))
        for hospital in ("H1", "H2"):
            body = {"hospital_id": hospital, "about": "三月点数", "text": f"{hospital} 少计两例"}
            turn.append(Draft("objection", 2026, hospital, "institution", body))
        page = turn.keep("index.html", b"<script>as published</script>")
        told = {"audience": "public", "sums": "", "secret": "未隐去的数"}
        turn.append(Draft("published", 2026, "张三", "maker", told, documents=(page,)))
        turn.append(Draft("published", 2026, "张三", "maker", told))
    book.close()
    with serving(tmp_path / "data", book=place) as found:
        yield found


def test_registers__are_shown_whole_to_agency_and_auditor(served: Served) -> None:
    for role in (Role.AGENCY, Role.AUDITOR):
        shown = text(served, "/budget/registers", served.headers(role))
        for told in ("90.00%", "80.00%", "甲等", "投诉件数", "投诉台账", "H1 少计两例", "H2 少计两例",
                     "服务协议", "当时没有留存"):  # fmt: skip
            assert told in shown, told
    assert served.client.get(
        "/budget/registers?year=1999", headers=served.headers(Role.AGENCY)
    ).status_code == 404  # fmt: skip


def test_hospital__sees_its_own_assessment_objections_and_what_it_was_given(served: Served) -> None:
    shown = text(served, "/budget/own", served.headers(Role.HOSPITAL))
    assert "90.00%" in shown and "80.00%" not in shown
    assert "H1 少计两例" in shown and "H2" not in shown
    assert "2026-06-01 反馈；异议截止" in shown and "个工作日" in shown
    for who, due in ((Role.HOSPITAL, b"of H1"), ("other", b"of H2")):
        answer = served.client.get("/budget/given", headers=served.headers(who))
        assert answer.content == due
        assert answer.headers["content-disposition"].startswith("attachment")


def test_publication__is_served_as_it_was_published_and_never_shown(served: Served) -> None:
    headers = served.headers(Role.HOSPITAL)
    shown = text(served, "/budget/published", headers)
    assert "网页" in shown and "未隐去的数" not in shown
    with served.service.book.reading() as reading:
        own, bare = reading.entries(("published",), year=2026)[-2:]
        other = reading.entries(("objection",), year=2026)[0]
        given = reading.entries(("published",), year=2026)[0]
    answer = served.client.get(f"/budget/published/{own.number}/index.html", headers=headers)
    assert answer.content == b"<script>as published</script>"
    assert answer.headers["content-disposition"].startswith("attachment")
    for path in (
        f"{bare.number}/index.html", f"{own.number}/publish.xlsx", f"{other.number}/index.html",
        f"{given.number}/H2.xlsx", "x/index.html", f"{own.number}/..%2fservice.sqlite",
    ):  # fmt: skip
        answer = served.client.get(f"/budget/published/{path}", headers=headers)
        assert answer.status_code == 404, path
    noted = served.client.get("/v1/audit", headers=served.headers(Role.AUDITOR)).json()
    assert "take publication" in str(noted)


def test_hospital__still_sees_what_it_was_given_when_the_next_year_has_begun(
    served: Served,
) -> None:
    lines = tuple(target_lines("310", 1, {}, {}))
    settled(served.service.book, Draft("target", 2027, "张三", "maker", {}, lines=lines))
    headers = served.headers(Role.HOSPITAL)
    shown = text(served, "/budget/own", headers)
    assert "2027年度本院账目" in shown and "2026-06-01 反馈；异议截止" in shown
    assert "90.00%" in text(served, "/budget/own?year=2026", headers)
    assert served.client.get("/budget/own?year=1999", headers=headers).status_code == 404
    assert served.client.get("/budget/given", headers=headers).content == b"of H1"


def test_registers__say_why_the_effects_on_money_cannot_be_told(served: Served) -> None:
    headers = served.headers(Role.AGENCY)
    assert "2026年尚未按指标清算入账" in text(served, "/budget/registers", headers)
    facts = {"method": "index", "policy": {"digest": "another"}, "figures": []}
    settled(served.service.book, Draft("clearing", 2026, "张三", "maker", facts))
    assert "清算所用的政策不是这一份" in text(served, "/budget/registers", headers)


def html(served: Served, path: str, headers: dict[str, str]) -> str:
    return str(served.client.get(path, headers=headers).text)


def given_until(served: Served, last_day: str) -> int:
    """Figures are given to H1 once more, to be checked until a day; return the entry's number."""
    with served.service.book.writing("张三") as turn:
        package = turn.keep("H1.xlsx", b"of H1, again")
        body = {
            "audience": "institutions", "day": "2026-06-02", "last_day": last_day,
            "working_days": 10, "packages": {"H1": package.digest},
        }  # fmt: skip
        entry = turn.append(Draft("published", 2026, "张三", "maker", body, documents=(package,)))
        return entry.number


def objection(served: Served, about: str, text: str) -> Response:
    return served.client.post(
        "/budget/objections", data={"about": about, "text": text},
        headers=served.headers(Role.HOSPITAL), follow_redirects=False,
    )  # fmt: skip


def test_hospital__objects_to_what_it_was_given_and_the_agency_answers(served: Served) -> None:
    given = given_until(served, "2999-12-31")
    assert 'action="/budget/objections"' in html(
        served, "/budget/own", served.headers(Role.HOSPITAL)
    )
    sent = objection(served, "四月指标", "<b>少计一例</b>")
    assert sent.status_code == 303
    number = sent.headers["location"].partition("sent=")[2]
    told = html(served, sent.headers["location"], served.headers(Role.HOSPITAL))
    assert f"异议已受理，编号 {number}" in told and "四月指标" in told and "<b>" not in told

    agency = served.headers(Role.AGENCY)
    waiting = html(served, "/objections", agency)
    assert "对反馈数据的异议" in waiting and "对公布结果的异议" in waiting
    assert f'action="/budget/objections/{number}"' in waiting
    path = f"/budget/objections/{number}"
    for answer, status in (
        ({"answer": "", "accepted": "no"}, 422), ({"answer": "已核"}, 422),
        ({"answer": "已补计", "accepted": "yes"}, 303), ({"answer": "又答", "accepted": "no"}, 422),
    ):  # fmt: skip
        done = served.client.post(path, data=answer, headers=agency, follow_redirects=False)
        assert done.status_code == status, answer
    assert f'action="{path}"' not in html(served, "/objections", agency)
    assert "已补计" in html(served, "/budget/own", served.headers(Role.HOSPITAL))
    assert "已补计" in html(served, "/budget/registers", agency)
    with served.service.book.reading() as reading:
        made = reading.entry(int(number))
        answer = reading.entries(("answer",), about=int(number))[0]
    assert (made.role, made.body["hospital_id"], made.body["given"]) == ("institution", "H1", given)
    assert (answer.role, answer.body["accepted"]) == ("maker", True)


@pytest.mark.parametrize(
    ("about", "reason", "told"),
    [
        ("", "少计", "“针对什么”不能为空"),
        ("点数", "", "“理由”不能为空"),
        ("点" * 121, "少计", "“针对什么”最多120字"),
    ],
)
def test_objection__without_words_is_refused_by_field(
    served: Served, about: str, reason: str, told: str
) -> None:
    given_until(served, "2999-12-31")
    refused = objection(served, about, reason)
    assert refused.status_code == 422 and told in refused.text


def test_objection__after_the_time_to_check_is_refused(served: Served) -> None:
    given_until(served, "2026-06-15")
    shown = html(served, "/budget/own", served.headers(Role.HOSPITAL))
    assert "核对期已届满" in shown and 'action="/budget/objections"' not in shown
    refused = objection(served, "点数", "少计")
    assert refused.status_code == 422 and "核对期已于 2026-06-15 届满" in refused.text


def test_answer__to_what_is_no_objection_is_refused(served: Served) -> None:
    for number in ("1", "999", "x"):
        done = served.client.post(
            f"/budget/objections/{number}", data={"answer": "已核", "accepted": "no"},
            headers=served.headers(Role.AGENCY), follow_redirects=False,
        )  # fmt: skip
        assert done.status_code in (404, 422), number

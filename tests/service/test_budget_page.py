"""The year's book in the pages: what waits is checked and approved there; a hospital sees its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drgpay.ledger.approvals import propose
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft
from drgpay.ledger.orders import propose_orders
from drgpay.ledger.postings import MonthFigures, month_lines, target_lines
from drgpay.ledger.verify import verify
from drgpay.service.keys import add_key
from drgpay.service.roles import Role
from tests.ledger.conftest import settled
from tests.service.conftest import Served, new_book, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A service with a book of a target and one month, without published results."""
    place = new_book(tmp_path)
    book = Book.open(place)
    lines = tuple(target_lines("310", 100_000_000, {"deposit": 5_000_000}, {}))
    settled(book, Draft("target", 2026, "张三", "maker", {}, lines=lines))
    figures = [MonthFigures("H1", "310", 1_234_567, 61_728), MonthFigures("H2", "310", 765_432)]
    month = Draft(
        "month", 2026, "张三", "maker", {}, "S0 28", "2026-01", lines=tuple(month_lines(figures))
    )
    settled(book, month)
    with book.writing() as turn:
        propose_orders(turn, 2026, "张三", "S0 28")
    book.close()
    with serving(tmp_path / "data", book=place) as found:
        yield found


def person(served: Served, name: str) -> dict[str, str]:
    """A key of the agency for somebody."""
    key = add_key(served.service.store, served.service.secret, Role.AGENCY, name)
    served.service.keys.refresh()
    return {"Authorization": f"Bearer {key}", "Accept": "text/html"}


def text(served: Served, path: str, headers: dict[str, str]) -> str:
    answer = served.client.get(path, headers={**headers, "Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return re.sub(r"<[^>]+>", " ", answer.text)


def test_proposal__is_checked_and_approved_by_three_persons(served: Served) -> None:
    li, wang = person(served, "李四"), person(served, "王五")
    shown = text(served, "/budget", li)
    assert "拨付单" in shown and "复核通过" in shown and "950,000.00" in shown
    number = str(_waiting(served))
    assert "20,000.00" not in shown and "没有分录" in text(served, f"/budget/entries/{number}", li)

    def act(step: str, who: dict[str, str], **more: str) -> tuple[int, str]:
        answer = served.client.post(
            f"/budget/{step}", data={"number": number, **more}, headers=who, follow_redirects=False
        )
        return answer.status_code, answer.text

    maker = person(served, "张三")
    status, told = act("check", maker)
    assert status == 422 and "张三" in told and "不同的人" in told
    assert act("approve", wang)[0] == 422, "it was not checked"
    assert act("check", li)[0] == 303
    assert act("approve", li)[0] == 422, "the same person"
    assert act("approve", wang)[0] == 303
    shown = text(served, "/budget", li)
    assert "没有待办的拟定" in shown and "2026-000001" in shown and "12,345.67" in shown
    assert act("approve", wang)[0] == 422, "it is done"
    assert verify(served.service.book).faults == ()
    noted = served.client.get("/v1/audit", headers=served.headers(Role.AUDITOR)).json()
    assert "approve proposal" in str(noted)


def _waiting(served: Served) -> int:
    with served.service.book.reading() as reading:
        return reading.entries(["proposed"])[-1].number


def test_proposal__is_sent_back_with_a_reason(served: Served) -> None:
    li, number = person(served, "李四"), str(_waiting(served))
    for why, status in (("", 422), ("账号有误", 303)):
        answer = served.client.post(
            "/budget/return",
            data={"number": number, "why": why},
            headers=li,
            follow_redirects=False,
        )
        assert answer.status_code == status
    assert "账号有误" not in text(served, "/budget", li)
    assert "退回" in text(served, f"/budget/entries/{number}", li)


@pytest.mark.parametrize("number", ["x", "999999999999999", "-1", "٣"])
def test_proposal__of_no_number_is_refused(served: Served, number: str) -> None:
    data = {"number": number, "why": "误"}
    for step in ("check", "approve", "return"):
        answer = served.client.post(f"/budget/{step}", data=data, headers=person(served, "李四"))
        assert answer.status_code == 422


def test_entry__shows_its_voucher_and_of_a_proposal_what_it_would_post(served: Served) -> None:
    with served.service.book.writing() as turn:
        lines = tuple(month_lines([MonthFigures("H2", "310", 98_765)]))
        made = propose(
            turn, Draft("month", 2026, "张三", "maker", {}, "S0 29", "2026-02", lines=lines)
        )
    agency = served.headers(Role.AGENCY)
    told = text(served, f"/budget/entries/{made.number}", agency)
    assert "987.65" in told and "尚未生效" in told and "应付医疗机构款" in told and "S0 29" in told
    assert "2026-02" in text(served, "/budget?year=2026", agency)
    assert served.client.get("/budget?year=1999", headers=agency).status_code == 404


def test_hospital__sees_its_own_accounts_alone(served: Served) -> None:
    told = text(served, "/budget/own", served.headers(Role.HOSPITAL))
    assert "12,345.67" in told and "7,654.32" not in told and "2026-01" in told
    other = text(served, "/budget/own", served.headers("other"))
    assert "7,654.32" in other and "12,345.67" not in other


def test_service__without_a_book_says_so_and_shows_no_way_to_it(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as found:
        agency = {**found.headers(Role.AGENCY), "Accept": "text/html"}
        answer = found.client.get("/budget", headers=agency)
        assert answer.status_code == 404 and "--book" in answer.text
        assert "/budget" not in found.client.get("/groups", headers=agency).text


def test_book__that_is_away_is_told(tmp_path: Path) -> None:
    with serving(tmp_path / "data", book=str(tmp_path / "none.sqlite")) as found:
        answer = found.client.get("/budget", headers=found.headers(Role.AGENCY))
        assert answer.status_code == 503 and "账" in answer.json()["title"]

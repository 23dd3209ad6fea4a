"""The year's book in the pages: what waits is checked and approved there; a hospital sees its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drgpay.ledger.approvals import approve, check, propose
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


def test_community__is_seen_by_its_lead_whole_and_by_a_member_as_its_own(
    served: Served, tmp_path: Path
) -> None:
    """H1 leads; OTHER, a member, sees its own figures and the sum, no other's."""
    with served.service.book.writing() as turn:
        facts = {"how": "x", "parts": [], "base_fen": 0, "factors": [], "asked_fen": 0, "group": ""}
        indices = [
            {
                **facts, "hospital_id": name, "pool": "310", "index_fen": fen, "monthly_fen": fen,
                "deposit_fen": 0, "settlement_fen": 0,
            }
            for name, fen in (("H1", 11_111_100), ("H2", 22_222_200), ("H3", 3_300))
        ]  # fmt: skip
        policy = {"id": "p", "digest": "d", "parameters": [_parameter()]}
        body = {"policy": policy, "indices": indices, "fits": []}
        draft = Draft("indices", 2026, "张三", "maker", body, "S0 15-20", "2026")
        number = propose(turn, draft).number
        check(turn, number, "李四")
        made = approve(turn, number, "王五")
        members = [
            {"hospital_id": n, "name": n, "level": "", "district": "", "contact": "", "phone": ""}
            for n in ("H1", "H2")
        ]
        filed = {
            "what": "community", "withdrawn": False, "id": "C", "name": "城东医共体",
            "subject": "城东医共体", "lead": "H1", "filed_on": "2026-03-01", "approved_by": "",
            "founded_on": "", "papers": {}, "members": members,
        }  # fmt: skip
        turn.append(Draft("filing", 2026, "院长", "lead", filed, "S1 三(一)", "城东医共体"))
    lead = text(served, "/budget/own", served.headers(Role.HOSPITAL))
    assert "城东医共体 险种 310：预算总额 333,333.00 元" in lead
    assert "111,111.00" in lead and "222,222.00" in lead
    member = text(served, "/budget/own", served.headers("other"))
    assert "333,333.00" in member and "222,222.00" in member and "111,111.00" not in member
    told = text(served, f"/budget/entries/{made.number}", served.headers(Role.AGENCY))
    assert "机构指标" in told and "18.1" in told and "index.base" in told and "S0 第18条" in told


def _parameter() -> dict[str, object]:
    return {
        "key": "index.base", "name": "指标基数", "rule": "18.1", "value": "peers", "verified": False,
        "source": "S0 art. 18", "source_zh": "S0 第18条",
    }  # fmt: skip


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

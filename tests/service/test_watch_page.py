"""A month's monitoring in the pages: persons for the agency alone, for a hospital its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drgpay.ledger.entries import canonical
from drgpay.ledger.verify import verify
from drgpay.service.roles import Role
from tests.monitoring.drawn import House, book_of, draw, filed, written
from tests.service.conftest import Served, serving

HOUSES = [House(f"H{n}", 60, odd=0.02) for n in range(1, 8)]
RAISED = House("H8", 200, visits=1.7, odd=0.2)
PERSON = re.compile(r"\bP\d+\b")


def text(served: Served, path: str, headers: dict[str, str]) -> str:
    served.client.cookies.clear()  # the language that was asked for last
    answer = served.client.get(path, headers={**headers, "Accept": "text/html"})
    assert answer.status_code == 200, answer.text[:300]
    return str(answer.text)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service whose book has the monitorings of May and June, June's filed first and last."""
    folder = tmp_path_factory.mktemp("watched")
    book = book_of(folder / "b", {house.name: 50_000_000 for house in (*HOUSES, RAISED)})
    visits = written(draw([*HOUSES, RAISED], care=True), folder / "visits.parquet")
    quiet = written(draw(HOUSES, care=True), folder / "quiet.parquet")
    filed(book, quiet)
    filed(book, visits, month=5)
    filed(book, visits)
    book.close()
    with serving(folder / "data", book=str(folder / "b")) as found:
        yield found


def test_watch__shows_the_newest_with_why_and_the_raised_first(served: Served) -> None:
    shown = text(served, "/budget/watch", served.headers(Role.AGENCY))
    assert "2026-06 运行监控" in shown and "month=2026-05" in shown
    together = shown[shown.index('id="watch_together"') : shown.index('id="watch_index"')]
    assert together.index("H8") < together.index("H1") and "重点预警" in together
    growth = shown[shown.index('id="watch_growth"') : shown.index('id="watch_ranking"')]
    assert growth.index(">H8<") < growth.index(">H1<")
    for told in ("未超 ", "超过 ", "预计全年", "费用指标排序", "异常记录", "不是结论"):
        assert told in shown, told
    may = text(served, "/budget/watch?month=2026-05", served.headers(Role.AGENCY))
    assert "2026-05 运行监控" in may and "month=2026-06" in may
    english = text(served, "/budget/watch?lang=en", served.headers(Role.AGENCY))
    assert "grew by " in english and "增长" not in english


def test_watch__of_one_institution_has_all_its_rows_and_no_other(served: Served) -> None:
    shown = text(served, "/budget/watch?hospital=H8", served.headers(Role.AUDITOR))
    assert "H8" in shown and not re.search(r">H[1-7]<", shown)
    assert shown.count("次均费用") >= 2  # the month, and the year to date


@pytest.mark.parametrize(
    "asked", ["month=2026-04", "month=x", "hospital=H99", "hospital=%27", "year=1999"]
)
def test_watch__that_is_not_there_is_said(served: Served, asked: str) -> None:
    headers = served.headers(Role.AGENCY)
    assert served.client.get(f"/budget/watch?{asked}", headers=headers).status_code == 404


def test_persons__are_for_the_agency_alone_and_each_look_is_noted(served: Served) -> None:
    agency, auditor = served.headers(Role.AGENCY), served.headers(Role.AUDITOR)
    shown = text(served, "/budget/watch/persons", agency)
    assert PERSON.search(shown) and "审核标记" in shown
    assert "/budget/watch/persons" in text(served, "/budget/watch", agency)
    for path in ("/budget/watch", "/budget/watch?hospital=H8", "/budget/entries/6"):
        told = text(served, path, auditor)
        assert not PERSON.search(told) and "/budget/watch/persons" not in told, path
    assert not PERSON.search(text(served, "/budget/own", served.headers(Role.HOSPITAL)))
    noted = served.client.get("/v1/audit", headers=auditor).json()
    assert "see persons of monitoring" in str(noted)


def test_hospital__sees_its_own_row_and_nothing_of_others(served: Served) -> None:
    own = text(served, "/budget/own", served.headers(Role.HOSPITAL))
    assert "综合判断 2026-06" in own and "未见异常" in own and "次均费用" in own
    assert not re.search(r"\bH[2-8]\b", own) and "各机构一般" not in own and "按其他机构" not in own
    assert "重点预警" not in own


def test_watch__says_that_there_is_none(tmp_path: Path) -> None:
    book_of(tmp_path / "b", {"H1": 100}).close()
    with serving(tmp_path / "data", book=str(tmp_path / "b")) as found:
        shown = text(found, "/budget/watch", found.headers(Role.AUDITOR))
        assert "还没有登记运行监控" in shown
        assert "综合判断" not in text(found, "/budget/own", found.headers(Role.HOSPITAL))


def test_watch__on_the_book_is_sound_and_its_facts_name_nobody(served: Served) -> None:
    with served.service.book.reading() as reading:
        entry = reading.entries(("watch",))[-1]
    assert entry.subject == "2026-06" and not PERSON.search(canonical(entry.body))
    assert verify(served.service.book).faults == ()

"""An abnormal rise of what is paid by index: suspended, its room held, paid by the clearing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.reference import reference_dir
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, Entry
from drgpay.ledger.postings import target_lines
from drgpay.wrapper.index_clearing import index_clearing_draft
from drgpay.wrapper.index_year import index_month_draft
from drgpay.wrapper.notices import notices_to
from tests.report.test_book_why import hold_words
from tests.wrapper.test_changes import YEAR, clock
from tests.wrapper.test_index_year import sums, write
from tests.wrapper.test_past_months import by_month, indices
from tests.wrapper.test_post_runs import passed

LIMIT = 'unit = "ratio"\n[[parameters."month.growth_limit".values]]\nfrom = 2019-01-01\nvalue = '


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """The invented policy with a limit of growth of 10 %."""
    text = (reference_dir() / "policies" / "testland-budget.toml").read_text(encoding="utf-8")
    assert text.count(LIMIT + '"none"') == 1
    path = tmp_path / "limit.toml"
    path.write_text(text.replace(LIMIT + '"none"', LIMIT + '"0.10"'), encoding="utf-8")
    return str(path)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book.create(
        tmp_path / "b", region_id="R", region_name="区", year=YEAR, who="甲", clock=clock
    )


def begun(book: Book, folder: Path, policy: str, rows: list[str] | None, year: int = YEAR) -> None:
    """Target and indices of a year: 95,000 yuan a month for H1 and for H2, and their deposits."""
    lines = tuple(target_lines("310", 300_000_000, {"deposit": 0}, {}))
    passed(book, Draft("target", year, "甲", "maker", {}, lines=lines))
    passed(book, indices(book, folder, policy, rows, year))


def settled(book: Book, folder: Path, policy: str, *claims: int, year: int = YEAR) -> Entry:
    rows = [f"{name},310,{yuan}" for name, yuan in zip(("H1", "H2"), claims, strict=True)]
    write(folder, "claims", "机构编码,险种,申报金额", *rows)
    with book.reading() as reading:
        draft = index_month_draft(reading, folder, year, policy, "甲")
    return passed(book, draft)


def figures(entry: Entry) -> list[dict[str, Any]]:
    return list(entry.body["figures"])


def test_month__suspends_what_exceeds_last_years_month_and_the_clearing_pays_it(
    book: Book, tmp_path: Path, policy: str
) -> None:
    """66,000 of 88,000 after 60,000: 22,000 are held, not rolled on; at year end they are due."""
    begun(book, tmp_path / "i", policy, by_month("H1", {YEAR - 1: [60_000, *[100_000] * 11]}))
    entry = settled(book, tmp_path / "m", policy, 88_000, 500_000)
    first, second = figures(entry)
    assert (first["paid_fen"], first["last_year_fen"]) == (6_600_000, 6_000_000)
    month = first["month"]
    assert (month["suspended_fen"], month["carry_fen"], month["deferred_fen"]) == (
        2_200_000, 700_000, 0,
    )  # fmt: skip
    # of H2 nothing is known of last year: nothing is compared, and that is said
    assert (second["paid_fen"], second["month"]["suspended_fen"]) == (9_500_000, 0)
    assert entry.body["not_compared"] == [{"hospital_id": "H2", "pool": "310"}]
    assert "month.growth_limit" in {p["key"] for p in entry.body["policy"]["parameters"]}
    hold_words([entry])
    assert sums(book, "deferred") == {"H1": -2_200_000, "H2": -40_500_000}
    with book.reading() as reading:
        told = notices_to(reading, YEAR, "H1")[0].notices
    assert [(n.kind, n.amount_fen, n.clause) for n in told] == [
        ("suspended", 2_200_000, "S2 二(二)1(6)")
    ]

    for _ in range(11):
        later = settled(book, tmp_path / "m", policy, 95_000, 0)
    first = figures(later)[0]["month"]
    assert (first["suspended_total_fen"], first["carry_fen"]) == (2_200_000, 700_000)
    assert first["deferred_total_fen"] == 0
    write(
        tmp_path / "c", "assessed", "机构编码,险种,score,已交超支报告,违规费用",
        "H1,310,1,否,0", "H2,310,1,否,0",
    )  # fmt: skip
    with book.reading() as reading:
        passed(book, index_clearing_draft(reading, tmp_path / "c", YEAR, policy, "甲"))
    with book.reading() as reading:
        final = reading.entries(("clearing",), year=YEAR)[-1].body["figures"]
    own = next(row for row in final if row["hospital_id"] == "H1")
    given = own["given"]
    assert (given["actual_fen"], given["paid_fen"]) == (113_300_000, 113_300_000 - 2_200_000)
    # within the index: all of the cost, and what is kept of the 67,000 that are left
    assert own["due_fen"] == 113_300_000 + own["kept_fen"]
    assert own["final_fen"] == own["payable_fen"] == 2_200_000 + own["kept_fen"]
    assert sums(book, "deferred") == {}


def test_month__is_compared_with_the_books_month_of_last_year(
    book: Book, tmp_path: Path, policy: str
) -> None:
    """The book's claims of last January come before what past months say."""
    begun(book, tmp_path / "i", policy, None, YEAR - 1)
    settled(book, tmp_path / "m", policy, 80_000, 0, year=YEAR - 1)
    rows = by_month("H1", {YEAR - 1: [10_000, 50_000, *[100_000] * 10]})
    begun(book, tmp_path / "i", policy, rows)
    january = settled(book, tmp_path / "m", policy, 88_000, 100)
    first, second = figures(january)
    assert (first["last_year_fen"], first["month"]["suspended_fen"]) == (8_000_000, 0)
    # after a January of nothing, whatever is claimed is abnormal
    assert (second["last_year_fen"], second["month"]["suspended_fen"]) == (0, 10_000)
    february = figures(settled(book, tmp_path / "m", policy, 110_000, 0))[0]
    assert (february["last_year_fen"], february["month"]["suspended_fen"]) == (5_000_000, 5_100_000)
    assert february["paid_fen"] == 5_100_000  # half of the 102,000 of its room


def test_month__without_a_limit_compares_nothing(book: Book, tmp_path: Path) -> None:
    begun(book, tmp_path / "i", "testland-budget", by_month("H1", {YEAR - 1: [1] * 12}))
    entry = settled(book, tmp_path / "m", "testland-budget", 90_000, 0)
    assert figures(entry)[0]["paid_fen"] == 9_000_000
    assert "not_compared" not in entry.body and "last_year_fen" not in figures(entry)[0]

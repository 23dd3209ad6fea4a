"""A reopened year on the book: each version stands on the one before, to its table of recovery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drgpay.ground.errors import BooksError, InputError
from drgpay.ledger.book import Book
from drgpay.ledger.postings import ClearingFigures, difference_lines
from drgpay.ledger.verify import verify
from drgpay.reopening.reopen import reopen
from drgpay.runs.folder import write_run
from drgpay.runs.reader import RunFolder
from drgpay.settlement.year_end import year_end
from drgpay.wrapper.post_reopening import reopening_draft
from drgpay.wrapper.post_runs import year_draft
from tests.months.folders import ex1
from tests.runs.test_reopening import DEDUCTED, REGROUPED, REMOVED, later
from tests.wrapper.test_post_runs import own_book, passed, sums


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[Path]]]:
    """EX1 settled, reopened, and reopened again."""
    home = tmp_path_factory.mktemp("reopened")
    region = ex1(home)
    settled = year_end(region)
    made = [write_run(settled, home / "v1")]
    own = {r["case_id"]: r["drg"] for r in RunFolder(made[0]).table("cases").to_pylist()}
    appeal = f"H2,310,,,C06,{own['C06']},复议〔2025〕1号,2025-09-01"  # it has its group again
    for number, rows in enumerate(((REMOVED, REGROUPED, DEDUCTED), (appeal,)), 2):
        table = later(home, *rows, name=f"later{number}.csv")
        made.append(write_run(reopen(region, made[-1], table), home / f"v{number}"))
    yield settled.region.id, made


def test_versions__come_to_what_each_has_settled(
    runs: tuple[str, list[Path]], tmp_path: Path
) -> None:
    region_id, (first, *others) = runs
    book = own_book(tmp_path / "b", region_id)
    with book.reading() as reading:
        passed(book, year_draft(reading, first, region_id, "经办人"))
    net = _net(book)
    for folder in others:
        with book.reading() as reading:
            entry = passed(book, reopening_draft(reading, folder, region_id, "经办人"))
        rows = RunFolder(folder).table("recovery").to_pylist()
        due = {(r["hospital_id"], r["pool"]): r["difference_fen"] for r in rows}
        now = _net(book)
        assert {p: now.get(p, 0) - net.get(p, 0) for p in {*now, *net}} == {
            p: due.get(p, 0) for p in {*now, *net}
        }
        settled = RunFolder(folder).table("hospitals").to_pylist()
        expense = sum(fen for (hospital, _), fen in sums(book, "expense").items() if hospital)
        assert expense == sum(r["due_fen"] for r in settled)
        assert -sum(sums(book, "violations").values()) == sum(r["violation_fen"] for r in settled)
        assert entry.subject.startswith("2024 V")
        net = now
    assert verify(book).faults == ()
    assert all(fen >= 0 for fen in sums(book, "receivable").values()), (
        "nobody owes less than nothing"
    )


def _net(book: Book) -> dict[tuple[str, str], int]:
    """What each institution and pool gets, less what it owes."""
    found: dict[tuple[str, str], int] = {}
    for account in ("payable", "receivable", "deferred"):
        for place, fen in sums(book, account).items():
            found[place] = found.get(place, 0) - fen
    return found


def test_version__that_does_not_follow_is_refused(
    runs: tuple[str, list[Path]], tmp_path: Path
) -> None:
    region_id, (first, second, third) = runs
    book = own_book(tmp_path / "b", region_id)
    with book.reading() as reading, pytest.raises(InputError, match="not cleared"):
        reopening_draft(reading, second, region_id, "经办人")
    with book.reading() as reading:
        passed(book, year_draft(reading, first, region_id, "经办人"))
    with book.reading() as reading:
        for other in (third, first):
            with pytest.raises(InputError, match="does not reopen"):
                reopening_draft(reading, other, region_id, "经办人")
        passed(book, reopening_draft(reading, second, region_id, "经办人"))
    with book.reading() as reading, pytest.raises(InputError, match="version 2"):
        reopening_draft(reading, second, region_id, "经办人")


def figures(settled: int, final: int, waiting: int = 0) -> ClearingFigures:
    return ClearingFigures("H1", "310", {"drg": settled}, 0, 0, final, waiting_fen=waiting)


@pytest.mark.parametrize(
    ("was", "now", "owed", "receivable", "payable"),
    [
        ((1000, 400), (900, 300), 0, 100, 0),  # goes back
        ((1000, 400), (1100, 500), 0, 0, -100),  # is added
        ((900, 300), (950, 350), 100, -50, 0),  # what is owed goes down first
        ((900, 300), (1050, 450), 100, -100, -50),
        ((900, -20), (950, 30), 20, -20, -30),
    ],
)
def test_difference__goes_back_or_is_added(
    was: tuple[int, int], now: tuple[int, int], owed: int, receivable: int, payable: int
) -> None:
    lines = list(difference_lines(figures(*was), figures(*now), owed))
    of = {line.account: line.amount_fen for line in lines}
    assert (of["receivable"], of["payable"]) == (receivable, payable)
    assert sum(line.amount_fen for line in lines) == 0


def test_difference__of_figures_that_do_not_tie_out_is_refused() -> None:
    with pytest.raises(BooksError, match=r"differ by 1\.00 yuan"):
        list(difference_lines(figures(1000, 400), figures(1100, 400), 0))

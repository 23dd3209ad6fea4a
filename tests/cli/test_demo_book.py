"""The book of the demo: every register of the year's pages has something to show."""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.cli.demo_book import BOOK, book_of_city
from drgpay.ledger.book import Book
from drgpay.ledger.verify import verify
from drgpay.monitoring.filed import filed_rows, filed_watches
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.synth import synthesize


@pytest.mark.long  # a month is settled
def test_book_of_city__has_months_assessment_publication_and_registers(tmp_path: Path) -> None:
    synthesize(tmp_path / "region", 400, 7)
    (tmp_path / "months").mkdir()
    write_month(run_month(tmp_path / "region", "2025-01"), tmp_path / "months" / "2025-01")
    book_of_city(tmp_path, "SYN0001")
    book = Book.open(tmp_path / BOOK)
    assert not verify(book).faults
    with book.reading() as reading:
        entries = reading.entries()
        (watched,) = filed_watches(reading, 2025)
        grades = [row["grade"] for row in filed_rows(reading, watched, "watch_together", "zh")]
        evidence = filed_rows(reading, watched, "watch_evidence", "zh")
    book.close()
    kinds = {entry.kind for entry in entries}
    assert kinds >= {"target", "month", "orders", "assessment", "published", "objection", "answer",
                     "opinion", "agreement"}  # fmt: skip
    assert grades[0] == "warn" and "none" in grades and evidence
    assert [e.subject for e in entries if e.kind == "month"] == ["2025-01"]
    scores = next(e for e in entries if e.kind == "assessment").body["scores"]
    states = {row["state"] for own in scores for row in own["indicators"]}
    assert states == {"met", "missed", "not_evaluable"}
    assert {e.body["audience"] for e in entries if e.kind == "published"} == {
        "public", "institutions",
    }  # fmt: skip

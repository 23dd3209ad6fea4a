"""Steps that an entry does are put down with it: once, of what was begun, in their order."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from drgpay.ground.errors import Bilingual
from drgpay.ground.times import today
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, Entry
from drgpay.ledger.procedure_reader import load_procedures
from drgpay.ledger.verify import verify
from drgpay.names.ledger import ENTRY_KINDS
from drgpay.policy import load_policy
from drgpay.wrapper.own_steps import put_down_own_steps
from drgpay.wrapper.planning import step_done
from tests.ledger.conftest import settled

YEAR = 2026
POLICY = load_policy("testland-budget", catalogue="budget").for_year(YEAR)
DAY = dt.date(2026, 7, 20)
PLAN = ("propose", "maker", ("adjustment_plan", "cause_evidence"))
DECIDED = ("decide", "authority", ("decision_minutes",))


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book.create(tmp_path / "b", region_id="R", region_name="区", year=YEAR, who="甲")


def do(book: Book, subject: str, step: str, role: str, papers: tuple[str, ...]) -> None:
    with book.writing() as turn:
        kept = {name: turn.keep(name, name.encode()) for name in papers}
        step_done(
            turn, "mid_year", YEAR, subject, step, POLICY, role=role, who="丁", day=DAY, papers=kept
        )


def adjusted(book: Book, application: str) -> Entry:
    body = {"application": application, "policy": {"id": POLICY.id, "parameters": []}}
    return settled(book, Draft("adjustment", YEAR, "甲", "maker", body))


def told(book: Book, entry: Entry, policy: str = "") -> list[Bilingual]:
    with book.writing() as turn:
        return put_down_own_steps(turn, entry, today(), policy)


def steps(book: Book) -> list[tuple[str, str, str]]:
    with book.reading() as reading:
        found = reading.entries(("step",), year=YEAR)
    return [(e.body["subject"], e.body["step"], e.who) for e in found]


def test_step__of_an_entry_is_put_down_once_with_the_entry_as_its_paper(book: Book) -> None:
    for own in (PLAN, DECIDED):
        do(book, "价格", *own)
    do(book, "其他", *PLAN)
    entry = adjusted(book, "价格")
    said = told(book, entry)
    assert "mid-year adjustment" in said[0] and "execute" not in str(said[1:])
    assert steps(book)[-1] == ("价格", "execute", "甲")  # by who made it, not who approved
    with book.reading() as reading:
        last = reading.entries(("step",), year=YEAR)[-1]
        (paper,) = last.documents
        kept = json.loads(reading.document(paper.digest))
    assert (kept["number"], kept["digest"]) == (entry.number, entry.digest)
    assert set(last.body["papers"]) == {"adjustment_notice"}
    assert told(book, entry) == []
    assert verify(book).faults == ()


def test_step__of_what_was_not_begun_is_nobodys(book: Book) -> None:
    assert told(book, adjusted(book, "价格")) == []
    assert steps(book) == []


def test_step__that_may_not_be_done_yet_is_told_and_stays_due(book: Book) -> None:
    do(book, "价格", *PLAN)
    (said,) = told(book, adjusted(book, "价格"))
    assert "comes after 'decision of the authority'" in said
    assert "drgpay budget done mid_year execute" in said.chinese
    assert [step for _, step, _ in steps(book)] == ["propose"]
    (said,) = told(book, adjusted(book, "价格"), "no-such-policy")
    assert "no-such-policy" in said


def test_publication__does_the_steps_that_wait_for_one(book: Book) -> None:
    for subject in ("价格", "疫情"):
        for own in (PLAN, DECIDED):
            do(book, subject, *own)
    told(book, adjusted(book, "价格"))
    entry = book.append(Draft("published", YEAR, "甲", "maker", {"audience": "public"}))
    assert len(told(book, entry, POLICY.id)) >= 1
    assert [s[:2] for s in steps(book) if s[1] == "publish"] == [("价格", "publish")]


def test_entries__that_do_steps_have_words_and_the_makers_role() -> None:
    own = [s for p in load_procedures().by_id.values() for s in p.steps.values() if s.entry]
    assert {s.entry for s in own} >= {"indices", "transfer", "clearing", "published"}
    assert all(s.entry in ENTRY_KINDS and s.role == "maker" and not s.each for s in own)

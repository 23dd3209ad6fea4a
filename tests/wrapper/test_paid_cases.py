"""The register of paid cases: a case is paid in one month of one year, and once; quick for many."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from drgpay.cli import cli
from drgpay.ground.errors import InputError
from drgpay.ledger.approvals import approve, check, propose
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, Entry
from drgpay.ledger.paid_cases import (
    FILE,
    REGISTER,
    TAKEN_BACK,
    facts,
    kept_keys,
    key_of,
    packed,
    paid_before,
    period_of,
)
from drgpay.ledger.verify import verify
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.report.book_why import figure_rows
from drgpay.runs.reader import RunFolder
from drgpay.wrapper import paid_cases
from drgpay.wrapper.paid_cases import case_keys, with_paid_cases
from drgpay.wrapper.post_runs import month_draft, year_draft
from tests.months.folders import rows_of, write_rows
from tests.wrapper.test_post_runs import own_book, passed, year

__all__ = ["year"]
Year = tuple[Path, Path, Path, str]


def keys(names: list[str]) -> pa.Table:
    found = pa.concat_tables([key_of("H", name) for name in names])
    return found.sort_by([("a", "ascending"), ("b", "ascending")])


def cleared(
    book: Book, year: int, names: list[str], *, approved: bool = True, kind: str = "clearing"
) -> int:
    """Post a clearing that pays some cases; return the number of its proposal."""
    with book.writing() as turn:
        documents = tuple(turn.keep(FILE, part) for part in packed(keys(names)))
        body = {"method": "points", "figures": [], REGISTER: facts(documents, len(names))}
        if kind == "month":
            body["month"] = f"{year}-01"
        draft = Draft(kind, year, "甲", "maker", body, documents=documents)
        number = propose(turn, draft).number
        check(turn, number, "乙")
        if approved:
            approve(turn, number, "丙")
    return number


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book.create(tmp_path / "b", region_id="R", region_name="区", year=2024, who="甲")


def test_case__is_paid_in_one_year(book: Book) -> None:
    rng = random.Random(1)
    first = [f"A{n}" for n in rng.sample(range(10_000), 500)]
    cleared(book, 2024, first)
    both = [f"B{n}" for n in range(300)]
    cleared(book, 2025, both)
    with pytest.raises(
        InputError, match=r"1 cases were paid in 2024 \(entry \d+, [\d-]{10}\)"
    ) as found:
        cleared(book, 2026, [*both[:2], first[7], "C1"])
    assert "2 cases were paid in 2025" in str(found.value)
    cleared(book, 2026, ["C1"])
    with book.reading() as reading:
        assert [t.entry.year for t in paid_before(reading, key_of("H", first[9]))] == [2024]
        assert not paid_before(reading, key_of("H", first[9]), 2024)
        assert not paid_before(reading, key_of("H2", first[9]))
    assert verify(book).faults == ()


def test_case__that_a_month_paid_is_refused_elsewhere_and_taken_over_by_its_year(
    book: Book,
) -> None:
    cleared(book, 2025, ["A", "B"], kind="month")
    for other, kind in ((2025, "month"), (2026, "month"), (2024, "clearing")):
        with pytest.raises(InputError, match=r"1 cases were paid in 2025-01 \(entry \d+, "):
            cleared(book, other, ["B", "C"], kind=kind)
    cleared(book, 2025, ["B", "C"])  # A was prepaid, the year does not settle it
    with book.reading() as reading:
        (own,) = paid_before(reading, key_of("H", "B"))
        assert (own.entry.kind, period_of(own.entry)) == ("clearing", "2025")
        assert not paid_before(reading, key_of("H", "A"))
    cleared(book, 2026, ["A"], kind="month")


def test_case__of_two_proposals_is_paid_by_the_first_that_is_approved(book: Book) -> None:
    waits = [cleared(book, year, ["A", "B"], approved=False) for year in (2024, 2025)]
    with book.writing() as turn:
        approve(turn, waits[1], "丙")
    with book.writing() as turn, pytest.raises(InputError, match="2 cases were paid in 2025"):
        approve(turn, waits[0], "丙")


def test_case__that_a_reopened_year_pays_no_more_is_paid_in_another(book: Book) -> None:
    cleared(book, 2024, ["A", "B"])
    cleared(book, 2024, ["B", "C"], kind="reopening")
    with pytest.raises(InputError, match="1 cases were paid in 2024"):
        cleared(book, 2025, ["A", "C"])
    cleared(book, 2025, ["A"])


def test_register__of_many_cases_is_kept_in_parts(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drgpay.ledger.paid_cases.PART", 7)
    names = [f"A{n}" for n in range(40)]
    cleared(book, 2024, names)
    with book.reading() as reading:
        (entry,) = reading.entries(("clearing",))
        assert len(entry.documents) == 6 and entry.body[REGISTER]["cases"] == 40
        assert kept_keys(reading, entry.body[REGISTER]).equals(keys(names))
    with pytest.raises(InputError, match="40 cases"):
        cleared(book, 2025, names)


def test_run__is_taken_in_with_its_paid_cases(year: Year, tmp_path: Path) -> None:
    _, _, run, region_id = year
    book = own_book(tmp_path / "b", region_id)
    rows = RunFolder(run, "year").table("cases").to_pylist()
    paid = [(r["hospital_id"], r["case_id"]) for r in rows if r["paid_by"] in ("points", "money")]
    found = case_keys(RunFolder(run, "year"))
    assert sorted(
        zip(*(found[c].to_pylist() for c in ("hospital_id", "case_id")), strict=True)
    ) == sorted(paid)
    for a, b, hospital, case, _ in zip(
        *(found[c].to_pylist() for c in found.column_names), strict=True
    ):
        assert key_of(hospital, case).to_pylist() == [{"a": a, "b": b}]  # as hashlib has it

    def draft() -> Draft:
        with book.writing() as turn:
            return with_paid_cases(turn, year_draft(turn, run, region_id, "甲"), run)

    own = draft()
    entry = passed(book, own)
    assert entry.body[REGISTER]["cases"] == len(paid) > 0
    with book.reading() as reading:
        for hospital, case in paid:
            assert [t.entry.number for t in paid_before(reading, key_of(hospital, case))] == [
                entry.number
            ]
    # the same cases in the next year's run are refused by name
    with book.writing() as turn, pytest.raises(InputError, match="cannot be paid again") as refused:
        with_paid_cases(turn, replace(own, year=2025, body={}, documents=()), run)
    assert " ".join(paid[0]) in str(refused.value.faults[0])


def posted(book: Book, folder: Path, region_id: str) -> Entry:
    with book.writing() as turn:
        draft = with_paid_cases(turn, month_draft(turn, folder, region_id, "甲"), folder)
    return passed(book, draft)


def test_months__keep_what_each_pays_first_and_what_it_takes_back(
    year: Year, tmp_path: Path
) -> None:
    _, months, run, region_id = year
    book = own_book(tmp_path / "b", region_id)
    entries = [posted(book, months / f"2024-{m:02d}", region_id) for m in range(1, 13)]
    assert all(REGISTER in entry.body for entry in entries)
    back = [m for m, entry in enumerate(entries, 1) if TAKEN_BACK in entry.body]
    assert back, "C03 came twice in December and is paid no more"
    listed = RunFolder(months / "2024-12", "month").table("paid_cases").to_pylist()
    pairs = {(r["hospital_id"], r["case_id"]) for r in listed}
    kept = sum(entry.body[REGISTER]["cases"] for entry in entries)
    gone = sum(entries[m - 1].body[TAKEN_BACK]["cases"] for m in back)
    assert kept - gone == len(listed) == len(pairs) > 0
    first = listed[0]
    with book.reading() as reading:
        (own,) = paid_before(reading, key_of(first["hospital_id"], first["case_id"]))
        assert period_of(own.entry) == first["month"]
        assert not paid_before(reading, key_of("H1", "C03"))
        told = figure_rows(entries[back[0] - 1], "", "", "en")
        assert {r["figure"]: r["value"] for r in told if r["part"] == "register"} == {
            "cases paid": str(entries[back[0] - 1].body[REGISTER]["cases"]),
            "cases that a month before paid, and no more": str(gone),
        }
    with book.writing() as turn:  # the year takes over what its months paid
        draft = with_paid_cases(turn, year_draft(turn, run, region_id, "甲"), run)
    entry = passed(book, draft)
    with book.reading() as reading:
        (own,) = paid_before(reading, key_of(first["hospital_id"], first["case_id"]))
    assert own.entry.number == entry.number
    assert verify(book).faults == ()
    words = ["why", str(run), "--case", first["case_id"], "--book", str(tmp_path / "b")]
    said = CliRunner().invoke(cli, words, catch_exceptions=False).output
    assert (
        f"账上支付：{first['hospital_id']} {first['case_id']}：2024，第 {entry.number} 号" in said
    )
    words[3] = "C03"  # it came twice: the year quarantines both
    assert "C03：未支付过" in CliRunner().invoke(cli, words, catch_exceptions=False).output
    refused = CliRunner().invoke(cli, ["why", str(run), "--pool", "310", "--book", "b"])
    assert isinstance(refused.exception, InputError)


def test_month__of_a_run_that_does_not_know_the_month_before_pays_none_of_its_cases(
    year: Year, tmp_path: Path
) -> None:
    region, months, _, region_id = year
    moved = shutil.copytree(region, tmp_path / "region")
    (moved / "prepaid.csv").unlink()
    rows = rows_of(moved / "cases.csv")
    first = RunFolder(months / "2024-01", "month").table("paid_cases").to_pylist()[0]
    for row in rows:
        if row["case_id"] == first["case_id"]:
            row["settlement_date"] = row["discharge_date"] = "2024-02-20"
    write_rows(moved / "cases.csv", rows)
    book = own_book(tmp_path / "b", region_id)
    posted(book, months / "2024-01", region_id)
    write_month(run_month(moved, "2024-02"), tmp_path / "alone")
    with pytest.raises(InputError, match="cannot be paid again") as found:
        posted(book, tmp_path / "alone", region_id)
    told = str(found.value.faults[0])
    assert "paid in 2024-01" in told and f"{first['hospital_id']} {first['case_id']}" in told
    knows = run_month(moved, "2024-02", earlier=months / "2024-01")
    write_month(knows, tmp_path / "knows")
    assert sum(a.adjustment_fen for a in knows.adjustments) < 0, "taken back from January"
    posted(book, tmp_path / "knows", region_id)


def test_month__of_a_folder_that_lists_no_cases_adds_none(year: Year, tmp_path: Path) -> None:
    _, months, _, region_id = year
    folder = shutil.copytree(months / "2024-01", tmp_path / "old")
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for suffix in ("csv", "parquet"):
        (folder / f"paid_cases.{suffix}").unlink()
        del told["tables"][f"paid_cases.{suffix}"]
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    entry = posted(own_book(tmp_path / "b", region_id), folder, region_id)
    assert REGISTER not in entry.body and entry.body["figures"]


def test_run__with_a_case_twice_is_refused(
    book: Book, year: Year, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = case_keys(RunFolder(year[2], "year"))
    doubled = pa.concat_tables([once, once.slice(0, 1)]).sort_by([("a", "ascending")])
    monkeypatch.setattr(paid_cases, "case_keys", lambda run: doubled)
    draft = Draft("clearing", 2024, "甲", "maker", {})
    with book.writing() as turn, pytest.raises(InputError) as found:
        with_paid_cases(turn, draft, year[2])
    name = f"{once['hospital_id'][0]} {once['case_id'][0]}"
    assert str(found.value.faults[0]) == f"cases that stand twice: {name}"

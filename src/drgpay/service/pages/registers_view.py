"""What the book's registers say, as pages show it: of a whole year, or of one institution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from drgpay.ground.times import day, today
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Entry
from drgpay.monitoring.published import PUBLIC
from drgpay.report.assessment_sheets import definitions_sheet, indicators_sheet, scores_sheet
from drgpay.report.register_sheets import filed_sheet
from drgpay.report.sheets import Sheet, page_table
from drgpay.wrapper.registers import filed, given_to

REGISTERS = ("objection", "opinion")


def sections_of(sheets: Iterable[Sheet]) -> list[tuple[str, list[str], Any]]:
    """Return sheets as a page shows them: title, lines before the table, table."""
    return [(sheet.title, list(sheet.lead), page_table(sheet)) for sheet in sheets]


def assessment_of(reading: Reading, year: int, hospital: str, lang: str) -> list[Sheet]:
    """Return the last assessment of a year, of one institution where one is named; nothing without."""
    entries = reading.entries(("assessment",), year=year)
    if not entries:
        return []
    entry = entries[-1]
    if hospital:
        own = [s for s in entry.body["scores"] if s["hospital_id"] == hospital]
        if not own:
            return []
        entry = replace(entry, body={**entry.body, "scores": own})
    return [scores_sheet(entry, lang), indicators_sheet(entry, lang), definitions_sheet(lang)]


def registers_of(reading: Reading, year: int, hospital: str, lang: str) -> list[Sheet]:
    """Return the objections and opinions of an institution, those registers that have any."""
    found = [(kind, filed(reading, kind, year=year, hospital=hospital)) for kind in REGISTERS]
    return [filed_sheet(kind, own, lang) for kind, own in found if own]


def publications(reading: Reading, year: int) -> list[dict[str, Any]]:
    """Return what was published of a year, the last one first, with the files that were kept."""
    return [
        {
            "number": entry.number, "day": day(entry.at),
            "files": [d.name for d in entry.documents],
        }
        for entry in reversed(reading.entries(("published",), year=year))
        if entry.body["audience"] == PUBLIC
    ]  # fmt: skip


def last_given(reading: Reading, years: Sequence[int], hospital: str) -> Entry | None:
    """Return the entry by which an institution was given its own last, of whatever year.

    A year's figures are given in the year after it, when the book may have that year's target.
    """
    found = (given_to(reading, year, hospital) for year in reversed(years))
    return next((entry for entry in found if entry is not None), None)


def given_facts(reading: Reading, years: Sequence[int], hospital: str) -> dict[str, Any] | None:
    """Return what an institution was given last and until when it may object; None before."""
    entry = last_given(reading, years, hospital)
    if entry is None:
        return None
    return {key: entry.body[key] for key in ("day", "last_day", "working_days")} | {
        "number": entry.number, "year": entry.year,
        "open": today().isoformat() <= entry.body["last_day"],
    }  # fmt: skip

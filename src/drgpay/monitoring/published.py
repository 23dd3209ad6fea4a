"""Visits as they are published, and what earlier publications of the year told: nothing small by difference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Entry
from drgpay.monitoring.suppress import Before, hidden_cells

# kinds of care that sum to a visit: what each column counts
CARE = ("outpatient", "with_surgery", "without_surgery")
COLUMNS = (*CARE, "visits")
TOTAL = "total"
PUBLIC = "public"  # of a publication's entry: for whom it is
Record = dict[str, Any]
Measures = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a publication of the year told.

    `counts`: by institution and total, as they were shown, None where left out. `together`: the
    institutions of one row. `measures` and `entered`: the assessment's counts and the rows that were
    entered, by institution and indicator.
    """

    counts: Mapping[str, Sequence[int | None]]
    together: Collection[str]
    measures: Measures
    entered: Mapping[tuple[str, str], Fraction]


def told_of(counts: Iterable[Record], together: Sequence[str], entries: Sequence[Entry]) -> Record:
    """Return what a publication's entry keeps of it, for those that follow."""
    assessed = [entry.number for entry in entries if entry.kind == "assessment"]
    return {
        "counts": [[row["hospital_id"], *(row[name] for name in COLUMNS)] for row in counts],
        "together": list(together),
        "assessment": assessed[-1] if assessed else None,
    }


def earlier_publications(reading: Reading, year: int, least: int) -> list[Earlier]:
    """Return what was published of a year; of a publication that did not keep it, as it would be today."""
    found = []
    for entry in reading.entries(("published",), year=year):
        if entry.body["audience"] != PUBLIC:
            continue
        number = entry.body.get("assessment")
        if "counts" not in entry.body:
            last = entry.body["book"]["number"]
            own = [
                e.number for e in reading.entries(("assessment",), year=year) if e.number <= last
            ]
            number = own[-1] if own else None
        body: Mapping[str, Any] = {} if number is None else reading.entry(number).body
        measures = body.get("measures", {})
        told = entry.body.get("counts")
        if told is None:
            rows, _ = counts_shown(measures, least)
            told = told_of(rows, (), ())["counts"]
        entered = {
            (own["hospital_id"], row["indicator"]): Fraction(row["numerator"])
            for own in body.get("scores", ())
            for row in own["indicators"]
            if "document" in row
        }
        shown = {name: row for name, *row in told}
        found.append(Earlier(shown, entry.body.get("together", ()), measures, entered))
    return found


def all_counts(measures: Measures) -> dict[str, list[int]]:
    """Return visits by kind of care and in all, by institution and in total.

    Empty where records do not tell care and surgery.
    """
    needs = {"outpatient_visits", "admissions", "surgeries"}
    made: dict[str, list[int]] = {}
    for name, own in sorted(measures.items()):
        if needs <= own.keys():
            stays = own["surgeries"], own["admissions"] - own["surgeries"]
            made[name] = [own["outpatient_visits"], *stays, own["outpatient_visits"] + sum(stays)]
    if made:
        made[TOTAL] = [sum(column) for column in zip(*made.values(), strict=True)]
    return made


def counts_shown(
    measures: Measures, least: int, before: Sequence[Earlier] = ()
) -> tuple[list[Record], dict[str, set[str]]]:
    """Return the table of visits by kind of care, hidden counts as None, and what is hidden of each.

    The last row are the totals. Nothing where records do not tell care and surgery.
    """
    every = all_counts(measures)
    if not every:
        return [], {}
    table = np.array([row[: len(CARE)] for name, row in every.items() if name != TOTAL], np.int64)
    mask = hidden_cells(table, least, [_before(own, list(every)) for own in before])
    rows: list[Record] = []
    hidden: dict[str, set[str]] = {}
    for name, values, gone in zip(every, every.values(), mask.tolist(), strict=True):
        told = zip(COLUMNS, values, gone, strict=True)
        cells = {column: None if left else value for column, value, left in told}
        rows.append({"hospital_id": name, "clause": "S0 9", **cells})
        hidden[name] = _measures_hidden(
            {column for column, value in cells.items() if value is None}
        )
    return rows, hidden


def _before(earlier: Earlier, names: Sequence[str]) -> Before:
    rows = [earlier.counts.get(name, [-1] * len(COLUMNS)) for name in names]
    shown = np.array([[-1 if v is None else v for v in row] for row in rows], np.int64)
    left_out = np.array([[v is None for v in row] for row in rows], np.bool_)
    return Before(shown, left_out)


def _measures_hidden(gone: set[str]) -> set[str]:
    """Return the measures that cells which are left out would tell."""
    of = {
        "outpatient": {"outpatient_visits"}, "with_surgery": {"surgeries", "admissions"},
        "without_surgery": {"admissions"}, "visits": {"visits"},
    }  # fmt: skip
    return {measure for care in gone for measure in of[care]}


def changed_little(now: Fraction, before: Fraction, least: int) -> bool:
    """Whether a count changed since it was published by less than may be told."""
    return 0 < abs(now - before) < least

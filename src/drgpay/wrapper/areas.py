"""Care of people insured elsewhere: paid by the place of care, cleared by area where they are insured.

What hospitals get for them is the other area's debt, not cost of this region: it takes up none of the
control target for good, and comes back into the fund (异地清算).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drgpay.ground.digests import file_digest
from drgpay.ground.errors import InputError, both, fault_at
from drgpay.ground.inputs import parse_json, read_input
from drgpay.ground.money import yuan_text
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Draft
from drgpay.ledger.postings import area_lines, area_paid_lines
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Table, optional
from drgpay.wrapper.filled import WHO, paid_beyond, read_table

CLAUSE = "N7"
FACTS = "area.json"  # beside the claims that a run priced: what they rest on
PRICED = "area_claims.csv"  # of their folder
CLAIMS, PAID = "claims", "paid"  # of an entry: what hospitals get, what the area paid
AREA_CLAIMS = Table(
    "area_claims",
    (
        Column("insured_area", kinds.code),
        *WHO,
        Column("case_count", kinds.whole(1, 10_000_000)),
        Column("amount_yuan", kinds.amount_above_zero),
    ),
    required=True,
    unique=("insured_area", "hospital_id", "pool"),
    filled=True,
)
AREA_PAYMENTS = Table(
    "area_payments",
    (
        Column("insured_area", kinds.code),
        Column("pool", kinds.code),
        Column("amount_yuan", kinds.amount_above_zero),
        Column("paid_on", kinds.date),
        optional("bank_reference", kinds.code),
    ),
    required=True,
    filled=True,
)


def area_claims_draft(reading: Reading, table: Path, year: int, month: int, who: str) -> Draft:
    """Return the entry of a month's care of people insured elsewhere, by area; each month once.

    `table`: a file, or a folder of `drgpay budget area price`, whose run the entry then names. Raises
    InputError for a month that stands already, for faults of the table, and for one that was changed
    since its cases were priced.
    """
    name = f"{year}-{month:02d}"
    for entry in reading.entries(("area",), year=year):
        if entry.body["of"] == CLAIMS and entry.body["month"] == name:
            raise InputError(
                both(
                    f"{name} 的异地就医费用已入账，第 {entry.number} 号",
                    f"care of {name} for other areas is in the book: entry {entry.number}",
                ),
                where=table,
                remedy=both("更正另行办理", "a correction is an entry of its own"),
            )
    priced = _priced(table) if table.is_dir() else {}
    rows = read_table(table / PRICED if priced else table, AREA_CLAIMS)
    told = [
        {
            "area": r["insured_area"], "hospital_id": r["hospital_id"], "pool": r["pool"],
            "case_count": r["case_count"], "amount_fen": r["amount_yuan"],
        }
        for r in rows
    ]  # fmt: skip
    lines = [
        line
        for r in told
        for line in area_lines(r["pool"], r["area"], r["hospital_id"], r["amount_fen"])
    ]
    return Draft(
        "area", year, who, "maker",
        {"of": CLAIMS, "month": name, "figures": told, **({"priced": priced} if priced else {})},
        clause=CLAUSE, subject=name, lines=tuple(lines),
    )  # fmt: skip


def _priced(folder: Path) -> dict[str, Any]:
    """Return what the claims of a folder rest on; raises InputError where they were changed."""
    told: dict[str, Any] = parse_json(read_input(folder / FACTS))
    if told.pop("claims", None) != file_digest(folder / PRICED):
        raise InputError(
            both("计价之后改动过", "the claims were changed since their cases were priced"),
            where=folder / PRICED,
            remedy=both(
                "重新计价，或单独给出这张表", "price them anew, or give the table by itself"
            ),
        )
    return told


def area_payments_draft(reading: Reading, table: Path, year: int, who: str) -> Draft:
    """Return the entry of what other areas paid, by the bank's word.

    Raises InputError for more than an area owes of the year in a pool.
    """
    owed = owed_by_area(reading, year)
    rows = read_table(table, AREA_PAYMENTS)
    paid = [(row, (row["insured_area"], row["pool"]), row["amount_yuan"]) for row in rows]
    faults = [
        fault_at(
            row.where,
            f"参保地 {place[0]}、险种 {place[1]} 应付 {yuan_text(owed.get(place, 0))} 元，"
            f"多出 {yuan_text(over)} 元",
            f"area {place[0]}, pool {place[1]}, owes {yuan_text(owed.get(place, 0))} yuan: "
            f"{yuan_text(over)} too much",
        )
        for row, place, over in paid_beyond(owed, paid)
    ]
    lines, told = [], []
    for row, place, fen in paid:
        lines += area_paid_lines(place[1], place[0], fen)
        told.append(
            {
                "area": place[0], "pool": place[1], "amount_fen": fen,
                "paid_on": row["paid_on"].isoformat(), "reference": row["bank_reference"],
            }
        )  # fmt: skip
    if faults:
        raise InputError(
            both("参保地的付款与应付不符，未记账", "the payments do not fit what areas owe"),
            where=table,
            faults=faults,
            remedy=both("与参保地经办机构核对", "clear it up with the agency of the area"),
        )
    return Draft(
        "area", year, who, "maker", {"of": PAID, "figures": told}, clause=CLAUSE,
        subject=f"{year}", lines=tuple(lines),
    )  # fmt: skip


def owed_by_area(reading: Reading, year: int) -> dict[tuple[str, str], int]:
    """Return what each area owes of a year, by pool, in fen."""
    found = reading.balances("area_clearing", year=year)
    return {(b.detail, b.pool): b.amount_fen for b in found if b.amount_fen}


def area_rows(reading: Reading, year: int, today: dt.date) -> list[Mapping[str, Any]]:
    """Return by area and pool what was claimed, paid and is open, and since when, in fen.

    What is paid counts for the oldest months first; `since`: the first month that is not paid in
    full, `days`: since its end.
    """
    claims: dict[tuple[str, str], dict[str, int]] = {}
    paid: dict[tuple[str, str], int] = {}
    for entry in reading.entries(("area",), year=year):
        for own in entry.body["figures"]:
            place = own["area"], own["pool"]
            if entry.body["of"] == PAID:
                paid[place] = paid.get(place, 0) + own["amount_fen"]
            else:
                months = claims.setdefault(place, {})
                month = entry.body["month"]
                months[month] = months.get(month, 0) + own["amount_fen"]
    rows: list[Mapping[str, Any]] = []
    for (area, pool), months in sorted(claims.items()):
        whole, got = sum(months.values()), paid.get((area, pool), 0)
        since = _first_open(months, got)
        rows.append(
            {
                "area": area, "pool": pool, "claimed_fen": whole, "paid_fen": got,
                "open_fen": whole - got, "since": since,
                "days": (today - _end(since)).days if since else None,
            }
        )  # fmt: skip
    return rows


def _first_open(months: Mapping[str, int], paid: int) -> str:
    for month, fen in sorted(months.items()):
        paid -= fen
        if paid < 0:
            return month
    return ""


def _end(month: str) -> dt.date:
    year, number = int(month[:4]), int(month[5:])
    return dt.date(year + number // 12, number % 12 + 1, 1) - dt.timedelta(days=1)

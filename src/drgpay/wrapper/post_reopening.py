"""What a reopened year comes to in the book: the difference to the version that stands there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from drgpay.ground.errors import BooksError, InputError, both
from drgpay.ground.money import yuan_text
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Draft, Entry, Line
from drgpay.ledger.postings import POINTS, ClearingFigures, difference_lines, provision_lines
from drgpay.runs.manifest import YEAR, reopens, version_of
from drgpay.runs.reader import RunFolder
from drgpay.wrapper.post_runs import (
    clearing_of,
    figures_told,
    own_run,
    run_facts,
)

Figures = Mapping[tuple[str, str], ClearingFigures]


def reopening_draft(reading: Reading, folder: str | Path, region_id: str, who: str) -> Draft:
    """Return the entry of a reopened year: by institution what changes against the last version.

    What goes back is owed; what is added first takes down what the same institution and pool owes of
    the year, the rest is payable. Raises InputError for a folder that does not reopen the version that
    stands in the book, BooksError for one whose figures do not tie out with it.
    """
    run = own_run(folder, YEAR, region_id)
    year = int(run.manifest["region"]["year"])
    before = _standing(reading, year, run)
    with run.reading():
        rows = run.table("hospitals").to_pylist()
        funds = run.table("funds").to_pylist()
    was = {(r["hospital_id"], r["pool"]): clearing_of(r) for r in before.body["figures"]}
    now = {(r["hospital_id"], r["pool"]): clearing_of(r) for r in rows}
    _refuse_lost(was, now, run)
    owed = {
        (b.hospital_id, b.pool): b.amount_fen for b in reading.balances("receivable", year=year)
    }
    lines: list[Line] = []
    for place, own in sorted(now.items()):
        lines += difference_lines(was.get(place), own, owed.get(place, 0))
    provisions = {row["pool"]: row["provision_fen"] for row in funds}
    told = before.body["provisions"]
    for pool, fen in provisions.items():
        lines += provision_lines(pool, "open_cases", fen - told.get(pool, 0))
    body = {
        **run_facts(run), "version": version_of(run.manifest), "reopens": before.number,
        "provisions": provisions, "figures": figures_told(rows),
    }  # fmt: skip
    return Draft(
        "reopening", year, who, "maker", body, clause="S2 二(二)1(6)",
        subject=f"{year} V{body['version']}", lines=tuple(lines),
    )  # fmt: skip


def _standing(reading: Reading, year: int, run: RunFolder) -> Entry:
    """Return the entry of the version that a run reopens; raises InputError where it is not there."""
    found = [
        e
        for e in reading.entries(("clearing", "reopening"), year=year)
        if e.body["method"] == POINTS
    ]
    digest = reopens(run.manifest).get("manifest_sha256", "")
    if not found:
        raise InputError(
            both(f"{year}年尚未清算入账", f"{year} is not cleared in the book"),
            where=run.folder,
            remedy=both("先入账第一版：drgpay budget clear", "post version 1 first: budget clear"),
        )
    last = found[-1]
    if last.body["manifest"] != digest:
        raise InputError(
            both(
                f"账上是第 {last.body['version']} 版（第 {last.number} 号），这一结果重开的不是它",
                f"the book has version {last.body['version']} (entry {last.number}), which this run "
                "does not reopen",
            ),
            where=run.folder,
            remedy=both("按版本次序入账，每版一次", "post the versions in order, each once"),
        )
    return last


def _refuse_lost(was: Figures, now: Figures, run: RunFolder) -> None:
    """Fail if an institution of the version before is not in this one."""
    lost = [
        both(
            f"{hospital}、险种 {pool}：前一版终付 {yuan_text(own.final_fen)} 元，这一版没有",
            f"{hospital}, pool {pool}: {yuan_text(own.final_fen)} yuan in the version before, none now",
        )
        for (hospital, pool), own in sorted(was.items())
        if (hospital, pool) not in now
    ]
    if lost:
        raise BooksError(
            both("重开后的结果缺少机构", "institutions are missing in the reopened result"),
            where=run.folder,
            faults=lost,
        )

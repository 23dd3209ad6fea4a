"""All that is made of a run folder for people: report, workbook, database, letters."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from drgpay.runs.database import write_run_database

from .html import write_report
from .letters import write_letters
from .run import Run
from .settlement_excel import write_settlement_excel


def write_outputs(
    folder: Path,
    lang: str = "zh",
    *,
    letters: bool = False,
    sheets_per_hospital: bool = False,
    threads: int | None = None,
) -> None:
    """Write report.html, settlement.xlsx and run.duckdb into a run folder, letters on request."""
    run = Run(folder, threads, unfinished=True)
    # the database copies tables outside of Python, while the papers keep one core busy
    with ThreadPoolExecutor(1) as pool:
        database = pool.submit(write_run_database, folder, threads=threads)
        write_report(folder, lang, run=run)
        write_settlement_excel(folder, lang, sheets_per_hospital=sheets_per_hospital, run=run)
        if letters:
            write_letters(folder, lang=lang, run=run)
        database.result()

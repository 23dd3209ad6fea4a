"""month.xlsx: a month's payments for accountants, made from the month's folder alone."""

from __future__ import annotations

from pathlib import Path

from .month_folder import MonthFolder
from .month_sheets import MonthSheets
from .texts import Words
from .workbook import write_book

NAME = "month.xlsx"


def write_month_excel(folder: Path, lang: str = "zh") -> Path:
    """Write `month.xlsx` into a month's folder and return its path.

    Amounts equal their fen; sums are formulas that carry their values. The same folder gives the
    same bytes.
    """
    run, w = MonthFolder(folder), Words(lang)
    sheets, m = MonthSheets(run, w), run.manifest
    marks = [w("print_trial") + w("colon") + w("semicolon").join(m["trial"])] * bool(m["trial"])
    marks += [w("print_synthetic")] if m["synthetic"] else []
    what = sheets.t("月度结算", "monthly payment")
    month = run.month
    if run.every:
        month, what = str(m["region"]["year"]), sheets.t("各月结算", "months")
    return write_book(
        folder / NAME,
        [
            None if run.every else sheets.payments(),
            sheets.pools(),
            sheets.hospitals(),
            sheets.suspended(),
            sheets.corrections(),
            None if run.earlier is None else sheets.adjustments(),
            sheets.ties() if run.every else None,
            sheets.ceiling(),
            sheets.parameters(run.used_parameters),
            sheets.checks(),
        ],
        lang,
        title=f"{m['region']['name']} {month} {what}",
        mark=" · ".join(marks),
        digest=f"{w('run_id')} {run.digest[:12]}",
    )

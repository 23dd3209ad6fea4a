"""month.xlsx: a month's payments for accountants, made from the month's folder alone."""

from __future__ import annotations

from pathlib import Path

from drgpay.ground.outputs import whole_file

from .month_folder import MonthFolder
from .month_sheets import MonthSheets
from .texts import Words
from .workbook import Book

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
    target = folder / NAME
    with whole_file(target) as part:
        book = Book(
            str(part),
            title=f"{m['region']['name']} {month} {what}",
            mark=" · ".join(marks),
            digest=f"{w('run_id')} {run.digest[:12]}",
            page=w("x_page"),
        )
        made = [
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
        ]
        for sheet in made:
            if sheet is not None:
                book.add(sheet)
        book.close()
    return target

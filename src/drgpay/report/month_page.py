"""month.html: a month's payments as a page, made from the month's folder alone."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from drgpay.ground.languages import choosing
from drgpay.runs.reader import Record

from . import amounts
from .charts import month_bars
from .month_folder import MonthFolder, value_fraction
from .month_sheets import MonthSheets
from .pages import chart, page_parts, table, write_page
from .texts import Words

NAME = "month.html"
LISTED = 200  # correction entries shown; the table holds all
PLACES = 6


def write_month_page(folder: Path, lang: str = "zh") -> Path:
    """Write `month.html` into a month's folder and return its path; the same folder, same bytes."""
    run, w, t = MonthFolder(folder), Words(lang), choosing(lang)
    m = run.manifest
    what = t("月度预付", "Monthly payment")
    if run.every:
        what = t("各月预付与全年对账", "Twelve months and the year end")
    ratio = run.value_of("prepay_ratio")
    basis = t(f"按月度点值应付的 {ratio} 预付", f"{ratio} of the month's value")
    if run.by_fund:
        basis = t(f"按统筹基金记账的 {ratio} 预付", f"{ratio} of the recorded fund")
    heads = [(t("文件", "file"), "code"), (t("行数", "rows"), "num"), (t("字节", "bytes"), "num")]
    files = [
        [f["file"], "" if f["rows"] is None else f["rows"], f["bytes"], f["sha256"]]
        for f in m["inputs"]
    ]
    marks = [w("print_trial")] * bool(m["trial"]) + [w("print_synthetic")] * bool(m["synthetic"])
    facts = [
        (w(key), m[key]["title"], f"{m[key]['id']} {m[key]['digest'][:12]}")
        for key in ("scheme", "policy")
    ]
    parts = page_parts(
        "month.html.j2",
        lang,
        run=run,
        sheets=MonthSheets(run, w),
        basis=basis,
        shown=list if run.every else run.now,  # the rows that the page is about
        shown_value=shown_value,
        listed=LISTED,
        bars=_bars(run, lang),
        inputs=table([*heads, ("SHA-256", "code")], files, lang),
    )
    return write_page(
        run.folder / NAME,
        lang=lang,
        title=f"{what} {m['region']['year'] if run.every else run.month}",
        kicker=m["region"]["name"],
        facts=[
            *facts,
            (w("run_id"), run.digest[:12], w("run_id_help")),
            (w("engine"), f"drgpay {m['drgpay_version']}", basis),
        ],
        mark=" · ".join(marks),
        **parts,
    )


def shown_value(row: Record, places: int = PLACES) -> str:
    """The provisional point value, a dash without one."""
    value = value_fraction(row)
    return "—" if value is None else amounts.fixed(amounts.rounded(value, places), places)


def _bars(run: MonthFolder, lang: str) -> Markup:
    """Bars of the provisional values, one a month, a drawing a pool; nothing of a single month."""
    if len({r["month"] for r in run.pools}) < 2:
        return Markup()
    title = choosing(lang)("各月暂定点值（元/点）", "Provisional value by month, yuan a point")
    drawn = []
    for pool in sorted({r["pool"] for r in run.pools}):
        rows = [r for r in run.pools if r["pool"] == pool]
        bars = [(str(r["month"]), value_fraction(r), shown_value(r, 2)) for r in rows]
        drawn.append(month_bars(bars, f"{rows[0]['name']} {pool}"))
    return chart(title, "".join(drawn))

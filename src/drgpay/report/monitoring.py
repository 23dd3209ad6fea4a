"""The page and the workbook of a month's monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay.ground.languages import choosing
from drgpay.names.codes import word
from drgpay.names.run_columns import label, title
from drgpay.names.run_tables import TABLES as DECLARED
from drgpay.names.watch import ABNORMAL, GROWTH

from .pages import grid, page_parts, write_page
from .sections import parameter_rows
from .sheets import Field, Sheet, page_table
from .texts import Words
from .workbook import write_book

Record = dict[str, Any]
PAGE, BOOK = "report.html", "watch.xlsx"
CODED = ("verdict", "grade", "scope", "indicator", "ranking", "care", "pattern")
FLAGS = {
    "index_used": ("指标使用率", "share of the index used"),
    "abnormal": ("异常记录", "abnormal records"),
}
SHARES = (
    "growth", "growth_low", "growth_high", "growth_usual", "growth_shrunk", "limit", "used_share",
    "expected_share", "exceeds",
)  # fmt: skip
COUNTS = (
    "visits", "visits_last", "flags", "rank", "hospitals", "visit_days", "most_a_day", "records",
    "flagged", "marked", "many_a_day", "costly",
)  # fmt: skip
DECIMALS = ("expected", "ratio", "shrunk_ratio")
PROBABLE = ("p", "q")
COSTS = ("cost", "fund", "mean_cost", "cost_per_person", "inpatient_cost")  # indicators in fen
FIGURES = (
    "now",
    "last",
    "value",
    "value_low",
    "value_high",
    "value_shrunk",
    "value_usual",
    "middle",
)
PLACES = {"percent": 6, "decimal": 2, "ratio": 4}
IN_BOOK = (
    "p",
    "q",
    "growth_shrunk",
    "value_shrunk",
    "shrunk_ratio",
    "pattern",
    "limit",
)  # not on the page
SHOWN = 60  # rows of a table on the page; the workbook has all
TABLES = (
    "watch_together", "watch_index", "watch_abnormal", "watch_evidence", "watch_persons",
    "watch_growth", "watch_ranking", "watch_months",
)  # fmt: skip


def _kind(column: str) -> str:
    if column.endswith("_fen"):
        return "yuan"
    for kind, names in (("count", COUNTS), ("percent", SHARES), ("decimal", DECIMALS),
                        ("ratio", PROBABLE), ("row", FIGURES), ("long", ("text",)),
                        ("code", ("hospital_id", "person_id", "pool"))):  # fmt: skip
        if column in names:
            return kind
    return "text"


def sheet_of(table: str, rows: list[Record], lang: str) -> Sheet:
    """Return a table of a monitoring as a sheet: codes as words, costs in yuan."""
    t = choosing(lang)
    columns = DECLARED[table]
    fields = [
        Field(
            name, label(table, name, lang), _kind(name), only="book" if name in IN_BOOK else "",
        )
        for name in columns
    ]  # fmt: skip
    shown = [{name: _shown(table, name, row, lang) for name in columns} for row in rows]
    for made, row in zip(shown, rows, strict=True):
        what = row.get("indicator") or row.get("ranking") or ""
        made["kind"] = "yuan" if what in COSTS else "decimal"
    note = "" if rows else t("没有这样的行", "no such row")
    return Sheet(title(table, lang), fields, shown, note=note)


def _shown(table: str, name: str, row: Record, lang: str) -> Any:
    value, t = row[name], choosing(lang)
    if isinstance(value, bool):
        return t("是", "yes") if value else t("否", "no")
    if name in ("raised", "why_abnormal"):
        words = GROWTH if name == "raised" else ABNORMAL
        parts = [part for part in value.split("|") if part]
        return t("、", ", ").join(
            t(*FLAGS[part]) if name == "raised" and part in FLAGS else words[part].of(lang)
            for part in parts
        )
    if name in CODED:
        return word(name, value, lang, table)
    if value is None or _kind(name) in ("text", "code", "long"):
        return "" if value is None else str(value)
    if name in FIGURES:
        what = row.get("indicator") or row.get("ranking") or ""
        return round(value) if what in COSTS else Decimal(f"{value:.2f}")
    if isinstance(value, float):
        return Decimal(f"{value:.{PLACES[_kind(name)]}f}")
    return value


def write_papers(
    folder: Path, tables: Mapping[str, pa.Table], told: Mapping[str, Any], lang: str
) -> None:
    """Write report.html and watch.xlsx of a monitoring's tables into its folder."""
    t, w = choosing(lang), Words(lang)
    rows = {name: tables[name].to_pylist() for name in TABLES}
    sheets = {name: sheet_of(name, rows[name], lang) for name in TABLES}
    heading = t(f"{told['month']} 运行监控", f"Monitoring of {told['month']}")
    fields = [
        Field("key", t("参数", "Key"), "code", width=28), Field("name", t("名称", "Name"), "long"),
        Field("value", t("值", "Value")), Field("source", t("依据", "Source"), "long"),
    ]  # fmt: skip
    parameters = Sheet(t("参数", "Parameters"), fields, parameter_rows(told["parameters"], w))
    book = f"{told['book']['number']}:{told['book']['digest']}"
    counts = told["grades"]
    write_book(
        folder / BOOK, [*sheets.values(), parameters], lang,
        title=f"{told['region']['name']} {heading}", digest=book,
    )  # fmt: skip
    quarantined = sum(told["quarantined"].values())
    write_page(
        folder / PAGE,
        lang=lang,
        title=heading,
        tab=f"{told['region']['name']} {heading}",
        kicker=f"{told['region']['name']} {told['region']['id']}",
        facts=[
            (t("就诊记录", "Records"), f"{told['counted']:,}",
             t(f"另隔离 {quarantined:,}", f"{quarantined:,} quarantined")),
            (t("医疗机构", "Institutions"), f"{told['hospitals']}", ""),
            (t("账目", "Book"), str(told["book"]["number"]), book[:20]),
            (t("计算程序", "Engine"), f"drgpay {told['drgpay_version']}", ""),
        ],
        **page_parts(
            "monitoring.html.j2", lang, sheets=sheets, rows=rows, counts=counts, shown=SHOWN,
            parameters=parameters, first=lambda sheet: grid(page_table(_first(sheet), "wide")),
            quarantined=quarantined,
        ),
    )  # fmt: skip


def _first(sheet: Sheet) -> Sheet:
    return Sheet(sheet.title, sheet.fields, list(sheet.rows)[:SHOWN], sheet.lead, sheet.note)

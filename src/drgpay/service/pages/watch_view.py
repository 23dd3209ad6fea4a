"""A month's monitoring as pages show it: to the agency and auditors, with persons to the agency, its own to a hospital."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from drgpay.ground.errors import both
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Entry
from drgpay.monitoring.filed import Record, filed_rows, filed_watches
from drgpay.names.watch import VERDICTS
from drgpay.report.monitoring import sheet_of
from drgpay.report.sheets import Sheet, page_table
from drgpay.report.tables import Table

SHOWN = 100  # rows of a table of all institutions; those of one are all shown
ORDER = tuple(VERDICTS)
IF_KNOWN = ("hospital_name", "pool", "level")
NO_VERDICT = both(
    "预警只提示应当核查之处，不是结论；不据此支付或扣款",
    "A flag is a reason to look, not a verdict; nothing is paid or withheld by it",
)
_WHO = "hospital_id hospital_name pool"
# what the page of the region shows of a table, in this order of tables
REGION_COLUMNS: Mapping[str, str] = {
    "watch_together": f"{_WHO} level grade flags raised text",
    "watch_index": f"""{_WHO} index_fen used_fen forecast_fen forecast_low_fen forecast_high_fen
        exceeds verdict text""",
    "watch_growth": f"{_WHO} scope indicator now last verdict text",
    "watch_ranking": """care level indicator rank hospital_id hospital_name visits value value_low
        value_high value_usual""",
    "watch_abnormal": """hospital_id hospital_name remote records marked many_a_day costly verdict
        listed text""",
    "watch_months": f"""{_WHO} month visits visits_last total_cost_fen last_cost_fen pool_fund_fen
        last_fund_fen""",
}
# with ids of persons: for the agency alone
PERSONS_COLUMNS: Mapping[str, str] = {
    "watch_persons": """ranking rank person_id value middle visits hospitals visit_days most_a_day
        total_cost_fen pool_fund_fen""",
    "watch_evidence": "hospital_id rank person_id visit_date care total_cost_fen why_abnormal",
}
# no text and no usual figure: among few institutions they would tell of the others
OWN_COLUMNS: Mapping[str, str] = {
    "watch_together": "pool grade flags raised",
    "watch_index": """pool index_fen used_fen used_share expected_share forecast_fen
        forecast_low_fen forecast_high_fen exceeds verdict""",
    "watch_growth": "pool scope indicator now last growth growth_low growth_high verdict",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A table of the page; `every`: how many rows there are of it."""

    name: str
    title: str
    table: Table
    shown: int
    every: int


def parts_of(
    reading: Reading, entry: Entry, columns: Mapping[str, str], lang: str, hospital: str = ""
) -> Iterator[Part]:
    """Yield tables of a monitoring with some of their columns, what was raised first."""
    for name, chosen in columns.items():
        rows = filed_rows(reading, entry, name, lang, hospital)
        if name in ("watch_growth", "watch_index"):
            rows.sort(key=lambda row: ORDER.index(row["verdict"]))  # stable
        shown = rows if hospital else rows[:SHOWN]
        sheet = _sheet(name, shown, chosen.split(), lang)
        yield Part(name, sheet.title, page_table(sheet), len(shown), len(rows))


def own_watch(reading: Reading, year: int, hospital: str, lang: str) -> list[Sheet]:
    """Return what the last monitoring of a year says of an institution; nothing without one."""
    filed = filed_watches(reading, year)
    if not filed:
        return []
    made = []
    for name, chosen in OWN_COLUMNS.items():
        rows = filed_rows(reading, filed[-1], name, lang, hospital)
        if rows:
            sheet = _sheet(name, rows, chosen.split(), lang)
            made.append(replace(sheet, title=f"{sheet.title} {filed[-1].subject}"))
    return [
        replace(sheet, lead=() if at else (NO_VERDICT.of(lang),)) for at, sheet in enumerate(made)
    ]


def institutions_of(reading: Reading, entry: Entry, lang: str) -> set[str]:
    """Return the institutions of a monitoring."""
    return {row["hospital_id"] for row in filed_rows(reading, entry, "watch_together", lang)}


def of_month(filed: Sequence[Entry], asked: str) -> Entry | None:
    """Return the monitoring of the month that is asked for, the one filed last by default."""
    found = [entry for entry in filed if asked in ("", entry.body["month"])]
    return found[-1] if found else None


def _sheet(name: str, rows: list[Record], columns: Collection[str], lang: str) -> Sheet:
    """Return a table with some of its columns, without those of which nothing is known."""
    shown = {c for c in columns if c not in IF_KNOWN or any(row[c] for row in rows)}
    sheet = sheet_of(name, rows, lang)
    return replace(sheet, fields=[field for field in sheet.fields if field.key in shown])

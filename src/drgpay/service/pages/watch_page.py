"""运行监控: the newest monitoring on the book, with why each flag was raised or not; persons to the agency alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from drgpay.ground.errors import both, in_language
from drgpay.ground.times import day
from drgpay.monitoring.filed import filed_watches
from drgpay.names.watch import GRADES
from drgpay.service.pages.budget_page import book_of, year_of, years_of
from drgpay.service.pages.shell import page
from drgpay.service.pages.watch_view import (
    NO_VERDICT,
    PERSONS_COLUMNS,
    REGION_COLUMNS,
    institutions_of,
    of_month,
    parts_of,
)
from drgpay.service.problems import lang_of, not_there
from drgpay.service.roles import AGENCY, REGION
from drgpay.service.rows import Row

PERSONS = "/budget/watch/persons"
NO_MONTH = both("账中没有这个月的运行监控", "the book has no monitoring of this month")
NO_INSTITUTION = both("这次监控中没有这家机构", "this monitoring has no such institution")


async def show(request: Request) -> Response:
    """Show a monitoring to the agency and to auditors, without what is known of persons."""
    return await _shown(request, REGION_COLUMNS)


async def persons(request: Request) -> Response:
    """Show the agency the persons with the most visits and cost, and the abnormal records."""
    return await _shown(request, PERSONS_COLUMNS)


async def _shown(request: Request, columns: Mapping[str, str]) -> Response:
    values = await run_in_threadpool(_view, request, columns)
    return page(
        request, "watch.html.j2", of_persons=columns is PERSONS_COLUMNS,
        may_see_persons=request.state.caller.role in AGENCY, no_verdict=NO_VERDICT, **values,
    )  # fmt: skip


def _view(request: Request, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page shows: of all institutions, or of the one that is asked for."""
    lang, asked = lang_of(request.scope), request.query_params
    hospital = asked.get("hospital", "") if columns is REGION_COLUMNS else ""
    book = book_of(request.app.state.service)
    with book.reading() as reading:
        years = years_of(reading)
        year = year_of(asked.get("year", ""), years)
        filed = filed_watches(reading, year)
        entry = of_month(filed, asked.get("month", ""))
        if entry is None and filed:
            raise not_there(NO_MONTH)
        if entry and hospital and hospital not in institutions_of(reading, entry, lang):
            raise not_there(NO_INSTITUTION)
        parts = [] if entry is None else list(parts_of(reading, entry, columns, lang, hospital))
    facts = None
    if entry is not None:
        body = entry.body
        facts = {
            "month": body["month"], "number": entry.number, "day": day(entry.at), "who": entry.who,
            "counted": body["counted"], "hospitals": body["hospitals"],
            "quarantined": sum(body["quarantined"].values()),
            "grades": [
                (in_language(word, lang), body["grades"][grade]) for grade, word in GRADES.items()
            ],
        }  # fmt: skip
    return {
        "name": book.facts["region_name"], "year": year, "years": years, "hospital": hospital,
        "months": sorted(own.body["month"] for own in filed), "facts": facts, "parts": parts,
    }  # fmt: skip


ROWS = (
    Row(method="GET", path="/budget/watch", call=show, roles=REGION, page=True,
        audit="see monitoring"),
    Row(method="GET", path=PERSONS, call=persons, roles=AGENCY, page=True,
        audit="see persons of monitoring", noted_first=True),
)  # fmt: skip

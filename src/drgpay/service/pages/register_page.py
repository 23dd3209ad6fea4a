"""登记: the year's assessment, objections, opinions and agreements; what was published and given back.

What was published or given is served as it was written then, from the book: it is not made anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from drgpay.ground.errors import DrgpayError, both
from drgpay.ledger.book import Reading
from drgpay.monitoring.assess import effects
from drgpay.monitoring.published import PUBLIC
from drgpay.report.assessment_sheets import effects_sheet
from drgpay.report.register_sheets import agreements_sheet, filed_sheet
from drgpay.report.sheets import Sheet
from drgpay.service.batch import MEDIA
from drgpay.service.pages.budget_page import book_of, entry_of, year_of, years_of
from drgpay.service.pages.registers_view import (
    REGISTERS,
    assessment_of,
    last_given,
    publications,
    sections_of,
)
from drgpay.service.pages.shell import page
from drgpay.service.problems import lang_of, not_there
from drgpay.service.roles import HOSPITAL, READERS, REGION, Caller
from drgpay.service.rows import Row
from drgpay.service.service import Service
from drgpay.wrapper.planning import budget_policy
from drgpay.wrapper.registers import filed

KINDS = {".html": "text/html; charset=utf-8", ".xlsx": MEDIA["xlsx"]}
NO_PUBLICATION = both(
    "没有这次公开，或当时没有留存文件", "no such publication, or no file was kept"
)
NOTHING_GIVEN = both("还没有向本院反馈数据", "nothing was given to this institution yet")


async def show(request: Request) -> Response:
    """Show the registers of a year to the agency and to auditors."""
    service: Service = request.app.state.service
    asked = request.query_params.get("year", "")
    values = await run_in_threadpool(_view, service, asked, lang_of(request.scope))
    return page(request, "registers.html.j2", **values)


def _view(service: Service, asked: str, lang: str) -> dict[str, Any]:
    book = book_of(service)
    with book.reading() as reading:
        years = years_of(reading)
        year = year_of(asked, years)
        assessed = assessment_of(reading, year, "", lang)
        sheets = [
            *assessed,
            *([_effects(service, reading, year, lang)] if assessed else ()),
            *(filed_sheet(kind, filed(reading, kind, year=year), lang) for kind in REGISTERS),
            agreements_sheet(reading.entries(("agreement",), year=year), lang),
        ]
        published = publications(reading, year)
    return {
        "name": book.facts["region_name"], "year": year, "years": years,
        "assessed": bool(assessed), "sections": sections_of(sheets), "published": published,
    }  # fmt: skip


def _effects(service: Service, reading: Reading, year: int, lang: str) -> Sheet:
    """Return what the assessment did to the money, or why it cannot be told (yet)."""
    try:
        policy = budget_policy(service.settings.budget_policy, year)
        return effects_sheet(effects(reading, year, policy), lang)
    except DrgpayError as error:
        return replace(effects_sheet((), lang), total="", lead=[error.what.of(lang)])


# --- what was published


async def published(request: Request) -> Response:
    """List what was published, for everybody who is logged in."""
    service: Service = request.app.state.service
    asked = request.query_params.get("year", "")

    def made() -> dict[str, Any]:
        book = book_of(service)
        with book.reading() as reading:
            years = years_of(reading)
            year = year_of(asked, years)
            found = publications(reading, year)
        return {
            "name": book.facts["region_name"], "year": year, "years": years, "published": found,
        }  # fmt: skip

    return page(request, "published.html.j2", **await run_in_threadpool(made))


async def published_file(request: Request) -> Response:
    """Serve a file of a publication as it was published."""
    number, name = request.path_params["number"], request.path_params["name"]
    service: Service = request.app.state.service

    def made() -> bytes:
        with book_of(service).reading() as reading:
            entry = entry_of(reading, number)
            if entry is None or entry.kind != "published" or entry.body["audience"] != PUBLIC:
                raise not_there(NO_PUBLICATION)
            for own in entry.documents:
                if own.name == name:
                    return reading.document(own.digest)
        raise not_there(NO_PUBLICATION)

    return _file(await run_in_threadpool(made), name)


async def given(request: Request) -> Response:
    """Serve a hospital the figures that it was given last, as they were given."""
    service: Service = request.app.state.service
    caller: Caller = request.state.caller

    def made() -> tuple[bytes, str]:
        with book_of(service).reading() as reading:
            entry = last_given(reading, years_of(reading), caller.hospital)
            if entry is None:
                raise not_there(NOTHING_GIVEN)
            content = reading.document(entry.body["packages"][caller.hospital])
            return content, f"{caller.hospital}-{entry.year}.xlsx"

    content, name = await run_in_threadpool(made)
    return _file(content, name)


def _file(content: bytes, name: str) -> Response:
    """Return a file to be kept, never to be shown among the pages of the service."""
    kind = KINDS.get(name[name.rfind(".") :], "application/octet-stream")
    told = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(content, media_type=kind, headers={"Content-Disposition": told})


ROWS = (
    Row(method="GET", path="/budget/registers", call=show, roles=REGION, page=True,
        audit="see registers"),
    Row(method="GET", path="/budget/published", call=published, roles=READERS, page=True,
        audit="see publications"),
    Row(method="GET", path="/budget/published/{number}/{name}", call=published_file, roles=READERS,
        page=True, audit="take publication", noted_first=True),
    Row(method="GET", path="/budget/given", call=given, roles=HOSPITAL, page=True,
        audit="take own figures", noted_first=True),
)  # fmt: skip

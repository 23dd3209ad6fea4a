"""总额: the budget's year on the book: what waits for whom, what may be spent, what is owed and paid.

The agency proposes by the command line and checks and approves here as well; a hospital sees its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drgpay.ground.errors import DrgpayError, InputError, both, in_language
from drgpay.ground.money import yuan_text
from drgpay.ground.times import moment, today
from drgpay.ledger.approvals import Proposal, approve, check, proposals, send_back, waiting
from drgpay.ledger.book import Balance, Book, Reading, Turn
from drgpay.ledger.cash import Cash, CashSums
from drgpay.ledger.entries import Entry
from drgpay.ledger.orders import OPEN, orders
from drgpay.ledger.status import headline
from drgpay.ledger.steps import StepLog
from drgpay.names.ledger import BOOK_ROLES, ENTRY_KINDS
from drgpay.report.book_why import explained_in
from drgpay.report.community_sheets import own_sheets
from drgpay.report.ledger_sheets import (
    balances_sheet,
    entries_sheet,
    orders_sheet,
    status_sheet,
    voucher_sheet,
)
from drgpay.report.notice_letters import notices_sheet
from drgpay.report.sheets import Sheet, page_table
from drgpay.report.tables import Table
from drgpay.service.pages.forms import form_of
from drgpay.service.pages.objections import LONGEST_ABOUT, LONGEST_TEXT
from drgpay.service.pages.registers_view import (
    assessment_of,
    given_facts,
    registers_of,
    sections_of,
)
from drgpay.service.pages.shell import page
from drgpay.service.pages.watch_view import own_watch
from drgpay.service.problems import Problem, lang_of, not_there
from drgpay.service.roles import AGENCY, HOSPITAL, REGION, Caller
from drgpay.service.rows import KIB, Row
from drgpay.service.service import Service
from drgpay.wrapper.communities import member_years
from drgpay.wrapper.filings import filed_communities, in_force
from drgpay.wrapper.notices import notices_to
from drgpay.wrapper.own_steps import put_down_own_steps
from drgpay.wrapper.planning import standing

LAST = 30  # entries that the page shows
FIGURES_SHOWN = 200  # of an entry; `drgpay budget why` shows all
STEP_COLUMNS = {"procedure", "matter", "step", "owed_by", "state", "last_day", "days_left"}
ORDER_COLUMNS = {"number", "pool", "hospital", "amount", "days_open"}
SUM_COLUMNS = {"account", "pool", "detail", "debit", "credit"}


async def show(request: Request) -> Response:
    """Show the year to the agency and to auditors."""
    return await _shown(request)


async def _shown(request: Request, wrong: DrgpayError | None = None) -> Response:
    service: Service = request.app.state.service
    lang = lang_of(request.scope)
    asked = request.query_params.get("year", "")
    values = await run_in_threadpool(_view, service, asked, lang)
    may_act = request.state.caller.role in AGENCY
    return page(
        request, "budget.html.j2", status=422 if wrong else 200, wrong=wrong, may_act=may_act,
        **values,
    )  # fmt: skip


def _view(service: Service, asked: str, lang: str) -> dict[str, Any]:
    """Return what the page of the year shows."""
    book = book_of(service)
    with book.reading() as reading:
        years = years_of(reading)
        year = year_of(asked, years)
        waits = waiting(proposals(reading, year=year))
        policy = service.settings.budget_policy
        names = [own.name for own in in_force(filed_communities(reading, year))]
        steps = standing(StepLog().of_year(reading, year), year, policy, communities=names)
        cash = CashSums().update(reading.connection, reading.head()[0])
        found = orders(reading, year=year)
        entries = reading.entries(year=year, after=max(0, reading.head()[0] - LAST))
        balances = reading.balances(year=year)
        number, digest = reading.head()
    unpaid = [order for order in found if order.state == OPEN]
    return {
        "name": book.facts["region_name"],
        "year": year,
        "years": years,
        "head": (number, digest),
        "told": in_language(headline(steps), lang),
        "waiting": [_line(p, role, lang) for role, own in waits.items() for p in own],
        "cash": [
            _cash(pool, own) for (of_year, pool), own in sorted(cash.items()) if of_year == year
        ],
        "tables": _tables(
            _only(status_sheet(steps, lang), STEP_COLUMNS),
            _only(orders_sheet(unpaid, today(), lang), ORDER_COLUMNS),
            _only(balances_sheet(_summed(balances), lang), SUM_COLUMNS),
            balances_sheet(balances, lang),
            entries_sheet(reversed(entries), lang),
        ),
        "unpaid": yuan_text(sum(order.amount_fen for order in unpaid)),
    }


def _only(sheet: Sheet, columns: Collection[str]) -> Sheet:
    """Return a sheet with some of its columns: a page shows less than a workbook."""
    return replace(sheet, fields=[field for field in sheet.fields if field.key in columns])


def _summed(balances: Iterable[Balance]) -> list[Balance]:
    """Return balances of all institutions together, each side by itself: nobody's debt is another's."""
    sums: dict[tuple[str, str, str, bool], int] = {}
    for own in balances:
        place = own.account, own.pool, own.detail, own.amount_fen < 0
        sums[place] = sums.get(place, 0) + own.amount_fen
    return [
        Balance(account, pool, "", detail, fen) for (account, pool, detail, _), fen in sums.items()
    ]


def _tables(*sheets: Sheet) -> list[Table]:
    return [page_table(sheet) for sheet in sheets]


def book_of(service: Service) -> Book:
    """Return the book; raises Problem where the service has none, or it cannot be opened."""
    if not service.settings.book:
        raise not_there(
            both(
                "本服务没有接年度账（drgpay serve --book）",
                "this service has no book: serve --book",
            )
        )
    try:
        return service.book
    except DrgpayError as error:
        raise Problem(503, "book_away", error.what, error.remedy or "") from error


def years_of(reading: Reading) -> list[int]:
    """Return the years that the book has."""
    return sorted({entry.year for entry in reading.entries(("opened", "target", "indices"))})


def year_of(asked: str, years: Sequence[int]) -> int:
    """Return the year that is asked for, the last one by default; raises Problem for another."""
    if not asked:
        return years[-1]
    if asked not in map(str, years):
        raise not_there(both(f"账中没有 {asked} 年度", f"the book has no year {asked}"))
    return int(asked)


def _line(own: Proposal, role: str, lang: str) -> dict[str, Any]:
    return {
        "number": own.number, "waits_for": in_language(BOOK_ROLES[role], lang),
        "kind": in_language(ENTRY_KINDS[own.draft.kind].word, lang), "subject": own.entry.subject,
        "people": "、".join(who for _, who in own.by), "at": moment(own.entry.at),
        "step": "check" if role == "checker" else "approve",
        "amount": yuan_text(sum(line.amount_fen for line in own.draft.lines if line.amount_fen > 0)),
    }  # fmt: skip


def _cash(pool: str, own: Cash) -> dict[str, Any]:
    return {
        "pool": pool, "bound": yuan_text(own.bound_fen), "limit": yuan_text(own.limit_fen),
        "left": yuan_text(own.left_fen),
    }  # fmt: skip


def number_of(text: str) -> int | None:
    """Return the number of an entry as a request says it, None for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


def entry_of(reading: Reading, text: str) -> Entry | None:
    """Return the entry of a number as a request says it, None where there is none."""
    number = number_of(text)
    found = [] if number is None else reading.entries(numbers=[number])
    return found[0] if found else None


async def entry(request: Request) -> Response:
    """Show an entry: its voucher, and of a proposal what it would post."""
    service: Service = request.app.state.service
    number = request.path_params["number"]
    values = await run_in_threadpool(_entry, service, number, lang_of(request.scope))
    return page(request, "budget_entry.html.j2", **values)


def _entry(service: Service, number: str, lang: str) -> dict[str, Any]:
    with book_of(service).reading() as reading:
        own = entry_of(reading, number)
        if own is None:
            raise not_there(both("账中没有这一号", "the book has no such entry"))
        about = reading.entries(about=own.number)
    sheet = voucher_sheet(own, lang)
    if own.kind == "proposed":  # what it would post
        draft = Proposal(own, "proposed", ()).draft
        sheet = replace(sheet, rows=voucher_sheet(replace(own, lines=draft.lines), lang).rows)
    figures, parameters, every = explained_in(own, lang, FIGURES_SHOWN)
    return {
        "entry": own, "lead": sheet.lead, "table": page_table(sheet),
        "figures": page_table(_only(figures, {"part", "rule", "place", "figure", "value"})),
        "parameters": page_table(parameters), "every": every,
        "about": page_table(entries_sheet(about, lang)), "documents": own.documents,
    }  # fmt: skip


async def checked(request: Request) -> Response:
    """Note that a proposal was checked."""
    return await _act(request, lambda turn, number, who, why: check(turn, number, who, why))


async def approved(request: Request) -> Response:
    """Approve a proposal."""
    policy = request.app.state.service.settings.budget_policy

    def act(turn: Turn, number: int, who: str, why: str) -> None:
        put_down_own_steps(turn, approve(turn, number, who), today(), policy)

    return await _act(request, act)


async def returned(request: Request) -> Response:
    """Send a proposal back, with the reason."""
    return await _act(
        request, lambda turn, number, who, why: send_back(turn, number, who, "checker", why)
    )


async def _act(request: Request, step: Any) -> Response:
    """Do a step with a proposal in the name of who asks, and show the year anew."""
    service: Service = request.app.state.service
    form = await form_of(request)
    number, why = number_of(form.one("number")), form.one("why")
    caller: Caller = request.state.caller

    def act() -> None:
        if number is None:
            raise InputError(both("没有这一号拟定", "there is no such proposal"))
        who = writer_of(caller)
        with book_of(service).writing(who) as turn:
            step(turn, number, who, why)

    try:
        await run_in_threadpool(act)
    except DrgpayError as error:
        return await _shown(request, wrong=error)
    request.state.subject = f"book:{number}"
    return RedirectResponse("/budget", 303)


def writer_of(caller: Caller) -> str:
    """Return the name that who asks writes on the book by; raises InputError without one."""
    if not caller.name.strip():
        raise InputError(both("登录没有姓名", "the log-in has no name"))
    return caller.name


async def of_hospital(request: Request) -> Response:
    """Show a hospital what the book says of it: balances, orders, months."""
    return await shown_own(request)


async def shown_own(request: Request, wrong: DrgpayError | None = None) -> Response:
    """Show a hospital its own accounts, with what was wrong with its objection."""
    service: Service = request.app.state.service
    caller: Caller = request.state.caller
    asked = request.query_params.get("year", "")
    values = await run_in_threadpool(_own, service, caller.hospital, asked, lang_of(request.scope))
    return page(
        request, "budget_own.html.j2", status=422 if wrong else 200, wrong=wrong,
        sent=request.query_params.get("sent", ""), longest=(LONGEST_ABOUT, LONGEST_TEXT), **values,
    )  # fmt: skip


def _own(service: Service, hospital: str, asked: str, lang: str) -> dict[str, Any]:
    book = book_of(service)
    with book.reading() as reading:
        years = years_of(reading)
        year = year_of(asked, years)
        balances = [b for b in reading.balances(year=year, hospital=hospital) if b.amount_fen]
        paid = [o for o in orders(reading, year=year) if o.hospital_id == hospital]
        moved = [e for e in reading.entries(year=year) if _concerns(e, hospital)]
        communities = _communities(reading, year, hospital, lang)
        told = notices_to(reading, year, hospital)
        own = [
            *([notices_sheet(told, lang)] if told else ()),
            *assessment_of(reading, year, hospital, lang),
            *registers_of(reading, year, hospital, lang),
            *own_watch(reading, year, hospital, lang),
        ]
        given = given_facts(reading, years, hospital)
    return {
        "name": book.facts["region_name"],
        "year": year,
        "years": years,
        "tables": _tables(
            balances_sheet(balances, lang),
            _only(orders_sheet(paid, today(), lang), {*ORDER_COLUMNS, "state", "paid_on"}),
            entries_sheet(reversed(moved), lang),
        ),
        "sections": sections_of(own),
        "given": given,
        "communities": [(sheet.lead[0], page_table(sheet)) for sheet in communities],
    }


def _communities(reading: Reading, year: int, hospital: str, lang: str) -> list[Sheet]:
    """Return what an institution sees of its community (S1 三(三)); nothing where it is in none."""
    return [
        sheet
        for own in in_force(filed_communities(reading, year))
        if hospital in own.filing.members
        for sheet in own_sheets(own, member_years(reading, own, year), hospital, lang)
    ]


def _concerns(entry: Entry, hospital: str) -> bool:
    return any(line.hospital_id == hospital for line in entry.lines)


def _change(path: str, call: Any, audit: str) -> Row:
    return Row(
        method="POST", path=path, call=call, roles=AGENCY, page=True, body=8 * KIB, audit=audit,
        noted_first=True,
    )  # fmt: skip


ROWS = (
    Row(method="GET", path="/budget", call=show, roles=REGION, page=True, audit="see book"),
    Row(method="GET", path="/budget/own", call=of_hospital, roles=HOSPITAL, page=True, audit="see book"),
    Row(method="GET", path="/budget/entries/{number}", call=entry, roles=REGION, page=True,
        audit="see book"),
    _change("/budget/check", checked, "check proposal"),
    _change("/budget/approve", approved, "approve proposal"),
    _change("/budget/return", returned, "send proposal back"),
)  # fmt: skip

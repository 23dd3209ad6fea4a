"""本院: months, classes, losses, signals, the settlement and why, objections and their answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import pyarrow.compute as pc
from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drgpay.cases.checks.catalogue import CHECKS
from drgpay.ground.errors import in_language
from drgpay.ground.languages import choosing
from drgpay.ground.times import day
from drgpay.names.run_columns import label
from drgpay.report.amounts import percent, points, units_of, yuan
from drgpay.report.tables import Table
from drgpay.service.desk import Board
from drgpay.service.models import LONGEST_TEXT as LONGEST_ID
from drgpay.service.pages import results
from drgpay.service.pages.book_objections import objections_on_book
from drgpay.service.pages.charts import Series, chart, lengths
from drgpay.service.pages.forms import form_of
from drgpay.service.pages.objections import (
    LONGEST_ABOUT,
    LONGEST_TEXT,
    Objection,
    accepted_of,
    answer_objection,
    list_objections,
    object_to,
)
from drgpay.service.pages.shell import page
from drgpay.service.pages.signals_view import signals_of
from drgpay.service.problems import lang_of, not_there
from drgpay.service.published import Published
from drgpay.service.results import WITHHELD, case_of, hospital_of, names_others
from drgpay.service.roles import AGENCY, HOSPITAL, READERS, REGION, Caller
from drgpay.service.rows import KIB, Row
from drgpay.service.service import Service
from drgpay.why import Derivation
from drgpay.why.model import UNITS, Step
from drgpay.why.text import heads, parameter_line, sources

MOST_LOSSES = 15  # groups
_SCRIPTS = ["vendor/echarts.js", "charts.js"]


async def own(request: Request) -> Response:
    """Show a hospital its own page."""
    return await _shown(request, request.state.caller.hospital)


async def one(request: Request, hospital_id: str) -> Response:
    """Show the page of one hospital to who may see it."""
    return await _shown(request, _seen(request, hospital_id))


def _seen(request: Request, hospital_id: str) -> str:
    """Return a hospital's id for who may see it; raises Problem as for one that there is not."""
    board: Board = request.app.state.service.desk.board
    caller: Caller = request.state.caller
    if not caller.may_see(hospital_id) or hospital_id not in results.year_run(board).hospitals:
        raise not_there()
    request.state.subject = hospital_id
    return hospital_id


async def _shown(request: Request, hospital: str) -> Response:
    service: Service = request.app.state.service
    lang = lang_of(request.scope)
    board = service.desk.board
    if board.year is None:
        raise results.nothing_published()
    caller: Caller = request.state.caller
    sees_all = caller.role in REGION
    if caller.role in HOSPITAL and hospital not in results.year_run(board).hospitals:
        raise results.not_settled(hospital, board.year.period)
    values = await run_in_threadpool(_view, board, hospital, lang, sees_all)
    found = await run_in_threadpool(list_objections, service.store, hospital)
    return page(
        request, "hospital.html.j2", scripts=_SCRIPTS, hospital=hospital, period=board.year.period,
        objections=[shown_objection(o, lang) for o in found], longest=(LONGEST_ABOUT, LONGEST_TEXT),
        may_object=caller.role in HOSPITAL, sent=request.query_params.get("sent", ""),
        **values,
    )  # fmt: skip


def shown_objection(own: Objection, lang: str) -> dict[str, Any]:
    """Return an objection as texts."""
    return {
        "number": own.number, "hospital": own.hospital, "about": own.about, "text": own.text,
        "at": day(own.made_at), "answer": own.answer, "accepted": own.accepted,
        "answered": day(own.answered_at), "effect": "",
    }  # fmt: skip


def _view(board: Board, hospital: str, lang: str, sees_all: bool) -> dict[str, Any]:
    """Return what the page of a hospital shows."""
    run, letters = results.year_run(board), results.letters_of(board, lang)
    if hospital not in run.hospitals:
        raise not_there()
    accounts = letters.accounts.get(hospital, [])
    pools = [
        {
            "name": run.pool_name(a.pool),
            "cases": f"{a.amounts.cases:,}",
            "points": points(a.amounts.points),
            "due": yuan(a.amounts.due),
            "final": yuan(a.amounts.final, signed=True),
            "sign": "gain" if a.amounts.final >= 0 else "loss",
            "share": percent(a.amounts.points, run.by_points(a.pool).points, 2),
        }
        for a in accounts
    ]
    return {
        "pools": pools,
        "letter": letters.view(hospital),
        "months": _months(board, hospital, lang),
        "readmissions": _readmissions(board, hospital),
        "checks": _checks(board, hospital, lang),
        "drgs": _losses_first(letters.view(hospital)["drgs"]),
        "losses": letters.losses(hospital, MOST_LOSSES),
        "basis": results.basis_of(board, lang),
        "signals": signals_of(board, lang, hospital, sees_all=sees_all),
    }


def _losses_first(table: Table) -> Table:
    """Return the table of a hospital's largest groups with the largest losses first."""
    rows = sorted(table.rows, key=lambda r: units_of(r.cells[-1].text.replace(",", ""), 2))
    return Table(table.caption, table.columns, rows, css=table.css)


def _months(board: Board, hospital: str, lang: str) -> dict[str, Any] | None:
    """Return a hospital's months so far, as a table and a chart; None where none is published."""
    months = results.months_of(board)
    if not months:
        return None
    t = choosing(lang)
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    for row in results.month_of(months[-1])[1]:
        if row["hospital_id"] == hospital:
            facts = (
                row["cases"], units_of(row["points"], 4), row["recorded_fund_fen"],
                row["provisional_due_fen"], row["paid_fen"],
            )  # fmt: skip
            own = sums[row["month"]]
            sums[row["month"]] = [a + (b or 0) for a, b in zip(own, facts, strict=True)]
    names = sorted(sums)

    def line(name: str, own: list[int]) -> dict[str, str]:
        return {
            "month": name,
            "cases": f"{own[0]:,}",
            "points": points(own[1]),
            "recorded": yuan(own[2]),
            "due": yuan(own[3]),
            "paid": yuan(own[4]),
        }

    heads = {
        name: label("months_hospitals", column, lang)
        for name, column in (
            ("recorded", "recorded_fund_fen"), ("due", "provisional_due_fen"), ("paid", "paid_fen"),
        )
    }  # fmt: skip

    def series(place: int, word_: str) -> Series:
        fen = [sums[name][place] for name in names]
        return Series(name=word_, values=lengths(fen), texts=[yuan(one) for one in fen])

    lines = [
        series(3, heads["due"]),
        series(2, heads["recorded"]),
        series(4, heads["paid"]),
    ]
    titled = t("各月：", "by month: ") + t("、", ", ").join(heads.values())
    return {
        "rows": [line(name, sums[name]) for name in names],
        "total": line(
            t("合计", "Total"), [sum(column) for column in zip(*sums.values(), strict=True)]
        ),
        "heads": heads,
        "last": months[-1].period,
        "chart": chart("lines", names, lines, label=titled, unit=t("万元", "10,000 yuan")),
    }


def _readmissions(board: Board, hospital: str) -> dict[str, str]:
    """Return how many stays were cut as readmissions, and by how many points."""
    assert board.pricer is not None
    columns = ("hospital_id", "readmission", "points_before_readmission", "points")
    table = board.pricer.table("cases", columns)
    mine = table.filter(
        pc.and_(
            pc.equal(pc.cast(table["hospital_id"], "string"), hospital),
            pc.fill_null(table["readmission"], False),
        )
    )
    cut = 0
    for before, after in zip(
        mine["points_before_readmission"].to_pylist(), mine["points"].to_pylist(), strict=True
    ):
        cut += units_of(before or 0, 4) - units_of(after or 0, 4)
    return {"cases": f"{len(mine):,}", "points": points(cut)}


def _checks(board: Board, hospital: str, lang: str) -> list[dict[str, str]]:
    """Return what the checks of front pages found in a hospital's cases, most frequent first."""
    assert board.pricer is not None
    if not board.pricer.has("findings"):
        return []
    table = board.pricer.table("findings", ("hospital_id", "check"))
    mine = table.filter(pc.equal(pc.cast(table["hospital_id"], "string"), hospital))
    found = Counter(pc.cast(mine["check"], "string").to_pylist())
    rows = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        {
            "name": CHECKS[check].message(lang),
            "advice": CHECKS[check].advice(lang),
            "cases": f"{number:,}",
        }
        for check, number in rows
    ]


async def derived(request: Request, hospital_id: str) -> Response:
    """Show how a hospital's result came about, step by step to figures and clauses."""
    hospital = _seen(request, hospital_id)
    year = _year(request)
    made = await run_in_threadpool(hospital_of, year, hospital)
    return _why_page(request, made, hospital)


async def of_case(
    request: Request, hospital_id: str, case_id: Annotated[str, Query(max_length=LONGEST_ID)] = ""
) -> Response:
    """Show how a case's points and money came about, to who may see its hospital."""
    hospital = _seen(request, hospital_id)  # noted in the audit: whose case, never which
    made = await run_in_threadpool(case_of, _year(request), case_id.strip(), hospital)
    return _why_page(request, made, hospital)


def _year(request: Request) -> Published:
    board: Board = request.app.state.service.desk.board
    if board.year is None:
        raise results.nothing_published()
    return board.year


def _why_page(request: Request, made: Derivation, hospital: str) -> Response:
    """Return the page of a derivation; a hospital is not shown what names another institution."""
    lang, board = lang_of(request.scope), request.app.state.service.desk.board
    hidden = None
    if request.state.caller.role in HOSPITAL:
        hidden = names_others(results.year_run(board), hospital)
    return page(
        request, "why.html.j2", back=f"/hospital/{hospital}", **shown_why(made, lang, hidden)
    )


def shown_why(
    made: Derivation, lang: str, hidden: Callable[[Any], bool] | None = None
) -> dict[str, Any]:
    """Return a derivation as texts, without what is `hidden` from the reader."""
    numbers = {step.key: i + 1 for i, step in enumerate(made.steps)}

    def shown(step: Step) -> dict[str, Any]:
        told = {
            "number": numbers[step.key],
            "title": in_language(step.title, lang),
            "formula": f"{step.formula} {in_language(UNITS[step.unit], lang)}".strip()
            if step.formula
            else "",
            "note": in_language(step.note, lang),
            "holds": step.holds,
            "rule": step.rule,
            "sources": sources(made, step, numbers, lang),
        }
        if hidden is None or not hidden(told):
            return told
        kept = {"number": told["number"], "rule": step.rule, "title": in_language(WITHHELD, lang)}
        return {**kept, "formula": "", "note": "", "holds": None, "sources": []}

    def open_to(texts: Iterable[Any]) -> list[Any]:
        return [text for text in texts if hidden is None or not hidden(text)]

    return {
        "title": in_language(made.title, lang),
        "facts": open_to(
            (in_language(f.label, lang), in_language(f.text, lang)) for f in made.facts
        ),
        "sections": [
            {"title": in_language(s.title, lang), "steps": [shown(step) for step in s.steps]}
            for s in made.sections
        ],
        "parameters": [parameter_line(made, key, lang) for key in made.cited],
        "notes": open_to(in_language(note, lang) for note in made.notes),
        "disagreements": open_to(in_language(text, lang) for text in made.disagreements),
        "heads": heads(lang),
    }


async def objected(request: Request) -> Response:
    """Take an objection of a hospital to the published result."""
    service: Service = request.app.state.service
    form = await form_of(request)
    year = service.desk.board.year
    if year is None:
        raise results.nothing_published()
    number = await run_in_threadpool(
        object_to, service.store, request.state.caller, year.id, form.one("about"), form.one("text")
    )
    request.state.subject = str(number)
    return RedirectResponse(f"/hospital?sent={number}#objections", 303)


async def all_objections(request: Request) -> Response:
    """Show the agency all objections."""
    service: Service = request.app.state.service
    lang = lang_of(request.scope)
    found = await run_in_threadpool(list_objections, service.store)
    return page(
        request, "objections.html.j2", objections=[shown_objection(o, lang) for o in found],
        on_book=await run_in_threadpool(objections_on_book, service),
        may_answer=request.state.caller.role in AGENCY,
    )  # fmt: skip


async def answered(request: Request, number: int) -> Response:
    """Answer an objection."""
    service: Service = request.app.state.service
    form = await form_of(request)
    decided = accepted_of(form)
    request.state.subject = str(number)
    await run_in_threadpool(
        answer_objection, service.store, request.state.caller, number, form.one("answer"), decided
    )
    return RedirectResponse("/objections", 303)


ROWS = (
    Row(method="GET", path="/hospital", call=own, roles=HOSPITAL, page=True, audit="see hospital"),
    Row(method="GET", path="/hospital/{hospital_id}", call=one, roles=READERS, page=True,
        audit="see hospital"),
    Row(method="GET", path="/hospital/{hospital_id}/why", call=derived, roles=READERS, page=True,
        audit="see why"),
    Row(method="GET", path="/hospital/{hospital_id}/case", call=of_case, roles=READERS, page=True,
        audit="see why"),
    Row(method="POST", path="/objections", call=objected, roles=HOSPITAL, page=True,
        body=32 * KIB, audit="object"),
    Row(method="GET", path="/objections", call=all_objections, roles=REGION, page=True,
        audit="see objections"),
    Row(method="POST", path="/objections/{number}", call=answered, roles=AGENCY, page=True,
        body=32 * KIB, audit="answer objection"),
)  # fmt: skip

"""Objections on the book: an institution's to what it was given, and the agency's answers.

Those to the published result are in the store (objections.py): they need no book.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drgpay.ground.errors import DrgpayError, InputError, both
from drgpay.ground.times import day
from drgpay.ledger.book import Turn
from drgpay.service.pages.budget_page import (
    book_of,
    number_of,
    shown_own,
    writer_of,
    years_of,
)
from drgpay.service.pages.forms import form_of
from drgpay.service.pages.objections import (
    MOST_OPEN,
    accepted_of,
    answer_faults,
    faults_of,
    none_waits,
)
from drgpay.service.pages.registers_view import last_given
from drgpay.service.problems import Problem
from drgpay.service.roles import AGENCY, HOSPITAL, Caller
from drgpay.service.rows import KIB, Row
from drgpay.service.service import Service
from drgpay.wrapper.registers import Filed, answer, filed, object_to

KIND = "objection"


def objections_on_book(service: Service) -> list[dict[str, Any]] | None:
    """Return the objections of every year as texts, those that wait first; None without a book."""
    if not service.settings.book:
        return None
    with book_of(service).reading() as reading:
        found = [own for year in years_of(reading) for own in filed(reading, KIND, year=year)]
    found.sort(key=lambda own: (own.state != "open", -own.number))
    return [_shown(own) for own in found]


def _shown(own: Filed) -> dict[str, Any]:
    """Return an objection as texts, as pages show those of the store."""
    answers = own.answers
    return {
        "number": own.number, "hospital": own.hospital_id, "about": own.entry.body["about"],
        "text": own.entry.body["text"], "at": day(own.entry.at), "year": own.entry.year,
        "answer": own.last("text") or "", "accepted": own.last("accepted"),
        "answered": day(answers[0].at) if answers else "", "effect": own.last("effect") or "",
    }  # fmt: skip


async def objected(request: Request) -> Response:
    """Take an objection of a hospital to what it was given, within the time to check it."""
    service: Service = request.app.state.service
    caller: Caller = request.state.caller
    form = await form_of(request)
    about, text = form.one("about"), form.one("text")

    def act(turn: Turn) -> int:
        given = last_given(turn, years_of(turn), caller.hospital)
        year = given.year if given else years_of(turn)[-1]
        mine = filed(turn, KIND, year=year, hospital=caller.hospital)
        if sum(own.state == "open" for own in mine) >= MOST_OPEN:
            raise InputError(both("待答复的异议过多", "too many objections wait for an answer"))
        return object_to(turn, year, caller.hospital, about, text, writer_of(caller)).number

    try:
        faults = faults_of(about, text)
        if faults:
            told = [fault.message for fault in faults]
            raise InputError(both("异议未受理", "the objection is not taken"), faults=told)
        number = await _written(service, caller, act)
    except DrgpayError as error:
        return await shown_own(request, wrong=error)
    request.state.subject = f"book:{number}"
    return RedirectResponse(f"/budget/own?sent={number}", 303)


async def answered(request: Request) -> Response:
    """Answer an objection on the book, once."""
    service: Service = request.app.state.service
    caller: Caller = request.state.caller
    form = await form_of(request)
    number, text = number_of(request.path_params["number"]), form.one("answer")
    accepted = accepted_of(form)
    answer_faults(text)
    if number is None:
        raise none_waits()
    request.state.subject = f"book:{number}"

    def act(turn: Turn) -> int:
        return answer(turn, KIND, number, text, accepted, writer_of(caller)).number

    try:
        await _written(service, caller, act)
    except DrgpayError as error:
        raise Problem(422, "invalid", error.what, error.remedy or "") from error
    return RedirectResponse("/objections", 303)


async def _written(service: Service, caller: Caller, act: Callable[[Turn], int]) -> int:
    """Do a step on the book in the name of who asks; return the number of its entry."""

    def made() -> int:
        with book_of(service).writing(writer_of(caller)) as turn:
            return act(turn)

    return await run_in_threadpool(made)


ROWS = (
    Row(method="POST", path="/budget/objections", call=objected, roles=HOSPITAL, page=True,
        body=32 * KIB, audit="object", noted_first=True),
    Row(method="POST", path="/budget/objections/{number}", call=answered, roles=AGENCY, page=True,
        body=32 * KIB, audit="answer objection", noted_first=True),
)  # fmt: skip

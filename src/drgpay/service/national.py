"""Messages of the national interface: a settlement list (4101, 4101A, 4103) comes, its own form goes.

`{"infno": "4101", "msgid": …, "input": {…}}` is answered with `infcode` (0, or -1 with `err_msg`),
`refmsg_time`, `respond_time`, `inf_refmsgid` and `output`, always with HTTP 200, so that a vendor's
client works as it is. A bare list is answered as a case of ours. Lists are read as those of files.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from drgpay.cases.lists import one_list
from drgpay.cases.lists_codes import FUND_TYPES
from drgpay.cases.lists_map import Need
from drgpay.cases.quarantine import RowNote
from drgpay.ground.errors import DrgpayError, both, in_language
from drgpay.names.columns import both_names
from drgpay.names.interface import FIELDS as INTERFACE
from drgpay.names.reasons import REASONS
from drgpay.service.answers import json_response
from drgpay.service.desk import Board
from drgpay.service.models import ASKED, CaseIn, case_of
from drgpay.service.problems import At, Problem, of_error

TRANSACTIONS = ("4101", "4101A", "4103")
MOST_SAID = 200  # characters of err_msg, as the interface has it
_MARK = re.compile(rb'"(infno|setlinfo|\xe7\xbb\x93\xe7\xae\x97\xe6\xb8\x85\xe5\x8d\x95)', re.I)
_SERIAL = itertools.count(1)
_CHINA = dt.timezone(dt.timedelta(hours=8))
_INTERFACE = frozenset(field.name for field in INTERFACE)
_DATES = ("birth_date", "admission_date", "discharge_date")


def is_national(body: bytes) -> bool:
    """Whether a body may be a message or a list of the national interface."""
    return _MARK.search(body) is not None


def national_answer(
    request: Request, body: bytes, explained: bool, scheme: str | None, lang: str
) -> Response:
    """Answer a message in its own form, a bare list as a case; raises Problem for a bare one's faults."""
    came = dt.datetime.now(_CHINA)
    message = _message_of(body)
    try:
        if message is not None and str(message["infno"]) not in TRANSACTIONS:
            raise _no_such_transaction()
        answer = _preview(request, body, explained, scheme, lang)
    except (Problem, DrgpayError, ValidationError) as error:
        problem = of_error(error)
        if message is None:
            raise problem from None
        return json_response(
            {**_head(message, came), "infcode": -1, "err_msg": _said(problem, lang)}
        )
    if message is None:
        return json_response(answer)
    return json_response({**_head(message, came), "infcode": 0, "err_msg": "", "output": answer})


def _message_of(body: bytes) -> Mapping[str, Any] | None:
    """Return a message with its number, None for what is a bare list or cannot be read."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        try:
            found = json.loads(body.decode("gb18030"))
        except (ValueError, RecursionError):
            return None
    if not isinstance(found, dict):
        return None
    own = {str(key).lower(): value for key, value in found.items()}
    return own if isinstance(own.get("infno"), str | int) else None


def _preview(
    request: Request, body: bytes, explained: bool, scheme: str | None, lang: str
) -> dict[str, Any]:
    desk = request.app.state.service.desk
    row, notes = one_list(body, _need(desk.board))
    if row is None:
        raise _faults(notes)
    told = {name: value for name, value in row.items() if value is not None}
    for name in _DATES:
        if name in told:
            told[name] = str(told[name]).strip()[:10].replace("/", "-")
    for name in ("procedures", "diagnoses"):
        told[name] = [code for code in told.get(name, ()) if code]
    told["code_system"] = desk.edition_of_lists(scheme)
    if told["code_system"] is None:
        del told["code_system"]
    case = case_of(CaseIn.model_validate(told))
    made: dict[str, Any] = desk.preview(
        case, request.state.caller, scheme=scheme, explained=explained, lang=lang
    )
    return made


def _need(board: Board) -> Need:
    """Return what is read of a list, by the published policy's kinds of funds."""
    funds = FUND_TYPES
    if board.pricer is not None:
        funds = tuple((str(c), str(f)) for c, f in board.pricer.policy["fund_type_map"])
    return Need.of([name for name in ASKED if name != "code_system"], funds, False)


def _faults(notes: list[RowNote]) -> Problem:
    """Return the faults of a list, each with its field and what to do; nothing of what was sent."""
    found = [
        At(note.column or "input", REASONS[note.reason].message, REASONS[note.reason].remedy)
        for note in notes
    ]
    one = At(
        "input",
        both("报文中须有且只有一份清单", "the message must hold one list, and one alone"),
        both("多份清单用 POST /v1/preview/batch", "send several to POST /v1/preview/batch"),
    )
    title = both("清单有误", "the list is wrong")
    return Problem(422, "list", title, faults=found or [one])


def _no_such_transaction() -> Problem:
    names = "、".join(TRANSACTIONS)
    title = both("不受理这一交易", "this transaction is not taken")
    remedy = both(f"可用：{names}", f"there are {', '.join(TRANSACTIONS)}")
    return Problem(422, "infno", title, faults=[At("infno", title, remedy)])


def _said(problem: Problem, lang: str) -> str:
    """Return a problem in one line: field, fault and remedy of each, as far as they fit."""
    told = []
    for fault in problem.faults:
        text = f"{_field(fault.field)}：{in_language(fault.message, lang)}"
        told.append(text + (f"（{in_language(fault.remedy, lang)}）" if fault.remedy else ""))
    if not told:
        told = [in_language(problem.title, lang)]
        if problem.detail:
            told.append(in_language(problem.detail, lang))
    text = "；".join(told)
    return text if len(text) <= MOST_SAID else f"{text[: MOST_SAID - 1]}…"


def _field(place: str) -> str:
    """Return a field as the interface and we call it."""
    name = place.partition(".")[0]
    return place if name in _INTERFACE else place.replace(name, both_names(name), 1)


def _head(message: Mapping[str, Any], came: dt.datetime) -> dict[str, Any]:
    """Return the head of an answer; its number as the interface builds one."""
    area = re.sub(r"\W", "", str(message.get("mdtrtarea_admvs", "")))[:6].ljust(6, "0")
    now = dt.datetime.now(_CHINA)
    return {
        "inf_refmsgid": f"{area}{came:%Y%m%d%H%M%S}{next(_SERIAL) % 10**10:010d}",
        "refmsg_time": _moment(came),
        "respond_time": _moment(now),
    }


def _moment(at: dt.datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"

"""`POST /v1/preview` and `/v1/compare`: one case, or one stay coded in several ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from drgpay.ground.errors import both
from drgpay.service.answers import dumped, json_response
from drgpay.service.desk import Desk
from drgpay.service.models import EXAMPLE, LONGEST_TEXT, CaseIn, Codes, case_of
from drgpay.service.national import is_national, national_answer
from drgpay.service.problems import Problem, lang_of
from drgpay.service.roles import READERS, Caller
from drgpay.service.rows import KIB, Row

MOST_CODINGS = 10


class Named(BaseModel):
    """A code with its word."""

    code: str
    name: str


class CodeOut(BaseModel):
    """A code as it was read; `written` only where it was written otherwise."""

    code: str
    name: str
    written: str | None = None
    unknown: bool = False
    nearest: list[Named] = []
    level: str | None = Field(None, description="MCC 或 CC")
    counts: bool | None = Field(None, description="未被主要诊断排除")
    decides: bool | None = None


class PointValueOut(BaseModel):
    """The point value that the payment was reckoned with; `provisional`: that of a month."""

    yuan: str
    fraction: str
    pool: str
    run: str
    period: str
    provisional: bool


class Note(BaseModel):
    """What the reader must know."""

    code: str
    text: str


class PreviewOut(BaseModel):
    """The answer to a case. Points are decimal texts, money is whole fen."""

    case_id: str | None = None
    status: Named
    reason: Named | None
    mdc: Named
    adrg: Named
    drg: Named
    severity: str
    severity_diagnosis: str
    by_procedure: str
    codes: dict[str, list[CodeOut]]
    case_class: Named | None
    paid_by: Named | None = Field(description="按点数、按金额，或暂不支付")
    points: str | None
    point_value: PointValueOut | None
    total_cost_fen: int | None
    expected_fen: int | None = Field(description="点数×最新公布的点值，取整到分")
    over_cost_fen: int | None = Field(description="预计支付减总费用")
    payment_over_cost: str | None = Field(description="预计支付比总费用，四位小数")
    due_fen: int | None = Field(
        description="预计支付减非统筹支付：给出 pool_fund（或政策所要的 personal_paid）时"
    )
    notes: list[Note]
    versions: dict[str, Any]
    unverified: list[str] = Field(description="所用参数中未经核实的")
    promise: str
    explanation: dict[str, Any] | None = None


class Coding(BaseModel):
    """One way to code a stay."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    diagnoses: Codes
    procedures: Codes = []


_SECOND: dict[str, Any] = {
    "name": "主诊调整",
    "diagnoses": ["E11.900", "I63.900"],
    "procedures": [],
}
_COMPARED: dict[str, Any] = {"case": EXAMPLE, "codings": [_SECOND]}


class CompareIn(BaseModel):
    """A stay, and the ways in which it may be coded; the codes of `case` are the first way."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_COMPARED]})

    case: CaseIn  # type: ignore[valid-type]
    codings: Annotated[list[Coding], Field(min_length=1, max_length=MOST_CODINGS)]


class CompareOut(BaseModel):
    """The answers in the order asked, each beside the first."""

    codings: list[dict[str, Any]]


Explain = Annotated[bool, Query(description="连同全部路径、排除原因和怎样会入别的组")]
Scheme = Annotated[str | None, Query(description="另一分组方案（无点数）", max_length=LONGEST_TEXT)]


async def preview(case: CaseIn, explain: Explain = False, scheme: Scheme = None) -> PreviewOut:  # type: ignore[valid-type]
    """试分组：一个病例入哪一组、多少点、预计支付多少，为什么。

    没有费用、机构或险种时只有分组，没有点数与金额；不是支付承诺。
    """
    raise NotImplementedError  # preview_raw answers


async def preview_raw(request: Request) -> Response:
    """Answer one case on the bare request."""
    body = await request.body()
    lang = lang_of(request.scope)
    explained, scheme = asked(request)
    try:
        case = case_of(CaseIn.model_validate_json(body))
    except ValidationError as error:
        if not is_national(body):
            raise
        del error  # a list of the national interface is none of our models
        return await run_in_threadpool(national_answer, request, body, explained, scheme, lang)
    desk = request.app.state.service.desk
    if not desk.is_ready(scheme):
        await run_in_threadpool(desk.grouper, scheme)
    answer = desk.preview(case, request.state.caller, scheme=scheme, explained=explained, lang=lang)
    return json_response(answer)


def preview_at_once(scope: Scope, body: bytes, caller: Caller) -> Callable[[], bytes] | None:
    """Return what answers a case of ours that is right in itself, by a scheme that is ready."""
    try:
        explained, scheme = asked(Request(scope)) if scope["query_string"] else (False, None)
        case = case_of(CaseIn.model_validate_json(body))
    except (Problem, ValidationError):
        return None
    desk: Desk = scope["app"].state.service.desk
    if not desk.is_ready(scheme):
        return None
    lang = lang_of(scope)
    return lambda: dumped(desk.preview(case, caller, scheme=scheme, explained=explained, lang=lang))


def asked(request: Request) -> tuple[bool, str | None]:
    """Return whether the whole way is asked for, and by which scheme; raises Problem."""
    text = request.query_params.get("explain", "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise Problem(
            422, "invalid", both("explain 须为 true 或 false", "explain must be true or false")
        )
    scheme = request.query_params.get("scheme") or None
    if scheme is not None and len(scheme) > LONGEST_TEXT:
        raise Problem(422, "invalid", both("方案名过长", "the name of the scheme is too long"))
    return text in ("true", "1"), scheme


async def compare(asked: CompareIn, request: Request, scheme: Scheme = None) -> CompareOut:
    """比较：同一次住院按几种编码，各入何组、各得多少。"""
    return await run_in_threadpool(
        answers_of, request.app.state.service.desk, request.state.caller, asked.case,
        asked.codings, scheme, lang_of(request.scope),
    )  # fmt: skip


def answers_of(
    desk: Desk, caller: Caller, model: BaseModel, codings: Sequence[Coding], scheme: str | None,
    lang: str,
) -> CompareOut:  # fmt: skip
    """Return the answers to a stay by the codes of the case and by each coding, beside the first."""
    base = case_of(model)
    ways = [("", base.diagnoses, base.procedures)]
    ways += [(c.name, list(c.diagnoses), list(c.procedures)) for c in codings]
    found = []
    for name, diagnoses, procedures in ways:
        case = replace(base, diagnoses=diagnoses, procedures=procedures)
        answer = desk.preview(case, caller, scheme=scheme, lang=lang)
        found.append({"name": name, **answer})
    first = found[0]["expected_fen"]
    for one in found:
        own = one["expected_fen"]
        one["difference_fen"] = None if own is None or first is None else own - first
    return CompareOut(codings=found)


ROWS = (
    Row(
        method="POST", path="/v1/preview", call=preview, raw=preview_raw,
        at_once=preview_at_once, roles=READERS, body=256 * KIB, rate="preview", audit="preview",
    ),
    Row(
        method="POST", path="/v1/compare", call=compare, roles=READERS, body=512 * KIB,
        rate="usual", audit="compare",
    ),
)  # fmt: skip

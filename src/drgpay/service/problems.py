"""What goes wrong, told to who asked: problem details (RFC 9457), in Chinese or English.

A problem names the field and what to do; it never repeats what was sent, so that no diagnosis
travels by an error into somebody's log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from drgpay.ground.errors import Bilingual, DrgpayError, both, in_language

TYPE = "application/problem+json"
LONGEST, MOST_FAULTS = 1_000, 200
OWN_FAULT = "own_fault"


class FieldFault(BaseModel):
    """One field that is wrong, and what to do."""

    field: str = Field(description="字段路径，如 diagnoses.0")
    message: str = Field(description="错在何处")
    remedy: str = Field("", description="如何改正")


class ProblemOut(BaseModel):
    """A problem as RFC 9457 has it; `request_id` finds it in the log."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    request_id: str = ""
    errors: list[FieldFault] = []


@dataclass(frozen=True, slots=True)
class At:
    """A field with its fault in both languages."""

    field: str
    message: Bilingual
    remedy: Bilingual | str = ""


class Problem(Exception):
    """A request that is not answered as asked."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: Bilingual,
        detail: Bilingual | str = "",
        *,
        faults: Sequence[At] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status, self.kind, self.title, self.detail = status, kind, title, detail
        self.faults, self.headers = tuple(faults), headers or {}
        super().__init__(str(title))

    def as_dict(self, lang: str, instance: str = "", request_id: str = "") -> dict[str, Any]:
        """Return what is sent."""
        made: dict[str, Any] = {
            "type": f"urn:drgpay:problem:{self.kind}",
            "title": short(in_language(self.title, lang)),
            "status": self.status,
        }
        if self.detail:
            made["detail"] = short(in_language(self.detail, lang))
        made |= {"instance": instance, "request_id": request_id}
        if self.faults:
            made["errors"] = [
                {
                    "field": f.field,
                    "message": short(in_language(f.message, lang)),
                    "remedy": short(in_language(f.remedy, lang)),
                }
                for f in self.faults[:MOST_FAULTS]
            ]
        return made


def short(text: str) -> str:
    """Return a text that is no longer than somebody reads: a file may have a million columns."""
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def stranger() -> Problem:
    """Who asks is not known."""
    return Problem(
        401,
        "stranger",
        both("请先登录或给出密钥", "log in, or give a key"),
        both(
            "请求头 Authorization: Bearer 密钥；密钥由密钥管理员发放",
            "send Authorization: Bearer KEY; the administrator of keys hands them out",
        ),
        headers={"WWW-Authenticate": "Bearer"},
    )


def not_allowed() -> Problem:
    """Who asks is known and may not."""
    return Problem(
        403,
        "not_allowed",
        both("这一角色无权访问", "this role may not see this"),
    )


def not_there(what: Bilingual | None = None) -> Problem:
    """What is asked for is not there, or not for the one who asks: both look alike."""
    return Problem(404, "not_there", what or both("没有这一项", "there is no such thing"))


def too_large(limit: int) -> Problem:
    """The body is longer than the route takes."""
    return Problem(
        413,
        "too_large",
        both("内容过大", "the body is too large"),
        both(
            f"最多 {limit:,} 字节；更多的病例用 POST /v1/preview/batch",
            f"at most {limit:,} bytes; send more cases to POST /v1/preview/batch",
        ),
    )


def too_slow(seconds: float) -> Problem:
    """The body did not come in time."""
    return Problem(
        408,
        "too_slow",
        both(f"{seconds:g} 秒内没有收全内容", f"the body did not arrive within {seconds:g} s"),
        headers={"Connection": "close"},
    )


def packed() -> Problem:
    """The body is compressed: what it unpacks to would be known too late."""
    return Problem(
        415,
        "packed",
        both("不接受压缩的内容", "a compressed body is not taken"),
        both("不带 Content-Encoding 发送", "send it without Content-Encoding"),
    )


def no_audit() -> Problem:
    """What is asked cannot be noted, so that it is not answered."""
    return Problem(
        503,
        "no_audit",
        both("审计日志暂时无法写入", "the audit log cannot be written just now"),
        both("稍后重试", "try again later"),
        headers={"Retry-After": "5"},
    )


def not_json(place: int | None = None) -> Problem:
    """The body is not JSON at all."""
    where = "" if place is None else f"（第{place}个字符附近）"
    return Problem(
        422,
        "not_json",
        both(f"内容不是JSON{where}", "the body is not JSON"),
        both("UTF-8编码的JSON对象", "an object in JSON, in UTF-8"),
    )


_AMOUNT = both(
    "须为数，最多两位小数，如 14800.00",
    "must be a number of at most two decimals, as 14800.00",
)
_MESSAGES: dict[str, Bilingual] = {
    "decimal_parsing": _AMOUNT,
    "decimal_type": _AMOUNT,
    "decimal_max_places": _AMOUNT,
    "decimal_max_digits": _AMOUNT,
    "decimal_whole_digits": _AMOUNT,
    "finite_number": _AMOUNT,
    "missing": both("缺少此字段", "this field is missing"),
    "extra_forbidden": both("没有这个字段", "there is no such field"),
    "string_type": both("须为文本", "must be a text"),
    "int_type": both("须为整数", "must be a whole number"),
    "int_parsing": both("须为整数", "must be a whole number"),
    "int_from_float": both("须为整数", "must be a whole number"),
    "bool_type": both("须为 true 或 false", "must be true or false"),
    "bool_parsing": both("须为 true 或 false", "must be true or false"),
    "list_type": both("须为列表", "must be a list"),
    "dict_type": both("须为JSON对象", "must be an object"),
    "model_type": both("须为JSON对象", "must be an object"),
    "model_attributes_type": both("须为JSON对象", "must be an object"),
    "json_invalid": both("不是JSON", "is not JSON"),
    "date_from_datetime_parsing": both("须为日期，如 2025-03-31", "must be a date as 2025-03-31"),
    "date_parsing": both("须为日期，如 2025-03-31", "must be a date as 2025-03-31"),
    "date_type": both("须为日期，如 2025-03-31", "must be a date as 2025-03-31"),
}


def of_validation(errors: Sequence[Any]) -> Problem:
    """Return what pydantic found, field by field, without what was sent."""
    found = []
    for error in errors:
        kind, limits = str(error["type"]), dict(error.get("ctx") or {})
        place = ".".join(
            str(part) for part in error["loc"] if part not in ("body", "query", "path")
        )
        found.append(At(place or "body", _message(kind, limits, str(error.get("msg", "")))))
    return Problem(
        422,
        "invalid",
        both("字段有误", "some fields are wrong"),
        faults=found,
    )


def _message(kind: str, limits: dict[str, Any], text: str) -> Bilingual:
    known = _MESSAGES.get(kind)
    if known is not None:
        return known
    if kind in ("literal_error", "enum"):
        wanted = limits.get("expected", "")
        return both(f"须为其中之一：{wanted}", f"must be one of {wanted}")
    for name, chinese, english in (
        ("ge", "不能小于", "must be at least"),
        ("gt", "须大于", "must be above"),
        ("le", "不能大于", "must be at most"),
        ("lt", "须小于", "must be below"),
        ("min_length", "长度或项数至少", "its length must be at least"),
        ("max_length", "长度或项数最多", "its length must be at most"),
    ):
        if name in limits:
            limit = limits[name]
            shown = f"{limit:,}" if isinstance(limit, int | Decimal) else limit
            return both(f"{chinese} {shown}", f"{english} {shown}")
    cause = limits.get("error")
    if isinstance(cause, ValueError) and cause.args and isinstance(cause.args[0], Bilingual):
        return cause.args[0]
    if kind == "string_pattern_mismatch":
        return both("格式不对", "has a wrong form")
    return both("值不合要求", "is not as it must be")


def of_error(error: Exception) -> Problem:
    """Return the problem of a fault that the engine or pydantic raised."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError):
        if any(e["type"] == "json_invalid" for e in error.errors(include_input=False)):
            return not_json()
        return of_validation(error.errors(include_url=False, include_input=False))
    if isinstance(error, DrgpayError):
        remedy = error.remedy or ""
        places = [At(error.where or "", text, remedy) for text in error.faults]
        kind = type(error).__name__.removesuffix("Error").lower()
        return Problem(error.http_status, kind, error.what, remedy, faults=places)
    return own_fault()


def published_away() -> Problem:
    """A published result cannot be read: its folder is gone, or was changed."""
    return Problem(
        503,
        "published_away",
        both("已发布的结果暂时读不出来", "what is published cannot be read just now"),
        both(
            "请告诉经办机构：结果文件夹不在原处，或被改动过",
            "tell the agency: the result's folder is not where it was, or was changed",
        ),
        headers={"Retry-After": "60"},
    )


def own_fault() -> Problem:
    """The service itself is at fault."""
    return Problem(
        500,
        OWN_FAULT,
        both("服务自身出错，已记入日志", "a fault of the service itself; it is in the log"),
        both("请把 request_id 报告给管理员", "report request_id to who runs the service"),
    )


_SAYING = {b"cookie", b"accept-language"}  # headers that may name a language


def lang_of(scope: Scope) -> str:
    """Return the language of an answer: `lang` of the address or the cookie, else Accept-Language."""
    if not scope["query_string"] and _SAYING.isdisjoint([name for name, _ in scope["headers"]]):
        return "zh"  # as nearly every machine asks
    request = Request(scope)
    asked = request.query_params.get("lang") if scope["query_string"] else None
    asked = asked or request.cookies.get("drgpay_lang")
    if asked in ("zh", "en"):
        return asked
    first = request.headers.get("accept-language", "").split(",")[0].strip().lower()
    return "en" if first.startswith("en") else "zh"


def answer(problem: Problem, scope: Scope) -> Response:
    """Return the response that tells a problem."""
    told = problem.as_dict(
        lang_of(scope), scope.get("path", ""), scope.get("state", {}).get("request_id", "")
    )
    return JSONResponse(told, problem.status, headers=problem.headers, media_type=TYPE)

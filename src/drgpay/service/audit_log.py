"""`GET /v1/audit`: who asked for what, to be read by the agency and by auditors, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from drgpay.ground.errors import both
from drgpay.service.problems import At, Problem
from drgpay.service.roles import REGION
from drgpay.service.rows import Row
from drgpay.service.store import AUDIT, Store

MOST_LINES = 1_000


class LineOut(BaseModel):
    """One line of the log; `times`: the cases or requests that it stands for."""

    number: int
    at: str = Field(description="UTC")
    who: str
    role: str
    hospital_id: str
    action: str
    subject: str
    status: int = Field(description="HTTP状态；0：先记录后答复，或客户端先断开")
    times: int
    request_id: str


class LogOut(BaseModel):
    """Lines, the latest first; `next` asks for those before them."""

    lines: list[LineOut]
    next: int | None = Field(description="下一页的 before；没有更早的则为 null")


Time = Annotated[datetime | None, Query(description="ISO 8601，无时区按UTC")]
Word = Annotated[str | None, Query(max_length=128)]


async def audit(
    request: Request,
    since: Time = None,
    until: Time = None,
    who: Word = None,
    action: Word = None,
    hospital_id: Word = None,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="上一页的 next")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = 100,
) -> LogOut:
    """审计日志：谁在何时问了什么、结果如何；不含诊断、姓名和病例号。"""
    which = []
    if since is not None:
        which.append(AUDIT.c.at >= _seconds(since, "since"))
    if until is not None:
        which.append(AUDIT.c.at < _seconds(until, "until"))
    for column, value in (
        (AUDIT.c.who, who),
        (AUDIT.c.action, action),
        (AUDIT.c.hospital_id, hospital_id),
    ):
        if value is not None:
            which.append(column == value)
    if before is not None:
        which.append(AUDIT.c.number < before)
    store: Store = request.app.state.service.store
    found = await run_in_threadpool(
        store.rows, sa.select(AUDIT).where(*which).order_by(AUDIT.c.number.desc()).limit(limit + 1)
    )
    lines = [_line(row) for row in found[:limit]]
    return LogOut(lines=lines, next=lines[-1].number if len(found) > limit else None)


def _line(row: dict[str, Any]) -> LineOut:
    at = datetime.fromtimestamp(row["at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return LineOut(**{**row, "at": at})


def _seconds(time: datetime, field: str) -> int:
    try:
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (OverflowError, ValueError):
        fault = At(field, both("不是可用的时间", "not a time that can be used"))
        raise Problem(
            422, "invalid", both("字段有误", "some fields are wrong"), faults=[fault]
        ) from None


ROWS = (Row(method="GET", path="/v1/audit", call=audit, roles=REGION, audit="audit"),)

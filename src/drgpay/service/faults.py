"""Whatever a request ends in, as the problem that is told: one place for every kind of fault."""

from __future__ import annotations

import sqlalchemy as sa
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from drgpay.ground.database import REMEDY_OF_TABLES, lacks_tables, what_fails
from drgpay.ground.errors import DrgpayError, both
from drgpay.service.problems import Problem, not_there, of_error, of_validation

TOLD = (Problem, DrgpayError, RequestValidationError, HTTPException, sa.exc.SQLAlchemyError)


def problem_of(error: Exception) -> Problem:
    """Return the problem of a fault, of an unforeseen one our own."""
    if isinstance(error, RequestValidationError):
        return of_validation(error.errors())
    if isinstance(error, HTTPException):
        return not_there() if error.status_code == 404 else _of_status(error)
    if isinstance(error, sa.exc.SQLAlchemyError):
        return _of_store(error)
    return of_error(error)


def _of_store(error: sa.exc.SQLAlchemyError) -> Problem:
    """Return the problem of a store that does not do what it is told."""
    if isinstance(error, sa.exc.DataError):
        return Problem(
            422,
            "invalid",
            both("有数据库不能保存的字符或数值", "a letter or number that the store does not take"),
        )
    if lacks_tables(error):
        return Problem(503, "store_form", what_fails(error), REMEDY_OF_TABLES)
    if isinstance(error, (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.TimeoutError)):
        return Problem(
            503,
            "store_away",
            what_fails(error),
            both("稍后重试；没有丢失已受理的内容", "try again later; nothing accepted is lost"),
            headers={"Retry-After": "5"},
        )
    return of_error(error)


def _of_status(error: HTTPException) -> Problem:
    titles = {405: both("不能用这一方法", "this method is not for this address")}
    title = titles.get(error.status_code, both("请求有误", "the request is wrong"))
    headers = dict(error.headers or {})
    return Problem(error.status_code, "http", title, headers=headers)

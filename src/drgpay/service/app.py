"""The app: every row of every part of the service, behind its guard."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from drgpay import __version__
from drgpay.ground.errors import DrgpayError, both
from drgpay.service import audit_log, batch, health, login, lookup, oidc, openapi, preview, results
from drgpay.service.guard import Guard
from drgpay.service.outer import Outer
from drgpay.service.pages import routes as pages
from drgpay.service.pages.told import tell
from drgpay.service.problems import Problem, ProblemOut, not_there, of_error, of_validation
from drgpay.service.rows import Row
from drgpay.service.service import Service
from drgpay.service.store import what_fails

PARTS: tuple[tuple[Row, ...], ...] = (
    preview.ROWS,  # first, being asked most
    health.ROWS,
    batch.ROWS,
    lookup.ROWS,
    results.ROWS,
    openapi.ROWS,
    pages.ROWS,
    login.ROWS,
    oidc.ROWS,
    audit_log.ROWS,
)


def rows() -> Iterable[Row]:
    """Yield every row of the service."""
    for part in PARTS:
        yield from part


def make_app(service: Service) -> FastAPI:
    """Return the app of a service; its store is open as long as the app runs."""

    @asynccontextmanager
    async def life(_: FastAPI) -> Any:
        async with service.running():
            yield

    app = FastAPI(
        title="drgpay",
        summary="DRG点数法：试分组、点数、预计支付",
        version=__version__,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.service = service
    app.state.rows = {(row.method, row.path): row for row in rows()}
    for row in rows():
        _add(app, row, service)
    app.add_middleware(Outer, usage=service.usage, tell=tell)
    for kind in (
        Problem,
        DrgpayError,
        RequestValidationError,
        HTTPException,
        sa.exc.SQLAlchemyError,
    ):
        app.add_exception_handler(kind, _told)
    return app


def _add(app: FastAPI, row: Row, service: Service) -> None:
    faults = {number: {"model": ProblemOut} for number in _faults_of(row)}
    more = {**row.told, "responses": {**faults, **row.told.get("responses", {})}}
    if row.page:
        more["include_in_schema"] = False
    app.add_api_route(row.path, row.call, methods=[row.method], **more)
    route = app.routes[-1]
    assert isinstance(route, Route)  # FastAPI's own is one
    inner = route.app if row.raw is None else request_response(row.raw)
    route.app = Guard(_named(inner, row.path), row, service)


def _named(app: ASGIApp, path: str) -> ASGIApp:
    """Let the figures of use know the route, not what stands in its place."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["route"] = path
        await app(scope, receive, send)

    return run


def _faults_of(row: Row) -> list[int]:
    """Return the problems that a route may answer with."""
    found = [429] if row.rate else []
    if row.roles is not None:
        found += [401, 403]
    if row.body:
        found += [408, 413, 422]
    if "{" in row.path:
        found.append(404)
    return sorted(found)


def of_store(error: sa.exc.SQLAlchemyError) -> Problem:
    """Return the problem of a store that does not do what it is told."""
    if isinstance(error, sa.exc.DataError):
        return Problem(
            422,
            "invalid",
            both("有数据库不能保存的字符或数值", "a letter or number that the store does not take"),
        )
    if isinstance(error, (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.TimeoutError)):
        return Problem(
            503,
            "store_away",
            what_fails(error),
            both("稍后重试；没有丢失已受理的内容", "try again later; nothing accepted is lost"),
            headers={"Retry-After": "5"},
        )
    return of_error(error)


async def _told(request: Request, error: Exception) -> Response:
    """Answer a fault as a problem."""
    if isinstance(error, RequestValidationError):
        problem = of_validation(error.errors())
    elif isinstance(error, HTTPException):
        problem = not_there() if error.status_code == 404 else _of_status(error)
    elif isinstance(error, sa.exc.SQLAlchemyError):
        problem = of_store(error)
    else:
        problem = of_error(error)
    return tell(problem, request.scope)


def _of_status(error: HTTPException) -> Problem:
    titles = {405: both("不能用这一方法", "this method is not for this address")}
    title = titles.get(error.status_code, both("请求有误", "the request is wrong"))
    headers = dict(error.headers or {})
    return Problem(error.status_code, "http", title, headers=headers)

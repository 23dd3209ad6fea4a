"""The app: every row of every part of the service, behind its guard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from drgpay import __version__
from drgpay.ground.errors import DrgpayError
from drgpay.service import (
    audit_log,
    batch,
    health,
    login,
    lookup,
    oidc,
    openapi,
    preview,
    results,
    saved,
)
from drgpay.service.faults import TOLD, problem_of
from drgpay.service.guard import Guard
from drgpay.service.outer import LOG, Outer
from drgpay.service.pages import routes as pages
from drgpay.service.pages.told import tell
from drgpay.service.problems import ProblemOut, published_away
from drgpay.service.published import is_of_published
from drgpay.service.rows import Row
from drgpay.service.service import Service
from drgpay.service.shortcut import Shortcut

PARTS: tuple[tuple[Row, ...], ...] = (
    preview.ROWS,  # first, being asked most
    saved.ROWS,
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


class App(FastAPI):
    """The app; `shortcuts` are by method and path the routes that may be answered at once."""

    shortcuts: Mapping[tuple[str, str], Shortcut] = {}


def make_app(service: Service) -> App:
    """Return the app of a service; its store is open as long as the app runs."""

    @asynccontextmanager
    async def life(_: FastAPI) -> Any:
        async with service.running():
            yield

    app = App(
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
    guards = [(row, _add(app, row, service)) for row in rows()]
    app.shortcuts = {
        (row.method, row.path): Shortcut(app, guard, row.at_once, service.usage, tell)
        for row, guard in guards
        if row.at_once is not None
    }
    app.add_middleware(Outer, usage=service.usage, tell=tell)
    for kind in TOLD:
        app.add_exception_handler(kind, _told)
    return app


def _add(app: FastAPI, row: Row, service: Service) -> Guard:
    faults = {number: {"model": ProblemOut} for number in _faults_of(row)}
    more = {**row.told, "responses": {**faults, **row.told.get("responses", {})}}
    if row.page:
        more["include_in_schema"] = False
    app.add_api_route(row.path, row.call, methods=[row.method], **more)
    route = app.routes[-1]
    assert isinstance(route, Route)  # FastAPI's own is one
    inner = route.app if row.raw is None else request_response(row.raw)
    route.app = guard = Guard(_named(inner, row.path), row, service)
    return guard


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


async def _told(request: Request, error: Exception) -> Response:
    """Answer a fault as a problem."""
    if isinstance(error, DrgpayError) and await run_in_threadpool(
        is_of_published, request.app.state.service.store, error
    ):
        LOG.error("%s", error)  # whose folder it is, who asks is not to know
        error = published_away()
    return tell(problem_of(error), request.scope)

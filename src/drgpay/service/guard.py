"""What stands before each route: who asks, whether they may, how often, how much, how fast."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drgpay.ground.errors import both
from drgpay.service import problems
from drgpay.service.audit import Note
from drgpay.service.faults import problem_of
from drgpay.service.problems import Problem
from drgpay.service.roles import Caller
from drgpay.service.rows import Row
from drgpay.service.sessions import COOKIE

if TYPE_CHECKING:
    from drgpay.service.service import Service

SAFE = ("GET", "HEAD", "OPTIONS")
LOGIN = "/login"
LONGEST_SUBJECT = 200
PLAIN = "identity"  # the only coding of a body that is taken


class Guard:
    """An ASGI app around that of one route."""

    def __init__(self, app: ASGIApp, row: Row, service: Service) -> None:
        self.app, self.row, self.service = app, row, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or raise Problem."""
        row, service = self.row, self.service
        request = Request(scope)
        caller = self.by_key(request.headers.get("authorization", ""), scope)
        if caller is None:
            caller = await self._by_session(request)
        scope["state"]["caller"] = caller
        if row.roles is not None and (caller is None or caller.role not in row.roles):
            if caller is None and row.page and scope["method"] in SAFE:
                await RedirectResponse(LOGIN, 303)(scope, receive, send)
                return
            self.noted(scope, 401 if caller is None else 403)
            raise problems.stranger() if caller is None else problems.not_allowed()
        if caller is None or caller.by_session:
            refuse_foreign(request)
        if row.rate:
            service.rates.take(row.rate, caller.id if caller else address_of(scope))
        if row.audit and service.audit.full:
            raise problems.no_audit()
        if row.body and request.headers.get("content-encoding", PLAIN) != PLAIN:
            raise problems.packed()
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > row.body:
            raise problems.too_large(row.body)
        if row.noted_first and caller is not None:
            await run_in_threadpool(service.audit.note_first, self._note(scope, caller, 0))
        status = 0

        async def out(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, Bounded(receive, row).receive, out)
        except Exception as error:
            status = status or problem_of(error).status
            raise
        finally:
            self.noted(scope, status)

    def found(self, given: str) -> Caller | None:
        """Return whose key a header `Authorization` gives, None for one that opens nothing."""
        kind, _, text = given.partition(" ")
        return self.service.keys.find(text.strip()) if kind.lower() == "bearer" else None

    def by_key(self, given: str, scope: Scope) -> Caller | None:
        """Return who asks, None without a key; raises Problem for one that opens nothing."""
        found = self.found(given) if given else None
        if given and found is None and self.row.roles is not None:
            self.service.rates.take("login", address_of(scope))
            raise problems.stranger()
        return found

    async def _by_session(self, request: Request) -> Caller | None:
        """Return who has logged in, None for a stranger; who gives a key is asked for no session."""
        cookie = request.cookies.get(COOKIE, "")
        if not cookie or request.headers.get("authorization"):
            return None
        sessions = self.service.sessions
        return sessions.known(cookie) or await run_in_threadpool(sessions.find, cookie)

    def _note(self, scope: Scope, caller: Caller, status: int) -> Note:
        state = scope["state"]
        return Note(
            at=int(time.time()),
            who=caller.id,
            role=str(caller.role),
            hospital_id=caller.hospital,
            action=self.row.audit,
            subject=str(state.get("subject", "")).replace("\0", "")[:LONGEST_SUBJECT],
            status=status,
            times=int(state.get("times", 1)),
            request_id=str(state.get("request_id", "")),
        )

    def noted(self, scope: Scope, status: int) -> None:
        """Note who asked, and how it ended."""
        caller = scope["state"].get("caller")
        if self.row.audit and caller is not None:
            self.service.audit.note(self._note(scope, caller, status))


class Bounded:
    """The body of a request: not longer and not slower than its row says; raises Problem."""

    def __init__(self, receive: Receive, row: Row) -> None:
        self._receive, self._left, self._row = receive, row.body, row
        self._until = time.monotonic() + row.seconds
        self._more = True

    async def receive(self) -> Message:
        """Return the next part of the body."""
        if not self._more:
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise problems.too_slow(self._row.seconds) from None
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self._more = bool(message.get("more_body"))
            if self._left < 0:
                raise problems.too_large(self._row.body)
        return message


def refuse_foreign(request: Request) -> None:
    """Fail if a browser sends a change from another site's page; raises Problem."""
    if request.method in SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return
    origin, host = request.headers.get("origin"), request.headers.get("host")
    if site is None and (origin is None or origin.partition("://")[2] == host):
        return
    raise Problem(
        403,
        "foreign",
        both("请求来自别的网站", "the request comes from another site"),
        both("在本站的页面上操作", "use the pages of this site"),
    )


def address_of(scope: Scope) -> str:
    """Return the address that a request came from."""
    client: Any = scope.get("client")
    return client[0] if client else "?"

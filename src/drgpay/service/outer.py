"""What stands around the whole service: request ids, headers, faults as problems, figures of use."""

from __future__ import annotations

import logging
import re
import secrets
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drgpay.service.faults import problem_of
from drgpay.service.problems import OWN_FAULT, Problem

LOG = logging.getLogger("drgpay.service")
_OWN_PREFIX, _NUMBERS = f"{secrets.token_hex(5)}-", count(1)  # an id names, it opens nothing
# as machines make them: a case id or a name of a file is none
_OWN_ID = re.compile(r"(?=[0-9-]*[a-fA-F])[0-9a-fA-F-]{16,64}")
# nothing loads from elsewhere, nothing runs that stands in a page
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}
_PAIRS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_NOT_KEPT = (b"cache-control", b"no-store")
EDGES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_EDGES = (*EDGES, float("inf"))


class Usage:
    """Counts of requests and their times, by route and status, as `/metrics` shows them."""

    def __init__(self) -> None:
        self.times: Counter[tuple[str, str, int]] = Counter()
        self.within: Counter[tuple[str, float]] = Counter()
        self.seconds: Counter[str] = Counter()

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one request."""
        self.times[method, path, status] += 1
        self.seconds[path] += seconds  # type: ignore[assignment]
        self.within[path, _EDGES[bisect_left(EDGES, seconds)]] += 1


class Outer:
    """An ASGI app around the service."""

    def __init__(
        self, app: ASGIApp, usage: Usage, tell: Callable[[Problem, Scope], Response]
    ) -> None:
        self.app, self.usage, self.tell = app, usage, tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a fault that nobody caught becomes a problem, and a line of the log."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        own, state = named(scope), scope["state"]
        status, head = 0, scope["method"] == "HEAD"
        if head:  # as GET, without its body
            scope = {**scope, "method": "GET"}

        async def out(message: Message) -> None:
            nonlocal status
            if head and message["type"] == "http.response.body":
                message = {"type": "http.response.body", "more_body": message.get("more_body")}
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                kept = scope["path"].startswith("/static/")
                kept = kept or any(name == b"cache-control" for name, _ in headers)
                headers += around(own, kept)
            await send(message)

        try:
            await self.app(scope, receive, out)
        except Exception as error:  # the last place: a stranger must not see a traceback
            problem = noticed(own, error)
            if status:  # it has begun: the server breaks it off, and shows no traceback
                return
            await self.tell(problem, scope)(scope, receive, out)
        finally:
            route = state.get("route", "")
            self.usage.count(
                "HEAD" if head else scope["method"], route, status, time.perf_counter() - started
            )


def named(scope: Scope) -> str:
    """Return the id of a request, and note it in its state."""
    own = _given_id(scope) or f"{_OWN_PREFIX}{next(_NUMBERS):x}"
    scope["state"] = {**scope.get("state", {}), "request_id": own}
    return own


def around(own: str, kept: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers that every answer has; `kept`: a client may keep this one."""
    made = [*_PAIRS, (b"x-request-id", own.encode())]
    return made if kept else [*made, _NOT_KEPT]


def noticed(own: str, error: Exception) -> Problem:
    """Return the problem of a fault; one of our own is a line of the log."""
    problem = problem_of(error)
    if problem.kind == OWN_FAULT:  # where, and of what kind; never what was sent
        LOG.error("%s %s", own, where_of(error))
    return problem


def _given_id(scope: Scope) -> str:
    """Return the id that the caller gave its request, where it is a plain one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            return text if _OWN_ID.fullmatch(text) else ""
    return ""


def where_of(error: Exception) -> str:
    """Return the kind of a fault and the places it went through, without any value."""
    places, step = [], error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('drgpay')[2]}:{step.tb_lineno}")
        step = step.tb_next
    return f"{type(error).__name__} at {' > '.join(places[-6:])}"

"""Requests that came whole and can be answered without waiting: at once, by one call.

The way of all others, a task with its messages through the layers of the app, costs several times
what a preview does. What is checked, counted and noted here is what the guard and the outer layer
check, count and note, by their own functions; whatever is out of the common is left to them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Scope

from drgpay.service.answers import JSON
from drgpay.service.guard import PLAIN, Guard
from drgpay.service.outer import Usage, around, named, noticed
from drgpay.service.problems import Problem
from drgpay.service.rows import AtOnce

_JSON, _PLAIN = JSON.encode(), PLAIN.encode()


class Whole(NamedTuple):
    """An answer as it goes out."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Shortcut:
    """Answers requests of one route, or leaves them to the app, of which it then did nothing."""

    def __init__(
        self,
        app: FastAPI,
        guard: Guard,
        at_once: AtOnce,
        usage: Usage,
        tell: Callable[[Problem, Scope], Response],
    ) -> None:
        self.app, self.guard, self.at_once, self.usage, self.tell = app, guard, at_once, usage, tell

    def __call__(self, scope: Scope, body: bytes) -> Whole | None:
        """Return the answer to a request, None for one that the app is to answer."""
        started = time.perf_counter()
        guard, row, service = self.guard, self.guard.row, self.guard.service
        headers = dict(scope["headers"])
        if len(headers) != len(scope["headers"]) or len(body) > row.body or service.audit.full:
            return None
        if headers.get(b"content-encoding", _PLAIN) != _PLAIN:
            return None
        caller = guard.found(headers.get(b"authorization", b"").decode("latin-1"))
        if caller is None or row.roles is None or caller.role not in row.roles:
            return None
        scope["app"] = self.app
        answers = self.at_once(scope, body, caller)
        if answers is None:
            return None
        own, state = named(scope), scope["state"]
        state["caller"], state["route"] = caller, row.path
        try:
            service.rates.take(row.rate, caller.id)
            text = answers()
            length = str(len(text)).encode()
            made = Whole(200, [(b"content-length", length), (b"content-type", _JSON)], text)
        except Exception as error:
            told = self.tell(noticed(own, error), scope)
            made = Whole(told.status_code, told.raw_headers, bytes(told.body))
        made.headers.extend(around(own, False))
        guard.noted(scope, made.status)
        self.usage.count(row.method, row.path, made.status, time.perf_counter() - started)
        return made

"""Routes as rows: where a route is, what answers, who may ask, and its limits, declared together.

A route without its row cannot be added, so that none is open by being forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from drgpay.service.roles import Caller, Role

Handler = Callable[[Request], Awaitable[Response]]
# the answer of a request that came whole (scope, body, who asks), None where it cannot be at once
AtOnce = Callable[[Scope, bytes, Caller], Callable[[], bytes] | None]
KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Row:
    """One route.

    `call` is the endpoint as FastAPI reads and documents it. `raw`, where given, answers in its
    place, on the bare request: for what is asked thousands of times a second; `at_once` what makes
    the JSON of its answer without waiting for anything. `roles` None: open
    to strangers. `body`: the most bytes that a request may bring; `seconds`: within which they must
    have come. `audit`: the word under which a request is noted, empty for what tells nobody
    anything; `noted_first`: before the answer goes out, for what leaves the house.
    """

    method: str
    path: str
    call: Callable[..., Any]
    roles: frozenset[Role] | None
    raw: Handler | None = None
    at_once: AtOnce | None = None
    body: int = 0
    seconds: float = 20.0
    rate: str = "usual"
    audit: str = ""
    noted_first: bool = False
    page: bool = False  # for browsers: a stranger is shown the log-in
    told: Mapping[str, Any] = field(default_factory=dict)  # more for FastAPI's add_api_route

    @property
    def name(self) -> str:
        """The route as it is called in messages and tests."""
        return f"{self.method} {self.path}"

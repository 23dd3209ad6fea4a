"""Faults, told to a browser as a page, or as a part of one; to everybody else as JSON."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from drgpay.service.pages.shell import page
from drgpay.service.problems import Problem, answer, lang_of


def wants_page(request: Request) -> bool:
    """Whether a browser asks, for a page or by htmx for a part of one."""
    if request.url.path.startswith("/v1/"):
        return False
    return part_only(request) or "text/html" in request.headers.get("accept", "")


def part_only(request: Request) -> bool:
    """Whether a script of a page asks for a part of it."""
    return request.headers.get("hx-request") == "true"


def tell(problem: Problem, scope: Scope) -> Response:
    """Return the response that tells a problem to who asked."""
    request = Request(scope)
    if not wants_page(request):
        return answer(problem, scope)
    request_id = scope.get("state", {}).get("request_id", "")
    told = {"detail": "", "errors": [], **problem.as_dict(lang_of(scope), "", request_id)}
    template = "fault_part.html.j2" if part_only(request) else "fault.html.j2"
    made = page(request, template, status=problem.status, problem=told)
    for name, value in problem.headers.items():
        if name.lower() != "www-authenticate":  # a browser would ask for a password by itself
            made.headers[name] = value
    return made

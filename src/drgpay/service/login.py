"""Log-in of browsers: with a key, or a user's name and password; a session comes of it, and ends."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drgpay.ground.errors import Bilingual, both
from drgpay.service.audit import Note
from drgpay.service.pages.shell import page
from drgpay.service.problems import Problem
from drgpay.service.roles import Caller
from drgpay.service.rows import KIB, Row
from drgpay.service.service import Service
from drgpay.service.sessions import COOKIE
from drgpay.service.users import check_password, counted_name

AT_ONCE = 2  # passwords checked at a time: each takes 64 MiB
FIELDS = ("key", "name", "password")
WRONG_KEY = both("密钥无效、已过期或已吊销", "the key is wrong, expired or revoked")
WRONG_NAME = both(
    "用户名或密码不对，或用户已停用", "the name or the password is wrong, or the user is locked"
)


async def form(request: Request) -> Response:
    """Show the log-in."""
    return page(request, "login.html.j2", wrong=None, name="", oidc=_oidc(request))


async def login(request: Request) -> Response:
    """Take a key, or a name and a password; begin a session."""
    given = _fields(await request.body())
    service: Service = request.app.state.service
    wrong: Bilingual
    if given["key"]:
        caller, wrong = service.keys.find(given["key"].strip()), WRONG_KEY
    else:
        caller, wrong = (
            await _by_password(service, request, given["name"], given["password"]),
            WRONG_NAME,
        )
    if caller is None:
        return refused(request, wrong, 401, given["name"])
    return await begin(request, caller)


def refused(request: Request, wrong: Bilingual, status: int, name: str = "") -> Response:
    """Show the log-in with what was wrong."""
    told = page(
        request, "login.html.j2", status=status, wrong=wrong, name=name, oidc=_oidc(request)
    )
    if status == 503:
        told.headers["Retry-After"] = "5"
    return told


async def begin(request: Request, caller: Caller) -> Response:
    """Begin a session of who has shown who they are, and send the browser to its first page."""
    service: Service = request.app.state.service
    settings = service.settings
    old = request.cookies.get(COOKIE, "")
    if old:
        await run_in_threadpool(service.sessions.close, old)
    cookie = await run_in_threadpool(service.sessions.open, caller, settings.session_hours)
    request.state.caller = caller
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE, cookie, max_age=settings.session_hours * 3_600, path="/", httponly=True,
        samesite="lax", secure=settings.secure_cookies,
    )  # fmt: skip
    return answer


async def logout(request: Request) -> Response:
    """End the session."""
    service: Service = request.app.state.service
    cookie = request.cookies.get(COOKIE, "")
    if cookie:
        await run_in_threadpool(service.sessions.close, cookie)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(
        COOKIE, path="/", httponly=True, samesite="lax", secure=service.settings.secure_cookies
    )
    return answer


async def _by_password(
    service: Service, request: Request, name: str, password: str
) -> Caller | None:
    """Return who a name and its password are; what fails for a known user is noted."""
    service.rates.take("login", f"user:{counted_name(name)}")
    user, opens = await to_thread.run_sync(
        check_password, service.store, name, password, limiter=_limiter(service)
    )
    if user is not None and not opens:
        note = Note(
            at=int(time.time()), who=user.caller.id, role=str(user.role),
            hospital_id=user.hospital, action="login", subject="", status=401, times=1,
            request_id=request.state.request_id,
        )  # fmt: skip
        service.audit.note(note)
    return user.caller if user is not None and opens else None


def _limiter(service: Service) -> CapacityLimiter:
    if service.passwords is None:
        service.passwords = CapacityLimiter(AT_ONCE)
    return service.passwords


def _fields(body: bytes) -> dict[str, str]:
    """Return what a form says; raises Problem for a body that is no form."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), strict_parsing=bool(body), max_num_fields=8, errors="strict",
            keep_blank_values=True,
        )  # fmt: skip
    except ValueError:
        raise Problem(
            422, "no_form", both("内容不是表单", "the body is not a form"),
            both("application/x-www-form-urlencoded，UTF-8", "application/x-www-form-urlencoded, UTF-8"),
        ) from None  # fmt: skip
    given = dict(pairs)
    return {name: given.get(name, "") for name in FIELDS}


def _oidc(request: Request) -> str:
    """Return the name of the log-in elsewhere, empty where there is none."""
    oidc = request.app.state.service.settings.oidc
    return "" if oidc is None else oidc.name or urlsplit(oidc.issuer).hostname or oidc.issuer


ROWS = (
    Row(method="GET", path="/login", call=form, roles=None, rate="open", page=True),
    Row(
        method="POST", path="/login", call=login, roles=None, rate="login", body=8 * KIB,
        audit="login", page=True,
    ),
    Row(
        method="POST", path="/logout", call=logout, roles=None, rate="open", body=KIB,
        audit="logout", page=True,
    ),
)  # fmt: skip

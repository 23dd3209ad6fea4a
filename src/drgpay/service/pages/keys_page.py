"""密钥与用户: who may ask, as what and until when; by the functions that `drgpay keys` calls.

A key is shown once, in the answer to the form that made it. No figure stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drgpay.ground.errors import Bilingual, InputError, both, in_language
from drgpay.ground.times import day
from drgpay.service.hospitals import UnknownHospitalError, known_hospitals
from drgpay.service.keys import LONGEST_DAYS, STATES, Key, add_key, list_keys, revoke_key
from drgpay.service.models import LONGEST_TEXT
from drgpay.service.pages.forms import Form, form_of
from drgpay.service.pages.shell import page
from drgpay.service.problems import lang_of
from drgpay.service.roles import ADMINISTRATOR, WORDS, Role
from drgpay.service.rows import KIB, Row
from drgpay.service.service import Service
from drgpay.service.store import now
from drgpay.service.users import LONGEST as LONGEST_PASSWORD
from drgpay.service.users import (
    LONGEST_NAME,
    SHORTEST,
    USER_STATES,
    User,
    add_user,
    list_users,
    lock_user,
    set_password,
)

LONGEST_WHO = 120
USUAL_DAYS = 365


async def show(request: Request) -> Response:
    """Show keys and users."""
    return await _shown(request)


async def _shown(
    request: Request, *, made: str = "", wrong: InputError | None = None, form: Form | None = None
) -> Response:
    """Show keys and users, with what a form made, or what was wrong with it."""
    service: Service = request.app.state.service
    lang = lang_of(request.scope)
    keys = await run_in_threadpool(list_keys, service.store)
    users = await run_in_threadpool(list_users, service.store)
    hospitals, _ = await run_in_threadpool(known_hospitals, service.desk.board.runs)
    return page(
        request, "keys.html.j2", status=422 if wrong else 200, made=made, wrong=wrong, form=form,
        unknown=isinstance(wrong, UnknownHospitalError), published=bool(service.desk.board.runs),
        keys=[_key_line(key, lang) for key in reversed(keys)],
        users=[_user_line(user, lang) for user in users],
        roles=WORDS.items(), hospitals=hospitals.items(),
        usual_days=USUAL_DAYS, longest_days=LONGEST_DAYS, longest_who=LONGEST_WHO,
        longest_hospital=LONGEST_TEXT, longest_name=LONGEST_NAME, shortest=SHORTEST,
        longest_password=LONGEST_PASSWORD,
    )  # fmt: skip


def _key_line(key: Key, lang: str) -> dict[str, Any]:
    state = key.state(now())
    return {
        "id": key.id, "role": in_language(WORDS[key.role], lang), "hospital": key.hospital,
        "name": key.name, "made": day(key.made_at), "by": key.made_by, "until": day(key.expires_at),
        "state": in_language(STATES[state], lang), "valid": state == "valid",
    }  # fmt: skip


def _user_line(user: User, lang: str) -> dict[str, Any]:
    return {
        "name": user.name, "role": in_language(WORDS[user.role], lang), "hospital": user.hospital,
        "made": day(user.made_at), "local": user.local,
        "state": in_language(USER_STATES[user.locked_at is not None], lang),
        "valid": user.locked_at is None,
    }  # fmt: skip


async def added(request: Request) -> Response:
    """Make a key and show it, once."""
    service: Service = request.app.state.service
    form = await form_of(request)
    try:
        role, days = _role(form), _days(form)
        name, hospital = _short(form, "name", LONGEST_WHO), _hospital(form)
        made = await run_in_threadpool(
            add_key, service.store, service.secret, role, name, hospital=hospital, days=days,
            by=request.state.caller.id, anyway=_anyway(form),
        )  # fmt: skip
    except InputError as error:
        return await _shown(request, wrong=error, form=form)
    request.state.subject = f"key:{made.split('_')[1]}"
    await run_in_threadpool(service.keys.refresh)
    return await _shown(request, made=made)


async def revoked(request: Request) -> Response:
    """End a key, and the sessions that it opened."""
    service: Service = request.app.state.service
    own = (await form_of(request)).one("id")

    def act() -> None:
        revoke_key(service.store, own)
        service.keys.refresh()

    return await _done(request, f"key:{own}", act)


async def user_added(request: Request) -> Response:
    """Make a user with a password."""
    service: Service = request.app.state.service
    form = await form_of(request)
    name, password = form.one("name"), form.raw("password")

    def act() -> None:
        hospital, anyway = _hospital(form), _anyway(form)
        add_user(service.store, name, _role(form), password, hospital=hospital, anyway=anyway)

    return await _done(request, f"user:{name}", act, form)


async def user_locked(request: Request) -> Response:
    """Let a user in no more, and end the sessions."""
    service: Service = request.app.state.service
    name = (await form_of(request)).one("name")
    return await _done(request, f"user:{name}", lambda: lock_user(service.store, name))


async def user_password(request: Request) -> Response:
    """Give a user a new password, unlock it, and end its sessions."""
    service: Service = request.app.state.service
    form = await form_of(request)
    name, password = form.one("name"), form.raw("password")
    return await _done(request, f"user:{name}", lambda: set_password(service.store, name, password))


async def _done(
    request: Request, subject: str, act: Callable[[], None], form: Form | None = None
) -> Response:
    """Act, and show the list anew; where it cannot be done, say why."""
    try:
        await run_in_threadpool(act)
    except InputError as error:
        return await _shown(request, wrong=error, form=form)
    request.state.subject = subject
    return RedirectResponse("/keys", 303)


def _role(form: Form) -> Role:
    given = form.one("role")
    if given not in set(Role):
        raise InputError(both("没有选角色", "no role was chosen"))
    return Role(given)


def _days(form: Form) -> int | None:
    """Return for how many days a key is made, None for ever; raises InputError."""
    given = form.one("days")
    if given in ("", "0"):
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 5:
        raise InputError(
            both("有效天数须为整数", "the days are a whole number"),
            remedy=both("不限期则留空", "leave it empty for no end"),
        )
    return int(given)


def _hospital(form: Form) -> str:
    return _short(form, "hospital", LONGEST_TEXT)


def _anyway(form: Form) -> bool:
    return form.one("anyway") == "yes"


def _short(form: Form, field: str, most: int) -> str:
    value, word = form.one(field), FIELDS[field]
    if len(value) > most or not value.isprintable():
        raise InputError(
            both(f"{word.chinese}不合要求", f"{word} cannot be so"),
            remedy=both(f"最多{most}个可见字符", f"at most {most} visible letters"),
        )
    return value


FIELDS: dict[str, Bilingual] = {
    "name": both("交给谁用", "who it is for"),
    "hospital": both("医疗机构编码", "the hospital's id"),
}


def _change(path: str, call: Any, audit: str) -> Row:
    """Return the row of a change, which is noted before it is made."""
    return Row(
        method="POST", path=path, call=call, roles=ADMINISTRATOR, page=True, body=8 * KIB,
        audit=audit, noted_first=True,
    )  # fmt: skip


ROWS = (
    Row(method="GET", path="/keys", call=show, roles=ADMINISTRATOR, page=True, audit="see keys"),
    _change("/keys", added, "add key"),
    _change("/keys/revoke", revoked, "revoke key"),
    _change("/users", user_added, "add user"),
    _change("/users/lock", user_locked, "lock user"),
    _change("/users/password", user_password, "change password"),
)

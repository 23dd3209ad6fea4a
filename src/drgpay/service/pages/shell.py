"""The shell of every page: head, navigation by role, language, and how a template is rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from drgpay.ground.errors import Bilingual, both, in_language
from drgpay.ground.languages import LANGUAGES, choose, choosing
from drgpay.ground.times import day
from drgpay.service.pages.digits import in_groups
from drgpay.service.pages.statics import asset, have_vendor
from drgpay.service.problems import lang_of
from drgpay.service.roles import ADMINISTRATOR, HOSPITAL, READERS, REGION, WORDS, Caller, Role

TEMPLATES = Path(__file__).parent / "templates"
LANG_COOKIE, YEAR = "drgpay_lang", 365 * 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation; `of_book`: where the service has the year's book."""

    path: str
    words: Bilingual
    roles: frozenset[Role]
    of_book: bool = False


NAVIGATION: tuple[Entry, ...] = (
    Entry("/", both("试分组", "Preview"), READERS),
    Entry("/batch", both("批量", "Batch"), READERS),
    Entry("/hospital", both("本院", "My hospital"), HOSPITAL),
    Entry("/region", both("全区", "The region"), REGION),
    Entry("/budget", both("总额", "The budget"), REGION, of_book=True),
    Entry("/budget/own", both("账目", "Accounts"), HOSPITAL, of_book=True),
    Entry("/objections", both("异议", "Objections"), REGION),
    Entry("/groups", both("病组", "Groups"), READERS),
    Entry("/keys", both("密钥与用户", "Keys and users"), ADMINISTRATOR),
)


@cache
def environment() -> Environment:
    """Return the one environment of the pages' templates."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset
    made.filters["day"] = day
    made.filters["in_groups"] = in_groups
    made.globals["have_vendor"] = have_vendor()
    return made


def filter_of_pages(made: Callable[..., Any]) -> Callable[..., Any]:
    """Let templates use a function as a filter of its own name."""
    environment().filters[made.__name__] = made
    return made


def rendered(request: Request, template: str, **values: Any) -> str:
    """Return a template filled in: `t(中文, English)` picks a text, `said` a text of both."""
    lang = lang_of(request.scope)
    caller: Caller | None = request.scope.get("state", {}).get("caller")
    return (
        environment()
        .get_template(template)
        .render(
            lang=lang,
            html_lang=choose(lang, "zh-CN", "en"),
            other_lang=next(one for one in LANGUAGES if one != lang),
            t=choosing(lang),
            said=lambda text: in_language(text, lang),
            caller=caller,
            role_word=in_language(WORDS[caller.role], lang) if caller else "",
            navigation=_navigation(request, caller),
            region=caller is not None and caller.role in REGION,
            here=request.scope.get("path", "/"),
            **values,
        )
    )


def _navigation(request: Request, caller: Caller | None) -> list[Entry]:
    if caller is None:
        return []
    has_book = bool(request.app.state.service.settings.book)
    return [e for e in NAVIGATION if caller.role in e.roles and (has_book or not e.of_book)]


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page, or the part of one that a script asked for.

    A language that the address names is kept in a cookie.
    """
    made = HTMLResponse(rendered(request, template, **values), status)
    if request.query_params.get("lang") in LANGUAGES:
        made.set_cookie(
            LANG_COOKIE, request.query_params["lang"], max_age=YEAR, samesite="lax", httponly=True
        )
    return made

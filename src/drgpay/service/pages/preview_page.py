"""试分组: one case, its group, points and payment, beside the form at each change.

The form is sent as a whole at each change and kept nowhere; nothing of a case stands in an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from drgpay.cases.values import CHOICE_WORDS
from drgpay.ground.errors import Bilingual, DrgpayError, both
from drgpay.ground.languages import choosing
from drgpay.names.columns import BY_NAME
from drgpay.service.desk import Board, Desk
from drgpay.service.models import CaseIn, case_of
from drgpay.service.pages.forms import Form, form_of
from drgpay.service.pages.preview_view import difference, shown_answer
from drgpay.service.pages.shell import page
from drgpay.service.problems import Problem, lang_of, of_error
from drgpay.service.roles import EVERYONE, READERS, REGION, Caller, Role
from drgpay.service.rows import KIB, Row

# the fields of the form, besides the codes, as the columns of cases are called
PLAIN = (
    "sex", "age_years", "age_days", "birth_weight_g", "discharge_date", "los_days", "discharge_way",
    "icu", "total_cost", "pool_fund", "pool", "hospital_id",
)  # fmt: skip
WAYS = ("a", "b")
FIELD_WORDS: Mapping[str, Bilingual] = {
    "sex": both("性别", "Sex"),
    "age_years": both("年龄（岁）", "Age (years)"),
    "age_days": both("日龄（不满1岁）", "Age in days (below 1 year)"),
    "birth_weight_g": both("出生体重（克）", "Birth weight (g)"),
    "discharge_date": both("出院日期", "Day of discharge"),
    "los_days": both("住院天数", "Days of stay"),
    "discharge_way": both("离院方式", "Way of discharge"),
    "icu": both("重症监护", "Intensive care"),
    "total_cost": both("总费用（元）", "Total cost (yuan)"),
    "pool_fund": both("统筹基金已付（元）", "Paid by the pooled fund (yuan)"),
    "pool": both("险种", "Insurance"),
    "hospital_id": both("医疗机构", "Hospital"),
    "diagnoses": both("诊断", "Diagnoses"),
    "procedures": both("手术操作", "Procedures"),
}
_SCRIPTS = ["vendor/tom-select.js", "vendor/sortable.js", "preview.js"]


async def home(request: Request) -> Response:
    """Show the form of one case; who hands out keys sees where that is done."""
    caller: Caller = request.state.caller
    if caller.role is Role.KEYS:
        return page(request, "keys_home.html.j2")
    board: Board = request.app.state.service.desk.board
    hospitals = []
    if caller.role in REGION and board.pricer is not None:
        hospitals = [(h["hospital_id"], h["name"]) for h in board.pricer.manifest["hospitals"]]
    return page(
        request, "preview.html.j2", scripts=_SCRIPTS, words=FIELD_WORDS, pools=pools_of(board),
        hospitals=hospitals, ways=CHOICE_WORDS["discharge_way"].items(),
        own_name=own_name(board, caller),
    )  # fmt: skip


def pools_of(board: Board) -> list[tuple[str, str]]:
    """Return the pools that have a point value, each with its name."""
    told = [] if board.pricer is None else board.pricer.manifest["members"]
    names = {str(m["pool"]): str(m["name"]) for m in told}
    return [(pool, names.get(pool, "")) for pool in sorted(board.values)]


def own_name(board: Board, caller: Caller) -> str:
    """Return the name of a hospital's own institution, empty for other roles."""
    if not caller.hospital or board.pricer is None:
        return ""
    rows = board.pricer.manifest["hospitals"]
    return next((str(h["name"]) for h in rows if h["hospital_id"] == caller.hospital), "")


async def preview(request: Request) -> Response:
    """Answer the form: a part of the page."""
    form, lang = await form_of(request), lang_of(request.scope)
    missing = _missing(form)
    if missing:
        return page(request, "preview_wait.html.j2", missing=missing)
    try:
        shown, apart = _answers(request.app.state.service.desk, form, request.state.caller, lang)
    except (ValidationError, DrgpayError, Problem) as error:
        faults = _faults(of_error(error), lang)
        return page(request, "preview_fault.html.j2", faults=faults)
    request.state.times = len(shown)
    return page(request, "preview_answer.html.j2", answers=shown, apart=apart)


def _missing(form: Form) -> list[Bilingual]:
    """Return what must be said before a case can be grouped."""
    made = []
    if not form.all("dx_a"):
        made.append(both("主要诊断", "the principal diagnosis"))
    if not form.one("sex"):
        made.append(both("性别", "sex"))
    if not form.one("age_years"):
        made.append(both("年龄", "age"))
    return made


def _answers(
    desk: Desk, form: Form, caller: Caller, lang: str
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return the answer to each coding as it is shown, and how the second differs."""
    plain: dict[str, Any] = {name: form.one(name) for name in PLAIN if form.one(name)}
    if "total_cost" in plain:
        plain["total_cost"] = plain["total_cost"].replace(",", "").replace("，", "")
    if "pool_fund" in plain:
        plain["pool_fund"] = plain["pool_fund"].replace(",", "").replace("，", "")
    plain["icu"] = form.one("icu") == "1"
    ways = [way for way in WAYS if way == "a" or (form.one("two") and form.all(f"dx_{way}"))]
    raw, shown = [], []
    for way in ways:
        codes = {"diagnoses": form.all(f"dx_{way}"), "procedures": form.all(f"px_{way}")}
        case = case_of(CaseIn.model_validate({**plain, **codes}))
        answer, told = desk.answered(case, caller, scheme=None, explained=True, lang=lang)
        assert told is not None  # it was asked for
        raw.append(answer)
        shown.append({"way": way, **shown_answer(answer, told, lang)})
    return shown, difference(raw) if len(raw) == len(WAYS) else None


def _faults(problem: Problem, lang: str) -> list[dict[str, str]]:
    """Return what is wrong with the form, field by field, fields by their words."""
    t, made = choosing(lang), []
    told = problem.as_dict(lang)
    for one in told.get("errors", ()) or [{"field": "", "message": told["title"], "remedy": told.get("detail", "")}]:  # fmt: skip
        name = str(one["field"]).partition(".")[0]
        word = FIELD_WORDS.get(name)
        chinese = BY_NAME[name].chinese if name in BY_NAME else name
        made.append(
            {
                "field": name if word is not None else "",
                "word": word.of(lang) if word is not None else t(chinese, name),
                "message": one["message"],
                "remedy": one["remedy"],
            }
        )
    return made


ROWS = (
    Row(method="GET", path="/", call=home, roles=EVERYONE, page=True),
    Row(
        method="POST", path="/preview", call=preview, roles=READERS, body=256 * KIB, rate="usual",
        audit="preview", page=True,
    ),
)  # fmt: skip

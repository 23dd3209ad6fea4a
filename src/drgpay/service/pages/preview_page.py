"""试分组: one case, its group, points and payment, beside the form at each change.

The form is sent as a whole at each change and kept nowhere, unless it is saved by its own button;
nothing of a case stands in an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

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
from drgpay.service.roles import EVERYONE, READERS, REGION, SAVERS, Caller
from drgpay.service.rows import KIB, Row
from drgpay.service.saved import SaveIn, Stay, forget, save, saved_one, saved_ones, told

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
    "title": both("题名（不写患者姓名）", "Title (no patient's name)"),
}
_KINDS = (("dx", "diagnoses"), ("px", "procedures"))
_SCRIPTS = ["vendor/tom-select.js", "vendor/sortable.js", "preview.js"]


async def home(request: Request) -> Response:
    """Show the form of one case; who hands out keys is sent where that is done."""
    caller: Caller = request.state.caller
    if caller.role not in READERS:
        return RedirectResponse("/keys", 303)
    board: Board = request.app.state.service.desk.board
    hospitals = []
    if caller.role in REGION and board.pricer is not None:
        hospitals = [(h["hospital_id"], h["name"]) for h in board.pricer.manifest["hospitals"]]
    kept, filled = await run_in_threadpool(_kept, request, caller)
    return page(
        request, "preview.html.j2", kept=kept, filled=filled,
        made="", may_keep=caller.role in SAVERS, scripts=_SCRIPTS, words=FIELD_WORDS, pools=pools_of(board),
        hospitals=hospitals, ways=CHOICE_WORDS["discharge_way"].items(),
        own_name=own_name(board, caller),
    )  # fmt: skip


def _kept(request: Request, caller: Caller) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return the caller's saved previews, and the one that the address names as the form has it."""
    if caller.role not in SAVERS:
        return [], None
    service, asked, filled = request.app.state.service, request.query_params.get("saved"), None
    if asked:
        stay = saved_one(service.store, caller, asked).stay
        filled = _fields_of(stay, told(service.desk, caller, stay, lang_of(request.scope)).codings)
    return saved_ones(service.store, caller), filled


def _fields_of(stay: Stay, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a stay as the fields of the form; each code with the name that the answer has."""
    case = stay.model_dump(mode="json", exclude_unset=True)["case"]
    made = {name: case[name] for name in PLAIN if case.get(name) not in (None, "", False)}
    ways = [case, *(coding.model_dump() for coding in stay.codings)]
    for way, own, answer in zip(WAYS, ways, answers, strict=False):
        for short, kind in _KINDS:
            names = {
                one.get("written") or one["code"]: one["name"] for one in answer["codes"][kind]
            }
            made[f"{short}_{way}"] = [[code, names.get(code, "")] for code in own.get(kind, ())]
    return made


async def save_form(request: Request) -> Response:
    """Keep what the form says; the list of what is kept, a part of the page."""
    form, service, caller = await form_of(request), request.app.state.service, request.state.caller
    lang = lang_of(request.scope)
    try:
        asked = SaveIn.model_validate({**_stay(form), "title": form.one("title")})

        def keep() -> str:
            told(service.desk, caller, asked, lang)  # nothing is kept that cannot be opened
            return save(service.store, caller, asked.title, asked)

        made = await run_in_threadpool(keep)
    except (ValidationError, DrgpayError, Problem) as error:
        faults = _faults(of_error(error), lang)
        return page(request, "preview_fault.html.j2", faults=faults)
    kept = await run_in_threadpool(saved_ones, service.store, caller)
    return page(request, "preview_saved.html.j2", kept=kept, made=made)


async def forget_form(request: Request) -> Response:
    """Delete one that is kept; the list of what is left, a part of the page."""
    store, caller = request.app.state.service.store, request.state.caller
    await run_in_threadpool(forget, store, caller, request.path_params["preview_id"])
    kept = await run_in_threadpool(saved_ones, store, caller)
    return page(request, "preview_saved.html.j2", kept=kept, made="")


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
    stay = _stay(form)
    raw, shown = [], []
    for way, codes in zip(WAYS, [{}, *stay["codings"]], strict=False):
        case = case_of(CaseIn.model_validate({**stay["case"], **codes}))
        answer, told = desk.answered(case, caller, scheme=None, explained=True, lang=lang)
        assert told is not None  # it was asked for
        raw.append(answer)
        shown.append({"way": way, **shown_answer(answer, told, lang)})
    return shown, difference(raw) if len(raw) == len(WAYS) else None


def _stay(form: Form) -> dict[str, Any]:
    """Return what the form says, as `Stay` reads it: the case, and the second coding if it is shown."""
    plain: dict[str, Any] = {name: form.one(name) for name in PLAIN if form.one(name)}
    for name in ("total_cost", "pool_fund"):
        if name in plain:
            plain[name] = plain[name].replace(",", "").replace("，", "")
    plain["icu"] = form.one("icu") == "1"
    first, second = ({kind: form.all(f"{short}_{way}") for short, kind in _KINDS} for way in WAYS)
    shown = form.one("two") and second["diagnoses"]
    return {"case": {**plain, **first}, "codings": [second] if shown else []}


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
    Row(
        method="POST", path="/previews", call=save_form, roles=SAVERS, body=256 * KIB,
        audit="save", page=True,
    ),
    Row(
        method="DELETE", path="/previews/{preview_id}", call=forget_form, roles=SAVERS,
        audit="forget", page=True,
    ),
)  # fmt: skip

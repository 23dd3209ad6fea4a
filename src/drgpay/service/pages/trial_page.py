"""A trial with sliders: the settled year under other budgets and parameters, tried and never paid."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from drgpay.ground.errors import DrgpayError, both
from drgpay.ground.languages import choose, choosing
from drgpay.ground.money import divide_rounded
from drgpay.report import amounts
from drgpay.report.amounts import percent, yuan
from drgpay.service.pages.charts import Series, chart, lengths
from drgpay.service.pages.forms import Form, form_of
from drgpay.service.pages.shell import page
from drgpay.service.problems import Problem, lang_of, of_error
from drgpay.service.roles import AGENCY
from drgpay.service.rows import KIB, Row
from drgpay.service.service import Service
from drgpay.trials.live import LiveTrial
from drgpay.trials.outcome import Outcome
from drgpay.trials.simulate import Setting

MOST_PERCENT = 20  # that a budget is moved by, up or down
_NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,2})?")
_SCRIPTS = ["vendor/echarts.js", "charts.js", "trial.js"]
# parameters that a slider can move without another reading of the cases: from, to, step
SLIDERS: Mapping[str, tuple[str, str, str]] = {
    "keep_ratio": ("0", "1", "0.05"),
    "fund_share_of_overspend": ("0", "1", "0.05"),
    "low.multiple": ("0.1", "0.6", "0.05"),
    "readmission.factor": ("0", "1", "0.05"),
    "review.points_max": ("1", "4", "0.5"),
}


@dataclass(frozen=True, slots=True)
class Slider:
    """A slider as the page shows it; `value` is where it stands today."""

    name: str
    word: str
    low: str
    high: str
    step: str
    value: str
    unit: str


class Trials:
    """The regions that the agency tries on, each read and settled when it is first asked for."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._begun: dict[str, Future[LiveTrial]] = {}

    def begin(self, folder: str, *, again: bool = True) -> Future[LiveTrial]:
        """Return the region of a folder, to be had as soon as it is read and settled.

        `again`: what could not be read is tried once more.
        """
        with self._one:
            found = self._begun.get(folder)
            if found is None or (again and found.done() and found.exception()):
                found = self._begun[folder] = Future()
                found.set_running_or_notify_cancel()  # who waits and goes does not end it
                Thread(target=_read, args=(folder, found), daemon=True).start()
            return found


def _read(folder: str, into: Future[LiveTrial]) -> None:
    try:
        into.set_result(LiveTrial(Path(folder)))
    except BaseException as error:
        into.set_exception(error)


TRIALS = Trials()


def _folder(request: Request) -> str:
    service: Service = request.app.state.service
    if not service.settings.region:
        raise Problem(
            404,
            "no_region",
            both("没有给服务指明区域文件夹", "the service was given no region folder"),
            both("drgpay serve --region 文件夹", "drgpay serve --region FOLDER"),
        )
    return service.settings.region


async def trial(request: Request) -> Response:
    """Show the sliders, or at once that the year is being settled for them."""
    return page(
        request, "trial.html.j2", scripts=_SCRIPTS, **_body(request, TRIALS.begin(_folder(request)))
    )


async def sliders(request: Request) -> Response:
    """Show the sliders in the place of what says that they are coming: a part of the page."""
    begun = TRIALS.begin(_folder(request), again=False)
    if begun.done() and isinstance(error := begun.exception(), DrgpayError):
        return _fault(request, error)
    return page(request, "trial_body.html.j2", **_body(request, begun))


def _body(request: Request, begun: Future[LiveTrial]) -> dict[str, Any]:
    """Return what the page's body shows; no sliders as long as there are none."""
    if not begun.done():
        return {"sliders": None}
    live, lang = begun.result(), lang_of(request.scope)
    return {
        "sliders": sliders_of(live, lang), "name": live.region.name, "year": live.region.year,
    }  # fmt: skip


def _fault(request: Request, error: DrgpayError) -> Response:
    lang = lang_of(request.scope)
    told = {"detail": "", "errors": [], "request_id": "", **of_error(error).as_dict(lang)}
    return page(request, "fault_part.html.j2", problem=told)


def sliders_of(live: LiveTrial, lang: str) -> list[Slider]:
    """Return what can be moved: the budget of each pool, and the parameters in use."""
    t = choosing(lang)
    made = [
        Slider(
            f"budget.{pool.id}", f"{pool.name} {pool.id} {t('预算', 'budget')}",
            str(-MOST_PERCENT), str(MOST_PERCENT), "0.5", "0", "%",
        )
        for pool in live.region.pools
    ]  # fmt: skip
    for key, (low, high, step) in SLIDERS.items():
        parameter = live.today.policy.parameters.get(key)
        if parameter is None or not parameter.used or not _is_number(parameter.raw):
            continue
        word = choose(lang, parameter.name, key)
        made.append(Slider(key, word, low, high, step, str(parameter.raw), ""))
    return made


def _is_number(raw: object) -> bool:
    return isinstance(raw, (int, str, Decimal, float)) and bool(_NUMBER.fullmatch(str(raw)))


async def tried(request: Request) -> Response:
    """Settle the year as the sliders say: a part of the page."""
    form, lang = await form_of(request), lang_of(request.scope)
    try:
        live = await asyncio.wrap_future(TRIALS.begin(_folder(request)))
        settings = settings_of(form, live)
        found = await run_in_threadpool(live.outcome, settings)
    except DrgpayError as error:
        return _fault(request, error)
    return page(request, "trial_answer.html.j2", **_view(live, found, settings, lang))


def settings_of(form: Form, live: LiveTrial) -> list[Setting]:
    """Return what the sliders changed; raises Problem for what no slider says."""
    made = []
    for slider in sliders_of(live, "zh"):
        text = form.one(slider.name) or slider.value
        if not _NUMBER.fullmatch(text) or not Decimal(slider.low) <= Decimal(text) <= Decimal(slider.high):  # fmt: skip
            raise Problem(422, "invalid", both("滑块的值不对", "a slider has a wrong value"))
        if Decimal(text) == Decimal(slider.value):
            continue
        if slider.name.startswith("budget."):
            pool = next(p for p in live.region.pools if f"budget.{p.id}" == slider.name)
            parts = int(Decimal(text) * 100)  # of 10,000
            fen = divide_rounded(pool.budget_fen * (10_000 + parts), 10_000)
            text = f"{fen // 100}.{fen % 100:02d}"
        made.append(Setting(slider.name, text))
    return made


def _view(live: LiveTrial, found: Outcome, settings: list[Setting], lang: str) -> dict[str, Any]:
    """Return the trial beside today."""
    t, today = choosing(lang), live.today
    names = {h.id: h.name for h in live.region.hospitals}
    pool_names = {p.id: f"{p.name} {p.id}".strip() for p in live.region.pools}
    before, after = today.values(), found.values()

    def value(fen: Any) -> str:
        return amounts.fixed(amounts.rounded(fen / 100, 4), 4)

    pools = [
        {
            "name": pool_names.get(pool, pool),
            "before": value(before[pool]),
            "after": value(after[pool]) if pool in after else "—",
            "change": amounts.fixed(amounts.rounded((after[pool] - before[pool]) / 100, 4), 4, True) if pool in after else "—",
        }
        for pool in sorted(before)
    ]  # fmt: skip
    old, new = today.due_by_hospital(), found.due_by_hospital()
    rows = sorted((new.get(h, 0) - old.get(h, 0), h) for h in {*old, *new})
    hospitals = [
        {
            "id": h,
            "name": names.get(h, ""),
            "before": yuan(old.get(h, 0)),
            "after": yuan(new.get(h, 0)),
            "change": yuan(change, signed=True),
            "share": percent(change, old.get(h, 0), 2, signed=True),
            "sign": "gain" if change > 0 else "loss" if change < 0 else "",
        }
        for change, h in rows
    ]
    shown = rows if len(rows) <= 12 else [*rows[:6], *rows[-6:]]
    series = Series(
        name=t("应付之差", "change of due"),
        values=lengths([change for change, _ in shown]),
        texts=[f"{yuan(change, signed=True)} {t('元', 'yuan')}" for change, _ in shown],
    )
    labels = [f"{h} {names.get(h, '')}" for _, h in shown]
    return {
        "pools": pools,
        "hospitals": hospitals,
        "same": not settings,
        "total": yuan(found.due_fen - today.due_fen, signed=True),
        "chart": chart("sides", labels, [series], label=t("各机构应付的变化", "change of dues"), unit=t("万元", "10,000 yuan")),
    }  # fmt: skip


ROWS = (
    Row(method="GET", path="/region/trial", call=trial, roles=AGENCY, page=True),
    Row(method="GET", path="/region/trial/sliders", call=sliders, roles=AGENCY, page=True),
    Row(method="POST", path="/region/trial", call=tried, roles=AGENCY, page=True, body=8 * KIB,
        audit="trial"),
)  # fmt: skip

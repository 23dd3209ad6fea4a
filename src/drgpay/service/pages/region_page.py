"""全区: the point value by month, the ceiling, execution against time, institutions, warnings, runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from drgpay.ground.errors import both
from drgpay.ground.languages import choosing
from drgpay.ground.times import moment
from drgpay.months.forecast import carried_on
from drgpay.names.run_columns import label
from drgpay.report import amounts
from drgpay.report.amounts import percent, points, ten_thousand_yuan, yuan
from drgpay.report.run import Run
from drgpay.report.runs_diff import diff_lines
from drgpay.report.sections import ceiling_table, funds_table, summary_table
from drgpay.report.texts import Words
from drgpay.runs.records import diff_runs
from drgpay.service.desk import Board
from drgpay.service.pages import results
from drgpay.service.pages.charts import Series, chart, lengths
from drgpay.service.pages.shell import page
from drgpay.service.pages.signals_view import signals_of
from drgpay.service.problems import lang_of, not_there
from drgpay.service.published import Published
from drgpay.service.roles import AGENCY, REGION
from drgpay.service.rows import Row
from drgpay.service.service import Service

_SCRIPTS = ["vendor/echarts.js", "charts.js"]


async def region(request: Request) -> Response:
    """Show the region to the agency and to auditors."""
    lang = lang_of(request.scope)
    service: Service = request.app.state.service
    board = service.desk.board
    if not board.runs:
        raise results.nothing_published()
    values = await run_in_threadpool(_view, board, lang)
    may_try = bool(service.settings.region) and request.state.caller.role in AGENCY
    return page(request, "region.html.j2", scripts=_SCRIPTS, may_try=may_try, **values)


def _view(board: Board, lang: str) -> dict[str, Any]:
    """Return what the page of the region shows."""
    months = results.months_of(board)
    manifest = results.month_of(months[-1])[0] if months else None
    run = results.year_run(board) if board.year is not None else None
    w = Words(lang)
    values: dict[str, Any] = {
        "name": (run.manifest if run is not None else manifest or {})["region"]["name"],
        "period": board.year.period if board.year is not None else months[-1].period,
        "values": None if manifest is None else _values(manifest, run, lang),
        "execution": None if manifest is None else _execution(manifest, lang),
        "gauge": None,
        "tables": [],
        "hospitals": [],
        "tiles": [],
        "warnings": [],
        "basis": results.basis_of(board, lang),
        "signals": signals_of(board, lang, sees_all=True),
        "runs": [_published(one, board) for one in reversed(board.runs)],
    }
    shown = run.manifest if run is not None else manifest
    assert shown is not None  # something is published
    if shown.get("ceiling"):
        values["gauge"] = _gauge(shown["ceiling"], lang)
    values["warnings"] = [str(one[lang]) for one in shown.get("warnings", ())]
    if run is not None:
        values["tiles"] = _tiles(run, lang)
        values["hospitals"] = _hospitals(run)
        values["tables"] = [t for t in (summary_table(run, w), funds_table(run, w), ceiling_table(run, w)) if t is not None]  # fmt: skip
    return values


def _tiles(run: Run, lang: str) -> list[dict[str, str]]:
    """Return the settled year's largest figures."""
    t, made = choosing(lang), []
    for pool in run.records("pools"):
        value = amounts.fixed(amounts.rounded(Fraction(pool["point_value_fraction"]), results.VALUE_PLACES), results.VALUE_PLACES)  # fmt: skip
        cases = f"{pool['cases']:,} {t('例', 'cases')}"
        made.append(
            {
                "label": f"{run.pool_name(pool['pool'])} {t('点值', 'point value')}",
                "value": value,
                "unit": t("元/点", "yuan a point"),
                "sub": f"{cases} · {points(amounts.units_of(pool['points'], 4))} {t('点', 'points')}",
            }
        )
    total = run.total
    for name, fen in (
        (t("年度应付", "Due for the year"), total.due),
        (label("hospitals", "payable_fen", lang), total.payable),
        (label("hospitals", "recover_fen", lang), total.recover),
    ):
        made.append({"label": name, "value": ten_thousand_yuan(fen), "unit": t("万元", "10,000 yuan"), "sub": ""})  # fmt: skip
    return made


def _values(manifest: Mapping[str, Any], run: Run | None, lang: str) -> dict[str, Any]:
    """Return the point values by month and pool, the settled one beside them."""
    t = choosing(lang)
    by_pool: dict[str, dict[str, Fraction]] = defaultdict(dict)
    names: dict[str, str] = {}
    for row in manifest["months"]:
        names[row["pool"]] = f"{row['name']} {row['pool']}".strip()
        if row["point_value_fraction"] is not None:
            by_pool[row["pool"]][row["month"]] = Fraction(row["point_value_fraction"])
    settled = {} if run is None else {r["pool"]: Fraction(r["point_value_fraction"]) for r in run.records("pools")}  # fmt: skip
    months = sorted({month for own in by_pool.values() for month in own})

    def text(value: Fraction | None) -> str:
        if value is None:
            return "—"
        return amounts.fixed(amounts.rounded(value, results.VALUE_PLACES), results.VALUE_PLACES)

    series, rows = [], []
    for pool, own in sorted(by_pool.items()):
        found = [own.get(month) for month in months]
        series.append(
            Series(
                name=names[pool],
                values=[None if v is None else float(v) for v in found],
                texts=[text(v) for v in found],
            )
        )
        rows.append({"pool": names[pool], "values": [text(v) for v in found], "settled": text(settled.get(pool))})  # fmt: skip
    titled = t("各月暂定点值", "provisional point value by month")
    return {
        "months": months,
        "rows": rows,
        "chart": chart("lines", months, series, label=titled, unit=t("元/点", "yuan a point")),
    }


def _execution(manifest: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Return what the months paid against an even course of the year, carried on to its end."""
    t = choosing(lang)
    paid: dict[str, int] = defaultdict(int)
    budget: dict[str, int] = defaultdict(int)
    for row in manifest["months"]:
        paid[row["month"]] += row["paid_fen"]
        budget[row["month"]] += row["budget_fen"]
    months = sorted(paid)
    course = carried_on([paid[m] for m in months], [budget[m] for m in months])
    labels = [f"{manifest['region']['year']}-{n:02d}" for n in range(1, 13)]

    def series(name: str, fen: Sequence[int | None], dashed: bool = False) -> Series:
        texts = ["—" if one is None else f"{ten_thousand_yuan(one)} {t('万元', '10,000 yuan')}" for one in fen]  # fmt: skip
        return Series(name=name, values=lengths(fen), texts=texts, dashed=dashed)

    lines = [
        series(t("累计已付", "paid so far"), course.paid),
        series(t("预算按月累计", "budget so far"), course.budget, dashed=True),
        *[series(t("按已有月份推算", "carried on"), course.forecast, dashed=True)]
        * (len(months) < 12),
    ]
    last = course.paid[len(months) - 1]
    return {
        "chart": chart("lines", labels, lines, label=t("执行进度", "execution"), unit=t("万元", "10,000 yuan")),
        "time": percent(len(months), 12),
        "done": percent(last or 0, course.budget_year),
        "forecast": yuan(course.forecast_year),
        "budget": yuan(course.budget_year),
        "forecast_share": percent(course.forecast_year, course.budget_year),
        "whole": len(months) == 12,
    }  # fmt: skip


def _gauge(ceiling: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Return how much of the control target the payments take."""
    t = choosing(lang)
    total, free = int(ceiling["total_fen"]), int(ceiling["free_fen"])
    share = percent(total, free, 2)
    value = 100 * total / free if free else 0.0
    own = Series(name=t("已占", "taken"), values=[value], texts=[share])
    return {
        "chart": chart(
            "gauge", [t("占可支付额", "of what is to be paid")], [own],
            label=t(f"支付占可支付额的 {share}", f"payments take {share} of what is to be paid"),
            most=max(125.0, value * 1.1), marks=[{"value": 100, "text": ""}],
        ),
        "total": yuan(total),
        "free": yuan(free),
        "excess": yuan(int(ceiling["excess_fen"])),
    }  # fmt: skip


def _hospitals(run: Run) -> list[tuple[str, str]]:
    return [(str(h), run.hospital_name(h)) for h in sorted(run.hospitals)]


def _published(run: Published, board: Board) -> dict[str, Any]:
    return {
        "id": run.id, "kind": run.kind, "period": run.period, "digest": run.digest[:12],
        "at": moment(run.published_at), "by": run.published_by,
        "latest": board.year is not None and run.id == board.year.id,
    }  # fmt: skip


async def compared(request: Request) -> Response:
    """Show how two published results differ."""
    board: Board = request.app.state.service.desk.board
    lang, found = lang_of(request.scope), {run.id: run for run in board.runs}
    asked = [request.query_params.get(name, "") for name in ("from", "to")]
    if not all(one in found for one in asked):
        raise not_there(both("没有发布过这一结果", "no such result is published"))
    first, second = (found[one] for one in asked)
    diff = await run_in_threadpool(diff_runs, first.folder, second.folder)
    return page(
        request, "runs_compared.html.j2", lines=list(diff_lines(diff, lang)),
        periods=(first.period, second.period),
    )  # fmt: skip


ROWS = (
    Row(method="GET", path="/region", call=region, roles=REGION, page=True, audit="see region"),
    Row(method="GET", path="/region/compared", call=compared, roles=REGION, page=True,
        audit="see region"),
)  # fmt: skip

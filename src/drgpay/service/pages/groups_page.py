"""病组: the groups of a scheme, their rules in words, lists, base points, cost; versions compared."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow.compute as pc
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from drgpay.ground.errors import both, in_language
from drgpay.ground.languages import choose, choosing
from drgpay.ground.money import divide_rounded
from drgpay.ground.reference import bundled
from drgpay.report.amounts import fixed, yuan
from drgpay.schemes import load_scheme
from drgpay.schemes.diff import SchemeDiff, diff_schemes
from drgpay.schemes.tables import Scheme
from drgpay.schemes.versions import bundled_families
from drgpay.service import lookup
from drgpay.service.desk import Board, Desk
from drgpay.service.pages.charts import Series, chart
from drgpay.service.pages.shell import page
from drgpay.service.problems import Problem, lang_of
from drgpay.service.roles import READERS, REGION, Caller
from drgpay.service.rows import Row

LIST_CODES = 60  # of each list on the page of a group
MOST_FOUND = 100
MOST_ROWS = 300  # of each section of a comparison; the file of `drgpay scheme diff` has all
BINS = 14
QUANTILES = ((10, "P10"), (25, "P25"), (50, "P50"), (75, "P75"), (90, "P90"))
_LIST_WORDS = {
    "diagnosis": both("诊断", "diagnoses"),
    "procedure": both("手术操作", "procedures"),
}


async def groups(request: Request) -> Response:
    """List the groups: MDCs, those of one, or those that a text finds."""
    desk, lang = request.app.state.service.desk, lang_of(request.scope)
    scheme_id = request.query_params.get("scheme", "")[:64]
    mdc = request.query_params.get("mdc", "")[:16]
    asked = request.query_params.get("q", "").strip()[:64]
    made = await run_in_threadpool(_listed, desk, scheme_id, mdc, asked)
    return page(
        request, "groups.html.j2", scripts=[], asked=asked, mdc=mdc, scheme_id=scheme_id,
        schemes=_choices(desk, lang), **made,
    )  # fmt: skip


def _choices(desk: Desk, lang: str) -> list[tuple[str, str]]:
    """Return the bundled schemes, and families in force, as they are chosen from."""
    return [(name, name) for name in (*bundled_families(), *bundled("schemes"))]


def _listed(desk: Desk, scheme_id: str, mdc: str, asked: str) -> dict[str, Any]:
    grouper = lookup.grouper_of(desk, scheme_id or None)
    scheme = grouper.scheme
    base = lookup.base_of(desk.board, scheme)
    rows = list(lookup.groups_of(scheme, base))
    found: list[dict[str, Any]] | None = None
    if asked:
        kinds = ("mdc", "adrg", "drg")
        codes = [(f.kind, f.code) for f in lookup.search_of(grouper).find(asked, kinds=kinds, limit=MOST_FOUND)]  # fmt: skip
        found = [r for r in rows if any(r[kind] == code for kind, code in codes)]
    elif mdc:
        found = [r for r in rows if r["mdc"] == mdc]
    count = Counter(r["mdc"] for r in rows)
    adrgs = {m: len({r["adrg"] for r in rows if r["mdc"] == m}) for m in count}
    mdcs = [
        {"code": m.mdc, "name": m.name, "drgs": f"{count[m.mdc]:,}", "adrgs": f"{adrgs[m.mdc]:,}"}
        for m in scheme.mdcs
        if m.mdc in count
    ]
    return {
        "scheme": _about(scheme),
        "mdcs": mdcs,
        "found": None if found is None else _by_adrg(found),
        "number": "" if found is None else f"{len(found):,}",
        "with_base": bool(base),
    }


def _about(scheme: Scheme) -> dict[str, Any]:
    return {
        "id": scheme.id,
        "title": scheme.title,
        "draft": scheme.draft,
        "drgs": f"{len({d.drg for d in scheme.drgs}):,}",
    }


def _by_adrg(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return groups under their ADRGs, in order."""
    made: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        made.setdefault((row["mdc"], row["adrg"]), []).append(row)
    return [
        {
            "mdc": own[0]["mdc"],
            "code": own[0]["adrg"],
            "name": own[0]["adrg_name"],
            "drgs": own,
        }
        for own in made.values()
    ]


async def group(request: Request, drg: str) -> Response:
    """Show one group: the ways into it, its lists, what the published year says of it."""
    desk, lang = request.app.state.service.desk, lang_of(request.scope)
    scheme_id = request.query_params.get("scheme", "")[:64]
    caller: Caller = request.state.caller
    made = await run_in_threadpool(_group, desk, scheme_id, drg, caller.role in REGION, lang)
    return page(
        request, "group.html.j2", scripts=["vendor/echarts.js", "charts.js"], scheme_id=scheme_id,
        list_words=_LIST_WORDS, **made,
    )  # fmt: skip


def _group(desk: Desk, scheme_id: str, drg: str, sees_all: bool, lang: str) -> dict[str, Any]:
    scheme = lookup.grouper_of(desk, scheme_id or None).scheme
    found = lookup.Pages(scheme, lang, None, 0, LIST_CODES).group(drg[:64])
    row = lookup.base_of(desk.board, scheme).get(found["drg"])
    base = None if row is None else lookup.base_dict(desk.board, row, sees_all)
    for way in found["ways"]:
        for own in way["lists"]:
            own["count_text"] = f"{own['count']:,}"
            own["left"] = f"{own['count'] - len(own['codes']):,}" if own["count"] > len(own["codes"]) else ""  # fmt: skip
    shown = None if base is None else _base(base)
    spread = None
    if row is not None and base is not None and base["cases"]:
        spread = _spread(desk.board, found["drg"], lang)
    return {"scheme": _about(scheme), "g": found, "base": shown, "spread": spread}


def _base(base: dict[str, Any]) -> dict[str, Any]:
    """Return what the published year says of a group, as texts."""

    def money(value: Any) -> str:
        return "—" if value is None else yuan(round(float(value)))

    return {
        **base,
        "mean": money(base["group_mean_fen"]),
        "median": money(base["median_after_fen"]),
        "cases": None if base["cases"] is None else f"{base['cases']:,}",
        "cost": None if base["total_cost_fen"] is None else yuan(base["total_cost_fen"]),
        "history": "—" if base["history_cases"] is None else f"{base['history_cases']:,}",
        "cv": "—" if base["cv_after"] is None else f"{float(base['cv_after']):.2f}",
        "cv_before": "—" if base["cv_before"] is None else f"{float(base['cv_before']):.2f}",
    }


def _spread(board: Board, drg: str, lang: str) -> dict[str, Any] | None:
    """Return how the cost of a group's cases spreads over the region in the published year."""
    assert board.pricer is not None
    table = board.pricer.table("cases", ("drg", "status", "total_cost_fen"))
    own = table.filter(
        pc.and_(
            pc.equal(pc.cast(table["drg"], "string"), drg),
            pc.equal(pc.cast(table["status"], "string"), "grouped"),
        )
    )["total_cost_fen"].drop_null()
    cost = np.sort(own.to_numpy())
    if len(cost) < lookup.FEWEST * 2:
        return None  # too few to be told apart
    t = choosing(lang)
    quantiles = [(word, yuan(int(cost[(len(cost) - 1) * p // 100]))) for p, word in QUANTILES]
    low, high = int(cost[0]), int(cost[(len(cost) - 1) * 98 // 100])
    edges = [low + (high - low) * i // BINS for i in range(BINS + 1)]
    counts = np.histogram(cost, bins=np.array([*edges[:-1], max(int(cost[-1]), edges[-1]) + 1]))[0]
    labels = [_ten_thousands(edge) for edge in edges[:-1]]
    texts = [t(f"{n:,}例", f"{n:,} cases") for n in counts.tolist()]
    series = Series(name=t("病例数", "cases"), values=counts.tolist(), texts=texts)
    label = t(f"{drg} 费用分布，{len(cost):,}例", f"cost of {drg}, {len(cost):,} cases")
    return {
        "quantiles": quantiles,
        "number": f"{len(cost):,}",
        "chart": chart("columns", labels, [series], label=label, unit=t("例", "cases")),
    }


def _ten_thousands(fen: int) -> str:
    """Return an amount on an axis, in 10,000 yuan."""
    return fixed(divide_rounded(fen, 10_000), 2)


async def compared(request: Request) -> Response:
    """Compare two versions of a scheme, or two schemes."""
    lang = lang_of(request.scope)
    names = bundled("schemes")
    first, second = (request.query_params.get(name, "") for name in ("from", "to"))
    values: dict[str, Any] = {"first": first, "second": second, "schemes": names, "diff": None}
    if first or second:
        for name in (first, second):
            if name not in names:
                raise Problem(404, "no_scheme", both("没有这个分组方案", "there is no such scheme"))
        values["diff"] = await run_in_threadpool(_diff, first, second, lang)
    return page(request, "groups_compared.html.j2", **values)


@lru_cache(maxsize=2)
def _differences(first: str, second: str) -> SchemeDiff:
    return diff_schemes(load_scheme(first), load_scheme(second))


def _diff(first: str, second: str, lang: str) -> dict[str, Any]:
    """Return a comparison as it is shown."""
    found = _differences(first, second)
    sections = []
    for section in found.sections:
        if not section.rows:
            continue
        columns = [in_language(column, lang) for column in section.columns]
        rows = [
            [f"{value:,}" if isinstance(value, int) else in_language(value, lang) for value in row]
            for row in section.rows[:MOST_ROWS]
        ]
        counts = [f"{in_language(change, lang)} {n:,}" for change, n in section.counts.items()]
        more = len(section.rows) - len(rows)
        sections.append(
            {
                "title": in_language(section.title, lang),
                "columns": columns,
                "rows": rows,
                "counts": choose(lang, "，", ", ").join(counts) if section.key != "options" else "",
                "more": f"{more:,}" if more else "",
            }
        )
    totals = [(in_language(name, lang), f"{a:,}", f"{b:,}", f"{b - a:+,}" if b != a else "") for name, a, b in found.totals]  # fmt: skip
    return {"sections": sections, "totals": totals}


ROWS = (
    Row(method="GET", path="/groups", call=groups, roles=READERS, page=True),
    Row(method="GET", path="/groups/compared", call=compared, roles=READERS, page=True),
    Row(method="GET", path="/groups/{drg}", call=group, roles=READERS, page=True),
)

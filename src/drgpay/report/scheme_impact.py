"""The page of an impact study: how cases move between the groups of two schemes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from drgpay.ground.errors import in_language
from drgpay.ground.languages import choose, choosing
from drgpay.grouper.outcome import UNGROUPABLE
from drgpay.trials.impact import HospitalImpact, Impact, Side, mdc_rows, notes

from .amounts import points as points_text
from .amounts import yuan
from .charts import Node, differences, flow_chart
from .pages import chart, page_parts, table, write_page

MDC_NODES = 14
MOVES_SHOWN = 24
HOSPITALS_SHOWN = 15
ROWS_SHOWN = 40
MOVES_LISTED = 500
REST = "*"


def write_impact_page(
    impact: Impact, path: Path, lang: str = "zh", *, synthetic: bool = False
) -> Path:
    """Write the page of an impact study; return its path. It needs no network and no script."""
    t = choosing(lang)
    a, b = impact.a, impact.b
    moved = {key: n for key, n in impact.flows("adrg").items() if key[0] != key[1]}
    top = dict(sorted(moved.items(), key=lambda item: (-item[1], item[0]))[:MOVES_SHOWN])
    ranked = sorted(impact.hospitals, key=lambda h: (-h.change_share, h.id))
    moves = sorted(
        ((n, cost, x, y) for (x, y), (n, cost) in impact.moves.items() if a.drgs[x] != b.drgs[y]),
        key=lambda move: (-move[0], move[2], move[3]),
    )
    parts = page_parts(
        "impact.html.j2",
        lang,
        impact=impact,
        synthetic=synthetic,
        shown=ROWS_SHOWN,
        used=lambda side: int((side.cases > 0).sum()),
        mdc_flow=_mdc_flow(impact, lang),
        top=top,
        moved=sum(moved.values()),
        adrg_flow=_adrg_flow(impact, top, lang) if top else "",
        hospital_chart=_hospital_chart(ranked, lang),
        hospital_heads=_heads(HOSPITAL_HEADS, lang),
        hospitals=[_hospital_row(h) for h in ranked],
        mdcs=_mdc_table(impact, lang),
        move_heads=_heads(MOVE_HEADS, lang),
        moves=[_move_row(impact, *move) for move in moves[:MOVES_LISTED]],
        all_moves=len(moves),
        notes=notes(impact),
    )
    return write_page(
        path,
        lang=lang,
        title=t(f"换用方案的影响：{a.id} → {b.id}", f"From {a.id} to {b.id}"),
        kicker=t("分组方案影响测算", "Impact of a change of scheme"),
        facts=[
            (t("前", "from"), in_language(a.title, lang), a.id),
            (t("后", "to"), in_language(b.title, lang), b.id),
            (t("政策", "policy"), impact.policy.title, f"{impact.policy.id} · {impact.year}"),
        ],
        mark=t("虚构数据，仅供演示", "INVENTED DATA") if synthetic else "",
        **parts,
    )


# heading in Chinese and in English, kind
HOSPITAL_HEADS = (
    ("医疗机构", "hospital", "code"), ("病例", "cases", "num"), ("CMI（前）", "CMI from", "num"),
    ("CMI（后）", "CMI to", "num"), ("点数（前）", "points from", "num"),
    ("点数（后，折算）", "points to, scaled", "num"), ("增减", "change", "num"), ("变动", "%", "num"),
)  # fmt: skip
MDC_HEADS = (
    ("MDC", "MDC", "code"), ("名称", "name", "text"), ("病例（前）", "cases from", "num"),
    ("病例（后）", "cases to", "num"), ("留下", "stay", "num"), ("CMI（前）", "CMI from", "num"),
    ("CMI（后）", "CMI to", "num"),
)  # fmt: skip
MOVE_HEADS = (
    ("前", "from", "code"), ("名称", "name", "text"), ("后", "to", "code"), ("名称", "name", "text"),
    ("病例", "cases", "num"), ("费用（元）", "cost (yuan)", "num"), ("权重（前）", "weight from", "num"),
    ("权重（后）", "weight to", "num"),
)  # fmt: skip


def _heads(columns: Sequence[tuple[str, str, str]], lang: str) -> list[tuple[str, str]]:
    return [(choose(lang, zh, en), kind) for zh, en, kind in columns]


def _decimal(value: Any) -> str:
    return "—" if value is None else f"{float(value):.4f}"


def _nodes(
    flows: Mapping[tuple[str, str], int], side: int, names: Mapping[str, str], order: Sequence[str]
) -> list[Node]:
    totals: Counter[str] = Counter()
    for key, n in flows.items():
        totals[key[side]] += n
    rank = {key: i for i, key in enumerate(order)}
    keys = sorted(totals, key=lambda key: rank.get(key, len(rank)))
    return [Node(key, names.get(key, key), f"{totals[key]:,}") for key in keys]


def _mdc_flow(impact: Impact, lang: str) -> str:
    flows = impact.flows("mdc")
    size: Counter[str] = Counter()
    for (x, y), n in flows.items():
        size[x] += n
        size[y] += n
    # cases that no group takes are never hidden among the rest
    kept = {key for key, _ in size.most_common(MDC_NODES)} | {UNGROUPABLE}
    merged: Counter[tuple[str, str]] = Counter()
    for (x, y), n in flows.items():
        merged[(x if x in kept else REST, y if y in kept else REST)] += n
    a, b = impact.a, impact.b
    rest = choose(lang, f"其余{len(size) - len(kept)}个", f"{len(size) - len(kept)} others")
    none = choose(lang, "未入组", "ungroupable")
    order = [*b.mdc_names, *a.mdc_names, REST, UNGROUPABLE]
    names = [
        {key: f"{key[3:]} {name}" for key, name in side.mdc_names.items()}
        | {REST: rest, UNGROUPABLE: f"0000 {none}"}
        for side in (a, b)
    ]
    return flow_chart(
        _nodes(merged, 0, names[0], order),
        _nodes(merged, 1, names[1], order),
        merged,
        (a.id, b.id),
        "MDC",
    )


def _adrg_flow(impact: Impact, top: Mapping[tuple[str, str], int], lang: str) -> str:
    sizes: Counter[str] = Counter()
    for (x, _), n in top.items():
        sizes[x] += n
    left = sorted(sizes, key=lambda key: (-sizes[key], key))
    place = {key: i for i, key in enumerate(left)}
    right = sorted(
        {y for _, y in top},
        key=lambda key: (min(place[x] for x, y in top if y == key), key),
    )
    names = [_adrg_names(side, lang) for side in (impact.a, impact.b)]
    return flow_chart(
        _nodes(top, 0, names[0], left),
        _nodes(top, 1, names[1], right),
        top,
        (impact.a.id, impact.b.id),
        "ADRG",
        body=420,
    )


def _adrg_names(side: Side, lang: str) -> dict[str, str]:
    none = choose(lang, "未入组", "ungroupable")
    return {
        key: f"{key} {none if key == UNGROUPABLE else side.adrg_names.get(key, '')}"
        for key in side.adrg_of
    }


def _hospital_chart(ranked: Sequence[HospitalImpact], lang: str) -> Markup:
    """Bars of the relative change, in millionths, of both ends; nothing where nothing changes."""
    shown = ranked
    if len(ranked) > 2 * HOSPITALS_SHOWN:
        shown = [*ranked[:HOSPITALS_SHOWN], *ranked[-HOSPITALS_SHOWN:]]
    bars = [
        (h.id, round(h.change_share * 1_000_000), f"{h.change_share:+.2%}")
        for h in shown
        if h.change
    ]
    title = choose(lang, "点数份额的变动", "Relative change of points")
    return chart(title, differences(bars, title)) if bars else Markup()


def _hospital_row(h: HospitalImpact) -> list[Any]:
    return [
        h.id, h.cases, *map(_decimal, h.cmi), points_text(h.points[0]), points_text(h.scaled),
        points_text(h.change), f"{h.change_share:+.2%}",
    ]  # fmt: skip


def _mdc_table(impact: Impact, lang: str) -> Markup:
    none = choose(lang, "未入组", "ungroupable")
    rows = [
        [mdc, name or none, before, after, stay, *map(_decimal, cmi)]
        for mdc, name, before, after, stay, *cmi in mdc_rows(impact)
    ]
    return table(_heads(MDC_HEADS, lang), rows, lang)


def _move_row(impact: Impact, n: int, cost: int, x: int, y: int) -> list[Any]:
    a, b = impact.a, impact.b
    weights = (a.weight(x), b.weight(y))
    return [a.drgs[x], a.names[x], b.drgs[y], b.names[y], n, yuan(cost), *map(_decimal, weights)]

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

from .amounts import percent, yuan
from .amounts import points as points_text
from .charts import Node, differences, flow_chart
from .pages import Banner, PageSection, Tile, chart, folded, table, write_page

MDC_NODES = 14
MOVES_SHOWN = 24
HOSPITALS_SHOWN = 15
ROWS_SHOWN = 40
REST = "*"


def write_impact_page(
    impact: Impact, path: Path, lang: str = "zh", *, synthetic: bool = False
) -> Path:
    """Write the page of an impact study; return its path. It needs no network and no script."""
    t = choosing(lang)
    a, b = impact.a, impact.b
    banners = [
        Banner("warning", side.id, t("征求意见稿，未正式施行", "a draft, not in force"))
        for side in (a, b)
        if side.draft
    ]
    if synthetic:
        banners.insert(
            0,
            Banner("danger", t("虚构数据", "Invented data"), t("病例均为虚构", "no case is real")),
        )
    sections = [
        PageSection(
            "flow",
            t("病例在MDC之间的流向", "Cases from MDC to MDC"),
            [
                t(
                    "浅色为留在原MDC的病例，深色为换了MDC的病例；带的宽度与病例数成正比。",
                    "Soft bands stay in their MDC, strong ones change it; width is cases.",
                )
            ],
            chart("", _mdc_flow(impact, lang)),
        ),
        PageSection(
            "adrg", t("变化最多的ADRG", "Most moves between ADRGs"), *_adrg_part(impact, lang)
        ),
        PageSection("hospitals", t("医疗机构", "Hospitals"), *_hospital_part(impact, lang)),
        PageSection("mdc", t("各MDC", "By MDC"), [], _mdc_table(impact, lang)),
        PageSection("moves", t("病组之间的变化", "Moves between groups"), [], _moves(impact, lang)),
        PageSection(
            "basis",
            t("测算的依据", "What this rests on"),
            [in_language(note, lang) for note in notes(impact)],
        ),
    ]
    same = [impact.staying(level) for level in ("drg", "adrg", "mdc")]
    counted = impact.counted
    tiles = [
        Tile(
            t("病例", "Cases"), f"{impact.rows:,}", t(f"测算 {counted:,}", f"{counted:,} measured")
        ),
        Tile(
            t("隔离", "Quarantined"),
            f"{len(impact.quarantine):,}",
            t("未参加测算", "not measured"),
            "loss" if len(impact.quarantine) else "",
        ),
        Tile(t("MDC不变", "Same MDC"), percent(same[2], counted), f"{same[2]:,}"),
        Tile(t("ADRG代码不变", "Same ADRG code"), percent(same[1], counted), f"{same[1]:,}"),
        Tile(t("DRG代码不变", "Same DRG code"), percent(same[0], counted), f"{same[0]:,}"),
        *(
            Tile(
                t("入组率", "Grouped") + f" {side.id}",
                percent(side.counts.grouped, counted, 2),
                t("用到的病组", "groups used") + f" {int((side.cases > 0).sum()):,}",
            )
            for side in (a, b)
        ),
    ]
    facts = [
        (t("前", "from"), in_language(a.title, lang), a.id),
        (t("后", "to"), in_language(b.title, lang), b.id),
        (t("政策", "policy"), impact.policy.title, f"{impact.policy.id} · {impact.year}"),
    ]
    return write_page(
        path,
        lang=lang,
        title=t(f"换用方案的影响：{a.id} → {b.id}", f"From {a.id} to {b.id}"),
        kicker=t("分组方案影响测算", "Impact of a change of scheme"),
        facts=facts,
        sections=sections,
        banners=banners,
        tiles=tiles,
        mark=t("虚构数据，仅供演示", "INVENTED DATA") if synthetic else "",
    )


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


def _adrg_part(impact: Impact, lang: str) -> tuple[list[str], Markup]:
    t = choosing(lang)
    moved = {key: n for key, n in impact.flows("adrg").items() if key[0] != key[1]}
    total = sum(moved.values())
    top = dict(sorted(moved.items(), key=lambda item: (-item[1], item[0]))[:MOVES_SHOWN])
    if not top:
        return [t("没有病例换了ADRG。", "No case changes its ADRG.")], Markup()
    left = sorted(
        {x for x, _ in top}, key=lambda key: -sum(n for k, n in top.items() if k[0] == key)
    )
    place = {key: i for i, key in enumerate(left)}
    right = sorted(
        {y for _, y in top},
        key=lambda key: (min(place[x] for x, y in top if y == key), key),
    )
    names = [_adrg_names(side, lang) for side in (impact.a, impact.b)]
    shown = sum(top.values())
    lead = t(
        f"{total:,} 例换了ADRG代码；图为其中最多的 {len(top)} 种，共 {shown:,} 例。",
        f"{total:,} cases change their ADRG code; shown are the {len(top)} largest moves, "
        f"{shown:,} cases.",
    )
    svg = flow_chart(
        _nodes(top, 0, names[0], left),
        _nodes(top, 1, names[1], right),
        top,
        (impact.a.id, impact.b.id),
        "ADRG",
        body=420,
    )
    return [lead], chart("", svg)


def _adrg_names(side: Side, lang: str) -> dict[str, str]:
    none = choose(lang, "未入组", "ungroupable")
    return {
        key: f"{key} {none if key == UNGROUPABLE else side.adrg_names.get(key, '')}"
        for key in side.adrg_of
    }


def _hospital_part(impact: Impact, lang: str) -> tuple[list[str], Markup]:
    t = choosing(lang)
    ranked = sorted(impact.hospitals, key=lambda h: (-h.change_share, h.id))
    winners = sum(h.change > 0 for h in ranked)
    losers = sum(h.change < 0 for h in ranked)
    lead = [
        t(
            f"份额上升 {winners} 家，下降 {losers} 家。按变动比例列出两端的机构。",
            f"{winners} hospitals gain, {losers} lose. Shown are both ends by relative change.",
        )
    ]
    shown = ranked
    if len(ranked) > 2 * HOSPITALS_SHOWN:
        shown = [*ranked[:HOSPITALS_SHOWN], *ranked[-HOSPITALS_SHOWN:]]
    bars = [(h.id, h.change, f"{h.change_share:+.2%}") for h in shown if h.change]
    # bars show the relative change, in millionths
    bars = [
        (name, round(h.change_share * 1_000_000), text)
        for (name, _, text), h in zip(bars, [h for h in shown if h.change], strict=True)
    ]
    title = t("点数份额的变动", "Relative change of points")
    drawing = chart(title, differences(bars, title)) if bars else Markup()
    columns = choose(
        lang,
        "医疗机构 病例 CMI（前） CMI（后） 点数（前） 点数（后，折算） 增减 变动".split(),
        [
            "hospital",
            "cases",
            "CMI from",
            "CMI to",
            "points from",
            "points to, scaled",
            "change",
            "%",
        ],
    )
    kinds = ["code", *["num"] * 7]
    rows = [_hospital_row(h) for h in ranked]
    body = table(list(zip(columns, kinds, strict=True)), rows[:ROWS_SHOWN], lang)
    if len(rows) > ROWS_SHOWN:
        more = table(list(zip(columns, kinds, strict=True)), rows[ROWS_SHOWN:], lang)
        title = t("其余机构", "other hospitals")
        body += folded(title, f"{len(rows) - ROWS_SHOWN:,}", more)
    return lead, drawing + body


def _hospital_row(h: HospitalImpact) -> list[Any]:
    cmi = ["—" if value is None else f"{value:.4f}" for value in h.cmi]
    return [
        h.id, h.cases, *cmi, points_text(h.points[0]), points_text(h.scaled),
        points_text(h.change), f"{h.change_share:+.2%}",
    ]  # fmt: skip


def _mdc_table(impact: Impact, lang: str) -> Markup:
    t = choosing(lang)
    columns = choose(
        lang,
        "MDC 名称 病例（前） 病例（后） 留下 CMI（前） CMI（后）".split(),
        ["MDC", "name", "cases from", "cases to", "stay", "CMI from", "CMI to"],
    )
    none = t("未入组", "ungroupable")
    rows = [
        [
            mdc, name or none, before, after, stay,
            *("—" if value is None else f"{value:.4f}" for value in cmi),
        ]
        for mdc, name, before, after, stay, *cmi in mdc_rows(impact)
    ]  # fmt: skip
    kinds = ["code", "text", *["num"] * 5]
    return table(list(zip(columns, kinds, strict=True)), rows, lang)


def _moves(impact: Impact, lang: str) -> Markup:
    t = choosing(lang)
    a, b = impact.a, impact.b
    changed = sorted(
        ((n, cost, x, y) for (x, y), (n, cost) in impact.moves.items() if a.drgs[x] != b.drgs[y]),
        key=lambda move: (-move[0], move[2], move[3]),
    )
    rows = []
    for n, cost, x, y in changed[:500]:
        weights = [a.weight(x), b.weight(y)]
        said = ["—" if w is None else f"{float(w):.4f}" for w in weights]
        rows.append([a.drgs[x], a.names[x], b.drgs[y], b.names[y], n, yuan(cost), *said])
    columns = choose(
        lang,
        "前 名称 后 名称 病例 费用（元） 权重（前） 权重（后）".split(),
        ["from", "name", "to", "name", "cases", "cost (yuan)", "weight from", "weight to"],
    )
    kinds = ["code", "text", "code", "text", *["num"] * 4]
    heads = list(zip(columns, kinds, strict=True))
    body = table(heads, rows[:ROWS_SHOWN], lang)
    if len(rows) > ROWS_SHOWN:
        rest = t("更多", "more")
        note = t(
            f"共 {len(changed):,} 种变化，全部在 moves.csv",
            f"{len(changed):,} moves in all: see moves.csv",
        )
        body += folded(rest, note, table(heads, rows[ROWS_SHOWN:], lang))
    return body

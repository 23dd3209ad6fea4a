"""The page of a simulation: today's settlement beside each trial, causes, sweeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from markupsafe import Markup

from drgpay.ground.errors import in_language
from drgpay.ground.languages import choosing
from drgpay.ground.money import decimal_text, yuan_text
from drgpay.policy.choice_words import setting_text
from drgpay.trials.folder import unverified
from drgpay.trials.outcome import (
    KINDS,
    NO_GROUP,
    NO_HOSPITAL,
    Change,
    HospitalOutcome,
    Outcome,
    change_of,
    changes,
    refusal,
)
from drgpay.trials.simulate import (
    Setting,
    Simulation,
    TrialResult,
    setting_rows,
)

from .amounts import percent, ten_thousand_yuan, yuan
from .amounts import points as points_text
from .charts import differences, heat_map, lines
from .pages import Banner, PageSection, Tile, chart, folded, table, write_page
from .simulate_words import (
    CHANGES,
    cause_name,
    group_names,
    point_words,
    setting_values,
    source_of,
    unverified_rows,
    value_words,
)
from .svg import short_label
from .tables import Cell

HOSPITALS_SHOWN = 30
BARS_SHOWN = 12
VALUE_PLACES = 6
LARGE_FEN = 10_000_000


def signed(fen: int) -> Cell:
    """Return a change of money in its colour."""
    return Cell(yuan(fen, signed=True), mark="loss" if fen < 0 else "gain" if fen else "")


def _change(part: int, base: int) -> str:
    """Return a change in per cent of what was before; a dash unless that is above 0."""
    return percent(part, base, 2, signed=True) if base > 0 else "—"


def write_simulation_page(simulation: Simulation, path: Path, lang: str = "zh") -> Path:
    """Write the page; return its path. It needs no network and no script."""
    t = choosing(lang)
    region, policy = simulation.region, simulation.base.policy
    banners = [
        Banner(
            "danger",
            t("试算结果，不得用于付款", "Trial runs: not for payment"),
            t(
                "本页比较现行清算与试算；现行一栏也以本文件夹现有数据算出，不是清算结果文件。",
                "This page compares today's settlement with trials; neither is a settlement file.",
            ),
        )
    ]
    if region.synthetic:
        banners.append(
            Banner("danger", t("虚构数据", "Invented data"), t("病例均为虚构", "no case is real"))
        )
    sections = [
        PageSection(
            "overview",
            t("总览", "Overview"),
            [
                t(
                    "每项试算都从现行设置出发，只改变所列各项。金额单位为元；点值为每点元数。"
                    "“合计增减”为各机构增减之和（带正负号），即基金多付或少付的钱；“机构之间转移”只算一些机构减少、"
                    "另一些机构增加的部分：（各机构增减绝对值之和 − 增减合计的绝对值）÷ 2。最终支付按去向分列：本次支付、"
                    "待收回后再付、应收回，机构之间、险种之间不相抵。",
                    "Every trial starts from today's settings and changes only what is listed. "
                    "Amounts in yuan; point values in yuan per point. The change in all is the sum "
                    "over hospitals, with its sign: what the fund pays more or less. What moves "
                    "between hospitals is what some lose and others gain: (the sum of all changes, "
                    "as absolute amounts, less the absolute amount of their sum) ÷ 2. Final payments stand "
                    "by what becomes of them: paid now, waiting for recoveries, owed back; nothing is "
                    "netted between hospitals or funds.",
                )
            ],
            _overview(simulation, lang),
        )
    ]
    for number, result in enumerate(simulation.trials, start=1):
        name = t(f"试算“{result.trial.name}”", f"Trial {result.trial.name!r}")
        sections.append(_trial_section(simulation, result, f"trial-{number}", name, lang))
    if simulation.points:
        sections.append(_sweep_section(simulation, lang))
    sections.append(_unverified_section(simulation, lang))
    tiles = [
        Tile(t("现行清算总额", "settled today"), yuan(simulation.base.settled_fen)),
        *(
            Tile(
                t(f"现行点值 {pool.name}", f"point value today, {pool.pool}"),
                decimal_text(pool.value_fen / 100, VALUE_PLACES),
                t("元/点", "yuan per point"),
                "key",
            )
            for pool in simulation.base.pools
        ),
        *[Tile(t("试算", "trials"), f"{len(simulation.trials)}")] * bool(simulation.trials),
        Tile(
            t("未核实参数", "unverified parameters"),
            f"{len(unverified(policy)):,}",
            t("现行清算所用", "that today's settlement uses"),
        ),
        Tile(
            t("清算次数", "runs"),
            f"{simulation.runs:,}",
            t(f"读取病例 {simulation.readings} 次", f"cases read {simulation.readings} times"),
        ),
    ]
    facts = [
        (t("统筹区", "region"), f"{region.name} {region.year}", region.id),
        (t("分组方案", "scheme"), simulation.base.scheme, ""),
        (t("支付政策", "policy"), policy.title, f"{policy.id} · {policy.digest[:12]}"),
    ]
    return write_page(
        path,
        lang=lang,
        title=t(
            f"模拟运行：{region.name} {region.year}年", f"Simulation: {region.name} {region.year}"
        ),
        kicker=t("试算，不得用于付款", "Trial, not for payment"),
        facts=facts,
        sections=sections,
        banners=banners,
        tiles=tiles,
        mark=t("试算结果，不得用于付款", "TRIAL, NOT FOR PAYMENT"),
    )


# --- overview


def _overview(simulation: Simulation, lang: str) -> Markup:
    t = choosing(lang)
    rows: list[list[str | Cell]] = []
    for result in simulation.trials:
        for row in setting_rows(simulation, result.trial.settings):
            rows.append(
                [
                    result.trial.name,
                    in_language(row.name, lang),
                    row.setting.cause,
                    *setting_values(simulation, row, lang),
                    source_of(simulation, row.setting, lang),
                ]
            )
    settings = table(
        [
            (t("试算", "trial"), "text"),
            (t("改变", "changes"), "text"),
            (t("参数", "key"), "code"),
            (t("现行", "today"), "text"),
            (t("试算为", "becomes"), "text"),
            (t("现行值的依据", "source of today's value"), "wide"),
        ],
        rows,
        lang,
    )
    return (
        (settings if rows else Markup())
        + _totals(simulation, lang)
        + _refusals(simulation, lang)
        + _pools(simulation, lang)
        + _funds(simulation, lang)
    )


def _refusals(simulation: Simulation, lang: str) -> Markup:
    """Return why trials cannot be settled, a line each."""
    t, line = choosing(lang), Markup("<p>{}</p>")
    return Markup().join(
        line.format(
            f"{r.trial.name}{t('：不能清算：', ': refused: ')}{in_language(refusal(r.refused), lang)}"
        )
        for r in simulation.trials
        if r.refused is not None
    )


def _money(change: Change) -> list[str | Cell]:
    """The cells of `CHANGES`."""
    return [
        signed(change.due_fen),
        yuan(change.due_moved_fen),
        signed(change.payable_fen),
        signed(change.deferred_fen),
        signed(change.recover_fen),
    ]


def _totals(simulation: Simulation, lang: str) -> Markup:
    """Return T, money moved, winners and losers of each trial."""
    t = choosing(lang)
    before = simulation.base.due_by_hospital()
    rows: list[list[str | Cell]] = []
    for result in simulation.trials:
        if result.outcome is None:
            refused = Cell(t("不能清算", "refused"), mark="loss")
            rows.append([result.trial.name, refused, *["—"] * (len(CHANGES) + 3)])
            continue
        due = changes(before, result.outcome.due_by_hospital()).values()
        rows.append(
            [
                result.trial.name,
                yuan(result.outcome.settled_fen),
                *_money(change_of(simulation.base, result.outcome)),
                f"{sum(fen > 0 for fen in due):,}",
                f"{sum(fen < 0 for fen in due):,}",
                f"{sum(fen == 0 for fen in due):,}",
            ]
        )
    if not rows:
        return Markup()
    return table(
        [
            (t("试算", "trial"), "text"),
            (t("清算总额", "settled total"), "num"),
            *((t(*name), "num") for name in CHANGES),
            (t("增加的机构", "winners"), "num"),
            (t("减少的机构", "losers"), "num"),
            (t("不变", "unchanged"), "num"),
        ],
        rows,
        lang,
    )


def _funds(simulation: Simulation, lang: str) -> Markup:
    """Return what each fund pays: of dues, now and later, and what it is owed back."""
    t = choosing(lang)
    before = simulation.base.due_by_pool()
    rows: list[list[str | Cell]] = []
    for result in simulation.trials:
        if result.outcome is not None:
            after = result.outcome.due_by_pool()
            rows += [
                [result.trial.name, pool, yuan(before.get(pool, 0)), yuan(after.get(pool, 0)),
                 signed(fen), *_cash(simulation.base, result.outcome, pool)]
                for pool, fen in changes(before, after).items()
            ]  # fmt: skip
    if not rows:
        return Markup()
    return table(
        [
            (t("试算", "trial"), "text"),
            (t("险种基金", "fund"), "text"),
            (t("现行应付", "due today"), "num"),
            (t("试算应付", "due in the trial"), "num"),
            (t("应付增减", "change of dues"), "num"),
            (t("现行本次支付", "paid now, today"), "num"),
            (t("试算本次支付", "paid now, in the trial"), "num"),
            (t("现行待收回后再付", "waits, today"), "num"),
            (t("试算待收回后再付", "waits, in the trial"), "num"),
            (t("现行应收回", "owed back, today"), "num"),
            (t("试算应收回", "owed back, in the trial"), "num"),
        ],
        rows,
        lang,
    )


def _cash(before: Outcome, after: Outcome, pool: str) -> list[str]:
    """What is paid now, what waits and what is owed back of a fund, today and in a trial each."""
    pairs = zip(before.cash(pool), after.cash(pool), strict=True)
    return [yuan(fen) for pair in pairs for fen in pair]


def _pools(simulation: Simulation, lang: str) -> Markup:
    """Return points, T and point value of each pool, today and under each trial."""
    t = choosing(lang)
    rows: list[list[str | Cell]] = []
    today = {pool.pool: pool for pool in simulation.base.pools}
    everyone = [(t("现行", "today"), simulation.base)] + [
        (r.trial.name, r.outcome) for r in simulation.trials if r.outcome is not None
    ]
    for name, outcome in everyone:
        for pool in outcome.pools:
            old = today.get(pool.pool)
            change = "—"
            if old is not None and outcome is not simulation.base and old.value_fen > 0:
                share = pool.value_fen / old.value_fen - 1
                change = percent(share.numerator, share.denominator, 3, signed=True)
            rows.append(
                [
                    name,
                    pool.name,
                    yuan(pool.available_fen),
                    yuan(pool.recorded_fund_fen),
                    points_text(pool.points),
                    yuan(pool.settled_fen),
                    decimal_text(pool.value_fen / 100, VALUE_PLACES),
                    change,
                    yuan(pool.residual_fen),
                ]
            )
    return table(
        [
            ("", "text"),
            (t("险种", "pool"), "text"),
            (t("可用预算", "budget"), "num"),
            (t("统筹基金记账", "recorded fund"), "num"),
            (t("点数", "points"), "num"),
            (t("清算总额", "settled total"), "num"),
            (t("点值", "point value"), "num"),
            (t("点值增减", "change"), "num"),
            (t("尾差", "residual"), "num"),
        ],
        rows,
        lang,
    )


# --- one trial


def _trial_section(
    simulation: Simulation, result: TrialResult, anchor: str, title: str, lang: str
) -> PageSection:
    t = choosing(lang)
    settings = "; ".join(setting_text(s.text, lang) for s in result.trial.settings)
    if result.outcome is None:
        why = result.refused.text(lang) if result.refused else ""
        return PageSection(anchor, title, [settings, t("不能清算：", "refused: ") + why])
    outcome = result.outcome
    due = changes(simulation.base.due_by_hospital(), outcome.due_by_hospital())
    names = {h.id: h.name for h in simulation.region.hospitals}
    body = _bars(due, names, lang)
    body += _hospitals(simulation, outcome, due, lang)
    for kind in KINDS:
        body += _group_table(simulation, outcome, kind, lang)
    body += _causes(simulation, result, due, lang)
    return PageSection(anchor, title, [settings], body)


def _bars(changes: dict[str, int], names: dict[str, str], lang: str) -> Markup:
    t = choosing(lang)
    ranked = sorted((h for h in changes if changes[h]), key=lambda h: (-changes[h], h))
    if not ranked:
        return Markup("<p>{}</p>").format(t("没有机构的应付改变。", "No hospital's due changes."))
    drawn = (
        ranked if len(ranked) <= 2 * BARS_SHOWN else [*ranked[:BARS_SHOWN], *ranked[-BARS_SHOWN:]]
    )
    large = any(abs(changes[h]) >= LARGE_FEN for h in drawn)
    text = ten_thousand_yuan if large else yuan
    unit = t("万元", "10,000 yuan") if large else t("元", "yuan")
    bars = [(short_label(names.get(h, h), 34), changes[h], text(changes[h], True)) for h in drawn]
    title = t(f"应付增减（{unit}）", f"change of dues ({unit})")
    note = ""
    if len(drawn) < len(ranked):
        note = t(
            f"画出增加和减少最多的各 {BARS_SHOWN} 家，共 {len(ranked)} 家有增减。",
            f"The {BARS_SHOWN} largest of each sign; {len(ranked)} hospitals change.",
        )
    return chart(title, differences(bars, title), note)


def _both(before: int, after: int, text: Callable[[int], str]) -> tuple[str, str]:
    return text(before), text(after)


def _hospitals(
    simulation: Simulation, outcome: Outcome, changes: dict[str, int], lang: str
) -> Markup:
    t = choosing(lang)
    known = {h.id: h for h in simulation.region.hospitals}
    sides = (_by_hospital(simulation.base), _by_hospital(outcome))
    whole = (simulation.base.due_fen, outcome.due_fen)
    ranked = sorted(changes, key=lambda h: (-abs(changes[h]), h))
    rows: list[list[str | Cell]] = []
    for h in ranked:
        a, b = (side.get(h, NO_HOSPITAL) for side in sides)
        rows.append(
            [
                known[h].name or h,
                h,
                known[h].level,
                *_both(a.points, b.points, points_text),
                *_both(a.due_fen, b.due_fen, yuan),
                signed(changes[h]),
                _change(changes[h], a.due_fen),
                percent(a.due_fen, whole[0], 3),
                percent(b.due_fen, whole[1], 3),
                signed(b.payable_fen - a.payable_fen),
                signed(b.deferred_fen - a.deferred_fen),
                signed(b.recover_fen - a.recover_fen),
            ]
        )
    columns = [
        (t("医疗机构", "hospital"), "text"),
        (t("编码", "id"), "code"),
        (t("等级", "level"), "text"),
        (t("现行点数", "points today"), "num"),
        (t("试算点数", "points in the trial"), "num"),
        (t("现行应付", "due today"), "num"),
        (t("试算应付", "due in the trial"), "num"),
        (t("增减", "change"), "num"),
        (t("增减率", "change, %"), "num"),
        (t("现行份额", "share today"), "num"),
        (t("试算份额", "share in the trial"), "num"),
        *((t(*name), "num") for name in CHANGES[2:]),
    ]
    title = Markup("<h3>{}</h3>").format(t("医疗机构", "Hospitals"))
    body = title + table(columns, rows[:HOSPITALS_SHOWN], lang)
    if len(rows) > HOSPITALS_SHOWN:
        rest = rows[HOSPITALS_SHOWN:]
        body += folded(
            t("其余机构", "other hospitals"), f"{len(rest):,}", table(columns, rest, lang)
        )
    return body


def _by_hospital(outcome: Outcome) -> dict[str, HospitalOutcome]:
    found: dict[str, HospitalOutcome] = {}
    for (hospital, _), h in outcome.hospitals.items():
        old = found.get(hospital, NO_HOSPITAL)
        found[hospital] = HospitalOutcome(
            old.cases + h.cases,
            old.held_cases + h.held_cases,
            old.points + h.points,
            old.recorded_fund_fen + h.recorded_fund_fen,
            old.due_fen + h.due_fen,
            old.final_fen + h.final_fen,
            old.payable_fen + h.payable_fen,
            old.deferred_fen + h.deferred_fen,
            old.recover_fen + h.recover_fen,
        )
    return found


def _group_table(simulation: Simulation, outcome: Outcome, kind: str, lang: str) -> Markup:
    t = choosing(lang)
    titles = {
        "level": t("机构等级", "Level"), "mdc": t("主要诊断大类", "MDC"),
        "class": t("病例类别", "Case class"),
    }  # fmt: skip
    base = simulation.base.groups
    codes = sorted({code for k, code in {*base, *outcome.groups} if k == kind})
    whole = (simulation.base.due_fen, outcome.due_fen)
    name = group_names(simulation, outcome, lang)
    rows: list[list[str | Cell]] = []
    for code in codes:
        a, b = (side.get((kind, code), NO_GROUP) for side in (base, outcome.groups))
        rows.append(
            [
                name(kind, code),
                *_both(a.cases, b.cases, lambda n: f"{n:,}"),
                *_both(a.points, b.points, points_text),
                *_both(a.due_fen, b.due_fen, yuan),
                signed(b.due_fen - a.due_fen),
                _change(b.due_fen - a.due_fen, a.due_fen),
                percent(a.due_fen, whole[0], 2),
                percent(b.due_fen, whole[1], 2),
            ]
        )
    columns = [
        (titles[kind], "text"),
        (t("现行病例", "cases today"), "num"),
        (t("试算病例", "cases in the trial"), "num"),
        (t("现行点数", "points today"), "num"),
        (t("试算点数", "points in the trial"), "num"),
        (t("现行应付", "due today"), "num"),
        (t("试算应付", "due in the trial"), "num"),
        (t("增减", "change"), "num"),
        (t("增减率", "change, %"), "num"),
        (t("现行份额", "share today"), "num"),
        (t("试算份额", "share in the trial"), "num"),
    ]
    return Markup("<h3>{}</h3>").format(titles[kind]) + table(columns, rows, lang)


def _causes(
    simulation: Simulation, result: TrialResult, changes: dict[str, int], lang: str
) -> Markup:
    t = choosing(lang)
    title = Markup("<h3>{}</h3>").format(t("增减的原因", "Causes of the change"))
    if result.parts is None:
        why = in_language(result.no_parts or "", lang)
        return title + Markup("<p>{}</p>").format(t("没有分解：", "not split: ") + why)
    causes = [setting.cause for setting in result.trial.settings]
    by: dict[str, dict[str, int]] = {h: dict.fromkeys(causes, 0) for h in changes}
    for (hospital, _), parts in result.parts.items():
        for cause, fen in parts.items():
            by[hospital][cause] += fen
    known = {h.id: h.name for h in simulation.region.hospitals}
    ranked = sorted(by, key=lambda h: (-abs(changes[h]), h))
    columns = [
        (t("医疗机构", "hospital"), "text"),
        *((cause_name(simulation, cause, lang), "num") for cause in causes),
        (t("合计增减", "whole change"), "num"),
    ]

    def row(name: str, parts: dict[str, int], whole: int) -> list[str | Cell]:
        return [name, *(signed(parts[cause]) for cause in causes), signed(whole)]

    rows = [row(known.get(h) or h, by[h], changes[h]) for h in ranked]
    sums = {cause: sum(parts[cause] for parts in by.values()) for cause in causes}
    total = row(t("合计", "Total"), sums, sum(changes.values()))
    lead = Markup("<p>{}</p>").format(
        t(
            "各原因按夏普利值（Shapley）分解：对各项改变的所有先后次序取平均，逐分加总等于增减。",
            "Split by Shapley values: the mean over all orders of the changes; the parts add up to "
            "the fen.",
        )
    )
    body = title + lead + table(columns, [*rows[:HOSPITALS_SHOWN], total], lang)
    if len(rows) > HOSPITALS_SHOWN:
        rest = rows[HOSPITALS_SHOWN:]
        body += folded(
            t("其余机构", "other hospitals"), f"{len(rest):,}", table(columns, rest, lang)
        )
    return body


# --- sweeps


def _sweep_section(simulation: Simulation, lang: str) -> PageSection:
    t = choosing(lang)
    names = [cause_name(simulation, sweep.cause, lang) for sweep in simulation.sweeps]
    body = _curves(simulation, names, lang) if len(names) == 1 else _maps(simulation, names, lang)
    refused = [point for point in simulation.points if point.outcome is None]
    lead = [
        t("其余设置同现行。", "All else is as today."),
        *(
            f"{' × '.join(point_words(simulation, point, lang))}{t('：不能清算：', ': refused: ')}"
            f"{in_language(refusal(point.refused), lang) if point.refused else ''}"
            for point in refused
        ),
    ]
    title = t(f"扫描：{' × '.join(names)}", f"Sweep: {' × '.join(names)}")
    return PageSection("sweep", title, lead, body + _sweep_table(simulation, names, lang))


def _value_of(outcome: Outcome | None, pool: str) -> Fraction | None:
    return None if outcome is None else outcome.values().get(pool)


def _curves(simulation: Simulation, names: Sequence[str], lang: str) -> Markup:
    t = choosing(lang)
    values = [point_words(simulation, point, lang)[0] for point in simulation.points]
    outcomes = [point.outcome for point in simulation.points]
    today = simulation.base.values()
    body = Markup()
    for pool in simulation.region.pools:
        found = [_value_of(outcome, pool.id) for outcome in outcomes]
        if not any(found):
            continue
        heights = [None if v is None else float(v / 100) for v in found]
        shown = ["" if v is None else decimal_text(v / 100, 4) for v in found]
        title = t(f"{pool.name}点值（元/点）", f"point value of {pool.id} (yuan per point)")
        body += chart(
            title,
            lines(
                values,
                [(pool.name, heights, shown)],
                (t("现行", "today"), float(today[pool.id] / 100)),
                names[0],
                title,
            ),
        )
    moved = [None if o is None else change_of(simulation.base, o).due_moved_fen for o in outcomes]
    title = t("机构之间转移的金额（万元）", "money moved between hospitals (10,000 yuan)")
    return body + chart(
        title,
        lines(
            values,
            [
                (
                    t("转移", "moved"),
                    [None if m is None else m / 1_000_000 for m in moved],
                    ["" if m is None else ten_thousand_yuan(m) for m in moved],
                )
            ],
            None,
            names[0],
            title,
        ),
    )


def _maps(simulation: Simulation, names: Sequence[str], lang: str) -> Markup:
    t = choosing(lang)
    first, second = simulation.sweeps
    at = {point.values: point.outcome for point in simulation.points}
    across, down = (
        [value_words(simulation, Setting(sweep.cause, value), lang) for value in sweep.values]
        for sweep in (first, second)
    )

    def cells(
        of: Callable[[Outcome], tuple[float, str]],
    ) -> list[list[tuple[float, str] | None]]:
        return [
            [None if (outcome := at[a, b]) is None else of(outcome) for a in first.values]
            for b in second.values
        ]

    body = Markup()
    for pool in simulation.region.pools:
        title = t(f"{pool.name}点值（元/点）", f"point value of {pool.id} (yuan per point)")

        def value(outcome: Outcome, pool: str = pool.id) -> tuple[float, str]:
            exact = outcome.values()[pool] / 100
            return float(exact), decimal_text(exact, 4)

        drawn = heat_map(across, down, cells(value), (names[0], names[1]), title)
        body += chart(title, drawn)
    title = t("机构之间转移的金额（万元）", "money moved between hospitals (10,000 yuan)")

    def moved(outcome: Outcome) -> tuple[float, str]:
        fen = change_of(simulation.base, outcome).due_moved_fen
        return float(fen), ten_thousand_yuan(fen)

    drawn = heat_map(across, down, cells(moved), (names[0], names[1]), title)
    return body + chart(title, drawn)


def _sweep_table(simulation: Simulation, names: Sequence[str], lang: str) -> Markup:
    t = choosing(lang)
    rows: list[list[str | Cell]] = []
    for point in simulation.points:
        if point.outcome is None:
            continue
        change = change_of(simulation.base, point.outcome)
        for pool in point.outcome.pools:
            rows.append(
                [
                    *point_words(simulation, point, lang),
                    pool.name,
                    points_text(pool.points),
                    yuan_text(pool.settled_fen),
                    decimal_text(pool.value_fen / 100, VALUE_PLACES),
                    *_money(change),
                ]
            )
    columns = [
        *((name, "text") for name in names),
        (t("险种", "pool"), "text"),
        (t("点数", "points"), "num"),
        (t("清算总额", "settled total"), "num"),
        (t("点值", "point value"), "num"),
        *((t(*name), "num") for name in CHANGES),
    ]
    return folded(
        t("逐点数据（增减和转移为各险种合计）", "the figures (changes are of all pools together)"),
        f"{len(rows):,}",
        table(columns, rows, lang),
    )


# --- what is not verified


def _unverified_section(simulation: Simulation, lang: str) -> PageSection:
    t = choosing(lang)
    rows = unverified_rows(simulation, lang)
    title = t("未核实参数", "Unverified parameters")
    if not rows:
        return PageSection(
            "unverified", title,
            [t("所用参数均有已核实的依据。", "Every parameter used has a verified source.")],
        )  # fmt: skip
    lead = t(
        f"现行清算和各项试算的金额取决于以下 {len(rows)} 项未核实的取值：没有可核实的政策依据，数值为假定，不是政策规定。"
        "试算设置中改写的取值同样未经核实，列在总览中。",
        f"The amounts of today and of the trials hang on these {len(rows)} values without a verified "
        "source: they are assumed, they are not rules. What a trial sets is not verified either and "
        "stands in the overview.",
    )
    columns = [
        (t("参数", "parameter"), "text"),
        (t("代码", "key"), "code"),
        (t("取值", "value"), "text"),
        (t("依据或理由", "source or reason"), "wide"),
        (t("用于", "used by"), "text"),
    ]
    body = folded(t("逐项列出", "the list"), f"{len(rows):,}", table(columns, rows, lang))
    return PageSection("unverified", title, [lead], body)

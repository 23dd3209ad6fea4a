"""The page of a simulation: today's settlement beside each trial, causes, sweeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from markupsafe import Markup

from drgpay.ground.languages import choosing
from drgpay.ground.money import decimal_text
from drgpay.policy.choice_words import setting_text
from drgpay.runs.reader import Record
from drgpay.trials.folder import unverified
from drgpay.trials.outcome import KINDS, Outcome, change_of, refusal
from drgpay.trials.simulate import Setting, Simulation

from .amounts import ten_thousand_yuan, yuan
from .charts import differences, heat_map, lines
from .pages import chart, page_parts, write_page
from .simulate_sheets import SimulationSheets
from .simulate_words import cause_name, point_words, value_words
from .svg import short_label

HOSPITALS_SHOWN = 30
BARS_SHOWN = 12
LARGE_FEN = 10_000_000


def write_simulation_page(simulation: Simulation, path: Path, lang: str = "zh") -> Path:
    """Write the page; return its path. It needs no network and no script."""
    t = choosing(lang)
    region, policy = simulation.region, simulation.base.policy
    names = [cause_name(simulation, sweep.cause, lang) for sweep in simulation.sweeps]
    charts = Markup()
    if simulation.points:
        drawn = _curves if len(names) == 1 else _maps
        charts = drawn(simulation, names, lang)
    parts = page_parts(
        "simulate.html.j2",
        lang,
        simulation=simulation,
        sheets=SimulationSheets(simulation, lang),
        kinds=KINDS,
        shown=HOSPITALS_SHOWN,
        unverified_today=unverified(policy),
        refusal=refusal,
        value_text=lambda fen, places: decimal_text(fen / 100, places),
        settings_text=lambda r: "; ".join(setting_text(s.text, lang) for s in r.trial.settings),
        bars=lambda rows: _bars(rows, lang),
        sweep_names=names,
        sweep_charts=charts,
        point_words=lambda point: point_words(simulation, point, lang),
    )
    return write_page(
        path,
        lang=lang,
        title=f"{t('模拟运行：', 'Simulation: ')}{region.name} {region.year}{t('年', '')}",
        kicker=t("试算，不得用于付款", "Trial, not for payment"),
        facts=[
            (t("统筹区", "region"), f"{region.name} {region.year}", region.id),
            (t("分组方案", "scheme"), simulation.base.scheme, ""),
            (t("支付政策", "policy"), policy.title, f"{policy.id} · {policy.digest[:12]}"),
        ],
        mark=t("试算结果，不得用于付款", "TRIAL, NOT FOR PAYMENT"),
        **parts,
    )


def _bars(rows: Sequence[Record], lang: str) -> Markup:
    """A chart of the hospitals whose dues change most, either way; nothing when none does."""
    t = choosing(lang)
    changed = [r for r in rows if r["change_fen"]]
    ranked = sorted(changed, key=lambda r: (-r["change_fen"], r["hospital_id"]))
    if not ranked:
        return Markup()
    drawn = ranked
    if len(ranked) > 2 * BARS_SHOWN:
        drawn = [*ranked[:BARS_SHOWN], *ranked[-BARS_SHOWN:]]
    large = any(abs(r["change_fen"]) >= LARGE_FEN for r in drawn)
    text = ten_thousand_yuan if large else yuan
    unit = t("万元", "10,000 yuan") if large else t("元", "yuan")
    bars = [
        (short_label(r["hospital_name"], 34), r["change_fen"], text(r["change_fen"], True))
        for r in drawn
    ]
    title = t(f"应付增减（{unit}）", f"change of dues ({unit})")
    note = ""
    if len(drawn) < len(ranked):
        note = t(
            f"画出增加和减少最多的各 {BARS_SHOWN} 家，共 {len(ranked)} 家有增减。",
            f"The {BARS_SHOWN} largest of each sign; {len(ranked)} hospitals change.",
        )
    return chart(title, differences(bars, title), note)


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

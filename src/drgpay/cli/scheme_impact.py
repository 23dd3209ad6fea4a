"""`drgpay scheme impact`: what changing the scheme does to a year's cases and hospitals."""

from __future__ import annotations

import time
from pathlib import Path

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import PATH, asked_pairs, command, flag, option, out_option, threads_option
from drgpay.cli.progress import bar
from drgpay.cli.start import spare_imports
from drgpay.cli.told import say

SHOWN = 10


@command(
    "换用方案的影响：用A和B两个方案为同一批病例分组，比较病组、CMI和各机构点数",
    "Group the same cases by schemes A and B: moves, CMI and points of hospitals",
)
@click.argument("a")
@click.argument("b")
@click.argument("cases", nargs=-1, required=True, type=PATH)
@out_option("新文件夹：各表（Parquet、CSV）和报告", "a new folder for tables and report")
@option(
    "--html/--no-html", "在结果文件夹中写报告", "write the report into the folder", default=True
)
@option(
    "--policy",
    "裁剪和稳定组的参数取自此政策",
    "policy whose trimming and stability are used",
    default="hangzhou",
)
@option(
    "--year",
    "政策年度；默认为出院最多的一年",
    "year of the policy; default: that of most discharges",
    type=click.IntRange(1990, 2199),
)
@flag("--synthetic", "报告中标明虚构数据", "mark the report as invented data")
@option(
    "--reading",
    "asked",
    "方案未定的一项读法，可多次给出；前加 a: 或 b: 只用于一个方案",
    "a reading that schemes leave open, of both; with a: or b: before it, of that one alone",
    multiple=True,
    metavar="[a:|b:]NAME=VALUE",
)
@threads_option
def impact(
    a: str,
    b: str,
    cases: tuple[Path, ...],
    out: Path | None,
    html: bool,
    policy: str,
    year: int | None,
    synthetic: bool,
    asked: tuple[str, ...],
    threads: int | None,
) -> None:
    """Measure a change of scheme."""
    spare_imports()
    from drgpay.ground.digests import write_sums
    from drgpay.ground.outputs import new_folder, whole_folder
    from drgpay.trials.impact import measure, notes, write_tables

    started = time.perf_counter()
    if out is not None:
        new_folder(out)
    readings = tuple(
        asked_pairs([text for side, text in map(_side, asked) if side in ("", own)])
        for own in ("a", "b")
    )
    found = measure(
        a,
        b,
        list(cases),
        readings=(readings[0], readings[1]),
        policy=policy,
        year=year,
        threads=threads,
        progress=lambda total: bar(t("分组", "grouping"), total),
    )
    if out is not None:
        with whole_folder(out) as temporary:
            write_tables(found, temporary, LANG)
            if html:
                from drgpay.report.scheme_impact import write_impact_page

                write_impact_page(found, temporary / "report.html", LANG, synthetic=synthetic)
            write_sums(temporary)
    same = [found.staying(level) for level in ("drg", "adrg", "mdc")]
    shares = [f"{n / found.counted:.1%}" if found.counted else "—" for n in same]
    say(
        f"{found.a.id} → {found.b.id}：收到 {found.rows:,} 例 = 测算 {found.counted:,} + "
        f"隔离 {len(found.quarantine):,}",
        f"{found.a.id} → {found.b.id}: {found.rows:,} cases in = {found.counted:,} measured + "
        f"{len(found.quarantine):,} quarantined",
    )
    say(
        f"代码不变：DRG {shares[0]}，ADRG {shares[1]}，MDC {shares[2]}",
        f"same code: DRG {shares[0]}, ADRG {shares[1]}, MDC {shares[2]}",
    )
    for side in (found.a, found.b):
        groups = int((side.cases > 0).sum())
        share = f"{side.counts.grouped / found.counted:.2%}" if found.counted else "—"
        say(
            f"{side.id}：入组率 {share}，用到 {groups} 个病组",
            f"{side.id}: {share} grouped, {groups} groups used",
        )
    ranked = sorted(found.hospitals, key=lambda h: (-h.change_share, h.id))
    shown = ranked if len(ranked) <= SHOWN else [*ranked[: SHOWN // 2], *ranked[-(SHOWN // 2) :]]
    say("机构的点数份额（两端）：", "hospitals' share of points, both ends:")
    for h in shown:
        cmi = " → ".join("—" if value is None else f"{value:.4f}" for value in h.cmi)
        click.echo(f"  {h.id}  CMI {cmi}  {h.change_share:+.2%}")
    for note in notes(found):
        click.echo(t("说明：", "note: ") + note.of(LANG))
    seconds = time.perf_counter() - started
    if out is not None:
        say(f"结果 {out}（{seconds:.1f} 秒）", f"result {out} ({seconds:.1f} s)")


def _side(text: str) -> tuple[str, str]:
    """Return which scheme a reading is asked of (empty: both), and the reading."""
    return (text[0], text[2:]) if text[:2] in ("a:", "b:") else ("", text)

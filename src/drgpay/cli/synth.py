"""`drgpay synth`: an invented city as a region folder."""

from __future__ import annotations

import time
from pathlib import Path

import click

from drgpay.cli.lang import t
from drgpay.cli.options import command, option, out_option, threads_option
from drgpay.cli.progress import bar
from drgpay.cli.told import say
from drgpay.ground.reference import DEFAULT_SCHEME


@command(
    "生成一座虚构城市的统筹区文件夹：医疗机构、系数、预算、本年与历史病例，一切均为虚构。"
    "同一种子总是生成同样的文件。",
    "Invent a city as a region folder: hospitals, coefficients, budgets, cases of the year and "
    "its history. Everything is made up; one seed always makes the same files.",
    short=("生成一座虚构城市的统筹区文件夹", "Invent a city as a region folder"),
)
@option(
    "--cases",
    "本年病例数",
    "cases of the year",
    required=True,
    type=click.IntRange(1, 900_000_000),
)
@option("--seed", "随机种子", "seed", default=2024, type=click.IntRange(0))
@out_option("新的或空的文件夹", "a new or empty folder", required=True)
@option(
    "--scheme",
    "分组方案的名称或文件夹；写一族方案的名称（如 zhejiang）时，用清算年度年末施行的版本",
    "scheme, by name or folder; of a family like zhejiang, the version in force when the year ends",
    default=DEFAULT_SCHEME,
)
@option(
    "--codes",
    "编码写成哪个版本：insurance-2.0（医保版）或 clinical-2022（国临版）；默认与方案相同",
    "edition to write codes in: insurance-2.0 or clinical-2022; default: the scheme's own",
    metavar="EDITION",
)
@option("--year", "清算年度", "year to settle", default=2025, type=click.IntRange(1990, 2100))
@option("--history-years", "历史年数", "years of history", default=2, type=click.IntRange(1, 10))
@option(
    "--error-rate",
    "编码差错的比例",
    "share of cases with a coding error",
    default=0.01,
    type=click.FloatRange(0, 0.5),
)
@option(
    "--cheats",
    "预埋违规：机构比例如 0.15，或清单如 SYN0003=split,SYN0007=upcoding；真相写在 truth/",
    "plant cheats: a share of hospitals like 0.15, or SYN0003=split,SYN0007=upcoding; the truth "
    "is written to truth/",
    metavar="SHARE|LIST",
)
@option(
    "--cheat-strength",
    "预埋违规的强度倍数",
    "strength of the planted cheats, as a multiple",
    default=1.0,
    type=click.FloatRange(0.1, 3),
)
@threads_option
def synth(
    cases: int,
    seed: int,
    out: Path,
    scheme: str,
    codes: str | None,
    year: int,
    history_years: int,
    error_rate: float,
    cheats: str | None,
    cheat_strength: float,
    threads: int | None,
) -> None:
    """Invent a city."""
    from drgpay.cases.editions import shown_edition
    from drgpay.synth import synthesize
    from drgpay.synth.cheats import cheats_of

    started = time.perf_counter()
    done = synthesize(
        out,
        cases,
        seed,
        scheme=scheme,
        year=year,
        codes=codes,
        history_years=history_years,
        error_rate=error_rate,
        threads=threads,
        cheats=None if cheats is None else cheats_of(cheats, cheat_strength),
        progress=lambda total: bar(t("生成", "inventing"), total),
    )
    seconds = time.perf_counter() - started
    years = " + ".join(f"{y}: {count:,}" for y, count in done.cases.items())
    slips = sum(done.slips.values())
    say(
        f"虚构城市：{done.hospitals} 家医疗机构，{done.total:,} 例（{years}），"
        f"{seconds:.1f} 秒，每秒 {done.total / seconds:,.0f} 例",
        f"invented city: {done.hospitals} hospitals, {done.total:,} cases ({years}), "
        f"{seconds:.1f} s, {done.total / seconds:,.0f} cases/s",
    )
    say(
        f"本年有意加入编码差错 {slips:,} 例，不能读入的行 {done.bad_rows:,}",
        f"put into the year on purpose: {slips:,} coding errors, {done.bad_rows:,} faulty rows",
    )
    say(
        f"按 {done.version} 生成，编码为{shown_edition(done.codes)}",
        f"drawn for {done.version}, codes of {done.codes}",
    )
    if cheats is not None:
        say(
            f"预埋违规 {done.planted} 处，真相见 {done.path / 'truth' / 'cheats.csv'}",
            f"planted {done.planted} cheats: see {done.path / 'truth' / 'cheats.csv'}",
        )
    say(f"统筹区文件夹 {done.path}", f"region folder {done.path}")

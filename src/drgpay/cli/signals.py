"""`drgpay signals`: a region folder to signals of gaming with their evidence."""

from __future__ import annotations

import time
from pathlib import Path

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import (
    PATH,
    command,
    new_folder_option,
    option,
    region_argument,
    threads_option,
)
from drgpay.cli.progress import bar_of
from drgpay.cli.told import say
from drgpay.ground.errors import in_language


@command(
    "异常信号：按机构列出分解住院、高套、服务不足、费用转嫁、推诿重症等信号及其证据。"
    "信号只提示应当核查之处，不是结论。",
    "Signals of gaming: split stays, upcoding, low service, shifted cost, refused patients, each "
    "with its evidence, by hospital. A signal is a reason to look, not a verdict.",
    short=(
        "异常信号：按机构列出信号及其证据，供核查",
        "Signals of gaming, with evidence, by hospital",
    ),
)
@region_argument
@new_folder_option
@option(
    "--run",
    "run_dir",
    "同一批病例的清算结果；不给则当场清算",
    "a run of these cases; else settled here",
    type=PATH,
)
@option(
    "--outpatient",
    "门诊记录 .parquet、.csv 或 Excel；不给则取统筹区文件夹中的 outpatient.parquet",
    "outpatient visits, .parquet, .csv or Excel; else outpatient.parquet of the region folder",
    type=PATH,
)
@option(
    "--set",
    "overrides",
    "改变一项信号参数，见 docs/signals.md",
    "set a parameter of the signals",
    multiple=True,
    metavar="KEY=VALUE",
)
@threads_option
def signals(
    region_dir: Path,
    out: Path,
    run_dir: Path | None,
    outpatient: Path | None,
    overrides: tuple[str, ...],
    threads: int | None,
) -> None:
    """Find signals."""
    from drgpay.ground.outputs import new_folder
    from drgpay.signals.detect import signals as find
    from drgpay.signals.folder import facts, write_signals

    started = time.perf_counter()
    new_folder(out)
    result = find(
        region_dir,
        run_dir,
        outpatient,
        overrides=overrides,
        threads=threads,
        progress=bar_of,
    )
    from drgpay.report.signals import write_report

    told = facts(result)
    write_signals(
        result,
        out,
        lang=LANG,
        finish=lambda folder, main, evidence: write_report(folder, main, evidence, told, LANG),
    )
    counts, sure = told["cases"], told["confidence"]
    say(
        f"{told['hospitals']} 家机构，{counts['in']:,} 例：参与比较 {counts['compared']:,}，"
        f"按床日 {counts['bed_day']:,}，未入组或歧义 {counts['not_grouped']:,}，隔离 {counts['quarantined']:,}",
        f"{told['hospitals']} hospitals, {counts['in']:,} cases: {counts['compared']:,} compared, "
        f"{counts['bed_day']:,} by bed-day, {counts['not_grouped']:,} not grouped or ambiguous, "
        f"{counts['quarantined']:,} quarantined",
    )
    say(
        f"信号：高置信 {sure['high']}，中置信 {sure['middle']}，低置信 {sure['low']}（低者仅供留意）",
        f"signals: {sure['high']} of high confidence, {sure['middle']} middle, "
        f"{sure['low']} low (worth watching only)",
    )
    for f in result.findings:
        if f.missing:
            name = in_language(f.signal.name, LANG)
            click.echo(
                t(f"不可判断：{name}：", f"not evaluable: {name}: ") + in_language(f.missing, LANG)
            )
    say("信号只提示应当核查之处，不是结论", "a signal is a reason to look, not a verdict")
    seconds = time.perf_counter() - started
    say(f"结果 {out}（{seconds:.1f} 秒），报告 {out / 'report.html'}", f"result {out} ({seconds:.1f} s), report {out / 'report.html'}")  # fmt: skip

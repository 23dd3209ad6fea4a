"""`drgpay group`: cases from files to a file of groups."""

from __future__ import annotations

import time
from pathlib import Path

import click

from drgpay.cli.counts import counts_text
from drgpay.cli.lang import LANG, t
from drgpay.cli.progress import bar
from drgpay.cli.start import spare_pandas


@click.command(
    help=t(
        "为病例文件分组。CASES为一个或多个Parquet、CSV、Arrow文件或其所在文件夹。"
        "有误的行写入 OUT.quarantine.csv，其余照常分组。",
        "Group case files (Parquet, CSV, Arrow, or a folder of them). Faulty rows go to "
        "OUT.quarantine.csv, the others go on.",
    )
)
@click.argument("cases", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help=t("结果文件，.parquet 或 .csv", "result file, .parquet or .csv"),
)
@click.option(
    "--scheme",
    default="zj-drg-2022",
    show_default=True,
    help=t("分组方案的名称或文件夹", "scheme, by name or folder"),
)
@click.option(
    "--surgical-match",
    type=click.Choice(["main", "any"]),
    help=t("哪些手术参与匹配；默认按方案", "which procedures count; default: as the scheme says"),
)
@click.option("--threads", type=click.IntRange(1, 256), help=t("线程数", "threads"))
def group(
    cases: tuple[Path, ...],
    out: Path,
    scheme: str,
    surgical_match: str | None,
    threads: int | None,
) -> None:
    """Group files."""
    spare_pandas()
    from drgpay.grouper.stream import group_file

    started = time.perf_counter()
    done = group_file(
        list(cases),
        out,
        scheme,
        surgical_match=surgical_match,
        threads=threads,
        lang=LANG,
        progress=lambda total: bar(t("分组", "grouping"), total),
    )
    c, seconds = done.counts, time.perf_counter() - started
    click.echo(
        t(
            f"方案 {done.scheme}（手术匹配 {done.surgical_match}）",
            f"scheme {done.scheme} (surgical_match {done.surgical_match})",
        )
    )
    click.echo(counts_text(c) + t(f"；{seconds:.2f} 秒", f"; {seconds:.2f} s"))
    click.echo(t(f"结果 {done.path}", f"result {done.path}"))
    if c.quarantined:
        click.echo(t(f"隔离的行 {done.quarantine}", f"quarantined rows {done.quarantine}"))

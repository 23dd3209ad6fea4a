"""`drgpay demo`: an invented city from nothing to a settled year with a report."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import click

from drgpay.cli.lang import LANG
from drgpay.cli.options import PATH, command, option
from drgpay.cli.progress import bar_of
from drgpay.cli.told import counts_text, say

MARK = ".drgpay-demo"


@command(
    "演示：生成一座虚构城市（默认30万病例及两年历史），分组、清算、写报告。",
    "Demo: an invented city (300,000 cases and two years of history), grouped, settled, reported.",
    short=(
        "演示：生成虚构城市，分组、清算、写报告",
        "Demo: an invented city, settled and reported",
    ),
)
@option("-o", "--out", "结果文件夹", "folder for everything", default="demo", type=PATH)
@option("--cases", "本年病例数", "cases of the year", default=300_000)
@option("--seed", "随机种子", "seed", default=2024)
def demo(out: Path, cases: int, seed: int) -> None:
    """Generate, group, settle, report."""
    from drgpay.ground.errors import InputError, both
    from drgpay.ground.money import decimal_text, yuan_text
    from drgpay.grouper.explain_file import explain_case
    from drgpay.report.outputs import write_outputs
    from drgpay.runs.folder import write_run
    from drgpay.settlement.year_end import year_end
    from drgpay.synth import synthesize

    started = time.perf_counter()
    if out.exists():
        if not (out / MARK).exists():
            raise InputError(
                both("此处已有别的文件或文件夹", "something else is at this place"),
                where=out,
                remedy=both("另取一个名称", "choose another name"),
            )
        for made in (out / "region", out / "run"):  # what else lies there is not the demo's
            if made.is_dir() and not made.is_symlink():
                shutil.rmtree(made)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).touch()
    region = out / "region"
    say(f"生成虚构城市：{cases:,} 例，另有两年历史 …", f"inventing a city of {cases:,} cases …")
    synthesize(region, cases, seed)
    say("分组、计点、求点值 …", "grouping, points, point value …")
    run = year_end(region, lang=LANG, progress=bar_of)
    write_run(run, out / "run", lang=LANG, finish=lambda folder: write_outputs(folder, LANG))
    click.echo(counts_text(run.counts))
    say("点值（元/点）", "point value (yuan a point)")
    for pool in run.pools:
        value = pool.point_value_fen / 100
        click.echo(
            f"  {pool.name} {pool.pool}  {decimal_text(value, 6)}  "
            f"= {value.numerator}/{value.denominator}"
        )
    names = {h.id: h.name for h in run.region.hospitals}
    rows = sorted(run.hospitals, key=lambda h: h.due_fen - h.sums.recorded_fund_fen)
    say("应付与记账差额最大的机构（元）", "largest differences, due less recorded (yuan)")
    for h in [*rows[:3], *rows[-3:]] if len(rows) > 6 else rows:
        difference = yuan_text(h.due_fen - h.sums.recorded_fund_fen)
        click.echo(f"  {h.hospital_id} {h.pool} {names[h.hospital_id]}  {difference:>18}")
    say("一例的解释", "one case explained")
    told, _ = explain_case(run.region.cases[0], _telling_case(run), run.prepared.main)
    for line in told.text(LANG).splitlines():
        click.echo("  " + line)
    say(
        f"网页与API（试分组、批量、本院、全区）：{sys.argv[0]} serve --demo",
        f"pages and API (previews, batches, hospitals, the region): {sys.argv[0]} serve --demo",
    )
    seconds = time.perf_counter() - started
    say(f"报告 {out / 'run' / 'report.html'}（共 {seconds:.0f} 秒）", f"report {out / 'run' / 'report.html'} ({seconds:.0f} s in all)")  # fmt: skip


def _telling_case(run: object) -> str | None:
    """Return the id of a surgical case whose severity a secondary diagnosis decided."""
    from drgpay.settlement.year_end import YearEnd

    if isinstance(run, YearEnd):
        for piece in run.pieces:
            found = (piece.level == 2) & (piece.status == 0) & (piece.case_class == 0)
            if found.any():
                case: str | None = piece.case_id[int(found.argmax())].as_py()
                return case
    return None

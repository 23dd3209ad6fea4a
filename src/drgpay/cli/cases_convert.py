"""`drgpay cases convert`: any readable cases to a file of our columns, refunds netted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import cases_argument, codes_option, command, out_option, scheme_option
from drgpay.cli.progress import bar
from drgpay.cli.reading import reading_options
from drgpay.cli.start import spare_imports
from drgpay.cli.told import notes, say, tell, tell_quarantined

if TYPE_CHECKING:
    from drgpay.cases.options import ReadOptions


@command(
    "把病例转换为标准列的Parquet、CSV或Excel文件：结算清单（4101）、各种表格都可以读。"
    "退费与原结算冲抵，编码按方案的写法整理。有误的行写入 OUT.quarantine.csv，"
    "改动写入 OUT.changes.csv。",
    "Convert cases to a Parquet, CSV or Excel file of standard columns: settlement lists "
    "(4101) and any table that can be read. Refunds are netted with their settlements, codes "
    "written as the scheme has them. Faulty rows go to OUT.quarantine.csv, all changes to "
    "OUT.changes.csv.",
    short=("转换为标准列的文件，结算清单也可；退费冲抵", "Convert cases to standard columns"),
)
@cases_argument
@out_option(
    "结果文件，.parquet、.csv 或 .xlsx", "result file, .parquet, .csv or .xlsx", required=True
)
@scheme_option
@codes_option
@reading_options
def convert(
    cases: tuple[str, ...],
    out: Path,
    scheme: str,
    codes: str | None,
    reading: ReadOptions,
) -> None:
    """Convert files."""
    spare_imports()
    from drgpay.cases.convert import convert as run
    from drgpay.grouper.codes_read import CodesRead
    from drgpay.grouper.versions import any_grouper, schemes_of

    started = time.perf_counter()
    grouper = any_grouper(scheme, codes=codes)
    done = run(
        list(cases),
        out,
        options=reading.with_codes(codes),
        schemes=schemes_of(grouper),
        editions=grouper.edition_choice(),
        lang=LANG,
        progress=lambda total: bar(t("转换", "converting"), total),
    )
    seconds = time.perf_counter() - started
    read = CodesRead(grouper.own_editions, done.tally, list(done.found), changed=done.changed_codes)
    notes(read.first())
    say(
        f"收到 {done.rows:,} = 写出 {done.out:,} + 退费冲抵 {done.netted:,} + 隔离 "
        f"{done.quarantined:,}；{seconds:.2f} 秒",
        f"in {done.rows:,} = out {done.out:,} + netted {done.netted:,} + quarantined "
        f"{done.quarantined:,}; {seconds:.2f} s",
    )
    for name, rows in done.schemes.items() if len(done.schemes) > 1 else ():
        say(
            f"  按版本 {name} 的编码转换 {rows:,} 例", f"  to the codes of version {name}: {rows:,}"
        )
    for note in (*done.notes, *read.provisos(grouped=False)):
        tell(note)
    if done.unknown:
        names = ", ".join(done.unknown)
        say(f"未用的列：{names}", f"columns not used: {names}")
    say(f"结果 {done.path}", f"result {done.path}")
    if done.changed or done.netted:
        say(
            f"改动 {done.changed:,} 处、退费 {done.netted:,} 行，见 {done.changes}",
            f"{done.changed:,} changes and {done.netted:,} rows of refunds: {done.changes}",
        )
    tell_quarantined(done.quarantine, done.why)
    tell(read.line(grouped=False))

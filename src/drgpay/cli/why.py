"""`drgpay why`: how any figure of a settled run came about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG
from drgpay.cli.options import PATH, command, json_option, option, run_argument
from drgpay.cli.start import spare_imports
from drgpay.cli.told import paper_of, say
from drgpay.ground.errors import InputError, both

if TYPE_CHECKING:
    from drgpay.why import RunFolder


@command(
    "说明清算结果RUN_DIR中一个病例、医疗机构、险种或病组的数字怎样得来：逐步列出算式、数字的出处、"
    "参数和条款，可用纸笔复算。推算与各表不一致，或文件被改动过，以代码6退出。",
    "Show how the figures of a case, a hospital, a pool or a group of a run folder came about: "
    "each step with its formula, where its numbers stand, parameters and clauses. Exit code 6 "
    "when derivation and tables do not agree, or files were changed.",
    short=("说明清算结果中的任一数字怎样得来", "Why any figure of a settled run is what it is"),
)
@run_argument
@option("--case", "case_id", "病例号", "case id")
@option("--hospital", "医疗机构编码", "hospital id")
@option("--pool", "险种", "pool")
@option("--drg", "病组编码", "group")
@option(
    "--book",
    "年度账的文件或地址：与 --case 同用，另说明账上在哪个月或年度、第几号支付",
    "file or address of the book: with --case, also by which entry the case was paid",
)
@json_option
@option(
    "--html",
    "page",
    "另写成网页 .html，可打印",
    "write a page (.html) to print, too",
    type=PATH,
)
def why(
    run_dir: Path,
    case_id: str | None,
    hospital: str | None,
    pool: str | None,
    drg: str | None,
    book: str | None,
    as_json: bool,
    page: Path | None,
) -> None:
    """Derive one figure."""
    spare_imports()
    asked = {"case": case_id, "hospital": hospital, "pool": pool, "drg": drg}
    given = [(subject, name) for subject, name in asked.items() if name is not None]
    if len(given) != 1:
        raise InputError(
            both(
                "须给出 --case、--hospital、--pool、--drg 中的一项，且只一项",
                "give one of --case, --hospital, --pool, --drg, and one alone",
            ),
            remedy=both(
                "如 --case C02；--hospital H1 列出该机构的每个险种",
                "for example --case C02; --hospital H1 has each of its pools",
            ),
        )
    if book is not None and (case_id is None or as_json):
        raise InputError(
            both("--book 只与 --case 同用，不与 --json", "--book goes with --case, without --json")
        )
    paper_of(page, (".html",))
    from drgpay.why import RunFolder, text
    from drgpay.why import why as derive
    from drgpay.why.blame import fault_of

    run = RunFolder(run_dir)
    made = derive(run, *given[0])
    if page is not None:
        from drgpay.report.why_page import write_why_page

        write_why_page(page, made, LANG)
    if as_json:
        click.echo(json.dumps(made.as_dict(), ensure_ascii=False, indent=1))
    else:
        click.echo(text(made, LANG))
    if book is not None and case_id is not None:
        _paid(run, case_id.strip(), book)
    fault = fault_of(run_dir, run.manifest, made.disagreements)
    if fault is not None:
        raise fault


def _paid(run: RunFolder, case_id: str, address: str) -> None:
    """Tell by which entries of the book a case of a run was paid."""
    from drgpay.cli.budget_common import opened
    from drgpay.ledger.paid_cases import key_of, paid_before, paid_told

    rows = run.table("cases", ["hospital_id"], [("case_id", "=", case_id)]).to_pylist()
    with opened(address) as book, book.reading() as reading:
        for name in sorted({str(row["hospital_id"]) for row in rows if row["hospital_id"]}):
            for told in paid_told(paid_before(reading, key_of(name, case_id)), name, case_id):
                say(f"账上支付：{told.chinese}", f"paid by the book: {told}")

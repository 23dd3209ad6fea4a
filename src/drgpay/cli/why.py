"""`drgpay why`: how any figure of a settled run came about."""

from __future__ import annotations

import json
from pathlib import Path

import click

from drgpay.cli.lang import LANG
from drgpay.cli.options import PATH, command, json_option, option, run_argument
from drgpay.cli.start import spare_imports
from drgpay.cli.told import paper_of
from drgpay.ground.errors import InputError, both


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
    fault = fault_of(run_dir, run.manifest, made.disagreements)
    if fault is not None:
        raise fault

"""`drgpay runs`: run folders as records."""

from __future__ import annotations

from pathlib import Path

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import PATH, flag, option, out_option, run_argument
from drgpay.cli.serving import data_options, open_store
from drgpay.cli.told import day_of, paper_of, say, say_table, tell, tell_sheets


@click.group(
    help=t(
        "清算结果：列出文件夹中的各次清算及其版本，比较两次清算，在服务中发布和撤回。",
        "Runs: list those of a folder with their versions, compare two, publish and withdraw.",
    )
)
def runs() -> None:
    """Run a command on runs."""


@runs.command(
    "list",
    help=t(
        "列出文件夹FOLDER之下的各次清算：地区、年度、版本、点值、应付合计",
        "List the runs below FOLDER: region, year, version, point values, sum of dues",
    ),
)
@click.argument("folder", type=PATH)
@flag(
    "--verify",
    "核对结果的每个文件和输入文件是否仍与清算时一致（按 SHA-256）",
    "hold every file of the results, and the inputs, against their digests (SHA-256)",
)
@option(
    "--region",
    "regions",
    "与 --verify 同用：统筹区文件夹；默认在FOLDER之下寻找",
    "with --verify: region folders; found below FOLDER otherwise",
    multiple=True,
    type=PATH,
    metavar="REGION_DIR",
)
def list_command(folder: Path, verify: bool, regions: tuple[Path, ...]) -> None:
    """List runs."""
    from drgpay.ground.digests import changed_results
    from drgpay.report.runs_list import run_lines
    from drgpay.runs.records import list_runs, other_results

    verify = verify or bool(regions)
    found, strange = list_runs(folder, verify=verify, regions=regions)
    others = changed_results(other_results(folder, found)) if verify else {}
    strange = [path for path in strange if path not in others]
    click.echo("\n".join(run_lines(found, strange, LANG, verified=verify, others=others)))


@runs.command(
    "diff",
    help=t(
        "比较两次清算：输入、参数、点值、各机构、病组、类别、病例",
        "Compare two runs: inputs, parameters, point values, hospitals, DRGs, classes, cases",
    ),
)
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@out_option("写入 .html 或 .xlsx 文件", "write an .html or .xlsx file")
def diff_command(a: Path, b: Path, out: Path | None) -> None:
    """Compare runs."""
    from drgpay.report.runs_diff import diff_lines, write_diff_excel, write_diff_page
    from drgpay.runs.records import diff_runs

    suffix = paper_of(out, (".html", ".xlsx"), [a, b])
    found = diff_runs(a, b)
    if out is None:
        click.echo("\n".join(diff_lines(found, LANG)))
        return
    write = write_diff_page if suffix == ".html" else write_diff_excel
    write(found, out, LANG)
    say(f"已写入 {out}", f"written to {out}")


@runs.command(
    "balance",
    help=t(
        "各机构盈亏：按公式（应付−记账），公布口径（高、低倍率病例归零），以及两者之间的差额",
        "The balance of hospitals by formula, as published (high and low cases set to zero), and the "
        "bridge between the two",
    ),
)
@run_argument
@out_option("写入 .xlsx 文件", "write an .xlsx file")
def balance_command(run_dir: Path, out: Path | None) -> None:
    """Show balances."""
    from drgpay.report.hospital_balance import balance_sheet, balances, told
    from drgpay.report.run import Run

    run = Run(run_dir)
    run.refuse_changed()
    found = balances(run)
    sheet = balance_sheet(run, found, LANG)
    tell_sheets([sheet], out, lambda: run.digest, [run_dir], mark="; ".join(run.trial))
    tell(told(found))


@runs.command(
    "publish",
    help=t(
        "在服务中发布一次年度清算或月度结算；同一期间先前发布的随之撤回。试算和改动过的结果不能发布。",
        "Publish a settled year or a month in the service, in place of what was published of that "
        "period. Trials and folders that were changed are refused.",
    ),
)
@run_argument
@option("--by", "谁发布", "who publishes it", required=True)
@option(
    "--signals",
    "连同这一年度的异常信号文件夹：经办机构和审计看全部，医疗机构只看本机构的",
    "with the year's folder of signals: the agency and auditors see all, a hospital its own",
    type=PATH,
)
@data_options
def publish_command(
    run_dir: Path, by: str, signals: Path | None, data: Path, database: str
) -> None:
    """Publish a run."""
    store, _ = open_store(data, database)
    from drgpay.service.published import publish

    made = publish(store, run_dir, by, signals)
    say(
        f"已发布 {made.id}：{made.region_id} {made.period}，运行中的服务两秒内可见",
        f"published {made.id}: {made.region_id} {made.period}; a running service has it in two seconds",
    )


@runs.command("withdraw", help=t("撤回一次发布，编号见 published", "Take back what was published"))
@click.argument("run_id")
@data_options
def withdraw_command(run_id: str, data: Path, database: str) -> None:
    """Withdraw a run."""
    store, _ = open_store(data, database)
    from drgpay.service.published import withdraw

    withdraw(store, run_id)
    say(f"已撤回 {run_id}", f"{run_id} is withdrawn")


@runs.command("published", help=t("列出服务中已发布的结果", "List what the service shows"))
@data_options
def published_command(data: Path, database: str) -> None:
    """List what is published."""
    store, _ = open_store(data, database)
    from drgpay.service.published import list_published

    found = list_published(store)
    if not found:
        say("尚未发布任何结果", "nothing is published")
        return
    head = t("编号 统筹区 期间 发布 发布人 文件夹", "id region period published by folder")
    say_table(
        head.split(),
        [
            (run.id, run.region_id, run.period, day_of(run.published_at), run.published_by,
             str(run.folder))
            for run in found
        ],
    )  # fmt: skip

"""`drgpay policy`: parameters, what they take, and files that set them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.lazy import LazyGroup
from drgpay.cli.options import command, json_option, option, out_option, year_option
from drgpay.cli.told import paper_of, say

KINDS = ("payment", "budget")  # the catalogues; drgpay.policy is imported when one is asked for
policy = LazyGroup(
    "policy",
    lazy={
        "list": ("drgpay.cli.policy", "list_policies"),
        **{name: ("drgpay.cli.policy", name) for name in ("parameters", "show", "check", "diff")},
    },
    help=t(
        "支付政策和总额控制政策：列出参数可取的值、查看参数及其依据、检查政策文件、比较两份政策。",
        "Payment and budget policies: list what parameters take, look at them and their sources, check a file, compare two.",
    ),
)


@command(
    "列出政策的全部参数：名称、单位、所在规则（docs/rules.md）、可取的值和选项",
    "List all parameters: name, unit, rule (docs/rules.md), what they take",
)
@option(
    "--of",
    "catalogue",
    "哪一种政策：payment 支付政策，budget 总额控制政策",
    "of which kind of policy: payment, or budget (the global budget through the year)",
    type=click.Choice(KINDS),
    default=KINDS[0],
)
def parameters(catalogue: str) -> None:
    """Print the catalogue."""
    from drgpay.report.policy_parameters import parameter_lines

    click.echo("\n".join(parameter_lines(LANG, catalogue)))


@command(
    "列出内置的政策：名称、种类、标题、已核实的项数",
    "List the bundled policies: name, kind, title, how many values are verified",
)
@json_option
def list_policies(as_json: bool) -> None:
    """Print the bundled policies."""
    from drgpay.report.policy_list import bundled_policies, list_lines

    found = bundled_policies()
    text = json.dumps(found, ensure_ascii=False, indent=1) if as_json else None
    click.echo(text or "\n".join(list_lines(found, LANG)))


@command(
    "查看政策的参数：名称、值、期间、依据、是否核实、备选值。POLICY为内置政策的名称或文件",
    "Show the parameters of a policy: name, value, period, source, verified, alternative",
)
@click.argument("policy")
@year_option("只看这一年的值", "only the values in force in this year")
@option(
    "--key",
    "keys",
    "只看这些参数：参数名、前缀（如 trim）或中文名称的一部分；可重复",
    "only these: a key, its first part (as trim), or a part of its Chinese name; repeatable",
    multiple=True,
)
@json_option
def show(policy: str, year: int | None, keys: tuple[str, ...], as_json: bool) -> None:
    """Print the parameters."""
    from drgpay.policy import load_policy
    from drgpay.report.policy_show import listed, show_lines

    loaded = load_policy(policy, complete=False, catalogue=None)
    if year is not None:
        loaded.for_year(year)
    entries = listed(loaded, year, keys)
    if as_json:
        head = {"id": loaded.id, "title": loaded.title, "digest": loaded.digest, "year": year}
        text = json.dumps({**head, "parameters": entries}, ensure_ascii=False, indent=1)
        click.echo(text)
        return
    click.echo("\n".join(show_lines(loaded, entries, LANG)))


@command(
    "检查政策文件：列出全部错误和缺少的参数，统计已核实与未核实的参数",
    "Check a policy file: all faults, what is missing, how much of it is verified",
)
@click.argument("policy")
@year_option("并检查能否用于这一年", "and whether it can be used for this year")
def check(policy: str, year: int | None) -> None:
    """Print the findings; exit code 4 when there are faults."""
    from drgpay.ground.errors import PolicyError
    from drgpay.report.policy_check import check_lines, check_policy

    found = check_policy(policy, year)
    click.echo("\n".join(check_lines(found, LANG)))
    if found.faulty:
        sys.exit(PolicyError.exit_code)


@command(
    "比较两份政策：逐项列出新增、取消、改变的参数和双方的依据",
    "Compare two policies: parameters added, removed, changed, with the sources of both",
)
@click.argument("a")
@click.argument("b")
@year_option("只比较这一年的值", "compare only the values in force in this year")
@out_option("写入 .html 文件", "write an .html file")
def diff(a: str, b: str, year: int | None, out: Path | None) -> None:
    """Print what differs, or write it as a page."""
    from drgpay.policy import load_policy
    from drgpay.report.policy_diff import diff_lines, diff_policies, write_diff_page

    paper_of(out, (".html",), [a, b])
    old, new = (load_policy(name, complete=False, catalogue=None) for name in (a, b))
    found = diff_policies(old, new, year)
    if out is None:
        click.echo("\n".join(diff_lines(found, LANG)))
        return
    write_diff_page(found, out, LANG)
    number = len(found.changes)
    say(f"{number:,} 项差别，已写入 {out}", f"{number:,} differences written to {out}")

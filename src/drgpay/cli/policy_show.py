"""`drgpay policy show`: the parameters of a policy as a table or as JSON."""

from __future__ import annotations

import click

from drgpay.cli.lang import LANG, t


@click.command(
    "show",
    help=t(
        "查看政策的参数：名称、值、期间、依据、是否核实、备选值。POLICY为内置政策的名称或文件",
        "Show the parameters of a policy: name, value, period, source, verified, alternative",
    ),
)
@click.argument("policy")
@click.option(
    "--year",
    type=click.IntRange(1990, 2200),
    help=t("只看这一年的值", "only the values in force in this year"),
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    help=t(
        "只看这些参数：参数名、前缀（如 trim）或中文名称的一部分；可重复",
        "only these: a key, its first part (as trim), or a part of its Chinese name; repeatable",
    ),
)
@click.option("--json", "as_json", is_flag=True, help=t("输出JSON", "print JSON"))
def show(policy: str, year: int | None, keys: tuple[str, ...], as_json: bool) -> None:
    """Print the parameters."""
    import json

    from drgpay.policy import load_policy
    from drgpay.report.policy_show import listed, show_lines

    loaded = load_policy(policy, complete=False)
    if year is not None:
        loaded.for_year(year)
    entries = listed(loaded, year, keys)
    if as_json:
        head = {"id": loaded.id, "title": loaded.title, "digest": loaded.digest, "year": year}
        text = json.dumps({**head, "parameters": entries}, ensure_ascii=False, indent=1)
        click.echo(text)
        return
    click.echo("\n".join(show_lines(loaded, entries, LANG)))

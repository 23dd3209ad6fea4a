"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from drgpay.cli.lang import t

Command = Callable[..., Any]


def scheme_option(command: Command) -> Command:
    """Add --scheme."""
    return click.option(
        "--scheme",
        default="zj-drg-2022",
        show_default=True,
        help=t(
            "分组方案的名称或文件夹；写一族方案的名称（如 zhejiang）时，按出院日期取施行中的版本",
            "scheme, by name or folder; of a family (as zhejiang) the version in force at discharge",
        ),
    )(command)


def insurance_option(command: Command) -> Command:
    """Add --from-insurance-codes."""
    return click.option(
        "--from-insurance-codes",
        is_flag=True,
        help=t(
            "编码是医保版，先对照为方案所用的编码；改动逐项列出",
            "codes are those of the insurance edition: map them first, and list what changed",
        ),
    )(command)


def surgical_match_option(command: Command) -> Command:
    """Add --surgical-match."""
    return click.option(
        "--surgical-match",
        type=click.Choice(["main", "any"]),
        help=t(
            "哪些手术参与匹配；默认按方案", "which procedures count; default: as the scheme says"
        ),
    )(command)


def grouping_options(command: Command) -> Command:
    """Add --scheme, --surgical-match and --from-insurance-codes."""
    for add in (insurance_option, surgical_match_option, scheme_option):
        command = add(command)
    return command


def threads_option(command: Command) -> Command:
    """Add --threads."""
    return click.option("--threads", type=click.IntRange(1, 256), help=t("线程数", "threads"))(
        command
    )

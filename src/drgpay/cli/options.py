"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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


def region_argument(command: Command) -> Command:
    """Add REGION_DIR."""
    return click.argument("region_dir", type=click.Path(path_type=Path))(command)


def new_folder_option(command: Command) -> Command:
    """Add -o, --out: a folder that must not be there yet."""
    return click.option(
        "-o",
        "--out",
        required=True,
        type=click.Path(path_type=Path),
        help=t("结果文件夹（须是新文件夹）", "a new folder for the result"),
    )(command)


def trial_option(command: Command) -> Command:
    """Add --set KEY=VALUE, which makes a trial run."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help=t(
            "试算：改变一项政策参数；结果处处标明试算",
            "trial: override one policy value; the run is marked as a trial everywhere",
        ),
    )(command)

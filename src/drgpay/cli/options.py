"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from drgpay.cli.lang import t
from drgpay.ground.errors import InputError, both
from drgpay.ground.reference import DEFAULT_SCHEME
from drgpay.names.readings import READINGS, Readings, asked_readings

Command = Callable[..., Any]


def scheme_option(command: Command) -> Command:
    """Add --scheme."""
    return click.option(
        "--scheme",
        default=DEFAULT_SCHEME,
        show_default=True,
        help=t(
            "分组方案的名称或文件夹；写一族方案的名称（如 zhejiang）时，按出院日期取施行中的版本",
            "scheme, by name or folder; of a family (as zhejiang) the version in force at discharge",
        ),
    )(command)


def codes_option(command: Command) -> Command:
    """Add --codes, and --from-insurance-codes as another word for one of its values."""
    option = click.option(
        "--codes",
        metavar="EDITION",
        help=t(
            "病例的编码版本：insurance-2.0（医保版）或 clinical-2022（国临版）；默认按病例的“编码版本”列，"
            "没有则按计数判断。与方案的版本不同时先对照，改动逐项列出",
            "edition of the codes: insurance-2.0 or clinical-2022; default: as the column code_system "
            "says, else found by counting. Where the scheme's differs, codes are mapped and listed",
        ),
    )
    older = click.option(
        "--from-insurance-codes", "codes", flag_value="insurance-2.0", default=None, hidden=True
    )
    return older(option(command))


def asked_pairs(asked: Sequence[str], surgical_match: str | None = None) -> Readings:
    """Return the readings that NAME=VALUE ask for; raises InputError or SchemeError."""
    pairs = [text.partition("=") for text in asked]
    wrong = [text for text, (_, sign, _) in zip(asked, pairs, strict=True) if not sign]
    if wrong:
        raise InputError(
            both(f"--reading {wrong[0]} 不是 名称=值", f"--reading {wrong[0]} is no NAME=VALUE"),
            remedy=both("如 --reading surgical_match=any", "as --reading surgical_match=any"),
        )
    given = [(name.strip(), choice.strip()) for name, _, choice in pairs]
    return asked_readings(given, surgical_match, "--reading")


def readings_option(command: Command) -> Command:
    """Add --reading, and --surgical-match as a word for one of its names.

    The command's function takes both as one argument, `readings`: the readings asked for.
    """

    @wraps(command)
    def reads(*args: Any, surgical_match: str | None, asked: tuple[str, ...], **kwargs: Any) -> Any:
        readings = asked_pairs(asked, surgical_match)
        return command(*args, readings=readings, **kwargs)

    names = "; ".join(f"{name}={'|'.join(choices)}" for name, choices in READINGS.items())
    option = click.option(
        "--reading",
        "asked",
        multiple=True,
        metavar="NAME=VALUE",
        help=t(
            f"方案未定的一项读法，可多次给出；默认按方案。可写：{names}",
            f"a reading that the scheme leaves open; default: as the scheme says: {names}",
        ),
    )
    word = click.option(
        "--surgical-match",
        type=click.Choice(READINGS["surgical_match"]),
        help=t(
            "即 --reading surgical_match=：哪些手术参与匹配",
            "the same as --reading surgical_match=: which procedures count",
        ),
    )
    return option(word(reads))


def grouping_options(command: Command) -> Command:
    """Add --scheme, --reading, --surgical-match and --codes."""
    for add in (codes_option, readings_option, scheme_option):
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

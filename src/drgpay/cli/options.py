"""Options and arguments of commands, with their words in both languages."""

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
Adds = Callable[[Command], Command]
PATH = click.Path(path_type=Path)


def command(
    chinese: str, english: str, short: tuple[str, str] = ("", ""), **more: Any
) -> Callable[[Command], click.Command]:
    """Make a command with its help; `short` stands in the list of commands."""
    return click.command(help=t(chinese, english), short_help=t(*short) or None, **more)


def option(*words: str, **more: Any) -> Adds:
    """Add an option: its names, then its help in Chinese and in English; a default is shown."""
    *names, chinese, english = words
    more.setdefault("show_default", "default" in more)
    return click.option(*names, help=t(chinese, english), **more)


def flag(*words: str) -> Adds:
    """Add an option without a value."""
    return option(*words, is_flag=True)


def out_option(chinese: str, english: str, required: bool = False) -> Adds:
    """Add -o, --out: the file or folder that is written."""
    return option("-o", "--out", chinese, english, type=PATH, required=required)


def year_option(chinese: str, english: str) -> Adds:
    """Add --year."""
    return option("--year", chinese, english, type=click.IntRange(1990, 2200))


threads_option = option("--threads", "线程数", "threads", type=click.IntRange(1, 256))
json_option = flag("--json", "as_json", "输出JSON", "print JSON")
cases_argument = click.argument("cases", nargs=-1, required=True)
region_argument = click.argument("region_dir", type=PATH)
run_argument = click.argument("run_dir", type=PATH)
new_folder_option = out_option(
    "结果文件夹（须是新文件夹）", "a new folder for the result", required=True
)
trial_option = option(
    "--set",
    "overrides",
    "试算：改变一项政策参数；结果处处标明试算",
    "trial: override one policy value; the run is marked as a trial everywhere",
    multiple=True,
    metavar="KEY=VALUE",
)
scheme_option = option(
    "--scheme",
    "分组方案的名称或文件夹；写一族方案的名称（如 zhejiang）时，按出院日期取施行中的版本",
    "scheme, by name or folder; of a family (as zhejiang) the version in force at discharge",
    default=DEFAULT_SCHEME,
)


def codes_option(command: Command) -> Command:
    """Add --codes, and --from-insurance-codes as another word for one of its values."""
    add = option(
        "--codes",
        "病例的编码版本：insurance-2.0（医保版）或 clinical-2022（国临版）；默认按病例的“编码版本”列，"
        "没有则按计数判断。与方案的版本不同时先对照，改动逐项列出",
        "edition of the codes: insurance-2.0 or clinical-2022; default: as the column code_system "
        "says, else found by counting. Where the scheme's differs, codes are mapped and listed",
        metavar="EDITION",
    )
    older = click.option(
        "--from-insurance-codes", "codes", flag_value="insurance-2.0", default=None, hidden=True
    )
    return older(add(command))


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
    reading = option(
        "--reading",
        "asked",
        f"方案未定的一项读法，可多次给出；默认按方案。可写：{names}",
        f"a reading that the scheme leaves open; default: as the scheme says: {names}",
        multiple=True,
        metavar="NAME=VALUE",
    )
    word = option(
        "--surgical-match",
        "即 --reading surgical_match=：哪些手术参与匹配",
        "the same as --reading surgical_match=: which procedures count",
        type=click.Choice(READINGS["surgical_match"]),
    )
    return reading(word(reads))


def grouping_options(command: Command) -> Command:
    """Add --scheme, --reading, --surgical-match and --codes."""
    for add in (codes_option, readings_option, scheme_option):
        command = add(command)
    return command

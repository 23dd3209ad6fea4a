"""Options of every command that reads cases: what the files do not say themselves."""

from __future__ import annotations

from functools import wraps
from typing import Any

import click

from drgpay.cases.options import WAIT_SECONDS, ReadOptions
from drgpay.cli.options import PATH, Command, option

NAMES = ("mapping", "sheet", "encoding", "delimiter", "table", "wait")


OPTIONS = (
    option(
        "--mapping",
        "列名和取值的对照文件，.toml 或 .csv；或内置的名称，如 hqms",
        "file that says what other headers and values mean, .toml or .csv, or a bundled "
        "one by name, as hqms",
        type=PATH,
    ),
    option(
        "--sheet",
        "Excel中读哪张工作表；默认读所有有病例的",
        "sheet of an Excel file; default: all that hold cases",
    ),
    option(
        "--encoding",
        "文本文件的编码；默认自动识别UTF-8、UTF-16、GB18030",
        "encoding of text files; default: UTF-8, UTF-16 or GB18030 is found",
    ),
    option(
        "--delimiter",
        "文本文件的分隔符，如 ; 或 tab；默认自动识别",
        "delimiter of text files, such as ; or tab; default: it is found",
    ),
    option("--table", "数据库的表或视图", "table or view of a database"),
    option(
        "--wait",
        "数据库的视图多少秒不再给出行就停止",
        "seconds after which a view of a database that gives no further rows is left",
        type=click.IntRange(1, 86_400),
        default=WAIT_SECONDS,
    ),
)


def reading_options(command: Command) -> Command:
    """Give a command --mapping, --sheet, --encoding, --delimiter, --table and --wait.

    The command's function takes them as one argument, `reading`, a ReadOptions.
    """

    @wraps(command)
    def reads(*args: Any, **kwargs: Any) -> Any:
        return command(*args, reading=ReadOptions(**{n: kwargs.pop(n) for n in NAMES}), **kwargs)

    decorated: Any = reads
    for add in reversed(OPTIONS):
        decorated = add(decorated)
    return decorated  # type: ignore[no-any-return]

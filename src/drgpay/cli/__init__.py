"""The command line: thin commands, imported only when called."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import click

from drgpay import __version__
from drgpay.cli.chinese import chinese_words, speak_chinese
from drgpay.cli.lang import LANG, language_first, t
from drgpay.cli.lazy import LazyGroup
from drgpay.cli.streams import guard_streams
from drgpay.ground.errors import Bilingual, DrgpayError, InputError, in_language
from drgpay.ground.inputs import utf8_name
from drgpay.ground.languages import is_chinese

if is_chinese(LANG):
    speak_chinese()

COMMANDS = {
    "cases": ("drgpay.cli.cases", "cases"),
    "group": ("drgpay.cli.group", "group"),
    "explain": ("drgpay.cli.explain", "explain"),
    "year-end": ("drgpay.cli.year_end", "year_end"),
    "month": ("drgpay.cli.month", "month"),
    "budget": ("drgpay.cli.budget", "budget"),
    "runs": ("drgpay.cli.runs", "runs"),
    "why": ("drgpay.cli.why", "why"),
    "letters": ("drgpay.cli.letters", "letters"),
    "signals": ("drgpay.cli.signals", "signals"),
    "scheme": ("drgpay.cli.scheme", "scheme"),
    "policy": ("drgpay.cli.policy", "policy"),
    "simulate": ("drgpay.cli.simulate", "simulate"),
    "serve": ("drgpay.cli.serve", "serve"),
    "keys": ("drgpay.cli.keys", "keys"),
    "mcp": ("drgpay.cli.mcp", "mcp"),
    "synth": ("drgpay.cli.synth", "synth"),
    "demo": ("drgpay.cli.demo", "demo"),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    help=t(
        "DRG点数法付费：分组、计点、求点值、年度清算。",
        "DRG point-value payment: group cases, compute points, solve the point value, settle a year.",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--lang",
    type=click.Choice(["zh", "en"]),
    help=t(
        "界面语言，zh 中文（默认）或 en 英文；也可用环境变量 DRGPAY_LANG",
        "language of texts, zh (default) or en; or by the environment variable DRGPAY_LANG",
    ),
    expose_value=False,
)
@click.version_option(__version__, "--version", message="drgpay %(version)s")
def cli() -> None:
    """Run a command."""


if is_chinese(LANG):
    chinese_words(cli)

OS_FAULTS = {
    errno.ENOENT: ("没有这个文件或文件夹", "no such file or folder"),
    errno.EACCES: ("没有读写权限", "no permission to read or write"),
    errno.EPERM: ("没有读写权限", "no permission to read or write"),
    errno.EROFS: ("此处只能读，不能写", "this place can only be read"),
    errno.ENOSPC: ("磁盘已满", "the disk is full"),
    errno.EISDIR: ("这是文件夹，不是文件", "this is a folder, not a file"),
    errno.ENOTDIR: ("路径中有一段不是文件夹", "a part of the path is not a folder"),
    errno.ENAMETOOLONG: ("名称太长", "the name is too long"),
}


def _os_text(error: OSError) -> str:
    chinese, english = OS_FAULTS.get(
        error.errno or 0, (f"系统错误 {error.errno}：{error.strerror}", str(error.strerror))
    )
    place = f"{error.filename}" if error.filename is not None else ""
    return t(f"{place}：{chinese}", f"{place}: {english}") if place else t(chinese, english)


def _own_fault(error: Exception) -> str:
    """Return what to say of a fault of the program itself."""
    what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    from drgpay.ground.outputs import WRITTEN

    there = "、".join(str(path) for path in WRITTEN[-3:])
    return t(
        f"错误：drgpay 自身出错，{f'但结果已完整写出：{there}' if there else '没有写出结果'}（{what}）\n"
        "  → 请把这一行和所用的命令报告给开发者；设环境变量 DRGPAY_DEBUG=1 再运行，可得到详细位置",
        "error: a fault of drgpay itself, "
        f"{f'but the result was written whole: {there}' if there else 'no result was written'} "
        f"({what})\n"
        "  → please report this line and the command; DRGPAY_DEBUG=1 in the environment shows where",
    )


def _cache_notes() -> None:
    """Say once what stood in the way of the cache of compiled code."""
    compiled = sys.modules.get("drgpay.ground.compiled")
    for place, (kind, error) in list(getattr(compiled, "CACHE_TROUBLE", {}).items())[:1]:
        texts = {
            "elsewhere": (
                f"程序文件夹和用户主目录都不能写，编译缓存放在 {place}",
                f"neither the program's folder nor the home can be written: compiled code is kept "
                f"in {place}",
            ),
            "damaged": (
                f"编译缓存损坏，已重新编译（{place}：{error}）",
                f"the cache of compiled code was damaged and made anew ({place}: {error})",
            ),
            "not_kept": (
                f"编译缓存写不下来，本次照常运行，下次启动仍会慢几秒（{place}：{error}）",
                f"compiled code could not be kept: this run is not affected, the next one starts "
                f"some seconds slower ({place}: {error})",
            ),
            "none": (
                "没有可写的文件夹放编译缓存，本次照常运行，每次启动会慢几秒；可用环境变量 NUMBA_CACHE_DIR 指定",
                "no folder for compiled code can be written: each run starts some seconds slower; "
                "NUMBA_CACHE_DIR may name one",
            ),
        }
        click.echo(t("说明：", "note: ") + t(*texts[kind]), err=True)


def _tell_warnings() -> None:
    """Let what a warning says in both languages be told in the chosen one, as a note."""
    usual = warnings.showwarning

    def show(message: Warning | str, *where: Any, **more: Any) -> None:
        said = message.args[0] if isinstance(message, Warning) and message.args else message
        if isinstance(said, Bilingual):
            click.echo(t("说明：", "note: ") + in_language(said, LANG), err=True)
        else:
            usual(message, *where, **more)

    warnings.showwarning = show


def _no_memory() -> str:
    return t(
        "内存不足，没有写出结果\n"
        "  → 关闭其他程序，或用 --threads 1 少占内存，或把病例文件分成几份；放宽对内存的限制（ulimit、容器）",
        "out of memory; no result was written\n"
        "  → close other programs, use less with --threads 1, divide the file of cases, or allow "
        "more memory (ulimit, container)",
    )


def _place() -> Path:
    """Return where this command was writing: the last of its results, else the folder it is in."""
    from drgpay.ground.outputs import WRITTEN

    return WRITTEN[-1].parent if WRITTEN else Path.cwd()


class Stopped(BaseException):
    """Somebody asked the process to end; `signal` is the one it got."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


def _hear_signals() -> list[int]:
    """Let a request to end clean up first; one that the caller ignores stays ignored (nohup).

    Returns the list to which a signal that came is added: a library that is at work then may turn
    what the handler raises into a fault of its own (DuckDB: "Query interrupted").
    """
    heard: list[int] = []

    def stop(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)  # the second one ends it at once
        heard.append(number)
        raise Stopped(number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        usual = (signal.SIG_DFL, signal.default_int_handler)
        if number is not None and signal.getsignal(number) in usual:
            signal.signal(number, stop)
    return heard


def main() -> None:
    """Run the command line; faults are printed as text, the exit code tells their kind."""
    guard_streams()
    _tell_warnings()
    gc.set_threshold(50_000)  # tables of rules are many small objects, none of them in a circle
    in_front = threading.current_thread() is threading.main_thread()
    heard = _hear_signals() if in_front else []
    try:
        for word in sys.argv[1:]:
            utf8_name(word)
        cli.main(language_first(sys.argv[1:]), prog_name="drgpay", standalone_mode=False)
        _cache_notes()
    except SystemExit:
        raise
    except BaseException as error:
        sys.exit(_tell(Stopped(heard[0]) if heard else error))
    finally:
        gc.freeze()  # what the process gives up anyway is not searched for circles at its end


def _tell(error: BaseException) -> int:
    """Print what ended a command and return its exit code; raises what nobody should see hidden."""
    match error:
        case click.ClickException():
            error.show()
            return error.exit_code
        case click.exceptions.Exit():
            return error.exit_code
        case Stopped(signal=number) if number != signal.SIGINT:
            click.echo(t("已终止", "terminated"), err=True)
            return 128 + number
        case click.Abort(__cause__=EOFError() as cause):  # no key was pressed: a file was too short
            click.echo(_own_fault(cause), err=True)
            return 70
        case Stopped() | click.Abort() | KeyboardInterrupt():
            click.echo(t("已中断", "interrupted"), err=True)
            return 130
        case DrgpayError():
            click.echo(t("错误：", "error: ") + error.text(LANG), err=True)
            return error.exit_code
        case BrokenPipeError():
            # who reads the output has gone: nothing is left to tell, not even by the interpreter
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case MemoryError():
            click.echo(t("错误：", "error: ") + _no_memory(), err=True)
            return InputError.exit_code
        case OSError():
            from drgpay.ground.outputs import NO_ROOM, no_room

            full = error.errno in NO_ROOM
            text = no_room(error, _place()).text(LANG) if full else _os_text(error)
            click.echo(t("错误：", "error: ") + text, err=True)
            return InputError.exit_code if full else 1
        case Exception() if not os.environ.get("DRGPAY_DEBUG"):
            click.echo(_own_fault(error), err=True)
            return 70
    raise error

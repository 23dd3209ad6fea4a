"""The command line: thin commands, imported only when called."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from pathlib import Path

import click

from drgpay import __version__
from drgpay.cli.chinese import chinese_words, speak_chinese
from drgpay.cli.lang import LANG, language_first, t
from drgpay.cli.lazy import LazyGroup
from drgpay.errors import DrgpayError, InputError

if LANG == "zh":
    speak_chinese()

COMMANDS = {
    "cases": ("drgpay.cli.cases", "cases"),
    "group": ("drgpay.cli.group", "group"),
    "explain": ("drgpay.cli.explain", "explain"),
    "year-end": ("drgpay.cli.year_end", "year_end"),
    "month": ("drgpay.cli.month", "month"),
    "runs": ("drgpay.cli.runs", "runs"),
    "why": ("drgpay.cli.why", "why"),
    "letters": ("drgpay.cli.letters", "letters"),
    "signals": ("drgpay.cli.signals", "signals"),
    "scheme": ("drgpay.cli.scheme", "scheme"),
    "policy": ("drgpay.cli.policy", "policy"),
    "simulate": ("drgpay.cli.simulate", "simulate"),
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


if LANG == "zh":
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
    return t(
        f"错误：drgpay 自身出错，没有写出结果（{what}）\n"
        "  → 请把这一行和所用的命令报告给开发者；设环境变量 DRGPAY_DEBUG=1 再运行，可得到详细位置",
        f"error: a fault of drgpay itself, no result was written ({what})\n"
        "  → please report this line and the command; DRGPAY_DEBUG=1 in the environment shows where",
    )


class Stopped(BaseException):
    """Somebody asked the process to end; `signal` is the one it got."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


def _stop(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)  # the second one ends it at once
    raise Stopped(number)


def _hear_signals() -> None:
    """Let a request to end clean up first; one that the caller ignores stays ignored (nohup)."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _stop)


def main() -> None:
    """Run the command line; faults are printed as text, the exit code tells their kind."""
    if threading.current_thread() is threading.main_thread():
        _hear_signals()
    try:
        cli.main(language_first(sys.argv[1:]), prog_name="drgpay", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(t("已中断", "interrupted"), err=True)
        sys.exit(130)
    except Stopped as stopped:
        click.echo(t("已终止", "terminated"), err=True)
        sys.exit(128 + stopped.signal)
    except DrgpayError as error:
        click.echo(t("错误：", "error: ") + error.text(LANG), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # who reads the output has gone: nothing is left to be told, not even by the interpreter
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        from drgpay.outputs import NO_ROOM, no_room

        full = error.errno in NO_ROOM
        text = no_room(error, Path.cwd()).text(LANG) if full else _os_text(error)
        click.echo(t("错误：", "error: ") + text, err=True)
        sys.exit(InputError.exit_code if full else 1)
    except Exception as error:
        if os.environ.get("DRGPAY_DEBUG"):
            raise
        click.echo(_own_fault(error), err=True)
        sys.exit(70)

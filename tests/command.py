"""The command line as users call it, in a forked child of a process that has it imported.

A new interpreter takes a second to import and to load machine code; hundreds of tests ask for one.
What needs an interpreter of its own (the environment, a start without pandas) starts it itself.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

from tests.faults.commands import Commands


def drgpay(
    *words: str | Path, lang: str | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `drgpay` to its end, in a folder: its exit code and what it said."""
    given = [*([] if lang is None else ["--lang", lang]), *map(str, words)]
    ended = _commands("en" if "en" in (lang, *_behind(given)) else "zh").run(
        *given, **({} if cwd is None else {"cwd": str(cwd)})
    )
    return subprocess.CompletedProcess(["drgpay", *given], ended.code, ended.out, ended.err)


def warm(*words: str | Path) -> None:
    """Run a command in the server itself: what it loads need not be loaded by those that follow."""
    _commands("zh").warm(*words)


def _behind(words: list[str]) -> list[str]:
    """Return the language that stands among the words of a command."""
    text = " ".join(words).replace("--lang=", "--lang ").split()
    return [text[i + 1] for i, word in enumerate(text[:-1]) if word == "--lang"]


@lru_cache(maxsize=2)
def _commands(lang: str) -> Commands:
    """Return the server of a language: texts are chosen when a command is imported."""
    folder = Path(tempfile.mkdtemp(prefix="commands-"))
    ending = ExitStack()
    atexit.register(ending.close)
    ending.callback(shutil.rmtree, folder, ignore_errors=True)
    commands = ending.enter_context(Commands(folder / "log", lang))
    cases = folder / "cases.csv"
    cases.write_text(
        "case_id,discharge_date,sex,age_years,diagnoses\n1,2025-03-01,M,60,I25.103\n", "utf-8"
    )
    commands.warm("group", cases, "-o", folder / "grouped.csv")
    return commands

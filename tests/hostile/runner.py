"""Run the real command in this process, in the language asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pandas  # noqa: F401  a command would else hide it from pyarrow for all tests of the process
from pytest import CaptureFixture, MonkeyPatch

from drgpay import cli as command_line

# 1: refused by the operating system; 2: by the command line; 3 to 6 as errors.py has them
EXIT_CODES = frozenset({0, 1, 2, 3, 4, 5, 6})


@dataclass(frozen=True)
class Told:
    """What a command said and how it ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def all(self) -> str:
        return self.stdout + self.stderr


def speak(monkeypatch: MonkeyPatch, lang: str) -> None:
    """Give every module of the command line another language."""
    for name, module in list(sys.modules.items()):
        if name.startswith("drgpay.cli") and hasattr(module, "LANG"):
            monkeypatch.setattr(module, "LANG", lang)


def drgpay(
    words: Sequence[str],
    monkeypatch: MonkeyPatch,
    capfd: CaptureFixture[str],
    lang: str = "zh",
) -> Told:
    """Run a command; whatever it raises beyond an exit is the test's failure."""
    speak(monkeypatch, lang)
    monkeypatch.setattr(sys, "argv", ["drgpay", *words])
    capfd.readouterr()
    code = 0
    try:
        command_line.main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    said = capfd.readouterr()
    return Told(code, said.out, said.err)

"""Progress bars with rate and remaining time, on the error stream of a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

from drgpay.cli.lang import t

TITLES = {
    "history": ("历史", "history"),
    "cases": ("本年", "cases"),
    "sensitivity": ("备选值", "alternatives"),
    "runs": ("清算", "runs"),
}


def bar_of(name: str, total: int | None) -> Callable[[int], None]:
    """Return the bar of a stage of a settlement."""
    return bar(t(*TITLES[name]), total)


def bar(title: str, total: int | None) -> Callable[[int], None]:
    """Return what is called with the cases done at each step; silent without a terminal."""
    if not sys.stderr.isatty():
        return lambda done: None
    from tqdm import tqdm

    shown = tqdm(total=total, desc=title, unit=t("例", " cases"), unit_scale=True, leave=True)

    def step(done: int) -> None:
        shown.update(done)
        if total is not None and shown.n >= total:
            shown.close()

    return step

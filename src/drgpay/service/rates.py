"""How often one caller may ask: limits by kind of route, counted in memory of each worker.

Limits are written as the package `limits` reads them. Its counter locks and starts timers at each
request, a fifth of what a preview costs; windows are counted here in a dictionary.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from limits import RateLimitItem, parse

from drgpay.ground.errors import InputError, both
from drgpay.service.problems import Problem

# by kind; of each caller, of strangers by address
USUAL: Mapping[str, str] = {
    "usual": "1200/minute",
    "preview": "200000/minute",
    "batch": "60/minute",
    "login": "10/minute",
    "open": "600/minute",
}
MOST_KEPT = 100_000  # windows, before those that have ended are dropped


class Rates:
    """Counts what each caller asks; raises Problem 429 beyond a limit."""

    def __init__(self, own: Sequence[tuple[str, str]] = ()) -> None:
        self.limits: dict[str, RateLimitItem] = {}
        for name, text in {**USUAL, **dict(own)}.items():
            if name not in USUAL:
                raise InputError(
                    both(f"没有这种限额：{name}", f"there is no limit {name!r}"),
                    where="--rate",
                    remedy=both(f"可用：{'、'.join(USUAL)}", f"there is {', '.join(USUAL)}"),
                )
            try:
                self.limits[name] = parse(text)
                if self.limits[name].amount < 1:
                    raise ValueError(text)
            except ValueError:
                raise InputError(
                    both(f"不是限额：{text}", f"not a limit: {text!r}"),
                    where=f"--rate {name}",
                    remedy=both("如 600/minute", "as 600/minute"),
                ) from None
        self._windows: dict[tuple[str, str], list[float]] = {}  # end and count of each caller's

    def clear(self) -> None:
        """Forget what was counted."""
        self._windows.clear()

    def take(self, kind: str, who: str) -> None:
        """Count one request; raises Problem with the seconds to wait."""
        limit, now = self.limits[kind], time.monotonic()
        window = self._windows.get((kind, who))
        if window is None or window[0] <= now:
            if len(self._windows) >= MOST_KEPT:
                self._windows = {k: own for k, own in self._windows.items() if own[0] > now}
            window = self._windows[kind, who] = [now + limit.get_expiry(), 0]
        window[1] += 1
        if window[1] <= limit.amount:
            return
        wait = max(1, math.ceil(window[0] - now))
        raise Problem(
            429,
            "too_often",
            both("请求过于频繁", "too many requests"),
            both(f"限额 {limit}；稍后再试", f"the limit is {limit}; try again later"),
            headers={"Retry-After": str(wait)},
        )

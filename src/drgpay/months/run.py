"""Run a month of a region folder, or all twelve with the year end."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from drgpay.ground.errors import InputError, both
from drgpay.months.months import MonthRun, all_months, month_run
from drgpay.months.orders import read_orders
from drgpay.settlement.prepare import Reading
from drgpay.settlement.year_end import (
    YearEnd,
    open_year,
    prepare_year,
    score_prepared,
    settle_prepared,
)

_MONTH = re.compile(r"([12]\d{3})-(0[1-9]|1[0-2])")


def parse_month(text: str) -> tuple[int, int]:
    """Return year and month of a text; raises InputError.

    >>> parse_month("2025-03")
    (2025, 3)
    """
    found = _MONTH.fullmatch(text.strip())
    if found is None:
        raise InputError(
            both(f"“{text}”不是月份", f"{text!r} is not a month"),
            where="--month",
            remedy=both("写成 2025-03 的样子", "write it as 2025-03"),
        )
    return int(found[1]), int(found[2])


def run_month(
    folder: str | Path,
    month: str,
    *,
    earlier: str | Path | None = None,
    overrides: Sequence[str] = (),
    **how: Unpack[Reading],
) -> MonthRun:
    """Return the run of a month of a region folder: the year's cases up to the month's last day.

    Cases of later months are left aside, so that the run stays the same when their files come.
    `earlier`: the folder of the month before, which says what the months up to it really paid;
    without it they are computed from today's cases. `how`: as of `year_end`. Raises InputError, PolicyError, SchemeError and
    BooksError as `year_end` does.
    """
    year, number = parse_month(month)
    after = dt.date(year + number // 12, number % 12 + 1, 1)
    with open_year(folder, overrides) as opened:
        if opened.region.year != year:
            raise InputError(
                both(
                    f"统筹区文件夹的年度是 {opened.region.year}，要算的是 {month}",
                    f"the region folder is of {opened.region.year}, the month is {month}",
                ),
                where=opened.region.path / "region.toml",
                remedy=both(
                    "给出该年度的月份，或该月所在年度的文件夹",
                    "name a month of that year, or the folder of the month's year",
                ),
            )
        policy = opened.loaded.for_year(year, overrides)
        orders = None if earlier is None else read_orders(earlier, opened.region, policy, number)
        until = after - dt.timedelta(days=1)
        prepared = opened.prepare(until=until, official=True, **how)
    return month_run(score_prepared(prepared, prepared.policy), number, orders)


def run_all_months(folder: str | Path, **options: Any) -> tuple[MonthRun, YearEnd]:
    """Return the twelve months of a region folder and the year end that they tie out with.

    All are computed at once from the cases of today: a simulation of what months would pay.
    """
    prepared = prepare_year(folder, **options)
    settled = settle_prepared(prepared, prepared.policy)
    return all_months(settled), settled

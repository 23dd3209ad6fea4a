"""How the year goes on: what the months have paid, carried on evenly to the year's end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drgpay.ground.money import divide_rounded

MONTHS = 12


@dataclass(frozen=True, kw_only=True)
class Course:
    """Sums so far at the end of each of the twelve months, in fen; None where a month is not known.

    `forecast` begins at the last month that was paid. `budget` goes on by the mean of its months.
    """

    paid: tuple[int | None, ...]
    budget: tuple[int, ...]
    forecast: tuple[int | None, ...]

    @property
    def forecast_year(self) -> int:
        """What the year would pay."""
        last = self.forecast[-1]
        assert last is not None  # it reaches to the year's end
        return last

    @property
    def budget_year(self) -> int:
        """The year's budget."""
        return self.budget[-1]


def carried_on(paid: Sequence[int], budget: Sequence[int]) -> Course:
    """Return the course of a year of which `paid` and `budget` are the first months, in fen each.

    Each further month is the mean of the months so far: no season, no trend, no promise.

    >>> course = carried_on([100, 200], [160, 160])
    >>> course.paid[:3], course.forecast[:4], course.forecast_year, course.budget_year
    ((100, 300, None), (None, 300, 450, 600), 1800, 1920)
    """
    known = len(paid)
    if not 1 <= known <= MONTHS or len(budget) != known:
        raise ValueError("between one and twelve months, and as many of the budget")
    so_far, planned = [], []
    for number in range(1, MONTHS + 1):
        so_far.append(_carried(paid, number))
        planned.append(_carried(budget, number))
    return Course(
        paid=tuple(fen if n < known else None for n, fen in enumerate(so_far)),
        budget=tuple(planned),
        forecast=tuple(fen if n >= known - 1 else None for n, fen in enumerate(so_far)),
    )


def _carried(months: Sequence[int], number: int) -> int:
    """Return the sum of so many months, those that are not known at the mean of the others."""
    known = min(number, len(months))
    return sum(months[:known]) + divide_rounded(sum(months) * (number - known), len(months))

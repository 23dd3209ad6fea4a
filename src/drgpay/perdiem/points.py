"""Bed-day payment (按床日付费): rates by class, hospital level and day band, as points or money.

Source: S2 二(二)4; base points of a day from the day's standard: P1; day bands are assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drgpay.points.base import base_points_of
from drgpay.policy import YearPolicy


class RateRow(Protocol):
    """A standard of a class, a level (empty: all others), from a day of the stay on."""

    @property
    def bed_class(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def from_day(self) -> int: ...
    @property
    def rate_fen(self) -> int: ...


@dataclass(frozen=True)
class BedDayTables:
    """The bands of bed-day standards as the kernel takes them; index K of a band.

    `bands_of[h, b]`: first and last + 1 band of class b in hospital h (0, 0 where there is none).
    """

    classes: tuple[str, ...]
    bands_of: NDArray[np.int32]  # [H, B, 2]
    start: NDArray[np.int32]  # [K] first day
    points: NDArray[np.int64]  # [K] a day, in 1/10,000 point
    rate: NDArray[np.int64]  # [K] a day, in fen

    @property
    def largest(self) -> int:
        """The most points of a day."""
        return int(self.points.max(initial=0))


def bed_day_tables(
    rates: Sequence[RateRow], levels: Sequence[str], all_mean_fen: int, policy: YearPolicy
) -> BedDayTables:
    """Return the bands of all classes for hospitals by their levels.

    A class's rows for a level come before its rows without one.
    """
    classes = tuple(sorted({rate.bed_class for rate in rates}))
    bands: dict[tuple[str, str], list[RateRow]] = {}
    for rate in sorted(rates, key=lambda r: (r.bed_class, r.level, r.from_day)):
        bands.setdefault((rate.bed_class, rate.level), []).append(rate)
    ordered = [rate for several in bands.values() for rate in several]
    place: dict[tuple[str, str], tuple[int, int]] = {}
    at = 0
    for key, several in bands.items():
        place[key] = (at, at + len(several))
        at += len(several)
    of = np.zeros((len(levels), max(len(classes), 1), 2), dtype=np.int32)
    for h, level in enumerate(levels):
        for b, name in enumerate(classes):
            of[h, b] = place.get((name, level), place.get((name, ""), (0, 0)))
    return BedDayTables(
        classes,
        of,
        np.array([rate.from_day for rate in ordered] or [1], dtype=np.int32),
        np.array(
            [base_points_of(rate.rate_fen, all_mean_fen, policy) for rate in ordered] or [0],
            dtype=np.int64,
        ),
        np.array([rate.rate_fen for rate in ordered] or [0], dtype=np.int64),
    )

"""Bed-day payment (按床日付费) as points, so that bed-days share the point value.

Source: S2 二(二)4; base points of a day from the day's standard: P1.
"""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.points.base import base_points_of
from drgpay.policy import YearPolicy


def bed_day_base_points(
    rates_fen: Mapping[str, int], all_mean_fen: int, policy: YearPolicy
) -> dict[str, int]:
    """Return the points of one day by bed-day class, in 1/10,000 point.

    `rates_fen` are the standards a day in fen; one rate for all days of a class.
    """
    return {
        name: base_points_of(rate, all_mean_fen, policy) for name, rate in sorted(rates_fen.items())
    }

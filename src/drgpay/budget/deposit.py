"""The quality deposit (质量保证金): what of it a score releases.

Sources: S0 13, S4 (7)-(8); how the score releases it is the policy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from drgpay.budget.pool import Rules
from drgpay.ground.errors import PolicyError, both
from drgpay.policy.year import says


def released_by(score: Fraction, rules: Rules) -> Fraction:
    """Return what of the deposit a score releases (`deposit_score`, `deposit_bands`).

    Raises PolicyError when the bands are missing.
    """
    if says(rules, "deposit_score", "linear", "bands"):
        return score
    bands: Sequence[tuple[Fraction | None, Any]] | None = rules["deposit_bands"]
    if bands is None:
        raise PolicyError(
            both("deposit_score 为 bands，但没有 deposit_bands", "deposit_bands is none"),
            where="deposit_bands",
            remedy=both("给出分档，或将 deposit_score 设为 linear", "give bands, or use linear"),
        )
    return next(Fraction(ratio) for limit, ratio in bands if limit is None or score < limit)

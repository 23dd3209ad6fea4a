"""The quality deposit (质量保证金): what institutions have of it, what of it a score releases.

Sources: S0 13, S4 (7)-(8); how the score releases it is the policy's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from drgpay.budget import index_formulas
from drgpay.budget.pool import Rules
from drgpay.ground.errors import InputError, PolicyError, both
from drgpay.ground.money import largest_remainder, yuan_text
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


@dataclass(frozen=True, slots=True)
class Held:
    """An institution's deposit of a year, in fen: control = what its months share + the deposit.

    `control_fen` is what the year's clearing holds its cost against.
    """

    hospital_id: str
    index_fen: int
    deposit_fen: int
    monthly_fen: int

    @property
    def control_fen(self) -> int:
        """Index with the deposit, which is in it or beside it, never taken off twice."""
        return self.monthly_fen + self.deposit_fen


def hold_deposits(
    indices: Mapping[str, int], policy: Rules, set_aside_fen: int | None = None
) -> tuple[Held, ...]:
    """Return every institution's deposit, taken off once: before indices were shared out, or after.

    `set_aside_fen`: what the control target contains for it: institutions share it by their indices
    (largest remainder), their months are the whole index. None, where the target contains none: a
    ratio of each index (`deposit.ratio`), which the months have less. Source: S0 13 and 16, S4 (7).
    Raises InputError for money set aside and no index to share it by.
    """
    names = sorted(indices)
    if set_aside_fen is None:
        ratio = Fraction(policy["deposit.ratio"])
        made = {n: int(index_formulas.set_aside(Fraction(indices[n]), ratio)) for n in names}
        return tuple(Held(n, indices[n], made[n], indices[n] - made[n]) for n in names)
    whole = sum(indices.values())
    if not whole:
        raise InputError(
            both(
                f"质量保证金预留 {yuan_text(set_aside_fen)} 元，但没有指标可据以分配",
                f"{yuan_text(set_aside_fen)} yuan are set aside as deposit, and no index shares them",
            ),
            remedy=both("先下达指标", "set the indices first"),
        )
    made = largest_remainder(
        {n: Fraction(set_aside_fen * indices[n], whole) for n in names}, set_aside_fen
    )
    return tuple(Held(n, indices[n], made[n], indices[n]) for n in names)

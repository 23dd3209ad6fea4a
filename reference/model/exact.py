"""Exact numbers: money in fen, decimals from text, and the one way of rounding."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?")


def decimal(value: Any, what: str) -> Fraction:
    """An exact number from an integer, a Decimal or a text such as "0.85"; never from a float."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, Decimal) and value.is_finite():
        return Fraction(value)
    if isinstance(value, str) and DECIMAL.fullmatch(value.strip()):
        return Fraction(value.strip())
    raise ValueError(f"{what}: {value!r} is not an exact decimal (write it as text, e.g. '0.85')")


def fen(value: Any, what: str) -> int:
    """Yuan with at most two decimals, as integer fen."""
    amount = decimal(value, what) * 100
    if amount.denominator != 1:
        raise ValueError(f"{what}: {value!r} has more than two decimals of a yuan")
    return int(amount)


def round_half_away(value: Fraction, places: int = 0) -> Fraction:
    """Round to that many decimals, half away from zero (docs/rules.md)."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10**places)


def round_fen(value: Fraction) -> int:
    """Round an exact amount of fen to a whole fen."""
    return int(round_half_away(value))


def largest_remainder(exact: Mapping[Any, Fraction], total: int) -> dict[Any, int]:
    """Whole fen that add up to `total` (docs/rules.md, rule 10).

    Every amount is floored; then one fen each goes to the largest fractions, ties in the order
    of the keys (hospital, then pool). The exact amounts must add up to `total`.
    """
    if sum(exact.values()) != total:
        raise ArithmeticError("largest remainder: the exact amounts do not add up to the total")
    whole = {key: amount.numerator // amount.denominator for key, amount in exact.items()}
    left = total - sum(whole.values())
    by_fraction = sorted(exact, key=lambda key: (-(exact[key] - whole[key]), key))
    for key in by_fraction[:left]:
        whole[key] += 1
    return whole


def largest_remainder_of_hospitals(
    exact: Mapping[tuple[Any, Any], Fraction], total: int
) -> dict[tuple[Any, Any], int]:
    """docs/rules.md, rule 10, `combined_residual = hospital_first`.

    What a hospital gets of all pools is by largest remainder among hospitals; each pool's part of
    it is its floor, and one fen more where its fraction is among the hospital's largest.
    """
    hospitals: dict[Any, Fraction] = {}
    for (hospital, _), amount in exact.items():
        hospitals[hospital] = hospitals.get(hospital, Fraction(0)) + amount
    wholes = largest_remainder(hospitals, total)
    made = {}
    for hospital, whole in wholes.items():
        own = sorted(key for key in exact if key[0] == hospital)
        floors = {key: math.floor(exact[key]) for key in own}
        left = whole - sum(floors.values())
        ranked = sorted(own, key=lambda key: (floors[key] - exact[key], key))
        for key in own:
            made[key] = floors[key] + (key in ranked[:left])
    return made

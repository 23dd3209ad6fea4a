"""Each community's budget, use and balance (H1 to H3; S2 3, P15).

Budget = sum over its persons of rate x weight x months / 12, or its share of a given total by
weighted months. Use = pooled fund of its persons' visits anywhere, less care outside that an
accepted special factor caused. Of a balance left, `keep_ratio` is kept; of a deficit the fund bears
`deficit_share`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from drgpay.capitation.rules import Rules
from drgpay.ground.errors import InputError, both, unknown_choice
from drgpay.ground.money import round_half_away


@dataclass(frozen=True, slots=True)
class Balance:
    """What a community's budget, its use and the policy's shares come to, in fen."""

    used_fen: int
    balance_fen: int
    kept_fen: int
    borne_by_fund_fen: int
    paid_fen: int


def budgets(
    weighted_months: Mapping[str, Fraction], rules: Rules, total_fen: int | None
) -> tuple[dict[str, int], Fraction]:
    """Return each community's budget in fen and the exact total; they add up to it rounded.

    Raises InputError when a total is to be shared and nobody has a weighted month.
    """
    months = sum(weighted_months.values(), Fraction(0))
    if rules.method == "rate":
        rate = rules.rate_fen if rules.rate_fen is not None else Fraction(0)
        exact = {c: rate * m / 12 for c, m in weighted_months.items()}
        return in_fen(exact), rate * months / 12
    if rules.method != "share_of_budget":
        raise unknown_choice("capitation.method", rules.method)
    total = total_fen or 0
    if not months:
        if total:
            raise InputError(
                both(
                    "没有一个参保人归入医共体，总额无从分配",
                    "nobody belongs to a community: the total cannot be shared",
                ),
                where="budget",
                remedy=both(
                    "核对参保人的签约医共体和区域，以及 areas 表",
                    "check signatures and areas of the persons, and the table of areas",
                ),
            )
        return dict.fromkeys(weighted_months, 0), Fraction(0)
    shares = {c: total * m / months for c, m in weighted_months.items()}
    return in_fen(shares), Fraction(total)


def in_fen(exact: Mapping[str, Fraction]) -> dict[str, int]:
    """Return whole fen that add up to the rounded total: floors, then the largest fractions.

    Ties go to the smaller key. Values must not be negative.

    >>> in_fen({"a": Fraction(1, 2), "b": Fraction(3, 4), "c": Fraction(1, 2)})
    {'a': 1, 'b': 1, 'c': 0}
    """
    floors = {key: value.numerator // value.denominator for key, value in exact.items()}
    left = round_half_away(sum(exact.values(), Fraction(0))) - sum(floors.values())
    order = sorted(exact, key=lambda key: (floors[key] - exact[key], key))
    for key in order[:left]:
        floors[key] += 1
    return floors


def balance(budget_fen: int, gross_fen: int, special_fen: int, rules: Rules) -> Balance:
    """Return what is used, left or lacking, and what the fund pays for a community's persons."""
    used = gross_fen - special_fen
    left = budget_fen - used
    if left >= 0:
        kept = round_half_away(rules.keep_ratio * left)
        return Balance(used, left, kept, 0, used + kept)
    borne = round_half_away(rules.deficit_share * -left)
    return Balance(used, left, 0, borne, budget_fen + borne)

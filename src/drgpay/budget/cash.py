"""The ceiling in cash: prepaid, payable now, other modes and provisions against a pool's target.

Source: S0 2-3 and 13 (B12). What one institution owes back never raises what others may get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drgpay.budget.ceiling import (
    PAYABLE,
    PREPAID,
    PROVISION,
    Ceiling,
    Payment,
    Reserve,
    check_ceiling,
)
from drgpay.ground.errors import InputError, both
from drgpay.ground.money import yuan_text
from drgpay.ground.numbers import above_zero


def cash_ceiling(
    target_fen: int,
    reserves: Sequence[Reserve],
    paid: Mapping[str, int],
    finals: Mapping[str, int],
    others: Sequence[Payment] = (),
    provision_fen: int = 0,
    *,
    where: str | None = None,
    drawn_before: Mapping[str, int] | None = None,
) -> Ceiling:
    """Fail if cash out and provisions exceed the target and its reserves that cover an overspend.

    `paid`: what each institution was paid, by id; `finals`: what a step would settle, of which
    amounts below 0 count as 0; money counts as back when it is a payment below 0 of `others`. Fen.
    The book asks it before every posting (ledger/cash.py); a plan's reserves are
    `ControlTarget.for_ceiling`. Raises InputError with all figures.
    """
    below = [name for name, fen in paid.items() if fen < 0]
    if below or provision_fen < 0:
        named = "、".join(below) or yuan_text(provision_fen)
        raise InputError(
            both(f"已付或预提小于0：{named}", f"paid or provided below 0: {named}"),
            where=where,
            remedy=both("收回的金额另列为其他支出", "enter money that came back as a payment"),
        )
    payments = [
        Payment(PREPAID, sum(paid.values())),
        Payment(PAYABLE, sum(above_zero(fen) for fen in finals.values())),
        *others,
        Payment(PROVISION, provision_fen),
    ]
    return check_ceiling(
        payments,
        target_fen,
        reserves,
        where=where,
        drawn_before=drawn_before,
    )

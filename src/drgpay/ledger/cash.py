"""The ceiling in cash: what is paid or bound for payment, against what may be spent.

Of a year and pool: paid by the fund, payable now, deposits and provisions, less advances and money
paid for other areas, which come back by themselves, are at most the control target (the deposit set
aside in it among it: S0 13) and what was drawn from other reserves (S0 2-3). What one institution owes back does not raise what others may get:
receivables count only when the money is back in the fund.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from drgpay.ground.errors import InputError, both
from drgpay.ground.money import yuan_text
from drgpay.ledger.entries import Line
from drgpay.ledger.tables import ENTRIES, POSTINGS

BOUND = ("fund", "payable", "deposit", "provision", "working_capital", "advance", "area_clearing")
MAY_BE_SPENT = ("available", "allotted")
SET_ASIDE = "deposit"  # the reserve that deposits come out of: they are not taken off twice


@dataclass(frozen=True, slots=True)
class Cash:
    """What a year and pool have bound and may spend, in fen."""

    bound_fen: int = 0
    limit_fen: int = 0

    def after(self, lines: Iterable[Line]) -> Cash:
        """Return the same after a posting."""
        bound, limit = self.bound_fen, self.limit_fen
        for line in lines:
            if line.account in BOUND:
                bound -= line.amount_fen
            elif line.account in MAY_BE_SPENT or (line.account, line.detail) == (
                "reserve",
                SET_ASIDE,
            ):
                limit += line.amount_fen
        return Cash(bound, limit)

    @property
    def left_fen(self) -> int:
        """What may still be bound."""
        return self.limit_fen - self.bound_fen


class CashSums:
    """What every year and pool have bound, kept up to a number of the book."""

    def __init__(self) -> None:
        self.number = 0
        self.of: dict[tuple[int, str], Cash] = {}

    def update(self, connection: sa.Connection, head: int) -> Mapping[tuple[int, str], Cash]:
        """Take in the entries after those known."""
        if head > self.number:
            own = (ENTRIES.c.year, POSTINGS.c.pool, POSTINGS.c.account, POSTINGS.c.detail)
            asked = (
                sa.select(*own, sa.func.sum(POSTINGS.c.amount_fen))
                .join(ENTRIES, ENTRIES.c.number == POSTINGS.c.number)
                .where(POSTINGS.c.number > self.number)
                .group_by(*own)
            )
            for year, pool, account, detail, fen in connection.execute(asked):
                line = Line(account, pool, "", detail, int(fen))
                self.of[year, pool] = self.of.get((year, pool), Cash()).after([line])
            self.number = head
        return self.of

    def add(self, number: int, year: int, lines: Iterable[Line]) -> None:
        """Take in the entry that follows those known; nothing where others are not known yet."""
        if number == self.number + 1:
            for line in lines:
                self.of[year, line.pool] = self.of.get((year, line.pool), Cash()).after([line])
            self.number = number


def check_cash(
    before: Mapping[tuple[int, str], Cash], year: int, lines: Iterable[Line], where: str
) -> None:
    """Fail if a posting binds more than may be spent, in any pool.

    A posting that binds nothing more passes, whatever stands already. Raises InputError with the
    figures.
    """
    pools: dict[str, list[Line]] = {}
    for line in lines:
        pools.setdefault(line.pool, []).append(line)
    faults = []
    for pool, own in sorted(pools.items()):
        was = before.get((year, pool), Cash())
        now = was.after(own)
        if now.left_fen < 0 and now.left_fen < was.left_fen:
            over, limit, bound = -now.left_fen, now.limit_fen, now.bound_fen
            faults.append(
                both(
                    f"险种 {pool}：已付、应付、保证金与预提共 {yuan_text(bound)} 元，"
                    f"可支出额度 {yuan_text(limit)} 元，超出 {yuan_text(over)} 元",
                    f"pool {pool}: paid, payable, deposits and provisions come to "
                    f"{yuan_text(bound)} yuan, {yuan_text(over)} above the "
                    f"{yuan_text(limit)} that may be spent",
                )
            )
    if faults:
        raise InputError(
            both(
                f"{year}年支出超过总额控制目标，不予记账",
                f"the payments of {year} exceed the target",
            ),
            where=where,
            faults=faults,
            remedy=both(
                "核对金额；确需支出的，先动用预留资金或调整总额控制目标",
                "look at the amounts; else draw on a reserve or adjust the target first",
            ),
        )

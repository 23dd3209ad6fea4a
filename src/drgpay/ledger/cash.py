"""The ceiling in cash: what is paid or bound for payment, against what may be spent.

Of a year and pool: paid by the fund, payable now, deposits and provisions, less advances and money
paid for other areas, which come back by themselves, are at most the control target (the deposit set
aside in it among it: S0 13) and what was drawn from other reserves (S0 2-3). The book asks the one
ceiling (budget/cash.py) with its balances. What one institution owes back does not raise what others
may get: receivables count only when the money is back in the fund.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from drgpay.budget.cash import cash_ceiling
from drgpay.budget.ceiling import PREPAID, PROVISION, Ceiling, Payment, Reserve
from drgpay.ground.errors import Bilingual, InputError, both, located
from drgpay.ground.numbers import above_zero
from drgpay.ledger.entries import Line
from drgpay.ledger.tables import ENTRIES, POSTINGS
from drgpay.names.ledger import ACCOUNTS
from drgpay.names.plan import RESERVES

# besides what is payable, by institution; and as which payments the ceiling takes them
OTHERS: Mapping[str, str] = {
    "deposit": PROVISION, "provision": PROVISION, "working_capital": PREPAID, "advance": PREPAID,
    "area_clearing": PREPAID,
}  # fmt: skip
BOUND = ("fund", *OTHERS)
MAY_BE_SPENT = ("available", "allotted")
ASKED = ("payable", "reserve", *BOUND, *MAY_BE_SPENT)
SET_ASIDE = "deposit"  # the reserve that deposits come out of: they are not taken off twice


@dataclass(frozen=True, slots=True)
class Cash:
    """What a year and pool have bound and may spend, in fen, as balances of the accounts.

    `payable` by institution: what one owes back of it leaves nothing for others; `owed_fen` what is
    payable to all of them together. `reserves` by name.
    """

    accounts: Mapping[str, int] = field(default_factory=dict)
    payable: Mapping[str, int] = field(default_factory=dict)
    reserves: Mapping[str, int] = field(default_factory=dict)
    owed_fen: int = 0  # kept beside the balances: there are thousands of them

    def after(self, lines: Iterable[Line]) -> Cash:
        """Return the same after a posting."""
        accounts, payable, reserves = dict(self.accounts), dict(self.payable), dict(self.reserves)
        owed = self.owed_fen
        for line in lines:
            if line.account == "payable":
                before = payable.get(line.hospital_id, 0)
                payable[line.hospital_id] = now = before + line.amount_fen
                owed += above_zero(-now) - above_zero(-before)
            elif line.account == "reserve":
                reserves[line.detail] = reserves.get(line.detail, 0) + line.amount_fen
            elif line.account in BOUND or line.account in MAY_BE_SPENT:
                accounts[line.account] = accounts.get(line.account, 0) + line.amount_fen
        return Cash(accounts, payable, reserves, owed)

    @property
    def bound_fen(self) -> int:
        """What is paid or bound for payment, what comes back by itself taken off."""
        return self.owed_fen - sum(self.accounts.get(name, 0) for name in BOUND)

    @property
    def set_aside_fen(self) -> int:
        """What is set aside in reserves that nobody drew; deposits come out of theirs."""
        return sum(fen for name, fen in self.reserves.items() if name != SET_ASIDE)

    @property
    def target_fen(self) -> int:
        """The control target with what was set aside on top of it."""
        free = sum(self.accounts.get(name, 0) for name in MAY_BE_SPENT)
        return free + sum(self.reserves.values())

    @property
    def limit_fen(self) -> int:
        """What may be bound in all."""
        return self.target_fen - self.set_aside_fen

    @property
    def left_fen(self) -> int:
        """What may still be bound."""
        return self.limit_fen - self.bound_fen

    def ask(self, where: str) -> Ceiling:
        """Ask the ceiling with these balances; raises InputError with every figure beyond it."""
        others = [
            Payment(mode, -self.accounts[name], ACCOUNTS[name].word)
            for name, mode in OTHERS.items()
            if self.accounts.get(name)
        ]
        fund = -self.accounts.get("fund", 0)
        if fund < 0:  # more came back than was paid
            others.append(Payment(PREPAID, fund, ACCOUNTS["fund"].word))
        reserves = [
            Reserve(RESERVES.get(name, name), fen, covers_overspend=False, inside_target=True)
            for name, fen in self.reserves.items()
            if name != SET_ASIDE and fen
        ]
        return cash_ceiling(
            self.target_fen, reserves, {"": above_zero(fund)},
            {name: -fen for name, fen in self.payable.items()}, others, where=where,
        )  # fmt: skip


class CashSums:
    """What every year and pool have bound, kept up to a number of the book."""

    def __init__(self) -> None:
        self.number = 0
        self.of: dict[tuple[int, str], Cash] = {}

    def update(self, connection: sa.Connection, head: int) -> Mapping[tuple[int, str], Cash]:
        """Take in the entries after those known."""
        if head > self.number:
            own = (
                ENTRIES.c.year, POSTINGS.c.pool, POSTINGS.c.account, POSTINGS.c.hospital_id,
                POSTINGS.c.detail,
            )  # fmt: skip
            asked = (
                sa.select(*own, sa.func.sum(POSTINGS.c.amount_fen))
                .join(ENTRIES, ENTRIES.c.number == POSTINGS.c.number)
                .where(POSTINGS.c.number > self.number, POSTINGS.c.account.in_(ASKED))
                .group_by(*own)
            )
            found: dict[tuple[int, str], list[Line]] = {}
            for year, pool, account, hospital, detail, fen in connection.execute(asked):
                line = Line(account, pool, hospital, detail, int(fen))
                found.setdefault((year, pool), []).append(line)
            for place, lines in found.items():
                self.of[place] = self.of.get(place, Cash()).after(lines)
            self.number = head
        return self.of

    def add(self, number: int, year: int, lines: Iterable[Line]) -> None:
        """Take in the entry that follows those known; nothing where others are not known yet."""
        if number == self.number + 1:
            for pool, own in _by_pool(lines).items():
                self.of[year, pool] = self.of.get((year, pool), Cash()).after(own)
            self.number = number


def _by_pool(lines: Iterable[Line]) -> dict[str, list[Line]]:
    pools: dict[str, list[Line]] = {}
    for line in lines:
        pools.setdefault(line.pool, []).append(line)
    return pools


def check_cash(
    before: Mapping[tuple[int, str], Cash], year: int, lines: Iterable[Line], where: str
) -> None:
    """Fail if a posting binds more than may be spent, in any pool.

    A posting that binds nothing more passes, whatever stands already. Raises InputError with the
    figures.
    """
    faults: list[Bilingual] = []
    for pool, own in sorted(_by_pool(lines).items()):
        was = before.get((year, pool), Cash())
        now = was.after(own)
        if now.left_fen < was.left_fen and now.left_fen < 0:
            try:
                now.ask(where)
            except InputError as error:
                place = both(f"险种 {pool}", f"pool {pool}")
                faults += [located(place, fault) for fault in (error.what, *error.faults)]
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

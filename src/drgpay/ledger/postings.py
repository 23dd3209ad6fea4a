"""What a decision or a result posts: figures in, lines that balance out.

Of a year, for each institution and pool, cost comes in by months (待清算费用) against what is paid,
kept as deposit, deferred or taken back for violations; the clearing puts the settled amount
(医疗费用支出) in its place, and what is left over is payable or to be given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from drgpay.ground.errors import BooksError, both
from drgpay.ground.money import yuan_text
from drgpay.ledger.book import Balance
from drgpay.ledger.entries import Line, credit, debit

Place = tuple[str, str]  # hospital, pool
# what months leave for the clearing
CLEARED = ("recorded", "deposit", "deferred", "setoff")
POINTS, INDEX = "points", "index"  # of `METHODS`


def target_lines(
    pool: str, target_fen: int, inside: Mapping[str, int], on_top: Mapping[str, int]
) -> list[Line]:
    """Post a control target (S0 13) and its reserves, by name: inside the target, or on top."""
    free = target_fen - sum(inside.values())
    lines = [debit("available", pool, free)]
    lines += [
        debit("reserve", pool, fen, detail=name) for name, fen in {**inside, **on_top}.items()
    ]
    return [*lines, credit("target", pool, target_fen + sum(on_top.values()))]


def draw_lines(pool: str, reserve: str, fen: int) -> list[Line]:
    """Post what is drawn from a reserve, so that it may be spent."""
    return [debit("available", pool, fen), credit("reserve", pool, fen, detail=reserve)]


def index_lines(pool: str, hospital: str, fen: int) -> list[Line]:
    """Post an index (or a change of one) of an institution out of what is not yet allotted."""
    return [debit("allotted", pool, fen, hospital), credit("available", pool, fen)]


def transfer_lines(pool: str, given_fen: Mapping[str, int]) -> list[Line]:
    """Post a transfer of budget between members of a community: what each gives away, below 0 takes.

    Raises BooksError where the sum is not 0.
    """
    left = sum(given_fen.values())
    if left:
        raise BooksError(
            both(
                f"调剂前后合计相差 {yuan_text(left)} 元",
                f"the transfer leaves {yuan_text(left)} yuan over",
            )
        )
    return [credit("allotted", pool, fen, hospital) for hospital, fen in given_fen.items()]


def rebalancing_lines(
    pool: str, more_fen: Mapping[str, int], payable_fen: Mapping[str, int]
) -> Iterator[Line]:
    """Post what members of a community get more, or below 0 less, after their clearing (S1 三(七)).

    What one gets less is taken from what is payable to it (`payable_fen`), the rest of it is owed.
    Raises BooksError where the sum is not 0.
    """
    left = sum(more_fen.values())
    if left:
        raise BooksError(
            both(
                f"再分配前后合计相差 {yuan_text(left)} 元",
                f"the rebalancing leaves {yuan_text(left)} yuan over",
            )
        )
    for hospital, fen in more_fen.items():
        yield debit("expense", pool, fen, hospital, INDEX)
        back = min(-fen, max(0, payable_fen.get(hospital, 0))) if fen < 0 else -fen
        yield debit("payable", pool, back, hospital)
        yield debit("receivable", pool, -fen - back, hospital)


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """A month's amounts of an institution and pool, in fen.

    `paid_fen` is payable now; `setoff_fen` was taken off for what earlier months paid too much (below
    0: so much more is to be set off). `method`: of `METHODS`.
    """

    hospital_id: str
    pool: str
    paid_fen: int
    kept_fen: int = 0
    deferred_fen: int = 0
    violations_fen: int = 0
    setoff_fen: int = 0
    method: str = POINTS

    @property
    def recorded_fen(self) -> int:
        """The cost that these amounts come from."""
        parts = self.paid_fen, self.kept_fen, self.deferred_fen, self.violations_fen
        return sum(parts) + self.setoff_fen


def month_lines(figures: Iterable[MonthFigures]) -> Iterator[Line]:
    """Post a month: cost recorded, what of it is payable, kept, deferred, taken back."""
    for own in figures:
        pool, hospital, method = own.pool, own.hospital_id, own.method
        yield debit("recorded", pool, own.recorded_fen, hospital, method)
        yield credit("payable", pool, own.paid_fen, hospital)
        yield credit("deposit", pool, own.kept_fen, hospital, method)
        yield credit("deferred", pool, own.deferred_fen, hospital, method)
        yield credit("violations", pool, own.violations_fen, hospital)
        yield credit("setoff", pool, own.setoff_fen, hospital, method)


@dataclass(frozen=True, slots=True)
class ClearingFigures:
    """A year's settled amounts of an institution and pool, in fen.

    `settled_fen`: by mode, what care of the year comes to; `final_fen`: what is due now (below 0:
    to be given back), as the run has it, `waiting_fen` of it only when others have paid back.
    `carried_fen` of former years was taken off (below 0: added), `shared_fen` of forfeits added.
    `advances_fen`: by account, what was advanced and is returned now.
    """

    hospital_id: str
    pool: str
    settled_fen: Mapping[str, int]
    forfeited_fen: int
    violations_fen: int
    final_fen: int
    waiting_fen: int = 0
    carried_fen: int = 0
    shared_fen: int = 0
    method: str = POINTS
    advances_fen: Mapping[str, int] = field(default_factory=dict)


def clearing_lines(
    figures: Iterable[ClearingFigures], standing: Iterable[Balance]
) -> Iterator[Line]:
    """Post a clearing against what stands of the year's months.

    Of `standing` what is settled by another method is to be left out. Raises BooksError where the
    book's months and the result's final payment differ.
    """
    sums: dict[tuple[str, str, str], dict[str, int]] = {}
    for balance in standing:
        if balance.account not in CLEARED:
            continue
        place = sums.setdefault((balance.hospital_id, balance.pool, balance.detail), {})
        place[balance.account] = place.get(balance.account, 0) + balance.amount_fen
    faults = []
    for own in figures:
        was = sums.pop((own.hospital_id, own.pool, own.method), {})
        left = sum(own.settled_fen.values()) - sum(was.values()) + own.shared_fen
        left -= own.forfeited_fen + own.violations_fen + own.carried_fen
        left -= sum(own.advances_fen.values())
        if left != own.final_fen:
            faults.append(
                both(
                    f"{own.hospital_id}、险种 {own.pool}：账上应为 {yuan_text(left)} 元，"
                    f"清算结果为 {yuan_text(own.final_fen)} 元",
                    f"{own.hospital_id}, pool {own.pool}: {yuan_text(left)} yuan by the book, "
                    f"{yuan_text(own.final_fen)} by the result",
                )
            )
            continue
        yield from _cleared(own, was)
    faults += [
        both(f"{hospital}、险种 {pool}：清算结果中没有", f"{hospital}, pool {pool}: no result")
        for (hospital, pool, _), was in sorted(sums.items())
        if any(was.values())
    ]
    if faults:
        raise BooksError(
            both("清算结果与各月账目不符", "the clearing does not meet the months in the book"),
            faults=faults,
            remedy=both(
                "核对各月是否都已入账、清算所用的预付数是否取自本账",
                "are all months in the book, and does the result start from what they paid?",
            ),
        )


def _cleared(own: ClearingFigures, was: Mapping[str, int]) -> Iterator[Line]:
    pool, hospital = own.pool, own.hospital_id
    for mode, fen in own.settled_fen.items():
        yield debit("expense", pool, fen, hospital, mode)
    for account, fen in was.items():
        yield credit(account, pool, fen, hospital, own.method)
    yield credit("forfeited", pool, own.forfeited_fen - own.shared_fen, hospital)
    yield credit("violations", pool, own.violations_fen, hospital)
    for account, fen in own.advances_fen.items():
        yield credit(account, pool, fen, hospital)
    # what former years left: owed by the institution, or still payable to it
    yield credit(
        "receivable" if own.carried_fen > 0 else "payable", pool, own.carried_fen, hospital
    )
    yield credit("deferred", pool, own.waiting_fen, hospital, own.method)
    if own.final_fen >= 0:
        yield credit("payable", pool, own.final_fen - own.waiting_fen, hospital)
    else:
        yield debit("receivable", pool, -own.final_fen, hospital)


def difference_lines(
    was: ClearingFigures | None, now: ClearingFigures, owed_fen: int
) -> Iterator[Line]:
    """Post what an institution and pool are settled otherwise by a later version.

    `owed_fen`: what they owe already of the year; it goes down before anything is payable. What was
    prepaid stays as it was. Raises BooksError where the figures do not come to the final payment.
    """
    was = was or ClearingFigures(now.hospital_id, now.pool, {}, 0, 0, 0)
    pool, hospital = now.pool, now.hospital_id
    modes = dict.fromkeys([*was.settled_fen, *now.settled_fen])
    settled = {m: now.settled_fen.get(m, 0) - was.settled_fen.get(m, 0) for m in modes}
    kept = now.forfeited_fen - now.shared_fen - was.forfeited_fen + was.shared_fen
    violations = now.violations_fen - was.violations_fen
    final = now.final_fen - was.final_fen
    left = sum(settled.values()) - kept - violations  # what was carried stays as it was, too
    if left != final:
        raise BooksError(
            both(
                f"{hospital}、险种 {pool}：各项相差 {yuan_text(left)} 元，终付相差 {yuan_text(final)} 元",
                f"{hospital}, pool {pool}: the parts differ by {yuan_text(left)} yuan, the final "
                f"payment by {yuan_text(final)}",
            )
        )
    for mode, fen in settled.items():
        yield debit("expense", pool, fen, hospital, mode)
    yield credit("forfeited", pool, kept, hospital)
    yield credit("violations", pool, violations, hospital)
    waiting = now.waiting_fen - was.waiting_fen
    yield credit("deferred", pool, waiting, hospital, now.method)
    due = final - waiting
    back = -due if due < 0 else -min(due, max(owed_fen, 0))
    yield debit("receivable", pool, back, hospital)
    yield credit("payable", pool, due + back, hospital)


def provision_lines(pool: str, reason: str, fen: int, hospital: str = "") -> list[Line]:
    """Post what is set aside for cases that are not settled yet, held or quarantined."""
    return [
        debit("expense", pool, fen, hospital, "provision"),
        credit("provision", pool, fen, hospital, reason),
    ]


def other_lines(pool: str, mode: str, fen: int) -> list[Line]:
    """Post what the fund pays elsewhere than to an institution of the region, by mode."""
    return [debit("expense", pool, fen, detail=mode), credit("fund", pool, fen)]


def advance_lines(account: str, pool: str, hospital: str, fen: int) -> list[Line]:
    """Post working capital (周转金) or an advance (预付金) that is granted; below 0: returned.

    What is returned is taken from what is payable to the same institution and pool.
    """
    return [debit(account, pool, fen, hospital), credit("payable", pool, fen, hospital)]


def recovery_lines(pool: str, hospital: str, fen: int) -> list[Line]:
    """Post what an institution owes, taken off what is payable to it."""
    return [debit("payable", pool, fen, hospital), credit("receivable", pool, fen, hospital)]


def area_lines(pool: str, area: str, hospital: str, fen: int) -> list[Line]:
    """Post care of people insured in another area: payable here, owed by that area."""
    return [debit("area_clearing", pool, fen, detail=area), credit("payable", pool, fen, hospital)]


def area_paid_lines(pool: str, area: str, fen: int) -> list[Line]:
    """Post what another area paid for its people."""
    return [debit("fund", pool, fen), credit("area_clearing", pool, fen, detail=area)]


def paid_lines(pool: str, hospital: str, fen: int) -> list[Line]:
    """Post what the bank paid out."""
    return [debit("payable", pool, fen, hospital), credit("fund", pool, fen)]


def returned_lines(pool: str, hospital: str, fen: int) -> list[Line]:
    """Post what an institution paid back."""
    return [debit("fund", pool, fen), credit("receivable", pool, fen, hospital)]

"""Months of an index: its parts, what is paid, rolls on and is deferred, and what is notified.

Sources: S0 28-30, S4 (7), S3 二(一)3; S2 二(二)1(6) (suspended). Amounts in fen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from drgpay.budget import index_formulas
from drgpay.budget.index_formulas import MONTHS
from drgpay.budget.pool import Rules
from drgpay.budget.sums import tie
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.money import round_half_away, yuan_text
from drgpay.policy.year import says


def month_budgets(available_fen: int, shares: Sequence[Fraction]) -> list[int]:
    """Return parts that add up to a year's budget or index: rounded as they add up.

    >>> month_budgets(100, [Fraction(1, 12)] * 12)
    [8, 9, 8, 8, 9, 8, 8, 9, 8, 8, 9, 8]
    """
    to_date = [
        round_half_away(available_fen * sum(shares[:m], Fraction(0)))
        for m in range(len(shares) + 1)
    ]
    return [after - before for before, after in pairwise(to_date)]


def index_shares(policy: Rules, past_years: Sequence[Sequence[int]] = ()) -> tuple[Fraction, ...]:
    """Return the months' shares of an index: equal, or of the cost of past years by month.

    `past_years`: twelve amounts each. Source: S0 28. Raises InputError where they do not serve.
    """
    if says(policy, "month_index.pattern", "equal", "past_years"):
        return (Fraction(1, MONTHS),) * MONTHS
    if not past_years or any(len(year) != MONTHS for year in past_years):
        raise _no_pattern("须有往年十二个月的费用", "the twelve months of past years are needed")
    by_month = [sum(months) for months in zip(*past_years, strict=True)]
    if min(by_month) < 0 or not sum(by_month):
        raise _no_pattern("往年各月费用有负数或合计为0", "a month is below 0, or all are 0")
    return tuple(Fraction(fen, sum(by_month)) for fen in by_month)


def _no_pattern(chinese: str, english: str) -> InputError:
    return InputError(
        both(f"指标不能按历年各月分配：{chinese}", f"no pattern of past years: {english}"),
        remedy=both(
            "补齐往年各月费用，或将 month_index.pattern 设为 equal",
            "give past years by month, or set month_index.pattern to equal",
        ),
    )


def changed_months(
    months: Sequence[int], index_fen: int, first: int, shares: Sequence[Fraction]
) -> list[int]:
    """Return twelve parts of a changed index: months before `first` (1 to 12) stay as they were.

    What is left of the new index is shared by the later months' shares; equal where they are 0.
    Raises InputError when months gone had more than the new index.
    """
    kept = list(months[: first - 1])
    if sum(kept) > index_fen:
        gone, new = yuan_text(sum(kept)), yuan_text(index_fen)
        raise InputError(
            both(
                f"{first}月以前的月度指标已有 {gone} 元，多于调整后的年度指标 {new} 元",
                f"the months before {first} had {gone} yuan, more than the changed index of {new}",
            ),
            remedy=both(
                f"年度指标不低于 {gone} 元，其余在年终清算时处理",
                f"set the index to at least {gone} yuan; clear the rest at year end",
            ),
        )
    later = shares[first - 1 :]
    whole = sum(later, Fraction(0))
    parts = [s / whole if whole else Fraction(1, len(later)) for s in later]
    made = [*kept, *month_budgets(index_fen - sum(kept), parts)]
    tie(both("各月指标", "months of an index"), sum(made), index_fen)
    return made


def suspended_fen(
    payment_fen: int, fund_fen: int, last_year_fen: int | None, limit: Fraction | None
) -> int:
    """Return what of a payment is withheld, as the fund grew abnormally (S2 二(二)1(6)).

    The payment is cut in the proportion of last year's fund x (1 + limit) to this month's; nothing
    is compared without a limit or without last year's fund.

    >>> suspended_fen(950, 1300, 1000, Fraction("0.1"))
    146
    """
    if limit is None or last_year_fen is None:
        return 0
    normal = last_year_fen * (1 + Fraction(limit))
    if fund_fen <= normal:
        return 0
    return payment_fen - round_half_away(payment_fen * normal / fund_fen)


@dataclass(frozen=True, slots=True)
class IndexMonth:
    """A month of an institution in one pool, in fen.

    `room` = index + `carried` (left by earlier months). Net = claim less violations found, and less
    what earlier months' violations exceeded their claims (`owed_before`). Within the room it is
    paid, less what is `suspended` of an abnormal rise; beyond it `deferred`. `deferred_total` and
    `suspended_total` wait for year end, the room of the latter is held; `carry` rolls on; `owed`:
    what violations still exceed claims.
    """

    month: int
    index_fen: int
    carried_fen: int
    room_fen: int
    claim_fen: int
    violation_fen: int
    owed_before_fen: int
    net_fen: int
    paid_claim_fen: int
    deferred_fen: int
    paid_deferred_fen: int
    deferred_total_fen: int
    carry_fen: int
    owed_fen: int
    suspended_fen: int = 0
    suspended_total_fen: int = 0

    @property
    def paid_fen(self) -> int:
        """All that is paid in the month."""
        return self.paid_claim_fen + self.paid_deferred_fen


def settle_month(
    before: IndexMonth | None, month: int, index_fen: int, claim_fen: int, violation_fen: int,
    policy: Rules, last_year_fen: int | None = None,
) -> IndexMonth:  # fmt: skip
    """Return a month on what the one before left (None: the first). Source: S0 29.

    `rollover_pays_deferred`: a month's rest pays what earlier ones deferred. `last_year_fen`: what
    the same month of last year cost, which `month.growth_limit` compares the claim with. Raises
    InputError for amounts below 0.
    """
    if min(index_fen, claim_fen, violation_fen) < 0:
        told = [yuan_text(fen) for fen in (index_fen, claim_fen, violation_fen)]
        raise InputError(
            both(
                f"{month}月：指标 {told[0]}、申报 {told[1]}、违规 {told[2]} 元，有小于0的",
                f"month {month}: index {told[0]}, claim {told[1]}, violations {told[2]} yuan: "
                "one is below 0",
            ),
            remedy=both("退费请冲减申报额", "take refunds off the claim"),
        )
    carried, deferred, owed = (
        (before.carry_fen, before.deferred_total_fen, before.owed_fen) if before else (0, 0, 0)
    )
    room = index_formulas.in_month(index_fen, carried)
    net = claim_fen - violation_fen - owed
    claim = max(0, net)
    paid = index_formulas.within(claim, room)
    rest = room - paid
    late = min(rest, deferred) if policy["rollover_pays_deferred"] else 0
    withheld = suspended_fen(paid, claim_fen, last_year_fen, policy["month.growth_limit"])
    return IndexMonth(
        month=month,
        index_fen=index_fen,
        carried_fen=carried,
        room_fen=room,
        claim_fen=claim_fen,
        violation_fen=violation_fen,
        owed_before_fen=owed,
        net_fen=claim,
        paid_claim_fen=paid - withheld,
        deferred_fen=claim - paid,
        paid_deferred_fen=late,
        deferred_total_fen=deferred + claim - paid - late,
        carry_fen=rest - late,
        owed_fen=max(0, -net),
        suspended_fen=withheld,
        suspended_total_fen=withheld + (before.suspended_total_fen if before else 0),
    )


def settle_months(
    indices: Sequence[int], claims: Sequence[int], violations: Sequence[int], policy: Rules,
    last_year: Sequence[int | None] = (),
) -> tuple[IndexMonth, ...]:  # fmt: skip
    """Return the months one after another, from the first; their sums tie out.

    Index = paid, suspended and carried on; claims less violations = paid, suspended and deferred,
    less what is owed. `last_year`: the months of the year before, each None where unknown.
    """
    made: list[IndexMonth] = []
    rows = zip(indices, claims, violations, last_year or [None] * len(indices), strict=True)
    for month, (index, claim, violation, was) in enumerate(rows, 1):
        before = made[-1] if made else None
        made.append(settle_month(before, month, index, claim, violation, policy, was))
    if made:
        last = made[-1]
        paid = sum(m.paid_fen for m in made) + last.suspended_total_fen
        tie(both("指标", "indices"), sum(indices), paid + last.carry_fen)
        net = sum(claims) - sum(violations)
        tie(both("申报", "claims"), net, paid + last.deferred_total_fen - last.owed_fen)
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Notice:
    """What an institution is told of a month (拒付、缓付): an amount in fen, the reason, its clause."""

    kind: str
    amount_fen: int
    reason: Bilingual
    clause: str = "S0 29-30"


def suspended_notice(fen: int) -> Notice:
    """Return what is told of the part of a month that is suspended for its abnormal rise."""
    reason = both(
        "费用比上年同期异常增长的部分暂缓拨付，年终清算",
        "an abnormal rise over last year's month; reviewed at year end",
    )
    return Notice("suspended", fen, reason, "S2 二(二)1(6)")


def notices(month: IndexMonth) -> tuple[Notice, ...]:
    """Return what a month refused, deferred, suspended and paid late, of what is above 0 (S0 30)."""
    m = month
    room, net = yuan_text(m.room_fen), yuan_text(m.net_fen)
    told = (
        Notice("refused", m.violation_fen,
         both("审核与监督检查查实的违规费用", "violations found by review and inspection")),
        Notice("deferred", m.deferred_fen,
         both(f"扣除违规后 {net} 元，超出本月可结算额 {room} 元，年终清算时审核",
              f"net {net} yuan, beyond the month's {room}; reviewed at year end")),
        suspended_notice(m.suspended_fen),
        Notice("deferred_paid", m.paid_deferred_fen,
         both("以本月结余补付此前缓付的金额", "the month's rest pays what was deferred")),
        Notice("prepaid", -m.deferred_fen,
         both("预付多于当月实际，年终清算时扣回", "prepaid beyond the real figure; taken back at clearing")),
        Notice("owed", m.owed_fen,
         both("违规费用多于申报，由以后月份扣回", "violations exceed claims; taken off later months")),
    )  # fmt: skip
    return tuple(notice for notice in told if notice.amount_fen > 0)

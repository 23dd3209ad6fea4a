"""Money paid before it is due: working capital, advances, monthly prepayment.

Sources: S0 31, S4 (7) (周转金); N2 (预付金, second-hand: limit, return, institutions in breach);
S3 二(一)3 (monthly mean and the month's real figures). Amounts in fen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from drgpay.budget import index_formulas
from drgpay.budget.index_months import IndexMonth, settle_month, suspended_fen
from drgpay.budget.indices import percent
from drgpay.budget.pool import Rules
from drgpay.ground.errors import InputError, both
from drgpay.ground.money import decimal_text, yuan_text
from drgpay.policy.year import says


@dataclass(frozen=True, slots=True)
class Granted:
    """Money granted to an institution, in fen, within its limit: months × the monthly index."""

    kind: str
    hospital_id: str
    pool: str
    index_fen: int
    months: Fraction
    limit_fen: int
    before_fen: int
    amount_fen: int

    @property
    def outstanding_fen(self) -> int:
        """What the institution then holds."""
        return self.before_fen + self.amount_fen


WORKING_CAPITAL, ADVANCE = "working_capital", "advance"
WORDS = {
    WORKING_CAPITAL: both("周转金", "working capital"),
    ADVANCE: both("预付金", "advance"),
}


def working_capital(
    hospital_id: str, pool: str, asked_fen: int, index_fen: int, policy: Rules, before_fen: int = 0
) -> Granted:
    """Return working capital (周转金): with what is outstanding, at most some months of the index.

    `working_capital.months`. Source: S0 31. Raises InputError beyond the limit.
    """
    months = Fraction(policy["working_capital.months"])
    return _granted(WORKING_CAPITAL, hospital_id, pool, asked_fen, index_fen, months, before_fen)


def advance(
    hospital_id: str, pool: str, asked_fen: int, index_fen: int, policy: Rules,
    before_fen: int = 0, *, breach: bool = False,
) -> Granted:  # fmt: skip
    """Return an advance (预付金), at most `advance.months` of the index.

    An institution in breach gets none where `advance.breach` excludes it. Raises InputError.
    """
    if breach and says(policy, "advance.breach", "exclude", "allow"):
        raise InputError(
            both(
                f"机构 {hospital_id} 违约或受处理，不付预付金",
                f"{hospital_id} is in breach of its agreement: no advance",
            ),
            remedy=both("处理结束后再申请（advance.breach）", "apply when it is over"),
        )
    months = Fraction(policy["advance.months"])
    return _granted(ADVANCE, hospital_id, pool, asked_fen, index_fen, months, before_fen)


def _granted(
    kind: str, hospital_id: str, pool: str, asked: int, index: int, months: Fraction, before: int
) -> Granted:
    limit = int(index_formulas.months_worth(Fraction(index), months))
    if asked <= 0 or before < 0 or before + asked > limit:
        word = WORDS[kind]
        told = [yuan_text(fen) for fen in (asked, before, limit, max(0, limit - before))]
        number = decimal_text(months, 2).rstrip("0").rstrip(".")
        raise InputError(
            both(
                f"机构 {hospital_id}（险种 {pool}）的{word.chinese} {told[0]} 元，已有 {told[1]} 元；"
                f"上限为 {number} 个月的指标 {told[2]} 元",
                f"{word} of {told[0]} yuan for {hospital_id}, pool {pool}, besides {told[1]}: the "
                f"limit is {number} × a month of its index, {told[2]}",
            ),
            remedy=both(f"可拨 {told[3]} 元以内", f"grant at most {told[3]} yuan"),
        )
    return Granted(kind, hospital_id, pool, index, months, limit, before, asked)


@dataclass(frozen=True, slots=True)
class Offset:
    """What of a payment returns an advance, in fen."""

    month: int
    payable_fen: int
    outstanding_before_fen: int
    offset_fen: int

    @property
    def paid_fen(self) -> int:
        """What is paid out."""
        return self.payable_fen - self.offset_fen

    @property
    def outstanding_fen(self) -> int:
        """What of the advance is still out."""
        return self.outstanding_before_fen - self.offset_fen


def offset(outstanding_fen: int, payable_fen: int, month: int, policy: Rules) -> Offset:
    """Return what a month's payment gives back of an advance, from `advance.return_month` on."""
    due = month >= policy["advance.return_month"]
    back = min(outstanding_fen, max(0, payable_fen)) if due else 0
    return Offset(month, payable_fen, outstanding_fen, back)


def paid_within_index(policy: Rules) -> bool:
    """Whether months pay claims within the index (S0 29), or prepay from its mean (S3 二(一)3)."""
    return says(policy, "month_pay.rule", "within_index", "mean_and_actual")


@dataclass(frozen=True, slots=True)
class MonthPrepayment:
    """A monthly prepayment in fen: of the control's mean and the month's real figure, weighted."""

    control_fen: int
    actual_fen: int
    weight: Fraction
    prepaid_fen: int

    @property
    def weight_text(self) -> str:
        """The weight of the mean as per cent."""
        return percent(self.weight)


def prepaid_month(
    before: IndexMonth | None, month: int, index_fen: int, control_fen: int, claim_fen: int,
    violation_fen: int, policy: Rules, last_year_fen: int | None = None,
) -> IndexMonth:  # fmt: skip
    """Return a month that is prepaid from the control's mean and its real figure (S3 二(一)3).

    `index_fen`: the month's part of the control. Nothing is carried on; what the real figure, less
    violations, exceeds the prepayment waits for the clearing, below 0 what was prepaid beyond it.
    An abnormal rise over `last_year_fen` suspends its part of the prepayment.
    """
    own = settle_month(None, month, index_fen, claim_fen, violation_fen, policy)
    owed = before.owed_fen if before else 0
    net = claim_fen - violation_fen - owed
    real = max(0, net)
    paid = month_prepayment(control_fen, real, policy).prepaid_fen
    withheld = suspended_fen(paid, claim_fen, last_year_fen, policy["month.growth_limit"])
    return replace(
        own, carried_fen=0, room_fen=paid, owed_before_fen=owed, net_fen=real,
        paid_claim_fen=paid - withheld, deferred_fen=real - paid, paid_deferred_fen=0,
        deferred_total_fen=(before.deferred_total_fen if before else 0) + real - paid,
        carry_fen=0, owed_fen=max(0, -net), suspended_fen=withheld,
        suspended_total_fen=withheld + (before.suspended_total_fen if before else 0),
    )  # fmt: skip


def month_prepayment(control_fen: int, actual_fen: int, policy: Rules) -> MonthPrepayment:
    """Return control ÷ 12 × weight + the month's real figure × (1 − weight), to the fen.

    `month_pay.mean_weight`: S3 二(一)3 names both and no weight. Raises InputError below 0.
    """
    if min(control_fen, actual_fen) < 0:
        raise InputError(
            both(
                f"控制额 {yuan_text(control_fen)}、当月实际 {yuan_text(actual_fen)} 元，有小于0的",
                f"control {yuan_text(control_fen)}, month {yuan_text(actual_fen)} yuan: below 0",
            ),
            remedy=both("填写不小于0的金额", "give amounts of 0 or more"),
        )
    weight = Fraction(policy["month_pay.mean_weight"])
    made = index_formulas.mean_and_actual(Fraction(control_fen), Fraction(actual_fen), weight)
    return MonthPrepayment(control_fen, actual_fen, weight, int(made))

"""How a hospital's payment arises, step by step, for letters and for the workbook."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from drgpay.ground.money import POINT
from drgpay.ground.numbers import Number, less, line
from drgpay.settlement import account as formulas

from . import amounts
from .account_notes import (
    bound_note,
    carried_note,
    ended_note,
    final_note,
    share_note,
    violation_note,
)
from .reopened import is_reopened
from .run import Account, CaseSum, Run, sum_of
from .texts import Words

MONEY, POINTS, VALUE, RATIO = "money", "points", "value", "ratio"
_ROUNDED = re.compile(r"round\((.*), 2\)")


@dataclass(frozen=True)
class Step:
    """A line: key, name, amount (money in yuan, points in points; exact), and its formula.

    `made` is the formula, of earlier lines by their keys; None for what is given.
    """

    key: str
    name: str
    kind: str
    amount: Fraction
    made: Number | None = None
    note: str = ""
    strong: bool = False


def yuan_of(fen: int) -> Fraction:
    return Fraction(fen, 100)


def formula_text(step: Step, numbers: Mapping[str, int]) -> str:
    """A step's formula with the numbers of its lines, as "(1) × (2)"; amounts are to the fen."""
    if step.made is None:
        return ""
    text = _ROUNDED.sub(r"\1", step.made.text)
    return text.format(**{key: f"({number})" for key, number in numbers.items()})


def shown_amount(step: Step) -> str:
    """A step's amount as text: money and points exact, products rounded as far as they are shown."""
    if step.kind == POINTS:
        return amounts.points(amounts.rounded(step.amount, 4))
    if step.kind == MONEY:
        return amounts.yuan(amounts.rounded(step.amount, 2))
    if step.kind == RATIO:
        return amounts.trimmed(step.amount)
    return amounts.fixed(amounts.rounded(step.amount, 12), 12)


def derivation(run: Run, account: Account, w: Words) -> list[Step]:
    """The steps from the points of a hospital's cases in a pool to its final payment.

    Only formulas that hold are given: a due that a bound or the last fen decided is named so.
    """
    steps = _Steps([], w)
    due = _due(steps, run, account)
    a, final = account.amounts, _final(steps, run, account, due)
    if a.waits:
        waits = steps.add("waits", MONEY, yuan_of(a.waits), note=w("l_waits_note"))
        key = "payable_again" if is_reopened(run) else "payable"
        steps.add(key, MONEY, yuan_of(a.payable), less(final, waits), strong=True)
    return steps.made


@dataclass
class _Steps:
    """The lines so far; each is a number for the formulas of later ones."""

    made: list[Step]
    w: Words

    def add(
        self,
        key: str,
        kind: str,
        amount: Fraction,
        made: Number | None = None,
        *,
        note: str = "",
        strong: bool = False,
    ) -> Number:
        self.made.append(Step(key, self.w(f"l_{key}"), kind, amount, made, note, strong))
        return line(key, amount)

    def computed(self, key: str, kind: str, made: Number, note: str = "") -> Number:
        return self.add(key, kind, made.value, made, note=note)


def _points(steps: _Steps, run: Run, account: Account, by_points: CaseSum) -> Number:
    """Points of cases, what readmissions and violations take off them, and what is paid."""
    a, w, units = account.amounts, steps.w, POINT
    cut = by_points.before - by_points.points
    note = w("l_cases", n=f"{by_points.cases:,}")
    points = Fraction(a.points, units)
    if by_points.points - a.deducted != a.points or not (cut or a.deducted):
        return steps.add("points", POINTS, points, note=note, strong=True)
    before = steps.add("before", POINTS, Fraction(by_points.before, units), note=note)
    note = w("l_cases", n=f"{by_points.cut:,}")
    taken = steps.add("cut", POINTS, Fraction(cut, units), note=note)
    note = violation_note(run, account, w, "points")
    deducted = steps.add("deducted", POINTS, Fraction(a.deducted, units), note=note)
    return steps.add("points", POINTS, points, less(before, taken, deducted), strong=True)


def _due(steps: _Steps, run: Run, account: Account) -> Number:
    """What is due: points x V − n, what bounds and payment in money make of it, and the last fen."""
    a, w = account.amounts, steps.w
    parts = run.parts_of[account.hospital, account.pool]
    by_points = sum_of(p for p in parts if p.paid_by == "points")
    points = _points(steps, run, account, by_points)
    fraction = run.point_values.get(run.settled_in(account.pool), Fraction(0))
    text = f"{fraction.numerator}/{fraction.denominator}"
    value = steps.add("value", VALUE, fraction, note=w("l_value_note", fraction=text))
    ends = run.case_bounds.of_account(account.hospital, account.pool)
    held = ends.both
    personal = run.says("not_pool", "personal", "all")
    note = w("l_not_pool_personal" if personal else "l_not_pool_note")
    if held.cases:
        inside = w("l_cases", n=f"{by_points.cases - held.cases:,}")
        units = Fraction(a.points - held.points, POINT)
        points = steps.add("inside", POINTS, units, note=inside)
        note = w("l_not_pool_inside")
    worth = steps.computed("worth", MONEY, formulas.worth(points, value))
    not_pool = steps.add("not_pool", MONEY, yuan_of(by_points.not_pool - held.not_pool), note=note)
    others = [
        steps.add(key, MONEY, yuan_of(end.due), note=w("l_cases", n=f"{end.cases:,}"))
        for key, end in (("at_high", ends.high), ("at_low", ends.low))
        if end.cases
    ]
    in_money = sum_of(p for p in parts if p.paid_by == "money")
    if a.money or in_money.cases:
        others.append(_money(steps, a.money, in_money, yuan_of(by_points.price)))
    made = formulas.exact_due(worth, not_pool, *others)
    exact = steps.computed("exact", MONEY, made)
    left = yuan_of(a.due) - exact.value
    why = bound_note(run, account, w)
    if not why and abs(left) < Fraction(1, 100):
        why = w("l_rest_last")
    rest = steps.add("rest", MONEY, left, note=why)
    return steps.add("due", MONEY, yuan_of(a.due), exact + rest, strong=True)


def _money(steps: _Steps, fen: int, in_money: CaseSum, apart_yuan: Fraction) -> Number:
    """What is due outside of points: prices less n, and what is paid apart for new technology."""
    money, less_n = yuan_of(fen), yuan_of(in_money.price - in_money.not_pool)
    with_apart = bool(apart_yuan) and less_n + apart_yuan == money
    if not with_apart and less_n != money:
        return steps.add("money", MONEY, money)
    note = steps.w("l_cases", n=f"{in_money.cases:,}")
    price = steps.add("price", MONEY, yuan_of(in_money.price), note=note)
    made = less(price, steps.add("price_not_pool", MONEY, yuan_of(in_money.not_pool)))
    if with_apart:
        made = made + steps.add("apart", MONEY, apart_yuan)
    return steps.add("money", MONEY, money, made)


def _final(steps: _Steps, run: Run, account: Account, due: Number) -> Number:
    """From what is due to the final payment."""
    a, w = account.amounts, steps.w
    prepaid = steps.add("prepaid", MONEY, yuan_of(a.prepaid))
    deposit = steps.add("deposit", MONEY, yuan_of(a.deposit), note=w("l_deposit_note"))
    kept, loss = run.kept_ratio(account.hospital), None
    if kept is not None and formulas.forfeited(Fraction(a.deposit), kept) == a.forfeited:
        score = run.score(account.hospital)
        shown = "—" if score is None else amounts.trimmed(score)
        note = ended_note(run, account, w) or w("l_kept_note", score=shown)
        loss = formulas.forfeited(deposit, steps.add("kept", RATIO, kept, note=note))
    forfeited = steps.add("forfeited", MONEY, yuan_of(a.forfeited), loss)
    shared = None
    if run.shares:
        if a.shared:
            whole, base = run.sharing[account.pool]
            forfeits = steps.add("forfeits", MONEY, yuan_of(whole), note=w("l_forfeits_note"))
            sharing = steps.add("sharing", POINTS, Fraction(base, POINT))
            own = line("points", Fraction(a.points, POINT))
            steps.computed("share", MONEY, formulas.forfeits_share(forfeits, own, sharing))
        note = share_note(run, account, w)
        shared = steps.add("shared", MONEY, yuan_of(a.shared), note=note)
    note = violation_note(run, account, w)
    violation = steps.add("violation", MONEY, yuan_of(a.violation), note=note)
    note = carried_note(run, account, w)
    carried = steps.add("carried", MONEY, yuan_of(a.carried), note=note)
    made = formulas.final(due, prepaid, forfeited, violation, shared=shared, carried=carried)
    note = final_note(run, account, w)
    return steps.add("final", MONEY, yuan_of(a.final), made, note=note, strong=True)

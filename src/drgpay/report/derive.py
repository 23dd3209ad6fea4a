"""How a hospital's payment arises, step by step, for letters and for the workbook."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

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
from .run import Account, Run, sum_of
from .texts import Words

MONEY, POINTS, VALUE, RATIO = "money", "points", "value", "ratio"
_SIGNS = {"*": " × ", "-": " − ", "+": " + ", "/": " ÷ "}


@dataclass(frozen=True)
class Step:
    """A line: key, name, amount (money in yuan, points in points; exact), and its formula.

    The formula is of keys of earlier lines in braces, as "{points}*{value}"; empty for what is given.
    """

    key: str
    name: str
    kind: str
    amount: Fraction
    formula: str = ""
    note: str = ""
    strong: bool = False


def yuan_of(fen: int) -> Fraction:
    return Fraction(fen, 100)


def formula_text(step: Step, numbers: Mapping[str, int]) -> str:
    """A step's formula with the numbers of its lines, as "(1) × (2)"."""
    text = step.formula
    for sign, shown in _SIGNS.items():
        text = text.replace("}" + sign + "{", "}" + shown + "{")
        text = text.replace("}" + sign + "(", "}" + shown + "(")
        text = text.replace("1" + sign + "{", "1" + shown + "{")
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
    a = account.amounts
    parts = run.parts_of[account.hospital, account.pool]
    by_points = sum_of(p for p in parts if p.paid_by == "points")
    in_money = sum_of(p for p in parts if p.paid_by == "money")
    value = run.point_values.get(run.settled_in(account.pool), Fraction(0))
    steps: list[Step] = []

    def add(key: str, kind: str, amount: Fraction, formula: str = "", **more: object) -> None:
        note, strong = str(more.get("note", "")), bool(more.get("strong"))
        steps.append(Step(key, w(f"l_{key}"), kind, amount, formula, note, strong))

    def points(units: int) -> Fraction:
        return Fraction(units, amounts.POINT_UNITS)

    cut = by_points.before - by_points.points
    note = w("l_cases", n=f"{by_points.cases:,}")
    agree = by_points.points - a.deducted == a.points
    if agree and (cut or a.deducted):
        add("before", POINTS, points(by_points.before), note=note)
        add("cut", POINTS, points(cut), note=w("l_cases", n=f"{by_points.cut:,}"))
        add("deducted", POINTS, points(a.deducted), note=violation_note(run, account, w, "points"))
        add("points", POINTS, points(a.points), "{before}-{cut}-{deducted}", strong=True)
    else:
        add("points", POINTS, points(a.points), note=note, strong=True)
    fraction = f"{value.numerator}/{value.denominator}"
    add("value", VALUE, value, note=w("l_value_note", fraction=fraction))
    ends = run.case_bounds.of_account(account.hospital, account.pool)
    held = ends.both
    inside = a.points - held.points
    if held.cases:
        note = w("l_cases", n=f"{by_points.cases - held.cases:,}")
        add("inside", POINTS, points(inside), note=note)
    worth = points(inside) * value
    add("worth", MONEY, worth, "{inside}*{value}" if held.cases else "{points}*{value}")
    personal = run.values.get("not_pool") == "personal"
    note = w("l_not_pool_personal" if personal else "l_not_pool_note")
    own = by_points.not_pool - held.not_pool
    add("not_pool", MONEY, yuan_of(own), note=w("l_not_pool_inside") if held.cases else note)
    exact = worth - yuan_of(own)
    formula = "{worth}-{not_pool}"
    for key, end in (("at_high", ends.high), ("at_low", ends.low)):
        if end.cases:
            add(key, MONEY, yuan_of(end.due), note=w("l_cases", n=f"{end.cases:,}"))
            exact += yuan_of(end.due)
            formula += f"+{{{key}}}"
    if a.money or in_money.cases:
        apart = by_points.price
        if apart and in_money.price - in_money.not_pool + apart == a.money:
            add("price", MONEY, yuan_of(in_money.price), note=w("l_cases", n=f"{in_money.cases:,}"))
            add("price_not_pool", MONEY, yuan_of(in_money.not_pool))
            add("apart", MONEY, yuan_of(apart))
            add("money", MONEY, yuan_of(a.money), "{price}-{price_not_pool}+{apart}")
        elif in_money.price - in_money.not_pool == a.money:
            note = w("l_cases", n=f"{in_money.cases:,}")
            add("price", MONEY, yuan_of(in_money.price), note=note)
            add("price_not_pool", MONEY, yuan_of(in_money.not_pool))
            add("money", MONEY, yuan_of(a.money), "{price}-{price_not_pool}")
        else:
            add("money", MONEY, yuan_of(a.money))
        exact += yuan_of(a.money)
        formula += "+{money}"
    rest = yuan_of(a.due) - exact
    add("exact", MONEY, exact, formula)
    last = abs(rest) < Fraction(1, 100)
    why = bound_note(run, account, w)
    if not why and last:
        why = w("l_rest_last")
    add("rest", MONEY, rest, note=why)
    add("due", MONEY, yuan_of(a.due), "{exact}+{rest}", strong=True)
    add("prepaid", MONEY, yuan_of(a.prepaid))
    kept = run.kept_ratio(account.hospital)
    exact_loss = None if kept is None else yuan_of(a.deposit) * (1 - kept)
    add("deposit", MONEY, yuan_of(a.deposit), note=w("l_deposit_note"))
    ended = ended_note(run, account, w)
    if (
        kept is not None
        and exact_loss is not None
        and amounts.rounded(exact_loss, 2) == a.forfeited
    ):
        score = run.score(account.hospital)
        shown = "—" if score is None else amounts.trimmed(score)
        add("kept", RATIO, kept, note=ended or w("l_kept_note", score=shown))
        add("forfeited", MONEY, yuan_of(a.forfeited), "{deposit}*(1-{kept})")
    else:
        add("forfeited", MONEY, yuan_of(a.forfeited))
    shared = ""
    if run.shares:
        whole, base = run.sharing[account.pool]
        if a.shared:
            add("forfeits", MONEY, yuan_of(whole), note=w("l_forfeits_note"))
            add("sharing", POINTS, points(base))
            add("share", MONEY, yuan_of(whole) * a.points / base, "{forfeits}*{points}/{sharing}")
        add("shared", MONEY, yuan_of(a.shared), note=share_note(run, account, w))
        shared = "+{shared}"
    add("violation", MONEY, yuan_of(a.violation), note=violation_note(run, account, w))
    add("carried", MONEY, yuan_of(a.carried), note=carried_note(run, account, w))
    formula = f"{{due}}-{{prepaid}}-{{forfeited}}{shared}-{{violation}}-{{carried}}"
    note = final_note(run, account, w)
    add("final", MONEY, yuan_of(a.final), formula, note=note, strong=True)
    if a.waits:
        add("waits", MONEY, yuan_of(a.waits), note=w("l_waits_note"))
        key = "payable_again" if is_reopened(run) else "payable"
        add(key, MONEY, yuan_of(a.payable), "{final}-{waits}", strong=True)
    return steps

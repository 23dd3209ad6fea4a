"""The largest remainder, step by step: floor, what is left over, and whose remainder comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from drgpay.ground.errors import both
from drgpay.ground.numbers import Figure, Number, fixed, whole_part
from drgpay.why.folder import Key, Row, figure_number
from drgpay.why.model import Derivation
from drgpay.why.words import step_words

FEN, CENTS = Fraction(1, 100), fixed(2)  # a step, and the decimals that it has


def allot(
    d: Derivation,
    name: str,
    exact: Number,
    own: object,
    shares: Mapping[Any, Fraction],
    whole: Number,
    stated: Row | Iterable[Figure] = (),
    *,
    of: tuple[str, str, Key, Key],
    step: Fraction = FEN,
    places: Number = CENTS,
    note: str = "",
) -> Number:
    """Add the steps that make whole steps of an exact share; `shares` are all parties', `whole`
    what they must add up to. Ties go to the smaller key. `of`: table and column in which the shares
    stand, the rows of all parties and of this one. `note` goes to the last step, that of `name`.
    """
    rule = step_words(name).rule
    floors = {k: (v / step).numerator // (v / step).denominator for k, v in shares.items()}
    order = sorted(shares, key=lambda k: (floors[k] - shares[k] / step, k))
    rank = order.index(own) + 1
    table, column, every, one = of
    label = both(f"各方（{len(shares)} 项）舍去尾数后之和", f"floors of all {len(shares)} together")
    unit_of = 100 if column.endswith("_fen") else 1
    floored = Figure(table, every, column, sum(floors.values()) * step * unit_of, "floors")
    size = fixed(step, both("一份", "one step"))
    rest = (whole - figure_number(floored, label)) / size
    left = d.step("left", rest, key=f"{name}.left", rule=rule)
    place = Figure(table, one, column, rank, "rank")
    ranked = figure_number(place, both("余数名次", "rank of the remainder"))
    wins = d.test("rank", ranked, "≤", left, key=f"{name}.rank", rule=rule, rank=rank)
    more = fixed(step if wins else Fraction(0), both("尾数分配", "for the remainder"))
    return d.step(name, whole_part(exact, places) + more, stated, note=note)

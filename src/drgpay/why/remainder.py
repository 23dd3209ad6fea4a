"""The largest remainder, step by step: floor, what is left over, and whose remainder comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.numbers import NOTHING, Figure, Number, fixed, whole_part
from drgpay.why.folder import figure_number
from drgpay.why.model import Derivation


def allot(
    d: Derivation,
    key: str,
    title: Bilingual,
    exact: Number,
    own: object,
    shares: Mapping[Any, Fraction],
    whole: Number,
    step: Fraction,
    places: Number,
    unit: str,
    rule: str,
    stated: Iterable[Figure],
    where: tuple[Figure, Figure],
    note: Bilingual = NOTHING,
    uses: Sequence[str] = (),
) -> Number:
    """Add the steps that make whole steps of an exact share; `shares` are all parties', `whole`
    what they must add up to. Ties go to the smaller key. `where` says of what the sum of floors and the rank
    are; their values are filled in here. `note` and `uses` (parameters) go to the last step.
    """
    floors = {k: (v / step).numerator // (v / step).denominator for k, v in shares.items()}
    order = sorted(shares, key=lambda k: (floors[k] - shares[k] / step, k))
    rank = order.index(own) + 1
    label = both(f"各方（{len(shares)} 项）舍去尾数后之和", f"floors of all {len(shares)} together")
    unit_of = 100 if where[0].column.endswith("_fen") else 1
    floored = replace(where[0], value=sum(floors.values()) * step * unit_of)
    summed = figure_number(floored, label)
    size = fixed(step, both("一份", "one step"))
    left = d.step(
        f"{key}.left",
        both("舍去尾数后余下的份数", "steps left over after rounding down"),
        (whole - summed) / size,
        "",
        rule,
        note=both(
            "全部各方的精确数向下取整后，与总数之差", "the total less all shares rounded down"
        ),
    )
    wins = d.test(
        f"{key}.rank",
        both("余数名次在余下份数之内？", "does its remainder come first?"),
        figure_number(replace(where[1], value=rank), both("余数名次", "rank of the remainder")),
        "≤",
        left,
        rule,
        places=0,
        note=both(
            f"尾数由大到小排列，本项列第 {rank}（相同者按编码）",
            f"by remainder, largest first, it is number {rank} (ties by code)",
        ),
    )
    more = fixed(step if wins else Fraction(0), both("尾数分配", "for the remainder"))
    made = whole_part(exact, places) + more
    return d.step(key, title, made, unit, rule, stated=stated, note=note, uses=uses)

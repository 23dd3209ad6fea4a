"""Years of an invented region, drawn: parameters, budget, institutions, months, clearing."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from drgpay.budget.index_clearing import IndexYear
from drgpay.budget.indices import Adjustment, PastYears
from drgpay.names.plan import INDEX_FACTORS, OUTCOMES
from drgpay.policy import YearPolicy, load_policy
from drgpay.policy.budget import BUDGET

POLICY: YearPolicy = load_policy("testland-budget", catalogue="budget").for_year(2024)
VALUES: dict[str, Any] = {key: POLICY[key] for key in BUDGET}
TIERS = ((Fraction(1, 20), Fraction(3, 4)), (Fraction(1, 10), Fraction(1, 3)), (None, Fraction(0)))
BANDS = ((Fraction(3, 5), Fraction(0)), (Fraction(9, 10), Fraction(4, 5)), (None, Fraction(1)))
LEVELS = ("primary", "second", "third")


def policy(**changes: Any) -> dict[str, Any]:
    """Testland's budget policy with some values changed; `__` in a name stands for a dot."""
    made = VALUES | {key.replace("__", "."): value for key, value in changes.items()}
    assert made.keys() == VALUES.keys(), made.keys() - VALUES.keys()
    return made


def ratio(rng: random.Random, parts: int = 100) -> Fraction:
    return Fraction(rng.randint(0, parts), parts)


def drawn_policy(rng: random.Random) -> dict[str, Any]:
    """Every choice of the parameters that amounts hang on."""
    made = dict(VALUES)
    for key, known in BUDGET.items():
        if known.choices and isinstance(made[key], str):
            made[key] = rng.choice(known.choices)
    for key in (
        "target.mid_year_ratio", "target.year_end_ratio", "deposit.ratio",
    ):  # fmt: skip
        made[key] = ratio(rng, 1000) / 5
    for key in (
        "index.execution_weight", "month_pay.mean_weight", "clearing.gate_score",
        "clearing.keep_ratio", "clearing.fund_share", "patients.ratio", "clearing.reward_ratio",
        "clearing.inside_share", "clearing.outside_share",
    ):  # fmt: skip
        made[key] = ratio(rng, rng.choice((3, 7, 100)))
    made |= {
        "rollover_pays_deferred": rng.random() < 0.5,
        "violator_no_increase": rng.random() < 0.5,
        "volume.invalid_heads": rng.random() < 0.5,
        "deposit_bands": BANDS,
        "clearing.keep_tiers": rng.choice((None, TIERS)),
        "clearing.overspend_tiers": rng.choice((None, TIERS)),
        "month.growth_limit": rng.choice((None, Fraction(0), Fraction(1, 10))),
        "patients.growth_min": rng.choice((None, Fraction(0), Fraction(1, 10))),
        "patients.cap": rng.choice((None, Fraction(0), Fraction(1, 33))),
        "index.fit_spared": rng.choice(((), ("primary",), ("primary", "second"))),
        "target.reserves": tuple(
            r for r in ("mid_year", "year_end", "deposit") if rng.random() < 0.7
        ),
        "target.deductions": tuple(
            d for d in ("retail_pharmacies", "retired_cadres", "other") if rng.random() < 0.7
        ),
    }
    return made


@dataclass(frozen=True)
class Drawn:
    """A year's inputs."""

    policy: dict[str, Any]
    budget_fen: int
    outside: dict[str, int]
    past: list[PastYears]
    adjustments: dict[str, list[Adjustment]]
    levels: dict[str, str]


def drawn(rng: random.Random) -> Drawn:
    p = drawn_policy(rng)
    names = [f"H{n}" for n in range(1, rng.randint(3, 9))]
    levels = {name: rng.choice(LEVELS) for name in names}
    past = [past_of(rng, name, levels[name], first=number > 2) for number, name in enumerate(names)]
    outside = {name: rng.randint(0, 9_000_000) for name in ("out_of_area", *p["target.deductions"])}
    codes = [c for c in INDEX_FACTORS if c in p["index.factors"]]
    adjustments = {
        name: [
            Adjustment(code, Fraction(rng.randint(-60, 90), 1000), "drawn")
            for code in rng.sample(codes, rng.randint(0, 4))
        ]
        for name in names
    }
    known = sum(one.last_execution_fen or one.years_fen[-1] for one in past)
    budget = known * rng.randint(70, 150) // 100 + sum(outside.values()) + 1
    return Drawn(p, budget, outside, past, adjustments, levels)


def past_of(rng: random.Random, name: str, level: str, *, first: bool) -> PastYears:
    cost = rng.choice((rng.randint(1, 99), rng.randint(10**6, 10**10)))
    lacks = first and rng.random() < 0.3
    return PastYears(
        hospital_id=name,
        pool="310",
        level=level,
        kind="general",
        last_index_fen=None if lacks else cost * rng.randint(80, 120) // 100,
        last_execution_fen=cost,
        years_fen=tuple(cost * rng.randint(70, 110) // 100 for _ in range(3)),
    )


def drawn_year(
    rng: random.Random, name: str, index: int, actual: int, paid: int, deposit: int = 0
) -> IndexYear:
    """A cleared year of an institution, with whatever may befall one."""
    outside = rng.randint(0, index), rng.randint(0, actual)
    return IndexYear(
        hospital_id=name,
        pool="310",
        index_fen=index,
        actual_fen=actual,
        costly_fen=rng.choice((0, rng.randint(0, 10**6))),
        outside_index_fen=outside[0],
        outside_actual_fen=outside[1],
        paid_fen=paid,
        advances_fen=rng.choice((0, rng.randint(0, 10**6))),
        deposit_fen=deposit,
        violation_fen=rng.choice((0, rng.randint(0, 10**5))),
        score=ratio(rng),
        met=rng.choice(list(OUTCOMES)),
        gates_passed=rng.random() < 0.9,
        penalised=rng.random() < 0.2,
        ended=rng.random() < 0.1,
        report=rng.random() < 0.7,
        patients=rng.randint(900, 1500),
        patients_last=rng.choice((0, 1000)),
    )

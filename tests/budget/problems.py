"""Small bounded problems full of ties, for the engine and for the model."""

import random
from dataclasses import dataclass
from fractions import Fraction

from drgpay.budget.bounds import NO_HIGH, NO_LOW, Items, Solution
from drgpay.ground.money import POINT
from reference.model import bounded


@dataclass(frozen=True)
class Problem:
    """Items as the model takes them, points as integers of 1/10,000, and a target."""

    points: list[int]
    not_pool: list[int]
    low: list[int | None]
    high: list[int | None]
    group: list[int]
    caps: dict[int, int]
    target: int

    @property
    def engine(self) -> Items:
        return Items.of(
            self.points,
            self.not_pool,
            [NO_LOW if low is None else low for low in self.low],
            [NO_HIGH if high is None else high for high in self.high],
        )

    @property
    def model(self) -> list[bounded.Item]:
        columns = zip(self.points, self.not_pool, self.low, self.high, self.group, strict=True)
        return [bounded.Item(Fraction(p, POINT), n, low, high, g) for p, n, low, high, g in columns]


def drawn(rng: random.Random, capped: bool = False) -> Problem:
    """Draw a problem: few different numbers, so that breakpoints meet; some without a solution."""
    size = rng.choice((1, 2, 3, 4, 5, 8, 12))
    scale = rng.choice((1, 1, 7, POINT, 123_457, 10**9))
    money = rng.choice((1, 3, 10, 1000, 10**9))
    top = rng.choice((1, 2, 3, 6, 30))

    def amount() -> int:
        return rng.randint(0, top) * money + rng.choice((0, 0, 0, 1))

    low: list[int | None] = []
    high: list[int | None] = []
    no_bound = rng.choice((0, 0.1, 0.5, 1))
    for _ in range(size):
        a, b = sorted((amount() - rng.choice((0, top)) * money, amount()))
        if rng.random() < 0.15:
            a = b
        low.append(None if rng.random() < no_bound else a)
        high.append(None if rng.random() < no_bound else b)
    points = [0 if rng.random() < 0.15 else rng.randint(1, top) * scale for _ in range(size)]
    not_pool = [amount() - rng.choice((0, 0, 0, money)) for _ in range(size)]
    group = [rng.randrange(3) for _ in range(size)]
    caps = {g: amount() for g in set(group) if capped and rng.random() < 0.6}
    target = rng.choice((rng.randint(-3, size * top), rng.randint(0, 3))) * money
    target += rng.choice((0, 0, 1, -1))
    problem = Problem(points, not_pool, low, high, group, caps, target)
    if rng.random() < 0.4:  # exactly what some value pays, preferably a breakpoint
        items = problem.model
        at = rng.choice(bounded.bends(items, caps))
        paid = bounded.paid(items, at, caps)
        target = paid.numerator // paid.denominator
        problem = Problem(points, not_pool, low, high, group, caps, target)
    return problem


def difference(problem: Problem, found: Solution) -> str:
    """Say where a solution is not the model's; empty when it is."""
    items = problem.model
    model = bounded.solve(items, problem.target)
    wanted = (model.kind, model.value, model.lowest_fen, model.highest_fen, model.total_fen)
    mine = (found.kind, found.value, found.lowest_fen, found.highest_fen, found.total_fen)
    if mine != wanted or (found.solved and found.value_high != model.value_high):
        return f"{problem}: {mine} {found.value_high} is not {wanted} {model.value_high}"
    if found.kind != bounded.NONE_TOO_HIGH:  # there, a bound that is just reached counts as held
        state = [item.state(model.value) for item in items]
        if found.state.tolist() != state:
            return f"{problem}: states {found.state.tolist()} are not {state}"
    return ""

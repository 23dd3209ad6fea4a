"""Cases with their class, points and price: a year's pieces under one policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.ground.money import largest_remainder
from drgpay.points.kernels import COEF_ONE, HELD, MONEY, POINTS
from drgpay.points.readmission import reduced_points
from drgpay.settlement.facts import Facts
from drgpay.settlement.pieces import ReadPiece, ReadPieces
from drgpay.settlement.scoring import (
    Reviews,
    Rules,
    Scores,
    check_given_points,
    hold_cases,
    new_technology,
    score,
    waiting,
)
from drgpay.settlement.stays import Chain, Followed, Places, by_piece


@dataclass(frozen=True, kw_only=True)
class ScoredPiece(ReadPiece, Scores):
    """N cases as they were read, with what they came to; arrays are final.

    `points_before`: before the readmission rule; `correction_day`: day of rule 1 of the stay that
    followed, -1 where none did; `chain`: lead of a referral chain by row.
    """

    points_before: NDArray[np.int64]
    readmission: NDArray[np.bool_]
    correction_day: NDArray[np.int32]
    chain: Mapping[int, str]


@dataclass(frozen=True)
class OfChain:
    """What a stay of a referral chain comes to."""

    case_class: int
    coefficient: int
    points: int
    paid_by: int
    price: int
    unreasonable: int
    lead: str
    apart: int = 0


class ScoredPieces(Sequence[ScoredPiece]):
    """Scored pieces in the order of the input; on disk they are scored again when asked for."""

    def __init__(
        self,
        pieces: ReadPieces,
        rules: Rules,
        factor: Fraction,
        followed: Sequence[Followed],
        chains: Sequence[Chain],
        removed: Mapping[int, NDArray[np.int64]] | None = None,
    ) -> None:
        self.pieces, self.rules, self.factor = pieces, rules, factor
        self.removed = removed or {}  # by piece, rows whose points a later violation took away
        self.followed = followed
        self._chains = score_chains(pieces, rules, chains) if chains else {}
        self._kept: dict[int, ScoredPiece] = {}

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if number < 0:
            number += len(self)
        return self._kept.get(number) or self.score(number)

    def __iter__(self) -> Iterator[ScoredPiece]:
        for number in range(len(self)):
            yield self[number]

    def score(self, number: int) -> ScoredPiece:
        """Return a piece, scored; may be called on any thread."""
        piece: ReadPiece = self.pieces[number]
        made = score(self.rules, piece.status, piece.drg, piece.facts, piece.reviews)
        chained = self._chains.get(number, {})
        check_alone(self.rules, piece.facts, piece.reviews, made, piece.case_id, chained)
        chain = put_chains(made, chained)
        hold_cases(piece.facts.doubt, self.rules.hold, piece.reviews, made)
        if number in self.removed:
            _take_points(made, self.removed[number])
        again = np.zeros(len(piece.status), dtype=np.bool_)
        day = np.full(len(piece.status), -1, dtype=np.int32)
        points = made.points
        rows = self.followed[number].rows if number < len(self.followed) else again[:0]
        if len(rows):
            again[rows] = True
            day[rows] = self.followed[number].day
            points = points.copy()
            points[rows] = reduced_points(points[rows], self.factor, self.rules.step)
        scored = ScoredPiece(
            **vars(piece),
            **{**vars(made), "points": points},
            points_before=made.points,
            readmission=again,
            correction_day=day,
            chain=chain,
        )
        if not self.pieces.on_disk:
            self._kept[number] = scored
        return scored


def check_alone(
    rules: Rules,
    facts: Facts,
    reviews: Reviews,
    made: Scores,
    case_id: pa.Array,
    chained: Mapping[int, OfChain],
) -> None:
    """Hold the points that experts set for stays that are in no chain to the policy's bound."""
    if rules.points_max is None or not len(reviews.points):
        return
    rows = np.setdiff1d(np.flatnonzero(reviews.points >= 0), [*chained]).astype(np.int64)
    ids = {row: case_id[row].as_py() for row in rows.tolist()}
    check_given_points(rules, facts.counted, reviews, made, rows, ids)


def put_chains(made: Scores, stays: Mapping[int, OfChain]) -> dict[int, str]:
    """Give stays of referral chains, by row, what they come to; return their leads."""
    for row, own in stays.items():
        made.case_class[row], made.coefficient[row] = own.case_class, own.coefficient
        made.points[row], made.paid_by[row] = own.points, own.paid_by
        made.price[row], made.unreasonable[row] = own.price, own.unreasonable
        made.apart[row] = own.apart
    return {row: own.lead for row, own in stays.items()}


def _take_points(made: Scores, rows: NDArray[np.int64]) -> None:
    """Leave cases without points or price; those held for review stay held."""
    own = rows[made.paid_by[rows] != HELD]
    made.points[own] = made.price[own] = made.apart[own] = 0
    made.paid_by[own] = POINTS


def score_chains(
    pieces: ReadPieces, rules: Rules, chains: Sequence[Chain]
) -> dict[int, dict[int, OfChain]]:
    """Return what the stays of referral chains come to, by piece and row.

    The lead is classed and scored with the chain's cost; its points are divided by cost.
    """
    places = Places.of(pieces)
    every = np.array([p for chain in chains for p in chain.places], dtype=np.int64)
    index = {p: i for i, p in enumerate(every.tolist())}

    def of(get: Callable[[ReadPiece], Any]) -> Any:
        return places.numbers(pieces, every, get)

    def fact(name: str) -> Any:
        return of(lambda piece: getattr(piece.facts, name))

    def review(piece: ReadPiece) -> Reviews:
        count = len(piece.status)
        if len(piece.reviews.decision):
            return piece.reviews
        return Reviews(
            np.zeros(count, np.int8), np.zeros(count, np.int64), np.full(count, -1, np.int64)
        )

    drg, status = of(lambda p: p.drg), of(lambda p: p.status)
    names = [
        name for name in Facts.__dataclass_fields__ if name not in ("personal", "doubt", "apart")
    ]
    facts = Facts(**{name: fact(name) for name in names})
    counted = of(lambda piece: piece.facts.counted)
    apart = facts.cost - counted
    facts = replace(facts, cost=counted)
    less = of(lambda p: review(p).unreasonable)
    ids = places.texts(pieces, every, "case_id")
    base = rules.tables.base[drg]
    lead = np.zeros(len(chains), dtype=np.int64)
    cost, taken = facts.cost.copy(), less.copy()
    for number, chain in enumerate(chains):
        own = np.array([index[p] for p in chain.places])
        most = base[own].max()
        lead[number] = own[np.flatnonzero(base[own] == most)[-1]]
        cost[lead[number]] = facts.cost[own].sum()
        taken[lead[number]] = less[own].sum()
    lead_facts: dict[str, Any] = {
        name: (cost if name == "cost" else getattr(facts, name))[lead] for name in names
    }
    together = Facts(**lead_facts)
    reviews = Reviews(
        of(lambda p: review(p).decision)[lead], taken[lead], of(lambda p: review(p).points)[lead]
    )
    made = score(rules, status[lead], drg[lead], together, reviews)
    leads = {number: ids[place] for number, place in enumerate(lead.tolist())}
    check_given_points(rules, together.cost, reviews, made, np.arange(len(lead)), leads)
    out: dict[int, OfChain] = {}
    waits = of(lambda p: waiting(p.facts.doubt, rules.hold, review(p)))
    for number, chain in enumerate(chains):
        members = [index[p] for p in chain.places]
        if waits[members].any():  # a chain is one stay: a finding of one of them holds them all
            held = OfChain(int(made.case_class[number]), COEF_ONE, 0, HELD, 0, 0, ids[lead[number]])
            out.update(dict.fromkeys(chain.places, held))
            continue
        out.update(
            _divide(chain, members, facts.cost, less, ids, made, number, lead[number], rules, apart)
        )
    return by_piece(out, places)


def _divide(
    chain: Chain,
    own: Sequence[int],
    cost: NDArray[np.int64],
    less: NDArray[np.int64],
    ids: Sequence[str],
    made: Scores,
    number: int,
    lead: int,
    rules: Rules,
    apart: NDArray[np.int64],
) -> dict[int, OfChain]:
    """Divide the points of a chain's lead by cost; what is paid by item stays each stay's own."""
    paid_by = int(made.paid_by[number])
    shares: dict[str, int] = dict.fromkeys((ids[i] for i in own), 0)
    if paid_by == POINTS:
        points = int(made.points[number])
        step = rules.step if points % rules.step == 0 else 1  # points that experts set
        total = sum(int(cost[i]) for i in own)
        units = points // step
        if total:
            exact = {ids[i]: Fraction(units * int(cost[i]), total) for i in own}
            shares = {name: n * step for name, n in largest_remainder(exact, units).items()}
        else:
            shares[ids[lead]] = points
    names_cost = int(made.unreasonable[number]) or paid_by == MONEY
    out = {}
    for place, i in zip(chain.places, own, strict=True):
        takes = int(less[i]) if names_cost and paid_by != HELD else 0
        added, fen = new_technology(rules, int(apart[i]), paid_by)
        out[place] = OfChain(
            int(made.case_class[number]),
            int(made.coefficient[number]),
            shares[ids[i]] + added,
            paid_by,
            (int(cost[i]) - takes if paid_by == MONEY else 0) + fen,
            takes,
            ids[lead],
            fen,
        )
    return out

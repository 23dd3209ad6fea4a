"""Records of what a region says of itself, amounts in fen and keyed as named."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from drgpay.budget.ceiling import Reserve
from drgpay.cases.options import ReadOptions
from drgpay.names.readings import Readings
from drgpay.region.corrected import CorrectedCases
from drgpay.region.provenance import HAND
from drgpay.region.standing import NORMAL

GRANTED, REFUSED = 1, 2
DECISIONS = {GRANTED: "granted", REFUSED: "refused"}  # as tables write them


def review_places(share: Fraction, cases: int) -> int:
    """Return how many special reviews so many cases allow: their share, rounded up."""
    return math.ceil(share * cases)


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital of the region; coefficient in 1/1,000,000, score from 0 to 1."""

    id: str
    name: str
    level: str
    coefficient: int | None
    score: Fraction
    community: str = ""
    kind: str = ""
    standing: str = NORMAL


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool (险种基金) with its budget of the year, in fen."""

    id: str
    name: str
    budget_fen: int
    out_of_area_fund_fen: int
    last_year_fund_fen: int | None = None
    growth_approval: str = ""
    control_target_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A decision of special review (特病单议); `row` is its row in the table, the header being row 1.

    `points`: what experts set, in 1/10,000; -1 when they set none.
    """

    row: int
    decision: int
    unreasonable_fen: int
    points: int = -1


@dataclass(frozen=True, slots=True)
class Rate:
    """A bed-day standard: of a class, a level (empty: all others), from a day of the stay on."""

    bed_class: str
    level: str
    from_day: int
    rate_fen: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Primary:
    """A primary group (基层病组) of a scheme (empty: of any) and the days on which it is one."""

    where: str
    scheme: str
    drg: str
    first: dt.date
    last: dt.date


@dataclass(frozen=True, slots=True)
class NewItem:
    """What an item of new technology (新技术项目) cost in a case; when the list has it."""

    where: str
    item: str
    amount_fen: int
    periods: tuple[tuple[dt.date, dt.date], ...]

    def in_force(self, day: dt.date) -> bool:
        """Whether the item is on the list on a day."""
        return any(first <= day <= last for first, last in self.periods)


@dataclass(frozen=True, slots=True)
class Named:
    """A named amount in fen, of one pool or (empty) of the region; a reserve is a part of the
    target, or comes on top of it.
    """

    name: str
    amount_fen: int
    inside_target: bool = True
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The region's control target (总额控制目标), reserves that may cover an excess, other payments.

    A pool's own target stands with the pool. Without one in `[ceiling]` the region's is their sum.
    """

    target_fen: int
    reserves: tuple[Named, ...] = ()
    payments: tuple[Named, ...] = ()

    def to_draw(self) -> list[Reserve]:
        """Return the reserves as the check of the ceiling takes them."""
        return [Reserve(r.name, r.amount_fen, inside_target=r.inside_target) for r in self.reserves]


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation (违规扣款) of a hospital in a pool: money and points in 1/10,000."""

    hospital_id: str
    pool: str
    amount_fen: int
    points: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What region.toml says, and where the cases and the history lie. Amounts in fen."""

    path: Path
    id: str
    name: str
    year: int
    synthetic: bool
    policy: str
    scheme: str
    readings: Readings
    codes: str | None
    history_codes: str | None
    reading: ReadOptions
    cases: tuple[Path, ...]
    history: tuple[Path, ...]
    pools: tuple[Pool, ...]
    ceiling: Ceiling | None = None
    all_drg_mean_fen: int | None
    by_rate: bool = False  # what a weight of 1 stands for is a rate (费率), not the mean cost


@dataclass(frozen=True, kw_only=True)
class Region(Settings):
    """A region folder, checked. Amounts in fen, keyed as named."""

    hospitals: tuple[Hospital, ...]
    group_means: Mapping[str, tuple[int, bool]] | None
    bed_day_rates: tuple[Rate, ...]
    reviews: Mapping[str, Review]
    violations: tuple[Violation, ...]
    prepaid: Mapping[tuple[str, str], tuple[int, int | None]]
    files: tuple[Path, ...] = field(default=())
    drg_coefficients: Mapping[tuple[str, str], int] = field(default_factory=dict)
    level_coefficients: Mapping[str, int] = field(default_factory=dict)
    components: Mapping[tuple[str, str], Fraction] = field(default_factory=dict)
    tcm_shares: Mapping[str, Fraction] = field(default_factory=dict)
    carried: Mapping[tuple[str, str], int] = field(default_factory=dict)
    carried_from: Mapping[tuple[str, str], str] = field(default_factory=dict)
    carried_by_hand: Mapping[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    prepaid_by: str = HAND
    prepaid_months: str = ""  # the digest of the months that wrote it
    month_shares: tuple[Fraction, ...] = ()
    last_year_months: Mapping[tuple[str, str, int], int] = field(default_factory=dict)
    corrected: CorrectedCases | None = None  # of a reopened year
    weights: Mapping[str, tuple[Fraction, bool]] | None = None  # published ones, and whether stable
    primary_groups: tuple[Primary, ...] = ()
    new_technology: Mapping[str, tuple[NewItem, ...]] = field(default_factory=dict)  # by case

    @property
    def reviews_file(self) -> str:
        """The name of the table of reviews, CSV or Excel."""
        return self.file_of("reviews")

    def file_of(self, stem: str) -> str:
        """The name of a table, CSV or Excel."""
        return next((p.name for p in self.files if p.stem == stem), f"{stem}.csv")

    @property
    def has_base_points(self) -> bool:
        """Whether base points are given, as means or as weights, so that no history is asked."""
        given = self.group_means is not None or self.weights is not None
        return given and bool(self.all_drg_mean_fen)

    @property
    def violation_fen(self) -> dict[tuple[str, str], int]:
        """The sum of money by hospital and pool."""
        sums: dict[tuple[str, str], int] = {}
        for v in self.violations:
            sums[v.hospital_id, v.pool] = sums.get((v.hospital_id, v.pool), 0) + v.amount_fen
        return sums

    @property
    def violation_points(self) -> dict[tuple[str, str], int]:
        """The sum of points in 1/10,000 by hospital and pool."""
        sums: dict[tuple[str, str], int] = {}
        for v in self.violations:
            sums[v.hospital_id, v.pool] = sums.get((v.hospital_id, v.pool), 0) + v.points
        return sums


def other_payments(region: Region, pools: Sequence[Pool]) -> list[Named]:
    """Return the other payments of some pools; those that name none are of all together."""
    ids = {pool.id for pool in pools}
    every = len(pools) == len(region.pools)
    given = () if region.ceiling is None else region.ceiling.payments
    return [p for p in given if p.pool in ids or (every and not p.pool)]

"""Points and money of a case in any group, by what a settled run left in its folder.

The rules are those of docs/rules.md: class and points come from the same kernel that
settled the year, over the run's own base points, coefficients and policy. Money is points x point
value, rounded to the fen. What the run does not know is not guessed: readmission depends on other
stays and is left out; a stay of a referral chain is priced by itself, though the year scored the
chain as one; a review counts as it was decided for the case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.parse import flat
from drgpay.ground.errors import InputError, both
from drgpay.ground.money import POINT, divide_rounded
from drgpay.grouper.changes import Price
from drgpay.grouper.outcome import UNGROUPABLE
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper
from drgpay.names.readings import (
    Readings,
    asked_readings,
    differing_readings,
    readings_text,
    told_readings,
)
from drgpay.perdiem.points import bed_day_tables
from drgpay.points.base import BasePoints, GroupBase, group_tables
from drgpay.points.kernels import BED_DAY, COEF_ONE, MONEY
from drgpay.region.records import DECISIONS, Rate
from drgpay.runs.reader import RunFolder
from drgpay.schemes import Scheme
from drgpay.schemes.versions import bundled_families
from drgpay.settlement.facts import Facts
from drgpay.settlement.scoring import (
    CASE_CLASSES,
    Reviews,
    Rules,
    Scores,
    hold_cases,
    points_step,
    score,
)

RUN_COLUMNS = (
    "case_id", "hospital_id", "pool", "drg", "status", "case_class", "base_points", "days",
    "total_cost_fen", "readmission", "bed_day_class", "discharge_way", "day_surgery",
    "new_technology_fen",
)  # fmt: skip


@dataclass(frozen=True)
class SettledCases:
    """What points of N cases stand on; `known` is False for a case that the run did not settle."""

    known: NDArray[np.bool_]
    drg: list[str | None]
    pool: list[str | None]
    hospital: NDArray[np.int32]
    cost: NDArray[np.int64]
    unreasonable: NDArray[np.int64]
    review: NDArray[np.int8]
    set_points: NDArray[np.int64]
    day_surgery: NDArray[np.bool_]
    way: NDArray[np.int8]
    bed_class: NDArray[np.int16]
    days: NDArray[np.int32]
    readmission: NDArray[np.bool_]
    referred: NDArray[np.bool_]
    apart: NDArray[np.int64]  # new technology, not counted for class and points
    doubts: NDArray[np.uint8] | None = None  # bits of findings that hold a case; of a run: decided


@dataclass(frozen=True)
class Priced:
    """What N cases earn: class -1 where that is not known, points in 1/10,000, money in fen."""

    case_class: NDArray[np.int8]
    paid_by: NDArray[np.int8]
    points: NDArray[np.int64]
    fen: NDArray[np.int64]


class Pricer(RunFolder):
    """Tells what a case earns in a group, by a settled run; raises InputError when it is none."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        with self.reading():
            self._read()

    def _read(self) -> None:
        manifest = self.manifest
        self.hospitals = {h["hospital_id"]: i for i, h in enumerate(manifest["hospitals"])}
        columns = ("drg", "group_mean_fen", "base_points", "stable", "review", "weight")
        groups = {
            row["drg"]: GroupBase(
                row["drg"],
                row["group_mean_fen"],
                _ten_thousandths(row["base_points"]),
                row["stable"],
                review=bool(row["review"]),
                weight=None if row["weight"] is None else Fraction(row["weight"]),
            )
            for row in self.table("drgs", columns).to_pylist()
            if row["group_mean_fen"] is not None
        }
        all_mean = manifest["base_points"]["all_drg_mean_fen"]
        base = BasePoints(manifest["base_points"]["source"], all_mean, groups)
        # groups without base points are priced alike, by cost, but for the primary groups
        given = self.table("coefficients", ("hospital_id", "drg", "coefficient"))
        own = given["drg"].to_pylist()
        names = dict.fromkeys([*groups, *manifest["primary_groups"], *filter(None, own)])
        self.drgs = {drg: i for i, drg in enumerate(names)}
        beds = bed_day_tables(
            [Rate(r["bed_day_class"], r["level"], r["from_day"], r["rate_fen"])
             for r in manifest["bed_days"]],
            [h["level"] for h in manifest["hospitals"]],
            all_mean,
            self.policy,
        )  # fmt: skip
        self.bed_classes = {name: i for i, name in enumerate(beds.classes)}
        self.rules = Rules.of(
            self.policy,
            group_tables(base, [*names, ""], self.policy, points_step(self.policy)),
            beds,
            self._coefficients(given),
            all_mean,
        )
        decided = {name: code for code, name in DECISIONS.items()}
        self.reviews = {
            row["case_id"]: (
                decided[row["decision"]],
                row["unreasonable_fen"],
                -1 if row["points"] is None else _ten_thousandths(row["points"]),
            )
            for row in self.table("reviews").to_pylist()
        }
        stays = self.records("referrals", ["case_id"])  # only where stays were referred
        self.referred = frozenset(row["case_id"] for row in stays)

    def _coefficients(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the run's coefficients by hospital and group."""
        made = np.full((len(self.hospitals), len(self.drgs) + 1), COEF_ONE, dtype=np.int64)
        rows = [
            (self.hospitals[r["hospital_id"]], r["drg"], Fraction(r["coefficient"]))
            for r in table.to_pylist()
        ]
        for h, drg, coefficient in rows:
            if not drg:
                made[h, :] = int(coefficient * COEF_ONE)
        for h, drg, coefficient in rows:
            if drg in self.drgs:
                made[h, self.drgs[drg]] = int(coefficient * COEF_ONE)
        return made

    @property
    def scheme_name(self) -> str:
        """The scheme that the run was grouped by; its family where it had several versions.

        Raises InputError where the family lies in a folder that the run does not name.
        """
        used = self.manifest["scheme"]
        told = {version["id"] for version in used.get("versions", ())}
        if not told - {used["id"]}:
            return str(used["id"])
        for name, family in bundled_families().items():
            if told <= {version.id for version in family.versions}:
                return name
        raise InputError(
            both(
                f"清算用了几个版本：{'、'.join(sorted(told))}",
                f"the run has several versions: {', '.join(sorted(told))}",
            ),
            where=self.folder,
            remedy=both("用 --scheme 给出这一族方案", "name their family with --scheme"),
        )

    @property
    def readings(self) -> Readings:
        """The readings that the run was grouped with, those of the versions where they agree."""
        used = self.manifest["scheme"]
        every = [
            told_readings(used),
            *(v["readings"] for v in used.get("versions", ()) if "readings" in v),
        ]
        agreed = {n: c for n, c in every[0].items() if all(own.get(n) == c for own in every)}
        return asked_readings(agreed)

    def check_grouper(self, grouper: AnyGrouper) -> None:
        """Fail if the run was settled with another scheme, or other versions; raises InputError."""
        used = self.manifest["scheme"]
        if not isinstance(grouper, VersionedGrouper):
            self._check_scheme(used, grouper.scheme)
            return
        own = {g.scheme.id: g.scheme for g in grouper.groupers}
        for told in used.get("versions") or (used,):
            self._check_scheme({**used, **told}, own.get(told["id"], grouper.scheme))

    def check_scheme(self, scheme: Scheme) -> None:
        """Fail if the run was settled with another scheme; raises InputError."""
        self._check_scheme(self.manifest["scheme"], scheme)

    def _check_scheme(self, used: Mapping[str, Any], scheme: Scheme) -> None:
        told = told_readings(used)
        if used["digest"] != scheme.digest or differing_readings(told, scheme.options):
            asked, has = readings_text(told), readings_text(scheme.options)
            zh = readings_text(told, "zh"), readings_text(scheme.options, "zh")
            raise InputError(
                both(
                    f"清算所用的分组方案是 {used['id']}（{zh[0]}），"
                    f"不是这里的 {scheme.id}（{zh[1]}），或方案的表已改动",
                    f"the run was settled with the scheme {used['id']} ({asked}), not with this "
                    f"{scheme.id} ({has}), or its tables have changed",
                ),
                where=self.folder,
                remedy=both(
                    "用 --scheme 和 --reading 给出清算所用的方案和读法",
                    "give the run's scheme and readings with --scheme and --reading",
                ),
            )

    @cached_property
    def _cases(self) -> pa.Table:
        return self.table("cases", RUN_COLUMNS)

    def settled(self, ids: pa.Array) -> SettledCases:
        """Return what the run knows of cases; those it does not know come out as not known."""
        own = pc.utf8_trim_whitespace(ids.cast(pa.string()))
        at = pc.index_in(own, value_set=flat(self._cases["case_id"]).cast(pa.string()))
        rows = self._cases.take(at)  # of nothing where the run has no such case
        words = {
            name: flat(rows[name]).cast(pa.string()).to_pylist()
            for name in ("hospital_id", "pool", "drg", "status", "case_class", "bed_day_class")
        }
        known = np.asarray(at.is_valid()) & np.array(
            [status != "quarantined" for status in words["status"]]
        )

        def integers(name: str) -> NDArray[np.int64]:
            return np.asarray(pc.fill_null(flat(rows[name]), 0), dtype=np.int64)

        cost = integers("total_cost_fen")
        decided = [self.reviews.get(case or "", (0, 0, -1)) for case in own.to_pylist()]
        review, unreasonable, set_points = (
            np.array([d[k] for d in decided], dtype=np.int64) for k in range(3)
        )
        bed_class = [self.bed_classes.get(name or "", -1) for name in words["bed_day_class"]]
        return SettledCases(
            known=known,
            drg=words["drg"],
            pool=words["pool"],
            hospital=np.array(
                [self.hospitals.get(h or "", 0) for h in words["hospital_id"]], np.int32
            ),
            cost=cost,
            unreasonable=np.minimum(unreasonable, cost - integers("new_technology_fen")),
            review=review.astype(np.int8),
            set_points=set_points,
            day_surgery=np.asarray(pc.fill_null(flat(rows["day_surgery"]), False)),
            way=integers("discharge_way").astype(np.int8),
            bed_class=np.array(bed_class, np.int16),
            days=integers("days").astype(np.int32),
            readmission=np.asarray(pc.fill_null(flat(rows["readmission"]), False)),
            referred=np.array([case in self.referred for case in own.to_pylist()], np.bool_),
            apart=integers("new_technology_fen"),
        )

    def unsettled_cases(
        self,
        pool: list[str | None],
        hospital: NDArray[np.int32],
        cost: NDArray[np.int64],
        *,
        days: NDArray[np.int32],
        day_surgery: NDArray[np.bool_],
        way: NDArray[np.int8],
        bed_class: NDArray[np.int16],
        apart: NDArray[np.int64] | None = None,
        known: NDArray[np.bool_] | None = None,
        doubts: NDArray[np.uint8] | None = None,
    ) -> SettledCases:
        """Return N cases that no run has settled; hospitals and bed-day classes by the run's numbers.

        `known` is False where something is missing, so that a case has no price; `doubts` are the
        bits of findings that hold cases.
        """
        count = len(cost)
        no = np.zeros(count, np.bool_)
        return SettledCases(
            known=np.ones(count, np.bool_) if known is None else known,
            drg=[None] * count,
            pool=pool,
            hospital=hospital,
            cost=cost,
            unreasonable=np.zeros(count, np.int64),
            review=np.zeros(count, np.int8),
            set_points=np.full(count, -1, np.int64),
            day_surgery=day_surgery,
            way=way,
            bed_class=bed_class,
            days=days,
            readmission=no,
            referred=no,
            apart=np.zeros(count, np.int64) if apart is None else apart,
            doubts=doubts,
        )

    def of_table(
        self, table: pa.Table
    ) -> Callable[[NDArray[np.int64], Sequence[str]], list[Price | None]]:
        """Return what tells the price of places of a case table in groups, None where unknown."""
        cases = self.settled(flat(table["case_id"]))
        return lambda rows, drgs: self.prices(cases, rows, drgs)

    def prices(
        self, cases: SettledCases, rows: NDArray[np.int64], drgs: Sequence[str]
    ) -> list[Price | None]:
        """Return what cases, by place, earn in groups; points before readmission."""
        numbers = np.array([self.drgs.get(drg, len(self.drgs)) for drg in drgs], dtype=np.int16)
        status = np.array([_status(drg) for drg in drgs], dtype=np.int8)
        scores = self._scores(cases, rows, numbers, status)
        made: list[Price | None] = []
        for row, kind, own, price, apart in zip(
            rows.tolist(),
            scores.case_class.tolist(),
            scores.points.tolist(),
            np.where(scores.paid_by == MONEY, scores.price, -1).tolist(),
            scores.apart.tolist(),
            strict=True,
        ):
            if kind < 0:
                made.append(None)
                continue
            note = (
                "bed_day"
                if kind == BED_DAY
                else "referral"
                if cases.referred[row]
                else "readmission"
                if cases.readmission[row]
                else "reviewed"
                if cases.review[row]
                else ""
            )
            fen = self._fen(own, cases.pool[row]) + apart if price < 0 else price
            made.append(Price(CASE_CLASSES[kind], own, fen, note))
        return made

    def _scores(
        self,
        cases: SettledCases,
        rows: NDArray[np.int64],
        numbers: NDArray[np.int16],
        status: NDArray[np.int8],
    ) -> Scores:
        """Return what cases, by place, come to in groups by the run's numbers; -1 where not known."""
        status = np.where(cases.known[rows], status, np.int8(3))
        nothing = np.zeros(len(rows), np.int32)
        facts = Facts(
            cases.hospital[rows],
            nothing.astype(np.int8),
            nothing,
            nothing,
            nothing,
            cases.days[rows],
            cases.cost[rows],
            nothing.astype(np.int64),
            cases.day_surgery[rows],
            cases.bed_class[rows],
            cases.way[rows],
            np.zeros(len(rows), np.bool_),
            apart=cases.apart[rows],
        )
        reviews = Reviews(cases.review[rows], cases.unreasonable[rows], cases.set_points[rows])
        made = score(self.rules, status, numbers, facts, reviews)
        if cases.doubts is not None:
            hold_cases(cases.doubts[rows], self.rules.hold, reviews, made)
        return made

    def priced(
        self,
        cases: SettledCases,
        drg: pa.DictionaryArray,
        values: Mapping[str, Fraction] | None = None,
    ) -> Priced:
        """Return what N cases earn in the group of each, as `prices` does for a few.

        `values`: yuan a point of each pool where they are others than those of the run.
        """
        words = [str(word or "") for word in drg.dictionary.to_pylist()]
        no_group = len(words)
        index = np.asarray(drg.indices.cast(pa.int64()).fill_null(no_group))
        own = [self.drgs.get(word, len(self.drgs)) for word in (*words, "")]
        status = np.array([*map(_status, words), 3], dtype=np.int8)[index]
        numbers = np.array(own, dtype=np.int16)[index]
        scores = self._scores(cases, np.arange(len(index)), numbers, status)
        known = scores.case_class >= 0
        by_points = known & (scores.paid_by != MONEY)
        fen = np.where(known & ~by_points, scores.price, 0)
        pools = pa.array(cases.pool, pa.string()).dictionary_encode()
        of = np.asarray(pools.indices.fill_null(-1))
        for number, pool in enumerate(pools.dictionary.to_pylist()):
            rows = np.flatnonzero(by_points & (of == number))
            value = (self.point_values if values is None else values)[pool]
            # points are met many times over: each is multiplied once, in whole numbers
            points, back = np.unique(scores.points[rows], return_inverse=True)
            top, bottom = value.numerator * 100, value.denominator * POINT
            worth = [divide_rounded(top * own, bottom) for own in points.tolist()]
            fen[rows] = np.array(worth, dtype=np.int64)[back] + scores.apart[rows]
        points = np.where(known, scores.points, 0)
        return Priced(scores.case_class, scores.paid_by, points, fen)

    def case(self, case_id: str) -> Callable[[str], Price]:
        """Return what tells the price of one settled case in a group; raises InputError."""
        cases = self.settled(pa.array([case_id]))
        if not cases.known[0]:
            raise InputError(
                both(
                    f"清算结果中没有病例 {case_id}，或它被隔离",
                    f"the run did not settle case {case_id!r}",
                ),
                where=self.folder / "cases.parquet",
                remedy=both("核对病例号，或不用 --run", "check the case id, or leave out --run"),
            )
        return lambda drg: self._one(cases, drg)

    def _one(self, cases: SettledCases, drg: str) -> Price:
        price = self.prices(cases, np.zeros(1, np.int64), [drg])[0]
        if price is None:
            raise KeyError(drg)
        return price

    def _fen(self, points: int, pool: str | None) -> int:
        value = self.point_values[pool or ""]
        return divide_rounded(value.numerator * points * 100, value.denominator * POINT)


def _status(drg: str) -> int:
    """Return the status by the code of a group: 2 none, 1 ambiguous, 0 a DRG."""
    return 2 if drg == UNGROUPABLE else 1 if drg[1:] == "QY" else 0


def _ten_thousandths(points: Decimal) -> int:
    return int(points * POINT)

"""The run folder as reports read it: its manifest and its Parquet tables, nothing else."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from drgpay.ground.languages import choose
from drgpay.ground.money import POINT, divide_rounded
from drgpay.names.codes import CASE_CLASSES
from drgpay.names.run_tables import POINTS, kind_of
from drgpay.policy.catalogue import CATALOGUE
from drgpay.policy.year import says
from drgpay.region.standing import ENDED, NORMAL
from drgpay.region.together import ids_in
from drgpay.runs.case_bounds import KEYS, NOBODY, CaseBounds, Ends, bounded_by_case, case_bounds
from drgpay.runs.reader import Record, RunFolder
from drgpay.settlement.account import released_share, why_no_share

from .amounts import units_of

# columns of hospitals that are not called as the amount with `_fen`
_COLUMNS = {
    "cases": "cases",
    "points": "points",
    "recorded": "recorded_fund_fen",
    "deducted": "points_deducted",
    "held": "held_cases",
    "waits": "deferred_fen",
}


@dataclass
class Amounts:
    """What a hospital has in a pool, and what any set of such rows adds up to."""

    cases: int = 0
    points: int = 0
    not_pool: int = 0
    recorded: int = 0
    due: int = 0
    prepaid: int = 0
    deposit: int = 0
    forfeited: int = 0
    shared: int = 0
    violation: int = 0
    carried: int = 0
    final: int = 0
    deducted: int = 0
    money: int = 0
    held: int = 0
    held_fund: int = 0
    payable: int = 0
    waits: int = 0
    recover: int = 0

    @classmethod
    def of(cls, row: Record) -> "Amounts":
        """Amounts of a row of the table hospitals; what an older run folder lacks is 0."""
        final = row["final_fen"]
        row = {"payable_fen": max(0, final), "recover_fen": max(0, -final), **row}
        found = {}
        for f in fields(cls):
            column = _COLUMNS.get(f.name, f"{f.name}_fen")
            value = row.get(column) or 0
            points = kind_of("hospitals", column) is POINTS
            found[f.name] = units_of(value, 4) if points else value
        return cls(**found)

    @property
    def difference(self) -> int:
        return self.due - self.recorded

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass
class CaseSum:
    """What a set of cases adds up to: points in 1/10,000, money in fen."""

    cases: int = 0
    days: int = 0
    before: int = 0
    points: int = 0
    cut: int = 0
    cost: int = 0
    fund: int = 0
    not_pool: int = 0
    price: int = 0

    def __add__(self, other: "CaseSum") -> "CaseSum":
        return CaseSum(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class ClassSum:
    """What the cases of one class add up to."""

    name: str
    cases: int
    points: int
    cost: int


@dataclass(frozen=True)
class Account:
    """A hospital in a pool; `bound` is `low` or `high` where a bound decided its due."""

    hospital: str
    pool: str
    amounts: Amounts
    bound: str = ""


@dataclass(frozen=True)
class Part:
    """The cases of one hospital, pool and class that are paid in one way."""

    hospital: str
    pool: str
    case_class: str
    paid_by: str  # points | money | held
    sums: CaseSum


def total_of(accounts: Iterable[Account]) -> Amounts:
    """Sum of the accounts' amounts."""
    return sum((a.amounts for a in accounts), Amounts())


def sum_of(parts: Iterable[Part]) -> CaseSum:
    """Sum of the parts' cases."""
    return sum((p.sums for p in parts), CaseSum())


class Run(RunFolder):
    """A settled year's folder as reports show it."""

    def __init__(
        self, folder: Path, threads: int | None = None, *, unfinished: bool = False
    ) -> None:
        super().__init__(folder, threads=threads, unfinished=unfinished)
        self.hospitals: dict[str, Record] = {
            h["hospital_id"]: h for h in self.manifest["hospitals"]
        }
        self.pools: list[Record] = self.manifest["pools"]
        with self.reading():
            self.classes: list[ClassSum] = self._classes()

    def _classes(self) -> list[ClassSum]:
        """Each class that has cases."""
        given: Record = self.manifest["classes"]
        names = [c for c in CASE_CLASSES if c in given] + sorted(set(given) - set(CASE_CLASSES))
        found = []
        for name in names:
            facts = given[name]
            if facts["cases"]:
                points, cost = units_of(facts["points"], 4), int(facts["total_cost_fen"])
                found.append(ClassSum(name, int(facts["cases"]), points, cost))
        return found

    @cached_property
    def accounts(self) -> list[Account]:
        """Every hospital and pool, most points first."""
        found = [
            Account(r["hospital_id"], r["pool"], Amounts.of(r), r.get("bound") or "")
            for r in self.table("hospitals").to_pylist()
        ]
        return sorted(found, key=lambda a: (-a.amounts.points, a.hospital, a.pool))

    @cached_property
    def by_hospital(self) -> list[Account]:
        """Every hospital over all pools, most points first."""
        sums: dict[str, Amounts] = {}
        for account in self.accounts:
            sums[account.hospital] = sums.get(account.hospital, Amounts()) + account.amounts
        found = [Account(hospital, "", amounts_) for hospital, amounts_ in sums.items()]
        return sorted(found, key=lambda a: (-a.amounts.points, a.hospital))

    @cached_property
    def total(self) -> Amounts:
        return total_of(self.accounts)

    @cached_property
    def shares(self) -> bool:
        """Whether forfeited deposits were given to others."""
        return any(a.amounts.shared for a in self.accounts)

    @cached_property
    def sharing(self) -> dict[str, tuple[int, int]]:
        """By pool: deposits forfeited in fen, and the points of those who share them (rule 11)."""
        found: dict[str, tuple[int, int]] = {}
        for account in self.accounts:
            fen, points = found.get(account.pool, (0, 0))
            a = account.amounts
            points += a.points if self.may_share(account) else 0
            found[account.pool] = (fen + a.forfeited, points)
        return found

    def has_ended(self, hospital: str) -> bool:
        """Whether a hospital's agreement has ended."""
        return self.hospitals.get(hospital, {}).get("standing") == "ended"

    @cached_property
    def demanded(self) -> list[Account]:
        """Negative final payments that no next payment can take: of ended agreements.

        Of a reopened year the tables of what is carried say what is to be recovered.
        """
        if self.manifest.get("reopens"):
            return []
        return [a for a in self.accounts if a.amounts.final < 0 and self.has_ended(a.hospital)]

    @cached_property
    def set_off(self) -> list[Account]:
        """Negative final payments that the next payments set off."""
        return [a for a in self.accounts if a.amounts.final < 0 and a not in self.demanded]

    @cached_property
    def pools_used(self) -> list[str]:
        """The pools that hospitals have accounts in."""
        return sorted({a.pool for a in self.accounts})

    def pool_left(self, pool: str) -> bool:
        """Whether a pool was left unsettled, as nothing in it earned a point."""
        return any(
            pool in ids_in(p["pool"]) and p.get("solution") == "no_points"
            for p in self.manifest["pools"]
        )

    def may_share(self, account: Account) -> bool:
        """Whether a hospital shares what others of the pool forfeited."""
        a = account.amounts
        standing = self.hospitals.get(account.hospital, {}).get("standing") or NORMAL
        return not why_no_share(standing, a.forfeited, a.points)

    @cached_property
    def parts(self) -> list[Part]:
        """The cases by hospital, pool, class and way of payment."""
        found = []
        for r in self.case_sums.by_class().to_pylist():
            sums = CaseSum(
                r["cases"],
                int(r["days"]),
                units_of(r["points_before"] or 0, 4),
                units_of(r["points"] or 0, 4),
                r["cut"],
                int(r["total_cost_fen"]),
                int(r["pool_fund_fen"]),
                int(r["not_pool_fen"]),
                int(r["price_fen"]),
            )
            place = (r["hospital_id"] or "", r["pool"] or "", r["case_class"] or "")
            found.append(Part(*place, r["paid_by"], sums))
        rank = {name: number for number, name in enumerate(CASE_CLASSES)}
        last = len(rank)
        found.sort(key=lambda p: (p.hospital, p.pool, rank.get(p.case_class, last), p.paid_by))
        return found

    @cached_property
    def parts_of(self) -> dict[tuple[str, str], list[Part]]:
        """The same, of each hospital and pool."""
        found: dict[tuple[str, str], list[Part]] = defaultdict(list)
        for part in self.parts:
            found[part.hospital, part.pool].append(part)
        return found

    def by_points(self, pool: str) -> CaseSum:
        """Sums of the cases paid by points in what a row of the pools table settles."""
        return self._settled(pool, "points")

    def in_money(self, pool: str) -> CaseSum:
        """Sums of the cases paid in money in what a row of the pools table settles."""
        return self._settled(pool, "money")

    def _settled(self, pool: str, paid_by: str) -> CaseSum:
        return sum_of(
            p for p in self.parts if p.paid_by == paid_by and self.settled_in(p.pool) == pool
        )

    def says(self, key: str, word: str, *others: str) -> bool:
        """Whether a parameter's choice is `word` and not one of `others`; any other is refused.

        A run of an earlier version may lack the parameter: then it is not.
        """
        return key in self.values and says(self.values, key, word, *others)

    def fraction(self, key: str) -> Fraction | None:
        """A numeric parameter, or None when the manifest has no such number."""
        value = self.values.get(key)
        if value is None or isinstance(value, (bool, float, list, dict)):
            return None
        try:
            return Fraction(value)
        except ValueError:
            return None

    def worth(self, points: int, pool: str, ends: Ends = NOBODY) -> int:
        """What points of a pool are worth in fen, rounded: what is due for them and n.

        `ends`: those of the cases that their bounds hold; they are worth what they get and n.
        """
        value = self.point_values.get(self.settled_in(pool), Fraction(0))
        held = ends.both
        free = points - held.points
        made = divide_rounded(free * 100 * value.numerator, POINT * value.denominator)
        return made + held.due + held.not_pool

    def worth_of(self, part: Part) -> int:
        """What cases of a class are worth in fen; the price of those paid in money."""
        if part.paid_by != "points":
            return part.sums.price
        ends = self.case_bounds.of_class(part.hospital, part.pool, part.case_class)
        return self.worth(part.sums.points, part.pool, ends)

    @cached_property
    def bounded_by_case(self) -> bool:
        """Whether each case is bounded."""
        return bounded_by_case(self._bounds)

    @cached_property
    def case_bounds(self) -> CaseBounds:
        """Which cases their bounds hold; none unless each case is bounded."""
        pools = {a.pool for a in self.accounts}
        values = {p: self.point_values.get(self.settled_in(p), Fraction(0)) for p in pools}
        return case_bounds(self.folder, self._bounds, values)

    @cached_property
    def _bounds(self) -> Record:
        """The parameters of bounds; a run that lacks one has no such bound."""
        without = {"bound.level": "none", "bound.never_below_zero": False, "bound.cost_share": None}
        given = {k: CATALOGUE[k].read(self.values[k]) for k in KEYS if k in self.values}
        return {**without, "bound.case_within_cost": False, "violator_no_increase": False, **given}

    @cached_property
    def combined(self) -> bool:
        return any(self.settled_in(a.pool) != a.pool for a in self.accounts)

    def hospital_name(self, hospital: str) -> str:
        return str(self.hospitals.get(hospital, {}).get("name") or hospital)

    def bed_day_name(self, code: str, lang: str = "zh") -> str:
        """What the region calls a bed-day class, beside its code; the code where it has no name."""
        name = self._bed_day_names.get(code, "")
        if not name or name == code:
            return code
        return choose(lang, f"{name}（{code}）", f"{name} ({code})")

    @cached_property
    def _bed_day_names(self) -> dict[str, str]:
        rates = self.manifest.get("bed_days") or ()
        return {r["bed_day_class"]: str(r["name"]) for r in rates if r.get("name")}

    def pool_name(self, pool: str, code: bool = True) -> str:
        """A pool's name with its code; of pools under one value each has its fund's name."""
        for p in (*self.pools, *(self.manifest.get("funds") or ())):
            if p["pool"] == pool and p.get("name"):
                return f"{p['name']} {pool}" if code else str(p["name"])
        return pool

    def readmissions(self) -> tuple[int, int]:
        """Cases whose points the readmission rule lowered, and by how many points in all."""
        whole = sum_of(p for p in self.parts if p.paid_by != "held")
        return whole.cut, whole.before - whole.points

    def score(self, hospital: str) -> Fraction | None:
        """A hospital's assessment score, when the manifest has it."""
        value = self.hospitals.get(hospital, {}).get("score")
        return None if value is None else Fraction(str(value))

    def kept_ratio(self, hospital: str) -> Fraction | None:
        """The part of the deposit that a hospital keeps by policy (rule 11), or None if unknown."""
        score, facts = self.score(hospital), self.hospitals.get(hospital, {})
        standing = str(facts.get("standing") or NORMAL)
        if score is None and standing != ENDED:
            return None
        return released_share(score or Fraction(0), self.policy, standing)

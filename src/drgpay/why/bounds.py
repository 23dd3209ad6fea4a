"""What every hospital of a pool is due exactly, and the bounds that hold (rule 10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drgpay.cases.parse import flat
from drgpay.ground.errors import both, unknown_choice
from drgpay.ground.numbers import Number, smallest, whole_part
from drgpay.why.folder import Row, RunFolder
from drgpay.why.model import Derivation, fixed

KEYS = ("bound.level", "bound.never_below_zero", "bound.cost_share", "bound.case_within_cost")
TEN_THOUSAND = pa.scalar(Decimal(10_000), pa.decimal128(5, 0))
Key = tuple[str, str]
INSIDE, AT_LOW, AT_HIGH = "inside", "low", "high"


@dataclass
class Sums:
    """What cases add up to: number, points, and what no pool pays, in fen."""

    cases: int = 0
    points: Fraction = Fraction(0)
    not_pool: int = 0
    bound: int = 0  # the sum of the bounds that hold, of cases


@dataclass
class Account:
    """What a hospital in a pool is due before it is rounded, in fen, and of what."""

    row: Row
    by_points: Sums = field(default_factory=Sums)
    money_cases: int = 0
    price: int = 0
    money_not_pool: int = 0
    apart: int = 0  # paid for new technology of cases paid by points
    held_cases: int = 0
    held_fund: int = 0
    cases: int = 0
    fund: int = 0
    not_pool: int = 0
    ends: dict[str, Sums] = field(default_factory=dict)  # of bounded cases, by what holds them
    exact: Fraction = Fraction(0)

    @property
    def money(self) -> int:
        """What is due outside of points."""
        return self.price - self.money_not_pool + self.apart


def level(run: RunFolder) -> str:
    """Return what is bounded: `none`, `hospital` or `case`."""
    own = str(run.policy["bound.level"])
    if own not in ("none", "hospital", "case"):
        raise unknown_choice("bound.level", own)
    return own


def of_case(d: Derivation, run: RunFolder, row: Row) -> tuple[Number | None, Number | None]:
    """Return the bounds of a case paid by points, None where none holds."""
    if level(run) != "case":
        return None, None
    low = (
        fixed(0, both("不低于 0", "never below 0"))
        if run.policy["bound.never_below_zero"]
        else None
    )
    parts = []
    if run.policy["bound.cost_share"] is not None:
        parts.append(
            whole_part(d.given("bound.cost_share") * row.number("pool_fund_fen"), fixed(2))
        )
    if run.policy["bound.case_within_cost"]:
        parts.append(row.number("total_cost_fen") - row.number("not_pool_fen"))
    return low, _high(d, parts)


def _high(d: Derivation, parts: list[Number]) -> Number | None:
    if not parts:
        return None
    made = parts[0] if len(parts) == 1 else smallest(*parts)
    return d.step("bound.high", both("封顶", "upper bound"), made, "yuan", "5.10", uses=KEYS)


def penalised(run: RunFolder, hospital: str) -> bool:
    """Whether a hospital's agreement was penalised and the policy lets it gain nothing."""
    row = run.institutions.get(hospital)
    standing = "" if row is None else str(row.get("standing", ""))
    return bool(run.policy["violator_no_increase"]) and standing == "penalised"


def of_hospital(d: Derivation, run: RunFolder, row: Row) -> tuple[Number | None, Number | None]:
    """Return the bounds of a hospital's whole due in a pool, None where none holds."""
    own = level(run)
    low = None
    if own == "hospital" and run.policy["bound.never_below_zero"]:
        low = fixed(0, both("不低于 0", "never below 0"))
    parts: list[Number] = []
    fund = row.number("recorded_fund_fen")
    if own == "hospital" and run.policy["bound.cost_share"] is not None:
        parts.append(whole_part(d.given("bound.cost_share") * fund, fixed(2)))
    if penalised(run, row["hospital_id"]):
        d.parameter("violator_no_increase")
        parts.append(fund)
    return low, _high(d, parts)


def limits(run: RunFolder, row: Row) -> tuple[int | None, int | None]:
    """Return the bounds of a hospital's whole due as fen."""
    own, fund = level(run), int(row["recorded_fund_fen"])
    low = 0 if own == "hospital" and run.policy["bound.never_below_zero"] else None
    highs = []
    share = run.policy["bound.cost_share"]
    if own == "hospital" and share is not None:
        highs.append((share * fund).numerator // (share * fund).denominator)
    if penalised(run, row["hospital_id"]):
        highs.append(fund)
    return low, min(highs, default=None)


def bounded(run: RunFolder, pool: Row) -> bool:
    """Whether some bound may hold someone of a row of the pools table."""
    if level(run) != "none":
        keys = KEYS[1:] if level(run) == "case" else KEYS[1:3]
        if any(run.policy[key] not in (None, False) for key in keys):
            return True
    members = pool["pool"].split("+")
    return any(
        penalised(run, row["hospital_id"]) for row in run.hospitals if row["pool"] in members
    )


def accounts(run: RunFolder, pool: Row) -> dict[Key, Account]:
    """Return all hospitals of a row of the pools table with their exact dues."""
    kept: dict[Key, Account] | None = run.accounts.get(pool["pool"])
    if kept is not None:
        return kept
    members = set(pool["pool"].split("+"))
    made = {
        (row["hospital_id"], row["pool"]): Account(row)
        for row in run.hospitals
        if row["pool"] in members
    }
    for s in run.sums:
        account = made.get((s.hospital, s.pool))
        if account is None:
            continue
        if s.paid_by == "held":
            account.held_cases += s.cases
            account.held_fund += s.money["pool_fund_fen"]
            continue
        account.cases += s.cases
        account.fund += s.money["pool_fund_fen"]
        account.not_pool += s.money["not_pool_fen"]
        if s.paid_by == "money":
            account.money_cases += s.cases
            account.price += s.money["price_fen"]
            account.money_not_pool += s.money["not_pool_fen"]
        else:
            account.apart += s.money["price_fen"]
            account.by_points.cases += s.cases
            account.by_points.points += s.points
            account.by_points.not_pool += s.money["not_pool_fen"]
    if level(run) == "case" and bounded(run, pool):
        _by_case(run, pool, made)
    value = Fraction(pool["point_value_fraction"]) * 100
    for account in made.values():
        account.exact = _exact(run, account, value)
    run.accounts[pool["pool"]] = made
    return made


def _exact(run: RunFolder, account: Account, value: Fraction) -> Fraction:
    points = Fraction(account.row["points"])
    exact = points * value - account.by_points.not_pool + account.money
    if account.ends:
        inside = account.ends[INSIDE]
        held = sum(s.bound for s in account.ends.values())
        exact = inside.points * value - inside.not_pool + held + account.money
    low, high = limits(run, account.row)
    if high is not None:
        exact = min(exact, Fraction(high))
    return exact if low is None else max(exact, Fraction(low))


def _by_case(run: RunFolder, pool: Row, made: dict[Key, Account]) -> None:
    """Say of every case paid by points which bound holds it, summed by hospital."""
    from drgpay.budget.bounds import Items, states  # compiles: only where cases are bounded
    from drgpay.budget.limits import bounds_of

    columns = ["hospital_id", "pool", "points", "not_pool_fen", "pool_fund_fen", "total_cost_fen"]
    wanted = [*columns, "paid_by", "case_class"]
    value = Fraction(pool["point_value_fraction"]) * 100
    members = pa.array(pool["pool"].split("+"))
    names = pa.array(["\n".join(key) for key in made])
    sums = np.zeros((4, len(made), 3), np.int64)  # cases, points, n and bounds, by end
    for batch in run.cases.iter_batches(columns=wanted, batch_size=500_000):
        table = pa.Table.from_batches([batch]).filter(pc.field("case_class").is_valid())
        table = table.filter(pc.is_in(table["pool"].cast(pa.string()), members))
        table = table.filter(pc.equal(table["paid_by"].cast(pa.string()), "points"))
        if not len(table):
            continue
        units = pc.multiply(flat(table["points"]), TEN_THOUSAND).cast(pa.int64())
        n, fund, cost = (
            np.asarray(flat(table[c])) for c in ("not_pool_fen", "pool_fund_fen", "total_cost_fen")
        )
        low, high = bounds_of(run.policy, fund, cost, n)
        items = Items.of(np.asarray(units), n, low, np.maximum(low, high))
        state = states(items, value)
        number = pc.index_in(_texts(table), value_set=names)
        known = np.asarray(pc.is_valid(number))
        at = np.asarray(pc.fill_null(number, 0))[known]
        ends = state[known].astype(np.int64) + 1  # low, inside, high
        bound = np.where(state > 0, items.high_fen, np.where(state < 0, items.low_fen, 0))
        for k, values in enumerate((np.ones(len(n), np.int64), np.asarray(units), n, bound)):
            np.add.at(sums[k], (at, ends), values[known])
    for i, account in enumerate(made.values()):
        for end, own in zip((AT_LOW, INSIDE, AT_HIGH), sums[:, i].T.tolist(), strict=True):
            account.ends[end] = Sums(own[0], Fraction(own[1], 10_000), own[2], own[3])


def _texts(table: pa.Table) -> pa.Array:
    """Return hospital and pool of each row as one text."""
    hospital, pool = (flat(table[name]).cast(pa.string()) for name in ("hospital_id", "pool"))
    return pc.binary_join_element_wise(hospital, pool, "\n")

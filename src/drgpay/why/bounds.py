"""What every hospital of a pool is due exactly, and the bounds that hold (rule 10)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from drgpay.ground.errors import both, unknown_choice
from drgpay.ground.money import POINT
from drgpay.ground.numbers import Number, fixed, smallest
from drgpay.region.standing import PENALISED
from drgpay.region.together import ids_in
from drgpay.runs.case_bounds import KEYS, NOBODY, Ends, Held, case_bounds
from drgpay.settlement import account
from drgpay.why.folder import Row, RunFolder
from drgpay.why.model import Derivation

Key = tuple[str, str]


@dataclass
class Account:
    """What a hospital in a pool is due before it is rounded, in fen, and of what.

    `inside`: of the cases paid by points those that no bound of their own holds; `ends`: the others.
    """

    row: Row
    inside: Held = NOBODY.low
    ends: Ends = NOBODY
    money_cases: int = 0
    price: int = 0
    money_not_pool: int = 0
    apart: int = 0  # paid for new technology of cases paid by points
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


def _low(run: RunFolder, bounded: str) -> Number | None:
    """Return the low bound of a hospital's due or of what a case brings, None where there is none."""
    if level(run) != bounded or not run.policy["bound.never_below_zero"]:
        return None
    return fixed(0, both("不低于 0", "never below 0"))


def _share(d: Derivation, run: RunFolder, bounded: str) -> Number | None:
    holds = level(run) == bounded and run.policy["bound.cost_share"] is not None
    return d.given("bound.cost_share") if holds else None


def of_case(d: Derivation, run: RunFolder, row: Row) -> tuple[Number | None, Number | None]:
    """Return the bounds of a case paid by points, None where none holds."""
    if level(run) != "case":
        return None, None
    parts = account.high_bounds(
        run.policy,
        row.number("pool_fund_fen"),
        _share(d, run, "case"),
        within_cost=row.number("total_cost_fen") - row.number("not_pool_fen"),
    )
    return _low(run, "case"), _high(d, parts)


def _high(d: Derivation, parts: list[Number]) -> Number | None:
    if not parts:
        return None
    made = parts[0] if len(parts) == 1 else smallest(*parts)
    return d.step("bound.high", made, uses=KEYS)


def penalised(run: RunFolder, hospital: str) -> bool:
    """Whether a hospital's agreement was penalised and the policy lets it gain nothing."""
    row = run.institutions.get(hospital)
    standing = "" if row is None else str(row.get("standing", ""))
    return bool(run.policy["violator_no_increase"]) and standing == PENALISED


def of_hospital(d: Derivation, run: RunFolder, row: Row) -> tuple[Number | None, Number | None]:
    """Return the bounds of a hospital's whole due in a pool, None where none holds."""
    held = penalised(run, row["hospital_id"])
    share = _share(d, run, "hospital")
    if held:
        d.parameter("violator_no_increase")
    fund = row.number("recorded_fund_fen")
    return _low(run, "hospital"), _high(d, account.high_bounds(run.policy, fund, share, held=held))


def bounded(run: RunFolder, pool: Row) -> bool:
    """Whether some bound may hold someone of a row of the pools table."""
    if level(run) != "none":
        keys = KEYS[1:] if level(run) == "case" else KEYS[1:3]
        if any(run.policy[key] not in (None, False) for key in keys):
            return True
    members = ids_in(pool["pool"])
    return any(
        penalised(run, row["hospital_id"]) for row in run.hospitals if row["pool"] in members
    )


def accounts(run: RunFolder, pool: Row) -> dict[Key, Account]:
    """Return all hospitals of a row of the pools table with their exact dues."""
    kept: dict[Key, Account] | None = run.accounts.get(pool["pool"])
    if kept is not None:
        return kept
    members = set(ids_in(pool["pool"]))
    made = {
        (row["hospital_id"], row["pool"]): Account(row)
        for row in run.hospitals
        if row["pool"] in members
    }
    for s in run.sums:
        own = made.get((s.hospital, s.pool))
        if own is None or s.paid_by == "held":
            continue
        if s.paid_by == "money":
            own.money_cases += s.cases
            own.price += s.money["price_fen"]
            own.money_not_pool += s.money["not_pool_fen"]
        else:
            own.apart += s.money["price_fen"]
            own.inside += Held(s.cases, int(s.points * POINT), s.money["not_pool_fen"], 0)
    held = case_bounds(run.folder, run.policy, dict.fromkeys(members, _value(pool)))
    for key, own in made.items():
        own.ends = held.of_account(*key)
        own.inside -= own.ends.both
        own.exact = _exact(run, own, _value(pool) * 100)
    run.accounts[pool["pool"]] = made
    return made


def _value(pool: Row) -> Fraction:
    return Fraction(pool["point_value_fraction"])


def _exact(run: RunFolder, own: Account, value: Fraction) -> Fraction:
    points = Fraction(own.row["points"])
    if own.ends.both.cases:
        points = Fraction(own.inside.points, POINT)
    others = own.money + own.ends.both.due
    worth, n = account.worth(points, value), Fraction(own.inside.not_pool)
    exact = account.exact_due(worth, n, Fraction(others))
    whole = level(run) == "hospital"
    highs = account.high_bounds(
        run.policy,
        Fraction(own.row["recorded_fund_fen"]),
        run.policy["bound.cost_share"] if whole else None,
        held=penalised(run, own.row["hospital_id"]),
    )
    low = Fraction(0) if _low(run, "hospital") is not None else None
    high: Fraction | None = min(highs, default=None)
    return account.within(exact, low, high)

"""Where forfeited deposits (扣罚的保证金) went: to others of the pool by their points (rule 11)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from drgpay.ground.errors import both
from drgpay.ground.numbers import Number, fixed
from drgpay.region.standing import NORMAL
from drgpay.region.together import ids_in
from drgpay.settlement import account
from drgpay.why.folder import Key, Row, RunFolder
from drgpay.why.model import Derivation
from drgpay.why.remainder import allot

KEY = "deposit_forfeited"
SHARING = ("sharing", "yes")  # in a figure's row: only hospitals that share


def shared(d: Derivation, run: RunFolder, row: Row) -> Number | None:
    """Return a hospital's part of its pool's forfeited deposits; None where nothing is shared."""
    to_fund = run.policy.says("deposit_forfeited", "fund", "share")
    if to_fund and not row.get("shared_fen"):
        return None
    members = [r for r in run.hospitals if r["pool"] == row["pool"]]
    whole = sum(r["forfeited_fen"] for r in members)
    reason = "fund" if to_fund else _excluded(run, row) or ("" if whole else "nothing")
    if reason:
        return d.step("shared", fixed(0), row, note=reason, uses=[KEY])
    every = (("pool", row["pool"]), SHARING)
    all_forfeited = d.step("forfeits", _sum_of(run, members, "forfeited_fen", every[:1]))
    sharing = [r for r in members if not _excluded(run, r)]
    points = d.step("sharing", _sum_of(run, sharing, "points", every))
    exact = account.forfeits_share(all_forfeited, row.number("points"), points)
    exact = d.step("shared.exact", exact)
    shares = {
        (r["hospital_id"], r["pool"]): account.forfeits_share(
            Fraction(whole, 100), Fraction(r["points"]), points.value
        )
        for r in sharing
    }
    own = (row["hospital_id"], row["pool"])
    of = ("hospitals", "shared_fen", every, (*row.key, SHARING))
    return allot(d, "shared", exact, own, shares, all_forfeited, row, of=of)


def left(d: Derivation, run: RunFolder, pool: Row) -> None:
    """Say of each pool what of the forfeited deposits nobody shares: it stays in the fund."""
    if run.policy.says("deposit_forfeited", "fund", "share"):
        return
    for name in ids_in(pool["pool"]):
        members = [r for r in run.hospitals if r["pool"] == name]
        if not any(r["forfeited_fen"] for r in members):
            continue
        every = (("pool", name),)
        made = _sum_of(run, members, "forfeited_fen", every)
        made = made - _sum_of(run, members, "shared_fen", every)
        d.step("forfeits.left", made, pool=name)
        nobody = all(_excluded(run, r) for r in members)
        if bool(made.value) != nobody:
            words = "forfeits_shared" if nobody else "forfeits_left"
            d.disagree(words, pool=name, left=made.value)


def _excluded(run: RunFolder, row: Row) -> str:
    """Return why a hospital has no part in what others of its pool forfeited, as notes name it."""
    hospital = run.institutions.get(row["hospital_id"])
    standing = NORMAL if hospital is None else hospital.get("standing", NORMAL)
    return account.why_no_share(standing, row["forfeited_fen"], Fraction(row["points"]))


def _sum_of(run: RunFolder, rows: Sequence[Row], column: str, where: Key) -> Number:
    """Return the sum of a column over hospitals of a pool, one by one when they are few."""
    return run.summed(rows, column, where, both("家机构", "hospitals"))

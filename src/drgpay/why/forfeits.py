"""Where forfeited deposits (扣罚的保证金) went: to others of the pool by their points (rule 11)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.numbers import Figure, Number, fixed
from drgpay.names.run_columns import named
from drgpay.region.standing import ENDED, NORMAL, PENALISED
from drgpay.region.together import ids_in
from drgpay.settlement import account
from drgpay.why.folder import Row, RunFolder
from drgpay.why.model import Derivation
from drgpay.why.remainder import allot

KEY = "deposit_forfeited"
SHARING = ("sharing", "yes")  # in a figure's row: only hospitals that share
FEN = Fraction(1, 100)
NO_SHARE = {
    PENALISED: both("协议状态为违规处理，不参加分配", "its agreement is penalised: no share"),
    ENDED: both("协议已解除，不参加分配", "its agreement has ended: no share"),
    account.FORFEITED: both("本机构保证金有扣罚，不参加分配", "it forfeited itself: no share"),
    account.WITHOUT_POINTS: both("没有点数，不参加分配", "it has no points: no share"),
}


def shared(d: Derivation, run: RunFolder, row: Row) -> Number | None:
    """Return a hospital's part of its pool's forfeited deposits; None where nothing is shared."""
    if run.policy.says("deposit_forfeited", "fund", "share") and not row.get("shared_fen"):
        return None
    title, stated = named("shared_fen"), row.figures("shared_fen")
    members = [r for r in run.hospitals if r["pool"] == row["pool"]]
    whole = sum(r["forfeited_fen"] for r in members)
    reason = _excluded(run, row)
    if run.policy.says("deposit_forfeited", "fund", "share"):
        reason = both("扣罚的保证金留在基金", "forfeited deposits stay in the fund")
    elif not reason and not whole:
        reason = both("本险种没有扣罚的保证金", "nothing was forfeited in the pool")
    if reason:
        return d.step(
            "shared", title, fixed(0), "yuan", "11", stated=stated, note=reason, uses=[KEY]
        )
    all_forfeited = d.step(
        "forfeits", both("本险种扣罚保证金合计", "deposits forfeited in the pool"),
        _sum_of(run, members, "forfeited_fen", ()), "yuan", "11", uses=[KEY],
        note=both(
            "按点数分给协议正常、有点数而未被扣罚的机构",
            "given by points to those in normal standing with points that forfeited nothing",
        ),
    )  # fmt: skip
    sharing = [r for r in members if not _excluded(run, r)]
    points = d.step(
        "sharing", both("参加分配机构的点数", "points of those who share"),
        _sum_of(run, sharing, "points", (SHARING,)), "point", "11",
    )  # fmt: skip
    exact = d.step(
        "shared.exact", both("按点数分得（精确）", "share by points, exact"),
        account.forfeits_share(all_forfeited, row.number("points"), points), "yuan", "11",
    )  # fmt: skip
    shares: dict[object, Fraction] = {
        (r["hospital_id"], r["pool"]): account.forfeits_share(
            Fraction(whole, 100), Fraction(r["points"]), points.value
        )
        for r in sharing
    }
    own = (row["hospital_id"], row["pool"])
    figures = (
        Figure("hospitals", (("pool", row["pool"]), SHARING), "shared_fen", 0, "floors"),
        Figure("hospitals", (*row.key, SHARING), "shared_fen", 0, "rank"),
    )
    return allot(
        d, "shared", title, exact, own, shares, all_forfeited, FEN, fixed(2), "yuan", "11",
        stated, figures,
    )  # fmt: skip


def left(d: Derivation, run: RunFolder, pool: Row) -> None:
    """Say of each pool what of the forfeited deposits nobody shares: it stays in the fund."""
    if run.policy.says("deposit_forfeited", "fund", "share"):
        return
    for name in ids_in(pool["pool"]):
        members = [r for r in run.hospitals if r["pool"] == name]
        if not any(r["forfeited_fen"] for r in members):
            continue
        made = _sum_of(run, members, "forfeited_fen", ())
        made = made - _sum_of(run, members, "shared_fen", ())
        d.step(
            "forfeits.left",
            both(f"险种 {name} 扣罚保证金 − 分给机构的", f"pool {name}: forfeited − shared"),
            made,
            "yuan",
            "11",
            note=both("余下的留在基金", "the rest stays in the fund"),
            uses=[KEY],
        )
        nobody = all(_excluded(run, r) for r in members)
        if bool(made.value) != nobody:
            d.disagree(
                f"险种 {name} 扣罚保证金与分得合计之差为 {made.value} 元，应为"
                + ("全部扣罚额" if nobody else " 0"),
                f"pool {name}: {made.value} yuan of what was forfeited is left, which should be "
                + ("all of it" if nobody else "0"),
            )


def _excluded(run: RunFolder, row: Row) -> Bilingual | None:
    """Return why a hospital has no part in what others of its pool forfeited."""
    hospital = run.institutions.get(row["hospital_id"])
    standing = NORMAL if hospital is None else hospital.get("standing", NORMAL)
    reason = account.why_no_share(standing, row["forfeited_fen"], Fraction(row["points"]))
    return NO_SHARE[reason] if reason else None


def _sum_of(
    run: RunFolder, rows: Sequence[Row], column: str, more: tuple[tuple[str, str], ...]
) -> Number:
    """Return the sum of a column over hospitals of a pool, one by one when they are few."""
    where = (("pool", rows[0]["pool"]), *more)
    return run.summed(rows, column, where, both("家机构", "hospitals"))

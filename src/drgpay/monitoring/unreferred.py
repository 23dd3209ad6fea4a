"""Care elsewhere without a referral: whether those patients bore more of it themselves (S2 二(三)1).

A check of what other systems settled: nothing is paid or refused by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from drgpay.ground.errors import InputError, both
from drgpay.ground.money import divide_rounded
from drgpay.monitoring.sums import Sums, asked
from drgpay.monitoring.tables import CARE_KINDS
from drgpay.monitoring.visits import Visits
from drgpay.monitoring.watch import Institution
from drgpay.policy import YearPolicy

PARAMETER = "referral.own_share_more"
NEEDED = ("own_share", "with_referral")  # columns of visits


@dataclass(frozen=True, slots=True)
class Unreferred:
    """An institution elsewhere and a kind of care: visits without a referral, cost and own share, fen.

    `least`: the share that they should bear at least; None where nobody came with a referral to hold
    them against. `short`: of them, those that bore less, and by how much in fen.
    """

    hospital_id: str
    care: str
    visits: int
    cost_fen: int
    own_fen: int
    least: Fraction | None
    short: int
    short_fen: int

    @property
    def share(self) -> Fraction | None:
        """The share that they bore."""
        return Fraction(self.own_fen, self.cost_fen) if self.cost_fen else None


def unreferred(
    visits: Visits, known: Mapping[str, Institution], policy: YearPolicy
) -> list[Unreferred]:
    """Return the year's care without a referral at institutions elsewhere.

    Raises InputError for visits that do not say who had a referral and what each bore, and where no
    institution is elsewhere.
    """
    lacking = [name for name in NEEDED if name not in visits.table.column_names]
    remote = [
        number
        for number, name in enumerate(visits.hospitals)
        if name in known and known[name].remote
    ]
    if lacking or not remote:
        raise InputError(
            both(
                "就诊记录没有个人自付、转诊手续两列，或没有异地机构的记录",
                "the visits lack own_share or with_referral, or none is at an institution elsewhere",
            ),
            where=visits.files[0],
            remedy=both(
                "补上这两列；异地机构在 institutions 表中标明",
                "add the columns; the table institutions says who is elsewhere",
            ),
        )
    more = Fraction(policy[PARAMETER])
    found = []
    with asked(visits, 12) as sums:
        at = ", ".join(map(str, remote))
        base = _shares(sums, at)
        for hospital, care, rows, cost, own in _places(sums, at):
            share = base.get(care)
            least = None if share is None else min(Fraction(1), share + more)
            short, short_fen = (0, 0) if least is None else _short(sums, hospital, care, least)
            found.append(
                Unreferred(
                    visits.hospitals[hospital], CARE_KINDS[care], rows, cost, own, least, short,
                    short_fen,
                )
            )  # fmt: skip
    return found


def _shares(sums: Sums, at: str) -> dict[int, Fraction]:
    """Return by care what those with a referral bore of their cost."""
    rows = sums.rows(
        f"""SELECT care, sum(cost)::BIGINT AS cost, sum(own_share)::BIGINT AS own FROM visits
        WHERE month >= 12 AND with_referral AND hospital IN ({at}) GROUP BY care"""
    )
    columns = zip(*(rows[name].tolist() for name in ("care", "cost", "own")), strict=True)
    return {care: Fraction(own, cost) for care, cost, own in columns if cost}


def _places(sums: Sums, at: str) -> list[tuple[int, int, int, int, int]]:
    rows = sums.rows(
        f"""SELECT hospital, care, count(*) AS rows, sum(cost)::BIGINT AS cost,
            sum(own_share)::BIGINT AS own
        FROM visits WHERE month >= 12 AND NOT with_referral AND hospital IN ({at})
        GROUP BY hospital, care ORDER BY hospital, care"""
    )
    names = ("hospital", "care", "rows", "cost", "own")
    return list(zip(*(rows[name].tolist() for name in names), strict=True))


def _short(sums: Sums, hospital: int, care: int, least: Fraction) -> tuple[int, int]:
    """Return how many bore less than the least share, and by how much together, in fen."""
    over, under = least.numerator, least.denominator
    gap = f"(cost::HUGEINT * {over} - own_share::HUGEINT * {under})"
    rows = sums.rows(
        f"""SELECT count(*) AS short, coalesce(sum({gap}), 0)::VARCHAR AS gap FROM visits
        WHERE month >= 12 AND NOT with_referral AND hospital = {hospital} AND care = {care}
            AND {gap} > 0"""
    )
    return int(rows["short"][0]), divide_rounded(int(rows["gap"][0]), under)

"""The balance (盈亏) of hospitals in a settled year: by formula, and as published, with the bridge.

By formula a hospital's balance is its due less what the fund recorded for the same cases, which is
what it gets in all less what they cost. Published is the same with high and low cases set to zero:
what they bring is decided by review and multiples, not by how the hospital works.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from drgpay.ground.errors import Bilingual, both
from drgpay.names.codes import word
from drgpay.names.run_columns import column_of
from drgpay.runs.case_bounds import NOBODY

from .run import Part, Run
from .sheets import Field, Sheet
from .texts import TEXTS

SET_TO_ZERO = ("high", "low")  # classes; second-hand (Chongqing 2025)
TITLE = both("机构盈亏：公式与公布口径", "Balance of hospitals: by formula and as published")
WORDS = {
    **{key: column_of("", key).name for key in ("hospital_id", "hospital_name", "pool", "cases")},
    "formula": both("公式盈亏（应付－记账）", "By formula: due less recorded"),
    "cases_of": both("病例数：", "Cases: "),
    "less": both("其中：", "of it: "),
    "published": both("公布盈亏", "As published"),
    "share": both("公布盈亏÷费用", "Published ÷ cost"),
    "total": both(*TEXTS["total"]),
}
LEAD = both(
    "公布盈亏 = 公式盈亏 − 高倍率、低倍率病例的盈亏（按转述的做法归零，未见原文）；不改变任何支付",
    "published = by formula − balance of high and low cases (set to zero by a second-hand account; no "
    "text at hand says so); no payment changes",
)


@dataclass(frozen=True, slots=True)
class Balance:
    """A hospital in a pool: cases and cost of what is paid, fen by formula, and of each class set to 0."""

    hospital: str
    pool: str
    cases: int
    cost_fen: int
    formula_fen: int
    of_class: dict[str, tuple[int, int]]  # cases, fen

    @property
    def published_fen(self) -> int:
        """The balance as it is published."""
        return self.formula_fen - sum(fen for _, fen in self.of_class.values())


def balance_of(run: Run, part: Part) -> int:
    """Return what cases of a class bring less what the fund recorded for them, in fen.

    At the point value, or at their bounds, or by their price; rounded once for the class.
    """
    ends = NOBODY
    if part.paid_by == "points":
        ends = run.case_bounds.of_class(part.hospital, part.pool, part.case_class)
    s = part.sums
    return s.price + run.worth(s.points, part.pool, ends) - s.not_pool - s.fund


def balances(run: Run) -> list[Balance]:
    """Return the balances of a run by hospital and pool, of the cases that are paid."""
    found = []
    for account in run.accounts:
        parts = [p for p in run.parts_of[account.hospital, account.pool] if p.paid_by != "held"]
        of_class = {name: (0, 0) for name in SET_TO_ZERO}
        for part in parts:
            if part.case_class in of_class:
                cases, fen = of_class[part.case_class]
                own = balance_of(run, part)
                of_class[part.case_class] = cases + part.sums.cases, fen + own
        found.append(
            Balance(
                account.hospital,
                account.pool,
                sum(p.sums.cases for p in parts),
                sum(p.sums.cost for p in parts),
                account.amounts.due - sum(p.sums.fund for p in parts),
                of_class,
            )
        )
    return found


def balance_sheet(run: Run, found: Iterable[Balance], lang: str) -> Sheet:
    """Return the balances as a sheet: by formula, the bridge, as published."""

    def label(key: str, more: str = "") -> str:
        return WORDS[key].of(lang) + more

    bridge: list[Field] = []
    for name in SET_TO_ZERO:
        own = word("case_class", name, lang)
        bridge += [
            Field(f"cases_{name}", label("cases_of", own), "count", total=True),
            Field(f"fen_{name}", label("less", own), "change", total=True),
        ]
    minus = "".join(f"-{{fen_{name}}}" for name in SET_TO_ZERO)
    fields = [
        Field("hospital_id", label("hospital_id"), "code"),
        Field("hospital_name", label("hospital_name"), "wide"),
        Field("pool", label("pool")),
        Field("cases", label("cases"), "count", total=True),
        Field("formula", label("formula"), "change", total=True),
        *bridge,
        Field("published", label("published"), "change", formula="{formula}" + minus, total=True),
        Field("share", label("share"), "percent"),
    ]
    return Sheet(
        TITLE.of(lang), fields, list(_rows(run, found)), (LEAD.of(lang),), "", label("total")
    )


def _rows(run: Run, found: Iterable[Balance]) -> Iterator[dict[str, object]]:
    for own in found:
        bridge = {
            key: value
            for name, (cases, fen) in own.of_class.items()
            for key, value in ((f"cases_{name}", cases), (f"fen_{name}", fen))
        }
        yield {
            "hospital_id": own.hospital, "hospital_name": run.hospital_name(own.hospital),
            "pool": own.pool, "cases": own.cases, "formula": own.formula_fen, **bridge,
            "published": own.published_fen,
            "share": Fraction(own.published_fen, own.cost_fen) if own.cost_fen else None,
        }  # fmt: skip


def told(found: list[Balance]) -> Bilingual:
    """Return how many hospitals gain and lose, by each of the two."""
    sums: dict[str, list[int]] = {}
    for own in found:
        both_ways = sums.setdefault(own.hospital, [0, 0])
        both_ways[0] += own.formula_fen
        both_ways[1] += own.published_fen
    loses = [sum(1 for own in sums.values() if own[way] < 0) for way in (0, 1)]
    turned = sum(1 for own in sums.values() if (own[0] < 0) != (own[1] < 0))
    return both(
        f"机构 {len(sums)} 家：公式口径亏损 {loses[0]} 家，公布口径亏损 {loses[1]} 家，"
        f"两种口径盈亏相反 {turned} 家",
        f"{len(sums)} hospitals: {loses[0]} lose by formula, {loses[1]} as published, "
        f"{turned} come out on the other side",
    )

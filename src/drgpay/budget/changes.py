"""Changes of indices within the year (年中调整), and where the money for them comes from.

Sources: S0 22-23 (causes, decision), 13 (the reserve for it), 37-40 (groups), S3 二(三)3 (new
capacity: in the year's settlement alone). Amounts in fen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from drgpay.budget import index_formulas
from drgpay.budget.indices import Adjustment, Deviation, GroupRule, hold_groups
from drgpay.budget.pool import Rules
from drgpay.ground.errors import InputError, both
from drgpay.ground.money import yuan_text
from drgpay.names.plan import CAPACITY, CHANGES


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an index within the year, in fen: `cause` of `CAUSES`, or `capacity`."""

    cause: str
    amount_fen: int
    document: str


@dataclass(frozen=True, slots=True)
class ChangedIndex:
    """An index with its changes of the year, in fen."""

    hospital_id: str
    pool: str
    before_fen: int
    changes: tuple[Change, ...]
    after_fen: int


def changed_index(
    hospital_id: str, pool: str, index_fen: int, changes: Sequence[Change], policy: Rules
) -> ChangedIndex:
    """Return an index with decided changes: the causes of `adjust.causes`, and new capacity.

    Source: S0 22-23, S3 二(三)3. Raises InputError for another cause, no document, an index below 0.
    """
    faults = []
    for change in changes:
        word = CHANGES.get(change.cause, both(change.cause, change.cause))
        if change.cause not in (CAPACITY, *policy["adjust.causes"]):
            faults.append(both(f"没有“{word.chinese}”这种情形", f"{word}: not a cause of change"))
        if not change.document.strip():
            faults.append(both(f"“{word.chinese}”没有审定文件", f"{word}: no document decides it"))
        if change.cause == CAPACITY and change.amount_fen < 0:
            faults.append(both("新增服务能力的金额小于0", "new capacity: below 0"))
    after = index_fen + sum(change.amount_fen for change in changes)
    if after < 0:
        faults.append(both(f"调整后 {yuan_text(after)} 元小于0", f"below 0: {yuan_text(after)}"))
    if faults:
        raise InputError(
            both(
                f"机构 {hospital_id}（险种 {pool}）的指标不能这样调整",
                f"the index of {hospital_id}, pool {pool}, cannot be changed so",
            ),
            faults=faults,
            remedy=both(
                "写明 S0 第22条的情形和审定文件",
                "name a cause of S0 art. 22 and the document that decides it",
            ),
        )
    return ChangedIndex(hospital_id, pool, index_fen, tuple(changes), after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A change that is asked for: an amount in fen, or a part of the index."""

    hospital_id: str
    cause: str
    amount_fen: int | None = None
    ratio: Fraction | None = None
    reason: str = ""

    def amount_of(self, index_fen: int) -> int:
        """Return what it comes to, in fen."""
        if self.ratio is not None:
            return int(index_formulas.share_of(Fraction(index_fen), self.ratio))
        return self.amount_fen or 0


def hold_change_rules(
    asked: Sequence[Asked], indices: Mapping[str, int], groups: Sequence[GroupRule], policy: Rules
) -> tuple[Deviation, ...]:
    """Return where changes are not those of the institutions' groups; refused as factors are.

    `indices`: of everybody in the pool, before. A rule with a ratio is for each member of its group:
    one that is left out deviates too; one without leaves the figure to each. New capacity is applied
    for by one and is in no rule. Source: S0 37-40. Raises InputError.
    """
    ratios = {
        (group.name, code): ratio for group in groups for code, ratio in group.factors.items()
    }
    of = {name: group.name for group in groups for name in group.members}
    plans: dict[str, list[Adjustment]] = {name: [] for name in indices}
    for one in asked:
        if one.cause == CAPACITY:
            continue
        index, fen = indices[one.hospital_id], one.amount_of(indices[one.hospital_id])
        rule = ratios.get((of.get(one.hospital_id, ""), one.cause))
        same = rule is not None and fen == int(index_formulas.share_of(Fraction(index), rule))
        own = rule if same and rule is not None else Fraction(fen, index) if index else Fraction(0)
        plans[one.hospital_id].append(Adjustment(one.cause, own, one.reason))
    return hold_groups(plans, groups, policy)


@dataclass(frozen=True, slots=True)
class Funding:
    """Where the money of a pool's changes comes from, in fen: the reserve first, then what is free.

    Below 0 in all: given back to what is free.
    """

    pool: str
    needed_fen: int
    reserve_fen: int
    free_fen: int


def fund_changes(pool: str, needed_fen: int, reserve_fen: int, free_fen: int) -> Funding:
    """Return where the money comes from: the reserve for mid-year adjustment, then what is not allotted.

    `reserve_fen`, `free_fen`: what is left of them. Never above the control target: raises InputError
    with the figures where both are not enough. Source: S0 13 and 22.
    """
    drawn = max(0, min(needed_fen, reserve_fen))
    if needed_fen - drawn > max(0, free_fen):
        told = [yuan_text(fen) for fen in (needed_fen, reserve_fen, free_fen)]
        over = yuan_text(needed_fen - drawn - max(0, free_fen))
        raise InputError(
            both(
                f"险种 {pool} 的年中调整共需 {told[0]} 元，年中调整预留 {told[1]} 元、待分配 {told[2]} 元，"
                f"超出 {over} 元（S0 第13、22条）",
                f"the changes of pool {pool} need {told[0]} yuan: the reserve for them has {told[1]}, "
                f"{told[2]} are not allotted, {over} too much (S0 art. 13 and 22)",
            ),
            remedy=both(
                "减少调整，或先按程序调整总额控制目标",
                "change less, or have the control target adjusted first",
            ),
        )
    return Funding(pool, needed_fen, drawn, needed_fen - drawn)

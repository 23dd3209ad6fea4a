"""Medical communities (医共体) under the global budget: filing, transfer, one side, rebalancing.

Source: S1 三 and annexes 1, 3 and 5. A community's money is of one pool and one fund type. What a
member of the other side gets S1 leaves to the community's own rules: it has to be given. Fen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from drgpay.budget import index_formulas
from drgpay.budget.index_clearing import sharing_rules
from drgpay.budget.pool import Rules, Sharing, share
from drgpay.budget.sums import tie
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.money import largest_remainder, yuan_text
from drgpay.policy.year import says


@dataclass(frozen=True, slots=True)
class Filing:
    """A community that was filed: its lead and its members, the lead among them."""

    community_id: str
    name: str
    lead: str
    members: tuple[str, ...]
    filed_on: dt.date


def check_filing(new: Filing, filed: Sequence[Filing]) -> None:
    """Fail if the lead is no member, a member stands twice, or in a community filed before.

    The refusal names the first community and its date (S1 三(一)-(二), annex 2). Raises InputError.
    """
    faults: list[Bilingual] = []
    if new.lead not in new.members:
        faults.append(both(f"牵头单位 {new.lead} 不在成员中", f"the lead {new.lead} is no member"))
    for name in sorted({n for n in new.members if new.members.count(n) > 1}):
        faults.append(both(f"成员 {name} 重复", f"member {name} stands twice"))
    for first in filed:
        if first.community_id == new.community_id:
            continue
        for name in sorted(set(new.members) & set(first.members)):
            faults.append(
                both(
                    f"{name} 已于 {first.filed_on} 备案在“{first.name}”下，不得重复备案（S1 三(一)至(二)）",
                    f"{name} was filed in {first.name!r} on {first.filed_on}: one community only "
                    "(S1 三(一)-(二))",
                )
            )
    if faults:
        raise InputError(
            both(f"医共体“{new.name}”不能备案", f"community {new.name!r} cannot be filed"),
            faults=faults,
            remedy=both(
                "改正成员名单，或先撤销此前的备案",
                "correct the members, or withdraw the earlier filing first",
            ),
        )


# --- transfer of budget between members


@dataclass(frozen=True, slots=True)
class MemberBudget:
    """A member's budget before the transfer, and what it moves out (in: negative), in fen."""

    hospital_id: str
    pool: str
    fund: str
    before_fen: int
    moved_out_fen: int
    signed: bool = True

    @property
    def after_fen(self) -> int:
        """The budget after the transfer."""
        return index_formulas.after_transfer(self.before_fen, self.moved_out_fen)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Form 3: members' budgets before and after, in fen; both columns have the same sum."""

    community_id: str
    pool: str
    fund: str
    rows: tuple[MemberBudget, ...]
    total_fen: int


def transfer(filing: Filing, rows: Sequence[MemberBudget]) -> Transfer:
    """Return a transfer that holds: all members, one pool and fund, signed, sum before = after.

    Positive is given away (annex 3). Source: S1 三(三)-(五). Raises InputError, all faults at once.
    """
    faults = _of_members(filing, [row.hospital_id for row in rows])
    for word, found in (
        (both("险种", "pools"), sorted({r.pool for r in rows})),
        (both("基金类型", "fund types"), sorted({r.fund for r in rows})),
    ):
        if len(found) > 1:
            faults.append(
                both(
                    f"{word.chinese}不同，不可调剂：{'、'.join(found)}",
                    f"different {word} cannot be mixed: {', '.join(found)}",
                )
            )
    for row in rows:
        if row.after_fen < 0 or row.before_fen < 0:
            faults.append(
                both(
                    f"{row.hospital_id} 调剂前 {yuan_text(row.before_fen)}、调剂后 "
                    f"{yuan_text(row.after_fen)} 元，小于0",
                    f"{row.hospital_id}: {yuan_text(row.before_fen)} yuan before, "
                    f"{yuan_text(row.after_fen)} after: below 0",
                )
            )
    faults += _unsigned([row.hospital_id for row in rows if not row.signed])
    moved = sum(row.moved_out_fen for row in rows)
    if moved:
        faults.append(
            both(
                f"调剂出让额合计 {yuan_text(moved)} 元，应为0（调出为正，调进为负）",
                f"what is moved adds up to {yuan_text(moved)} yuan, not 0 (out is positive)",
            )
        )
    if faults:
        raise _not_filed(filing, faults, both("调剂分配表", "transfer"))
    ordered = tuple(sorted(rows, key=lambda row: row.hospital_id))
    total = sum(row.before_fen for row in rows)
    tie(both("调剂前后", "before and after"), total, sum(row.after_fen for row in rows))
    return Transfer(filing.community_id, rows[0].pool, rows[0].fund, ordered, total)


def _of_members(filing: Filing, names: Sequence[str]) -> list[Bilingual]:
    """Return where a form does not have each member exactly once."""
    found = [
        both(f"缺成员 {n}", f"member {n} is missing") for n in filing.members if n not in names
    ]
    for name in dict.fromkeys(names):
        if name not in filing.members:
            found.append(both(f"{name} 不是成员", f"{name} is no member"))
        elif names.count(name) > 1:
            found.append(both(f"{name} 重复", f"{name} stands twice"))
    return found


def _unsigned(names: Sequence[str]) -> list[Bilingual]:
    return [both(f"{name} 未签字盖章", f"{name} has not signed") for name in names]


def _not_filed(filing: Filing, faults: Sequence[Bilingual], form: Bilingual) -> InputError:
    return InputError(
        both(
            f"医共体“{filing.name}”的{form.chinese}不能备案",
            f"the {form} of community {filing.name!r} cannot be filed",
        ),
        faults=faults,
        remedy=both("由牵头单位改正后重新报送", "the lead corrects it and files again"),
    )


# --- settled on one side


SURPLUS, DEFICIT, EVEN = "surplus", "deficit", "even"


@dataclass(frozen=True, slots=True)
class MemberSettled:
    """A member's clearing in fen: own difference, and its amount: retained +, refused −.

    `other_side`: the member's own sign is not the community's; its amount was given.
    """

    hospital_id: str
    budget_fen: int
    actual_fen: int
    difference_fen: int
    other_side: bool
    amount_fen: int

    @property
    def due_fen(self) -> int:
        """What the member is due: its cost with what it retains, or less what is refused."""
        return self.actual_fen + self.amount_fen


@dataclass(frozen=True, slots=True)
class CommunitySettled:
    """A community's clearing of a year: its side, its amount, and every member's, in fen."""

    community_id: str
    pool: str
    side: str
    budget_fen: int
    actual_fen: int
    sharing: Sharing
    amount_fen: int
    rows: tuple[MemberSettled, ...]
    warnings: tuple[Bilingual, ...]


def same_sign_warnings(moved: Transfer, actual: Mapping[str, int]) -> tuple[Bilingual, ...]:
    """Return a warning for every member whose own side is not the community's (S1 三(六))."""
    whole = moved.total_fen - sum(actual[row.hospital_id] for row in moved.rows)
    found = []
    for row in moved.rows:
        own = row.after_fen - actual[row.hospital_id]
        if own * whole < 0:
            side = ("结余", "surplus") if whole > 0 else ("超支", "deficit")
            found.append(
                both(
                    f"{row.hospital_id} 自身差额 {yuan_text(own)} 元，医共体总体{side[0]} "
                    f"{yuan_text(abs(whole))} 元：按{side[0]}清算，所得须由医共体给出",
                    f"{row.hospital_id}: own difference {yuan_text(own)} yuan, the community has a "
                    f"{side[1]} of {yuan_text(abs(whole))}: it is settled as in {side[1]}, and the "
                    "community has to say what it gets",
                )
            )
    return tuple(found)


def settle_community(
    moved: Transfer, actual: Mapping[str, int], policy: Rules, allocation: Mapping[str, int]
) -> CommunitySettled:
    """Return the clearing of a community after its transfer, every member on the community's side.

    The community's amount is that of its sums by the plan's ratios: retained (+) or refused (−).
    Members of the other side get what `allocation` says, in fen and with the community's sign; the
    others share the rest by their own differences, whole fen by largest remainder (our reading).
    Source: S1 三(六). Raises InputError.
    """
    _check_actual(moved, actual)
    cost = sum(actual[row.hospital_id] for row in moved.rows)
    sharing = share(cost, moved.total_fen, sharing_rules(policy))
    whole = moved.total_fen - cost
    amount = sharing.settled_fen - cost
    own = {row.hospital_id: row.after_fen - actual[row.hospital_id] for row in moved.rows}
    others = [name for name, fen in own.items() if fen * whole < 0]
    warnings = same_sign_warnings(moved, actual)
    says(policy, "community.opposite_sign", "require_allocation")
    _check_allocation(moved, amount, whole, others, allocation, warnings)
    same = {name: Fraction(fen) for name, fen in own.items() if fen * whole > 0}
    rest = amount - sum(allocation.values())
    together = sum(same.values(), Fraction(0))
    shared = largest_remainder({n: rest * fen / together for n, fen in same.items()}, rest)
    made = {**dict.fromkeys(own, 0), **shared, **allocation}
    tie(both("医共体清算额", "community"), amount, sum(made.values()))
    rows = tuple(
        MemberSettled(
            row.hospital_id, row.after_fen, actual[row.hospital_id], own[row.hospital_id],
            row.hospital_id in others, made[row.hospital_id],
        )
        for row in moved.rows
    )  # fmt: skip
    side = SURPLUS if whole > 0 else DEFICIT if whole < 0 else EVEN
    return CommunitySettled(
        moved.community_id, moved.pool, side, moved.total_fen, cost, sharing, amount, rows, warnings
    )


def _check_actual(moved: Transfer, actual: Mapping[str, int]) -> None:
    names = {row.hospital_id for row in moved.rows}
    wrong = sorted((names ^ set(actual)) | {n for n, fen in actual.items() if fen < 0})
    if wrong:
        raise InputError(
            both(
                f"医共体 {moved.community_id}：实际费用缺少、多余或小于0：{'、'.join(wrong)}",
                f"community {moved.community_id}: cost missing, of no member, or below 0: "
                f"{', '.join(wrong)}",
            ),
            remedy=both("给出每个成员的实际费用", "give every member's cost"),
        )


def _check_allocation(
    moved: Transfer,
    amount: int,
    whole: int,
    others: Sequence[str],
    allocation: Mapping[str, int],
    warnings: Sequence[Bilingual],
) -> None:
    faults: list[Bilingual] = []
    if set(allocation) != set(others):
        faults += warnings
        faults += [
            both(f"{n} 与总体同向，不得另给", f"{n} is on the community's side: nothing to give")
            for n in sorted(set(allocation) - set(others))
        ]
    if any(fen * whole < 0 for fen in allocation.values()) or (
        abs(sum(allocation.values())) > abs(amount)
    ):
        given = yuan_text(sum(allocation.values()))
        faults.append(
            both(
                f"分配合计 {given} 元，须与清算额 {yuan_text(amount)} 元同号且不超过它",
                f"allocations of {given} yuan must have the sign of the community's "
                f"{yuan_text(amount)} and be within it",
            )
        )
    if faults:
        raise InputError(
            both(
                f"医共体 {moved.community_id} 有成员盈亏与总体相反，须给出分配",
                f"community {moved.community_id}: members of the other side need an allocation",
            ),
            faults=faults,
            remedy=both(
                "按医共体自定的调剂使用办法，逐个给出盈亏相反成员的金额（可以是0）",
                "give each of these members its amount by the community's own rules (0 is one)",
            ),
        )


# --- rebalancing


@dataclass(frozen=True, slots=True)
class Rebalanced:
    """Form 5: a member's amount before and after (retained +, refused −), in fen."""

    hospital_id: str
    before_fen: int
    after_fen: int

    @property
    def paid_more_fen(self) -> int:
        """What is added to its payment."""
        return max(0, self.after_fen - self.before_fen)

    @property
    def deducted_fen(self) -> int:
        """What its monthly settlements are cut by."""
        return max(0, self.before_fen - self.after_fen)


def rebalance(
    filing: Filing,
    side: str,
    before: Mapping[str, int],
    after: Mapping[str, int],
    signed: Sequence[str],
) -> tuple[Rebalanced, ...]:
    """Return form 5: sum before = after, every amount on the community's side, all signed.

    `side` and `before`: of the clearing. Source: S1 三(七), annex 5. Raises InputError, all faults
    at once.
    """
    faults = _of_members(filing, list(after))
    whole, total = sum(before.values()), sum(after.values())
    if total != whole:
        faults.append(
            both(
                f"再分配前合计 {yuan_text(whole)} 元，后 {yuan_text(total)} 元，应相等",
                f"before {yuan_text(whole)} yuan, after {yuan_text(total)}: not equal",
            )
        )
    sign = {SURPLUS: 1, DEFICIT: -1, EVEN: 0}[side]
    for name, fen in sorted(after.items()):
        if fen * sign < 0 or (fen and not sign):
            faults.append(
                both(
                    f"{name} {yuan_text(fen)} 元与医共体总体方向相反",
                    f"{name}: {yuan_text(fen)} yuan is not on the community's side",
                )
            )
    faults += _unsigned([name for name in filing.members if name not in signed])
    if faults:
        raise _not_filed(filing, faults, both("再平衡分配表", "rebalancing"))
    rows = tuple(Rebalanced(name, before[name], after[name]) for name in filing.members)
    more, less = sum(r.paid_more_fen for r in rows), sum(r.deducted_fen for r in rows)
    tie(both("再平衡", "rebalancing"), more, less)
    return rows

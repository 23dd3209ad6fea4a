"""The ceiling: all that is paid, in any way, against the control target (总额控制目标).

Sources: S0 2-3 (payment controlled by total), S0 13 and S4 (2) (what the target leaves out and
what it contains), S2 二(二)1(2) (care outside the region inside the budget). docs/point-value.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from drgpay.ground.errors import Bilingual, InputError, both, in_language
from drgpay.ground.money import yuan_text
from drgpay.names.codes import MODES

DRG, PER_DIEM, BY_ITEM, OUT_OF_AREA, CAPITATION, OTHER, PREPAID, PAYABLE, PROVISION = (
    "drg", "per_diem", "by_item", "out_of_area", "capitation", "other", "prepaid", "payable",
    "provision",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reserve:
    """Money named for a purpose. `covers_overspend`: it may pay what goes beyond the ceiling.

    `inside_target`: it is a part of the target, set aside, else it comes on top.
    """

    name: str
    amount_fen: int
    covers_overspend: bool = True
    inside_target: bool = False


@dataclass(frozen=True, slots=True)
class Payment:
    """Money paid, or to be paid, in one mode (`MODES`); `name` tells those of a mode apart."""

    mode: str
    amount_fen: int
    name: str = ""

    @property
    def title(self) -> Bilingual:
        """The mode, with the name where there is one."""
        mode = MODES[self.mode].inside
        if not self.name:
            return mode
        chinese, english = (in_language(self.name, lang) for lang in ("zh", "en"))
        return both(f"{mode.chinese}（{chinese}）", f"{mode} ({english})")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn from a reserve, and what is left of it, in fen."""

    reserve: Reserve
    drawn_fen: int

    @property
    def left_fen(self) -> int:
        """What is left of the reserve."""
        return self.reserve.amount_fen - self.drawn_fen


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Payments within their ceiling, in fen: `total` <= `free` + what was drawn from reserves."""

    payments: tuple[Payment, ...]
    total_fen: int
    target_fen: int
    free_fen: int
    excess_fen: int
    drawn: tuple[Drawn, ...]

    @property
    def left_fen(self) -> int:
        """What may still be paid without a reserve."""
        return max(0, self.free_fen - self.total_fen)


def check_ceiling(
    payments: Iterable[Payment],
    target_fen: int,
    reserves: Sequence[Reserve] = (),
    *,
    where: str | None = None,
    drawn_before: Mapping[str, int] | None = None,
) -> Ceiling:
    """Fail if all payments together exceed the target and no named reserve covers the excess.

    To be called before every step that pays: with what was paid before and what this step pays.
    Reserves inside the target are set aside from it; what exceeds the rest is drawn from the
    reserves that cover an overspend, in the order given. A negative payment is money that came
    back. `where` names the step; `drawn_before`, by reserve: what of it pays a part of these
    payments already (for one fund of several).

    Raises InputError with the amount of every mode, total, target, excess and reserves.
    """
    paid = tuple(payments)
    for payment in paid:
        if payment.mode not in MODES:
            raise InputError(
                both(f"没有付费方式“{payment.mode}”", f"no payment mode {payment.mode!r}"),
                where=where,
                remedy=both(f"可用：{'、'.join(MODES)}", f"known: {', '.join(MODES)}"),
            )
    _check_amounts([(reserve.name, reserve.amount_fen) for reserve in reserves])
    _check_names(reserves)
    total = sum(payment.amount_fen for payment in paid)
    free = target_fen - sum(r.amount_fen for r in reserves if r.inside_target)
    excess = max(0, total - free)
    before = drawn_before or {}
    left = max(0, excess - sum(before.values()))
    drawn = []
    for reserve in reserves:
        used = before.get(reserve.name, 0)
        amount = min(left, reserve.amount_fen - used) if reserve.covers_overspend else 0
        left -= amount
        drawn.append(Drawn(reserve, used + amount))
    if left:
        lines = _figures(paid, total, target_fen, free)
        lines += [_reserve_line(d.reserve) for d in drawn]
        raise InputError(
            both(
                f"支付合计 {yuan_text(total)} 元，超出可支付额 {yuan_text(excess)} 元，动用预留后仍缺 {yuan_text(left)} 元",
                f"payments of {yuan_text(total)} yuan are {yuan_text(excess)} beyond the ceiling, "
                f"{yuan_text(left)} more than reserves cover",
            ),
            where=where,
            faults=lines,
            remedy=both(
                "调低支付，或按规定程序调整总额控制目标，或写明可动用的预留",
                "pay less, adjust the control target by the procedure for it, or name a reserve that covers the excess",
            ),
        )
    return Ceiling(paid, total, target_fen, free, excess, tuple(drawn))


def _check_amounts(named: Iterable[tuple[str, int]]) -> None:
    for name, amount in named:
        if amount < 0:
            raise InputError(
                both(
                    f"{in_language(name, 'zh')} {yuan_text(amount)} 元小于0",
                    f"{name}: {yuan_text(amount)} yuan is below 0",
                ),
                remedy=both("填写不小于0的金额", "give an amount of 0 or more"),
            )


def _check_names(reserves: Sequence[Reserve]) -> None:
    names = [reserve.name for reserve in reserves]
    for name in names:
        if not name.strip() or names.count(name) > 1:
            raise InputError(
                both(
                    f"预留“{name}”没有名称或重复", f"reserve {name!r} has no name, or stands twice"
                ),
                remedy=both("每项预留写一个不同的名称", "give every reserve a name of its own"),
            )


def _figures(paid: Sequence[Payment], total: int, target: int, free: int) -> list[Bilingual]:
    lines = [
        both(
            f"{p.title.chinese} {yuan_text(p.amount_fen)} 元",
            f"{p.title} {yuan_text(p.amount_fen)} yuan",
        )
        for p in paid
    ]
    lines.append(both(f"支付合计 {yuan_text(total)} 元", f"paid together {yuan_text(total)} yuan"))
    lines.append(
        both(f"总额控制目标 {yuan_text(target)} 元", f"control target {yuan_text(target)} yuan")
    )
    if free != target:
        lines.append(
            both(
                f"目标内预留 {yuan_text(target - free)} 元，可支付 {yuan_text(free)} 元",
                f"of it set aside {yuan_text(target - free)} yuan, to be paid {yuan_text(free)}",
            )
        )
    return lines


def _reserve_line(reserve: Reserve) -> Bilingual:
    amount = yuan_text(reserve.amount_fen)
    may = reserve.covers_overspend
    return both(
        f"预留“{in_language(reserve.name, 'zh')}” {amount} 元，{'可' if may else '不可'}用于超支",
        f"reserve {reserve.name!r} {amount} yuan, {'covers' if may else 'does not cover'} an overspend",
    )

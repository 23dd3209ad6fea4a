"""Blocks of a resident scheme's yearly budget, as Shangyu divided it.

Source: S3 二(一)1-2: blocks; the total not above last year's real spending; care outside the
prefecture carried by the city hospitals by their income; referrals there held to a rate. Fen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from drgpay.budget.indices import percent
from drgpay.budget.pool import Rules
from drgpay.budget.sums import tie
from drgpay.ground.errors import InputError, both
from drgpay.ground.money import largest_remainder, yuan_text
from drgpay.names.plan import BLOCKS, HOSPITAL_PARTS

CITY, OUTSIDE = "city_hospitals", "out_of_prefecture"


@dataclass(frozen=True, slots=True)
class CityHospital:
    """A city hospital: its own parts (`HOSPITAL_PARTS`) and last year's medical income, in fen."""

    hospital_id: str
    parts: Mapping[str, int]
    income_fen: int


@dataclass(frozen=True, slots=True)
class HospitalControl:
    """A city hospital's control amount in fen: own parts and its share of care outside."""

    hospital_id: str
    parts: tuple[tuple[str, int], ...]
    own_fen: int
    income_fen: int
    outside_fen: int

    @property
    def control_fen(self) -> int:
        """What the hospital is held to."""
        return self.own_fen + self.outside_fen


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """A pool's budget by blocks, in fen."""

    pool: str
    blocks: tuple[tuple[str, int], ...]
    total_fen: int
    last_year_fen: int
    hospitals: tuple[HospitalControl, ...]


def plan_blocks(
    pool: str,
    blocks: Mapping[str, int],
    hospitals: Sequence[CityHospital],
    last_year_fen: int,
    policy: Rules,
) -> BlockPlan:
    """Return the blocks with every city hospital's control amount.

    `blocks`: every block but that of the city hospitals, which is the sum of theirs. The block
    outside the prefecture is shared by income, in whole fen by largest remainder. Raises InputError
    for a block that lacks or is below 0, no income, a total above last year's
    (`blocks.within_last_year`).
    """
    _check(pool, blocks, hospitals)
    own = {h.hospital_id: sum(h.parts.values()) for h in hospitals}
    income = sum(h.income_fen for h in hospitals)
    outside = largest_remainder(
        {h.hospital_id: Fraction(blocks[OUTSIDE] * h.income_fen, income) for h in hospitals},
        blocks[OUTSIDE],
    )
    controls = tuple(
        HospitalControl(
            hospital_id=h.hospital_id,
            parts=tuple((part, h.parts[part]) for part in HOSPITAL_PARTS),
            own_fen=own[h.hospital_id],
            income_fen=h.income_fen,
            outside_fen=outside[h.hospital_id],
        )
        for h in sorted(hospitals, key=lambda h: h.hospital_id)
    )
    amounts = {**blocks, CITY: sum(own.values())}
    total = sum(amounts.values())
    if policy["blocks.within_last_year"] and total > last_year_fen:
        raise InputError(
            both(
                f"险种 {pool} 各块合计 {yuan_text(total)} 元，超过上年实际 {yuan_text(last_year_fen)} 元 "
                f"{yuan_text(total - last_year_fen)} 元",
                f"the blocks of pool {pool} add up to {yuan_text(total)} yuan, "
                f"{yuan_text(total - last_year_fen)} more than last year's {yuan_text(last_year_fen)}",
            ),
            remedy=both(
                "压减各块额度，使合计不超过上年实际", "lower the blocks to last year's sum"
            ),
        )
    shared = sum(c.control_fen for c in controls)
    tie(both("市级医院控制额", "city hospitals"), shared, amounts[CITY] + amounts[OUTSIDE])
    ordered = tuple((code, amounts[code]) for code in BLOCKS)
    return BlockPlan(pool, ordered, total, last_year_fen, controls)


def _check(pool: str, blocks: Mapping[str, int], hospitals: Sequence[CityHospital]) -> None:
    wanted = [code for code in BLOCKS if code != CITY]
    faults = [
        both(f"没有给出“{BLOCKS[c].chinese}”", f"{BLOCKS[c]}: not given")
        for c in wanted
        if c not in blocks
    ]
    for code, fen in blocks.items():
        word = BLOCKS.get(code, both(code, code))
        if code not in wanted or fen < 0:
            faults.append(
                both(f"“{word.chinese}”不是一块，或小于0", f"{word}: no block, or below 0")
            )
    ids = [h.hospital_id for h in hospitals]
    for h in hospitals:
        amounts = [*h.parts.values(), h.income_fen]
        if set(h.parts) != set(HOSPITAL_PARTS) or min(amounts) < 0 or ids.count(h.hospital_id) > 1:
            parts = "、".join(word.chinese for word in HOSPITAL_PARTS.values())
            faults.append(
                both(
                    f"机构 {h.hospital_id}：须一行，{parts}和收入都不小于0",
                    f"{h.hospital_id}: one row, with {', '.join(HOSPITAL_PARTS.values())} and "
                    "income of 0 or more",
                )
            )
    if not any(h.income_fen > 0 for h in hospitals):
        faults.append(
            both("市级医院没有收入，无法分解市外就医", "no city hospital has income to share by")
        )
    if faults:
        raise InputError(
            both(f"险种 {pool} 的额度块有误", f"the blocks of pool {pool} do not hold"),
            faults=faults,
            remedy=both("每块给出不小于0的金额，没有的写0", "give each an amount, 0 for none"),
        )


@dataclass(frozen=True, slots=True)
class Referrals:
    """A hospital's referrals out of the prefecture; `rate` None without admissions.

    `within`: whether the rate is at most the cap; None where there is nothing to compare.
    """

    hospital_id: str
    referred: int
    admissions: int
    rate: Fraction | None
    cap: Fraction | None
    within: bool | None

    @property
    def text(self) -> str:
        """The rate as per cent, empty where it cannot be evaluated."""
        return "" if self.rate is None else percent(self.rate)


def referral_rate(hospital_id: str, referred: int, admissions: int, policy: Rules) -> Referrals:
    """Return the rate of referrals out of the prefecture, against `blocks.referral_rate_max`.

    Referred patients ÷ admissions; without admissions it is not evaluable. Source: S3 二(一)2.
    """
    rate = Fraction(referred, admissions) if admissions else None
    cap = policy["blocks.referral_rate_max"]
    within = None if rate is None or cap is None else rate <= cap
    return Referrals(hospital_id, referred, admissions, rate, cap, within)

"""What is paid in other ways than by cases, and all of it against the control target (总额控制目标)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drgpay.budget.ceiling import (
    BY_ITEM,
    CAPITATION,
    DRG,
    OTHER,
    OUT_OF_AREA,
    PER_DIEM,
    Ceiling,
    Payment,
    check_ceiling,
)
from drgpay.policy import YearPolicy
from drgpay.settlement.point_value import HospitalResult, PoolResult
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.region import Region


def other_modes(prepared: Prepared, region: Region, policy: YearPolicy) -> dict[str, Any]:
    """Return what is paid in other modes from the region folder: capitation."""
    folder = region.path / "capitation"
    if not folder.is_dir():
        return {}
    values = {key: p.value for key, p in policy.parameters.items()}
    own = ("capitation", *(str(v) for key, v in values.items() if key.startswith("capitation.")))
    if own not in prepared.cache:
        from drgpay.capitation.run import capitate

        prepared.cache[own] = capitate(region.path, values, region.year)
    return {"capitation": prepared.cache[own]}


def hold_against_target(
    region: Region,
    policy: YearPolicy,
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
    by_item_fen: int,
    extra: Mapping[str, Any],
) -> Ceiling | None:
    """Fail if all that is paid, in any way, is beyond the control target (B12)."""
    given = region.ceiling
    if given is None:
        return None
    due = sum(h.due_fen for h in hospitals)
    money = sum(p.money_fen for p in pools)
    payments = [Payment(DRG, due - money)]
    if money - by_item_fen:
        payments.append(Payment(PER_DIEM, money - by_item_fen))
    if by_item_fen:
        payments.append(Payment(BY_ITEM, by_item_fen))
    if policy["out_of_area"] == "inside_budget":
        outside = sum(pool.out_of_area_fund_fen for pool in region.pools)
        payments.append(Payment(OUT_OF_AREA, outside))
    if "capitation" in extra:
        payments.append(Payment(CAPITATION, extra["capitation"].totals["fund_paid_fen"]))
    payments += [Payment(OTHER, p.amount_fen, p.name) for p in given.payments]
    reserves = given.to_draw()
    return check_ceiling(payments, given.target_fen, reserves, where=f"{region.name} {region.year}")

"""What is paid in other ways than by cases."""

from __future__ import annotations

from typing import Any

from drgpay.policy import YearPolicy
from drgpay.region.records import Region
from drgpay.settlement.prepare import Prepared


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


def capitation_fen(extra: dict[str, Any]) -> int | None:
    """Return what capitation pays, None without it."""
    made = extra.get("capitation")
    return None if made is None else int(made.totals["fund_paid_fen"])

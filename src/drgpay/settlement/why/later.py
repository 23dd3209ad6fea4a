"""What a violation found later changed in a case of a reopened run (docs/reopening.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drgpay.errors import both
from drgpay.settlement.versions import REMOVE
from drgpay.settlement.why.folder import Row, RunFolder
from drgpay.settlement.why.model import Derivation, fixed
from drgpay.settlement.why.numbers import Number


def later_violation(run: RunFolder, case_id: str) -> Mapping[str, Any] | None:
    """Return the last later violation that names a case, None for none."""
    rows = (run.manifest.get("later_violations") or {}).get("rows", [])
    return next((r for r in reversed(rows) if r["case_id"] == case_id), None)


def is_removed(found: Mapping[str, Any] | None) -> bool:
    """Whether a later violation left the case without points."""
    return found is not None and found["new_drg"] == REMOVE


def say_later(d: Derivation, row: Row, found: Mapping[str, Any]) -> None:
    """Name the document by which the case is in another group, or has no points."""
    document, day = found["document"], found["date"]
    zh = f"{document}（{day}），第 {found['version']} 版"
    en = f"{document} ({day}), version {found['version']}"
    if is_removed(found):
        text = both(f"{zh}：不计点数", f"{en}: no points")
    else:
        text = both(f"{zh}：按病组 {found['new_drg']} 计点", f"{en}: scored in {found['new_drg']}")
    d.fact(both("后来查实的违规", "later violation"), text, row.figure("case_id"))


def without_points(d: Derivation, row: Row, found: Mapping[str, Any]) -> Number:
    """Add the step that takes the points away; return the nothing that is left."""
    d.section(both("后来查实的违规", "Violation found later"))
    return d.step(
        "points.removed",
        both("点数", "points"),
        fixed(0),
        "point",
        "5.15",
        stated=row.figures("points_before_readmission"),
        note=both(
            f"依据 {found['document']}（{found['date']}），不计点数；非统筹支付仍计",
            f"by {found['document']} ({found['date']}): no points; the not-pool part still counts",
        ),
    )

"""What a violation found later changed in a case of a reopened run (docs/reopening.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from drgpay.ground.errors import both
from drgpay.ground.money import yuan_text
from drgpay.ground.numbers import Number, fixed
from drgpay.names.reasons import REASONS
from drgpay.region.corrected import CORRECTED, REPLACED
from drgpay.region.later import REMOVE
from drgpay.why.folder import Row, RunFolder
from drgpay.why.model import Derivation
from drgpay.why.words import said


def later_rows(run: RunFolder, case_id: str) -> list[Mapping[str, Any]]:
    """Return the later violations that name a case; the last one counts."""
    rows = (run.manifest.get("later_violations") or {}).get("rows", [])
    return [r for r in rows if r["case_id"] == case_id]


def is_removed(found: Mapping[str, Any]) -> bool:
    """Whether a later violation left the case without points."""
    return bool(found["new_drg"] == REMOVE)


def say_later(d: Derivation, row: Row, rows: Sequence[Mapping[str, Any]]) -> None:
    """Name the documents by which the case is in another group, has no points or costs money.

    Rows before the last one are said to be replaced, money included.
    """
    for found in rows:
        parts = [said("later.removed" if is_removed(found) else "later.regrouped", **found)]
        if found["amount_fen"]:
            parts.append(said("later.money", yuan=yuan_text(int(found["amount_fen"]))))
        if found is not rows[-1]:
            parts.append(said("later.replaced", **rows[-1]))
        elif len(rows) > 1 and not found["amount_fen"]:
            parts.append(said("later.no_money"))
        text = both("".join(p.chinese for p in parts), "".join(parts))
        d.fact(both("后来查实的违规", "later violation"), text, row.figure("case_id"))


def say_replaced(d: Derivation, run: RunFolder, row: Row) -> None:
    """Name amounts of a hospital's cases that a later row of the case took the place of."""
    for r in (run.manifest.get("later_violations") or {}).get("rows", []):
        own = (r["hospital_id"], r["pool"]) == (row["hospital_id"], row["pool"])
        if own and r["amount_fen"] and r.get("replaced_by"):
            text = said("violation_replaced", yuan=yuan_text(int(r["amount_fen"])), **r)
            d.fact(both("违规扣款", "violations"), text, row.figure("violation_fen"))


def say_corrected(d: Derivation, run: RunFolder) -> None:
    """Name the file that corrected the case, and the rows that it takes the place of."""
    path = run.folder / f"{CORRECTED}.parquet"
    if not path.exists():
        return
    table = pq.read_table(path, columns=list(REPLACED), filters=[("case_id", "==", d.name)])
    keys = ("case_id", "version", "file", "row")
    for values in table.to_pylist():
        row = Row(CORRECTED, tuple((key, str(values[key])) for key in keys), values)
        d.fact(
            both("更正的病例", "corrected case"),
            said("corrected", **values | {
                "reason": REASONS[row["reason"]].message,
                "name": row["correction_file"].split("/", 1)[-1],
            }),
            *row.figures("correction_file", "correction_row", "file", "row", "reason"),
        )  # fmt: skip


def without_points(d: Derivation, row: Row, found: Mapping[str, Any]) -> Number:
    """Add the step that takes the points away; return the nothing that is left."""
    d.section(both("后来查实的违规", "Violation found later"))
    document, date = found["document"], found["date"]
    return d.step("points.removed", fixed(0), row, document=document, date=date)

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
        document, day = found["document"], found["date"]
        zh = f"{document}（{day}），第 {found['version']} 版"
        en = f"{document} ({day}), version {found['version']}"
        if is_removed(found):
            zh, en = f"{zh}：移除", f"{en}: removed"
        else:
            zh = f"{zh}：应为病组 {found['new_drg']}"
            en = f"{en}: belongs to {found['new_drg']}"
        fen = yuan_text(int(found["amount_fen"]))
        if found["amount_fen"]:
            zh, en = f"{zh}，扣款 {fen} 元", f"{en}, {fen} yuan taken off"
        if found is not rows[-1]:
            last = rows[-1]
            zh = f"{zh}；已由第 {last['version']} 版的 {last['document']} 取代，不再计"
            en = (
                f"{en}; replaced by {last['document']} of version {last['version']}: counts no more"
            )
        elif len(rows) > 1 and not found["amount_fen"]:
            zh, en = f"{zh}，不扣款", f"{en}, no money taken off"
        d.fact(both("后来查实的违规", "later violation"), both(zh, en), row.figure("case_id"))


def say_replaced(d: Derivation, run: RunFolder, row: Row) -> None:
    """Name amounts of a hospital's cases that a later row of the case took the place of."""
    for r in (run.manifest.get("later_violations") or {}).get("rows", []):
        own = (r["hospital_id"], r["pool"]) == (row["hospital_id"], row["pool"])
        if own and r["amount_fen"] and r.get("replaced_by"):
            fen = yuan_text(int(r["amount_fen"]))
            d.fact(
                both("违规扣款", "violations"),
                both(
                    f"{r['document']}（第 {r['version']} 版，病例 {r['case_id']}）的 {fen} 元已由第 "
                    f"{r['replaced_by']} 版取代，不再扣",
                    f"{fen} yuan by {r['document']} (version {r['version']}, case {r['case_id']}) were "
                    f"replaced by version {r['replaced_by']}: not taken off",
                ),
                row.figure("violation_fen"),
            )


def say_corrected(d: Derivation, run: RunFolder) -> None:
    """Name the file that corrected the case, and the rows that it takes the place of."""
    path = run.folder / f"{CORRECTED}.parquet"
    if not path.exists():
        return
    table = pq.read_table(path, columns=list(REPLACED), filters=[("case_id", "==", d.name)])
    keys = ("case_id", "version", "file", "row")
    for values in table.to_pylist():
        row = Row(CORRECTED, tuple((key, str(values[key])) for key in keys), values)
        reason = REASONS[row["reason"]].message
        name, number = row["correction_file"].split("/", 1)[-1], row["correction_row"]
        d.fact(
            both("更正的病例", "corrected case"),
            both(
                f"第 {row['version']} 版按 {name} 第{number}行计，替代 {row['file']} 第{row['row']}行"
                f"（原被隔离：{reason.chinese}）",
                f"version {row['version']} takes {name}:{number} in place of {row['file']}:"
                f"{row['row']} (quarantined: {reason})",
            ),
            *row.figures("correction_file", "correction_row", "file", "row", "reason"),
        )


def without_points(d: Derivation, row: Row, found: Mapping[str, Any]) -> Number:
    """Add the step that takes the points away; return the nothing that is left."""
    d.section(both("后来查实的违规", "Violation found later"))
    return d.step(
        "points.removed",
        both("点数", "points"),
        fixed(0),
        "point",
        "15",
        stated=row.figures("points_before_readmission"),
        note=both(
            f"依据 {found['document']}（{found['date']}），不计点数；非统筹支付仍计",
            f"by {found['document']} ({found['date']}): no points; the not-pool part still counts",
        ),
    )

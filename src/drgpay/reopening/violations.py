"""The table of violations that were found after a year was settled (docs/reopening.md)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.region.later import REMOVE, LaterViolation
from drgpay.region.records import Region
from drgpay.region.tables import HOSPITAL, POOL
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional
from drgpay.tables.reader import Reader


def right_group(cell: str) -> str:
    """Return the group that a case belongs to, or `remove`."""
    return REMOVE if cell in (REMOVE, "移除", "剔除") else cell


def case_names_group(row: Row) -> Bilingual | None:
    """Fail if a case is named without the group that it belongs to."""
    if not row["case_id"] or row["new_drg"]:
        return None
    return both(
        "有病例号时须写更正病组（new_drg），或写 remove（移除）",
        "case_id needs new_drg: a group, or remove",
    )


def case_has_no_points(row: Row) -> Bilingual | None:
    """Fail if points stand beside a case, whose group gives them."""
    if not (row["case_id"] and row["points"]):
        return None
    return both(
        "有病例号时不写点数：点数由更正后的病组得出",
        "points stands beside case_id: the group gives the points",
    )


def group_has_case(row: Row) -> Bilingual | None:
    """Fail if a group is named without the case that belongs to it."""
    if row["case_id"] or not row["new_drg"]:
        return None
    return both("有更正病组而没有病例号", "new_drg without case_id")


def says_something(row: Row) -> Bilingual | None:
    """Fail if a row has no amount, no points and no case."""
    if row["case_id"] or row["amount_yuan"] or row["points"]:
        return None
    return both("没有金额、点数或病例号", "no amount, points or case_id")


LATER = Table(
    "later",
    (
        HOSPITAL,
        POOL,
        Column("document"),
        Column("date", kinds.date),
        optional("amount_yuan", kinds.amount, 0),
        optional("points", kinds.points, 0),
        optional("case_id", kinds.code, ""),
        optional("new_drg", right_group, ""),
    ),
    required=True,
    filled=True,
    unique=("case_id",),
    row_rules=(case_names_group, case_has_no_points, group_has_case, says_something),
)


def read_later(
    path: Path, region: Region, version: int, known: Sequence[LaterViolation] = ()
) -> list[LaterViolation]:
    """Return the violations of a table (CSV or Excel); raises InputError with all its faults.

    `known`: what earlier versions took in; a row that stands there is refused.
    """
    if not path.is_file():
        raise InputError(both("没有这个文件", "no such file"), where=path)
    r = Reader(path.parent)
    r.give("hospitals", {h.id for h in region.hospitals}, "hospitals.csv")
    r.give("pools", {p.id for p in region.pools}, "region.toml")
    rows = r.read(LATER, path=path)
    r.refuse(
        path,
        both("后来查实的违规不能使用", "the later violations cannot be used"),
        both("逐项更正；样式见 docs/reopening.zh-CN.md", "mend these; docs/reopening.md"),
    )
    found = [
        row.record(LaterViolation, version=version, date=row["date"].isoformat()) for row in rows
    ]
    _refuse_again(path, rows, found, known)
    return found


def _refuse_again(
    path: Path,
    rows: Sequence[Row],
    found: Sequence[LaterViolation],
    known: Sequence[LaterViolation],
) -> None:
    """Fail if a row stands in an earlier version: it would be collected twice."""
    taken = {_collected(v): v for v in known}
    again = [
        fault_at(
            row.where,
            f"{old.hospital_id}、{old.pool}、{old.document}：第 {old.version} 版已计入",
            f"{old.hospital_id}, {old.pool}, {old.document}: version {old.version} has it already",
        )
        for row, violation in zip(rows, found, strict=True)
        if (old := taken.get(_collected(violation))) is not None
    ]
    if again:
        raise InputError(
            both(
                "这些行已在所重开的清算中，再计一次会重复追回",
                "the reopened run has these rows already: they would be collected twice",
            ),
            where=path,
            faults=again,
            remedy=both("只留新的行", "leave only new rows"),
        )


def _collected(v: LaterViolation) -> tuple[object, ...]:
    """Return what makes two rows the same."""
    return v.hospital_id, v.pool, v.amount_fen, v.points, v.case_id, v.document, v.new_drg

"""Read files of corrected cases, and hold them against what a run had quarantined.

Values become texts that read as they did, whatever kind of file they come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from drgpay.cases import parse
from drgpay.cases.sources import open_source
from drgpay.ground.digests import describe_file
from drgpay.ground.errors import Bilingual, InputError, both, fault_at, located
from drgpay.names.columns import BY_NAME, NUMBERED, whole_of
from drgpay.names.reasons import REASONS, REVIEW_NOTES
from drgpay.policy import YearPolicy
from drgpay.region.corrected import (
    FILE,
    REPLACED_SCHEMA,
    ROW,
    VERSION,
    CorrectedCases,
    CorrectionFile,
)
from drgpay.region.records import Region
from drgpay.runs.reader import RunFolder
from drgpay.settlement.facts import kept_columns


def read_corrected(
    paths: Sequence[Path],
    region: Region,
    policy: YearPolicy,
    version: int,
    run: RunFolder,
    before: CorrectedCases | None,
) -> CorrectedCases:
    """Return the corrected cases of files, with those of earlier versions.

    `run` is the reopened run, whose table of quarantine says which rows each case
    takes the place of. Raises InputError with every row that cannot be taken in.
    """
    names = [path.name for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            both("几个更正文件同名", "files of corrected cases have the same name"),
            faults=[both(name, name) for name in twice],
            remedy=both("改名后再给出", "rename them"),
        )
    columns = kept_columns(policy)
    tables, files, have = [], [], {}
    for path in sorted(paths, key=lambda path: path.name):
        label = f"v{version}/{path.name}"
        digest = _digest(path)
        table, present = _read(path, region, columns, policy)
        table = table.add_column(0, VERSION, pa.array([version] * len(table), pa.int64()))
        table = table.add_column(1, FILE, pa.array([label] * len(table), pa.string()))
        tables.append(table)
        have[label] = present
        if _digest(path) != digest:
            raise InputError(
                both("更正文件在读取期间被改动", "the file changed while it was read"),
                where=path,
                remedy=both("等文件写完后重新运行", "run again when the file is complete"),
            )
        files.append(CorrectionFile(version, label, path.name, digest, len(table)))
    rows = pa.concat_tables(tables, promote_options="default")
    notes = _quarantined(run)
    _refuse_rows(rows, run, notes, paths)
    replaced = _replaced(rows, version, notes)
    if before is not None:
        rows = pa.concat_tables([before.rows, rows], promote_options="default")
        files = [*before.files, *files]
        replaced = pa.concat_tables([before.replaced, replaced])
    return CorrectedCases(rows, files, replaced, have)


def _digest(path: Path) -> str:
    if not path.is_file():
        raise InputError(
            both("没有这个文件", "no such file"),
            where=path,
            remedy=both("给出更正病例的文件", "give a file of corrected cases"),
        )
    return describe_file(path, path.name, None).sha256


def _read(
    path: Path, region: Region, columns: Sequence[str], policy: YearPolicy
) -> tuple[pa.Table, frozenset[str]]:
    """Return the cases of a file as texts, numbered, and the columns that it has."""
    fund_types = tuple((str(code), str(fund)) for code, fund in policy["fund_type_map"])
    # a file of its own: neither its encoding nor its sheet need be those of the cases
    reading = replace(region.reading, encoding=None, sheet=None, fund_types=fund_types)
    source = open_source([path], columns, "settlement", reading)
    parts: list[pa.Table] = []
    present: set[str] = set()
    for piece in source.pieces:
        table = piece.load()
        numbers = piece.numbers
        if numbers is None:
            numbers = np.arange(piece.first_row, piece.first_row + len(table))
        texts = {name: _texts(table, name) for name in columns if _has(table, name)}
        present |= set(texts)
        parts.append(pa.table({ROW: pa.array(numbers, pa.int64()), **texts}))
    if source.broken:
        raise InputError(
            both("更正文件中有读不成病例的行", "rows of the corrected cases cannot be read"),
            where=path,
            faults=[
                fault_at(
                    f"{path.name}:{row}",
                    f"{REASONS[getattr(text, 'reason', 'row_broken')].message.chinese}：{str(text)[:80]}",
                    f"{REASONS[getattr(text, 'reason', 'row_broken')].message}: {str(text)[:80]}",
                )
                for _, row, text in source.broken
            ],
            remedy=both("逐行更正", "mend these rows"),
        )
    if not sum(map(len, parts)):
        raise InputError(
            both("更正文件中没有病例", "there is no case in the file"),
            where=path,
            remedy=both("写入更正后的病例", "write the corrected cases into it"),
        )
    return pa.concat_tables(parts, promote_options="default"), frozenset(present)


def _has(table: pa.Table, name: str) -> bool:
    return any(whole_of(column) == name for column in table.column_names)


def _texts(table: pa.Table, name: str) -> pa.Array:
    """Return a column as texts that read as it does; what cannot be read stays as it is written."""
    if BY_NAME[name].kind == "codes":
        return pa.array(_codes(table, name), pa.string())
    column = table[name]
    raw = [None if v is None or v != v else str(v).strip() for v in column.to_pylist()]
    if BY_NAME[name].kind == "text":
        return parse.flat(column).cast(pa.string())
    values, bad = parse.read(name, BY_NAME[name].kind, column)
    made = [
        text if not text or wrong else _plain(name, value)
        for text, value, wrong in zip(raw, values.tolist(), bad.tolist(), strict=True)
    ]
    return pa.array([text or None for text in made], pa.string())


def _plain(name: str, value: int) -> str:
    """Return a value that was read as a text of its kind; empty for none."""
    kind = BY_NAME[name].kind
    if kind == "sex":
        return ("", "M", "F")[value]
    if name == "planned_readmission":
        return "是" if value == 1 else "否"
    if kind == "money":
        return "" if value == parse.MISSING_MONEY else str(Decimal(value).scaleb(-2))
    if kind == "date":
        return "" if value == parse.MISSING_DATE else str(np.datetime64(value, "D"))
    return "" if kind == "count" and value == parse.MISSING_COUNT else str(value)


def _codes(table: pa.Table, name: str) -> list[str | None]:
    """Return the codes of each row as `A|B|C`."""
    if name in table.column_names:
        return [
            value
            if value is None or isinstance(value, str)
            else "|".join("" if v is None else str(v) for v in value)
            for value in table[name].to_pylist()
        ]
    base = next(prefix for prefix, whole in NUMBERED.items() if whole == name)
    numbered = sorted(
        (c for c in table.column_names if c.startswith(base) and c[len(base) :].isdigit()),
        key=lambda c: int(c[len(base) :]),
    )
    return [
        "|".join("" if v is None else str(v) for v in values)
        for values in zip(*(table[c].to_pylist() for c in numbered), strict=True)
    ]


def _quarantined(run: RunFolder) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of cases that a run quarantined, by case id."""
    found: dict[str, list[dict[str, Any]]] = {}
    names = ["file", "row", "case_id", "column", "value", "reason"]
    for note in run.table("quarantine", names).to_pylist():
        if note["reason"] not in REVIEW_NOTES:
            found.setdefault((note["case_id"] or "").strip(), []).append(note)
    found.pop("", None)
    return found


def _settled(run: RunFolder, cases: Sequence[str]) -> dict[str, str]:
    """Return how those of some cases ended that a run did not quarantine: `held` or `paid`."""
    hits = [("case_id", "in", sorted(set(cases)))]
    rows = run.table("cases", ("case_id", "status", "paid_by"), hits).to_pylist()
    return {
        row["case_id"]: "held" if row["paid_by"] == "held" else "paid"
        for row in rows
        if row["status"] != "quarantined"
    }


def _refuse_rows(
    rows: pa.Table, run: RunFolder, notes: Mapping[str, Any], paths: Sequence[Path]
) -> None:
    """Fail if a row is not the one correction of a case that the run quarantined."""
    ids = [(case or "").strip() for case in rows["case_id"].to_pylist()]
    settled = _settled(run, ids)
    first: dict[str, tuple[str, int]] = {}
    faults: list[Bilingual] = []
    places = zip(ids, rows[FILE].to_pylist(), rows[ROW].to_pylist(), strict=True)
    for case, label, row in places:
        name = label.split("/", 1)[-1]
        where = f"{name}:{row}"
        fault = None
        if not case:
            fault = both("缺少病例号（case_id）", "no case_id")
        elif case in first:
            file, line = first[case]
            fault = both(
                f"病例 {case} 已在 {file} 第{line}行，一例只写一行",
                f"case {case} stands in {file}:{line} already: one row a case",
            )
        elif settled.get(case) == "held":
            fault = both(
                f"病例 {case} 没有被隔离，正待特病单议：在 reviews 表中写入评审结论",
                f"case {case} is held for review, not quarantined: put the decision into reviews",
            )
        elif case in settled:
            fault = both(
                f"病例 {case} 没有被隔离，已经支付：更正病组用 --violations",
                f"case {case} is paid, not quarantined: --violations corrects its group",
            )
        elif case not in notes:
            fault = both(
                f"病例 {case} 不在原清算中：核对病例号；原清算没有的病例不能加入",
                f"case {case} is not in the run: check the id; new cases cannot be added",
            )
        if case:
            first.setdefault(case, (name, row))
        if fault is not None:
            faults.append(located(where, fault))
    if faults:
        raise InputError(
            both("更正的病例不能使用", "the corrected cases cannot be used"),
            where="、".join(str(path) for path in paths),
            faults=faults,
            remedy=both(
                "只留原清算 quarantine.csv 中的病例，每例一行",
                "leave one row for each case of the run's quarantine.csv",
            ),
        )


def _replaced(rows: pa.Table, version: int, notes: Mapping[str, Any]) -> pa.Table:
    """Return the rows that corrected cases take the place of."""
    made = []
    places = zip(
        rows["case_id"].to_pylist(), rows[FILE].to_pylist(), rows[ROW].to_pylist(), strict=True
    )
    for text, label, number in places:
        case = text.strip()
        for note in notes[case]:
            made.append(
                {
                    **note, "case_id": case, "version": version, "correction_file": label,
                    "correction_row": number,
                }
            )  # fmt: skip
    return pa.Table.from_pylist(made, schema=REPLACED_SCHEMA)

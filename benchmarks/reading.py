"""Reading of tables, file to file: cases a second of CSV in UTF-8 and GB18030, and of Excel.

Each function makes its file once from the cases of a Parquet file, then times `group_file` on it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.measure import SCHEME

COLUMNS = {
    "case_id": "病例号",
    "hospital_id": "医疗机构编码",
    "pool": "险种",
    "sex": "性别",
    "age_years": "年龄",
    "age_days": "不足一周岁年龄",
    "birth_weight_g": "新生儿出生体重",
    "birth_date": "出生日期",
    "admission_date": "入院日期",
    "discharge_date": "出院日期",
    "los_days": "住院天数",
    "diagnoses": "诊断编码",
    "procedures": "手术操作编码",
    "total_cost": "总费用",
}


def cases_table(cases_file: str | Path, count: int) -> Any:
    """Return the first cases of a Parquet file as texts under Chinese headers, codes joined by |."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    file = pq.ParquetFile(cases_file)
    names = [name for name in COLUMNS if name in file.schema_arrow.names]
    parts, rows = [], 0
    for batch in file.iter_batches(columns=names):
        parts.append(batch.slice(0, count - rows))
        rows += len(parts[-1])
        if rows >= count:
            break
    table = pa.Table.from_batches(parts).select(names)
    columns = []
    for name in names:
        column = table[name].combine_chunks()
        if pa.types.is_list(column.type):
            column = pc.binary_join(column.cast(pa.list_(pa.string())), "|")
        text = column.cast(pa.string())
        if name == "sex":
            text = pc.if_else(
                pc.equal(text, "M"), "男", pc.if_else(pc.equal(text, "F"), "女", text)
            )
        columns.append(text)
    return pa.table(columns, names=[COLUMNS[name] for name in names])


def csv_speed(cases_file: str, folder: str, count: str = "1000000") -> dict[str, Any]:
    """CSV in UTF-8, file to file."""
    return _text_speed(Path(cases_file), Path(folder) / f"utf8-{count}.csv", int(count), "utf-8")


def gb18030_speed(cases_file: str, folder: str, count: str = "300000") -> dict[str, Any]:
    """CSV in GB18030, file to file."""
    path = Path(folder) / f"gb18030-{count}.csv"
    return _text_speed(Path(cases_file), path, int(count), "gb18030")


def _text_speed(cases: Path, path: Path, count: int, encoding: str) -> dict[str, Any]:
    from pyarrow import csv

    if not path.exists():
        plain = path.with_suffix(".part")
        csv.write_csv(cases_table(cases, count), plain)
        if encoding != "utf-8":
            plain.write_bytes(plain.read_bytes().decode("utf-8").encode(encoding))
        plain.replace(path)
    return timed_grouping(path)


def excel_speed(cases_file: str, folder: str, count: str = "100000") -> dict[str, Any]:
    """Excel, file to file: ages, days and money as numbers, the rest as text."""
    import xlsxwriter

    path = Path(folder) / f"excel-{count}.xlsx"
    if not path.exists():
        table = cases_table(cases_file, int(count))
        numbers = {COLUMNS[n] for n in ("age_years", "age_days", "los_days", "total_cost")}
        with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
            sheet = book.add_worksheet("病例")
            sheet.write_row(0, 0, table.column_names)
            columns = [
                [
                    None if v is None else float(v) if name in numbers else v
                    for v in values.to_pylist()
                ]
                for name, values in zip(table.column_names, table.columns, strict=True)
            ]
            for row, cells in enumerate(zip(*columns, strict=True), 1):
                for column, cell in enumerate(cells):
                    if isinstance(cell, float):
                        sheet.write_number(row, column, cell)
                    elif cell is not None:
                        sheet.write_string(row, column, cell)
    return timed_grouping(path)


def timed_grouping(path: Path) -> dict[str, Any]:
    """Group a file to Parquet, once to warm up and then three times; the median counts."""
    from drgpay.grouper import Grouper, group_file

    grouper = Grouper(SCHEME)
    out = path.with_suffix(".out.parquet")
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        done = group_file(path, out, grouper)
        seconds.append(time.perf_counter() - started)
    middle = sorted(seconds[1:])[1]
    return {
        "cases": done.counts.total,
        "seconds": middle,
        "cases_per_second": done.counts.total / middle,
        "mib": path.stat().st_size / 2**20,
    }

"""A small region with a history, two pools and every way of paying, in files of any kind."""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TESTS = Path(__file__).resolve().parent.parent
EX1 = TESTS / "cases" / "ex1"
COPIES = 60  # of the twelve cases of the worked example
PAST = 12  # copies a year of the history
TABLES = ("hospitals", "coefficients", "scores", "bed_day_rates", "violations")
Row = dict[str, str]


def rows_of(copies: int, year: int, first: int = 0) -> list[Row]:
    """The cases of the worked example, again and again with other ids, costs and dates."""
    with (EX1 / "cases.csv").open(encoding="utf-8", newline="") as stream:
        given = list(csv.DictReader(stream))
    found = []
    for copy in range(first, first + copies):
        for number, row in enumerate(given):
            own = dict(row)
            own["case_id"] = f"{row['case_id']}-{year}-{copy:05d}"
            own["patient_id"] = f"{row['patient_id']}-{copy:05d}"
            extra = 17 * copy + number
            for name in ("total_cost", "pool_fund"):
                own[name] = f"{float(row[name]) + extra:.2f}"
            for name in ("admission_date", "discharge_date", "settlement_date"):
                own[name] = str(year) + row[name][4:]
            found.append(own)
    return found


def write_rows(path: Path, rows: list[Row], row_group: int = 1000) -> None:
    """Write cases as CSV or Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
        pq.write_table(table, path, row_group_size=row_group)
        return
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def make_region(folder: Path, copies: int = COPIES, past: int = PAST) -> Path:
    """Write the region folder: cases/a.parquet and b.csv, history/ of three years, all tables."""
    folder.mkdir(parents=True)
    head = (EX1 / "region.toml").read_text(encoding="utf-8")
    head = head.replace('"../../schemes/ex1-tiny"', f'"{TESTS / "schemes" / "ex1-tiny"}"')
    head = head.replace('cases = ["cases.csv"]\n', "").replace("all_drg_mean_yuan", "# mean")
    for pool in ("130000.00", "105500.00"):
        head = head.replace(f'"{pool}"', f'"{float(pool) * copies * 1.1:.2f}"')
    (folder / "region.toml").write_text(head, encoding="utf-8")
    for name in TABLES:
        shutil.copy(EX1 / f"{name}.csv", folder)
    write_reviews(folder, copies)
    rows = rows_of(copies, 2024)
    write_rows(folder / "cases" / "a.parquet", rows[: len(rows) // 2])
    write_rows(folder / "cases" / "b.csv", rows[len(rows) // 2 :])
    for year in (2021, 2022, 2023):
        write_rows(folder / "history" / f"{year}.csv", rows_of(past, year))
    return folder


def write_reviews(folder: Path, copies: int) -> None:
    """Write reviews of the first copies of the cases that the worked example reviews."""
    with (EX1 / "reviews.csv").open(encoding="utf-8", newline="") as stream:
        given = list(csv.DictReader(stream))
    rows = []
    for copy in range(min(copies, 3)):
        for row in given:
            rows.append({**row, "case_id": f"{row['case_id']}-2024-{copy:05d}"})
    write_rows(folder / "reviews.csv", rows)


def shuffled(folder: Path, given: Path, seed: int, copies: int = COPIES, past: int = PAST) -> Path:
    """The same region with its cases in another order, other files and other row groups."""
    r = random.Random(seed)
    shutil.copytree(given, folder)
    shutil.rmtree(folder / "cases")
    shutil.rmtree(folder / "history")
    rows = rows_of(copies, 2024)
    r.shuffle(rows)
    parts = r.randint(2, 5)
    for part in range(parts):
        own = rows[part::parts]
        write_rows(
            folder / "cases" / f"p{part}.{r.choice(['csv', 'parquet'])}", own, r.randint(3, 50)
        )
    rows = [row for year in (2021, 2022, 2023) for row in rows_of(past, year)]
    r.shuffle(rows)
    cut = r.randint(1, len(rows) - 1)
    write_rows(folder / "history" / "x.parquet", rows[:cut], 7)
    write_rows(folder / "history" / "y.csv", rows[cut:])
    return folder

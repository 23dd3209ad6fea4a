"""Invented visits of two years, and a book with indices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drgpay.ground.arrow import decimal_column
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, Entry
from drgpay.ledger.postings import index_lines, target_lines
from drgpay.monitoring.filed import file_watch
from drgpay.monitoring.results import manifest
from drgpay.monitoring.watch import watch
from drgpay.wrapper.planning import budget_policy
from tests.ledger.conftest import settled

YEAR = 2026


@dataclass(frozen=True)
class House:
    """An institution's visits: how many a month of last year, and what changed."""

    name: str
    a_month: int = 400
    visits: float = 1.0  # this year's over last year's
    cost: float = 1.0
    odd: float = 0.0  # the share of records that the review marks


def draw(houses: list[House], months: int = 6, seed: int = 1, care: bool = False) -> pa.Table:
    """Return the visits of last year and of some months of this one."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {}
    for number, house in enumerate(houses):
        for year, count in ((YEAR - 1, 12), (YEAR, months)):
            grew = year == YEAR
            for month in range(count):
                n = rng.poisson(house.a_month * (house.visits if grew else 1))
                crowd = max(house.a_month * 3, 4)
                cost = rng.lognormal(9.2, 0.7, n) * (house.cost if grew else 1)
                fen = cost.round().astype(np.int64)
                first = np.datetime64(f"{year}-{month + 1:02d}", "D")
                own = {
                    "hospital_id": np.full(n, house.name, object),
                    "person_id": rng.integers(0, crowd, n) + number * 1_000_000,
                    "visit_date": first + rng.integers(0, 28, n),
                    "total_cost": fen,
                    "pool_fund": fen * 7 // 10,
                    "marked": rng.random(n) < house.odd,
                    "care": np.where(rng.random(n) < 0.1, "住院", "门诊"),
                }
                for name, column in own.items():
                    parts.setdefault(name, []).append(column)
    made = {name: np.concatenate(own) for name, own in parts.items()}
    table = {
        "visit_id": pa.array([f"V{at}" for at in range(len(made["person_id"]))]),
        "person_id": pa.array([f"P{at}" for at in made["person_id"]]),
        "hospital_id": pa.array(made["hospital_id"].tolist()),
        "visit_date": pa.array(made["visit_date"]),
        **{name: decimal_column(made[name], 14, 2) for name in ("total_cost", "pool_fund")},
        "marked": pa.array(made["marked"]),
    }
    if care:
        table["care"] = pa.array(made["care"].tolist())
    return pa.table(table)


def written(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path)
    return path


def book_of(path: Path, index_fen: dict[str, int], pool: str = "310") -> Book:
    """Return a book whose institutions have these indices."""
    book = Book.create(path, region_id="R1", region_name="测试区", year=YEAR, who="张三")
    whole = sum(index_fen.values()) or 100
    lines = tuple(target_lines(pool, whole, {}, {}))
    settled(book, Draft("target", YEAR, "张三", "maker", {}, lines=lines))
    rows = [
        {
            "hospital_id": name, "pool": pool, "index_fen": fen, "deposit_fen": 0,
            "monthly_fen": fen, "settlement_fen": 0,
        }
        for name, fen in index_fen.items()
    ]  # fmt: skip
    made = tuple(
        line for row in rows for line in index_lines(pool, row["hospital_id"], row["index_fen"])
    )
    settled(book, Draft("indices", YEAR, "张三", "maker", {"indices": rows}, lines=made))
    return book


def fund_of(table: pa.Table, year: int) -> dict[str, int]:
    """Return the pooled fund in fen of each institution in a year."""
    own = table.filter(pc.equal(pc.year(table["visit_date"]), year))
    sums = own.group_by("hospital_id").aggregate([("pool_fund", "sum")]).to_pylist()
    return {row["hospital_id"]: int(row["pool_fund_sum"] * 100) for row in sums}


def filed(book: Book, visits: Path, month: int = 6) -> Entry:
    """Watch a month and put it down in the book."""
    with book.reading() as reading:
        found = watch(
            reading, [visits], month, budget_policy("testland-budget", YEAR), {}, facts=book.facts
        )
    with book.writing("张三") as turn:
        return file_watch(turn, found, manifest(found), "", "张三")

"""A month's monitoring as the book keeps it: its tables in every language, for pages to show.

Tables that hold ids of persons are documents of their own, so that what is read for others never
has them.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drgpay.ground.languages import LANGUAGES
from drgpay.ledger.book import Reading, Turn
from drgpay.ledger.entries import Draft, Entry
from drgpay.monitoring.results import result_tables
from drgpay.monitoring.watch import Watch
from drgpay.names.run_tables import WATCH_TABLES

KIND = "watch"
FACTS = ("month", "policy", "book", "rows", "counted", "quarantined", "hospitals", "grades")
Record = dict[str, Any]


def file_watch(turn: Turn, found: Watch, told: Record, sums: str, who: str) -> Entry:
    """Put a monitoring down; `told` is its manifest, `sums` the digest of its folder's SHA256SUMS."""
    documents = [
        turn.keep(_name(table, lang), _parquet(tables[table]))
        for lang in LANGUAGES
        for tables in (result_tables(found, lang),)
        for table in WATCH_TABLES
    ]
    body = {**{key: told[key] for key in FACTS}, "sums": sums}
    return turn.append(
        Draft(
            KIND, found.policy.year, who, "maker", body, clause="S3 二(二)",
            subject=told["month"], documents=tuple(documents),
        )
    )  # fmt: skip


def filed_watches(reading: Reading, year: int) -> list[Entry]:
    """Return the last monitoring of each month of a year, the one that was filed last at the end."""
    last: dict[str, Entry] = {}
    for entry in reading.entries((KIND,), year=year):
        last[entry.body["month"]] = entry
    return sorted(last.values(), key=lambda entry: entry.number)


def filed_rows(
    reading: Reading, entry: Entry, table: str, lang: str, hospital: str = ""
) -> list[Record]:
    """Return the rows of a table of a monitoring that was filed, of one institution where named."""
    digest = {own.name: own.digest for own in entry.documents}[_name(table, lang)]
    rows: list[Record] = pq.read_table(
        pa.BufferReader(reading.document(digest)),
        filters=[("hospital_id", "==", hospital)] if hospital else None,
    ).to_pylist()
    return rows


def _name(table: str, lang: str) -> str:
    return f"{table}.{lang}.parquet"


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())

"""How every folder of results is written: tables as Parquet and CSV, the manifest, SHA256SUMS.

The folder appears under its name only when everything in it is whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay.ground.arrow import table_writer
from drgpay.ground.digests import KEY, record, write_sums
from drgpay.ground.outputs import RECORD, whole_folder
from drgpay.names.run_tables import check_declared
from drgpay.runs.manifest import Manifest, write_manifest

AHEAD = 2  # pieces that may wait for each of the two writers
SUFFIXES = ("parquet", "csv")
SMALL = 10_000  # rows of a table that is written sooner than two threads are started

Tables = Mapping[str, pa.Table | Callable[[], Iterator[pa.Table]]]


def write_result(
    out: str | Path,
    tables: Tables,
    facts: Callable[[], Manifest],
    *,
    beside: Callable[[Path], object] | None = None,
    finish: Callable[[Path], object] | None = None,
    manifest: str = RECORD,
    digests: bool = True,
    declared: bool = True,
) -> Path:
    """Write the folder `out`, which must not exist yet, and return its path.

    `tables`: by name, large ones as what yields them piece by piece. `facts`: what the
    manifest says, asked when the tables are written; with the digest of each file unless `digests`
    is false. `declared`: whether the tables are those of names/run_tables.py. `beside` adds files that it tells of, `finish` those made from the whole folder.
    Raises InputError when `out` is there already or its parent is not, or when the disk is full.
    """
    with whole_folder(Path(out)) as folder:
        for name, table in tables.items():
            write_table(folder, name, table, declared)
        if beside is not None:
            beside(folder)
        digested = record(folder) if digests else {}
        write_manifest(folder / manifest, {**facts(), **digested})
        if finish is not None:
            finish(folder)
        write_sums(folder, digested.get(KEY))
    return Path(out)


def write_table(
    folder: Path,
    name: str,
    table: pa.Table | Callable[[], Iterator[pa.Table]],
    declared: bool = True,
) -> None:
    """Write a table as Parquet and as CSV, a large one each on a thread of its own.

    Its pieces are made once.
    """
    if not callable(table) and table.num_rows <= SMALL:
        if declared:
            check_declared(name, table.schema)
        for suffix in SUFFIXES:
            with table_writer(folder / f"{name}.{suffix}", table.schema) as writer:
                writer.write_table(table)
        return
    writers: list[tuple[ThreadPoolExecutor, Any]] = []
    waiting: deque[Future[None]] = deque()
    with ExitStack() as stack:
        for piece in table() if callable(table) else (table,):
            if not writers:
                if declared:
                    check_declared(name, piece.schema)
                for suffix in SUFFIXES:
                    writer = table_writer(folder / f"{name}.{suffix}", piece.schema)
                    writers.append((stack.enter_context(ThreadPoolExecutor(1)), writer))
            waiting.extend(pool.submit(writer.write_table, piece) for pool, writer in writers)
            while len(waiting) > AHEAD * len(writers):
                waiting.popleft().result()
        # closed where it writes: an interruption here may find its thread still at work
        waiting.extend(pool.submit(writer.close) for pool, writer in writers)
        for written in waiting:
            written.result()

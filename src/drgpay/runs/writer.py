"""How every folder of results is written: tables as Parquet and CSV, the manifest, SHA256SUMS.

The folder appears under its name only when everything in it is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from drgpay.ground.arrow import table_writer
from drgpay.ground.digests import record, write_sums
from drgpay.ground.outputs import RECORD, whole_folder
from drgpay.names.run_tables import check_declared
from drgpay.runs.manifest import Manifest, write_manifest

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

    `tables`: by name, large ones as what yields them piece by piece, twice. `facts`: what the
    manifest says, asked when the tables are written; with the digest of each file unless `digests`
    is false. `declared`: whether the tables are those of names/run_tables.py. `beside` adds files that it tells of, `finish` those made from the whole folder.
    Raises InputError when `out` is there already or its parent is not, or when the disk is full.
    """
    with whole_folder(Path(out)) as folder:
        for name, table in tables.items():
            write_table(folder, name, table, declared)
        if beside is not None:
            beside(folder)
        write_manifest(folder / manifest, {**facts(), **(record(folder) if digests else {})})
        if finish is not None:
            finish(folder)
        write_sums(folder)
    return Path(out)


def write_table(
    folder: Path,
    name: str,
    table: pa.Table | Callable[[], Iterator[pa.Table]],
    declared: bool = True,
) -> None:
    """Write a table as Parquet and as CSV, each on a thread of its own."""

    def write(path: Path) -> None:
        writer = None
        for piece in table() if callable(table) else (table,):
            if writer is None:
                if declared:
                    check_declared(name, piece.schema)
                writer = table_writer(path, piece.schema)
            writer.write_table(piece)
        if writer is not None:
            writer.close()

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(write, (folder / f"{name}.parquet", folder / f"{name}.csv")):
            pass

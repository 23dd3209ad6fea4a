"""The door to DuckDB for run folders: connections with a bound on memory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "2GB"


def quoted(text: object) -> str:
    """Return a text as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as it stands in SQL."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def connection(
    path: Path | None = None,
    *,
    memory_limit: str = MEMORY_LIMIT,
    threads: int | None = None,
    spill: Path | None = None,
    read_only: bool = False,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database (in memory without a path) that needs no network and spills to `spill`."""
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "autoinstall_known_extensions": False,
        "temp_directory": "" if spill is None else str(spill),
    }
    if threads is not None:
        config["threads"] = threads
    database = ":memory:" if path is None else str(path)
    try:
        with duckdb.connect(database, read_only=read_only, config=config) as connected:
            connected.execute("SET TimeZone = 'UTC'")
            yield connected
    except duckdb.IOException as error:
        raise os_error(str(error), database) from error


_AT_HAND: dict[int, duckdb.DuckDBPyConnection] = {}  # by process


@contextmanager
def at_hand() -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend a cursor of this process' database in memory, for a question to a small file.

    It has one thread and remembers no file; a forked process opens another one.
    """
    import duckdb

    process = os.getpid()
    if process not in _AT_HAND:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY_LIMIT,
            "threads": 1,
            "autoinstall_known_extensions": False,
            "temp_directory": "",
            "enable_external_file_cache": False,
        }
        _AT_HAND[process] = duckdb.connect(":memory:", config=config)
    try:
        with _AT_HAND[process].cursor() as connected:
            connected.execute("SET TimeZone = 'UTC'")
            yield connected
    except duckdb.IOException as error:
        raise os_error(str(error), ":memory:") from error


def os_error(text: str, path: str) -> OSError:
    """Return DuckDB's word on a file as the error of the system that it was.

    >>> os_error("IO Error: ...: No space left on device", "run.duckdb").errno == errno.ENOSPC
    True
    """
    known = {
        "No space left": errno.ENOSPC,
        "Could not write all bytes": errno.ENOSPC,
        "Permission denied": errno.EACCES,
        "Read-only file system": errno.EROFS,
        "No such file": errno.ENOENT,
    }
    number = next((code for words, code in known.items() if words in text), errno.EIO)
    return OSError(number, " ".join(text.split())[:200], path)


def parquet(path: Path) -> str:
    """Return the SQL that reads a Parquet file, whatever letters its name has."""
    return f"read_parquet([{quoted(glob_safe(str(path)))}])"


def glob_safe(path: str) -> str:
    """Return a path in which nothing is a wildcard.

    >>> glob_safe("a[1]/b*.parquet")
    'a[[]1]/b[*].parquet'
    """
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def arrow(connected: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """Return a query's result as an Arrow table."""
    result = connected.sql(sql).to_arrow_table()
    if not isinstance(result, pa.Table):
        raise TypeError(f"{type(result).__name__} is no table")
    return result

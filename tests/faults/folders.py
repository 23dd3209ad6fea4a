"""Whether a run folder is whole, and what killed runs leave beside it."""

from __future__ import annotations

from pathlib import Path

import duckdb

SUMS = "SHA256SUMS"
UNLIKE = ("run.duckdb",)  # its bytes differ from run to run, its contents do not
TABLES = (
    "cases", "hospitals", "pools", "drgs", "quarantine", "reviews", "coefficients", "quality",
    "months", "findings", "findings_by_month", "history_quarantine",
)  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    """The bytes of every file of a folder that are the same in every run."""
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in UNLIKE
    }
    if SUMS in found:  # of what differs the digest does, too
        lines = found[SUMS].splitlines()
        found[SUMS] = b"\n".join(x for x in lines if not x.endswith(UNLIKE[0].encode()))
    return found


def tables_of(folder: Path) -> dict[str, bytes]:
    """The bytes of every table of a run folder."""
    found = {n: b for n, b in files_of(folder).items() if n.endswith((".parquet", ".csv"))}
    assert {f"{name}{end}" for name in TABLES for end in (".parquet", ".csv")} <= set(found)
    return found


def database_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table of a run's database, row by row."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() ORDER BY table_name"
        ).fetchall()
        return {name: connection.execute(f'FROM "{name}"').fetchall() for (name,) in names}


def assert_same(folder: Path, whole: Path) -> None:
    """Fail unless a folder holds, byte for byte, what an undisturbed run wrote."""
    own, due = files_of(folder), files_of(whole)
    assert set(own) == set(due)
    assert [name for name in due if own[name] != due[name]] == []
    for name in UNLIKE:
        assert (folder / name).is_file() == (whole / name).is_file()
        if (whole / name).is_file():
            assert database_of(folder / name) == database_of(whole / name)


def remains(place: Path) -> list[str]:
    """What lies about in a place besides results: unfinished folders and temporary files."""
    found = [p.name for p in place.iterdir() if p.name.startswith(".")]
    return sorted(found + [p.name for p in (place / "tmp").iterdir()])

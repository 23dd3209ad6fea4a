"""Whether the tables of a run folder are still those that the run wrote: SHA-256 in its manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from drgpay.errors import Bilingual, BooksError, both, located

KEY = "tables"
MORE = ("carried.csv", "carried_difference.csv", "prepaid.csv")


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def table_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of a folder's Parquet tables, and of what the next payment takes."""
    paths = [*folder.rglob("*.parquet"), *(folder / name for name in MORE)]
    return {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(paths)
        if path.is_file()
    }


def changed_tables(
    folder: Path, manifest: Mapping[str, Any], names: Collection[str] | None = None
) -> dict[str, Bilingual] | None:
    """Return the tables of a run folder (of `names`) that are not those that the run wrote.

    None when the manifest has no digests: runs of earlier versions have none.
    """
    told = manifest.get(KEY)
    if not isinstance(told, Mapping):
        return None
    found = {}
    for name, digest in told.items():
        if names is not None and name not in names:
            continue
        path = folder / name
        if not path.is_file():
            found[name] = both("已不在", "is gone")
        elif file_digest(path) != digest:
            found[name] = both("清算后内容被改动", "was changed after the run")
    return found


def refuse_changed(
    folder: Path, manifest: Mapping[str, Any], names: Collection[str] | None = None
) -> bool:
    """Fail if tables of a run folder (of `names`) are not those that the run wrote.

    Returns whether the manifest has digests at all.
    """
    found = changed_tables(folder, manifest, names)
    if found:
        raise BooksError(
            both(
                "清算结果的表已被改动，不能再用",
                "tables of the run were changed after it: they cannot be used",
            ),
            where=folder,
            faults=[located(name, fault) for name, fault in found.items()],
            remedy=both(
                "恢复原文件，或用 drgpay year-end 重新清算",
                "restore the files, or settle again with drgpay year-end",
            ),
        )
    return found is not None

"""Whether the files of a result are still those that were written: SHA-256 of every one.

`manifest.json` has those of the tables, made before it; `SHA256SUMS`, written last, those of all
files with the manifest itself, as `sha256sum -c SHA256SUMS` takes it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drgpay.ground.errors import Bilingual, BooksError, both, located
from drgpay.ground.inputs import plain_file, read_input

KEY = "tables"
SUMS = "SHA256SUMS"
SMALL_BYTES = 2**22  # of files that are digested sooner than threads are started
SUMS_KEY = "sums"  # in the manifest: that the folder has SHA256SUMS


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_digests(folder: Path, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the SHA-256 of every file of a folder, by its name from there; `known` ones as given."""
    names = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    made = {name: known[name] for name in names if name in known} if known else {}
    rest = [name for name in names if name not in made]
    if sum((folder / name).stat().st_size for name in rest) <= SMALL_BYTES:
        return {**made, **{name: file_digest(folder / name) for name in rest}}
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(file_digest, [folder / name for name in rest])
        return {**made, **dict(zip(rest, found, strict=True))}


def _files(folder: Path) -> Iterator[Path]:
    for place, _, files in os.walk(folder):
        for name in files:
            path = Path(place) / name
            if path.is_file() and path != folder / SUMS and not _check_file(path):
                yield path


def _check_file(path: Path) -> bool:
    """Whether a file is the sum that Hadoop keeps beside another: no result, and not listed by it."""
    name = path.name
    return name.startswith(".") and name.endswith(".crc") and path.with_name(name[1:-4]).is_file()


def record(folder: Path) -> dict[str, Any]:
    """Return what a manifest says of the files that are there before it."""
    return {SUMS_KEY: SUMS, KEY: file_digests(folder)}


def write_sums(folder: Path, known: Mapping[str, str] | None = None) -> None:
    """Write SHA256SUMS of all files of a result, which are all there.

    `known`: digests made since the files were written; large tables are not read twice.
    """
    text = sums_text(file_digests(folder, known))
    (folder / SUMS).write_text(text, encoding="utf-8", newline="\n")


def sums_text(digests: Mapping[str, str]) -> str:
    """Return what SHA256SUMS says of files, by their names."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def read_sums(folder: Path) -> dict[str, str] | None:
    """Return the digests that SHA256SUMS states by file; None where there is none.

    A line that is none is a file of that name that cannot be there.
    """
    if not (folder / SUMS).is_file():
        return None
    text = read_input(folder / SUMS).decode("utf-8", "replace")
    pairs = (line.partition("  ") for line in text.splitlines())
    return {name: digest for digest, _, name in pairs}


def changed_files(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Bilingual] | None:
    """Return the files of a result that are not as they were written, gone or new since.

    None when nothing tells how they were: results of earlier versions have no digests.
    """
    sums = read_sums(folder)
    found = changed_tables(folder, manifest)
    if sums is None:
        if SUMS_KEY in manifest:
            found = {**(found or {}), SUMS: both("已不在", "is gone")}
        return found
    there = file_digests(folder)
    told = _compared(sums, there)
    new = both("写出之后新增", "was added after the run")
    told |= {name: new for name in there if name not in sums and not _apart(folder, name)}
    return {**(found or {}), **told}


def _apart(folder: Path, name: str) -> bool:
    """Whether a file lies in a result of its own below a folder, as letters written there later."""
    places = (folder / name).relative_to(folder).parents
    return any((folder / place / SUMS).is_file() for place in places if place != Path("."))


def changed_results(folders: Iterable[Path]) -> dict[Path, dict[str, Bilingual]]:
    """Return what changed in folders that have SHA256SUMS and are no runs: letters, signals, trials."""
    return {folder: changed_files(folder, {}) or {} for folder in folders}


def _compared(told: Mapping[str, str], there: Mapping[str, str]) -> dict[str, Bilingual]:
    found = {}
    for name, digest in told.items():
        if name not in there:
            found[name] = both("已不在", "is gone")
        elif there[name] != digest:
            found[name] = both("写出之后内容被改动", "was changed after the run")
    return found


def changed_tables(
    folder: Path, manifest: Mapping[str, Any], names: Collection[str] | None = None
) -> dict[str, Bilingual] | None:
    """Return the tables of a run folder (of `names`) that are not those that the run wrote.

    None when the manifest has no digests: runs of earlier versions have none.
    """
    told = manifest.get(KEY)
    if not isinstance(told, Mapping):
        return None
    own = {name: digest for name, digest in told.items() if names is None or name in names}
    there = {name: file_digest(folder / name) for name in own if (folder / name).is_file()}
    return _compared(own, there)


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


@dataclass(frozen=True)
class InputFile:
    """A file that a run read, with what identifies it."""

    name: str
    rows: int | None
    bytes: int
    sha256: str


def describe_file(path: Path, name: str, rows: int | None) -> InputFile:
    """Return size and SHA-256 of a file that a run read."""
    plain_file(path)
    return InputFile(name, rows, path.stat().st_size, file_digest(path))

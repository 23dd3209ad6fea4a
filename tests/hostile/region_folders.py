"""Region folders to be spoilt: EX1 and copies of a policy and a scheme."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
TINY = TESTS / "schemes" / "ex1-tiny"


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    content = path.read_text(encoding="utf-8")
    if old not in content:
        raise AssertionError(f"{path}: no {old!r}")
    path.write_text(content.replace(old, new), encoding="utf-8")


def region(folder: Path, case: tuple[str, str, str] | None = None) -> Path:
    """Copy EX1; `case`, a column of it and a value: one cell to be written otherwise."""
    path = folder / "region"
    shutil.copytree(TESTS / "cases" / "ex1", path, ignore=shutil.ignore_patterns("expected"))
    edit(path / "region.toml", "../../schemes/ex1-tiny", str(TINY))
    if case is not None:
        name, column, value = case
        with (path / "cases.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        next(row for row in rows if row["case_id"] == name)[column] = value
        with (path / "cases.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return path


def edited(*edits: tuple[str, str, str]) -> Callable[[Path], None]:
    """Return a maker of a region with texts of its files replaced."""

    def make(folder: Path) -> None:
        path = region(folder)
        for name, old, new in edits:
            edit(path / name, old, new)

    return make


def with_file(name: str, content: bytes) -> Callable[[Path], None]:
    """Return a maker of a region with one file of other content."""

    def make(folder: Path) -> None:
        (region(folder) / name).write_bytes(content)

    return make


def with_policy(*edits: tuple[str, str]) -> Callable[[Path], None]:
    """Return a maker of a region whose policy is a spoilt copy of testland's."""

    def make(folder: Path) -> None:
        path = region(folder)
        shutil.copy(ROOT / "reference" / "policies" / "testland.toml", path / "own.toml")
        edit(path / "region.toml", '"testland"', '"./own.toml"')
        for old, new in edits:
            edit(path / "own.toml", old, new)

    return make


def scheme(folder: Path) -> Path:
    """Copy the invented scheme of EX1."""
    path = folder / "scheme"
    shutil.copytree(TINY, path)
    return path

"""Every remark that a bundled scheme makes on itself has its Chinese, once."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator

from drgpay.ground.reference import reference_dir
from drgpay.schemes.remarks import remark

SCHEMES = reference_dir() / "schemes"


def remarks() -> Iterator[tuple[str, str]]:
    """Yield (where, remark) of all bundled schemes."""
    for manifest in SCHEMES.glob("*/manifest.toml"):
        facts = tomllib.loads(manifest.read_text(encoding="utf-8"))
        where = manifest.parent.name
        yield from ((where, text) for text in facts.get("readings", {}).values())
        if note := facts["effective"].get("note"):
            yield where, note
        for notes in facts.get("known_differences", {}).values():
            yield from ((where, note) for note in notes)
    for name, column in (
        ("doubts", "remark"),
        ("known_findings", "note"),
        ("named_conditions", "note"),
    ):
        for table in SCHEMES.glob(f"*/{name}.csv"):
            with table.open(encoding="utf-8", newline="") as stream:
                found = [row[column] for row in csv.DictReader(stream) if row[column]]
            yield from ((table.parent.name, text) for text in found)


def test_remarks__each_has_its_chinese() -> None:
    missing = {text: where for where, text in remarks() if remark(text).chinese == text}
    assert not missing


def test_remarks_table__has_no_row_that_no_scheme_makes_and_none_twice() -> None:
    with (SCHEMES / "remarks.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row["remark"] for row in csv.DictReader(stream)]
    assert len(rows) == len(set(rows))
    assert set(rows) == {text for _, text in remarks()}

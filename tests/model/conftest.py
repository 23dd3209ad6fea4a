"""Builders for the model's tests: a tiny invented scheme, a policy's parameters, a region."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from reference.model import Scheme, load_policy, load_scheme

SchemeMaker = Callable[..., Scheme]
TABLES = {
    "mdc.csv": "order,mdc,name,rule,ambiguous,sites",
    "adrg.csv": "mdc,order,adrg,kind,rule,name",
    "drg.csv": "adrg,order,drg,rule,name",
    "lists.csv": "owner,list,code",
    "severity.csv": "code,level,exclusion_list",
    "exclusions.csv": "exclusion_list,principal",
    "valid_procedures.csv": "code",
}


def write(file: Path, header: str, rows: Iterable[Iterable[Any]]) -> None:
    with open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


@pytest.fixture
def make_scheme(tmp_path: Path) -> SchemeMaker:
    """A scheme from rows a table: `mdc=[...]`, `adrg=[...]`; `options` is manifest text."""

    def make(
        options: str | None = None, surgical_match: str | None = None, **tables: Any
    ) -> Scheme:
        for file, header in TABLES.items():
            write(tmp_path / file, header, tables.get(file.removesuffix(".csv"), ()))
        manifest = tmp_path / "manifest.toml"
        manifest.unlink(missing_ok=True)
        if options is not None:
            manifest.write_text(f"[options]\n{options}\n", encoding="utf-8")
        return load_scheme(tmp_path, surgical_match)

    return make


@pytest.fixture
def parameters() -> Callable[..., dict[str, Any]]:
    """The parameters of testland in 2024 with some of them set, e.g. `keep_ratio="1"`."""

    def values(**overrides: str) -> dict[str, Any]:
        keys = {key.replace("__", "."): text for key, text in overrides.items()}
        return load_policy("testland").for_year(2024, keys)

    return values

"""How files of cases are to be read, where the files do not say it themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

WAIT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user says about the files; None lets the reader find out.

    `mapping`: a file that says which header means which column, and which value which.
    `sheet`: of an Excel file, else all sheets that hold cases. `table`: of a database, which is left
    when it gives no further rows for `wait` seconds.
    `codes`: the edition of the codes of settlement lists, which is else the insurance edition.
    `fund_types`: fund_pay_type of a settlement list to pool, `account` or `other`; `*` the rest.
    """

    mapping: Path | None = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    table: str | None = None
    fund_types: tuple[tuple[str, str], ...] | None = None
    codes: str | None = None
    wait: int = WAIT_SECONDS

    def with_codes(self, codes: str | None) -> ReadOptions:
        """Return the same with an edition of codes that was asked for, if one was."""
        return self if codes is None else replace(self, codes=codes)


AS_FOUND = ReadOptions()

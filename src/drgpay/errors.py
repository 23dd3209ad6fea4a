"""Faults of the program's inputs: one base class, a few leaves, facts as fields.

Faults of a single case are not raised: they are rows of the quarantine table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class DrgpayError(Exception):
    """A fault that a person can mend; the message says what, where, why and what to do.

    `where` names the file, row or key; `remedy` what to do about it.
    """

    exit_code = 1
    http_status = 500

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        remedy: str | None = None,
        faults: Sequence[str] = (),
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.remedy = remedy
        self.faults = tuple(faults)
        super().__init__(self.text())

    def text(self) -> str:
        """Return the whole message, one fault a line."""
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        lines += [f"  - {fault}" for fault in self.faults]
        if self.remedy:
            lines.append(f"  → {self.remedy}")
        return "\n".join(lines)


class SchemeError(DrgpayError):
    """A scheme's tables cannot be used."""

    exit_code = 3
    http_status = 422


class PolicyError(DrgpayError):
    """A policy file lacks, doubles or misstates a parameter."""

    exit_code = 4
    http_status = 422


class InputError(DrgpayError):
    """A file or a table given by the user cannot be read as what it should be."""

    exit_code = 5
    http_status = 422


class BooksError(DrgpayError):
    """A total does not tie out; the run is not to be used."""

    exit_code = 6
    http_status = 500

"""Where amounts that come into a year from other runs were written: by which months, by which run.

A file that a run writes for a region folder names its origin in columns of its own, so that CSV and
Excel carry it alike, and ends each row with a digest of all its rows: an amount changed, a row left
out or taken from elsewhere is then seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

MONTHS, RUN, HAND = "months", "run", "hand"  # who wrote prepaid.csv
PREPAID_ORIGIN = ("region", "year", "months_sha256", "sha256")
SIMULATED = "simulated"  # the column that marks a prepaid.csv of --all: nobody was paid by it
CARRIED_ORIGIN = ("region", "run_sha256", "sha256")


def rows_digest(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the SHA-256 of rows in any order, with what they have in common.

    >>> a, b = ("H1", "310", 100), ("H2", "310", 200)
    >>> rows_digest(["ex1"], [a, b]) == rows_digest(["ex1"], [b, a])
    True
    """
    lines = sorted("\t".join(map(str, row)) for row in rows)
    text = "\n".join(["\t".join(head), *lines])
    return hashlib.sha256(text.encode()).hexdigest()

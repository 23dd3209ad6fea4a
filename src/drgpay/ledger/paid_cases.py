"""The register of paid cases across the years: a case that was paid in one year is paid in no other.

Each clearing of a run, and each version that reopens it, keeps the keys of its cases as a document of the book: 16 bytes a case, the
beginning of the SHA-256 of institution and case, sorted. So the register is chained, backed up and
verified as all papers are, in both databases, names no case, and is held against another year's by
a sorted search: seconds for millions of cases. A table of rows in the book would grow it by an index
of millions and be outside its chain.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from drgpay.ground.errors import InputError, both

if TYPE_CHECKING:
    import pyarrow as pa

    from drgpay.ledger.entries import Document, Draft, Entry

REGISTER = "paid_cases"  # of an entry's body: cases, and the digests of their keys' documents
FILE = "paid_cases.parquet"
APART = "\x1f"  # between institution and case
PART = 2_500_000  # keys a document, within what a document may hold
KINDS = ("clearing", "reopening")


class Kept(Protocol):
    """A book that is read: its entries of some kinds, and the documents that it keeps."""

    def entries(self, kinds: Collection[str] | None = ..., /) -> Sequence[Entry]:
        """Return entries in their order."""

    def document(self, digest: str) -> bytes:
        """Return the bytes of a document."""


@dataclass(frozen=True, slots=True)
class Twice:
    """Cases that another entry paid: their places among the keys that were asked."""

    entry: Entry
    places: Any  # an array of whole numbers


def packed(keys: pa.Table) -> Iterator[bytes]:
    """Return keys (columns a and b, sorted) as documents."""
    import pyarrow.parquet as pq

    for start in range(0, max(1, keys.num_rows), PART):
        made = io.BytesIO()
        part = keys.slice(start, PART).replace_schema_metadata()
        pq.write_table(part, made, compression="none", use_dictionary=False)
        yield made.getvalue()


def kept_keys(reading: Kept, told: Mapping[str, Any]) -> pa.Table:
    """Return the keys that an entry keeps, as one table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [pq.read_table(io.BytesIO(reading.document(digest))) for digest in told["documents"]]
    return pa.concat_tables(parts)


def facts(documents: tuple[Document, ...], cases: int) -> dict[str, Any]:
    """Return what an entry's body says of the register."""
    return {"cases": cases, "documents": [document.digest for document in documents]}


def key_of(hospital_id: str, case_id: str) -> pa.Table:
    """Return the key of one case, as a table of one row."""
    import pyarrow as pa

    digest = hashlib.sha256(f"{hospital_id}{APART}{case_id}".encode()).digest()
    parts = {name: int.from_bytes(digest[at : at + 8]) for name, at in (("a", 0), ("b", 8))}
    return pa.table({name: pa.array([value], pa.uint64()) for name, value in parts.items()})


def paid_before(reading: Kept, keys: pa.Table, year: int | None = None) -> list[Twice]:
    """Return which cases were paid in another year (or in any), by the entry that paid them."""
    import numpy as np

    a, b = (keys[name].to_numpy() for name in ("a", "b"))
    found = []
    # of a year that was reopened, the version that stands
    standing = {e.year: e for e in reading.entries(KINDS) if REGISTER in e.body}
    for entry in standing.values():
        if entry.year == year:
            continue
        known = kept_keys(reading, entry.body[REGISTER])
        first, second = (known[name].to_numpy() for name in ("a", "b"))
        hit = np.zeros(len(a), dtype=bool)
        at = np.searchsorted(first, a)
        for step in (0, 1):  # two cases of one register may begin alike
            place = np.minimum(at + step, len(first) - 1) if len(first) else None
            if place is not None:
                hit |= (first[place] == a) & (second[place] == b)
        if hit.any():
            found.append(Twice(entry, np.flatnonzero(hit)))
    return found


def check_paid_once(reading: Kept, draft: Draft) -> None:
    """Fail if a case of an entry was paid in another year. Raises InputError that names the entries."""
    if REGISTER not in draft.body:
        return
    found = paid_before(reading, kept_keys(reading, draft.body[REGISTER]), draft.year)
    if found:
        raise InputError(
            both("有病例已在其他年度支付，不予入账", "cases were paid in another year"),
            where=draft.subject or draft.kind,
            faults=[told(own) for own in found],
            remedy=both(
                "从本年的病例中删去后重新清算",
                "leave them out of this year's cases, and settle again",
            ),
        )


def told(own: Twice) -> Any:
    """Return how many cases another entry paid."""
    count = len(own.places)
    return both(
        f"{count} 例已于 {own.entry.year} 年（第 {own.entry.number} 号）支付",
        f"{count} cases were paid in {own.entry.year} (entry {own.entry.number})",
    )

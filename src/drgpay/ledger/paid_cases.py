"""The register of paid cases across months and years: a case that was paid once is paid no more.

Each entry that pays cases keeps their keys as documents of the book: 16 bytes a case, the beginning
of the SHA-256 of institution and case, sorted. A month keeps those that its year's months before did
not pay, and those that they paid and it takes back. The clearing takes over what its months paid; a
version that reopens it stands in its place. So the register is chained, backed up and
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

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.times import day

if TYPE_CHECKING:
    import pyarrow as pa

    from drgpay.ledger.entries import Document, Draft, Entry

REGISTER = "paid_cases"  # of an entry's body: cases, and the digests of their keys' documents
TAKEN_BACK = "cases_taken_back"  # of a month's body, as REGISTER: paid by a month before, no more
FILE = "paid_cases.parquet"
APART = "\x1f"  # between institution and case
PART = 2_500_000  # keys a document, within what a document may hold
MONTH = "month"
KINDS = (MONTH, "clearing", "reopening")


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


def known_among(known: pa.Table, keys: pa.Table) -> Any:
    """Return by key whether it is among known ones, which are sorted: an array of truth values."""
    import numpy as np

    a, b = (keys[name].to_numpy() for name in ("a", "b"))
    first, second = (known[name].to_numpy() for name in ("a", "b"))
    hit = np.zeros(len(a), dtype=bool)
    at = np.searchsorted(first, a)
    for step in (0, 1):  # two cases of one register may begin alike
        place = np.minimum(at + step, len(first) - 1) if len(first) else None
        if place is not None:
            hit |= (first[place] == a) & (second[place] == b)
    return hit


def standing(reading: Kept, year: int | None = None) -> dict[int, list[Entry]]:
    """Return by year (of one, or all) the entries whose registers hold, in order.

    They are the months until the year is cleared, then the clearing or the version that reopened it.
    """
    found: dict[int, list[Entry]] = {}
    for entry in reading.entries(KINDS):
        if REGISTER in entry.body and year in (None, entry.year):
            months = found.get(entry.year, []) if entry.kind == MONTH else []
            found[entry.year] = [*months, entry]
    return found


def paid_before(
    reading: Kept, keys: pa.Table, year: int | None = None, *, only: bool = False
) -> list[Twice]:
    """Return which cases were paid in another year than one (or in any), by the entries that paid them.

    `only`: in that year instead.
    """
    import numpy as np

    found = []
    for own, entries in standing(reading, year if only else None).items():
        if own == year and not only:
            continue
        paid: list[tuple[Entry, Any]] = []
        for entry in entries:
            if TAKEN_BACK in entry.body:
                back = known_among(kept_keys(reading, entry.body[TAKEN_BACK]), keys)
                paid = [(by, hit & ~back) for by, hit in paid]
            paid.append((entry, known_among(kept_keys(reading, entry.body[REGISTER]), keys)))
        found += [Twice(by, np.flatnonzero(hit)) for by, hit in paid if hit.any()]
    return found


def check_paid_once(reading: Kept, draft: Draft) -> None:
    """Fail if a case of an entry was paid by one that stands. Raises InputError that names the entries.

    Of its own year months and reopenings have looked themselves: what a month keeps is new to it.
    """
    if REGISTER not in draft.body:
        return
    keys = kept_keys(reading, draft.body[REGISTER])
    found = paid_before(reading, keys, draft.year)
    if draft.kind == MONTH:
        found += paid_before(reading, keys, draft.year, only=True)
    if found:
        raise InputError(
            both("有病例已支付，不予入账", "cases were paid before"),
            where=draft.subject or draft.kind,
            faults=[told(own) for own in found],
            remedy=REMEDY,
        )


REMEDY = both(
    "从本次的病例中删去后重新结算", "leave them out of this folder's cases, and settle again"
)


def paid_told(found: Sequence[Twice], hospital_id: str, case_id: str) -> list[Bilingual]:
    """Return by which entries a case was paid, for when, and when they were made."""
    name = f"{hospital_id} {case_id}"
    if not found:
        return [both(f"{name}：未支付过", f"{name}: not paid")]
    return [
        both(
            f"{name}：{period_of(own.entry)}，第 {own.entry.number} 号，{day(own.entry.at)}",
            f"{name}: {period_of(own.entry)}, entry {own.entry.number}, {day(own.entry.at)}",
        )
        for own in found
    ]


def period_of(entry: Entry) -> str:
    """Return the month or the year whose cases an entry paid."""
    return str(entry.body["month"]) if entry.kind == MONTH else str(entry.year)


def told(own: Twice) -> Any:
    """Return how many cases another entry paid, for when, and when it was made."""
    count, entry, at = len(own.places), own.entry, day(own.entry.at)
    period = period_of(entry)
    return both(
        f"{count} 例已在 {period} 支付（第 {entry.number} 号，{at}）",
        f"{count} cases were paid in {period} (entry {entry.number}, {at})",
    )

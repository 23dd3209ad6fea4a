"""Net refunds (退费) with the settlements that they reverse, to the fen.

A refund names its settlement (`refund_of`), or has its case id, or is of the same patient,
hospital and day of admission. A whole refund takes both rows out, a part of it reduces the
settlement. Every row ends as one of: out, netted, quarantined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.arrays import trimmed
from drgpay.cases.quarantine import Quarantine
from drgpay.ground.arrow import decimal_column
from drgpay.ground.errors import BooksError, both

FILE, ROW = "__file", "__row"  # columns that say where a row came from
AMOUNTS = (
    "total_cost", "pool_fund", "personal_paid", "other_paid", "items_total", "own_paid",
    "deductible",
)  # fmt: skip
_IDS = ("case_id", "refund_of", "patient_id", "hospital_id", "pool")
_YUAN = pa.decimal128(14, 2)
NETTED_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("case_id", pa.string()),
        ("refund_of", pa.string()),
        ("what", pa.string()),
        *((name, _YUAN) for name in AMOUNTS),
        ("remaining_total_cost", _YUAN),
        ("message", pa.string()),
    ]
)
# what became of a row: of the refund, or of the settlement that it took away
WHAT = {
    "full": both("全额退费，与原结算一并剔除", "whole refund: it and its settlement are left out"),
    "partial": both("部分退费，已从原结算中减去", "part of it refunded: taken off the settlement"),
    "reversed": both(
        "原结算已全额退费，剔除", "the settlement was refunded wholly and is left out"
    ),
}
Stay = tuple[str, str | None, int]


@dataclass
class _Entry:
    """A row that is a refund or may be the settlement of one; amounts in fen."""

    position: int
    file: str
    row: int
    ids: dict[str, str | None]
    admission: int
    amounts: dict[str, int | None]

    @property
    def stay(self) -> Stay | None:
        patient = self.ids["patient_id"]
        if patient is None or self.admission == parse.MISSING_DATE:
            return None
        return patient, self.ids["hospital_id"], self.admission

    def fits(self, other: _Entry) -> bool:
        """Whether two rows may be of one person, hospital and pool: none is another where known."""
        return all(
            self.ids[name] in (None, other.ids[name]) or other.ids[name] is None
            for name in ("patient_id", "hospital_id", "pool")
        )


@dataclass
class Netting:
    """What netting found: rows to leave out, amounts to put in, and the books of it.

    `reduced` lists what was changed of settlements that go on: file, row, case id, column, fen
    before and after.
    """

    rows: int = 0
    removed: set[int] = field(default_factory=set)
    changed: dict[int, dict[str, int | None]] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)
    reduced: list[tuple[str, int, str, str, int | None, int | None]] = field(default_factory=list)
    quarantine: Quarantine = field(default_factory=Quarantine)

    @property
    def netted(self) -> int:
        """How many rows were netted away: refunds, and settlements refunded wholly."""
        return len(self.notes)

    @property
    def kept(self) -> int:
        """How many rows go on."""
        return self.rows - len(self.removed)

    def apply(self, table: pa.Table, first: int) -> pa.Table:
        """Return the rows of a table that go on, with their net amounts; `first` is its position."""
        here = [p for p in self.changed if first <= p < first + len(table)]
        for name in AMOUNTS:
            if not here or name not in table.column_names:
                continue
            fen, _ = parse.money(table[name])
            for position in here:
                value = self.changed[position][name]
                fen[position - first] = parse.MISSING_MONEY if value is None else value
            empty = fen == parse.MISSING_MONEY
            kind = table.schema.field(name).type
            column = decimal_column(np.where(empty, 0, fen), 18, 2, empty)
            place = table.column_names.index(name)
            table = table.set_column(place, name, column.cast(kind))
        gone = [p - first for p in self.removed if first <= p < first + len(table)]
        if gone:
            keep = np.ones(len(table), dtype=np.bool_)
            keep[gone] = False
            table = table.filter(pa.array(keep))
        return table

    def table(self, lang: str = "zh") -> pa.Table:
        """Return one row for each row that was netted away."""
        notes = sorted(self.notes, key=lambda note: (note["file"], note["row"]))
        rows = [note | {"message": WHAT[note["what"]].of(lang)} for note in notes]
        return pa.Table.from_pylist(rows, schema=NETTED_SCHEMA)


def is_refund(table: pa.Table) -> NDArray[np.bool_]:
    """Return which rows are refunds: marked so, or with a negative total cost."""
    found = np.zeros(len(table), dtype=np.bool_)
    if "refund" in table.column_names:
        flags, _ = parse.flags(table["refund"])
        found |= flags == 1
    if "total_cost" in table.column_names:
        fen, _ = parse.money(table["total_cost"])
        found |= (fen < 0) & (fen != parse.MISSING_MONEY)
    return found


def net_refunds(read: Callable[[], Iterable[pa.Table]]) -> Netting:
    """Return the netting of a table that `read` gives, part by part, as often as it is called.

    Columns have our names; `__file` and `__row`, where present, say where a row came from. Only
    refunds and what they may belong to are held. The order of rows does not matter but for
    several refunds of one settlement, which are taken in order.
    """
    out = Netting()
    refunds: list[_Entry] = []
    for first, table in _placed(read()):
        out.rows += len(table)
        refunds += _entries(table, np.flatnonzero(is_refund(table)), first)
    if not refunds:
        return out
    by_id, by_stay = _candidates(read, refunds)
    left: dict[int, dict[str, int | None]] = {}
    originals: dict[int, _Entry] = {}
    for refund in refunds:
        original, reason = _original(refund, by_id, by_stay)
        if original is not None:
            before = left.get(original.position, original.amounts)
            after = None if _gone(before) else _reduced(before, refund.amounts)
            if after is not None:
                left[original.position] = after
                originals[original.position] = original
                _note(out, refund, original, after)
                continue
            reason = "refund_amounts"
        out.removed.add(refund.position)
        shown = refund.amounts["total_cost"]
        column = "refund_of" if reason != "refund_amounts" else "total_cost"
        value = refund.ids["refund_of"] if column == "refund_of" else plain_yuan(shown)
        out.quarantine.add(
            refund.file, refund.row, refund.ids["case_id"], column, value, str(reason)
        )
    for position, amounts in sorted(out.changed.items()):
        entry = originals[position]
        place = entry.file, entry.row, entry.ids["case_id"] or ""
        out.reduced += [
            (*place, name, entry.amounts[name], value)
            for name, value in amounts.items()
            if value != entry.amounts[name]
        ]
    if out.kept + out.netted + len(out.quarantine) != out.rows:
        raise BooksError(
            both(
                f"{out.rows} 行 ≠ 保留 {out.kept} + 冲抵 {out.netted} + 隔离 {len(out.quarantine)}",
                f"{out.rows} rows ≠ kept {out.kept} + netted {out.netted} + quarantined "
                f"{len(out.quarantine)}",
            )
        )
    return out


def _placed(tables: Iterable[pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    first = 0
    for table in tables:
        yield first, table
        first += len(table)


def _entries(table: pa.Table, rows: NDArray[np.int64], first: int) -> list[_Entry]:
    if not len(rows):
        return []
    some = table.take(pa.array(rows))
    have = some.column_names

    def texts(name: str) -> list[str | None]:
        if name not in have:
            return [None] * len(some)
        return [text or None for text in trimmed(some[name]).to_pylist()]

    ids = {name: texts(name) for name in _IDS}
    files, numbers = texts(FILE), texts(ROW)
    days = parse.dates(some["admission_date"])[0].tolist() if "admission_date" in have else None
    fen = {name: parse.money(some[name])[0].tolist() for name in AMOUNTS if name in have}
    out = []
    for i, row in enumerate(rows.tolist()):
        amounts = {
            name: None if name not in fen or fen[name][i] == parse.MISSING_MONEY else fen[name][i]
            for name in AMOUNTS
        }
        out.append(
            _Entry(
                first + row,
                files[i] or "",
                int(numbers[i] or first + row + 1),
                {name: ids[name][i] for name in _IDS},
                days[i] if days else parse.MISSING_DATE,
                amounts,
            )
        )
    return out


def _candidates(
    read: Callable[[], Iterable[pa.Table]], refunds: list[_Entry]
) -> tuple[dict[str, list[_Entry]], dict[Stay, list[_Entry]]]:
    """Return the settlements that refunds may belong to, by case id and by stay."""
    names = pa.array(
        sorted({r.ids["refund_of"] or r.ids["case_id"] or "" for r in refunds}), pa.string()
    )
    stays = {r.stay for r in refunds if r.ids["refund_of"] is None and r.stay is not None}
    patients = pa.array(sorted({stay[0] for stay in stays}), pa.string())
    by_id: dict[str, list[_Entry]] = {}
    by_stay: dict[Stay, list[_Entry]] = {}
    for first, table in _placed(read()):
        hit = _among(table, "case_id", names) | _among(table, "patient_id", patients)
        for entry in _entries(table, np.flatnonzero(hit & ~is_refund(table)), first):
            by_id.setdefault(entry.ids["case_id"] or "", []).append(entry)
            if entry.stay in stays and entry.stay is not None:
                by_stay.setdefault(entry.stay, []).append(entry)
    return by_id, by_stay


def _among(table: pa.Table, name: str, values: pa.Array) -> NDArray[np.bool_]:
    if name not in table.column_names or not len(values):
        return np.zeros(len(table), dtype=np.bool_)
    return np.asarray(pc.is_in(trimmed(table[name]), value_set=values))


def _original(
    refund: _Entry, by_id: Mapping[str, list[_Entry]], by_stay: Mapping[Stay, list[_Entry]]
) -> tuple[_Entry | None, str]:
    """Return the settlement of a refund, or None and why there is none."""
    named = refund.ids["refund_of"]
    found = by_id.get(named or refund.ids["case_id"] or "", [])
    if not found and named is None and refund.stay is not None:
        found = by_stay.get(refund.stay, [])
        if len(found) > 1:
            total = abs(refund.amounts["total_cost"] or 0)
            found = [f for f in found if f.amounts["total_cost"] == total] or found
    if len(found) > 1:
        return None, "refund_ambiguous"
    if not found or not refund.fits(found[0]):
        return None, "refund_without_original"
    return found[0], ""


def _gone(amounts: Mapping[str, int | None]) -> bool:
    """Whether nothing is left of a settlement that had a total."""
    return amounts["total_cost"] == 0


def _reduced(
    before: Mapping[str, int | None], refund: Mapping[str, int | None]
) -> dict[str, int | None] | None:
    """Return a settlement's amounts less a refund's, None when they do not fit.

    Amounts that a refund does not name are refunded with a whole one. A part must say who gets
    how much back, where the settlement says who paid.
    """
    given = {name: value for name, value in refund.items() if value is not None}
    if any(v < 0 for v in given.values()) and any(v > 0 for v in given.values()):
        return None
    total, all_of_it = refund["total_cost"], before["total_cost"]
    if total is None or all_of_it is None:
        # without amounts on both sides, the mark alone reverses the settlement
        if total is None and all_of_it is None:
            return dict.fromkeys(before, 0)
        return None
    if not total:
        return None
    after: dict[str, int | None] = {}
    whole = abs(total) == all_of_it
    for name, value in before.items():
        back = abs(given[name]) if name in given else None
        if back is None:
            after[name] = 0 if whole else value
        elif value is None:
            after[name] = None
        else:
            after[name] = value - back
    left = {name: value or 0 for name, value in after.items()}
    if not whole and _owed(before) != _owed(after):
        return None
    if min(left.values()) < 0 or left["pool_fund"] > left["total_cost"]:
        return None
    if whole and any(left.values()):
        return None
    return after


def _owed(amounts: Mapping[str, int | None]) -> int | None:
    """Return the total less what all payers paid, None where some payer is not known."""
    paid = [amounts[name] for name in ("pool_fund", "personal_paid", "other_paid")]
    total = amounts["total_cost"]
    if total is None or any(fen is None for fen in paid):
        return None
    return total - sum(fen or 0 for fen in paid)


def _note(out: Netting, refund: _Entry, original: _Entry, after: dict[str, int | None]) -> None:
    whole, remaining = _gone(after), after["total_cost"]
    name = original.ids["case_id"] or ""
    out.removed.add(refund.position)
    out.notes.append(_noted(refund, "full" if whole else "partial", name, remaining))
    if whole:
        out.removed.add(original.position)
        out.changed.pop(original.position, None)
        out.notes.append(_noted(original, "reversed", "", remaining))
    else:
        out.changed[original.position] = after


def _noted(entry: _Entry, what: str, refund_of: str, remaining: int | None) -> dict[str, Any]:
    """Return a row of what was netted away, but for its message."""
    amounts = entry.amounts | {"remaining_total_cost": remaining}
    yuan = {name: None if fen is None else Decimal(fen).scaleb(-2) for name, fen in amounts.items()}
    case_id = entry.ids["case_id"] or ""
    ids = {"file": entry.file, "row": entry.row, "case_id": case_id, "refund_of": refund_of}
    return {**ids, "what": what, **yuan}


def plain_yuan(fen: int | None) -> str:
    """Return fen as yuan without separators, empty for none.

    >>> plain_yuan(-123405)
    '-1234.05'
    """
    if fen is None:
        return ""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"

"""Write an invented region: blocks to Parquet, the small tables as CSV, region.toml last."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.ground.arrow import decimal_column
from drgpay.ground.money import decimal_text
from drgpay.synth.cases import Block
from drgpay.synth.city import POOLS
from drgpay.synth.plan import BED_DAY_CLASSES, BLOCK, Plan

Array = NDArray[Any]
TEMPLATES = Path(__file__).with_name("templates")
_SEXES = pa.array(["M", "F"], pa.string())
_MODES = pa.array(["drg", "day_surgery", "bed_day"], pa.string())
# columns written with a dictionary: neither ids nor amounts
ENCODED = [
    "hospital_id", "pool", "sex", "age_years", "age_days", "birth_weight_g", "admission_date",
    "discharge_date", "settlement_date", "los_days", "discharge_way", "icu", "department",
    "diagnoses", "procedures", "payment_mode", "bed_day_class", "referral_group",
    "diagnoses.list.element", "procedures.list.element",
]  # fmt: skip


def numbered(prefix: str, values: Array, digits: int) -> pa.Array:
    """Return texts of a prefix and a number with leading zeros."""
    head = prefix.encode()
    width = len(head) + digits
    letters = np.empty((len(values), width), dtype=np.uint8)
    letters[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    rest = values.astype(np.int64)
    for place in range(width - 1, len(head) - 1, -1):
        rest, digit = np.divmod(rest, 10)
        letters[:, place] = digit + 48
    offsets = np.arange(len(values) + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(
        len(values), pa.py_buffer(offsets), pa.py_buffer(letters.reshape(-1))
    )


def case_ids(year: int, numbers: Array) -> pa.Array:
    """Return case ids of a year."""
    return numbered(f"S{year}", numbers, 9)


def _words(words: pa.Array, index: Array, none: Array | None = None) -> pa.Array:
    indices = pa.array(index.astype(np.int16), mask=none)
    return pa.DictionaryArray.from_arrays(indices, words)


def money(fen: Array) -> pa.Array:
    """Return fen from 0 as decimals of a yuan."""
    return decimal_column(fen, 12, 2)


def days(values: Array) -> pa.Array:
    """Return days since 1970 as dates."""
    return pa.array(values.astype(np.int32)).view(pa.date32())


def _lists(offsets: Array, index: Array, words: pa.Array) -> pa.Array:
    """Return lists of codes over a dictionary of those that occur."""
    met = np.flatnonzero(np.bincount(index, minlength=len(words)))
    place = np.zeros(len(words), dtype=np.int32)
    place[met] = np.arange(len(met), dtype=np.int32)
    codes = pa.DictionaryArray.from_arrays(pa.array(place[index]), words.take(pa.array(met)))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), codes)


def table(plan: Plan, block: Block) -> pa.Table:
    """Return a block as a table with the canonical columns."""
    pools = pa.array([code for code, _ in POOLS], pa.string())
    some = np.flatnonzero(block.referral >= 0)
    place = np.zeros(len(block), dtype=np.int32)
    place[some] = np.arange(len(some), dtype=np.int32)
    groups = numbered(f"R{block.year}", block.referral[some], 9)
    ways = pa.array([str(i) for i in range(10)], pa.string())

    return pa.table(
        {
            "case_id": case_ids(block.year, block.case_number),
            "hospital_id": _words(pa.array(plan.city.ids, pa.string()), block.hospital),
            "patient_id": numbered("P", block.patient, 13),
            "pool": _words(pools, block.pool),
            "sex": _words(_SEXES, np.maximum(block.sex, 1) - 1, block.sex == 0),
            "age_years": pa.array(block.age_years),
            "age_days": pa.array(block.age_days, mask=block.age_days < 0),
            "birth_weight_g": pa.array(block.birth_weight_g, mask=block.birth_weight_g < 0),
            "admission_date": days(block.admission),
            "discharge_date": days(block.discharge),
            "settlement_date": days(block.settlement),
            "los_days": pa.array(block.los_days),
            "discharge_way": _words(ways, block.discharge_way),
            "icu": pa.array(block.icu),
            "department": _words(plan.departments, block.department),
            "diagnoses": _lists(block.dx_offsets, block.dx_words, plan.diagnosis_words),
            "procedures": _lists(block.px_offsets, block.px_words, plan.procedure_words),
            "total_cost": money(block.total),
            "pool_fund": money(block.fund),
            "personal_paid": money(block.personal),
            "other_paid": money(block.other),
            "payment_mode": _words(_MODES, block.mode),
            "bed_day_class": _words(
                pa.array(BED_DAY_CLASSES, pa.string()),
                np.maximum(block.bed_day_class, 0),
                block.bed_day_class < 0,
            ),
            "referral_group": groups.take(pa.array(place, mask=block.referral < 0))
            if len(some)
            else pa.nulls(len(block), pa.string()),
        }
    )


class BlockFile:
    """A Parquet file written block by block; it appears under its name when whole."""

    def __init__(self, path: Path, rows: int | None = None, **options: Any) -> None:
        self.path, self.part = path, path.with_name(f".{path.name}.part")
        self.rows, self.options = rows, options  # rows of a group, all of a block without
        self.writer: Any = None

    def __enter__(self) -> BlockFile:
        return self

    def write(self, block: pa.Table) -> None:
        """Write a block."""
        if self.writer is None:
            options = {"compression": "zstd", **self.options}
            self.writer = pq.ParquetWriter(self.part, block.schema, **options)
        self.writer.write_table(block, row_group_size=self.rows)

    def __exit__(self, kind: object, *rest: object) -> None:
        if self.writer is not None:
            self.writer.close()
        if kind is None:
            self.part.replace(self.path)
        else:
            self.part.unlink(missing_ok=True)


def case_file(path: Path) -> BlockFile:
    """Return a file for cases, one row group a block."""
    return BlockFile(
        path,
        BLOCK,
        compression_level=1,
        use_dictionary=ENCODED,
        store_schema=False,
        store_decimal_as_integer=True,
    )


def write_csv(path: Path, header: str, rows: Iterable[Iterable[object]]) -> None:
    """Write a small table."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")


def yuan(fen: int) -> str:
    """Return fen as yuan with two decimals."""
    return decimal_text(Fraction(fen, 100), 2)


def filled(template: str, **values: object) -> str:
    """Return one of the texts of the folder `templates` with its values put in."""
    return (TEMPLATES / template).read_text(encoding="utf-8").format(**values)


def write_text(path: Path, template: str, **values: object) -> None:
    """Write one of the texts of the folder `templates` with its values put in."""
    path.write_text(filled(template, **values), encoding="utf-8", newline="")

"""The columns that pass between stages, as Arrow has them and as Spark's DDL names them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

READ = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("case_id", pa.string()),
        ("patient_id", pa.string()),
        ("severity_diagnosis", pa.string()),
        ("hospital", pa.int32()),
        ("pool", pa.int8()),
        ("admission", pa.int32()),
        ("discharge", pa.int32()),
        ("key_day", pa.int32()),
        ("days", pa.int32()),
        ("cost", pa.int64()),
        ("fund", pa.int64()),
        ("day_surgery", pa.bool_()),
        ("bed_class", pa.int16()),
        ("way", pa.int8()),
        ("doubt", pa.int16()),
        ("planned", pa.bool_()),
        ("personal", pa.int64()),
        ("referral", pa.string()),  # null where the policy counts no chains
        ("deductible", pa.int64()),
        ("drg", pa.int16()),
        ("adrg", pa.int16()),
        ("mdc", pa.int8()),
        ("status", pa.int8()),
        ("reason", pa.int8()),
        ("level", pa.int16()),
        ("version", pa.int8()),
        ("kind", pa.int32()),  # of a readmission; null: the stay takes no part
        ("decision", pa.int8()),
        ("unreasonable", pa.int64()),
        ("review_points", pa.int64()),
        ("note_column", pa.string()),
        ("note_value", pa.string()),
        ("note_reason", pa.string()),
    ]
)
CHAIN = pa.schema(  # of a stay of a referral chain, null in the others
    [
        ("chain", pa.string()),
        ("chain_first", pa.bool_()),
        ("chain_last", pa.bool_()),
        ("chain_class", pa.int8()),
        ("chain_coefficient", pa.int64()),
        ("chain_points", pa.int64()),
        ("chain_paid_by", pa.int8()),
        ("chain_price", pa.int64()),
        ("chain_unreasonable", pa.int64()),
    ]
)
CHAINED = pa.schema([*READ, *CHAIN])
TO_SCORE = pa.schema([*CHAINED, ("correction_day", pa.int32())])
ITEMS = pa.schema(
    [
        ("points", pa.int64()),
        ("not_pool", pa.int64()),
        ("fund", pa.int64()),
        ("cost", pa.int64()),
        ("account", pa.int64()),
    ]
)
PACKED = pa.schema([("packed", pa.binary())])
PAST = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("case_id", pa.string()),
        ("patient_id", pa.string()),
        ("grp", pa.int32()),
        ("year", pa.int32()),
        ("cost", pa.int64()),
        ("hospital", pa.int32()),
        ("not_pool", pa.int64()),
        ("place", pa.int64()),  # account x 12 + month in the year before; null: none
        ("fund", pa.int64()),
        ("note_column", pa.string()),
        ("note_value", pa.string()),
        ("note_reason", pa.string()),
    ]
)
_DDL = {
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.string(): "string",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.binary(): "binary",
}


def ddl(schema: pa.Schema) -> str:
    """Return an Arrow schema as Spark's DDL.

    >>> ddl(pa.schema([("a", pa.int8()), ("b", pa.decimal128(20, 4))]))
    'a tinyint, b decimal(20,4)'
    """
    return ", ".join(f"{field.name} {_type(field.type)}" for field in schema)


def _type(kind: Any) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return _DDL[kind]

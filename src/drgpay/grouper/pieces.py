"""Grouped pieces: one piece of cases grouped, and what its rows become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.encode import EncodedCases, Faults, encode_cases
from drgpay.cases.pieces import Piece
from drgpay.ground.arrow import dictionary_column
from drgpay.grouper.engine import GroupedCases
from drgpay.grouper.outcome import (
    AMBIGUOUS,
    LEVELS,
    NOT_GROUPED,
    QUARANTINED,
    REASONS,
    STATUSES,
)
from drgpay.grouper.provisos import note_provisos
from drgpay.grouper.versions import (
    AnyGrouper,
    VersionedGrouper,
)
from drgpay.names.reasons import GROUPING_REASONS


@dataclass(frozen=True, slots=True)
class GroupedPiece:
    """A piece of the stream after grouping: the table as read, codes, groups, bad rows.

    `version` numbers the versions of a family by row; None when there is one scheme.
    """

    table: pa.Table
    cases: EncodedCases
    grouped: GroupedCases
    faults: Faults
    version: NDArray[np.int8] | None = None


def group_piece(
    piece: Piece,
    grouper: AnyGrouper,
    check: Callable[[Faults], None] | None = None,
    edition: str | None = None,
) -> GroupedPiece:
    """Read, encode and group one piece; `check` may quarantine further rows beforehand.

    `edition` is that of rows that do not say theirs (`EditionChoice`); without it, the one given to
    the grouper, else the scheme's.
    """
    # decided whatever becomes of the piece: others may wait for it
    table = piece.load()
    of_rows = edition or grouper.codes or ""
    faults = Faults.of(table, piece.file, piece.first_row, piece.numbers)
    if check is not None:
        check(faults)
    version = None
    if isinstance(grouper, VersionedGrouper):
        cases, grouped, version = grouper.group_table(table, faults, of_rows)
    else:
        compiled = grouper.compiled
        cases = encode_cases(
            table,
            compiled.encode_diagnoses,
            compiled.procedures.encode,
            faults,
            grouper.recoders,
            compiled.more,
            of_rows,
        )
        grouped = grouper.group_arrays(cases)
        note_provisos(table, cases, grouped, grouper)
    bad = ~cases.good
    if bad.any():
        grouped.reason[bad] = len(GROUPING_REASONS) + faults.why[bad]
    return GroupedPiece(table, cases, grouped, faults, version)


def deciding_diagnoses(part: GroupedPiece) -> pa.Array:
    """Return the code that decided each case's severity, null where none did."""
    deciding = part.grouped.deciding
    words = part.cases.diagnoses.words
    if not len(words):
        return pa.nulls(len(deciding), pa.string())
    index = part.cases.diagnoses.offsets[:-1] + deciding
    none = deciding == 0
    index = np.where(none, 0, index)
    if pa.types.is_dictionary(words.type):
        taken = np.asarray(words.indices.fill_null(0))[index].astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(taken, mask=none), words.dictionary)
    return words.take(pa.array(index, mask=none)).dictionary_encode()


def result_columns(part: GroupedPiece, grouper: AnyGrouper) -> dict[str, Any]:
    """Return the result columns of a piece, small dictionaries over integer codes."""
    g, numbers = part.grouped, grouper.numbers
    none = g.status >= NOT_GROUPED
    quarantined = g.status == QUARANTINED
    columns = {
        "case_id": part.table["case_id"],
        "mdc": dictionary_column(grouper.mdc_codes, g.mdc, g.mdc == 0),
        "adrg": dictionary_column(
            numbers.adrgs, numbers.adrg_of[g.group], none | (g.status == AMBIGUOUS)
        ),
        "drg": dictionary_column(numbers.drgs, numbers.drg_of[g.group], quarantined),
        "status": dictionary_column(STATUSES, g.status),
        "reason": dictionary_column(REASONS, g.reason),
        "severity": dictionary_column(LEVELS, g.level, quarantined),
        "severity_diagnosis": deciding_diagnoses(part),
    }
    if isinstance(grouper, VersionedGrouper) and part.version is not None:
        names = [version.id for version in grouper.versions]
        columns["scheme"] = dictionary_column(names, part.version, quarantined)
    return columns


def result_table(part: GroupedPiece, grouper: AnyGrouper) -> pa.Table:
    """Return the result of a piece, one row for each row of the piece, in its order."""
    return pa.table(result_columns(part, grouper))


def scheme_name(grouper: AnyGrouper) -> str:
    """Return the id of a grouper's scheme, the name of a family of versions."""
    return grouper.family.name if isinstance(grouper, VersionedGrouper) else grouper.scheme.id

"""How the codes of a scheme are written in a city whose codes are of another edition.

A code is used only when what is written for it is read back as the same code; of several such
words the code itself comes first, then one of the edition's own table.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.codes import Recoder
from drgpay.ground.reference import reference_dir
from drgpay.grouper import Grouper


@dataclass(frozen=True, slots=True)
class Words:
    """The words of N codes in their order, null for those that the edition has none for.

    `usable` says by number, 0 for the unknown code, which codes have a word.
    """

    words: pa.Array
    usable: NDArray[np.bool_]


def written(grouper: Grouper, edition: str) -> tuple[Words, Words]:
    """Return how a scheme's diagnoses and procedures are written in an edition."""
    scheme = grouper.scheme
    of_diagnoses, of_procedures = grouper.recoders
    return (
        _written(of_diagnoses, scheme.diagnoses.codes, edition, "diagnoses"),
        _written(of_procedures, scheme.procedures.codes, edition, "procedures"),
    )


def _written(recoder: Recoder, codes: pa.ChunkedArray, edition: str, table: str) -> Words:
    plain = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    own = plain.cast(pa.string())
    reading = recoder.reading(edition)
    if reading is None:
        return Words(own, np.append([False], np.ones(len(own), dtype=np.bool_)))
    listed = _listed(edition, table)
    # the code itself, the words that the edition lists, then all others of the map
    asked = [c for c in own.to_pylist() if c in (reading.pairs if reading.every else listed)]
    asked += sorted(reading.pairs, key=lambda word: (word not in listed, word))
    read, _ = recoder.dictionary(pa.array(asked, pa.string()), edition)
    word_of: dict[str, str] = {}
    for word, code in zip(asked, read.to_pylist(), strict=True):
        if word == code:
            word_of[code] = word
        else:
            word_of.setdefault(code, word)
    words = [word_of.get(code) for code in own.to_pylist()]
    usable = np.array([False, *(word is not None for word in words)])
    return Words(pa.array(words, pa.string()), usable)


def _listed(edition: str, table: str) -> frozenset[str]:
    """Return the codes of an edition's own table, none where it is not bundled."""
    path = reference_dir() / "code_systems" / edition / f"{table}.csv"
    if not path.exists():
        return frozenset()
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return frozenset(row["code"] for row in csv.DictReader(stream))

"""One column as texts without blanks around them, whatever type a file has it in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.arrays import texts_of
from drgpay.cases.parse import Mask


def column_of(table: pa.Table, name: str) -> tuple[pa.Array, Mask]:
    """Return a column's texts as `texts_of` does; empty ones for a column that is not there."""
    if name in table.column_names:
        return texts_of(table[name])
    empty = pa.array(np.full(len(table), "", dtype=object), pa.string())
    return empty, np.zeros(len(table), dtype=np.bool_)


def is_empty(texts: pa.Array) -> Mask:
    """Return which texts are empty."""
    return np.asarray(pc.equal(texts, ""))


class Words:
    """Numbers for the texts of a column as they are met; the empty text is 0."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {"": 0}

    def of(self, texts: pa.Array) -> NDArray[np.int64]:
        """Return the number of each text."""
        found = texts.dictionary_encode()
        words = found.dictionary.to_pylist()
        table = np.zeros(len(words) + 1, dtype=np.int64)
        for place, word in enumerate(words):
            table[place] = self.numbers.setdefault(word, len(self.numbers))
        numbers: NDArray[np.int64] = table[np.asarray(found.indices)]
        return numbers

    def words(self) -> list[str]:
        """Return the texts by their numbers."""
        return list(self.numbers)

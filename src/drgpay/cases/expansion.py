"""What the cells of a columnar file take when each is written out, held against what cases can be.

A word of a dictionary stands once in a Parquet file, however many rows name it, so that a few
kilobytes may stand for any amount of text. What no table of cases holds is refused before it is
written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.cases.parquet_footer import Chunk
from drgpay.ground.errors import InputError, both

ANY_SIZE: Final = 256 << 20  # bytes that a table may take whatever its rows
BYTES_A_ROW: Final = 1_024  # beyond it, on average: 80 codes a case and all the rest
FEWEST_ROWS: Final = 1_000_000  # rows that a file may have whatever its size
DENSE: Final = 2  # bytes a value: a column that has more in its file is no constant one
_NUMBER = 8  # bytes of a number, or of the place of a word


def too_many_rows(path: Path, rows: int) -> bool:
    """Whether a file announces more rows than it has bytes, of which each row takes at least one."""
    return rows > max(FEWEST_ROWS, path.stat().st_size)


def check_rows(path: Path, rows: int) -> None:
    """Raise InputError for a file that announces more rows than it can hold."""
    if too_many_rows(path, rows):
        raise InputError(
            both(
                f"文件自称有{rows:,}行，多于它的字节数：文件已损坏，或不是病例",
                f"the file announces {rows:,} rows, more than it has bytes: it is damaged, or holds "
                "no cases",
            ),
            where=path,
            remedy=both("从原系统重新导出", "export it again"),
        )


def check_size(table: pa.Table | pa.RecordBatch, where: str | Path) -> None:
    """Raise InputError for a table whose cells, written out, take more than cases can."""
    if len(table):
        most = _bytes_of(table, exact=False)
        check(most, len(table), where, partial(_bytes_of, table, exact=True))


def check_group(
    file: pq.ParquetFile, group: int, chunks: Sequence[Chunk], words: Sequence[str], where: Path
) -> None:
    """Raise InputError for a row group whose cells, written out, take more than cases can.

    `file` is opened with its texts as dictionaries, `chunks` are those that will be read. Columns
    of `words` stay dictionaries when they are read, so that `check_size` sees them in time.
    """
    rows = file.metadata.row_group(group).num_rows
    total = sum(chunk.values * _NUMBER for chunk in chunks)
    check(total, rows, where, partial(int, total))
    for chunk in chunks:
        if chunk.path not in words or chunk.grows:
            total += _bytes_of_chunk(file, group, chunk, allowed(rows))
    check(total, rows, where, partial(int, total))


def allowed(rows: int) -> int:
    """Return how many bytes the cells of so many rows may take."""
    return max(ANY_SIZE, BYTES_A_ROW * rows)


def check(most: int, rows: int, where: str | Path, exact: Callable[[], int]) -> None:
    """Raise InputError when cells take more than cases can: at `most` so much, and then exactly."""
    limit = allowed(rows)
    if most <= limit or (size := exact()) <= limit:
        return
    raise InputError(
        both(
            f"展开后至少 {size >> 20:,} MiB，平均每行至少 {size // max(rows, 1):,} 字节，病例不会这样大：不予读取",
            f"its cells written out take at least {size >> 20:,} MiB, {size // max(rows, 1):,} bytes a "
            "row, which no cases do: not read",
        ),
        where=where,
        remedy=both(
            "核对诊断、手术等列是否重复堆积，从原系统重新导出",
            "look for repeated contents in the columns of codes, and export it again",
        ),
    )


def _bytes_of_chunk(file: pq.ParquetFile, group: int, chunk: Chunk, limit: int) -> int:
    """Return what a column chunk takes when read: at least what it is, more where words repeat.

    What is beyond `limit` is not counted to its end.
    """
    values, stored = chunk.values, chunk.stored
    dense = chunk.packed >= DENSE * values
    if not chunk.is_text or dense or values * stored <= ANY_SIZE:
        return stored
    if chunk.grows:
        few = max(1, ANY_SIZE // stored)
    else:
        words = next(_batches(file, group, chunk.column, 1), None)
        longest = 0 if words is None else int(_lengths(_innermost(words)).max(initial=0))
        if values * longest <= ANY_SIZE:
            return stored + values * longest
        few = FEWEST_ROWS
    size = 0
    for array in _batches(file, group, chunk.column, few):
        size += _bytes(array, exact=True)
        if size > limit:
            break
    return size


def _batches(file: pq.ParquetFile, group: int, column: str, rows: int) -> Iterator[pa.Array]:
    found = file.iter_batches(rows, row_groups=[group], columns=[column], use_threads=False)
    return (batch.column(0) for batch in found)


def _innermost(array: pa.Array) -> pa.Array:
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        array = array.values
    return array.dictionary if pa.types.is_dictionary(array.type) else array


def _lengths(words: pa.Array) -> NDArray[np.int64]:
    """Return the bytes of each word; of what is no text, its width."""
    kind = words.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind):
        return np.asarray(pc.fill_null(pc.binary_length(words), 0), dtype=np.int64)
    return np.full(len(words), 8, dtype=np.int64)


def _bytes_of(table: pa.Table | pa.RecordBatch, *, exact: bool) -> int:
    """Return what the cells of a table take when each is written out, or at most take."""
    columns = [getattr(column, "chunks", [column]) for column in table.columns]
    return sum(_bytes(array, exact=exact) for chunks in columns for array in chunks)


def _bytes(array: pa.Array, *, exact: bool) -> int:
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return int(array.nbytes) if not _names_words(kind) else _bytes(array.flatten(), exact=exact)
    if not pa.types.is_dictionary(kind):
        return int(array.nbytes)
    lengths = _lengths(array.dictionary)
    if not len(lengths):
        return 0
    if not exact:
        return len(array) * (int(lengths.max()) + 4)
    named = np.bincount(np.asarray(array.indices.drop_null()), minlength=len(lengths))
    return 4 * len(array) + int(named @ lengths)


def _names_words(kind: pa.DataType) -> bool:
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_dictionary(kind))

"""Editions of codes (编码版本): what they are called, which rows have which, what they leave unknown.

An edition is a property of the data. A row says it in the column `code_system`; else the file's is
declared, or found out by counting which edition knows more of its codes; a scheme has its own.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.arrays import blank, numbers_of
from drgpay.cases.codes import Changes, Recoder
from drgpay.ground.errors import InputError, both

if TYPE_CHECKING:
    from drgpay.cases.pieces import Piece

COLUMN = "code_system"
INSURANCE, CLINICAL = "insurance-2.0", "clinical-2022"
# what each is called, folded: half-width, lower case, without blanks
WORDS: Mapping[str, tuple[str, ...]] = {
    INSURANCE: (
        "insurance",
        "insurance2.0",
        "医保",
        "医保版",
        "医保2.0",
        "医保版2.0",
        "医保2.0版",
        "国家医保版",
        "国家医保版2.0",
    ),
    CLINICAL: (
        "clinical",
        "国临",
        "国临版",
        "国临2.0",
        "国临版2.0",
        "临床版",
        "临床版2.0",
        "国家临床版",
        "国家临床版2.0",
    ),
}
CHINESE: Mapping[str, str] = {INSURANCE: "医保版", CLINICAL: "国临版"}
_NAMED = {word: name for name, words in WORDS.items() for word in words}
SAMPLE = 2_000  # first rows of a file by which its edition is found out
MAX_CHANGES = 100_000  # of a run; beyond it, codes without a target are counted, not named
KINDS = ("diagnosis", "procedure")


def edition_named(word: str) -> str:
    """Return the name of an edition that is called so; an unknown word as it is.

    >>> edition_named("医保版 2.0"), edition_named("clinical-2022"), edition_named("local")
    ('insurance-2.0', 'clinical-2022', 'local')
    """
    text = unicodedata.normalize("NFKC", word).strip()
    return _NAMED.get(text.lower().replace(" ", ""), text)


def shown_edition(name: str) -> str:
    """Return an edition as it is shown to Chinese readers."""
    return f"{CHINESE[name]}（{name}）" if name in CHINESE else name


@dataclass(frozen=True)
class RowEditions:
    """The editions of N rows: `which` numbers `names` by row, None when all have the first."""

    names: tuple[str, ...]
    which: NDArray[np.int8] | None = None

    def read(
        self,
        recoder: Recoder,
        words: pa.DictionaryArray,
        lengths: NDArray[np.int64],
        changes: Changes,
    ) -> pa.DictionaryArray:
        """Return the codes of the rows, of which each has so many, as they are read."""
        if self.which is None:
            return recoder.words(words, changes, self.names[0])
        return recoder.mixed(words, changes, self.names, np.repeat(self.which, lengths))

    def known(self, recoder: Recoder) -> Callable[[pa.Array], NDArray[np.bool_]]:
        """Return what says which codes one of the editions knows, and the scheme with it."""

        def knows(codes: pa.Array) -> NDArray[np.bool_]:
            found = recoder.knows(codes, self.names[0])
            for name in self.names[1:]:
                found = found | recoder.knows(codes, name)
            return found

        return knows

    def rows(self, rows: NDArray[np.bool_]) -> RowEditions:
        """Return those of some rows."""
        return self if self.which is None else RowEditions(self.names, self.which[rows])

    def others(self, own: str, count: int) -> NDArray[np.bool_] | None:
        """Return which rows have another edition than one's own, None when none has."""
        if self.which is None:
            return None if self.names[0] == own else np.ones(count, dtype=np.bool_)
        found: NDArray[np.bool_] = np.array([name != own for name in self.names])[self.which]
        return found


def row_editions(
    table: pa.Table, default: str, known: Sequence[str]
) -> tuple[RowEditions, NDArray[np.bool_] | None]:
    """Return the editions of a table's rows, and which rows have one that cannot be read.

    A row that says nothing has the `default`; `known` are the editions that can be read.
    """
    if COLUMN not in table.column_names:
        return RowEditions((default,)), None
    column = table[COLUMN].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, pa.string())
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    said = [edition_named(word or "") for word in column.dictionary.cast(pa.string()).to_pylist()]
    names = tuple(dict.fromkeys([default, *(word for word in said if word in known)]))
    number = {name: i for i, name in enumerate(names)}
    of_word = np.array([number.get(word, 0) for word in said] + [0], dtype=np.int8)
    strange = np.array([bool(word) and word not in known for word in said] + [False])
    index = numbers_of(column)
    which = of_word[index]
    bad = strange[index] if strange.any() else None
    if len(which) and (which == which[0]).all():
        return RowEditions((names[int(which[0])],)), bad
    return RowEditions(names, which), bad


TALLIES = ("met", "unknown", "explained", "rows", "mapped", "outside", "undated", "assumed")


@dataclass
class CodeTally:
    """How many codes were met, by kind; how many of them the scheme does not know.

    `explained`: of the unknown ones, how many another edition knows, by (edition, kind). `rows`:
    cases by the edition that they were read as, said by the row or not, `mapped`
    those of another edition than their scheme's, by (edition, the scheme's). By scheme: `outside`, cases
    discharged when it was not in force; `undated`, cases without a day that take the version of
    today; `assumed`, cases whose group an assumed condition decided.
    """

    met: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    explained: Counter[tuple[str, str]] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    mapped: Counter[tuple[str, str]] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    undated: Counter[str] = field(default_factory=Counter)
    assumed: Counter[str] = field(default_factory=Counter)

    def add(self, other: CodeTally) -> None:
        """Add what another piece met."""
        for name in TALLIES:
            getattr(self, name).update(getattr(other, name))

    def count_rows(self, editions: RowEditions, count: int, own: str) -> None:
        """Count the cases of a table by the edition of their codes; `own` is the scheme's."""
        times = [count]
        if editions.which is not None:
            times = np.bincount(editions.which, minlength=len(editions.names)).tolist()
        for name, number in zip(editions.names, times, strict=True):
            self.rows[name] += number
            if name != own and number:
                self.mapped[name, own] += number

    def note(self, recoder: Recoder, words: pa.DictionaryArray, ids: NDArray[np.int32]) -> None:
        """Count codes as read; `ids` are the scheme's numbers by entry of the dictionary."""
        self.met[recoder.kind] += len(words) - words.null_count
        strange = (ids <= 0) | (ids > recoder.size)
        if not strange.any():
            return
        texts = words.dictionary.cast(pa.string())
        blank = np.asarray(pc.equal(pc.binary_length(texts), 0))
        index = np.asarray(words.indices.drop_null() if words.null_count else words.indices)
        for number in np.flatnonzero(blank).tolist():
            self.met[recoder.kind] -= int(np.count_nonzero(index == number))
        strange &= ~blank
        if not strange.any():
            return
        times = np.bincount(index[strange[index]], minlength=len(ids))
        at = np.flatnonzero(strange & (times > 0))
        if not len(at):
            return
        self.unknown[recoder.kind] += int(times[at].sum())
        some = texts.take(pa.array(at))
        for edition in recoder.others:
            found = int(times[at[recoder.knows(some, edition)]].sum())
            if found:
                self.explained[edition, recoder.kind] += found

    @property
    def of_all(self) -> int:
        """All unknown codes."""
        return sum(self.unknown.values())

    def better(self) -> tuple[str, int] | None:
        """Return the edition that explains most of the unknown codes, and how many, if one does."""
        by_edition: Counter[str] = Counter()
        for (edition, _), times in self.explained.items():
            by_edition[edition] += times
        if not by_edition:
            return None
        edition, times = max(by_edition.items(), key=lambda item: (item[1], item[0]))
        return (edition, times) if 2 * times > self.of_all else None


@dataclass(frozen=True, slots=True)
class RowsOfScheme:
    """Rows of a table whose codes one scheme's recoders read: that in force when they left."""

    scheme: str
    rows: NDArray[np.int64]
    recoders: tuple[Recoder, Recoder]


SchemesOf = Callable[[pa.Table, CodeTally], Sequence[RowsOfScheme]]


def merge_changes(total: Changes, more: Changes) -> None:
    """Add changes to those of a run; memory does not grow with codes that nobody knows."""
    for key, times in more.items():
        if key in total or key[3] or len(total) < MAX_CHANGES:
            total[key] += times


def read_edition(word: str, known: Sequence[str]) -> str:
    """Return the edition that is declared; raises InputError when it cannot be read."""
    name = edition_named(word)
    if name not in known:
        names = "、".join(map(shown_edition, known))
        raise InputError(
            both(f"方案读不了编码版本“{word}”", f"the scheme cannot read codes of {word!r}"),
            remedy=both(f"可用的有：{names}", f"there are: {', '.join(known)}"),
        )
    return name


@dataclass(frozen=True, slots=True)
class FoundEdition:
    """What counting said of a file: the edition taken, and how many codes each one knows."""

    file: str
    edition: str
    own: str
    codes: int
    knows: tuple[tuple[str, int], ...]


class EditionChoice:
    """Which edition the rows of each file have that say none: declared, or found out by counting.

    `of` is called for the pieces in their order; what it returns is used on any thread. The first
    rows of a file decide for all of it, so that nothing hangs on how it is cut.
    """

    def __init__(self, declared: str | None, count: Callable[[pa.Table], FoundEdition]) -> None:
        self.declared, self._count = declared, count
        self._found: dict[str, Future[FoundEdition | None]] = {}

    def of(self, file: str) -> FileEdition:
        """Return what tells the edition of the next piece of a file."""
        if self.declared is not None or file in self._found:
            return FileEdition(file, self.declared, self._found.get(file))
        made = self._found[file] = Future()
        return FileEdition(file, None, made, self._count)

    @property
    def found(self) -> list[FoundEdition]:
        """What counting found, of files in their order."""
        known = (found.result() for found in self._found.values() if found.done())
        return [one for one in known if one is not None]


@dataclass(frozen=True, slots=True)
class FileEdition:
    """The edition of a piece: declared, or found by the first one of its file, which has `count`.

    What is found is None where every row says its own edition.
    """

    file: str
    declared: str | None
    found: Future[FoundEdition | None] | None
    count: Callable[[pa.Table], FoundEdition] | None = None

    def settle(self, piece: Piece) -> tuple[Piece, str]:
        """Return a piece, loaded where that was needed, and the edition of its silent rows.

        It is empty, for the scheme's, where none was found.
        """
        if self.found is None:
            return piece, self.declared or ""
        made = None
        try:
            table = piece.load()
            if self.count is not None:
                silent = _silent(table.slice(0, SAMPLE))
                made = replace(self.count(silent), file=self.file) if len(silent) else None
        finally:
            if self.count is not None:
                self.found.set_result(made)  # whatever became of it: others wait
        known = self.found.result()
        return replace(piece, load=lambda: table), "" if known is None else known.edition


def _silent(table: pa.Table) -> pa.Table:
    """Return the rows that do not say their edition."""
    if COLUMN not in table.column_names:
        return table
    return table.filter(pa.array(blank(table[COLUMN])))


def counted(recoders: tuple[Recoder, Recoder], words: tuple[pa.Array, pa.Array]) -> FoundEdition:
    """Return the edition that codes are of: another than the scheme's where it knows more of them.

    `words` are the distinct diagnoses and procedures. The other edition must know more codes in
    all, and most of those that the scheme's own does not know.
    """
    own = recoders[0].own
    total = sum(map(len, words))
    mine = [recoder.knows(codes) for recoder, codes in zip(recoders, words, strict=True)]
    knows = {own: sum(int(known.sum()) for known in mine)}
    if knows[own] == total:
        return FoundEdition("", own, own, total, tuple(knows.items()))
    fresh: Counter[str] = Counter()
    for recoder, codes, known in zip(recoders, words, mine, strict=True):
        for edition in recoder.others:
            theirs = recoder.knows(codes, edition)
            knows[edition] = knows.get(edition, 0) + int(theirs.sum())
            fresh[edition] += int((theirs & ~known).sum())
    better = [
        name for name in fresh if knows[name] > knows[own] and 2 * fresh[name] > total - knows[own]
    ]
    chosen = max(better, key=lambda name: knows[name], default=own)
    return FoundEdition("", chosen, own, total, tuple(knows.items()))

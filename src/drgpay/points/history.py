"""Past cases (历史病例) in a table of DuckDB, and the exact sums and order statistics of them.

Sums are 128-bit integers and order statistics are values at places of the sorted table; nothing
of money passes through a float. The memory is bounded: beyond it, pages go to a directory that is
deleted with the history.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.ground.errors import BooksError, InputError, both
from drgpay.ground.outputs import drop_folder, spill_folder
from drgpay.points.trimming import Moments

if TYPE_CHECKING:
    import duckdb  # its import is felt; a year with given means does without it

ROWS_IN_HAND = 500_000  # rows of a piece wait until there are so many
ROWS_AT_ONCE = 10_000_000  # hashes of case ids that are sorted together
MEMORY_LIMIT = "700MB"
COLUMNS = {
    "grp": pa.int32(),
    "year": pa.int16(),
    "cost": pa.int64(),
    "hospital": pa.int32(),
    "not_pool": pa.int64(),
    "patient_id": pa.string(),
    "case_id": pa.string(),
}
SCHEMA = pa.schema(list(COLUMNS.items()))
SETTINGS: dict[str, Any] = {"autoinstall_known_extensions": False}
_SHARED: dict[int, duckdb.DuckDBPyConnection] = {}  # by process, for few rows


@dataclass(frozen=True, slots=True)
class Repeats:
    """Of one part, the rows whose case id stands more than once in the history, and the ids."""

    rows: NDArray[np.int64]
    case_ids: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """The lowest and highest cost that trimming leaves as it is, by group number, inclusive.

    `clip`: costs beyond are set to the limit (缩尾) and not dropped.
    """

    groups: NDArray[np.int32]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    clip: bool = False

    @property
    def key(self) -> tuple[bytes, bytes, bytes, bool]:
        """What tells these limits from others."""
        return self.groups.tobytes(), self.lower.tobytes(), self.upper.tobytes(), self.clip

    def table(self) -> pa.Table:
        """Return them as a table grp, low, high."""
        return pa.table({"grp": self.groups, "low": self.lower, "high": self.upper})


@dataclass(frozen=True, slots=True)
class KeptYear:
    """What trimming leaves of a group in one year; `below` and `above` lie beyond the limits."""

    group: int
    year: int
    below: int
    above: int
    kept: Moments  # of clipped costs when they are clipped


@dataclass(frozen=True, slots=True)
class HospitalGroup:
    """What trimming leaves of a hospital's cases in a group; hospital -1 is none of the region."""

    hospital: int
    group: int
    n: int
    total: int
    not_pool: int


@dataclass(frozen=True)
class Heads:
    """Cases with a patient id and different patients, by hospital and of all hospitals."""

    by_hospital: dict[int, tuple[int, int]]
    cases: int
    patients: int


class History:
    """Past cases by group number, in parts that are added in order from one thread.

    `folder`: where pages go that the memory limit leaves no room for (default: the system's
    directory for temporary files); they are deleted by `close`. Use it as a context manager. What
    is asked of them is SQL that Spark reads, too.
    """

    wide = "HUGEINT"  # what squares of costs are added up in

    def __init__(
        self, *, folder: Path | None = None, memory_limit: str = MEMORY_LIMIT, threads: int = 2
    ) -> None:
        self.folder, self.memory_limit, self.threads = folder, memory_limit, threads
        self.cache: dict[Any, Any] = {}
        self._discard: Callable[[], object] | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._own = False
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._ends: list[int] = [0]
        self._repeats: list[Repeats] | None = None
        self._named = False
        self._sorted = False
        self._places: dict[tuple[int, int], int] = {}
        self.has_patients = False

    def __enter__(self) -> History:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the table and its files."""
        if self._discard is not None:
            self._discard()
        self._connection = self._discard = None

    @property
    def rows(self) -> int:
        """The number of rows added, those that do not count included."""
        return self._ends[-1]

    @property
    def used(self) -> int:
        """The number of cases that count."""
        return sum(m.n for m in self.moments().values())

    def add(
        self,
        group: NDArray[Any],
        cost: NDArray[Any],
        year: NDArray[Any] | int = 0,
        hospital: NDArray[Any] | None = None,
        not_pool: NDArray[Any] | None = None,
        patient_id: pa.Array | None = None,
        case_id: pa.Array | None = None,
    ) -> int:
        """Add a part and return its number, from 0.

        Arrays of N rows: group number (below 0: the row does not count, but its case id does as a
        copy), cost in fen, year, number of the hospital (-1: not of the region), cost outside of
        the pool in fen, ids ("" or null: none). What is not given is 0, -1 or none.
        """
        n = len(group)
        part = len(self._ends) - 1
        zeros = np.zeros(n, dtype=np.int64)
        years = np.full(n, year) if isinstance(year, int) else year
        own = zeros - 1 if hospital is None else hospital
        numbers = (group, years, cost, own, zeros if not_pool is None else not_pool)
        kinds = list(COLUMNS.values())
        columns = [
            pa.array(np.asarray(values), kind)
            if values.dtype == kind.to_pandas_dtype()
            else pa.array(np.asarray(values).astype(kind.to_pandas_dtype()))
            for values, kind in zip(numbers, kinds, strict=False)
        ]
        for ids in (patient_id, case_id):
            columns.append(pa.nulls(n, pa.string()) if ids is None else _texts(ids))
        self.has_patients |= patient_id is not None
        self._named |= case_id is not None
        self._waiting.append(pa.record_batch(columns, schema=SCHEMA))
        self._waiting_rows += n
        self._ends.append(self.rows + n)
        if self._waiting_rows >= ROWS_IN_HAND:
            self._flush(large=True)
        return part

    def _open(self, large: bool) -> duckdb.DuckDBPyConnection:
        """Return the connection: to a database of its own, or for few rows to a shared one."""
        import duckdb

        if self._connection is None:
            spill = None
            if large:
                spill = str(spill_folder(self.folder))
                self._connection = duckdb.connect(
                    config={
                        **SETTINGS,
                        "threads": self.threads,
                        "memory_limit": self.memory_limit,
                        "temp_directory": spill,
                    }
                )
            else:
                shared = _SHARED.get(os.getpid())
                if shared is None:
                    shared = duckdb.connect(config={**SETTINGS, "threads": 1})
                    _SHARED[os.getpid()] = shared
                self._connection = shared.cursor()
            self._connection.execute("SET enable_progress_bar = false")
            self._own = large
            self._discard = weakref.finalize(self, _discarded, self._connection, spill)
        return self._connection

    def _rows(
        self,
        sql: str,
        given: pa.Table | None = None,
        fetch: Callable[[duckdb.DuckDBPyConnection], Any] = lambda result: result.fetchall(),
    ) -> Any:
        """Return the rows of a statement, which may read an Arrow table as `given`.

        Raises InputError when there is neither memory nor disk for it.
        """
        import duckdb

        connection = self._open(large=False)
        try:
            if given is None:
                return fetch(connection.execute(sql))
            connection.register("given", given)
            rows = fetch(connection.execute(sql))
            connection.unregister("given")
            return rows
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise InputError(
                both(
                    f"历史病例共 {self.rows} 行，内存（{self.memory_limit}）与临时目录都放不下",
                    f"{self.rows} rows of history fit neither in memory ({self.memory_limit}) nor "
                    f"in the directory for temporary files: {str(error).splitlines()[0]}",
                ),
                where=self.folder or tempfile.gettempdir(),
                remedy=both("腾出磁盘空间后重新运行", "make room on the disk and run again"),
            ) from None

    def _keep(self, name: str, sql: str, given: pa.Table) -> None:
        """Keep the rows of a statement as a table."""
        self._rows(f"CREATE TEMP TABLE {name} AS {sql}", given)

    def _drop(self, name: str) -> None:
        """Keep a table no longer."""
        self._rows(f"DROP TABLE {name}")

    def _flush(self, large: bool = False) -> None:
        """Move the rows in hand into the table."""
        verb = "CREATE TEMP TABLE past AS" if self._connection is None else "INSERT INTO past"
        self._open(large)
        waiting = pa.Table.from_batches(self._waiting, SCHEMA)
        self._waiting, self._waiting_rows = [], 0
        self._rows(
            f"{verb} SELECT *, CASE WHEN case_id <> '' THEN hash(case_id) END AS case_hash"
            " FROM given",
            waiting,
        )

    def duplicates(self) -> list[Repeats]:
        """Return of each part the rows whose case id stands more than once in the whole history.

        They count no longer from then on.
        """
        if self._repeats is not None:
            return self._repeats
        if self._waiting_rows or self._connection is None:
            self._flush()
        found = self._copies() if self._named else []
        if found:
            rows = pa.table({"row": pa.array([row for row, _ in found], pa.int64())})
            self._rows("UPDATE past SET grp = -1 WHERE rowid IN (SELECT row FROM given)", rows)
        if self._own:
            self._rows("ALTER TABLE past DROP COLUMN case_id")
            self._rows("ALTER TABLE past DROP COLUMN case_hash")
        self._repeats = _by_part(found, self._ends)
        return self._repeats

    def _copies(self) -> list[tuple[int, str]]:
        """Return row and id of the rows whose case id stands more than once.

        Ids of equal hashes are few; they are compared as texts.
        """
        shares = 1 + self.rows // ROWS_AT_ONCE
        several = []
        for share in range(shares):
            part = f" AND case_hash % {shares} = {share}" if shares > 1 else ""
            found = self._rows(
                f"SELECT case_hash FROM past WHERE case_hash IS NOT NULL{part}",
                fetch=lambda result: result.fetchnumpy()["case_hash"],
            )
            hashes = np.sort(np.asarray(found))
            several.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
        suspects = pa.table({"case_hash": np.concatenate(several).astype(np.uint64)})
        if not len(suspects):
            return []
        rows = self._rows(
            "SELECT rowid, case_id FROM past WHERE case_hash IN (SELECT case_hash FROM given)"
            " ORDER BY rowid",
            suspects,
        )
        times = Counter(case_id for _, case_id in rows)
        return [(row, case_id) for row, case_id in rows if times[case_id] > 1]

    def _sort(self) -> None:
        if self._sorted:
            return
        self.duplicates()
        self._rows(
            "CREATE TEMP TABLE ordered AS SELECT grp, cost, year FROM past WHERE grp >= 0"
            " ORDER BY grp, cost"
        )
        self._sorted = True

    def moments(self) -> dict[int, Moments]:
        """Return the moments of all costs of each group that has any, by number."""
        self._sort()
        if "moments" not in self.cache:
            rows = self._rows(
                f"SELECT grp, count(*), sum(cost), sum(cost::{self.wide} * cost) FROM ordered"
                " GROUP BY grp ORDER BY grp"
            )
            self.cache["moments"] = {g: Moments(*rest) for g, *rest in rows}
        found: dict[int, Moments] = self.cache["moments"]
        return found

    def starts(self) -> dict[int, int]:
        """Return the place of each group's lowest cost among all sorted costs."""
        start, starts = 0, {}
        for group, moments in self.moments().items():
            starts[group] = start
            start += moments.n
        return starts

    def costs_at(self, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """Return the cost at places: (group, place among its sorted costs from 0).

        Raises BooksError when the table is not in order.
        """
        wanted = set(places)
        missing = sorted(wanted - set(self._places))
        if missing:
            found = {(group, place): cost for group, place, cost in self._costs(missing)}
            lacking = len(missing) - len(found)
            if lacking:
                raise BooksError(
                    both(
                        f"历史费用排序不符：{lacking} 处",
                        f"the sorted history is not in order in {lacking} places",
                    )
                )
            self._places |= found
        return {place: self._places[place] for place in wanted}

    def _costs(self, places: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
        """Return group, place and cost of places, as far as the group is found there."""
        starts = self.starts()
        rows = {starts[group] + place: (group, place) for group, place in places}
        found = self._rows(
            "SELECT rowid, grp, cost FROM ordered WHERE rowid IN"
            f" ({','.join(map(str, sorted(rows)))})"
        )
        return [(*rows[row], cost) for row, group, cost in found if rows[row][0] == group]

    def kept(self, limits: Limits) -> list[KeptYear]:
        """Return what trimming leaves, by group and year in order."""
        key = ("kept", limits.key)
        if key not in self.cache:
            self._sort()
            rows = self._rows(
                "SELECT grp, year, (cost > high)::INT - (cost < low)::INT AS side,"
                f" count(*), sum(cost), sum(cost::{self.wide} * cost)"
                " FROM ordered JOIN given USING (grp) GROUP BY grp, year, side",
                limits.table(),
            )
            self.cache[key] = _kept_years(rows, limits)
        found: list[KeptYear] = self.cache[key]
        return found

    def hospitals(self, limits: Limits) -> list[HospitalGroup]:
        """Return what trimming leaves by hospital and group, in order; the last is remembered."""
        if self.cache.get("hospitals", (None,))[0] != limits.key:
            self._sort()
            cost = "least(greatest(cost, low), high)" if limits.clip else "cost"
            rows = self._rows(
                f"SELECT hospital, grp, count(*), sum({cost}), sum(not_pool) {_kept(limits)}"
                " GROUP BY hospital, grp ORDER BY hospital, grp",
                limits.table(),
            )
            self.cache["hospitals"] = limits.key, [HospitalGroup(*row) for row in rows]
        found: list[HospitalGroup] = self.cache["hospitals"][1]
        return found

    def heads(self, limits: Limits) -> Heads:
        """Return cases with a patient id and different patients; the last is remembered."""
        if self.cache.get("heads", (None,))[0] != limits.key:
            self._sort()
            # by steps, as counting different ones in one statement cannot leave the memory
            self._keep(
                "visits",
                "SELECT hospital, patient_id, count(*) AS cases"
                f" {_kept(limits)} AND patient_id <> '' GROUP BY hospital, patient_id",
                limits.table(),
            )
            rows = self._rows("SELECT hospital, sum(cases), count(*) FROM visits GROUP BY hospital")
            patients = self._rows(
                "SELECT count(*) FROM (SELECT patient_id FROM visits GROUP BY patient_id)"
            )[0][0]
            self._drop("visits")
            by_hospital = {h: (int(cases), heads) for h, cases, heads in rows}
            cases = sum(cases for cases, _ in by_hospital.values())
            self.cache["heads"] = limits.key, Heads(by_hospital, cases, patients)
        found: Heads = self.cache["heads"][1]
        return found


def _discarded(connection: duckdb.DuckDBPyConnection, spill: str | None) -> None:
    if spill is None:
        for table in ("past", "ordered", "visits"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.close()
    if spill is not None:
        drop_folder(Path(spill))


def _kept(limits: Limits) -> str:
    inside = "" if limits.clip else " AND cost BETWEEN low AND high"
    return f"FROM past JOIN given USING (grp) WHERE grp >= 0{inside}"


def _kept_years(
    rows: Iterable[tuple[int, int, int, int, int, int]], limits: Limits
) -> list[KeptYear]:
    """Return what is left by group and year, of rows group, year, side and moments."""
    ends = dict(
        zip(
            limits.groups.tolist(),
            zip(limits.lower.tolist(), limits.upper.tolist(), strict=True),
            strict=True,
        )
    )
    found: dict[tuple[int, int], dict[int, Moments]] = {}
    for group, year, side, *moments in rows:
        found.setdefault((group, year), {})[side] = Moments(*moments)
    kept = []
    for (group, year), sides in sorted(found.items()):
        below, own, above = (sides.get(side, Moments()) for side in (-1, 0, 1))
        if limits.clip:
            for n, cost in zip((below.n, above.n), ends[group], strict=True):
                own += Moments(n, n * cost, n * cost * cost)
        kept.append(KeptYear(group, year, below.n, above.n, own))
    return kept


def _texts(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    return ids if ids.type == pa.string() else ids.cast(pa.string())


def _by_part(found: Sequence[tuple[int, str]], ends: Sequence[int]) -> list[Repeats]:
    rows = np.array([row for row, _ in found], dtype=np.int64)
    cuts = np.searchsorted(rows, ends)
    return [
        Repeats(rows[a:b] - start, tuple(case_id for _, case_id in found[a:b]))
        for a, b, start in zip(cuts, cuts[1:], ends, strict=False)
    ]

"""What a derivation reads of a run folder: small tables whole, of the cases only what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drgpay.cases.parse import flat
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.numbers import Figure, Number, digits, number, total
from drgpay.names.run_columns import named
from drgpay.runs import reader

Key = tuple[tuple[str, str], ...]
DECIMALS = {"_fen": 2, "points": 4, "base_points": 4, "points_before_readmission": 4}
NEEDED = ("paid_by", "price_fen", "chain", "bed_day_class", "discharge_way", "day_surgery")
LISTED = 12  # hospitals that are shown one by one
NAMED = 5  # how many near names a fault names


@dataclass(frozen=True)
class Row:
    """A row of a table of the run, whose values come out as figures and numbers of formulas."""

    table: str
    key: Key
    values: Mapping[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    def get(self, column: str, default: Any = None) -> Any:
        """Return a value, or the default where the run has no such column or nothing in it."""
        value = self.values.get(column)
        return default if value is None else value

    def has(self, *columns: str) -> bool:
        """Whether all these columns are there and filled."""
        return all(self.values.get(column) is not None for column in columns)

    def figure(self, column: str) -> Figure:
        """Return where a value stands."""
        return Figure(self.table, self.key, column, self.values[column])

    def figures(self, *columns: str) -> tuple[Figure, ...]:
        """Return where values stand, of the columns that the table has."""
        return tuple(self.figure(column) for column in columns if column in self.values)

    def number(self, column: str, label: Bilingual | None = None) -> Number:
        """Return a value as a number of a formula, fen as yuan."""
        return figure_number(self.figure(column), label)


def figure_number(figure: Figure, label: Bilingual | None = None) -> Number:
    """Return a figure as a number of a formula, fen as yuan."""
    name = figure.column
    exact = Fraction(figure.value)
    if figure.how in ("count", "rank"):
        least = 0
    elif name.endswith("_fen"):
        exact, least = exact / 100, 2
    else:
        least = 4 if name in ("coefficient", "score", *DECIMALS) or "points" in name else 0
        least = 0 if name == "point_value_fraction" else least
    return number(exact, digits(exact, least, 12), label or named(name), figure)


@dataclass(frozen=True, slots=True)
class CaseSum:
    """What the cases of one hospital, pool, class and way of paying add up to."""

    hospital: str
    pool: str
    case_class: str
    paid_by: str
    cases: int
    points: Fraction
    money: Mapping[str, int]


class RunFolder(reader.RunFolder):
    """A settled year's folder as derivations read it: rows of its tables that say where they stand."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        self.accounts: dict[str, Any] = {}  # by row of the pools table, made by `bounds.accounts`
        self.hospitals = self._rows("hospitals", ("hospital_id", "pool"))
        self.pools = self._rows("pools", ("pool",))
        with self.reading():
            self.cases = pq.ParquetFile(self.path("cases"))
            self.columns = list(self.cases.schema_arrow.names)
            if missing := [name for name in NEEDED if name not in self.columns]:
                raise ValueError(f"cases.parquet has no column {', '.join(missing)}")
        _ = self.policy  # of which a value may be none that is offered

    def _rows(self, name: str, key: Sequence[str], filters: Any = None) -> list[Row]:
        rows = self.table(name, filters=filters).to_pylist()
        return [
            Row(name, tuple((column, str(row[column] or "")) for column in key), row)
            for row in rows
        ]

    def optional(self, name: str, key: Sequence[str]) -> list[Row]:
        """Return the rows of a table that not every run has."""
        return self._rows(name, key) if self.has(name) else []

    @property
    def from_history(self) -> bool:
        """Whether base points and means were computed from past cases, and not given."""
        return bool(self.manifest["base_points"]["source"] == "history")

    @cached_property
    def drgs(self) -> dict[str, Row]:
        """Groups of the run by code."""
        return {row["drg"]: row for row in self._rows("drgs", ("drg",))}

    @cached_property
    def reviews(self) -> dict[str, Row]:
        """Decisions of special review by case."""
        return {row["case_id"]: row for row in self._rows("reviews", ("case_id",))}

    @cached_property
    def coefficients(self) -> dict[tuple[str, str], Row]:
        """Coefficients by hospital and group, group empty for all others."""
        rows = self.optional("coefficients", ("hospital_id", "drg"))
        return {(row["hospital_id"], row["drg"] or ""): row for row in rows}

    def quarantined(self, case_id: str) -> list[Row]:
        """Return what the quarantine table says of a case."""
        key = ("file", "row", "case_id", "reason")
        return self._rows("quarantine", key, [("case_id", "==", case_id)])

    def listed(self, name: str, key: Sequence[str]) -> list[Row]:
        """Return the entries of a list in the manifest as rows; empty when it has none."""
        entries = self.manifest.get(name) or []
        return [
            Row(f"manifest.{name}", tuple((k, str(entry.get(k) or "")) for k in key), entry)
            for entry in entries
        ]

    @cached_property
    def institutions(self) -> dict[str, Row]:
        """Hospitals of the region by id, as the manifest has them."""
        return {row["hospital_id"]: row for row in self.listed("hospitals", ("hospital_id",))}

    def table_of(self, name: str) -> Row:
        """Return a table of the manifest, by its name, as one row."""
        return Row(f"manifest.{name}", (), self.manifest.get(name) or {})

    def pool_of(self, pool: str) -> Row | None:
        """Return the row of the pools table that settles a pool: its own, or the combined one."""
        name = self.settled_in(pool)
        return next((row for row in self.pools if row["pool"] == name), None)

    def pool_facts(self, pool: str) -> Row:
        """Return what the manifest says of a row of the pools table."""
        return next(row for row in self.listed("pools", ("pool",)) if row["pool"] == pool)

    def hospital_name(self, hospital: str) -> str:
        """Return the name of a hospital, empty when it has none."""
        row = self.institutions.get(hospital)
        return "" if row is None else str(row.get("name", ""))

    def named(self, row: Row) -> Bilingual:
        """Return what a row of hospitals is called: its hospital, of pools under one value its pool."""
        name = f"{row['hospital_id']} {self.hospital_name(row['hospital_id'])}".strip()
        together = self.settled_in(row["pool"]) != row["pool"]
        text = f"{name} {row['pool']}" if together else name
        return both(text, text)

    def summed(self, rows: Sequence[Row], column: str, where: Key, of: Bilingual) -> Number:
        """Return the sum of a column over rows of hospitals, one by one when they are few."""
        if 0 < len(rows) <= LISTED:
            return total([row.number(column, self.named(row)) for row in rows])
        value = sum((Fraction(row[column]) for row in rows), Fraction(0))
        label, count = named(column), len(rows)
        label = both(f"{count} {of.chinese}的{label.chinese}之和", f"{label} of {count} {of}")
        return figure_number(Figure("hospitals", where, column, value, "sum"), label)

    def value_of(self, pool: Row) -> Number:
        """Return a pool's point value, exact."""
        near = pool["point_value"]
        label = both(f"点值（≈ {near}）", f"point value (≈ {near})")
        return pool.number("point_value_fraction", label)

    def case(self, case_id: str) -> Row:
        """Return the row of a case; raises InputError naming near ones when there is none."""
        found = self.cases_where("case_id", case_id, first=True)
        if found:
            return found[0]
        raise self.unknown(both("病例", "case"), case_id, self._case_ids, "--case")

    def cases_where(self, column: str, value: str, *, first: bool = False) -> list[Row]:
        """Return the rows of cases with a text in a column, in the order of the table."""
        made: list[Row] = []
        wanted = pa.scalar(value)
        for group in range(self.cases.num_row_groups):
            if self._outside(group, column, value):
                continue
            own = self._at_hand.get(group)
            texts = flat((own or self.cases.read_row_group(group, columns=[column]))[column])
            hits = pc.indices_nonzero(
                pc.fill_null(pc.equal(texts.cast(pa.string()), wanted), False)
            )
            if len(hits):
                rows = (own or self.cases.read_row_group(group)).take(hits).to_pylist()
                made += [Row("cases", (("case_id", row["case_id"]),), row) for row in rows]
                if first:
                    break
        return made

    @cached_property
    def _at_hand(self) -> dict[int, pa.Table]:
        """The row groups of a small file, read once for all cases that are asked for."""
        groups = range(self.cases.num_row_groups) if self.case_sums.small else ()
        return {group: self.cases.read_row_group(group) for group in groups}

    def _outside(self, group: int, column: str, value: str) -> bool:
        """Whether a row group cannot hold a text, by its smallest and largest."""
        statistics = (
            self.cases.metadata.row_group(group).column(self.columns.index(column)).statistics
        )
        if statistics is None or not statistics.has_min_max or not isinstance(statistics.min, str):
            return False
        return not statistics.min <= value <= statistics.max

    def _case_ids(self) -> Iterator[list[str]]:
        for batch in self.cases.iter_batches(columns=["case_id"], batch_size=250_000):
            yield [text for text in batch.column(0).cast(pa.string()).to_pylist() if text]

    def unknown(
        self,
        what: Bilingual,
        name: str,
        names: Callable[[], Iterator[list[str]]],
        option: str,
        *,
        alike: Sequence[str] = (),
        there: Sequence[str] = (),
    ) -> InputError:
        """Return the fault that a name is not in the run, with those that are near to it.

        `alike`: names of which those that begin alike are shown where none is near. `there`: all
        that there are, which are shown instead.
        """
        near = there or nearest(name, names()) or beginning_alike(name, alike)
        here, word = "、".join(near), ("有", "there are") if there else ("相近的有", "near")
        return InputError(
            both(
                f"清算结果中没有{what.chinese} {name}" + (f"；{word[0]}：{here}" if near else ""),
                f"the run has no {what} {name!r}"
                + (f"; {word[1]}: {', '.join(near)}" if near else ""),
            ),
            where=self.folder,
            remedy=both(f"核对 {option} 的写法", f"check what was given with {option}"),
        )

    @cached_property
    def sums(self) -> list[CaseSum]:
        """Sums of the settled cases by hospital, pool, class and way of paying."""
        money = ("not_pool_fen", "pool_fund_fen", "total_cost_fen", "price_fen")
        return [
            CaseSum(
                hospital=r["hospital_id"] or "",
                pool=r["pool"] or "",
                case_class=r["case_class"] or "",
                paid_by=r["paid_by"] or "",
                cases=r["cases"],
                points=Fraction(r["points"] or 0),
                money={name: int(r[name]) for name in money},
            )
            for r in self.case_sums.by_class().to_pylist()
        ]

    def classes_of(self, drg: str) -> list[tuple[str, str, dict[str, Figure]]]:
        """Return class, way of paying and sums of a group's cases."""
        made = []
        for r in self.case_sums.of_group(drg):
            named = (r["case_class"] or "", r["paid_by"] or "")
            where = (("drg", drg), ("case_class", named[0]), ("paid_by", named[1]))
            figures = {
                "cases": Figure("cases", where, "case_id", r["cases"], "count"),
                "points": Figure("cases", where, "points", Fraction(r["points"] or 0), "sum"),
                "total_cost_fen": Figure(
                    "cases", where, "total_cost_fen", int(r["total_cost_fen"]), "sum"
                ),
            }
            made.append((*named, figures))
        return made


def nearest(name: str, texts: Iterator[list[str]]) -> list[str]:
    """Return names that differ from a name in few letters, the nearest first."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    most = max(1, min(2, len(name) // 2))
    found: list[tuple[float, str]] = []
    for some in texts:
        hits = process.extract(
            name, some, scorer=OSA.distance, score_cutoff=most, limit=NAMED,
            processor=str.casefold,
        )  # fmt: skip
        found += [(distance, text) for text, distance, _ in hits]
    return [text for _, text in sorted(found)[:NAMED]]


def beginning_alike(name: str, texts: Sequence[str]) -> list[str]:
    """Return the texts that begin as a name does, as far as any of them does.

    >>> beginning_alike("AH1", ["AH29", "AH30", "BB11"]), beginning_alike("X", ["AH29"])
    (['AH29', 'AH30'], [])
    """
    for length in range(len(name), 0, -1):
        start = name[:length].casefold()
        hits = [text for text in texts if text.casefold().startswith(start)]
        if hits:
            return hits[:NAMED]
    return []

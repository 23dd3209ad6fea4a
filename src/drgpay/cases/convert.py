"""Convert any readable cases to our columns and types, refunds netted: `drgpay cases convert`.

The cases are staged in a Parquet file beside the output, so that refunds find their settlements
among any number of rows; the output appears under its name only when it is whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drgpay.cases.canonical import SCHEMA, STAGED, canonical
from drgpay.cases.changed import CODE_COLUMNS, WHY
from drgpay.cases.codes import Changes, changed_codes
from drgpay.cases.editions import (
    CodeTally,
    EditionChoice,
    FoundEdition,
    RowsOfScheme,
    SchemesOf,
    merge_changes,
)
from drgpay.cases.encode import Faults
from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.pieces import Piece
from drgpay.cases.quarantine import SCHEMA as QUARANTINE_SCHEMA
from drgpay.cases.quarantine import Quarantine, Why
from drgpay.cases.refunds import FILE, ROW, Netting, net_refunds, plain_yuan
from drgpay.cases.sources import open_source
from drgpay.ground.csv_cells import NeutralCsvWriter
from drgpay.ground.errors import Bilingual, BooksError, both
from drgpay.ground.languages import is_chinese
from drgpay.ground.outputs import Files, not_an_input, result_file, whole_files
from drgpay.names.columns import BY_NAME

SUFFIXES = (".parquet", ".csv", ".xlsx")
SHEET_ROWS = 1_000_000  # of a sheet; Excel has 1,048,576
BATCH_ROWS = 65_536
CHANGES_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("case_id", pa.string()),
        ("kind", pa.string()),
        ("column", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("times", pa.int64()),
        ("message", pa.string()),
    ]
)
_WHY = {
    "cut": both("整数列去掉了小数", "decimals dropped from a whole number"),
    "reduced": both("减去部分退费", "less a part that was refunded"),
    **WHY,
}
_NETTING_COLUMNS = (
    "case_id", "refund", "refund_of", "patient_id", "hospital_id", "pool", "admission_date",
    "total_cost", "pool_fund", "personal_paid", "other_paid", "items_total", "own_paid",
    "deductible", FILE, ROW,
)  # fmt: skip
_IDS = ("text", "codes", "dates", "words")
Change = tuple[str, int | None, str, str, str, str, str, int, str]


@dataclass(frozen=True, slots=True)
class Converted:
    """What `convert` did: cases in = out + netted + quarantined, and where its files lie.

    `changed` counts codes, whole numbers and settlements that are not as they were; `schemes` the
    rows whose codes each scheme's edition was the target of.
    """

    path: Path
    quarantine: Path
    changes: Path
    rows: int
    out: int
    netted: int
    quarantined: int
    changed: int
    unknown: tuple[str, ...]
    notes: tuple[Bilingual, ...]
    tally: CodeTally = field(default_factory=CodeTally)
    found: tuple[FoundEdition, ...] = ()
    changed_codes: int = 0
    why: Why = field(default_factory=Why)  # rows are quarantined
    schemes: Mapping[str, int] = field(default_factory=dict)


def convert(
    cases: Any,
    out: str | Path,
    *,
    options: ReadOptions = AS_FOUND,
    schemes: SchemesOf | None = None,
    editions: EditionChoice | None = None,
    lang: str = "zh",
    progress: Callable[[int | None], Callable[[int], None]] | None = None,
) -> Converted:
    """Write cases from any source to a .parquet, .csv or .xlsx file of our columns and types.

    `schemes` tells by what scheme the codes of each row are written (`grouper.versions.schemes_of`: of a
    family the version in force at discharge), `editions` which edition those of a file are
    (`Grouper.edition_choice`); what was mapped says the scheme's edition in `code_system`. Rows that cannot be held in our types go to `<out>.quarantine.csv`, everything changed to `<out>.changes.csv`.

    Raises InputError, and BooksError when counts do not add up.
    """
    path = Path(out)
    result_file(path, SUFFIXES)
    source = open_source(cases, None, "grouping", options)
    beside = {what: path.with_name(f"{path.name}.{what}.csv") for what in ("quarantine", "changes")}
    not_an_input([path, *beside.values()], source.names)
    step = progress(source.rows) if progress is not None else None
    changes: Changes = Changes()
    cut: Counter[str] = Counter()
    have: set[str] = set()
    quarantine = Quarantine()
    tally = CodeTally()
    targets: Counter[str] = Counter()
    rows = staged = 0
    systems: set[str] = set()
    with whole_files(path) as files:
        stage = files.aside("cases")
        with pq.ParquetWriter(stage, STAGED, compression="zstd") as writer:
            for piece in source.pieces:
                edition = ""
                if editions is not None:
                    piece, edition = editions.of(piece.file).settle(piece)
                table = piece.load()
                found: Changes = Changes()
                parts = schemes(table, tally) if schemes is not None else ()
                noted, good, columns = _canonical(piece, table, parts, found, cut, edition, tally)
                merge_changes(changes, found)
                quarantine.take(noted)
                targets.update({part.scheme: len(part.rows) for part in parts})
                systems.update(pc.unique(good["code_system"]).drop_null().to_pylist())
                have |= columns
                rows += len(table)
                staged += len(good)
                writer.write_table(good)
                if step is not None:
                    step(len(table))
        changes.update(source.read_as.changes)
        for file, row, text in source.broken:
            quarantine.add(file, row, None, "", text, "row_broken")
        rows += len(source.broken)
        netting = net_refunds(lambda: _parts(stage, _NETTING_COLUMNS))
        names = [name for name in SCHEMA.names if name in have]
        written = _write(path, files.at(path), stage, names, netting, systems)
        quarantine.take(netting.quarantine)
        if rows != written + netting.netted + len(quarantine) or staged != netting.rows:
            raise BooksError(
                both(
                    f"收到 {rows} 例 ≠ 写出 {written} + 冲抵 {netting.netted} + 隔离 "
                    f"{len(quarantine)}",
                    f"{rows} cases in ≠ {written} out + {netting.netted} netted + "
                    f"{len(quarantine)} quarantined",
                ),
                remedy=both(
                    "这是 drgpay 的错误，请报告给开发者",
                    "this is a fault of drgpay: please report it",
                ),
            )
        changed = _changes(changes, cut, netting, lang)
        _side(files, beside["quarantine"], quarantine.table(lang), QUARANTINE_SCHEMA)
        _side(files, beside["changes"], _changes_table(changed), CHANGES_SCHEMA)
    return Converted(
        path,
        beside["quarantine"],
        beside["changes"],
        rows,
        written,
        netting.netted,
        len(quarantine),
        changed_codes(changes) + sum(cut.values()) + len(netting.changed),
        source.unknown,
        tuple(source.all_notes()),
        tally,
        tuple(editions.found) if editions is not None else (),
        changed_codes(changes),
        Why.of(quarantine),
        dict(sorted(targets.items())),
    )


def _canonical(
    piece: Piece,
    table: pa.Table,
    parts: Sequence[RowsOfScheme],
    changes: Changes,
    cut: Counter[str],
    edition: str,
    tally: CodeTally,
) -> tuple[Quarantine, pa.Table, set[str]]:
    """Return the faults, the good rows and the columns of a piece, codes read by scheme."""
    if len(parts) <= 1:
        faults = Faults.of(table, piece.file, piece.first_row, piece.numbers)
        recoders = parts[0].recoders if parts else None
        good, columns = canonical(faults, recoders, changes, cut, edition, tally)
        return faults.close(), good, columns
    numbers = Faults.of(table, piece.file, piece.first_row, piece.numbers).numbers
    noted, tables, places, columns = Quarantine(), [], [], set()
    for part in parts:
        own = table.take(pa.array(part.rows))
        faults = Faults.of(own, piece.file, 1, numbers[part.rows])
        good, some = canonical(faults, part.recoders, changes, cut, edition, tally)
        noted.take(faults.close())
        tables.append(good)
        places.append(part.rows[faults.good])
        columns |= some
    noted.rows.sort(key=lambda row: row[1])
    order = np.argsort(np.concatenate(places), kind="stable")
    return noted, pa.concat_tables(tables).take(pa.array(order)), columns


def _parts(stage: Path, columns: tuple[str, ...] | None = None) -> Iterator[pa.Table]:
    with pq.ParquetFile(stage) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns and list(columns)):
            yield pa.Table.from_batches([batch])


def _write(
    path: Path,
    whole: Path,
    stage: Path,
    names: list[str],
    netting: Netting,
    systems: set[str],
) -> int:
    """Write the staged rows that go on, net; returns how many."""
    schema = pa.schema([SCHEMA.field(name) for name in names])
    if len(systems) == 1:
        schema = schema.with_metadata({"drgpay.code_system": next(iter(systems))})
    written = first = 0
    with ExitStack() as stack:
        writer = _writer(path.suffix.lower(), whole, schema)
        stack.callback(writer.close)
        for part in _parts(stage):
            net = netting.apply(part, first)
            first += len(part)
            writer.write_table(net.select(names).cast(schema))
            written += len(net)
    return written


def _writer(suffix: str, path: Path, schema: pa.Schema) -> Any:
    if suffix == ".parquet":
        return pq.ParquetWriter(path, schema, compression="zstd")
    return _CsvWriter(path, schema) if suffix == ".csv" else _ExcelWriter(path, schema)


class _CsvWriter:
    """Writes lists joined by |, flags as 1 and 0."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.schema = pa.schema(
            [
                (f.name, pa.string() if BY_NAME[f.name].kind in (*_IDS, "flag") else f.type)
                for f in schema
            ]
        )
        self.writer = NeutralCsvWriter(path, self.schema)

    def write_table(self, table: pa.Table) -> None:
        """Write some more rows."""
        self.writer.write_table(flat_table(table).cast(self.schema))

    def close(self) -> None:
        """Finish the file."""
        self.writer.close()


def flat_table(table: pa.Table) -> pa.Table:
    """Return a table with lists joined by | and flags as 1 and 0."""
    columns = {}
    for name in table.column_names:
        column, kind = table[name], table.schema.field(name).type
        if pa.types.is_list(kind):
            column = pc.binary_join(column, "|")
        elif pa.types.is_boolean(kind):
            column = pc.if_else(column, "1", "0")
        columns[name] = column
    return pa.table(columns)


class _ExcelWriter:
    """Writes sheets with Chinese headers; ids and codes are texts, so that no zero is lost."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        import xlsxwriter

        options = {"constant_memory": True, "tmpdir": str(path.parent)}
        options |= {"strings_to_formulas": False, "strings_to_urls": False}
        self.columns = [BY_NAME[name] for name in schema.names]
        self.book = xlsxwriter.Workbook(path, options)
        forms = {"text": "@", "money": "0.00", "date": "yyyy-mm-dd"}
        self.formats = {
            kind: self.book.add_format({"num_format": form}) for kind, form in forms.items()
        }
        self.head = self.book.add_format({"bold": True, "num_format": "@"})
        self._next_sheet()

    def _next_sheet(self) -> None:
        number = len(self.book.worksheets()) + 1
        self.sheet = self.book.add_worksheet("病例" + (str(number) if number > 1 else ""))
        self.sheet.freeze_panes(1, 1)
        for place, column in enumerate(self.columns):
            kind = "text" if column.kind in (*_IDS, "sex", "flag") else column.kind
            width = 30 if column.kind == "codes" else 14
            self.sheet.set_column(place, place, width, self.formats.get(kind))
        self.sheet.write_row(0, 0, [column.chinese for column in self.columns], self.head)
        self.row = 1

    def write_table(self, table: pa.Table) -> None:
        """Write some more rows; each cell has the format of its column."""
        flat = flat_table(table)
        for row in zip(*(flat[column.name].to_pylist() for column in self.columns), strict=True):
            if self.row > SHEET_ROWS:
                self._next_sheet()
            self.sheet.write_row(self.row, 0, row)
            self.row += 1

    def close(self) -> None:
        """Finish the file."""
        self.book.close()


def _changes(changes: Changes, cut: Counter[str], netting: Netting, lang: str) -> list[Change]:
    """Return what is not as it was: refunds and settlements one by one, codes summed up."""

    def said(text: Bilingual) -> str:
        return text.of(lang)

    out: list[Change] = []
    netted = netting.table(lang).to_pylist()
    for note in netted:
        before = "" if note["total_cost"] is None else str(note["total_cost"])
        after = note["refund_of"] or ""
        out.append(
            (
                note["file"],
                note["row"],
                note["case_id"],
                f"refund_{note['what']}",
                "total_cost",
                before,
                "",
                1,
                note["message"]
                + (f"（{after}）" if is_chinese(lang) and after else after and f" ({after})"),
            )
        )
    for file, row, case_id, column, old, new in netting.reduced:
        values = plain_yuan(old), plain_yuan(new)
        out.append((file, row, case_id, "amount", column, *values, 1, said(_WHY["reduced"])))
    for (kind, why, written, read), times in sorted(changes.items()):
        column = CODE_COLUMNS.get(kind, kind)
        what = "code" if kind in CODE_COLUMNS else "value"
        out.append(("", None, "", what, column, written, read, times, said(_WHY[why])))
    for column, times in sorted(cut.items()):
        out.append(("", None, "", "number", column, "", "", times, said(_WHY["cut"])))
    return out


def _changes_table(changes: list[Change]) -> pa.Table:
    columns = list(zip(*changes, strict=True)) if changes else [()] * len(CHANGES_SCHEMA)
    return pa.table([list(column) for column in columns], schema=CHANGES_SCHEMA)


def _side(files: Files, beside: Path, table: pa.Table, schema: pa.Schema) -> None:
    """Write a table beside the output."""
    with NeutralCsvWriter(files.at(beside), schema) as writer:
        writer.write_table(table)

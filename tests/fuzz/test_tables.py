"""Mutated CSV, TSV, Excel, Parquet and zip files: each case comes out once, or the file is refused.

What a broken file holds is found by another way than its readers': ids counted in its bytes, cells
of the XML of a workbook, members of an archive.
"""

from __future__ import annotations

import json
import random
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from drgpay.cases.sources import open_source
from drgpay.ground.errors import InputError
from drgpay.names.columns import GROUPING_COLUMNS
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import mutated
from tests.lists.bodies import ex1_lists

WORDS = (
    b'"',
    b",",
    b"\n",
    b"\r\n",
    b'""',
    b'","',
    b"|",
    b"<c ",
    b"</row>",
    b"PK\x01\x02",
    b"\x15\x04",
    b'r="A1"',
    b"'",
    b"\t",
)
HEADERS = ("case_id", "sex", "age_years", "diagnoses", "procedures", "department")


def table(rng: random.Random) -> list[list[str]]:
    """Return some rows whose ids stand nowhere else."""
    rows = rng.choice((3, 12, 60))
    return [
        [f"id-{i:04d}", rng.choice("MF"), str(rng.randrange(1, 90)), "K25.900", "43.7x00", "内科"]
        for i in range(rows)
    ]


@dataclass
class Made:
    """A file that was made and broken: its bytes, how, and which ids stand in it, where that is known.

    `ids` must come out once each or be named; of `rows` so many at least come out or are named.
    """

    raw: bytes
    changes: list[str]
    ids: set[str] = field(default_factory=set)
    rows: int = 0


def as_text(rows: list[list[str]], rng: random.Random, delimiter: str) -> Made:
    mark = rng.choice(("", '"'))
    lines = [
        delimiter.join(f"{mark}{cell}{mark}" for cell in row) for row in (list(HEADERS), *rows)
    ]
    text = rng.choice(("\n", "\r\n", "\r")).join(lines) + rng.choice(("", "\n"))
    raw, changes = mutated(text.encode(rng.choice(("utf-8", "gb18030"))), rng, WORDS)
    return Made(raw, changes, {row[0] for row in rows if raw.count(row[0].encode()) == 1})


def as_csv(rows: list[list[str]], rng: random.Random) -> Made:
    return as_text(rows, rng, ",")


def as_tsv(rows: list[list[str]], rng: random.Random) -> Made:
    return as_text(rows, rng, "\t")


def as_excel(rows: list[list[str]], rng: random.Random) -> Made:
    out = BytesIO()
    # texts stand in the cells themselves, or in a part of their own
    inline = rng.random() < 0.5
    book = xlsxwriter.Workbook(out, {"constant_memory" if inline else "in_memory": True})
    sheet = book.add_worksheet("cases")
    for i, row in enumerate((list(HEADERS), *rows)):
        for j, cell in enumerate(row):
            sheet.write_string(i, j, cell)
    book.close()
    if rng.random() < 0.2:
        return Made(*mutated(out.getvalue(), rng, WORDS))
    # the parts themselves are changed: a packed one would be refused by its checksum
    made = BytesIO()
    changes: list[str] = []
    with zipfile.ZipFile(out) as archive, zipfile.ZipFile(made, "w") as new:
        parts = {name: archive.read(name) for name in archive.namelist()}
        spoilt = rng.choice([n for n in parts if n.startswith("xl/") and "theme" not in n])
        parts[spoilt], changes = mutated(parts[spoilt], rng, WORDS)
        for name, raw in parts.items():
            new.writestr(name, raw)
    cells = workbook_cells(parts)
    ids = {row[0] for row in rows if cells[row[0]] == 1}
    return Made(made.getvalue(), [spoilt, *changes], ids)


SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def workbook_cells(parts: dict[str, bytes]) -> Counter[str]:
    """Return how often each text stands in a cell of the sheet, by a plain reading of its XML.

    Of a sheet that is no XML, ids that stand in its own cells are taken by their letters.
    """
    raw = parts["xl/worksheets/sheet1.xml"]
    try:
        root = ElementTree.fromstring(raw)
        texts = parts.get("xl/sharedStrings.xml")
        shared = list(ElementTree.fromstring(texts).iter(f"{SPACE}si")) if texts else []
    except ElementTree.ParseError:
        return Counter(re.findall("id-[0-9]{4}", raw.decode("utf-8", "replace")))
    found: Counter[str] = Counter()
    for cell in root.iter(f"{SPACE}c"):
        value = cell.findtext(f"{SPACE}v") or ""
        if cell.get("t") == "s" and value.isascii() and value.isdigit():
            at = int(value)
            texts_of = shared[at].itertext() if at < len(shared) else iter(())
            found["".join(texts_of)] += 1
        elif cell.get("t") == "inlineStr":
            found["".join(cell.itertext())] += 1
    return found


def as_parquet(rows: list[list[str]], rng: random.Random) -> Made:
    out = BytesIO()
    columns = dict(zip(HEADERS, map(pa.array, zip(*rows, strict=True)), strict=True))
    pq.write_table(
        pa.table(columns),
        out,
        compression=rng.choice(("none", "zstd")),
        row_group_size=20,
        use_dictionary=rng.random() < 0.5,
        write_page_checksum=rng.random() < 0.5,
    )
    # an id may have become another one; how many rows there were is known
    return Made(*mutated(out.getvalue(), rng, WORDS), rows=len(rows))


def as_zip(rows: list[list[str]], rng: random.Random) -> Made:
    out = BytesIO()
    body = ex1_lists()[0]
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(out, "w", method) as archive:
        for row in rows:
            own = {**body, "setlinfo": {**body["setlinfo"], "setl_id": row[0]}}
            archive.writestr(f"{row[0]}.json", json.dumps(own))
    # each member has its sum: what is read is what was written
    return Made(*mutated(out.getvalue(), rng, WORDS), {row[0] for row in rows}, len(rows))


KINDS: dict[str, Callable[[list[list[str]], random.Random], Made]] = {
    ".csv": as_csv, ".xlsx": as_excel, ".parquet": as_parquet, ".zip": as_zip, ".tsv": as_tsv,
}  # fmt: skip


def one_try(folder: Path) -> Callable[[int, Counter[str]], None]:
    """Return a try: a file, changed, is read and held to the oracle."""

    def try_(number: int, counts: Counter[str]) -> None:
        rng = random.Random(number)
        suffix = rng.choice(tuple(KINDS))
        rows = table(rng)
        made = KINDS[suffix](rows, rng)
        path = folder / f"a{suffix}"
        path.write_bytes(made.raw)
        told = f"{suffix} {made.changes}"
        counts[suffix] += 1
        try:
            source = open_source(path, GROUPING_COLUMNS)
            found: Counter[str] = Counter()
            for piece in source.pieces:
                found.update(map(str, piece.load()["case_id"].to_pylist()))
        except InputError as refusal:
            assert path.name in refusal.text("en"), f"{told}: {refusal}"
            counts["refused"] += 1
            return
        except Exception as fault:
            raise AssertionError(f"{told}: {type(fault).__name__}: {fault}") from fault
        shown = "\n".join(f"{getattr(text, 'case_id', '')} {text}" for *_, text in source.broken)
        shown += " ".join(
            source.unknown
        )  # a row may have become a part of the header: columns not used
        above = sum(
            int(number)
            for note in source.all_notes()
            for number in re.findall(r"the (\d+) before it were not read", str(note))
        )
        check(made, found, shown, len(source.broken), above, counts, told)

    return try_


def check(
    made: Made, found: Counter[str], shown: str, broken: int, above: int, counts: Counter[str],
    told: str,
) -> None:  # fmt: skip
    """Fail if an id that stands in the file once is gone or double, or rows of it are gone."""
    counts["rows read"] += found.total()
    counts["rows quarantined"] += broken
    counts["ids held"] += len(made.ids)
    missing = 0
    for name in sorted(made.ids):
        assert found[name] <= 1, f"{name} comes out {found[name]} times: {told}"
        # an id that has grown by a change stands in the id that is read
        out = found[name] or any(name in other for other in found)
        missing += not out and name not in shown
    # a row may come out without its id, where that stands in another cell now
    nameless = sum(times for name, times in found.items() if not name.startswith("id-"))
    named = broken + nameless + above  # rows above the header are counted in a note
    assert missing <= named, f"{missing} rows are gone, {named} are told of: {told}"
    came = found.total() + broken
    assert came >= made.rows, f"{came} of {made.rows} rows come out: {told}"


def test_mutated_tables__come_out_once(tmp_path: Path) -> None:
    counts = campaign("tables", one_try(tmp_path), tries=60)
    assert counts["rows read"] > 0


@pytest.mark.long
def test_mutated_tables__come_out_once_for_a_while(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        counts = campaign("tables", one_try(tmp_path))
    assert counts["tries"] > 0

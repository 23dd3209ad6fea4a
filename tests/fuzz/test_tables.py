"""Mutated CSV, Excel, Parquet and zip files: each case comes out once, or its file is refused by name."""

from __future__ import annotations

import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from drgpay.cases.sources import open_source
from drgpay.columns import GROUPING_COLUMNS
from drgpay.errors import InputError
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
)
HEADERS = ("case_id", "sex", "age_years", "diagnoses", "procedures", "department")


def table(rng: random.Random) -> list[list[str]]:
    """Return some rows whose ids stand nowhere else."""
    rows = rng.choice((3, 12, 60))
    return [
        [f"id-{i:04d}", rng.choice("MF"), str(rng.randrange(1, 90)), "K25.900", "43.7x00", "内科"]
        for i in range(rows)
    ]


def as_csv(rows: list[list[str]], rng: random.Random) -> bytes:
    mark = rng.choice(("", '"'))
    lines = [",".join(f"{mark}{cell}{mark}" for cell in row) for row in (list(HEADERS), *rows)]
    return (rng.choice(("\n", "\r\n")).join(lines) + "\n").encode(rng.choice(("utf-8", "gb18030")))


def as_excel(rows: list[list[str]], rng: random.Random) -> bytes:
    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("cases")
    for i, row in enumerate((list(HEADERS), *rows)):
        for j, cell in enumerate(row):
            sheet.write_string(i, j, cell)
    book.close()
    if rng.random() < 0.3:
        return out.getvalue()
    # the parts themselves are changed: a packed one would be refused by its checksum
    made = BytesIO()
    with zipfile.ZipFile(out) as archive, zipfile.ZipFile(made, "w") as new:
        names = archive.namelist()
        spoilt = rng.choice([n for n in names if n.startswith("xl/") and "theme" not in n])
        for name in names:
            raw = archive.read(name)
            new.writestr(name, mutated(raw, rng, WORDS)[0] if name == spoilt else raw)
    return made.getvalue()


def as_parquet(rows: list[list[str]], rng: random.Random) -> bytes:
    out = BytesIO()
    columns = dict(zip(HEADERS, map(pa.array, zip(*rows, strict=True)), strict=True))
    pq.write_table(
        pa.table(columns), out, compression=rng.choice(("none", "zstd")), row_group_size=20
    )
    return out.getvalue()


def as_zip(rows: list[list[str]], rng: random.Random) -> bytes:
    out = BytesIO()
    body = ex1_lists()[0]
    with zipfile.ZipFile(
        out, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    ) as archive:
        for row in rows:
            own = {**body, "setlinfo": {**body["setlinfo"], "setl_id": row[0]}}
            archive.writestr(f"{row[0]}.json", json.dumps(own))
    return out.getvalue()


KINDS: dict[str, Callable[[list[list[str]], random.Random], bytes]] = {
    ".csv": as_csv, ".xlsx": as_excel, ".parquet": as_parquet, ".zip": as_zip,
}  # fmt: skip


def one_try(folder: Path) -> Callable[[int, Counter[str]], None]:
    """Return a try: a file, changed, is read and held to the oracle."""

    def try_(number: int, counts: Counter[str]) -> None:
        rng = random.Random(number)
        suffix = rng.choice(tuple(KINDS))
        rows = table(rng)
        made = KINDS[suffix](rows, rng)
        raw, changes = (made, ["part"]) if suffix == ".xlsx" else mutated(made, rng, WORDS)
        path = folder / f"a{suffix}"
        path.write_bytes(raw)
        told = f"{suffix} {changes}"
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
        check(suffix, rows, raw, found, shown, len(source.broken), counts, told)

    return try_


def check(
    suffix: str, rows: list[list[str]], raw: bytes, found: Counter[str], shown: str,
    broken: int, counts: Counter[str], told: str,
) -> None:  # fmt: skip
    """Fail if a row whose id is whole in a CSV, or any row of a file as long, is gone or double."""
    if suffix != ".csv":
        counts["rows read"] += found.total()
        counts["rows quarantined"] += broken
        return
    missing = 0
    for row in rows:
        times = raw.count(row[0].encode())
        if times != 1:
            continue
        assert found[row[0]] <= 1, f"{row[0]} comes out {found[row[0]]} times: {told}"
        # an id that has grown by a change stands in the id that is read
        out = found[row[0]] or any(row[0] in other for other in found)
        counts["rows read"] += bool(out)
        counts["rows quarantined"] += not out and row[0] in shown
        missing += not out and row[0] not in shown
    assert missing <= broken + 1, f"{missing} rows are gone, {broken} are named: {told}"


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

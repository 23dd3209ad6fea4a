"""Region folders for the months: EX1, as it stands or with other tables and cases."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from drgpay.ground.csv_cells import restored_text
from drgpay.ground.money import fen_of_yuan
from drgpay.region.provenance import rows_digest

TESTS = Path(__file__).resolve().parent.parent
EX1 = TESTS / "cases" / "ex1"


def ex1(folder: Path) -> Path:
    """A copy of EX1 that finds its scheme."""
    region = folder / "region"
    shutil.copytree(EX1, region, ignore=shutil.ignore_patterns("expected"))
    change(
        region / "region.toml",
        lambda text: text.replace("../../schemes/ex1-tiny", str(TESTS / "schemes" / "ex1-tiny")),
    )
    return region


def change(path: Path, edit: Callable[[str], str]) -> None:
    text = path.read_text(encoding="utf-8")
    made = edit(text)
    assert made != text
    path.write_text(made, encoding="utf-8")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def take_prepaid(months: Path, region: Path) -> None:
    """Let a region have the prepaid.csv of months as if they had paid it: without the marks of a
    trial and of all months at once.
    """
    rows = rows_of(months / "prepaid.csv")
    for row in rows:
        row.pop("trial", None)
        if row.pop("simulated", None):
            fen = [(r["prepaid_yuan"], r["deposit_yuan"]) for r in rows]
            amounts = [
                (
                    restored_text(r["hospital_id"]),
                    restored_text(r["pool"]),
                    fen_of_yuan(paid),
                    fen_of_yuan(kept),
                )
                for r, (paid, kept) in zip(rows, fen, strict=True)
            ]
            row["sha256"] = rows_digest((row["region"], row["year"], row["months_sha256"]), amounts)
    write_rows(region / "prepaid.csv", rows)


def split_by_month(region: Path, until: int = 12) -> None:
    """Put EX1's cases into one file a month, of the months up to `until`."""
    rows = rows_of(region / "cases.csv")
    (region / "cases.csv").unlink()
    (region / "cases").mkdir()
    change(region / "region.toml", lambda text: text.replace('cases = ["cases.csv"]\n', ""))
    add_months(region, rows, range(1, until + 1))


def add_months(region: Path, rows: Sequence[dict[str, str]], months: range) -> None:
    for month in months:
        own = [r for r in rows if int(r["settlement_date"][5:7]) == month]
        if own:
            write_rows(region / "cases" / f"2024-{month:02d}.csv", own)

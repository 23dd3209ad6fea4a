"""Cases of other areas are priced as the settled run prices its own, and claimed as they came out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pyarrow.csv as pc
import pytest
from click.testing import CliRunner

from drgpay.cli import cli
from drgpay.ground.errors import InputError
from drgpay.ground.money import round_half_away
from drgpay.ledger.book import Book
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.runs.folder import write_run
from drgpay.runs.reader import RunFolder
from drgpay.settlement.year_end import year_end
from drgpay.wrapper.area_prices import CASES, price_areas, write_areas
from drgpay.wrapper.areas import PRICED, area_claims_draft
from tests.months.folders import ex1, rows_of, write_rows
from tests.wrapper.test_post_runs import own_book, passed

TINY = str(Path(__file__).parents[1] / "schemes" / "ex1-tiny")


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("areas")
    region = ex1(folder)
    yield region, write_run(year_end(region), folder / "run")


@pytest.fixture
def files(settled: tuple[Path, Path], tmp_path: Path) -> dict[str, Path]:
    """The region's own cases as those of two other areas, with a case that cannot be priced."""
    rows = rows_of(settled[0] / "cases.csv")
    made = {"330200": rows[::2], "330300": [*rows[1::2], {**rows[0], "hospital_id": "H9"}]}
    for area, own in made.items():
        write_rows(tmp_path / f"{area}.csv", own)
    return {area: tmp_path / f"{area}.csv" for area in made}


def test_cases__are_priced_as_the_run_priced_them(
    settled: tuple[Path, Path], files: dict[str, Path]
) -> None:
    run = RunFolder(settled[1])
    made = price_areas(settled[1], list(files.items()), scheme=TINY)
    own = {row["case_id"]: row for row in run.table("cases").to_pylist()}
    sums: dict[tuple[str, str, str], list[int]] = {}
    tried = 0
    for row in made.cases.to_pylist():
        was = own[row["case_id"]]
        if row["due_fen"] is None:
            assert row["hospital_id"] == "H9" or was["paid_by"] in (None, "held")
            continue
        place = row["insured_area"], row["hospital_id"], row["pool"]
        sums.setdefault(place, []).append(row["due_fen"])
        # reviews and referrals are decided on and scored in the region's own year alone
        if was["case_class"] not in ("normal", "low", "bed_day") or was["chain"]:
            continue
        worth = Fraction(was["points_before_readmission"]) * run.point_values[was["pool"]] * 100
        assert row["due_fen"] == round_half_away(worth) - was["not_pool_fen"], row
        tried += 1
    assert tried > 5 and made.left >= 1
    assert {p: (len(s), sum(s)) for p, s in sums.items()} == {**made.claims, **made.below}
    assert all(fen > 0 for _, fen in made.claims.values())


def test_claims__name_the_run_that_priced_them(
    settled: tuple[Path, Path], files: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "异地"
    words = ["budget", "area", "price", str(settled[1]), "--scheme", TINY, "-o", str(out)]
    words += [word for area, path in files.items() for word in ("--of", f"{area}={path}")]
    told = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert told.exit_code == 0 and "没有金额的" in told.output
    assert len(pc.read_csv(out / CASES)) == sum(len(rows_of(path)) for path in files.values())
    run = RunFolder(settled[1])
    book: Book = own_book(tmp_path / "b", run.manifest["region"]["id"])
    with book.reading() as reading:
        draft = area_claims_draft(reading, out, 2024, 3, "甲")
    entry = passed(book, draft)
    made = price_areas(settled[1], list(files.items()), scheme=TINY)
    assert entry.body["priced"]["run"] == run.digest
    assert [row["amount_fen"] for row in entry.body["figures"]] == [
        fen for _, fen in made.claims.values()
    ]
    text = (out / PRICED).read_text(encoding="utf-8-sig")
    (out / PRICED).write_text(text.rstrip("\n") + "1\n", encoding="utf-8-sig")
    with book.reading() as reading, pytest.raises(InputError, match="were changed since"):
        area_claims_draft(reading, out, 2024, 4, "甲")
    words[words.index(str(out))] = str(tmp_path / "other")
    refused = CliRunner().invoke(cli, [*words, "--of", "330200"])
    assert isinstance(refused.exception, InputError) and "AREA=FILE" in str(refused.exception)


def test_value__may_be_a_months_of_the_same_region(
    settled: tuple[Path, Path], files: dict[str, Path], tmp_path: Path
) -> None:
    month = write_month(run_month(settled[0], "2024-06"), tmp_path / "june")
    one = [next(iter(files.items()))]
    year, june = (price_areas(settled[1], one, given, TINY) for given in (None, month))
    assert june.facts["values"] == RunFolder(month, "month").digest != june.facts["run"]
    rows = zip(year.cases.to_pylist(), june.cases.to_pylist(), strict=True)
    changed = [(a, b) for a, b in rows if a["due_fen"] is not None and a["paid_by"] == "points"]
    values = {
        p["pool"]: Fraction(p["point_value_fraction"])
        for p in RunFolder(month, "month").manifest["months"]
        if p["month"] == "2024-06" and p["point_value_fraction"]
    }
    assert values
    for _, b in changed:
        value = values.get(b["pool"], RunFolder(settled[1]).point_values[b["pool"]])
        assert b["expected_fen"] == round_half_away(Fraction(b["points"]) * value * 100)
    told = json.loads((month / "manifest.json").read_text(encoding="utf-8"))
    told["region"]["id"] = "R9"
    (month / "manifest.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(InputError):
        price_areas(settled[1], one, month, TINY)
    write_areas(june, tmp_path / "out")
    with pytest.raises(InputError):
        write_areas(june, tmp_path / "out")

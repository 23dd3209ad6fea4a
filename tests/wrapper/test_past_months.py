"""Indices shared by the months of past years: kept, paid by, changed by; amounts worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import InputError
from drgpay.ground.reference import reference_dir
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft
from drgpay.ledger.postings import target_lines
from drgpay.wrapper.changes import adjustment_draft
from drgpay.wrapper.index_year import index_month_draft, indices_draft
from tests.report.test_book_why import hold_words
from tests.wrapper.test_changes import POLICY, PRICES, YEAR, clock, decided
from tests.wrapper.test_index_year import write
from tests.wrapper.test_post_runs import passed

HEAD = "机构编码,险种,年度,月份,当月费用"
EQUAL = [100] * 12
# 2024 and 2025 together: January is 4 of 16, December 2 of 16, each other month 1 of 16
COLD = {2024: [150, *[50] * 10, 100], 2025: [250, *[50] * 10, 100]}


def pattern(folder: Path) -> str:
    """The invented policy, but that months are shared as in past years."""
    text = (reference_dir() / "policies" / "testland-budget.toml").read_text(encoding="utf-8")
    old = 'value = "equal"\nalternative = "past_years"'
    assert text.count(old) == 1
    path = folder / "pattern.toml"
    new = 'value = "past_years"\nalternative = "equal"'
    path.write_text(text.replace(old, new), encoding="utf-8")
    return str(path)


def by_month(name: str, years: dict[int, list[int]]) -> list[str]:
    return [
        f"{name},310,{year},{month},{cost}"
        for year, months in years.items()
        for month, cost in enumerate(months, 1)
    ]


ROWS = by_month("H1", COLD) + by_month("H2", {2025: EQUAL})


def indices(
    book: Book, folder: Path, policy: str, rows: list[str] | None, year: int = YEAR
) -> Draft:
    """Indices of 1,200,000 yuan each for H1 and H2."""
    write(
        folder, "past_years", "机构编码,险种,上年指标,上年实际执行,协商分组",
        "H1,310,1200000,1200000,二级", "H2,310,1200000,1200000,二级",
    )  # fmt: skip
    if rows is not None:
        write(folder, "past_months", HEAD, *rows)
    with book.reading() as reading:
        return indices_draft(reading, folder, year, policy, "甲")


def month(book: Book, folder: Path, policy: str, *claims: int) -> list[dict[str, Any]]:
    rows = [f"{name},310,{yuan}" for name, yuan in zip(("H1", "H2"), claims, strict=True)]
    write(folder, "claims", "机构编码,险种,申报金额", *rows)
    with book.reading() as reading:
        draft = index_month_draft(reading, folder, YEAR, policy, "甲")
    return list(passed(book, draft).body["figures"])


@pytest.fixture
def book(tmp_path: Path) -> Book:
    book = Book.create(
        tmp_path / "b", region_id="R", region_name="区", year=YEAR, who="甲", clock=clock
    )
    lines = tuple(target_lines("310", 300_000_000, {"deposit": 400_000, "mid_year": 5_000_000}, {}))
    passed(book, Draft("target", YEAR, "甲", "maker", {}, lines=lines))
    return book


def test_months__are_shared_as_past_years_had_them(book: Book, tmp_path: Path) -> None:
    """1,200,000 yuan: January 4/16, December 2/16, each other month 1/16; after a change the rest."""
    policy = pattern(tmp_path)
    entry = passed(book, indices(book, tmp_path / "i", policy, ROWS))
    own = entry.body["indices"][0]
    assert [y["year"] for y in own["past_months"]] == [2024, 2025]
    assert own["past_months"][1]["months_fen"] == [25_000, *[5_000] * 10, 10_000]
    hold_words([entry])

    first, second = month(book, tmp_path / "m", policy, 330_000, 0)
    assert first["months"] == [30_000_000, *[7_500_000] * 10, 15_000_000]
    assert second["months"] == [10_000_000] * 12
    assert (first["paid_fen"], first["month"]["deferred_fen"]) == (30_000_000, 3_000_000)
    for _ in range(5):
        first, second = month(book, tmp_path / "m", policy, 75_000, 100_000)
        assert (first["paid_fen"], second["month"]["carry_fen"]) == (7_500_000, 10_000_000)

    # 1.75 % are 21,000 yuan: with the 525,000 left they are shared 1 : 1 : 1 : 1 : 1 : 2
    decided(book, tmp_path / "a")
    changes = [row.replace(",2,", ",1.75,") for row in PRICES]
    write(tmp_path / "a", "adjustments", "机构编码,险种,调整情形,金额,百分比,原因", *changes)
    rule = "二级,重大政策调整、突发事件或价格大幅变动,1.75"
    write(tmp_path / "a", "adjustment_rules", "协商分组,调整情形,百分比", rule)
    with book.reading() as reading:
        draft = adjustment_draft(reading, tmp_path / "a", YEAR, "价格调整", policy, "甲")
    changed = passed(book, draft)
    assert changed.body["indices"][0]["past_months"] == own["past_months"]
    first, second = month(book, tmp_path / "m", policy, 80_000, 0)
    assert first["months"] == [30_000_000, *[7_500_000] * 5, *[7_800_000] * 5, 15_600_000]
    assert second["months"] == [10_000_000] * 6 + [10_350_000] * 6
    assert (first["paid_fen"], first["month"]["deferred_fen"]) == (7_800_000, 200_000)


def test_months__of_past_years_that_are_missing_are_refused_by_name(
    book: Book, tmp_path: Path
) -> None:
    policy = pattern(tmp_path)
    with pytest.raises(InputError) as found:
        indices(book, tmp_path / "none", policy, None)
    assert [h in str(f) for f, h in zip(found.value.faults, ("H1", "H2"), strict=True)] == [
        True
    ] * 2
    with pytest.raises(InputError) as found:
        indices(book, tmp_path / "one", policy, by_month("H1", COLD))
    (fault,) = found.value.faults
    assert "H2" in str(fault) and "twelve months of past years are needed" in str(fault)
    # an index that was set by another choice has none: the month is refused, nothing is posted
    passed(book, indices(book, tmp_path / "equal", POLICY, None))
    with pytest.raises(InputError, match="cannot be shared by months") as found:
        month(book, tmp_path / "m", policy, 1, 1)
    assert len(found.value.faults) == 2
    first, _ = month(book, tmp_path / "m", POLICY, 1, 1)
    assert first["months"] == [10_000_000] * 12 and first["month"]["month"] == 1


def test_past_months__with_faults_are_refused_all_at_once(book: Book, tmp_path: Path) -> None:
    rows = [
        *by_month("H1", COLD)[:-1],  # 2025 lacks December
        *by_month("H2", {YEAR: EQUAL}),  # no past year
        *by_month("H9", {2025: EQUAL})[:12],  # no index
    ]
    with pytest.raises(InputError) as found:
        indices(book, tmp_path / "i", POLICY, rows)
    told = [str(fault) for fault in found.value.faults]
    assert sum("has 11 months of 2025" in text for text in told) == 1
    assert sum(f"{YEAR} is no year before {YEAR}" in text for text in told) == 12
    assert sum("H9, pool 310, is not in past_years" in text for text in told) == 12
    assert len(told) == 25
    with pytest.raises(InputError) as found:
        zero = by_month("H1", {2025: [0] * 12}) + by_month("H2", {2025: EQUAL})
        indices(book, tmp_path / "z", pattern(tmp_path), zero)
    assert [("H1" in str(f), "all are 0" in str(f)) for f in found.value.faults] == [(True, True)]

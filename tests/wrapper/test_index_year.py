"""A year by index on the book: set, paid by months, cleared; T1 and T2 of the rules to the fen."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from drgpay.ground.errors import BooksError, InputError
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, Entry
from drgpay.ledger.postings import advance_lines, target_lines
from drgpay.ledger.verify import verify
from drgpay.wrapper.index_clearing import index_clearing_draft
from drgpay.wrapper.index_year import index_month_draft, indices_draft
from tests.wrapper.test_post_runs import passed

POLICY = "testland-budget"


def write(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def book(tmp_path: Path) -> Book:
    book = Book.create(tmp_path / "b", region_id="R", region_name="区", year=2026, who="甲")
    lines = tuple(target_lines("310", 2_000_000_000, {"deposit": 1_200_000}, {}))
    passed(book, Draft("target", 2026, "甲", "maker", {}, lines=lines))
    return book


PAST = (
    "机构编码,险种,等级,类别,上年指标,上年实际执行,协商分组",
    "H1,310,3,综合,12345678.90,12345678.90,A",
    "H2,310,2,综合,1200000,1200000,B",
)
FACTORS = (
    "机构编码,险种,因素,百分比,reason",
    "H1,310,有效服务量,2.5,就诊增长",
    "H1,310,基层倾斜,1,下转病人",
)


def set_indices(book: Book, folder: Path, *more: str) -> Entry:
    write(folder, "past_years", *PAST)
    write(folder, "index_factors", *FACTORS, *more)
    with book.reading() as reading:
        draft = indices_draft(reading, folder, 2026, POLICY, "甲")
    return passed(book, draft)


def month(book: Book, folder: Path, *rows: str) -> Entry:
    write(folder, "claims", "机构编码,险种,申报金额,违规费用", *rows)
    with book.reading() as reading:
        draft = index_month_draft(reading, folder, 2026, POLICY, "甲")
    return passed(book, draft)


def sums(book: Book, account: str) -> dict[str, int]:
    with book.reading() as reading:
        found = reading.balances(account)
    made: dict[str, int] = {}
    for b in found:
        made[b.hospital_id] = made.get(b.hospital_id, 0) + b.amount_fen
    return {name: fen for name, fen in made.items() if fen}


def test_index__is_the_base_with_its_factors(book: Book, tmp_path: Path) -> None:
    """T1: 12,345,678.90 and 3.5 % are 12,777,777.66."""
    entry = set_indices(book, tmp_path / "i")
    first, second = entry.body["indices"]
    assert (first["asked_fen"], first["index_fen"]) == (1_277_777_766, 1_277_777_766)
    assert [f["brings_fen"] for f in first["factors"]] == [30_864_197, 12_345_679]
    assert first["deposit_fen"] + second["deposit_fen"] == 1_200_000
    own = {h: r["index_fen"] + r["deposit_fen"] for h, r in zip("12", (first, second), strict=True)}
    assert sums(book, "allotted") == {"H1": own["1"], "H2": own["2"]}
    assert sums(book, "reserve") == {}
    assert sums(book, "available") == {"": 2_000_000_000 - own["1"] - own["2"]}


def test_months__pay_within_the_index(book: Book, tmp_path: Path) -> None:
    """T2: 100,000 a month; claims, violations, what is paid and what waits, each in yuan."""
    set_indices(book, tmp_path / "i")
    claims = ("90000", "0"), ("115000", "1000"), ("97000", "0"), ("104000.55", "200.05")
    found = [
        month(book, tmp_path / "m", "H1,310,0,0", f"H2,310,{claim},{violation}")
        for claim, violation in claims
    ]
    own = [next(r for r in e.body["figures"] if r["hospital_id"] == "H2") for e in found]
    assert [r["paid_fen"] for r in own] == [9_000_000, 11_000_000, 9_700_000, 10_300_000]
    assert [r["month"]["carry_fen"] for r in own] == [1_000_000, 0, 300_000, 0]
    assert [r["month"]["deferred_total_fen"] for r in own] == [0, 400_000, 400_000, 480_050]
    assert sums(book, "payable") == {"H2": -40_000_000}
    assert sums(book, "deferred") == {"H2": -480_050}
    assert sums(book, "violations") == {"H2": -120_005}
    assert sums(book, "recorded") == {"H2": 40_600_055}


def cleared(book: Book, folder: Path, *rows: str) -> Entry:
    write(folder, "assessed", "机构编码,险种,score,已交超支报告,违规费用", *rows)
    with book.reading() as reading:
        draft = index_clearing_draft(reading, folder, 2026, POLICY, "甲")
    return passed(book, draft)


@pytest.mark.parametrize("seed", range(6))
def test_year__by_random_claims_comes_to_its_clearing(
    book: Book, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    set_indices(book, tmp_path / "i")
    passed(
        book,
        Draft(
            "advance", 2026, "甲", "maker", {},
            lines=tuple(advance_lines("working_capital", "310", "H2", rng.randrange(10**7))),
        ),
    )  # fmt: skip
    paid = {"H1": 0, "H2": 0}
    for _ in range(12):
        rows = [
            f"H1,310,{rng.randrange(80_000_000, 130_000_000) / 100},{rng.randrange(10**6) / 100}",
            f"H2,310,{rng.randrange(8_000_000, 13_000_000) / 100},{rng.randrange(10**7) / 100}",
        ]
        for own in month(book, tmp_path / "m", *rows).body["figures"]:
            paid[own["hospital_id"]] += own["paid_fen"]
    before = sums(book, "payable")
    assert {h: -fen for h, fen in before.items()} == {
        h: fen + (sums(book, "working_capital").get(h, 0)) for h, fen in paid.items()
    }
    entry = cleared(book, tmp_path / "y", "H1,310,0.9,是,100", "H2,310,1,否,0")
    rows_of = {own["hospital_id"]: own for own in entry.body["figures"]}
    after, owed = sums(book, "payable"), sums(book, "receivable")
    for name, own in rows_of.items():
        assert own["given"]["paid_fen"] == paid[name]
        assert before[name] - after[name] == own["payable_fen"]
        assert owed.get(name, 0) == own["recover_fen"]
    for account in ("recorded", "deferred", "deposit", "setoff", "working_capital"):
        assert sums(book, account) == {}
    assert verify(book).faults == ()
    with book.reading() as reading, pytest.raises(InputError, match="no index of 2026 waits"):
        index_clearing_draft(reading, tmp_path / "y", 2026, POLICY, "甲")


def test_indices__that_cannot_be_are_refused(book: Book, tmp_path: Path) -> None:
    with pytest.raises(InputError) as found:
        set_indices(book, tmp_path / "i", "H9,310,基层倾斜,1,无", "H1,390,基层倾斜,1,无")
    assert len(found.value.faults) == 2
    write(tmp_path / "i", "group_rules", "协商分组,因素,百分比", "A,有效服务量,2", "A,基层倾斜,1")
    with pytest.raises(InputError, match="no deal with one institution"):
        set_indices(book, tmp_path / "i")
    write(tmp_path / "i", "group_rules", "协商分组,因素,百分比", "A,有效服务量,", "A,基层倾斜,1")
    set_indices(book, tmp_path / "i")
    with pytest.raises((InputError, BooksError)):
        month(book, tmp_path / "m", "H1,310,5,0")  # H2 is missing
    with pytest.raises(InputError, match="has no index"):
        month(book, tmp_path / "m", "H1,310,5,0", "H2,310,5,0", "H3,310,1,0")
    with book.reading() as reading, pytest.raises(InputError, match="0 months of 2026"):
        write(tmp_path / "y", "assessed", "机构编码,险种,score", "H1,310,1", "H2,310,1")
        index_clearing_draft(reading, tmp_path / "y", 2026, POLICY, "甲")

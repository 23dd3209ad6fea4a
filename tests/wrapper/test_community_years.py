"""Drawn years of communities on the book: every sum holds, members get what the model says."""

from __future__ import annotations

import datetime as dt
import random
from fractions import Fraction
from pathlib import Path

import pytest

from drgpay.budget.communities import SURPLUS
from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft
from drgpay.ledger.postings import target_lines
from drgpay.ledger.verify import verify
from drgpay.wrapper.communities import (
    community_clearing_draft,
    file_rebalancing,
    file_transfer,
    member_years,
)
from drgpay.wrapper.filings import community
from drgpay.wrapper.index_year import index_month_draft, indices_draft
from reference.model import wrapper
from tests.wrapper.test_communities import (
    NAME,
    POLICY,
    REBALANCING,
    RULES,
    TRANSFER,
    YEAR,
    budgets,
    clock,
    done,
    filed,
    form,
    handed_in,
    receipt,
    transfer_rows,
)
from tests.wrapper.test_index_year import sums, write
from tests.wrapper.test_post_runs import passed


def book_of(folder: Path, rng: random.Random, names: list[str], months: int = 12) -> Book:
    """A book with drawn indices, and months of drawn claims around them."""
    book = Book.create(
        folder / "b", region_id="R", region_name="区", year=YEAR, who="甲", clock=clock
    )
    lines = tuple(target_lines("310", 10**12, {"deposit": rng.randrange(10**7)}, {}))
    passed(book, Draft("target", YEAR, "甲", "maker", {}, lines=lines))
    budget = {name: rng.randrange(10**6, 10**9) for name in names}
    rows = [f"{name},310,{fen / 100},{fen / 100}" for name, fen in budget.items()]
    write(folder / "i", "past_years", "机构编码,险种,上年指标,上年实际执行", *rows)
    with book.reading() as reading:
        draft = indices_draft(reading, folder / "i", YEAR, POLICY, "甲")
    passed(book, draft)
    part = {name: Fraction(rng.randrange(60, 140), 100) for name in names}
    for _ in range(months):
        rows = [
            f"{n},310,{int(part[n] * fen * rng.randrange(80, 120)) // 1200 / 100}"
            for n, fen in budget.items()
        ]
        write(folder / "m", "claims", "机构编码,险种,申报金额", *rows)
        with book.reading() as reading:
            draft = index_month_draft(reading, folder / "m", YEAR, POLICY, "甲")
        passed(book, draft)
    return book


def moved(book: Book, folder: Path, rng: random.Random) -> dict[str, int]:
    """Move drawn parts of budgets, or none; return the budgets after."""
    before = budgets(book)
    if rng.random() < 0.3:
        return before
    *some, last = before
    out = {name: rng.randrange(-(10**5), before[name] // 2) for name in some}
    out[last] = -sum(out.values())
    table = form(folder, "t.csv", TRANSFER, *transfer_rows(before, out))
    passed(book, handed_in(book, file_transfer, table))
    day = dt.date(2026, 1, 19)
    done(book, "receipt", day, {"transfer_receipt": "回执"}, folder)
    done(book, "adjust", day, {"adjusted_budgets": "预算"}, folder)
    return {name: fen - out[name] for name, fen in before.items()}


def settled(book: Book, folder: Path, rng: random.Random, after: dict[str, int]) -> Draft:
    """Clear the community; a member of the other side gets a drawn part of the amount."""
    names = list(after)
    write(folder, "assessed", "机构编码,险种,score,已交超支报告", *(f"{n},310,1,是" for n in names))
    write(folder, "community_allocation", "机构编码,险种,金额,原因")

    def draft() -> Draft:
        with book.reading() as reading:
            return community_clearing_draft(reading, folder, YEAR, NAME, POLICY, "甲")

    try:
        made = draft()
    except InputError:
        with book.reading() as reading:
            own = {
                name: sum(
                    r["month"]["net_fen"]
                    for e in reading.entries(("month",), year=YEAR)
                    for r in e.body["figures"]
                    if r["hospital_id"] == name
                )
                for name in names
            }
        whole = sum(after.values()) - sum(own.values())
        sign = 1 if whole > 0 else -1
        other = [n for n in names if (after[n] - own[n]) * whole < 0]
        part = {n: rng.choice((0, sign * rng.randrange(abs(whole) // 20 + 1))) for n in other}
        rows = [f"{n},310,{fen / 100},办法" for n, fen in part.items()]
        write(folder, "community_allocation", "机构编码,险种,金额,原因", *rows)
        made = draft()
        model = wrapper.community({n: (after[n], own[n]) for n in names}, part, RULES)
        (side,) = made.body["sides"]
        assert {r["hospital_id"]: r["amount_fen"] for r in side["rows"]} == model
    return made


def hold(seed: int, folder: Path) -> None:
    """Go through a drawn year; raise where a sum does not hold."""
    rng = random.Random(seed)
    names = [f"M{n}" for n in range(rng.randint(2, 5))]
    book = book_of(folder, rng, [*names, "Z"])
    filed(book, folder / "f", *names, lead=names[0])
    receipt(book, folder / "f")
    allotted = sums(book, "allotted")
    after = moved(book, folder, rng)
    assert sum(sums(book, "allotted").values()) == sum(allotted.values())
    assert sums(book, "allotted")["Z"] == allotted["Z"]
    paid = sums(book, "payable")
    entry = passed(book, settled(book, folder / "s", rng, after))
    (side,) = entry.body["sides"]
    amounts = {row["hospital_id"]: row["amount_fen"] for row in side["rows"]}
    sign = 1 if side["side"] == SURPLUS else -1
    assert sum(amounts.values()) == side["amount_fen"]
    assert all(fen * sign >= 0 for fen in amounts.values())
    assert set(sums(book, "recorded")) <= {"Z"}
    payable, owed = sums(book, "payable"), sums(book, "receivable")
    for own in entry.body["figures"]:
        name = own["hospital_id"]
        assert own["due_fen"] == own["given"]["actual_fen"] + amounts[name]
        assert paid.get(name, 0) - payable.get(name, 0) == own["payable_fen"]
        assert owed.get(name, 0) == own["recover_fen"]
    done(book, "clear", dt.date(2026, 1, 30), {"clearing_result": "清算"}, folder)
    total = side["amount_fen"]
    cut = sorted(rng.randrange(abs(total) + 1) for _ in names[1:])
    parts = [b - a for a, b in zip([0, *cut], [*cut, abs(total)], strict=True)]
    again = {name: sign * part for name, part in zip(names, parts, strict=True)}
    rows = [f",{n},310,{amounts[n] / 100},{again[n] / 100},签" for n in names]
    draft = handed_in(
        book, file_rebalancing, form(folder, "r.csv", REBALANCING, *rows), dt.date(2026, 2, 9)
    )
    passed(book, draft)
    now, due = sums(book, "payable"), sums(book, "receivable")
    for name in names:
        change = (now.get(name, 0) - payable.get(name, 0)) + (due.get(name, 0) - owed.get(name, 0))
        assert change == amounts[name] - again[name], "paid more, or deducted, by what was moved"
    with book.reading() as reading:
        years = member_years(reading, community(reading, YEAR, NAME), YEAR)
    assert {m.hospital_id: m.rebalanced_fen for m in years} == again
    assert verify(book).faults == ()
    book.close()


@pytest.mark.parametrize("seed", range(3))
def test_community__of_a_drawn_year_holds_every_sum(seed: int, tmp_path: Path) -> None:
    hold(seed, tmp_path)


@pytest.mark.long
def test_community__of_a_thousand_drawn_years_holds_every_sum(tmp_path: Path) -> None:
    for seed in range(3, 1003):
        folder = tmp_path / str(seed)
        folder.mkdir()
        hold(seed, folder)

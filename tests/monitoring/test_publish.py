"""Publication: what is left out cannot be computed, what is told names its source, objections run."""

from __future__ import annotations

import datetime as dt
import random
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.ledger.calendar import load_calendar
from drgpay.ledger.entries import Draft
from drgpay.ledger.procedures import Terms
from drgpay.monitoring.indicators import indicators
from drgpay.monitoring.publish import (
    joined_rows,
    public,
    rate_told,
    rate_told_again,
    small_together,
)
from drgpay.monitoring.published import (
    TOTAL,
    Earlier,
    counts_shown,
    earlier_publications,
    told_of,
)
from drgpay.monitoring.suppress import Before, bounds, hidden_cells, small, with_totals
from drgpay.policy import load_policy
from drgpay.report.public_pages import own_sheets, public_sheets, public_tables, write_public
from drgpay.wrapper import registers
from tests.ledger.conftest import Clock, settled
from tests.monitoring.drawn import YEAR

POLICY = load_policy("testland-budget", catalogue="budget").for_year(YEAR)
LEAST = POLICY["publish.min_cell"]


def drawn_counts(rng: random.Random) -> np.ndarray:
    rows, columns = rng.randint(1, 7), rng.randint(1, 4)
    kind = rng.choice([1, 3, 9, 60])
    cells = [
        [
            0 if rng.random() < 0.2 else min(int(rng.expovariate(1 / kind)), 500)
            for _ in range(columns)
        ]
        for _ in range(rows)
    ]
    return np.array(cells, np.int64)


def other_tables(
    whole: np.ndarray, hidden: np.ndarray, most: int
) -> dict[tuple[int, int], set[int]]:
    """By trying them all: which values hidden cells have in the tables that agree with what is shown.

    Hidden counts up to `most`; totals that are shown must come out, those that are not may be any.
    """
    rows, columns = (n - 1 for n in whole.shape)
    free = [(i, j) for i in range(rows) for j in range(columns) if hidden[i, j]]
    grid = np.indices((most + 1,) * len(free)).reshape(len(free), -1) if free else np.zeros((0, 1))
    tables = np.repeat(whole[None, :rows, :columns], grid.shape[1], axis=0)
    for at, (i, j) in enumerate(free):
        tables[:, i, j] = grid[at]
    sums = np.concatenate([tables, tables.sum(axis=1, keepdims=True)], axis=1)
    every = np.concatenate([sums, sums.sum(axis=2, keepdims=True)], axis=2)
    fits = every[(every == whole)[:, ~hidden].all(axis=1)]
    return {
        (i, j): set(fits[:, i, j].tolist())
        for i in range(rows + 1)
        for j in range(columns + 1)
        if hidden[i, j]
    }


def held_open(rng: random.Random) -> None:
    counts = drawn_counts(rng)
    hidden, whole = hidden_cells(counts, LEAST), with_totals(counts)
    primary = small(whole, LEAST)
    assert (hidden | ~primary).all()
    for at in np.argwhere(hidden):
        place = (int(at[0]), int(at[1]))
        low, high = bounds(whole, hidden, place)
        assert high - low >= 1 - 1e-6, (counts, hidden, place)
        if primary[place]:
            assert high >= LEAST - 1e-6, (counts, hidden, place)


def test_hidden__cells_stay_open_whatever_is_shown() -> None:
    rng = random.Random(7)
    for _ in range(12):
        held_open(rng)


@pytest.mark.long
def test_hidden__cells_stay_open_in_many_tables() -> None:
    rng = random.Random(8)
    for _ in range(1_000):
        held_open(rng)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.lists(st.integers(0, 7), min_size=2, max_size=2), min_size=2, max_size=2))
def test_hidden__cells_take_other_counts_in_tables_that_are_written_out(
    cells: list[list[int]],
) -> None:
    """Without linear programmes: of all tables of whole counts that agree, two tell a cell apart."""
    counts = np.array(cells, np.int64)
    hidden, whole = hidden_cells(counts, LEAST), with_totals(counts)
    for place, values in other_tables(whole, hidden, 16).items():
        assert len(values) > 1, (counts, hidden, place)
        if small(whole, LEAST)[place]:
            assert max(values) >= LEAST, (counts, hidden, place)


def test_hidden__by_difference_is_seen_by_the_audit() -> None:
    """One small cell alone in its row is the total less the rest: it must not stay so."""
    counts = np.array([[2, 40, 50], [30, 40, 50], [60, 20, 30]])
    whole = with_totals(counts)
    alone = small(whole, LEAST)
    assert bounds(whole, alone, (0, 0)) == (2.0, 2.0)
    hidden = hidden_cells(counts, LEAST)
    assert hidden.sum() == 4 and hidden[0, 0]
    low, high = bounds(whole, hidden, (0, 0))
    assert low < 2 < high and high >= LEAST


def test_hidden__nothing_where_nothing_is_small() -> None:
    assert not hidden_cells(np.array([[10, 0], [7, 5]]), LEAST).any()


def changed(rng: random.Random, counts: np.ndarray) -> np.ndarray:
    """A table some time later: a few counts went up or down, mostly by little."""
    later = counts.copy()
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(counts.shape[0]), rng.randrange(counts.shape[1])
        later[place] = max(0, later[place] + rng.choice([-3, -1, 1, 1, 2, 4, 6, 40]))
    return later


def published(counts: np.ndarray, *before: Before) -> Before:
    hidden = hidden_cells(counts, LEAST, before)
    return Before(np.where(hidden, -1, with_totals(counts)), hidden)


def told_by_difference(first: Before, second: Before) -> int:
    """How many cells are shown twice, with a change that is above 0 and below the least."""
    both = (first.shown >= 0) & (second.shown >= 0)
    change = np.abs(first.shown - second.shown)
    return int((both & (change > 0) & (change < LEAST)).sum())


def held_open_again(rng: random.Random) -> int:
    """Return how many small changes would be told if publications knew nothing of each other."""
    counts, told = drawn_counts(rng), 0
    known: list[Before] = []
    for _ in range(3):
        own, whole = published(counts, *known), with_totals(counts)
        for earlier in known:
            told += told_by_difference(earlier, published(counts))
            assert not told_by_difference(earlier, own)
            assert (own.left_out | ~earlier.left_out).all()
        for at in np.argwhere(own.left_out):
            place = (int(at[0]), int(at[1]))
            low, high = bounds(whole, own.left_out, place)
            assert high - low >= 1 - 1e-6, (counts, own, place)
            for earlier in known:
                then, now = int(earlier.shown[place]), int(whole[place])
                if then >= 0 and 0 < abs(now - then) < LEAST:
                    assert high >= then + LEAST - 1e-6, (counts, own, place)
        known.append(own)
        counts = changed(rng, counts)
    return told


def test_hidden__what_changed_little_since_it_was_published_is_not_told() -> None:
    rng = random.Random(9)
    assert sum(held_open_again(rng) for _ in range(8)) > 5


@pytest.mark.long
def test_hidden__what_changed_little_is_not_told_in_many_tables() -> None:
    rng = random.Random(10)
    assert sum(held_open_again(rng) for _ in range(350)) > 200


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 7), min_size=2, max_size=2), min_size=2, max_size=2),
    st.tuples(st.integers(0, 1), st.integers(0, 1)),
)
def test_hidden__one_visit_more_is_not_told_by_two_publications(
    cells: list[list[int]], place: tuple[int, int]
) -> None:
    """Without linear programmes: of all pairs of tables that agree with both, some say otherwise."""
    first = np.array(cells, np.int64)
    second = first.copy()
    second[place] += 1
    one = published(first)
    two = published(second, one)
    before = other_tables(with_totals(first), one.left_out, 16)
    after = other_tables(with_totals(second), two.left_out, 16)
    for at in np.ndindex(with_totals(first).shape):
        then = before.get(at, {int(one.shown[at])})
        now = after.get(at, {int(two.shown[at])})
        changes = {abs(b - a) for a in then for b in now}
        assert changes == {0} or max(changes) >= LEAST, (first, at)


def test_hidden__what_was_left_out_beside_a_small_count_stays_so() -> None:
    """The cheapest cell to go with it is another one now: shown, the old one would tell the count."""
    first = np.array([[2, 10, 50], [30, 12, 50], [60, 20, 30]])
    second = first + np.array([[0, 0, 0], [0, 60, 0], [0, 0, 0]])
    one = published(first)
    assert one.left_out[1, 0] and not published(second).left_out[1, 0]
    assert published(second, one).left_out[1, 0]


# --- rates and money


MEASURES = {
    "H1": {"visits": 900, "persons": 400, "outpatient_visits": 800, "admissions": 100, "surgeries": 98},
    "H2": {"visits": 700, "persons": 300, "outpatient_visits": 600, "admissions": 100, "surgeries": 40},
    "H3": {"visits": 12, "persons": 3, "outpatient_visits": 9, "admissions": 3, "surgeries": 1},
    "H4": {"visits": 500, "persons": 200, "outpatient_visits": 400, "admissions": 100, "surgeries": 60},
}  # fmt: skip


def test_rates__of_what_is_left_out_are_left_out() -> None:
    rows, hidden = counts_shown(MEASURES, LEAST)
    shown = {row["hospital_id"]: row for row in rows}
    assert shown["H1"]["without_surgery"] is None and shown["H3"]["with_surgery"] is None
    for hospital, gone in hidden.items():
        for indicator in indicators().values():
            made_of = {indicator.numerator, indicator.denominator}
            if made_of & gone:
                row = {"numerator": "1", "denominator": "2"}
                assert not rate_told(indicator, row, gone, MEASURES.get(hospital, {}), LEAST)
    rate = indicators()["visits_per_person"]
    assert not rate_told(rate, {}, set(), MEASURES["H3"], LEAST)
    assert rate_told(rate, {}, set(), MEASURES["H2"], LEAST)
    nearly = {**MEASURES["H2"], "surgeries": 98}
    assert not rate_told(indicators()["surgery_rate"], {}, set(), nearly, LEAST)
    complaints = indicators()["complaints"]
    for count, told in ((0, True), (1, False), (4, False), (5, True)):
        row = {"numerator": str(count), "denominator": "1", "document": "台账"}
        assert rate_told(complaints, row, set(), {}, LEAST) == told


def test_rates__that_tell_a_count_which_changed_little_are_left_out() -> None:
    then = {"H1": {"admissions": 100, "surgeries": 40}}
    earlier = [Earlier({}, (), then, {("H1", "complaints"): Fraction(9)})]
    rate, complaints = indicators()["surgery_rate"], indicators()["complaints"]
    for admissions, surgeries, told in (
        (100, 40, True), (104, 40, False), (100, 42, False), (120, 60, True), (120, 58, False),
        (120, 55, True),
    ):  # fmt: skip
        own = {"admissions": admissions, "surgeries": surgeries}
        assert rate_told_again(rate, {}, "H1", own, LEAST, earlier) == told, own
        assert rate_told_again(rate, {}, "H2", own, LEAST, earlier)
    for count, told in ((9, True), (10, False), (13, False), (14, True)):
        row = {"numerator": str(count), "denominator": "1", "document": "台账"}
        assert rate_told_again(complaints, row, "H1", {}, LEAST, earlier) == told


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 40), min_size=1))
def test_institutions__with_few_persons_never_stand_alone(persons: dict[str, int]) -> None:
    chosen = small_together(persons, set(persons), LEAST)
    few = {name for name, count in persons.items() if 0 < count < LEAST}
    assert few <= set(chosen)
    some = [name for name, count in persons.items() if count > 0]
    if few and len(some) > 1:
        assert len(chosen) > 1
        assert sum(persons[name] for name in chosen) >= LEAST or len(chosen) == len(some)
    rows = [
        {"hospital_id": name, "pool": "310", "paid_fen": 100 + n, "entry": 1}
        for n, name in enumerate(sorted(persons))
    ]
    joined = joined_rows(rows, chosen, ("paid_fen",))
    assert sum(r["paid_fen"] for r in joined) == sum(r["paid_fen"] for r in rows)


# --- the book


@pytest.fixture
def book(tmp_path: Path, clock: Clock) -> Book:
    clock.now = 1_780_000_000
    made = Book.create(
        tmp_path / "b", region_id="R1", region_name="测试区", year=YEAR, who="张三", clock=clock
    )
    own = {
        "pool": "310", "revenue_fen": 900_000, "budget_fen": 800_000,
        "deducted": [["retail_pharmacies", 100_000]], "target_fen": 700_000,
        "reserves": [["mid_year", "1/20", 35_000]], "free_fen": 665_000,
    }  # fmt: skip
    indices = [
        {"hospital_id": name, "pool": "310", "index_fen": 100_000 + n, "deposit_fen": 0,
         "monthly_fen": 100_000 + n}
        for n, name in enumerate(MEASURES)
    ]  # fmt: skip
    scores = [
        {
            "hospital_id": name, "score": "9/10", "met": "some", "gates": [],
            "indicators": [
                {"indicator": "surgery_rate", "direction": "watch", "state": "watched",
                 "points": "0", "got": "0", "gate": False, "value": f"{m['surgeries']}/{m['admissions']}",
                 "numerator": str(m["surgeries"]), "denominator": str(m["admissions"])}
            ],
        }
        for name, m in MEASURES.items()
    ]  # fmt: skip
    settled(made, Draft("target", YEAR, "张三", "maker", {"targets": [own]}, clause="S0 10-14"))
    settled(made, Draft("indices", YEAR, "张三", "maker", {"indices": indices}, clause="S0 15-20"))
    body = {"measures": MEASURES, "scores": scores}
    settled(made, Draft("assessment", YEAR, "张三", "maker", body, clause="S0 26-27"))
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_public__names_the_source_of_each_figure_and_no_person(book: Book, tmp_path: Path) -> None:
    with book.reading() as reading:
        found = public(reading, POLICY)
    numbers = {entry.number for entry in found.entries}
    for table, rows in found.tables.items():
        if table != "principles":
            assert rows or table in ("months", "settlement"), table
            assert {row["entry"] for row in rows} <= numbers, table
            assert all(row["clause"] for row in rows)
    assert found.together == ["H3", "H4"]
    execution = {row["hospital_id"]: row["index_fen"] for row in found.tables["execution"]}
    assert execution == {"H1": 100_000, "H2": 100_001, "others": 200_005}
    write_public(tmp_path, found, book.facts, POLICY, "zh")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "隐去" in page and "第 5 号" in page and "S0 10-14" in page and "张三" not in page
    rates = {row["hospital_id"]: row for row in found.tables["rates"]}
    assert rates["H1"]["hidden"] and rates["H3"]["hidden"]
    counts = {row["hospital_id"]: row for row in found.tables["counts"]}
    for hospital, row in rates.items():
        own = counts[hospital]
        if None in (own["with_surgery"], own["without_surgery"]):
            assert row["hidden"] and row["value"] is None
    assert (tmp_path / "publish.xlsx").stat().st_size > 5_000
    for lang in ("zh", "en"):
        assert len(public_sheets(found, lang)) == 8
    exported = public_tables(found)
    assert exported["public_counts"]["with_surgery"].null_count > 0


def put_down(book: Book, *, kept: bool = True) -> dict[str, list[dict[str, object]]]:
    """Publish the book's year; return its tables. `kept`: the entry says what was told."""
    with book.writing() as turn:
        found = public(turn, POLICY)
        body = {"audience": "public", "book": {"number": found.head[0]}, "sums": ""}
        if kept:
            body |= told_of(found.tables["counts"], found.together, found.entries)
        turn.append(Draft("published", YEAR, "张三", "maker", body, clause="S0 9"))
    return {name: list(rows) for name, rows in found.tables.items()}


@pytest.mark.parametrize("kept", [True, False])
def test_public__again_does_not_tell_who_came_since(book: Book, kept: bool) -> None:
    first = put_down(book, kept=kept)
    assert put_down(book)["counts"] == first["counts"]
    more = {name: dict(own) for name, own in MEASURES.items()}
    more["H2"]["surgeries"] += 1
    more["H2"]["admissions"] += 1
    more["H3"] = {**more["H3"], "persons": 300}
    with book.reading() as reading:
        (last,) = reading.entries(("assessment",), year=YEAR)
    body = {**last.body, "measures": more}
    settled(book, Draft("assessment", YEAR, "张三", "maker", body, clause="S0 26-27"))
    second = put_down(book)
    counts = [{row["hospital_id"]: row for row in t["counts"]} for t in (first, second)]
    for name in ("H2", TOTAL):
        was, now = (own[name] for own in counts)
        assert was["visits"] is not None and now["visits"] is None
        assert was["outpatient"] == now["outpatient"] is not None
    with book.reading() as reading:
        before = earlier_publications(reading, YEAR, LEAST)
    for name, own in more.items():
        told = rate_told_again(indicators()["surgery_rate"], {}, name, own, LEAST, before)
        assert told == (name != "H2")
    # who stood together does so again, whatever came since: the rest would tell who left
    assert [r["hospital_id"] for r in second["execution"]] == ["H1", "H2", "others"]


def test_own__figures_are_given_in_full(book: Book) -> None:
    with book.reading() as reading:
        entries = reading.entries(("indices", "assessment"), year=YEAR)
    sheets = own_sheets(entries, "H3", "zh")
    cells = [row for sheet in sheets for row in sheet.rows]
    assert {"1,000.02"} <= {row["value"] for row in cells if row["figure"] == "指标"}
    assert any(row["value"] == "1/3" for row in cells)
    assert not any("H1" in str(row["value"]) for row in cells)


TERMS = Terms.of(POLICY, load_calendar())


def given_now(book: Book, day: dt.date) -> dt.date:
    with book.writing() as turn:
        kept = turn.keep("H1.xlsx", b"own figures")
        _, last = registers.give(turn, YEAR, {"H1": kept}, "经办人", TERMS, day)
    return last


def test_objection__is_answered_and_brought_into_effect(book: Book, clock: Clock) -> None:
    with book.writing() as turn, pytest.raises(InputError, match="was given nothing"):
        registers.object_to(turn, YEAR, "H1", "index", "少了", "院方")
    day = dt.date(2026, 5, 29)
    last = given_now(book, day)
    assert (last - day).days >= 12  # ten working days
    with book.writing() as turn:
        number = registers.object_to(turn, YEAR, "H1", "第3号 index_fen", "基数有误", "院方").number
    with book.writing() as turn, pytest.raises(InputError, match="no accepted answer"):
        registers.bring_into_effect(turn, number, "已改", None, "经办人")
    with book.writing() as turn:
        registers.answer(turn, "objection", number, "属实", True, "经办人")
    with book.writing() as turn, pytest.raises(InputError, match="answered already"):
        registers.answer(turn, "objection", number, "再答", False, "经办人")
    with book.writing() as turn:
        registers.bring_into_effect(turn, number, "已更正", 3, "经办人")
    with book.reading() as reading:
        (own,) = registers.filed(reading, "objection", year=YEAR)
    assert (own.state, own.last("effect_entry"), own.last("accepted")) == ("in_effect", 3, True)
    clock.now += 40 * 86_400
    with book.writing() as turn, pytest.raises(InputError, match="the time to check ended"):
        registers.object_to(turn, YEAR, "H1", "index", "迟了", "院方")


def test_opinion__is_taken_up_by_a_version(book: Book) -> None:
    with book.writing() as turn:
        kept = turn.keep("依据.pdf", b"evidence")
        with pytest.raises(InputError, match="evidence"):
            registers.state_opinion(
                turn, YEAR, "H1", "weight", "BR21", "偏低", "院方", documents=[]
            )
        number = registers.state_opinion(
            turn, YEAR, "H1", "weight", "BR21", "偏低", "院方", documents=[kept]
        ).number
    with book.writing() as turn, pytest.raises(InputError, match="not accepted"):
        registers.take_up(turn, number, "2027版", "经办人")
    with book.writing() as turn:
        registers.answer(turn, "opinion", number, "采纳", True, "经办人")
        registers.take_up(turn, number, "2027版", "经办人")
    with book.reading() as reading:
        (own,) = registers.filed(reading, "opinion", year=YEAR)
        assert own.state == "taken_up" and own.last("version") == "2027版"
        with pytest.raises(InputError, match="another kind"):
            registers.one_filed(reading, "objection", number)


def test_agreements__are_versioned(book: Book) -> None:
    facts = {"id": POLICY.id, "digest": POLICY.digest}
    with book.writing() as turn:
        first = turn.keep("协议.pdf", b"one")
        second = turn.keep("补充协议.pdf", b"two")
        registers.file_agreement(turn, YEAR, "H1", {"310": 100_000}, facts, first, "经办人")
        with pytest.raises(InputError, match="version 1 already"):
            registers.file_agreement(turn, YEAR, "H1", {"310": 100_000}, facts, first, "经办人")
        registers.file_agreement(turn, YEAR, "H1", {"310": 120_000}, facts, second, "经办人")
    with book.reading() as reading:
        found = registers.agreements(reading, YEAR)
        held = registers.in_force(found)["H1"]
    assert [e.body["version"] for e in found] == [1, 2]
    assert held.body["indices"] == [{"pool": "310", "index_fen": 120_000}]
    assert held.body["assessment"] and re.fullmatch("[0-9a-f]{64}", held.documents[0].digest)

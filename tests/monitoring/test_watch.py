"""Monitoring of a month: what is unusual is raised with why, small numbers are not, sums are exact."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.monitoring.growth import grown
from drgpay.monitoring.results import manifest, result_tables
from drgpay.monitoring.sums import FIELDS, Span, asked
from drgpay.monitoring.visits import read_visits
from drgpay.monitoring.watch import Institution, Watch, watch
from drgpay.policy import load_policy
from tests.monitoring.drawn import YEAR, House, book_of, draw, fund_of, written

POLICY = load_policy("testland-budget", catalogue="budget").for_year(YEAR)
FACTS = {"region_id": "R1", "region_name": "测试区"}
HONEST = [House(f"H{n:02d}", 150 + 20 * n) for n in range(1, 11)]
Rows = list[dict[str, Any]]


def found(
    folder: Path, table: pa.Table, index_fen: dict[str, int] | None = None, month: int = 6,
    known: Sequence[Institution] = (), policy: Any = POLICY,
) -> Watch:  # fmt: skip
    path = written(table, folder / "visits.parquet")
    book = book_of(folder / "b", index_fen or {})
    with book.reading() as reading:
        made = watch(
            reading, [path], month, policy, {own.hospital_id: own for own in known}, facts=FACTS
        )
    book.close()
    return made


def rows(made: Watch, table: str, **chosen: Any) -> Rows:
    found: Rows = result_tables(made)[table].to_pylist()
    return [row for row in found if all(row[key] == value for key, value in chosen.items())]


def one(made: Watch, table: str, **chosen: Any) -> dict[str, Any]:
    (row,) = rows(made, table, **chosen)
    return row


# --- sums


def plain_span(visits: Rows, hospital: str, first: str, last: str) -> dict[str, float]:
    """What a span's sums are, in the plainest words."""
    own: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in visits:
        if row["hospital_id"] == hospital and first <= f"{row['visit_date']:%Y-%m}" <= last:
            of = own[row["person_id"]]
            of[0] += 1
            of[1] += int(row["total_cost"] * 100)
            of[2] += int(row["pool_fund"] * 100)
    each = list(own.values())
    return {
        "n": sum(n for n, _, _ in each), "persons": len(each), "c": sum(c for _, c, _ in each),
        "f": sum(f for _, _, f in each), "nn": sum(n * n for n, _, _ in each),
        "cc": sum(c * c for _, c, _ in each), "ff": sum(f * f for _, _, f in each),
        "cn": sum(c * n for n, c, _ in each),
    }  # fmt: skip


def test_sums__are_those_of_plain_python(tmp_path: Path) -> None:
    table = draw([House("A", 40), House("B", 25, visits=1.5)], months=4, seed=3)
    visits = read_visits([written(table, tmp_path / "v.parquet")], YEAR)
    plain = table.to_pylist()
    with asked(visits, 3, threads=2) as sums:
        spans = sums.spans()
    for number, hospital in enumerate(visits.hospitals):
        for scope, first in (("month", 3), ("to_date", 1)):
            for span, year in zip(spans[scope], (YEAR, YEAR - 1), strict=True):
                due = plain_span(plain, hospital, f"{year}-{first:02d}", f"{year}-03")
                assert {name: getattr(span, name)[number] for name in FIELDS} == due


def test_tables__are_the_same_whatever_the_order_of_rows_and_threads(tmp_path: Path) -> None:
    table = draw([*HONEST[:4], House("H99", 300, visits=1.6, odd=0.2)], months=3, care=True)
    order = np.random.default_rng(5).permutation(len(table))
    made = []
    for number, own in enumerate((table, table.take(pa.array(order)))):
        path = written(own, tmp_path / f"{number}.parquet")
        book = book_of(tmp_path / f"b{number}", {"H01": 10**8})
        with book.reading() as reading:
            seen = watch(reading, [path], 3, POLICY, {}, facts=FACTS, threads=1 + number)
        made.append(result_tables(seen))
    assert list(made[0]) == list(made[1])
    for name in made[0]:
        assert made[0][name].equals(made[1][name]), name


# --- growth


def test_growth__that_is_no_chance_is_raised_and_told_apart_by_its_cause(tmp_path: Path) -> None:
    houses = [*HONEST, House("MORE", 300, visits=1.5), House("DEAR", 300, cost=1.4)]
    made = found(tmp_path, draw(houses))
    more = {
        r["indicator"]: r["verdict"]
        for r in rows(made, "watch_growth", hospital_id="MORE", scope="to_date")
    }
    dear = {
        r["indicator"]: r["verdict"]
        for r in rows(made, "watch_growth", hospital_id="DEAR", scope="to_date")
    }
    assert more["visits"] == more["cost"] == more["fund"] == "raised"
    assert more["mean_cost"] != "raised"
    assert dear["mean_cost"] == dear["cost"] == "raised" and dear["visits"] != "raised"
    told = one(made, "watch_growth", hospital_id="DEAR", scope="to_date", indicator="mean_cost")
    assert "超过 5.0%" in told["text"] and told["growth_low"] < told["growth"] < told["growth_high"]
    raised = {r["hospital_id"] for r in rows(made, "watch_growth", verdict="raised")}
    assert raised == {"MORE", "DEAR"}


def test_growth__of_three_visits_raises_no_flag(tmp_path: Path) -> None:
    made = found(tmp_path, draw([*HONEST, House("TINY", 1, visits=4.0)]))
    own = rows(made, "watch_growth", hospital_id="TINY")
    assert own and {r["verdict"] for r in own} == {"too_few"}
    assert all(r["growth"] is None and "不判断" in r["text"] for r in own)
    assert one(made, "watch_together", hospital_id="TINY")["grade"] == "not_evaluable"


def test_growth__of_a_new_institution_has_nothing_beside_it(tmp_path: Path) -> None:
    table = draw([*HONEST, House("NEW", 300)])
    new = pc.equal(table["hospital_id"], "NEW")
    old = pc.less(table["visit_date"], dt.date(YEAR, 1, 1))
    made = found(tmp_path, table.filter(pc.invert(pc.and_(new, old))))
    own = rows(made, "watch_growth", hospital_id="NEW", scope="to_date")
    assert {r["verdict"] for r in own} == {"no_last_year"}


def test_growth__of_honest_institutions_is_left_alone(tmp_path: Path) -> None:
    """Cities of forty honest institutions with six indicators: hardly a flag among them."""
    assert flags_of_honest(4) <= 4 * 40 * 6 * 0.005


@pytest.mark.long
def test_growth__of_many_honest_institutions_is_left_alone(tmp_path: Path) -> None:
    assert flags_of_honest(100) <= 100 * 40 * 6 * 0.001


def flags_of_honest(cities: int) -> int:
    flags = 0
    for seed in range(cities):
        rng = np.random.default_rng(seed)
        n = rng.poisson(rng.uniform(40, 1500, 40)).astype(float) + 2
        now, last = drawn_span(rng, n), drawn_span(rng, n)
        flags += sum(int(own.raised.sum()) for own in grown(now, last, POLICY).values())
    return flags


def drawn_span(rng: np.random.Generator, n: np.ndarray) -> Span:
    """Sums of persons who come by chance, each with some visits and costs."""
    made = {name: np.zeros(len(n)) for name in FIELDS}
    for at, persons in enumerate(rng.poisson(n)):
        visits = 1.0 + rng.poisson(0.6, persons)
        each = rng.lognormal(9, 0.8, int(visits.sum()))
        cost = np.add.reduceat(each, np.cumsum(visits).astype(int) - visits.astype(int))
        own = {
            "n": visits.sum(), "persons": persons, "c": cost.sum(), "f": 0.7 * cost.sum(),
            "nn": (visits**2).sum(), "cc": (cost**2).sum(), "ff": (0.49 * cost**2).sum(),
            "cn": (cost * visits).sum(),
        }  # fmt: skip
        for name, value in own.items():
            made[name][at] = value
    return Span(**made)


# --- the index


def test_index__use_and_forecast_stand_beside_the_time_gone(tmp_path: Path) -> None:
    table = draw(HONEST)
    fund = fund_of(table, YEAR)
    index = {"H05": int(fund["H05"] * 1.6), "H06": fund["H06"] * 2, "H07": fund["H07"] * 3}
    made = found(tmp_path, table, {**index, "NONE": 500})
    tight, even, wide = (one(made, "watch_index", hospital_id=f"H0{n}") for n in (5, 6, 7))
    assert tight["used_fen"] == fund["H05"] and tight["index_fen"] == index["H05"]
    assert tight["verdict"] == "raised" and tight["exceeds"] > 0.95
    assert even["verdict"] != "raised" and wide["verdict"] == "within" and wide["exceeds"] < 0.05
    for own in (tight, even, wide):
        assert own["forecast_low_fen"] < own["forecast_fen"] < own["forecast_high_fen"]
        assert own["used_fen"] < own["forecast_low_fen"] and own["pattern"] == "last_year"
    assert "指标已用" in tight["text"] and "比进度快" in tight["text"]
    empty = one(made, "watch_index", hospital_id="NONE")
    assert empty["verdict"] == "too_few" and empty["used_fen"] == 0


def in_range(folder: Path, seed: int) -> tuple[int, int]:
    """How many of ten whole years are within what was forecast in June."""
    table = draw(HONEST, months=12, seed=seed)
    half = table.filter(pc.less(table["visit_date"], dt.date(YEAR, 7, 1)))
    made = found(folder, half, {house.name: 10**9 for house in HONEST})
    whole = fund_of(table, YEAR)
    own = rows(made, "watch_index")
    inside = [
        r["forecast_low_fen"] <= whole[r["hospital_id"]] <= r["forecast_high_fen"] for r in own
    ]
    return sum(inside), len(inside)


def test_forecast__range_holds_the_year(tmp_path: Path) -> None:
    inside, total = in_range(tmp_path, 1)
    assert total == 10 and inside >= 8


@pytest.mark.long
def test_forecast__range_holds_the_year_as_often_as_it_says(tmp_path: Path) -> None:
    inside = total = 0
    for seed in range(20):
        (tmp_path / str(seed)).mkdir()
        own, every = in_range(tmp_path / str(seed), seed)
        inside, total = inside + own, total + every
    assert inside / total >= 0.93


def test_index__of_several_pools_needs_the_column(tmp_path: Path) -> None:
    path = written(draw([House("H1", 5)]), tmp_path / "v.parquet")
    book = book_of(tmp_path / "b", {"H1": 100})
    from drgpay.ledger.entries import Draft
    from tests.ledger.conftest import settled

    more = {
        "indices": [
            {"hospital_id": "H1", "pool": "390", "index_fen": 1, "monthly_fen": 1, "deposit_fen": 0}
        ]
    }
    settled(book, Draft("indices", YEAR, "张三", "maker", more))
    with book.reading() as reading, pytest.raises(InputError, match="310, 390"):
        watch(reading, [path], 6, POLICY, {}, facts=FACTS)


# --- persons, rankings, abnormal records


def test_persons__are_the_thirty_with_most(tmp_path: Path) -> None:
    table = draw([House("A", 200), House("B", 200)], care=True)
    made = found(tmp_path, table)
    june = table.filter(pc.greater_equal(table["visit_date"], dt.date(YEAR, 6, 1))).to_pylist()
    visits: dict[str, int] = defaultdict(int)
    cost: dict[str, int] = defaultdict(int)
    for row in june:
        visits[row["person_id"]] += row["care"] == "门诊"
        cost[row["person_id"]] += int(row["total_cost"] * 100)
    for ranking, due in (("visits", visits), ("cost", cost)):
        own = rows(made, "watch_persons", ranking=ranking)
        best = sorted(due.items(), key=lambda pair: (-pair[1], pair[0]))[:30]
        assert [(r["person_id"], r["value"]) for r in own] == best
        assert [r["rank"] for r in own] == list(range(1, 31))
    assert rows(made, "watch_persons", ranking="inpatient_cost")


def test_ranking__is_by_level_and_a_few_visits_do_not_lead(tmp_path: Path) -> None:
    houses = [*HONEST[:5], House("DEAR", 300, cost=1.5), House("FEW", 2, cost=9.0)]
    known = [Institution(h.name, h.name, "二级") for h in houses]
    made = found(tmp_path, draw(houses), known=known)
    own = rows(made, "watch_ranking", indicator="mean_cost", care="outpatient")
    assert own[0]["hospital_id"] == "DEAR" and own[0]["rank"] == 1
    assert own[0]["value_low"] < own[0]["value"] < own[0]["value_high"]
    assert own[-1]["hospital_id"] == "FEW" and own[-1]["rank"] is None
    assert {r["level"] for r in own} == {"二级"} and len(own) == len(houses)


def test_abnormal__records_put_a_remote_institution_on_the_list(tmp_path: Path) -> None:
    houses = [*[House(h.name, h.a_month, odd=0.01) for h in HONEST],
              House("FAR", 300, odd=0.12), House("NEAR", 300, odd=0.12), House("DOT", 2, odd=1.0)]  # fmt: skip
    known = [Institution("FAR", "异地医院", remote=True), Institution("DOT", "", remote=True)]
    made = found(tmp_path, draw(houses), known=known)
    far, near, dot = (one(made, "watch_abnormal", hospital_id=h) for h in ("FAR", "NEAR", "DOT"))
    assert far["listed"] and far["verdict"] == "raised" and far["ratio"] > 4
    assert near["verdict"] == "raised" and not near["listed"]
    assert dot["verdict"] == "too_few" and not dot["listed"] and "不判断" in dot["text"]
    assert far["marked"] > 100 and far["flagged"] >= far["marked"]
    proof = rows(made, "watch_evidence", hospital_id="FAR")
    assert len(proof) == 10 and [r["rank"] for r in proof] == list(range(1, 11))
    assert {r["hospital_id"] for r in rows(made, "watch_evidence")} == {"FAR", "NEAR"}


def test_together__two_flags_are_a_warning(tmp_path: Path) -> None:
    houses = [*[House(h.name, h.a_month, odd=0.01) for h in HONEST],
              House("BOTH", 500, cost=1.5, odd=0.15), House("ONCE", 500, cost=1.5)]  # fmt: skip
    made = found(tmp_path, draw(houses))
    both, once = (one(made, "watch_together", hospital_id=h) for h in ("BOTH", "ONCE"))
    assert both["grade"] == "warn" and set(both["raised"].split("|")) == {"mean_cost", "abnormal"}
    assert once["grade"] == "attend" and once["raised"] == "mean_cost"
    assert rows(made, "watch_together")[0]["hospital_id"] == "BOTH"
    strict = found_again(made, tmp_path, POLICY.with_value("watch.together", 1))
    assert one(strict, "watch_together", hospital_id="ONCE")["grade"] == "warn"


def found_again(made: Watch, folder: Path, policy: Any) -> Watch:
    with Book.open(folder / "b").reading() as reading:
        return watch(reading, list(made.visits.files), made.month, policy, {}, facts=FACTS)


# --- files


HEADER = "就诊号,人员编号,机构编码,就诊日期,总费用,统筹支付,就医类别,险种"
FAULTY: list[tuple[str, str]] = [
    ("V1,P1,H1,2026-03-01,100,80,门诊,310", ""),
    ("V2,P1,H1,2026-03-02,100,180,门诊,310", "fund_above_cost"),
    ("V3,P1,H1,2024-03-02,100,80,门诊,310", "outside_year"),
    ("V4,P1,H1,2026-03-02,-100,-80,门诊,310", "money_negative"),
    ("V5,,H1,2026-03-02,100,80,门诊,310", "id_missing"),
    ("V6,P1,H1,2026-03-02,100,80,看病,310", "care_unknown"),
    ("V7,P1,H1,2026-03-02,100,80,住院,", "id_missing"),
    ("V8,P1,H1,2026-03-02,100,80,住院,310", "visit_double"),
    ("V8,P2,H1,2026-03-04,100,80,住院,310", "visit_double"),
    ("V9,P2,H1,昨天,100,80,住院,310", "date_invalid"),
]


def test_rows__that_cannot_be_used_are_counted_with_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "就诊.csv"
    text = "\n".join([HEADER, *(line for line, _ in FAULTY)]) + "\n"
    path.write_text(text, encoding="gb18030")
    book = book_of(tmp_path / "b", {"H1": 100_000})
    with book.reading() as reading:
        made = watch(reading, [path], 3, POLICY, {}, facts=FACTS)
    due: dict[str, int] = defaultdict(int)
    for _, reason in FAULTY:
        due[reason] += bool(reason)
    assert made.visits.quarantined.counts() == {k: n for k, n in due.items() if k}
    assert (len(made.visits), made.visits.rows) == (1, len(FAULTY))
    assert one(made, "watch_index", hospital_id="H1")["used_fen"] == 8_000
    told = manifest(made)
    assert told["checks"][0]["passed"] and told["rows"] == len(FAULTY)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "none.parquet", "no such file"),
        (lambda folder: written(pa.table({"visit_id": ["V"]}), folder / "v.parquet"), "missing columns"),
        (lambda folder: written(draw([House("A", 3)]).slice(0, 0), folder / "v.parquet"), "not one row"),
    ],
    ids=["no file", "columns", "empty"],
)  # fmt: skip
def test_files__that_cannot_be_watched_are_refused(
    tmp_path: Path, make: Callable[[Path], Path], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        read_visits([make(tmp_path)], YEAR)


def test_doubles__of_several_files_are_found(tmp_path: Path) -> None:
    table = draw([House("A", 20)], months=2)
    first = written(table.slice(0, 200), tmp_path / "a.parquet")
    second = written(table.slice(150), tmp_path / "b.parquet")
    visits = read_visits([first, second], YEAR)
    assert visits.rows == len(table) + 50 and len(visits) == len(table) - 50
    assert visits.quarantined.counts() == {"visit_double": 100}
    rng = random.Random(1)
    row = rng.choice(visits.quarantined.rows)
    number = int(row[2].removeprefix("V"))
    assert 150 <= number < 200
    assert pq.read_table(first)["visit_id"][number].as_py() == row[2]

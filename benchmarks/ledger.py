"""The year's book: an entry made durable, a large book opened and verified, a year cleared."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import median_seconds, peak_mib

YEAR, POOL, POLICY = 2026, "310", "testland-budget"


def _payment(number: int) -> Any:
    from drgpay.ledger.entries import Draft
    from drgpay.ledger.postings import paid_lines

    lines = tuple(paid_lines(POOL, f"H{number % 500}", 5 + number))
    return Draft("paid", YEAR, "出纳", "maker", {"n": number}, lines=lines)


def book(folder: str, entries: str) -> dict[str, Any]:
    """Append one by one, each durable; fill a book up; open it; verify it from end to end."""
    from drgpay.ledger.book import Book
    from drgpay.ledger.entries import Draft
    from drgpay.ledger.verify import verify

    place = Path(folder) / "book.sqlite"
    for old in place.parent.glob("book.sqlite*"):
        old.unlink()
    made = Book.create(place, region_id="R", region_name="区", year=YEAR, who="甲")
    times = []
    for number in range(500):
        started = time.perf_counter()
        made.append(_payment(number))
        times.append(time.perf_counter() - started)
    step = Draft("step", YEAR, "李四", "maker", {"note": "说明"}, subject="程序·步骤")
    with made.writing() as turn:
        for number in range(501, int(entries)):
            turn.append(_payment(number) if number % 2 else step)
    made.close()
    started = time.perf_counter()
    again = Book.open(place)
    with again.reading() as reading:
        head = reading.head()
        balances = len(reading.balances(year=YEAR))
    opened = time.perf_counter() - started
    started, cpu = time.perf_counter(), time.process_time()
    found = verify(again, dict([head]))
    seconds = time.perf_counter() - started
    if found.faults or found.entries != int(entries):
        raise SystemExit(f"the book is not sound: {found}")
    again.close()
    return {
        "entries": found.entries,
        "postings": found.postings,
        "balances": balances,
        "entry_ms": 1000 * statistics.median(times),
        "entry_p99_ms": 1000 * statistics.quantiles(times, n=100)[98],
        "opened": opened,
        "seconds": seconds,
        "cpu": time.process_time() - cpu,
        "peak_mib": peak_mib(),
    }


def clearing(folder: str, count: str) -> dict[str, Any]:
    """Clear the index method's year of so many institutions, from the book to its draft."""
    from drgpay.ledger.approvals import approve, check, propose
    from drgpay.ledger.book import Book
    from drgpay.ledger.entries import Draft
    from drgpay.ledger.postings import target_lines
    from drgpay.wrapper.index_clearing import index_clearing_draft
    from drgpay.wrapper.index_year import index_month_draft, indices_draft

    work = Path(folder) / "clearing"
    work.mkdir(exist_ok=True)
    for old in work.iterdir():
        old.unlink()
    names = [f"H{n:05d}" for n in range(int(count))]
    made = Book.create(work / "b.sqlite", region_id="R", region_name="区", year=YEAR, who="甲")

    def passed(draft: Any) -> None:
        with made.writing() as turn:
            number = propose(turn, draft).number
            check(turn, number, "乙")
            approve(turn, number, "丙")

    def table(name: str, header: str, row: str) -> None:
        lines = [header, *(row.format(name) for name in names)]
        (work / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    target = tuple(target_lines(POOL, len(names) * 300_000_000, {"deposit": 10**9}, {}))
    passed(Draft("target", YEAR, "甲", "maker", {}, lines=target))
    table(
        "past_years",
        "机构编码,险种,等级,类别,上年指标,上年实际执行,协商分组",
        "{},310,2,综合,1200000,1200000,A",
    )
    with made.reading() as reading:
        draft = indices_draft(reading, work, YEAR, POLICY, "甲")
    passed(draft)
    table("claims", "机构编码,险种,申报金额,违规费用", "{},310,104000.55,200.05")
    months = []
    for _ in range(12):
        started = time.perf_counter()
        with made.reading() as reading:
            draft = index_month_draft(reading, work, YEAR, POLICY, "甲")
        months.append(time.perf_counter() - started)
        passed(draft)
    table("assessed", "机构编码,险种,score,已交超支报告,违规费用", "{},310,0.9,是,100")

    def cleared() -> None:
        with made.reading() as reading:
            index_clearing_draft(reading, work, YEAR, POLICY, "甲")

    cpu = time.process_time()
    seconds = median_seconds(cleared, 3)
    return {
        "institutions": len(names),
        "seconds": seconds,
        "cpu": (time.process_time() - cpu) / 3,
        "month_seconds": statistics.median(months),
        "peak_mib": peak_mib(),
    }

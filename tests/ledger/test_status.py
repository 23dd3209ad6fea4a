"""Where the year stands: what is next, who owes what by when, in both languages."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.calendar import load_calendar
from drgpay.ledger.procedure_reader import load_procedures
from drgpay.ledger.procedures import STATES, Act, Matter, Terms
from drgpay.ledger.status import COLUMNS, ORDER, Row, headline, year_status

KNOWN = load_procedures().by_id
CALENDAR = load_calendar()
TERMS = Terms(
    calendar=CALENDAR,
    values={
        "deadline.weekend": "next_working_day",
        "persons.distinct": "three_persons",
        "community.transfer_by": (1, 15),
        "community.adjust_by": (1, 20),
        "community.clear_by": (1, 31),
        "community.rebalance_by": (2, 10),
    },
)


def status(today: str, *ids: str, done: Any = None, **options: Any) -> tuple[Row, ...]:
    chosen = [KNOWN[id] for id in ids or KNOWN]
    return year_status(2025, chosen, done or {}, TERMS, dt.date.fromisoformat(today), **options)


def cells(rows: Sequence[Row], *keys: str, lang: str = "zh") -> list[tuple[str | int, ...]]:
    return [tuple(row.cells(lang)[key] for key in keys) for row in rows]


def done(matter: Matter, *steps: str, day: str = "2026-01-05") -> dict[Matter, list[Act]]:
    named = [KNOWN[matter.procedure].steps[step] for step in steps]
    acts = [
        Act(
            step=s.id, role=s.role, who="甲", day=dt.date.fromisoformat(day), papers=tuple(s.papers)
        )
        for s in named
    ]
    return {matter: acts}


def test_status__of_a_community_through_its_january() -> None:
    what = ("step", "owed_by", "state", "last_day", "days_left")
    town = {"communities": ["城东医共体"]}
    assert not status("2025-12-31", "community_year", **town)  # the year is not over
    rows = status("2026-01-05", "community_year", **town)
    assert cells(rows, *what) == [
        # nobody waits for a transfer: clearing may begin without one
        ("完成成员年终清算", "经办", "待办", "2026-02-02", 20),
        ("报送调剂分配备案表", "医共体牵头单位", "可办", "2026-01-15", 8),
    ]
    assert cells(rows, "matter") == [("2025年 城东医共体",)] * 2
    about = Matter(procedure="community_year", year=2025, subject="城东医共体")
    rows = status("2026-01-21", "community_year", done=done(about, "transfer", "receipt"), **town)
    assert cells(rows, *what) == [("调整成员预算指标", "经办", "逾期未办", "2026-01-20", -1)]
    rows = status(
        "2026-01-21",
        "community_year",
        done=done(about, "transfer", "receipt"),
        everything=True,
        **town,
    )
    assert cells(rows, "step", "state", "waits_for") == [
        ("调整成员预算指标", "逾期未办", ""),
        ("完成成员年终清算", "待前一步", "调整成员预算指标"),
        ("报送再平衡分配备案表", "待前一步", "完成成员年终清算"),
        ("报送调剂分配备案表", "已办", ""),
        ("出具调剂分配备案回执", "已办", ""),
        ("纳入清算拨付或月结算扣减", "不涉及", ""),
    ]


def test_status__of_months_that_are_over_alone() -> None:
    rows = status("2025-04-11", "shangyu_reports", parties=["H1", "H2"])
    late = [row for row in rows if row.state.state == "overdue"]
    # 10 January to 10 March of the three months, each owed by both
    assert cells(late, "matter", "step", "last_day") == [
        ("2025年1月", "定点医疗机构报月报表", "2025-02-10"),
        ("2025年1月", "社保机构统计卫生系统以外的发生数并报告", "2025-02-17"),
        ("2025年2月", "定点医疗机构报月报表", "2025-03-10"),
        ("2025年2月", "社保机构统计卫生系统以外的发生数并报告", "2025-03-17"),
        ("2025年3月", "定点医疗机构报月报表", "2025-04-10"),
    ]
    assert late[0].cells("zh")["owed_by"] == "医疗机构（H1、H2）"
    assert {row.matter.month for row in rows} == {1, 2, 3}


def test_status__names_a_few_of_many_parties() -> None:
    many = [f"H{n}" for n in range(1, 2001)]
    (row,) = [
        row
        for row in status("2025-02-03", "monthly_settlement", parties=many)
        if row.state.step.id == "declare"
    ]
    assert row.cells("zh")["owed_by"] == "医疗机构（H1、H2、H3、H4、H5等 2000 家）"
    assert row.cells("en")["owed_by"] == "institution (H1, H2, H3, H4, H5 and 1995 more)"
    assert "期限为假定" in str(row.cells("zh")["notes"])


def test_status__of_the_clearing_says_where_its_day_comes_from() -> None:
    matter = Matter(procedure="clearing", year=2025)
    steps = ("analyse", "assess", "draft", "decide", "announce")
    (row,) = status("2026-06-23", "clearing", done=done(matter, *steps))
    # the 24th to the 26th, the 29th and the 30th
    assert cells([row], "step", "state", "last_day", "days_left") == [
        ("按清算方案清算", "待办", "2026-06-30", 5)
    ]
    assert "原文未见" in str(row.cells("zh")["notes"])
    assert "医保发〔2025〕18号" in str(row.cells("en")["notes"])


def test_status__of_applications_has_those_that_were_begun() -> None:
    assert not status("2025-05-06", "objections")
    matter = Matter(procedure="objections", year=2025, subject="异议2025-7")
    begun = done(matter, "prepare", "approve", "give", day="2025-04-14")
    (row,) = status("2025-04-20", "objections", done=begun)
    assert cells([row], "matter", "step", "last_day") == [
        ("2025年 异议2025-7", "医疗机构提出异议", "2025-04-27")  # a Sunday that is worked
    ]
    assert not status("2025-04-28", "objections", done=begun)
    assert not year_status(2024, KNOWN.values(), {}, TERMS, dt.date(2024, 1, 2))[0].state.acts
    assert matter not in {row.matter for row in status("2025-04-20", "opinions", done=begun)}


def test_status__is_in_order_and_in_both_languages() -> None:
    rows = status("2026-02-03", communities=["东", "西"], parties=["H1"], everything=True)
    order = [ORDER.index(row.state.state) for row in rows]
    assert order == sorted(order) and set(ORDER) == set(STATES)
    for row in rows:
        chinese, english = row.cells("zh"), row.cells("en")
        assert list(chinese) == list(english) == list(COLUMNS)
        for key in ("procedure", "step", "owed_by", "state", "clause"):
            assert re.search("[一-鿿]", str(chinese[key])), key
            assert re.search("[a-z]", str(english[key])), key
        assert chinese["last_day"] == english["last_day"]
    for days in ("overdue", "due"):
        last = [r.state.due.day for r in rows if r.state.state == days and r.state.due]
        assert last == sorted(last)


def test_headline__counts_and_names_the_next_day() -> None:
    rows = status("2026-01-05", "community_year", "advance", communities=["东"])
    told = headline(rows)
    assert told.chinese == "逾期未办 0 项，待办 2 项，可办 1 项；最近的最后一日 2026-02-02"
    assert (
        str(told) == "0 steps overdue, 2 due, 1 that may be done; the next last day is 2026-02-02"
    )
    assert "next" not in headline(())


def test_status__in_a_year_without_a_calendar_is_refused() -> None:
    with pytest.raises(InputError, match="no calendar of 2031"):
        year_status(2030, [KNOWN["clearing"]], {}, TERMS, dt.date(2031, 1, 2))

"""The book of the demo's city: a year of budget as an agency keeps it, all of it invented."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from drgpay.cli.demo_visits import file_demo_watch
from drgpay.cli.lang import LANG
from drgpay.cli.told import say
from drgpay.ground.errors import both, in_language
from drgpay.ground.languages import choosing

if TYPE_CHECKING:
    from drgpay.ledger.book import Book
    from drgpay.ledger.orders import Order
    from drgpay.tables.declared import Row

BOOK = "book.sqlite"
PEOPLE = (
    both("张演示（经办）", "Maker (demo)"),
    both("李演示（复核）", "Checker (demo)"),
    both("王演示（审批）", "Approver (demo)"),
)


def book_of_city(place: Path, hospital: str) -> None:
    """Open a book of the city's year: its target, eleven months in effect and paid, one that waits.

    Institutions are assessed, a month is watched, the year is published as far as it is;
    `hospital` was given its figures, objected, has an opinion and an agreement.
    """
    from drgpay.ledger.approvals import approve, check, propose
    from drgpay.ledger.book import Book, Turn
    from drgpay.ledger.entries import Draft
    from drgpay.ledger.orders import confirm, orders, propose_orders
    from drgpay.ledger.postings import target_lines
    from drgpay.region.region import read_region
    from drgpay.wrapper.post_runs import month_draft

    region = read_region(place / "region")
    maker, checker, approver = (in_language(word, LANG) for word in PEOPLE)
    say("记一年的账 …", "a book of the year …")

    def passed(turn: Turn, number: int) -> None:
        check(turn, number, checker)
        approve(turn, number, approver)

    lines = [
        line
        for pool in region.pools
        for line in target_lines(pool.id, pool.control_target_fen or 0, {}, {})
    ]
    made = place / f".{BOOK}.part"
    made.unlink(missing_ok=True)
    book = Book.create(
        made, region_id=region.id, region_name=region.name, year=region.year, who=maker
    )
    with book.writing(maker) as turn:
        target = Draft("target", region.year, maker, "maker", {}, "S0 13", str(region.year))
        passed(turn, propose(turn, replace(target, lines=tuple(lines))).number)
        for folder in sorted((place / "months").iterdir()):
            waits = propose(turn, month_draft(turn, folder, region.id, maker))
            if folder.name.endswith("-12"):
                break
            passed(turn, waits.number)
            passed(turn, propose_orders(turn, region.year, maker, "S0 29").number)
            if not folder.name.endswith("-11"):
                month = int(folder.name[-2:])
                paid_on = dt.date(region.year, month + 1, 20)
                confirm(turn, region.year, maker, list(_receipts(orders(turn), paid_on)))
    hospitals = [own.id for own in region.hospitals]
    _assessed(book, region.year, hospitals, (maker, checker, approver))
    _given(book, place, region.year, hospital, maker)
    _published(book, region.year, maker)
    file_demo_watch(book, hospitals, region.year, maker)
    book.close()
    made.rename(place / BOOK)


def _given(book: Book, place: Path, year: int, hospital: str, who: str) -> None:
    """Give a hospital its own figures; it objects and is answered, and states an opinion."""
    from drgpay.ground.times import today
    from drgpay.ledger.calendar import load_calendar
    from drgpay.ledger.procedures import Terms
    from drgpay.policy.budget import BUDGET_POLICY
    from drgpay.report.public_pages import OWN_KINDS, own_sheets, write_own
    from drgpay.wrapper.planning import budget_policy, policy_facts
    from drgpay.wrapper.registers import (
        answer,
        file_agreement,
        give,
        last_day_to_object,
        object_to,
        state_opinion,
    )

    policy = budget_policy(BUDGET_POLICY, year)
    terms = Terms.of(policy, load_calendar())
    with book.reading() as reading:
        sheets = own_sheets(reading.entries(OWN_KINDS, year=year), hospital, LANG)
    path, last = place / f"{hospital}.xlsx", last_day_to_object(terms, today())
    write_own(path, sheets, hospital, book.facts, year, f"{last}", LANG)
    content = path.read_bytes()
    path.unlink()  # the book keeps it
    t = choosing(LANG)
    about, text = t("11月结算", "November"), t("少计两例", "two cases are missing")
    opinion = t("基准点数偏低，附费用测算（虚构）", "base points too low, with figures (invented)")
    with book.writing(who) as turn:
        give(turn, year, {hospital: turn.keep(path.name, content)}, who, terms, today())
        made = object_to(turn, year, hospital, about, text, hospital)
        said = t("两例在12月出院，计入12月", "both left in December and are in its month")
        answer(turn, "objection", made.number, said, False, who)
        paper = turn.keep(t("测算.txt", "figures.txt"), opinion.encode())
        state_opinion(turn, year, hospital, "weight", "GB15", opinion, hospital, documents=[paper])
        words = t(f"{year}年度医疗保障服务协议（虚构）", f"agreement of {year} (invented)")
        agreement = turn.keep(t("服务协议.txt", "agreement.txt"), words.encode())
        file_agreement(turn, year, hospital, {}, policy_facts(policy), agreement, who)


def _receipts(made: Iterable[Order], paid_on: dt.date) -> Iterator[Row]:
    """Yield what an invented bank says: every open order is paid."""
    from drgpay.ledger.orders import OPEN
    from drgpay.tables.declared import Row

    for number, order in enumerate((one for one in made if one.state == OPEN), 2):
        cells = {
            "order_number": order.number,
            "amount_yuan": order.amount_fen,
            "paid_on": paid_on,
            "bank_reference": f"DEMO{order.number}",
            "rejected": False,
        }
        yield Row("receipts", number, cells)


# an indicator with its target at most, its points and whether it is a gate; what was entered of it,
# by turns: numerator and denominator
ASSESSED = (
    ("complaints", "5", "40", "yes", (("3", "1"), ("0", "1"), ("9", "1"))),
    ("repeat_visit_rate", "0.10", "60", "no", (("52", "1000"), ("131", "1000"), ("0", "0"))),
)


def _assessed(book: Book, year: int, hospitals: Sequence[str], people: Sequence[str]) -> None:
    """Assess the institutions by what was entered; of some a rate has no denominator."""
    from drgpay.ledger.approvals import approve, check, propose
    from drgpay.monitoring.assess import assess, assessment_draft
    from drgpay.policy.budget import BUDGET_POLICY
    from drgpay.wrapper.planning import budget_policy

    policy, (maker, checker, approver) = budget_policy(BUDGET_POLICY, year), people
    targets = ["indicator,target_high,full_points,gate"]
    entered = ["hospital_id,indicator,numerator,denominator,document"]
    document = choosing(LANG)("演示台账", "demo ledger")
    for indicator, high, points, gate, figures in ASSESSED:
        targets.append(f"{indicator},{high},{points},{gate}")
        for number, hospital in enumerate(hospitals):
            over, under = figures[number % len(figures)]
            entered.append(f"{hospital},{indicator},{over},{under},{document}")
    with TemporaryDirectory() as folder:
        for name, lines in (("assessment_targets", targets), ("assessment_entered", entered)):
            path = Path(folder) / f"{name}.csv"
            path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        with book.writing(maker) as turn:
            found = assess(turn, Path(folder), (), policy, {})
            waits = propose(turn, assessment_draft(found, policy, maker))
            check(turn, waits.number, checker)
            approve(turn, waits.number, approver)


def _published(book: Book, year: int, who: str) -> None:
    """Publish what the book has of the year; it keeps the page and the workbook."""
    from drgpay.cli.budget_publish import publish_year
    from drgpay.policy.budget import BUDGET_POLICY

    with TemporaryDirectory() as folder:
        publish_year(book, year, BUDGET_POLICY, Path(folder) / "public", who)

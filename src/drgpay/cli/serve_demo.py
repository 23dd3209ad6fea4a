"""The demo of the service: an invented city, its results published, a key of each role."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG
from drgpay.cli.progress import bar_of
from drgpay.cli.told import say
from drgpay.ground.errors import both, in_language
from drgpay.ground.languages import choosing

if TYPE_CHECKING:
    from drgpay.ledger.book import Book
    from drgpay.ledger.orders import Order
    from drgpay.service.settings import Settings
    from drgpay.service.store import Store
    from drgpay.tables.declared import Row

CASES = 30_000
SEED = 2024
BOOK = "book.sqlite"
PEOPLE = (
    both("张演示（经办）", "Maker (demo)"),
    both("李演示（复核）", "Checker (demo)"),
    both("王演示（审批）", "Approver (demo)"),
)


def demo_city(settings: Settings, store: Store) -> None:
    """Invent, settle and publish, where nothing is published yet; print a key of each role."""
    from drgpay.months.folder import write_month
    from drgpay.months.run import run_month
    from drgpay.report.outputs import write_outputs
    from drgpay.runs.folder import write_run
    from drgpay.runs.reader import RunFolder
    from drgpay.service.keys import add_key
    from drgpay.service.published import list_published, publish
    from drgpay.service.roles import WORDS, Role
    from drgpay.service.settings import secret_of
    from drgpay.settlement.year_end import year_end
    from drgpay.synth import synthesize

    place = settings.data / "demo"
    if not list_published(store):
        say(f"生成虚构城市：{CASES:,} 例 …", f"inventing a city of {CASES:,} cases …")
        place.mkdir(exist_ok=True)
        region, run, months = place / "region", place / "run", place / "months"
        if not region.exists():
            synthesize(region, CASES, SEED)
        if not run.exists():
            done = year_end(region, lang=LANG, progress=bar_of)
            write_run(done, run, lang=LANG, finish=lambda folder: write_outputs(folder, LANG))
        year, before = RunFolder(run).manifest["region"]["year"], None
        say("逐月结算 …", "month by month …")
        for number in range(1, 13):
            month = f"{year}-{number:02d}"
            folder = months / month
            if not folder.exists():
                months.mkdir(exist_ok=True)
                write_month(run_month(region, month, earlier=before, lang=LANG), folder, lang=LANG)
            publish(store, folder, "demo")
            before = folder
        publish(store, run, "demo")
    hospital = min(_hospitals(store))
    if settings.book == str(place / BOOK) and not (place / BOOK).exists():
        _book(place, hospital)
    secret = secret_of(settings.data)
    for role in Role:
        own = hospital if role is Role.HOSPITAL else ""
        key = add_key(store, secret, role, f"demo {role}", hospital=own, days=30, by="demo")
        click.echo(f"  {in_language(WORDS[role], LANG)} {own}\t{key}")


def _book(place: Path, hospital: str) -> None:
    """Open a book of the city's year: its target, eleven months in effect and paid, one that waits.

    `hospital` was given its figures, objected and has an opinion.
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
    _given(book, place, region.year, hospital, maker)
    book.close()
    made.rename(place / BOOK)


def _given(book: Book, place: Path, year: int, hospital: str, who: str) -> None:
    """Give a hospital its own figures; it objects and is answered, and states an opinion."""
    from drgpay.ground.times import today
    from drgpay.ledger.calendar import load_calendar
    from drgpay.ledger.procedures import Terms
    from drgpay.policy.budget import BUDGET_POLICY
    from drgpay.report.public_pages import OWN_KINDS, own_sheets, write_own
    from drgpay.wrapper.planning import budget_policy
    from drgpay.wrapper.registers import answer, give, last_day_to_object, object_to, state_opinion

    terms = Terms.of(budget_policy(BUDGET_POLICY, year), load_calendar())
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


def _hospitals(store: Store) -> list[str]:
    from drgpay.runs.reader import RunFolder
    from drgpay.service.published import list_published

    run = next(r for r in list_published(store) if r.kind == "year")
    return [str(h["hospital_id"]) for h in RunFolder(run.folder).manifest["hospitals"]]

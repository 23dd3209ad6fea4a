"""The demo of the service: an invented city, its results published, a key of each role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drgpay.cli.demo_book import BOOK, book_of_city
from drgpay.cli.lang import LANG
from drgpay.cli.progress import bar_of
from drgpay.cli.told import say
from drgpay.ground.errors import in_language

if TYPE_CHECKING:
    from drgpay.service.settings import Settings
    from drgpay.service.store import Store

CASES = 30_000
SEED = 2024


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
        book_of_city(place, hospital)
    secret = secret_of(settings.data)
    for role in Role:
        own = hospital if role is Role.HOSPITAL else ""
        key = add_key(store, secret, role, f"demo {role}", hospital=own, days=30, by="demo")
        click.echo(f"  {in_language(WORDS[role], LANG)} {own}\t{key}")


def _hospitals(store: Store) -> list[str]:
    from drgpay.runs.reader import RunFolder
    from drgpay.service.published import list_published

    run = next(r for r in list_published(store) if r.kind == "year")
    return [str(h["hospital_id"]) for h in RunFolder(run.folder).manifest["hospitals"]]

"""A service with the worked example published, and a key of each role."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from drgpay.ledger.book import Book
from drgpay.ledger.calendar import load_calendar
from drgpay.ledger.entries import Draft
from drgpay.ledger.procedures import Terms
from drgpay.policy import load_policy
from drgpay.runs.folder import write_run
from drgpay.service.app import make_app
from drgpay.service.keys import add_key
from drgpay.service.published import Published, publish
from drgpay.service.roles import Role
from drgpay.service.service import Service
from drgpay.service.settings import Settings
from drgpay.settlement.year_end import year_end
from drgpay.wrapper.registers import give
from tests.service.stores import server

__all__ = ["server"]
EX1 = Path(__file__).parents[1] / "cases" / "ex1"
SCHEME = str((EX1 / "../../schemes/ex1-tiny").resolve())
HOSPITAL, OTHER = "H1", "H2"


@dataclass
class Served:
    """A running service; `keys` by role, `other` of a second hospital."""

    service: Service
    client: TestClient
    run: Published | None
    keys: dict[Role, str] = field(default_factory=dict)
    other: str = ""

    def headers(self, role: Role | str | None) -> dict[str, str]:
        """What a request of a role carries; `other` is the second hospital, None a stranger."""
        if role is None:
            return {}
        key = self.other if role == "other" else self.keys[Role(role)]
        return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="session")
def ex1_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the worked example."""
    folder = tmp_path_factory.mktemp("service") / "run"
    write_run(year_end(EX1), folder)
    return folder


@pytest.fixture(scope="session")
def served(ex1_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service of most tests; who changes what others see makes one of its own."""
    data = tmp_path_factory.mktemp("data")
    with serving(data, publish_run=ex1_run, book=papered_book(data)) as found:
        yield found


def new_book(folder: Path) -> str:
    """Open a year's book in a folder; return its address."""
    place = folder / "账.sqlite"
    Book.create(place, region_id="R1", region_name="测试区", year=2026, who="张三").close()
    return str(place)


def papered_book(folder: Path) -> str:
    """Open a book with a publication (entry 2) and what two hospitals were given; its address."""
    place = new_book(folder)
    book = Book.open(place)
    policy = load_policy("testland-budget", catalogue="budget").for_year(2026)
    with book.writing("张三") as turn:
        page = turn.keep("index.html", "<p>公开</p>".encode())
        body = {"audience": "public", "sums": ""}
        turn.append(Draft("published", 2026, "张三", "maker", body, documents=(page,)))
        packages = {h: turn.keep(f"{h}.xlsx", f"of {h}".encode()) for h in (HOSPITAL, OTHER)}
        terms = Terms.of(policy, load_calendar())
        give(turn, 2026, packages, "张三", terms, dt.date(2026, 6, 1))
    book.close()
    return place


OFTEN = tuple((name, "1000000/minute") for name in ("login", "usual", "batch", "open"))


@contextmanager
def serving(
    data: Path,
    *,
    publish_run: Path | None = None,
    rates: tuple[tuple[str, str], ...] = OFTEN,
    **settings: Any,
) -> Iterator[Served]:
    """Run a service in a folder, with a key of each role; nothing is published unless given."""
    service = Service(Settings(data=data, scheme=SCHEME, region=str(EX1), rates=rates, **settings))
    run = None if publish_run is None else publish(service.store, publish_run, "test")
    keys = {
        role: add_key(
            service.store, service.secret, role, f"a {role}",
            hospital=HOSPITAL if role is Role.HOSPITAL else "",
        )
        for role in Role
    }  # fmt: skip
    other = add_key(service.store, service.secret, Role.HOSPITAL, "another", hospital=OTHER)
    service.keys.refresh()
    service.desk.refresh()
    with TestClient(make_app(service)) as client:
        until = time.monotonic() + 120
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until, "the service does not get warm"
            time.sleep(0.1)
        yield Served(service, client, run, keys, other)

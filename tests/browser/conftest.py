"""One server and one browser for all tests of pages; each test has a context of its own.

Whatever a test does, no page may log an error, break the content policy, or ask another host.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from drgpay.ledger.book import Book
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.runs.folder import write_run
from drgpay.service.app import make_app
from drgpay.service.keys import add_key
from drgpay.service.pages.statics import have_vendor
from drgpay.service.published import publish
from drgpay.service.roles import Role
from drgpay.service.service import Service
from drgpay.service.settings import Settings
from drgpay.settlement.year_end import year_end
from tests.monitoring.drawn import House, draw, filed, written
from tests.service.conftest import EX1, HOSPITAL, SCHEME, new_book

ROOT = Path(__file__).parents[2]
AXE = ROOT / "assets" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = next(
    (p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))),
    None,
)
MONTH = "2024-06"
DESK, PHONE = (1366, 768), (390, 844)


def _lacks() -> str:
    """Return what is missing to run these tests, empty for nothing."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "needs Playwright: pip install playwright"
    if CHROMIUM is None:
        return "needs Chromium: apt-get install chromium"
    if not have_vendor() or not AXE.exists():
        return "needs the pages' scripts: make assets"
    return ""


@dataclass
class Site:
    """A served site: its address, a key of each role, and the browser."""

    url: str
    keys: dict[Role, str]
    browser: Any
    problems: list[str] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)

    def open(
        self,
        role: Role | None = Role.HOSPITAL,
        path: str = "/",
        *,
        size: tuple[int, int] = DESK,
        dark: bool = False,
        lang: str = "",
    ) -> Any:
        """Return a page of a new context, logged in as a role."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="zh-CN",
        )
        self.contexts.append(context)
        if role is not None:
            told = context.request.post(
                f"{self.url}/login", form={"key": self.keys[role]}, max_redirects=0
            )
            assert told.status == 303, told.text()
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("request", self._asked)
        page.goto(f"{self.url}{path}{f'?lang={lang}' if lang else ''}")
        return page

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.problems.append(f"another host: {request.url}")


def watched_book(folder: Path) -> str:
    """Open a book with a monitoring, of which one institution is raised; return its address."""
    place = new_book(folder)
    book = Book.open(place)
    houses = [House(f"H{n}", 60, odd=0.02) for n in range(1, 8)] + [
        House("H8", 200, visits=1.7, odd=0.2)
    ]
    filed(book, written(draw(houses, care=True), folder / "visits.parquet"))
    book.close()
    return place


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[Role, str]]]:
    lacks = _lacks()
    if lacks:
        pytest.skip(lacks)
    folder = tmp_path_factory.mktemp("site")
    write_run(year_end(EX1), folder / "run")
    rates = (("login", "10000/minute"),)
    service = Service(
        Settings(
            data=folder / "data", scheme=SCHEME, region=str(EX1), rates=rates,
            book=watched_book(folder),
        )
    )  # fmt: skip
    publish(service.store, folder / "run", "test")
    write_month(run_month(EX1, MONTH), folder / "month")
    publish(service.store, folder / "month", "test")
    keys = {
        role: add_key(
            service.store, service.secret, role, f"a {role}",
            hospital=HOSPITAL if role is Role.HOSPITAL else "",
        )
        for role in Role
    }  # fmt: skip
    service.keys.refresh()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        config = uvicorn.Config(make_app(service), log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                if httpx2.get(f"{url}/readyz").status_code == 200:
                    break
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
        else:
            pytest.fail("the service does not get warm")
        yield url, keys
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def _browser(_server: tuple[str, dict[Role, str]]) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        loop = asyncio.get_running_loop()
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture
def site(_server: tuple[str, dict[Role, str]], _browser: Any) -> Iterator[Site]:
    """The site; fails after a test whose pages logged an error or asked another host.

    Playwright's loop counts as running in this thread only while a test of pages runs: another
    test of this process may run a loop of its own.
    """
    browser, loop = _browser
    made = Site(*_server, browser)
    asyncio._set_running_loop(loop)
    try:
        yield made
        for context in made.contexts:
            context.close()
    finally:
        asyncio._set_running_loop(None)
    assert not made.problems, made.problems


@pytest.fixture(scope="session")
def serious() -> Callable[[Any], list[str]]:
    """Return what finds the serious faults of a page for people who cannot see or point."""
    script = AXE.read_text(encoding="utf-8") if AXE.exists() else ""

    def find(page: Any) -> list[str]:
        page.evaluate(script)
        found = page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:160]} ({one['help']})"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    return find


def wide(page: Any) -> bool:
    """Whether a page must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))

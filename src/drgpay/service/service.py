"""A running service: what its routes share."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cached_property

import sqlalchemy as sa
from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from drgpay.ground.database import what_fails
from drgpay.ledger.book import Book
from drgpay.service.audit import Audit
from drgpay.service.desk import Desk
from drgpay.service.job_runner import Runner
from drgpay.service.jobs import any_open
from drgpay.service.keys import KeyRing
from drgpay.service.lookup import grouper_of, search_of
from drgpay.service.outer import LOG, Usage
from drgpay.service.rates import Rates
from drgpay.service.roles import Caller
from drgpay.service.sessions import COOKIE, Sessions
from drgpay.service.settings import Settings, secret_of
from drgpay.service.store import Store, private_folder

YOUNG = 20_000  # new objects before garbage among them is looked for
# for how long a thread that writes notes or reads what is published may keep answers waiting; 5 ms,
# as Python has it, is a third of what an answer may take
SWITCH_SECONDS = 0.0005
REFRESH_SECONDS = 1.0  # within twice of which a revoked key opens nothing, a published run is seen


def settle() -> None:
    """Let the collector of garbage pass over what is there and stays.

    To go through schemes and tables takes tenths of a second, while every request waits.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Service:
    """Opens the store of `settings.data`; `running` keeps it alive around a server.

    `alone`: the process is the server's alone, so that its collector of garbage is set for it.
    """

    def __init__(self, settings: Settings, *, alone: bool = False) -> None:
        self.settings, self.alone = settings, alone
        private_folder(settings.data)
        private_folder(settings.uploads)
        self.secret = secret_of(settings.data)
        self.store = Store(settings.url)
        self.store.upgrade()
        self.keys = KeyRing(self.store, self.secret)
        self.sessions = Sessions(self.store, self.secret, self.keys)
        self.passwords: CapacityLimiter | None = None  # made in the loop that it belongs to
        self.rates = Rates(settings.rates)
        self.audit = Audit(self.store)
        self.usage = Usage()
        self.desk = Desk(self.store, settings)
        self.jobs = Runner(settings)
        self.streams = 0  # of progress, that are open
        self.reachable = True

    @cached_property
    def book(self) -> Book:
        """The year's book of `settings.book`; raises InputError where it cannot be opened."""
        return Book.open(self.settings.book)

    @property
    def ready(self) -> bool:
        """Whether a case would be answered at once."""
        return self.reachable and self.desk.warm

    def still_in(self, request: Request) -> bool:
        """Whether who asks may still: for what goes on after the door was passed; asks the store."""
        caller: Caller = request.state.caller
        if caller.by_session:
            cookie = request.cookies.get(COOKIE, "")
            return bool(self.sessions.known(cookie) or self.sessions.find(cookie))
        return self.keys.is_valid(caller.id.partition(":")[2])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Warm up, keep keys and published runs fresh, and end in order."""
        begun = [
            self._refreshed(self.keys.refresh),
            self._refreshed(self._take_up),
            self._warmed(),
        ]
        if self.settings.job_process:
            begun += [self.jobs.run(), self._woken()]
        tasks = [asyncio.create_task(one) for one in begun]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # what waits is written anyhow
            await run_in_threadpool(self.close)

    def close(self) -> None:
        """Write what waits and let go of the store."""
        with suppress(sa.exc.SQLAlchemyError):  # the store may be away
            self.audit.close()
        self.store.close()
        if "book" in self.__dict__:
            self.book.close()

    async def _warmed(self) -> None:
        try:
            await run_in_threadpool(self._warm_up)
        except Exception as error:  # it serves on, and says that it is not ready
            LOG.error("the service does not get warm: %s", error)

    def _warm_up(self) -> None:
        search_of(grouper_of(self.desk, None))  # else the first who types waits for it
        self.desk.warm_up()
        if self.alone:
            gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
            sys.setswitchinterval(SWITCH_SECONDS)
            settle()

    def _take_up(self) -> None:
        """Take up what was published since; codes are then searched in its scheme's."""
        before = self.desk.board
        self.desk.refresh()
        search_of(grouper_of(self.desk, None))
        if self.alone and self.desk.board is not before:
            settle()

    async def _woken(self) -> None:
        """Start the process of jobs at once where there are some, or where it is to be ready."""
        if self.settings.jobs_at_once or await run_in_threadpool(any_open, self.store):
            self.jobs.wake()

    async def _refreshed(self, refresh: Callable[[], None]) -> None:
        """Do so for ever: keys must not wait for a run to be read, nor end with one that is amiss."""
        told = ""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await run_in_threadpool(refresh)
                self.reachable, told = True, ""
            except sa.exc.SQLAlchemyError as error:
                if self.reachable:
                    LOG.error("%s", what_fails(error))
                self.reachable = False
            except Exception as error:
                if told != (told := str(error)):  # once, not each second
                    LOG.error("what is published cannot be read: %s", told)

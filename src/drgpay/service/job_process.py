"""The process that works on jobs: beside the server, at a lower priority, so that previews stay quick.

It ends with the server that started it. What it was working on then is taken up again by the next
one: an upload is on disk before its job is accepted, and a result counts only when its job is ended.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import secrets
import shutil
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from drgpay.ground.database import what_fails
from drgpay.ground.errors import DrgpayError
from drgpay.ground.outputs import NO_ROOM
from drgpay.service import jobs, uploads
from drgpay.service.batch_work import MARKED, Withdrawn, mark, render, warm_up, work
from drgpay.service.desk import Desk
from drgpay.service.jobs import DONE, FAILED, LEASE_SECONDS, SMALL, Job, find_job
from drgpay.service.outer import where_of
from drgpay.service.problems import Problem, of_error, published_away
from drgpay.service.published import is_of_published
from drgpay.service.settings import Settings
from drgpay.service.store import Store, now

LOG = logging.getLogger("drgpay.jobs")
POLL_SECONDS = 0.2
RENEW_SECONDS = 0.5
SWEEP_SECONDS = 60.0
ORPHAN_SECONDS = 3_600  # of a folder without a job: an upload that broke off with its server
DIRECT_SECONDS = 3_600  # of an answer that nobody fetched
NICE = 10


def host_prefix() -> str:
    """Return how holders on this machine begin."""
    return f"{socket.gethostname()}:"


class Worker:
    """Works on the jobs of a store, in two lanes: one for any job, one for small ones alone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.url)
        self.desk = Desk(self.store, settings)
        self.wake = [threading.Event(), threading.Event()]
        self.stop = threading.Event()
        self._away = False  # the store, and that was told

    def run(self) -> None:
        """Work until the standing input ends."""
        self._patiently(lambda: jobs.release_of(self.store, host_prefix()))
        self._patiently(lambda: warm_up(self.desk))
        # what lives as long as the process is not searched again, many short-lived values seldom
        gc.freeze()
        gc.set_threshold(100_000, 20, 50)
        tell("ready")
        lanes = [
            threading.Thread(target=self._lane, args=(0, None), daemon=True),
            threading.Thread(target=self._lane, args=(1, SMALL), daemon=True),
            threading.Thread(target=self._sweep, daemon=True),
        ]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()

    def _patiently(self, act: Any) -> None:
        """Act as soon as the store is within reach."""
        while True:
            try:
                act()
                return
            except sa.exc.SQLAlchemyError as error:
                self._wait(error)

    def _wait(self, error: sa.exc.SQLAlchemyError) -> None:
        """Wait a moment for the store; tell once that it is away, and of what kind the fault is."""
        if not self._away:
            LOG.error("jobs wait: %s (%s)", what_fails(error), type(error).__name__)
        self._away = True
        time.sleep(1.0)

    def _lane(self, number: int, most_size: int | None) -> None:
        wake = self.wake[number]
        while not self.stop.is_set():
            holder = f"{host_prefix()}{os.getpid()}:{secrets.token_hex(4)}"
            try:
                job = jobs.claim(self.store, holder, most_size=most_size)
                self._away = False
                if job is None:
                    wake.wait(POLL_SECONDS)
                    wake.clear()
                    continue
                self._one(job, holder)
            except sa.exc.SQLAlchemyError as error:
                self._wait(error)

    def _one(self, job: Job, holder: str) -> None:
        """Work on one job and end it, unless it was withdrawn or taken over meanwhile."""
        folder = uploads.folder_of(self.settings.uploads, job.id)
        out = folder / f"result-{job.tries + 1}-{secrets.token_hex(3)}"
        lease = Lease(self.store, job.id, holder)
        state, result = FAILED, {}
        try:
            with lease:
                self._fresh()
                result = work(
                    self.desk, folder, out, job.caller, job.asked,
                    most=self.settings.batch_cases, progress=lease.progress,
                )  # fmt: skip
                state = DONE
        except Withdrawn:
            shutil.rmtree(out, ignore_errors=True)
            return
        except sa.exc.SQLAlchemyError:
            raise
        except Exception as error:
            result = {"problem": told(error)}
        if not self._end(job, holder, state, result, lease):
            shutil.rmtree(out, ignore_errors=True)
            return
        tell(f"ended {job.id}")

    def _fresh(self) -> None:
        """Take up what is published; raises Problem where that cannot be read."""
        try:
            self.desk.refresh()
        except DrgpayError as error:
            if not is_of_published(self.store, error):
                raise
            raise published_away() from None

    def _end(self, job: Job, holder: str, state: str, result: dict[str, Any], lease: Lease) -> bool:
        """End a job; where the store is away, as soon as it is back while the lease holds."""
        while True:
            try:
                return jobs.end(self.store, job.id, holder, state, result, lease.done)
            except sa.exc.SQLAlchemyError:
                if time.monotonic() > lease.until:
                    raise
                time.sleep(0.5)

    def _sweep(self) -> None:
        while not self.stop.wait(SWEEP_SECONDS):
            with suppress(sa.exc.SQLAlchemyError, OSError):
                sweep(self.store, self.settings)


def sweep(store: Store, settings: Settings) -> None:
    """Drop results whose time is over, and folders that belong to no job."""
    at = now()
    for job_id in jobs.outlived(store, at - settings.keep_days * 86_400, at - DIRECT_SECONDS):
        uploads.drop(settings.uploads, job_id)
        jobs.forget(store, job_id)
    old = [
        path.name
        for path in settings.uploads.iterdir()
        if uploads.ID.fullmatch(path.name) and path.stat().st_mtime < at - ORPHAN_SECONDS
    ]
    for job_id in set(old) - jobs.known_ids(store, old):
        uploads.drop(settings.uploads, job_id)


class Lease:
    """Holds a job while it is worked on, and tells how far it is."""

    def __init__(self, store: Store, job_id: str, holder: str) -> None:
        self.store, self.job_id, self.holder = store, job_id, holder
        self.done, self.total = 0, None
        self.until = time.monotonic() + LEASE_SECONDS
        self.lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renewed, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def progress(self, done: int, total: int | None) -> None:
        """Take note of how far the work is; raises Withdrawn when it is not to go on."""
        self.done, self.total = done, total  # type: ignore[assignment]
        if self.lost:
            raise Withdrawn

    def _renewed(self) -> None:
        while not self._over.wait(RENEW_SECONDS):
            before = time.monotonic()
            try:
                held = jobs.renew(self.store, self.job_id, self.holder, self.done, self.total)
            except sa.exc.SQLAlchemyError:
                held = time.monotonic() < self.until
            else:
                self.until = before + LEASE_SECONDS
            if not held:
                self.lost = True
                return


def told(error: Exception) -> dict[str, Any]:
    """Return a fault as a problem in both languages, without what was sent."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        error = uploads.no_room()
    problem = of_error(error)
    if problem.status >= 500 and not isinstance(error, (Problem, DrgpayError)):
        LOG.error("%s", where_of(error))
    return {lang: problem.as_dict(lang) for lang in ("zh", "en")}


_SAYING = threading.Lock()


def tell(line: str) -> None:
    """Say something to the server that started this process."""
    with _SAYING, suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _listen(worker: Worker) -> None:
    """Wake the lanes, make files that are asked for; end at once when the server is gone."""
    for line in sys.stdin:
        if line.startswith("render "):
            _, number, *asked = line.split()
            run = threading.Thread(target=_rendered, args=(worker, number, *asked), daemon=True)
            run.start()
            continue
        for wake in worker.wake:
            wake.set()
    os._exit(0)


def _rendered(worker: Worker, number: str, job_id: str, result: str, kind: str, lang: str) -> None:
    answer = file_of(worker.settings, worker.desk, job_id, result, kind, lang)
    tell(f"rendered {number} {json.dumps(answer)}")


def file_of(
    settings: Settings, desk: Desk, job_id: str, result: str, kind: str, lang: str
) -> dict[str, Any]:
    """Make a file of a result; return its name, or why there is none."""
    try:
        folder = uploads.folder_of(settings.uploads, job_id)
        out = folder / Path(result).name
        if kind == MARKED:
            job = find_job(desk.store, job_id)
            name = "" if job is None else str(job.asked.get("name", ""))
            return {"file": mark(desk, folder, out, lang, name).name}
        return {"file": render(out, kind, lang).name}
    except Exception as error:
        return {"problem": told(error)}


def settings_line(settings: Settings) -> str:
    """Return settings as the line that a process begins with; the database may have a password."""
    values = {**asdict(settings), "data": str(settings.data.absolute())}
    return json.dumps(values) + "\n"


def settings_of(line: str) -> Settings:
    """Return the settings that a line holds."""
    values = json.loads(line)
    rates = tuple((name, text) for name, text in values.pop("rates"))
    return Settings(**{**values, "data": Path(values["data"]), "rates": rates})


def main() -> None:
    """Work on jobs; or make one file of a result: its job, result, kind and language are told."""
    logging.basicConfig(level=logging.ERROR, format="%(name)s %(message)s")
    settings = settings_of(sys.stdin.readline())
    if len(sys.argv) > 1:
        job_id, result, kind, lang = sys.argv[1:]
        desk = Desk(Store(settings.url), settings)
        print(json.dumps(file_of(settings, desk, job_id, result, kind, lang)))
        return
    with suppress(OSError, AttributeError):
        os.nice(NICE)
    worker = Worker(settings)
    threading.Thread(target=_listen, args=(worker,), daemon=True).start()
    worker.run()


if __name__ == "__main__":
    main()

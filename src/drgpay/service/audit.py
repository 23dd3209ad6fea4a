"""Who asked for what, when, and with what outcome: never a diagnosis, a name or a case id.

Notes of previews are gathered and written a few times a second; what leaves the house (exports,
changes) is noted before its answer goes out.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from drgpay.service.store import AUDIT, Store

EVERY_SECONDS = 0.25
MOST = 50_000  # waiting; beyond it a note is written at once


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the log; `times` cases or requests of one kind."""

    at: int
    who: str
    role: str
    hospital_id: str
    action: str
    subject: str
    status: int
    times: int
    request_id: str


class Audit:
    """Writes notes; `close` writes what waits."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: deque[Note] = deque()
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def note(self, note: Note) -> None:
        """Take a note that may be written a moment later."""
        self._waiting.append(note)
        if len(self._waiting) > MOST:
            self.flush()

    def note_first(self, note: Note) -> None:
        """Write a note now; raises when it cannot be written, so that nothing leaves unnoted."""
        self.store.write(sa.insert(AUDIT), [asdict(note)])

    def flush(self) -> None:
        """Write what waits; it stays waiting where the store is away."""
        with self._writing:
            rows = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not rows:
                return
            try:
                self.store.write(sa.insert(AUDIT), [asdict(note) for note in rows])
            except sa.exc.SQLAlchemyError:
                self._waiting.extendleft(reversed(rows))
                raise

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self.flush()
            except sa.exc.SQLAlchemyError:
                continue  # written when the store is back

    def close(self) -> None:
        """Stop, and write what waits."""
        self._stop.set()
        self._thread.join()
        self.flush()

"""Who asked for what, when, and with what outcome: never a diagnosis, a name or a case id.

Notes of previews are gathered and written a few times a second; what leaves the house (exports,
changes) is noted before its answer goes out. Where many come at once, or while the store is away,
alike ones of one minute become one with their number: a log that grew by each preview of a
hospital's system would soon be read by nobody. When even those are too many, nothing more is
answered that would have to be noted.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import sqlalchemy as sa

from drgpay.ground.database import what_fails
from drgpay.service.store import AUDIT, Store

LOG = logging.getLogger("drgpay.service")

EVERY_SECONDS = 0.25
MOST = 50_000  # waiting
PART = 5_000  # notes that are written in one transaction
MANY = 50  # between two writings: from here on alike ones become one


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

    def __init__(self, store: Store, most: int = MOST) -> None:
        self.store, self.most = store, most
        self._waiting: deque[Note] = deque()
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether no further note can wait."""
        return len(self._waiting) >= self.most

    def note(self, note: Note) -> None:
        """Take a note that may be written a moment later."""
        self._waiting.append(note)

    def note_first(self, note: Note) -> None:
        """Write a note now; raises when it cannot be written, so that nothing leaves unnoted."""
        self.store.write(sa.insert(AUDIT), [asdict(note)])

    def flush(self) -> None:
        """Write what waits; it stays waiting where the store is away."""
        with self._writing:
            while self._waiting:
                notes = [self._waiting.popleft() for _ in range(min(PART, len(self._waiting)))]
                if len(notes) > MANY:
                    notes = joined(notes)
                try:
                    self.store.write(sa.insert(AUDIT), [asdict(note) for note in notes])
                except BaseException:
                    self._waiting.extendleft(reversed(notes))
                    if len(self._waiting) > self.most // 2:
                        self._join()
                    raise

    def _join(self) -> None:
        notes = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._waiting.extendleft(reversed(joined(notes)))

    def _run(self) -> None:
        told = False
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self.flush()
                told = False
            except sa.exc.SQLAlchemyError as error:  # written when the store is back
                if not told:
                    LOG.error("notes of the audit log wait: %s", what_fails(error))
                told = True

    def close(self) -> None:
        """Stop, and write what waits."""
        self._stop.set()
        self._thread.join()
        self.flush()


def joined(notes: Iterable[Note]) -> list[Note]:
    """Return notes with those of one minute that differ in nothing but the request as one."""
    first: dict[tuple[object, ...], Note] = {}
    times: Counter[tuple[object, ...]] = Counter()
    for note in notes:
        same = (note.at // 60, note.who, note.hospital_id, note.action, note.subject, note.status)
        own = first.setdefault(same, note)
        if own is not note and own.request_id:
            first[same] = replace(own, request_id="")
        times[same] += note.times
    return [replace(note, times=times[same]) for same, note in first.items()]

"""Published results: which runs of the agency are shown, and from which the latest point value comes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from drgpay.ground.digests import changed_files
from drgpay.ground.errors import BooksError, DrgpayError, InputError, both
from drgpay.ground.inputs import parse_json, read_input
from drgpay.runs.manifest import MONTH, YEAR
from drgpay.runs.reader import RunFolder
from drgpay.service.store import PUBLISHED, Store, now

PUBLISHING = 726_002  # the lock of who publishes
SIGNALS = "signals.json"  # what a folder of signals says of itself


@dataclass(frozen=True, slots=True)
class Published:
    """One published run; `month` is 0 of a year."""

    id: str
    kind: str
    region_id: str
    year: int
    month: int
    folder: Path
    digest: str
    published_at: int
    published_by: str
    signals: Path | None = None

    @property
    def order(self) -> tuple[int, int, int]:
        """Later results come later: months by month, a year's clearing after its months."""
        return (self.year, self.month or 13, self.published_at)

    @property
    def period(self) -> str:
        """The year, or the month as 2025-03."""
        return f"{self.year}-{self.month:02d}" if self.month else str(self.year)


@dataclass(frozen=True, slots=True)
class PointValue:
    """Yuan a point, exact, of a pool; `provisional` when it is a month's."""

    yuan: Fraction
    run: Published
    provisional: bool


def publish(
    store: Store, folder: str | Path, by: str, signals: str | Path | None = None
) -> Published:
    """Publish a year's or a month's result, a year's with the signals of its cases if given.

    Raises InputError for a trial, and for signals of other cases; BooksError for files that changed.
    """
    run = RunFolder(folder, "")
    if run.trial:
        raise InputError(
            both("试算结果不能发布", "a trial is not published"),
            where=folder,
            remedy=both("不带 --set 再算一次", "run it without --set"),
        )
    run.refuse_changed()
    region, month = run.manifest["region"], 0
    if run.kind == MONTH:
        month = int(run.manifest["month"][5:])
    made = Published(
        id=secrets.token_hex(6), kind=run.kind, region_id=str(region["id"]),
        year=int(region["year"]), month=month, folder=Path(folder).resolve(), digest=run.digest,
        published_at=now(), published_by=by,
        signals=None if signals is None else _checked_signals(Path(signals).resolve(), run),
    )  # fmt: skip
    with store.begin() as connection:
        if not store.is_sqlite:  # who comes second sees what the first one published; SQLite waits
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(PUBLISHING)))
        same = (
            PUBLISHED.c.region_id == made.region_id,
            PUBLISHED.c.year == made.year,
            PUBLISHED.c.month == made.month,
            PUBLISHED.c.withdrawn_at.is_(None),
        )
        connection.execute(sa.update(PUBLISHED).where(*same).values(withdrawn_at=now()))
        connection.execute(
            sa.insert(PUBLISHED).values(
                id=made.id, kind=made.kind, region_id=made.region_id, year=made.year,
                month=made.month, folder=str(made.folder), digest=made.digest,
                published_at=made.published_at, published_by=by,
                signals=None if made.signals is None else str(made.signals),
            )
        )  # fmt: skip
    return made


def _checked_signals(folder: Path, run: RunFolder) -> Path:
    """Return a folder of signals; raises where it is none, was changed, or is of other cases."""
    try:
        told = parse_json(read_input(folder / SIGNALS))
        own = (YEAR, str(told["region"]["id"]), told["region"]["year"], told["cases"]["in"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            both("不是异常信号的结果文件夹", "this is no folder of signals"),
            where=folder,
            remedy=both("给出 drgpay signals 写出的文件夹", "name what drgpay signals wrote"),
        ) from None
    changed = changed_files(folder, told)
    if changed is None or changed:
        raise BooksError(
            both(
                f"异常信号的文件改动过：{'、'.join(changed or [SIGNALS])}",
                f"files of the signals were changed: {', '.join(changed or [SIGNALS])}",
            ),
            where=folder,
            remedy=both("重新运行 drgpay signals", "run drgpay signals again"),
        )
    region = run.manifest["region"]
    asked = (run.kind, str(region["id"]), region["year"], run.manifest["counts"]["in"])
    if asked != own:
        raise InputError(
            both(
                f"异常信号（{own[1]} {own[2]} 年，{own[3]:,} 例）不是这一年度结果"
                f"（{asked[1]} {asked[2]}，{asked[3]:,} 例）的",
                f"these signals ({own[1]} {own[2]}, {own[3]:,} cases) are not of this result "
                f"({asked[1]} {asked[2]}, {asked[3]:,} cases)",
            ),
            where=folder,
            remedy=both(
                "用 drgpay signals 统筹区文件夹 --run 此结果 重新计算",
                "make them by drgpay signals REGION --run this result",
            ),
        )
    return folder


def withdraw(store: Store, run_id: str) -> None:
    """Take a published run back; raises InputError for one that is not published."""
    number = store.write(
        sa.update(PUBLISHED)
        .where(PUBLISHED.c.id == run_id, PUBLISHED.c.withdrawn_at.is_(None))
        .values(withdrawn_at=now())
    )
    if not number:
        raise InputError(
            both(f"没有发布过 {run_id}", f"{run_id} is not published"),
            remedy=both("用 drgpay runs published 查看", "see drgpay runs published"),
        )


def list_published(store: Store) -> list[Published]:
    """Return what is published, the latest last."""
    rows = store.rows(sa.select(PUBLISHED).where(PUBLISHED.c.withdrawn_at.is_(None)))
    found = [_published(row) for row in rows]
    return sorted(found, key=lambda p: p.order)


def is_of_published(store: Store, error: DrgpayError) -> bool:
    """Whether a fault is that of a published result's folder, and not of who asks."""
    if not error.where or not Path(error.where).is_absolute():
        return False
    try:
        return any(str(run.folder) == error.where for run in list_published(store))
    except sa.exc.SQLAlchemyError:  # the store is away as well
        return False


def _published(row: Mapping[str, Any]) -> Published:
    return Published(
        id=row["id"], kind=row["kind"], region_id=row["region_id"], year=row["year"],
        month=row["month"], folder=Path(row["folder"]), digest=row["digest"],
        published_at=row["published_at"], published_by=row["published_by"],
        signals=Path(row["signals"]) if row["signals"] else None,
    )  # fmt: skip


def latest_values(runs: Sequence[Published]) -> dict[str, PointValue]:
    """Return the latest point value of each pool: the later of a month's and a year's."""
    made: dict[str, PointValue] = {}
    for one in sorted(runs, key=lambda p: p.order):
        values = RunFolder(one.folder, one.kind).point_values
        made |= {pool: PointValue(value, one, one.kind == MONTH) for pool, value in values.items()}
    return made

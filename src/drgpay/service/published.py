"""Published results: which runs of the agency are shown, and from which the latest point value comes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from drgpay.ground.errors import DrgpayError, InputError, both
from drgpay.region.together import ids_in
from drgpay.runs.manifest import MONTH, YEAR
from drgpay.runs.reader import RunFolder
from drgpay.service.store import PUBLISHED, Store, now


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


def publish(store: Store, folder: str | Path, by: str) -> Published:
    """Publish a year's or a month's result; raises InputError for a trial, or files that changed."""
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
    )  # fmt: skip
    with store.begin() as connection:
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
            )
        )  # fmt: skip
    return made


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
    )  # fmt: skip


def latest_values(runs: Sequence[Published]) -> dict[str, PointValue]:
    """Return the latest point value of each pool: the later of a month's and a year's."""
    made: dict[str, PointValue] = {}
    for one in sorted(runs, key=lambda p: p.order):
        folder = RunFolder(one.folder, one.kind)
        if one.kind == YEAR:
            values = folder.point_values
        else:
            values = {
                str(p["pool"]): Fraction(p["point_value_fraction"])
                for p in folder.manifest["months"]
                if p["month"] == folder.manifest["month"] and p["point_value_fraction"] is not None
            }
        made |= {
            own: PointValue(value, one, one.kind == MONTH)
            for pool, value in values.items()
            for own in {pool, *ids_in(pool)}
        }
    return made

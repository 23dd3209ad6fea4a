"""Jobs: what was accepted, who works on it, how far it is; kept in the store, so that none is lost.

A job is worked on under a lease. Who holds it renews it; of a process that died it lapses, and
another takes the job up again. A result gets its name only by the one statement that ends the job,
and only while the lease is held: a job may be begun twice, but is ended once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from drgpay.ground.errors import both
from drgpay.service.problems import Problem
from drgpay.service.roles import ADMINISTRATOR, Caller, Role
from drgpay.service.store import JOBS, Store, now

WAITING, RUNNING = "waiting", "running"
DONE, FAILED, WITHDRAWN = "done", "failed", "withdrawn"
OPEN = (WAITING, RUNNING)
ENDED = (DONE, FAILED, WITHDRAWN)
LEASE_SECONDS = 30
MOST_TRIES = 10  # a file that takes the process down does so no more often
SMALL = 4 * 1024 * 1024  # bytes of what need not wait behind larger ones
LISTED = 100
BATCH = "batch"
TOO_OFTEN = "too_often_begun"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the store has it; `asked` is what it was asked with, `result` what came of it."""

    id: str
    who: str
    role: Role
    hospital: str
    kind: str
    asked: Mapping[str, Any]
    state: str
    direct: bool
    size: int
    made_at: int
    done: int
    total: int | None
    tries: int
    holder: str
    lease_until: int
    result: Mapping[str, Any]
    ended_at: int | None

    @property
    def caller(self) -> Caller:
        """Who asked, as the work needs it."""
        return Caller(self.who, self.role, "", self.hospital)


def new_id() -> str:
    """Return the id of a job, which cannot be guessed and is a plain name of a folder."""
    return secrets.token_hex(12)


def add_job(
    store: Store,
    job_id: str,
    caller: Caller,
    asked: Mapping[str, Any],
    size: int,
    *,
    direct: bool,
    most: int,
) -> None:
    """Accept a job: on disk when this returns. Raises Problem when the caller has too many.

    `direct`: somebody waits for the answer; it becomes a job of its own by `keep`.
    """
    with store.begin() as connection:
        waiting = connection.execute(
            sa.select(sa.func.count()).where(JOBS.c.who == caller.id, JOBS.c.state.in_(OPEN))
        ).scalar_one()
        if waiting >= most:
            raise Problem(
                429,
                "jobs_waiting",
                both("未完成的任务过多", "too many of your jobs are not done yet"),
                both(
                    f"最多 {most} 个；等其完成，或撤回", f"at most {most}; wait, or withdraw some"
                ),
                headers={"Retry-After": "30"},
            )
        connection.execute(
            sa.insert(JOBS).values(
                id=job_id, who=caller.id, role=str(caller.role), hospital_id=caller.hospital,
                kind=BATCH, asked=dict(asked), state=WAITING, direct=direct, size=size,
                made_at=now(), done=0, tries=0, holder="", lease_until=0,
            )
        )  # fmt: skip


def find_job(store: Store, job_id: str) -> Job | None:
    """Return a job, None where there is none."""
    rows = store.rows(sa.select(JOBS).where(JOBS.c.id == job_id))
    return _job(rows[0]) if rows else None


def own_job(store: Store, job_id: str, caller: Caller) -> Job | None:
    """Return a job that a caller may see: its own, or one of its hospital."""
    job = find_job(store, job_id)
    return job if job is not None and _may_see(job, caller) else None


def deletable_job(store: Store, job_id: str, caller: Caller) -> Job | None:
    """Return a job that a caller may delete: one that it may see; the administrator any, by its id.

    The administrator, who sees no job, clears what somebody left behind who is there no more.
    """
    job = find_job(store, job_id)
    if job is None or caller.role in ADMINISTRATOR:
        return job
    return job if _may_see(job, caller) else None


def _may_see(job: Job, caller: Caller) -> bool:
    if caller.role is Role.HOSPITAL and job.role is Role.HOSPITAL:
        return job.hospital == caller.hospital
    return job.who == caller.id


def list_jobs(store: Store, caller: Caller) -> list[Job]:
    """Return the jobs that a caller may see, the latest first; without those answered at once."""
    own = JOBS.c.who == caller.id
    if caller.role is Role.HOSPITAL:
        own = (JOBS.c.role == str(Role.HOSPITAL)) & (JOBS.c.hospital_id == caller.hospital)
    rows = store.rows(
        sa.select(JOBS)
        .where(own, JOBS.c.direct.is_(False))
        .order_by(JOBS.c.made_at.desc(), JOBS.c.id)
        .limit(LISTED)
    )
    return [_job(row) for row in rows]


def keep(store: Store, job_id: str) -> bool:
    """Make what somebody waited for a job of its own; False when it is there no longer."""
    return store.write(sa.update(JOBS).where(JOBS.c.id == job_id).values(direct=False)) == 1


def withdraw(store: Store, job_id: str) -> None:
    """End a job that is not ended; who works on it finds its lease gone."""
    store.write(
        sa.update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.state.in_(OPEN))
        .values(state=WITHDRAWN, holder="", ended_at=now())
    )


def forget(store: Store, job_id: str) -> None:
    """Drop the row of a job."""
    store.write(sa.delete(JOBS).where(JOBS.c.id == job_id))


def claim(store: Store, holder: str, *, most_size: int | None = None) -> Job | None:
    """Take the next job, those that somebody waits for first; None when there is none.

    A job whose lease has lapsed is taken up again, behind those that were begun less often: one that
    takes the process down holds up nobody. It has failed when it was begun too often.
    """
    at = now()
    free = (JOBS.c.state == WAITING) | ((JOBS.c.state == RUNNING) & (JOBS.c.lease_until < at))
    if most_size is not None:
        free &= JOBS.c.size <= most_size
    with store.begin() as connection:
        row = (
            connection.execute(
                sa.select(JOBS)
                .where(free)
                .order_by(JOBS.c.direct.desc(), JOBS.c.tries, JOBS.c.made_at, JOBS.c.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            .mappings()
            .one_or_none()
        )
        if row is None:
            return None
        job = _job(dict(row))
        one = sa.update(JOBS).where(JOBS.c.id == job.id)
        if job.tries >= MOST_TRIES:
            told = {"problem": TOO_OFTEN}
            connection.execute(one.values(state=FAILED, holder="", ended_at=at, result=told))
            return None
        connection.execute(
            one.values(
                state=RUNNING, holder=holder, tries=job.tries + 1, done=0,
                lease_until=at + LEASE_SECONDS,
            )
        )  # fmt: skip
    return job


def renew(store: Store, job_id: str, holder: str, done: int, total: int | None) -> bool:
    """Tell how far a job is and hold it further; False when it is held no longer."""
    number = store.write(
        sa.update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.holder == holder, JOBS.c.state == RUNNING)
        .values(done=done, total=total, lease_until=now() + LEASE_SECONDS)
    )
    return number == 1


def end(
    store: Store, job_id: str, holder: str, state: str, result: Mapping[str, Any], done: int
) -> bool:
    """End a job with what came of it; False when it is held no longer, and nothing was ended."""
    number = store.write(
        sa.update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.holder == holder, JOBS.c.state == RUNNING)
        .values(state=state, result=dict(result), done=done, holder="", ended_at=now())
    )
    return number == 1


def release_of(store: Store, prefix: str) -> None:
    """Free what processes of this machine held that live no longer."""
    store.write(
        sa.update(JOBS)
        .where(JOBS.c.state == RUNNING, JOBS.c.holder.startswith(prefix, autoescape=True))
        .values(lease_until=0)
    )


def outlived(store: Store, before: int, direct_before: int) -> list[str]:
    """Return the ids of jobs whose result is dropped, and of answers that nobody waits for."""
    rows = store.rows(
        sa.select(JOBS.c.id).where(
            (JOBS.c.ended_at < before)
            | (JOBS.c.direct.is_(True) & (JOBS.c.made_at < direct_before))
        )
    )
    return [row["id"] for row in rows]


def any_open(store: Store) -> bool:
    """Whether some job is not ended."""
    return bool(store.rows(sa.select(JOBS.c.id).where(JOBS.c.state.in_(OPEN)).limit(1)))


def known_ids(store: Store, ids: Sequence[str]) -> set[str]:
    """Return which of some ids are those of jobs."""
    rows = store.rows(sa.select(JOBS.c.id).where(JOBS.c.id.in_(ids)))
    return {row["id"] for row in rows}


def _job(row: Mapping[str, Any]) -> Job:
    return Job(
        id=row["id"], who=row["who"], role=Role(row["role"]), hospital=row["hospital_id"],
        kind=row["kind"], asked=row["asked"], state=row["state"], direct=row["direct"],
        size=row["size"],
        made_at=row["made_at"], done=row["done"], total=row["total"], tries=row["tries"],
        holder=row["holder"], lease_until=row["lease_until"], result=row["result"] or {},
        ended_at=row["ended_at"],
    )  # fmt: skip

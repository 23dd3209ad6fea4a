"""Saved previews: a stay with its codings, kept only because somebody asked for it.

What was asked is kept, not what was answered: opened again, it is answered by the point value that
is the latest then. A hospital's previews are seen by that hospital alone, others by who saved them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from drgpay.ground.errors import both
from drgpay.service.desk import Desk
from drgpay.service.jobs import new_id
from drgpay.service.models import EXAMPLE, LONGEST_TEXT, CaseIn
from drgpay.service.preview import MOST_CODINGS, Coding, CompareOut, answers_of
from drgpay.service.problems import Problem, lang_of, not_there
from drgpay.service.roles import SAVERS, Caller
from drgpay.service.rows import KIB, Row
from drgpay.service.store import PREVIEWS, Store, now

MOST_SAVED = 1_000  # of one hospital, or of one caller of the region


class Stay(BaseModel):
    """A stay, and the other ways in which it may be coded."""

    model_config = ConfigDict(extra="forbid")

    case: CaseIn  # type: ignore[valid-type]
    codings: Annotated[list[Coding], Field(max_length=MOST_CODINGS)] = []


_SAVED: dict[str, Any] = {"title": "主诊待定", "case": EXAMPLE, "codings": []}


class SaveIn(Stay):
    """What is to be kept, and under which title (no names of patients)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_SAVED]})

    title: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""


class SavedOut(BaseModel):
    """A saved preview as it is listed."""

    id: str
    title: str
    saved_at: int = Field(description="自1970年起的秒数（UTC）")


class SavedList(BaseModel):
    """The saved previews, the latest first."""

    previews: list[SavedOut]


class SavedAnswer(SavedOut):
    """A saved preview, answered by what is published now."""

    asked: dict[str, Any]
    codings: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved preview."""

    id: str
    title: str
    saved_at: int
    stay: Stay

    def listed(self) -> dict[str, Any]:
        """Return it as it is listed."""
        return {"id": self.id, "title": self.title, "saved_at": self.saved_at}


def save(store: Store, caller: Caller, title: str, stay: Stay) -> str:
    """Keep a stay and return its id; raises Problem where too many are kept already."""
    asked = Stay(case=stay.case, codings=stay.codings)
    made = new_id()
    with store.begin() as connection:
        kept = sa.select(sa.func.count()).select_from(PREVIEWS).where(_own(caller))
        if connection.execute(kept).scalar_one() >= MOST_SAVED:
            raise Problem(
                409,
                "too_many_saved",
                both(f"已留存{MOST_SAVED:,}份", f"{MOST_SAVED:,} are kept already"),
                both("删除不再需要的", "delete those that are no longer needed"),
            )
        connection.execute(
            sa.insert(PREVIEWS).values(
                id=made, who=caller.id, hospital_id=caller.hospital, title=title,
                asked=asked.model_dump(mode="json", exclude_unset=True), saved_at=now(),
            )
        )  # fmt: skip
    return made


def saved_ones(store: Store, caller: Caller) -> list[dict[str, Any]]:
    """Return what a caller may open, the latest first, without what was asked."""
    listed = sa.select(PREVIEWS.c.id, PREVIEWS.c.title, PREVIEWS.c.saved_at)
    return store.rows(listed.where(_own(caller)).order_by(PREVIEWS.c.saved_at.desc()))


def saved_one(store: Store, caller: Caller, own: str) -> Saved:
    """Return a saved preview; raises Problem for one that is not there, or another's."""
    found = store.rows(sa.select(PREVIEWS).where(PREVIEWS.c.id == own, _own(caller)))
    if not found:
        raise _none()
    row = found[0]
    return Saved(row["id"], row["title"], row["saved_at"], Stay.model_validate(row["asked"]))


def forget(store: Store, caller: Caller, own: str) -> None:
    """Delete a saved preview; raises Problem for one that is not there, or another's."""
    if not store.write(sa.delete(PREVIEWS).where(PREVIEWS.c.id == own, _own(caller))):
        raise _none()


def _own(caller: Caller) -> sa.ColumnElement[bool]:
    if caller.hospital:
        return PREVIEWS.c.hospital_id == caller.hospital
    return sa.and_(PREVIEWS.c.hospital_id == "", PREVIEWS.c.who == caller.id)


def _none() -> Problem:
    return not_there(both("没有这一份留存", "no such preview is kept"))


async def add(asked: SaveIn, request: Request) -> SavedAnswer:
    """留存：一次住院及其各种编码；不留存则不保存任何内容。题名中不要写姓名。"""
    service, caller, lang = request.app.state.service, request.state.caller, lang_of(request.scope)
    # answered first, so that nothing is kept that cannot be opened
    answers = await run_in_threadpool(told, service.desk, caller, asked, lang)
    made = await run_in_threadpool(save, service.store, caller, asked.title, asked)
    return _answer(await run_in_threadpool(saved_one, service.store, caller, made), answers)


async def listed(request: Request) -> SavedList:
    """留存清单：本院的，或（经办机构）自己的。"""
    store = request.app.state.service.store
    found = await run_in_threadpool(saved_ones, store, request.state.caller)
    return SavedList(previews=[SavedOut(**one) for one in found])


async def opened(preview_id: str, request: Request) -> SavedAnswer:
    """打开一份留存，按最新公布的点值重新回答。"""
    service, caller, lang = request.app.state.service, request.state.caller, lang_of(request.scope)
    found = await run_in_threadpool(saved_one, service.store, caller, preview_id)
    return _answer(found, await run_in_threadpool(told, service.desk, caller, found.stay, lang))


def _answer(found: Saved, answers: CompareOut) -> SavedAnswer:
    asked = found.stay.model_dump(mode="json", exclude_unset=True)
    return SavedAnswer(**found.listed(), asked=asked, codings=answers.codings)


def told(desk: Desk, caller: Caller, stay: Stay, lang: str) -> CompareOut:
    """Return the answers to a stay by what is published now; raises Problem."""
    return answers_of(desk, caller, stay.case, stay.codings, None, lang)


async def forgotten(preview_id: str, request: Request) -> None:
    """删除一份留存。"""
    store = request.app.state.service.store
    await run_in_threadpool(forget, store, request.state.caller, preview_id)


ROWS = (
    Row(
        method="POST", path="/v1/previews", call=add, roles=SAVERS, body=512 * KIB, audit="save",
        told={"status_code": 201},
    ),
    Row(method="GET", path="/v1/previews", call=listed, roles=SAVERS),
    Row(method="GET", path="/v1/previews/{preview_id}", call=opened, roles=SAVERS, audit="preview"),
    Row(
        method="DELETE", path="/v1/previews/{preview_id}", call=forgotten, roles=SAVERS,
        audit="forget", told={"status_code": 204},
    ),
)  # fmt: skip

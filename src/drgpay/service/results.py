"""`GET /v1/runs…`: published years and months, one hospital's rows of them, and why a figure is so.

A hospital sees the region's published figures and its own rows. Of a derivation it sees every step
but those that name another institution: these come as withheld.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from drgpay.ground.errors import InputError, both, in_language
from drgpay.runs.manifest import YEAR
from drgpay.runs.reader import RunFolder
from drgpay.service.answers import dumped, kept_response
from drgpay.service.lookup import FEWEST, kept_by_client
from drgpay.service.models import LONGEST_TEXT
from drgpay.service.problems import At, Problem, lang_of, not_there
from drgpay.service.published import Published
from drgpay.service.roles import READERS, Caller, Role
from drgpay.service.rows import Row
from drgpay.why import Derivation
from drgpay.why import RunFolder as WhyFolder
from drgpay.why import why as derive

MOST_OPEN = 4  # years that are kept open for derivations
SUBJECTS = ("case", "hospital", "pool", "drg")
NO_CASE = both(
    "已发布的年度结果中，本机构没有这一病例；核对病例号",
    "the published year has no such case of the institution: check the case id",
)
WITHHELD = both("这一步写有其他机构，略去", "a step that names another institution: withheld")


class RunOut(BaseModel):
    """A published result; `digest` is that of its manifest."""

    id: str
    kind: str = Field(description="year 或 month")
    region: str
    period: str = Field(description="年，或月如 2025-03")
    published_at: int = Field(description="UTC，自1970年起的秒")
    digest: str


class RunsOut(BaseModel):
    """All published results, the latest last."""

    runs: list[RunOut]


class RunFiguresOut(RunOut):
    """A published result with the region's figures by pool; money is whole fen, the rest texts."""

    pools: list[dict[str, Any]]
    unverified: list[str]
    warnings: list[str]


class HospitalOut(BaseModel):
    """One institution's rows of a published result, by pool; as in the tables of results."""

    run: str
    period: str
    hospital_id: str
    name: str
    rows: list[dict[str, Any]]


class WhyOut(BaseModel):
    """A derivation: facts, and steps that can be reckoned again; texts in both languages."""

    subject: str
    id: str
    agrees: bool
    facts: list[dict[str, Any]]
    sections: list[dict[str, Any]]
    parameters: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    withheld: int = Field(description="略去的步骤数：写有其他机构")


_Run = Annotated[str, Path(description="已发布结果的编号", max_length=LONGEST_TEXT)]
_Hospital = Annotated[str, Path(description="医疗机构编码", max_length=LONGEST_TEXT)]
_Name = Annotated[str | None, Query(max_length=LONGEST_TEXT)]


def run_of(request: Request, run_id: str) -> Published:
    """Return a published result; raises Problem."""
    runs: tuple[Published, ...] = request.app.state.service.desk.board.runs
    found = next((run for run in runs if run.id == run_id), None)
    if found is None:
        raise not_there(both("没有发布这一结果", "no such result is published"))
    return found


def run_dict(run: Published) -> dict[str, Any]:
    """Return a published result as it is listed."""
    return {
        "id": run.id, "kind": run.kind, "region": run.region_id, "period": run.period,
        "published_at": run.published_at, "digest": run.digest,
    }  # fmt: skip


async def runs(request: Request) -> Response:
    """列出已发布的年度和月度结果。"""
    found = request.app.state.service.desk.board.runs
    return kept_response(request, {"runs": [run_dict(run) for run in found]})


async def run(request: Request, id: _Run) -> Response:
    """已发布结果的全区数字：各险种的预算、点数、点值、支付。"""
    own, lang = run_of(request, id), lang_of(request.scope)

    def made() -> dict[str, Any]:
        folder = RunFolder(own.folder, own.kind)
        told, manifest = run_dict(own), folder.manifest
        if own.kind == YEAR:
            told["pools"] = manifest["pools"]
        else:
            told["pools"] = [m for m in manifest["months"] if m["month"] == manifest["month"]]
        told["unverified"] = [str(p["key"]) for p in folder.parameters if not p["verified"]]
        names = set(_names(folder))
        warnings = [str(w[lang]) for w in manifest["warnings"]]
        told["warnings"] = warnings if _sees_all(request) else [
            w for w in warnings if not any(name in w for name in names)
        ]  # fmt: skip
        return told

    return kept_response(request, await run_in_threadpool(made))


def _names(folder: RunFolder) -> Iterator[str]:
    """Yield ids and names of the institutions of a result."""
    for own in folder.manifest.get("hospitals", ()):
        yield from filter(None, (str(own["hospital_id"]), str(own.get("name") or "")))


def _sees_all(request: Request) -> bool:
    caller: Caller = request.state.caller
    return caller.role is not Role.HOSPITAL


async def hospital(request: Request, id: _Run, hospital: _Hospital) -> Response:
    """一家机构在已发布结果中的各行：医疗机构只能看本机构。"""
    own = run_of(request, id)
    request.state.subject = own.period
    if not request.state.caller.may_see(hospital):
        raise not_there()

    def made() -> dict[str, Any]:
        folder = RunFolder(own.folder, own.kind)
        table = "hospitals" if own.kind == YEAR else "months_hospitals"
        rows = folder.records(table, filters=[("hospital_id", "==", hospital)])
        if not rows:
            raise not_there()
        listed = folder.manifest.get("hospitals", ())
        name = next((str(h["name"]) for h in listed if h["hospital_id"] == hospital), "")
        told = {"run": own.id, "period": own.period, "hospital_id": hospital}
        return {**told, "name": name, "rows": rows}

    return kept_response(request, await run_in_threadpool(made))


class Opened:
    """Years that derivations were asked of, open; one derivation of a year at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[WhyFolder, threading.Lock]] = OrderedDict()

    def of(self, run: Published) -> tuple[WhyFolder, threading.Lock]:
        """Return the folder of a year and what guards it."""
        with self._lock:
            found = self._kept.get(run.id)
            if found is None:
                found = self._kept[run.id] = (WhyFolder(run.folder), threading.Lock())
                while len(self._kept) > MOST_OPEN:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(run.id)
            return found


_OPENED = Opened()


async def why(
    request: Request,
    id: _Run,
    case: _Name = None,
    hospital: _Name = None,
    pool: _Name = None,
    drg: _Name = None,
) -> Response:
    """为什么：一个病例、机构、险种或病组的数字怎样得来；四者给其一。

    医疗机构只能看本机构的病例和本机构；险种和病组中写有其他机构的步骤略去，病组须有五家以上机构。
    """
    own = run_of(request, id)
    asked = dict(zip(SUBJECTS, (case, hospital, pool, drg), strict=True))
    given = [(subject, name) for subject, name in asked.items() if name]
    if len(given) != 1:
        text = both("case、hospital、pool、drg 须给其一", "give one of case, hospital, pool, drg")
        raise Problem(422, "invalid", text, faults=[At(name, text) for name in SUBJECTS])
    if own.kind != YEAR:
        raise not_there(both("只有年度结果可以推导", "derivations are of a year"))
    subject, name = given[0]
    request.state.subject = f"{own.period} {subject}"  # never which case
    board = request.app.state.service.desk.board
    caller: Caller = request.state.caller
    if caller.role is Role.HOSPITAL:
        if subject == "hospital" and name != caller.hospital:
            raise not_there()
        if subject == "drg" and own == board.year and board.hospitals_of.get(name, 0) < FEWEST:
            raise few()

    def made() -> dict[str, Any]:
        folder, lock = _OPENED.of(own)
        with lock:
            return _derived(folder, subject, name, caller)

    return kept_response(request, await run_in_threadpool(made))


def few() -> Problem:
    """Fewer institutions stand behind a figure than may be told."""
    return Problem(
        403,
        "few",
        both(
            f"不足{FEWEST}家机构的数字只供经办机构查看",
            f"figures of fewer than {FEWEST} institutions are for the agency alone",
        ),
    )


def _derived(folder: WhyFolder, subject: str, name: str, caller: Caller) -> dict[str, Any]:
    try:
        if caller.role is Role.HOSPITAL and subject == "case":
            row = folder.case(name.strip())
            if row["hospital_id"] != caller.hospital:
                raise not_there()
        elif caller.role is Role.HOSPITAL and subject == "drg":
            rows = folder.table("cases", ("hospital_id",), [("drg", "==", name)])
            if len(set(rows["hospital_id"].to_pylist())) < FEWEST:
                raise few()
        made = derive(folder, subject, name).as_dict()
    except InputError as error:
        if caller.role is Role.HOSPITAL:
            raise not_there() from None  # near names would be others' cases
        raise not_there(error.what) from None
    made.pop("run", None)
    made["withheld"] = 0
    return (
        made if caller.role is not Role.HOSPITAL else without_others(made, folder, caller.hospital)
    )


def case_of(run: Published, case: str, hospital: str) -> Derivation:
    """Return how a hospital's case in a year came about; raises Problem for any other case."""
    folder, lock = _OPENED.of(run)
    with lock:
        try:
            if folder.case(case)["hospital_id"] == hospital:
                return derive(folder, "case", case)
        except InputError:
            pass
    raise not_there(NO_CASE)


def hospital_of(run: Published, hospital: str) -> Derivation:
    """Return how a hospital's result of a year came about."""
    folder, lock = _OPENED.of(run)
    with lock:
        return derive(folder, "hospital", hospital)


def names_others(folder: RunFolder, own: str) -> Callable[[Any], bool]:
    """Return what tells of plain values whether they name another institution than one's own."""
    mine = {own, *(str(h.get("name") or "") for h in folder.manifest["hospitals"]
                   if h["hospital_id"] == own)}  # fmt: skip
    others = sorted(set(_names(folder)) - mine, key=len, reverse=True)
    if not others:
        return lambda value: False
    pattern = re.compile(
        "|".join(rf"(?<![0-9A-Za-z]){re.escape(o)}(?![0-9A-Za-z])" for o in others)
    )

    def names_other(value: Any) -> bool:
        text = dumped(value).decode()
        for name in sorted(mine, key=len, reverse=True):
            text = text.replace(name, "") if name and not name.isascii() else text
        return pattern.search(text) is not None

    return names_other


def without_others(made: dict[str, Any], folder: RunFolder, own: str) -> dict[str, Any]:
    """Return a derivation without what names another institution."""
    names_other = names_others(folder, own)
    said = {lang: in_language(WITHHELD, lang) for lang in ("zh", "en")}
    count = 0
    for section in made["sections"]:
        for place, step in enumerate(section["steps"]):
            if names_other(step):
                count += 1
                section["steps"][place] = {"key": f"withheld.{count}", "title": said}
        if names_other(section["title"]):
            section["title"] = said
    for part in ("facts", "notes", "disagreements"):
        made[part] = [one for one in made[part] if not names_other(one)]
    return {**made, "withheld": count}


ROWS = (
    Row(method="GET", path="/v1/runs", call=runs, roles=READERS, told=kept_by_client(RunsOut)),
    Row(
        method="GET", path="/v1/runs/{id}", call=run, roles=READERS,
        told=kept_by_client(RunFiguresOut),
    ),
    Row(
        method="GET", path="/v1/runs/{id}/hospitals/{hospital}", call=hospital, roles=READERS,
        audit="run hospital", told=kept_by_client(HospitalOut),
    ),
    Row(
        method="GET", path="/v1/runs/{id}/why", call=why, roles=READERS, audit="why",
        told=kept_by_client(WhyOut),
    ),
)  # fmt: skip

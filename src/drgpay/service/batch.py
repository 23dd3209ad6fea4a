"""`POST /v1/preview/batch` and `/v1/jobs`: many cases by one file, answered at once or as a job."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from drgpay.ground.errors import both, in_language
from drgpay.names.codes import CASE_CLASSES, STATUSES
from drgpay.names.preview_columns import PREVIEW_COLUMNS
from drgpay.names.reasons import GROUPING_REASONS, QUARANTINED, UNPRICED
from drgpay.report.preview_files import FORMATS
from drgpay.runs.priced_sums import INDICATORS
from drgpay.service import jobs, uploads
from drgpay.service.batch_work import MARKED, SUMS, file_name, gone
from drgpay.service.job_runner import problem_of
from drgpay.service.jobs import DONE, ENDED, FAILED, WITHDRAWN, Job
from drgpay.service.models import LONGEST_TEXT
from drgpay.service.problems import Problem, lang_of, not_there
from drgpay.service.roles import ADMINISTRATOR, READERS, Caller
from drgpay.service.rows import MIB, Row
from drgpay.service.service import Service
from drgpay.service.store import Store

MEDIA: Mapping[str, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
_ALSO = {
    "application/x-parquet": "parquet",
    "*/*": "json",
    "application/*": "json",
    "text/*": "csv",
}
STREAM_SECONDS = 25.0  # of one stream of events; browsers connect again by themselves
MOST_STREAMS = 200
_PREFER = re.compile(r"respond-async|wait=(\d{1,4})")
_FROM = re.compile(r"[a-z]+-\d{1,12}")


class JobOut(BaseModel):
    """A job: how far it is, and until when its result is kept."""

    id: str
    state: str = Field(description="waiting、running、done、failed、withdrawn")
    name: str = Field(description="上传者给的名称，仅供显示")
    made_at: int = Field(description="UTC秒")
    ended_at: int | None
    kept_until: int | None = Field(description="此后结果删除，UTC秒")
    bytes: int
    done: int = Field(description="已处理的病例数")
    total: int | None = Field(description="病例总数；事先不知道时为空")
    counts: dict[str, int] | None = Field(description="进 = 出：in 等于其余各项之和")
    problem: dict[str, Any] | None
    links: dict[str, str]


class JobsOut(BaseModel):
    """The jobs that the caller may see, the latest first."""

    jobs: list[JobOut]


As = Annotated[str | None, Query(alias="as", description="json、csv、xlsx、parquet；默认按 Accept")]
Name = Annotated[str | None, Query(description="显示用的名称", max_length=120)]
SchemeAsked = Annotated[str | None, Query(description="另一分组方案（无点数）")]


async def batch(
    request: Request, kind: As = None, name: Name = None, scheme: SchemeAsked = None
) -> Response:
    """批量试分组：一个文件的病例，作为请求内容直接发送；同格式或另一格式返回。

    较快的直接回答；较慢的为202，Location 指出任务。坏行进隔离，写明行、列、值、原因和改法，其余照常。
    """
    service: Service = request.app.state.service
    caller: Caller = request.state.caller
    settings, lang = service.settings, lang_of(request.scope)
    as_kind = kind_asked(kind, request)
    if scheme:
        if len(scheme) > LONGEST_TEXT:
            raise Problem(422, "invalid", both("方案名过长", "the name of the scheme is too long"))
        await run_in_threadpool(service.desk.grouper, scheme)  # raises where there is none
    wait = seconds_asked(request, settings.direct_seconds)
    job_id = jobs.new_id()
    request.state.subject = job_id
    _, size = await uploads.receive(request, settings.uploads, job_id, settings.upload_bytes)
    asked = {"as": as_kind, "lang": lang, "scheme": scheme or "", "name": plain_name(name)}
    try:
        await run_in_threadpool(
            jobs.add_job, service.store, job_id, caller, asked, size, direct=wait > 0,
            most=settings.waiting_jobs,
        )  # fmt: skip
    except BaseException:
        await run_in_threadpool(uploads.drop, settings.uploads, job_id)
        raise
    service.jobs.wake()
    if wait > 0:
        job = await _awaited(service, request, job_id, wait)
        if job is not None:
            return await _direct(service, request, job, as_kind, lang)
    return await _accepted(service, job_id, lang)


async def _awaited(service: Service, request: Request, job_id: str, wait: float) -> Job | None:
    """Wait for a job to end; None where it takes longer, and it is a job of its own then."""
    store = service.store

    def look() -> Job | None:
        job = jobs.find_job(store, job_id)
        return job if job is not None and job.state in ENDED else None

    try:
        job = await service.jobs.ended(job_id, wait, look)
        if job is None and await request.is_disconnected():
            raise Problem(400, "broken_off", both("请求已中断", "the request broke off"))
    except BaseException:
        await run_in_threadpool(dropped, service, job_id)
        raise
    if job is None:
        await run_in_threadpool(jobs.keep, store, job_id)
    return job  # type: ignore[no-any-return]


def dropped(service: Service, job_id: str) -> None:
    """Let go of a job and of all that lies in its folder."""
    jobs.withdraw(service.store, job_id)
    uploads.drop(service.settings.uploads, job_id)
    jobs.forget(service.store, job_id)


async def _direct(service: Service, request: Request, job: Job, kind: str, lang: str) -> Response:
    """Answer with the result itself; nothing of it is kept."""
    if job.state != DONE:
        await run_in_threadpool(dropped, service, job.id)
        raise job_problem(job)
    request.state.times = max(1, int(job.result["counts"]["in"]))
    path = result_folder(service, job) / file_name(kind, lang)
    return FileResponse(
        path,
        media_type=MEDIA[kind],
        headers=_download(kind, job.id),
        background=BackgroundTask(dropped, service, job.id),
    )


async def _accepted(service: Service, job_id: str, lang: str) -> Response:
    job = await run_in_threadpool(jobs.find_job, service.store, job_id)
    if job is None:
        raise not_there()
    return JSONResponse(
        job_dict(job, service, lang), 202, headers={"Location": f"/v1/jobs/{job_id}"}
    )


async def list_own(request: Request) -> JobsOut:
    """列出本机构的任务，最近的在前。"""
    service: Service = request.app.state.service
    found = await run_in_threadpool(jobs.list_jobs, service.store, request.state.caller)
    lang = lang_of(request.scope)
    return JobsOut(jobs=[JobOut(**job_dict(job, service, lang)) for job in found])


async def one(request: Request, job_id: str) -> JobOut:
    """任务的状态与进度。"""
    job = await _own(request, job_id)
    return JobOut(**job_dict(job, request.app.state.service, lang_of(request.scope)))


async def delete(request: Request, job_id: str) -> Response:
    """删除任务，连同上传的文件和结果；未完成的先停下。密钥管理员可凭编号删除任何任务。"""
    await deleted(request, job_id)
    return Response(status_code=204)


async def deleted(request: Request, job_id: str) -> None:
    """Delete a job of the caller, stopped first where it is not done; raises Problem."""
    job = await _own(request, job_id, jobs.deletable_job)
    await run_in_threadpool(dropped, request.app.state.service, job.id)


async def result(request: Request, job_id: str, kind: As = None) -> Response:
    """任务的结果：json、csv、xlsx、parquet；as=marked 是标出问题单元格的 Excel。"""
    service: Service = request.app.state.service
    job, lang = await _own(request, job_id), lang_of(request.scope)
    as_kind = MARKED if kind == MARKED else kind_asked(kind, request)
    folder = await _result_of(service, job)
    if as_kind == MARKED:
        path = folder / f"marked.{lang}.xlsx"
    else:
        path = folder / file_name(as_kind, lang)
    if not path.exists():
        made = await asyncio.shield(
            asyncio.create_task(service.jobs.render(job.id, folder.name, as_kind, lang))
        )
        path = folder / made
    request.state.times = max(1, int(job.result["counts"]["in"]))
    suffix = "xlsx" if as_kind == MARKED else as_kind
    return FileResponse(path, media_type=MEDIA[suffix], headers=_download(suffix, job.id))


async def summary(request: Request, job_id: str) -> Response:
    """一批病例的汇总：病组、类型、科室、盈亏、CMI、时间与费用消耗指数。"""
    service: Service = request.app.state.service
    job, lang = await _own(request, job_id), lang_of(request.scope)
    folder = await _result_of(service, job)
    text = await run_in_threadpool((folder / SUMS).read_text, encoding="utf-8")
    return JSONResponse(summary_dict(json.loads(text), lang))


async def events(request: Request, job_id: str) -> Response:
    """任务的进度（text/event-stream）；断开后带 Last-Event-ID 再来，接着给。"""
    job = await _own(request, job_id)
    service: Service = request.app.state.service
    if service.streams >= MOST_STREAMS:
        raise Problem(
            503,
            "streams",
            both("进度连接过多", "too many streams of progress"),
            both("改用 GET /v1/jobs/{id}", "ask GET /v1/jobs/{id} instead"),
            headers={"Retry-After": "10"},
        )
    last = request.headers.get("last-event-id", "")
    last = last if _FROM.fullmatch(last) else ""
    return StreamingResponse(
        _events(service, job, last, lang_of(request.scope), partial(service.still_in, request)),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _events(
    service: Service, job: Job, last: str, lang: str, still_in: Callable[[], bool]
) -> AsyncIterator[str]:
    """Yield a line for each step that the caller has not seen, while the door is open to it."""
    loop = asyncio.get_running_loop()
    until = loop.time() + STREAM_SECONDS
    service.streams += 1
    found: Job | None = job
    quiet = 0
    try:
        yield "retry: 1000\n\n"
        while True:
            if found is None:
                yield f"event: {WITHDRAWN}\ndata: {{}}\n\n"
                return
            own = f"{found.state}-{found.done}"
            if own != last:
                told = json.dumps(job_dict(found, service, lang), ensure_ascii=False)
                yield f"id: {own}\nevent: {found.state}\ndata: {told}\n\n"
                last, quiet = own, 0
            if found.state in ENDED or loop.time() > until:
                return
            await asyncio.sleep(0.25 if quiet < 20 else 1.0)
            quiet += 1
            if quiet % 10 == 0:
                yield ": still there\n\n"
            if not await run_in_threadpool(still_in):
                return
            found = await run_in_threadpool(jobs.find_job, service.store, job.id)
    finally:
        service.streams -= 1


async def _own(
    request: Request,
    job_id: str,
    find: Callable[[Store, str, Caller], Job | None] = jobs.own_job,
) -> Job:
    """Return a job of the caller; what is another's is not there. Raises Problem."""
    store = request.app.state.service.store
    job = None
    if uploads.ID.fullmatch(job_id):
        request.state.subject = job_id
        job = await run_in_threadpool(find, store, job_id, request.state.caller)
    if job is None:
        raise not_there(
            both("没有这个任务，或其结果已过期删除", "there is no such job, or no longer")
        )
    return job


async def _result_of(service: Service, job: Job) -> Path:
    if job.state in (FAILED, WITHDRAWN):
        raise job_problem(job)
    if job.state != DONE:
        raise Problem(
            409,
            "not_done",
            both("任务尚未完成", "the job is not done yet"),
            both("看 /v1/jobs/{id} 的进度", "see /v1/jobs/{id} for how far it is"),
            headers={"Retry-After": "2"},
        )
    return result_folder(service, job)


def result_folder(service: Service, job: Job) -> Path:
    """Return where the files of a job's result lie; raises Problem where they are there no more."""
    own = uploads.folder_of(service.settings.uploads, job.id)
    folder = own / Path(str(job.result["folder"])).name
    if not (folder / SUMS).exists():
        raise gone()
    return folder


def job_problem(job: Job) -> Problem:
    """Return why a job has no result."""
    if job.state == WITHDRAWN:
        return Problem(410, "withdrawn", both("任务已撤回", "the job was withdrawn"))
    told = job.result.get("problem")
    if told == jobs.TOO_OFTEN:
        return Problem(
            422,
            "too_often_begun",
            both(
                "处理这个文件时进程几次中断", "the process broke off several times over this file"
            ),
            both("分成几个文件再试，或告诉管理员", "split the file, or tell who runs the service"),
        )
    return problem_of(told)


def job_dict(job: Job, service: Service, lang: str) -> dict[str, Any]:
    """Return a job as it is told."""
    base = f"/v1/jobs/{job.id}"
    links = {"self": base, "events": f"{base}/events"}
    if job.state == DONE:
        links |= {"result": f"{base}/result", "summary": f"{base}/summary"}
    kept = None if job.ended_at is None else job.ended_at + service.settings.keep_days * 86_400
    problem = None
    if job.state == FAILED:
        problem = job_problem(job).as_dict(lang, base)
    return {
        "id": job.id,
        "state": job.state,
        "name": str(job.asked.get("name", "")),
        "made_at": job.made_at,
        "ended_at": job.ended_at,
        "kept_until": kept,
        "bytes": job.size,
        "done": job.done,
        "total": job.total,
        "counts": job.result.get("counts"),
        "problem": problem,
        "links": links,
    }


def summary_dict(sums: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Return sums with the words of their codes, and what each indicator is."""
    reasons = {**GROUPING_REASONS, **{name: r.message for name, r in QUARANTINED.items()}}

    def worded(key: str, column: str, words: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {**row, "name": in_language(words[row[column]], lang) if row[column] in words else ""}
            for row in sums[key]
        ]

    indicators = [
        {
            **own,
            "name": in_language(INDICATORS[own["indicator"]][0], lang),
            "meaning": in_language(INDICATORS[own["indicator"]][1], lang),
        }
        for own in sums.get("indicators", ())
    ]
    return {
        "total": sums["total"],
        "statuses": worded("statuses", "status", STATUSES),
        "quarantined": worded("quarantined", "reason", reasons),
        "unpriced": worded("unpriced", "reason", UNPRICED),
        "classes": worded("classes", "case_class", CASE_CLASSES),
        "departments": sums["departments"],
        "groups": sums["groups"],
        "indicators": indicators,
    }


def kind_asked(given: str | None, request: Request) -> str:
    """Return the format that is asked for: `as` of the address, else Accept; raises Problem."""
    if given is not None:
        if given not in FORMATS:
            raise Problem(
                422,
                "invalid",
                both("没有这种格式", "there is no such format"),
                both(f"as 须为 {'、'.join(FORMATS)}", f"`as` is one of {', '.join(FORMATS)}"),
            )
        return given
    accepted = request.headers.get("accept", "") or "*/*"
    for part in accepted.lower().split(","):
        name = part.partition(";")[0].strip()
        if name in _ALSO:
            return _ALSO[name]
        for kind, media in MEDIA.items():
            if name == media:
                return kind
    raise Problem(
        406,
        "not_acceptable",
        both("没有 Accept 所要的格式", "none of the formats of Accept"),
        both(f"可用：{'、'.join(MEDIA.values())}", f"there is {', '.join(MEDIA.values())}"),
    )


def seconds_asked(request: Request, usual: float) -> float:
    """Return for how long an answer is waited for: Prefer (RFC 7240), 0 for a job at once."""
    found = _PREFER.search(request.headers.get("prefer", "").lower())
    if found is None:
        return usual
    return 0.0 if found[1] is None else min(float(found[1]), max(usual, 60.0))


def plain_name(name: str | None) -> str:
    """Return what an upload is called by its sender, for show alone: one line, no signs of control.

    >>> plain_name("../a\\x00\\n病例.csv")
    '../a病例.csv'
    """
    return "".join(c for c in name or "" if c.isprintable())[:120]


def _download(kind: str, job_id: str) -> dict[str, str]:
    if kind == "json":
        return {}
    return {"Content-Disposition": f'attachment; filename="preview-{job_id[:8]}.{kind}"'}


_BINARY = {"schema": {"type": "string", "format": "binary"}}
_COLUMNS = "、".join(PREVIEW_COLUMNS)
_TAKEN = {
    "application/json": {
        "schema": {"type": "array", "items": {"type": "object"}},
        "example": [
            {"case_id": "1", "sex": "M", "age_years": 61, "diagnoses": ["I63.900"],
             "los_days": 9, "total_cost": "14800.00", "pool": "310"}
        ],
    },
    **{media: _BINARY for kind, media in MEDIA.items() if kind != "json"},
    "application/zip": _BINARY,
}  # fmt: skip
_FILES = {media: _BINARY for kind, media in MEDIA.items() if kind != "json"}
_ANSWERS: dict[int | str, Any] = {
    200: {
        "description": f"结果；CSV 与 Parquet 的列：{_COLUMNS}",
        "content": {"application/json": {"schema": {"type": "object"}}, **_FILES},
    },
    202: {"model": JobOut, "description": "已受理为任务，Location 指出它"},
}
_RESULT: dict[int | str, Any] = {200: _ANSWERS[200]}
ROWS = (
    Row(
        method="POST", path="/v1/preview/batch", call=batch, roles=READERS, body=4096 * MIB,
        seconds=1_800, rate="batch", audit="batch",
        told={"responses": _ANSWERS,
              "openapi_extra": {"requestBody": {"required": True, "content": _TAKEN}}},
    ),
    Row(method="GET", path="/v1/jobs", call=list_own, roles=READERS),
    Row(method="GET", path="/v1/jobs/{job_id}", call=one, roles=READERS),
    Row(method="DELETE", path="/v1/jobs/{job_id}", call=delete, roles=READERS | ADMINISTRATOR,
        audit="delete job", told={"status_code": 204}),
    Row(method="GET", path="/v1/jobs/{job_id}/events", call=events, roles=READERS,
        told={"responses": {200: {"content": {"text/event-stream": {}}}}}),
    Row(method="GET", path="/v1/jobs/{job_id}/result", call=result, roles=READERS,
        audit="export job", noted_first=True, told={"responses": _RESULT}),
    Row(method="GET", path="/v1/jobs/{job_id}/summary", call=summary, roles=READERS),
)  # fmt: skip

"""Uploads: bodies streamed to disk under names of our own, and what kind of file each is.

Each upload has a folder that only the service may enter, named by the job's id; nothing that the
sender says of its file becomes part of a path.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from drgpay.cases.excel_safety import OLE, ZIP
from drgpay.ground.errors import both
from drgpay.ground.outputs import NO_ROOM
from drgpay.service.problems import Problem
from drgpay.service.rows import MIB

GRACE_SECONDS, SLOWEST = 20.0, 16 * 1024  # behind the grace, bytes a second on the average
SPARE = 64 * MIB  # of the disk, that no upload takes
AT_ONCE = MIB
HEAD = 64 * 1024
MOST_COLUMNS, LONGEST_HEADER, LONGEST_FOOTER = 4_000, 512 * 1024, 64 * MIB
ID = re.compile(r"[0-9a-f]{24}")
CSV, XLSX, XLS, PARQUET, ARROW, JSON, LISTS, LINES, ZIPPED = (
    "csv", "xlsx", "xls", "parquet", "arrow", "json", "lists", "lines", "zip",
)  # fmt: skip
# by kind: the ending that the readers know it by
ENDINGS: Mapping[str, str] = {
    CSV: ".csv", XLSX: ".xlsx", XLS: ".xls", PARQUET: ".parquet", ARROW: ".arrow",
    JSON: ".casejson", LISTS: ".json", LINES: ".jsonl", ZIPPED: ".zip",
}  # fmt: skip
_JSON_KINDS = (JSON, LISTS, LINES)
# what a sender may call each kind; others leave it to the content
_DECLARED: Mapping[str, tuple[str, ...]] = {
    "application/json": _JSON_KINDS,
    "application/jsonl": _JSON_KINDS,
    "application/x-ndjson": _JSON_KINDS,
    "application/ndjson": _JSON_KINDS,
    "text/csv": (CSV,),
    "text/tab-separated-values": (CSV,),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (XLSX,),
    # browsers call a CSV file so where Excel opens it
    "application/vnd.ms-excel": (XLS, XLSX, CSV),
    "application/vnd.apache.parquet": (PARQUET,),
    "application/x-parquet": (PARQUET,),
    "application/vnd.apache.arrow.file": (ARROW,),
    "application/zip": (ZIPPED,),
    "application/x-zip-compressed": (ZIPPED,),
}
_ANYTHING = ("", "application/octet-stream", "text/plain", "application/x-www-form-urlencoded")
_OURS = re.compile(rb'"(?:diagnoses|diagnosis_1)"\s*:')


def folder_of(uploads: Path, job_id: str) -> Path:
    """Return the folder of a job; raises ValueError for what is no id."""
    if not ID.fullmatch(job_id):
        raise ValueError(job_id)
    return uploads / job_id


def drop(uploads: Path, job_id: str) -> None:
    """Delete what lies in the folder of a job, if anything does."""
    shutil.rmtree(folder_of(uploads, job_id), ignore_errors=True)


async def receive(request: Request, uploads: Path, job_id: str, most: int) -> tuple[Path, int]:
    """Stream the body of a request to disk; return the file and its bytes.

    It is on the disk when this returns. Raises Problem: 400 empty or broken off, 408 too slow, 413
    too large, 415 not the kind that was declared, 507 no room. What was written is gone then.
    """
    declared = request.headers.get("content-length", "")
    refuse_without_room(uploads, int(declared) if declared.isdigit() else 0)
    folder = folder_of(uploads, job_id)
    try:
        await run_in_threadpool(folder.mkdir, 0o700)
        part = folder / "upload.part"
        size = await _written(request, part, most)
        kind = await run_in_threadpool(kind_of, part)
        refuse_other_kind(request.headers.get("content-type", ""), kind)
        await run_in_threadpool(refuse_wide, part, kind)
        path = folder / f"cases{ENDINGS[kind]}"
        await run_in_threadpool(part.replace, path)
    except OSError as error:
        await run_in_threadpool(drop, uploads, job_id)
        if error.errno in NO_ROOM:
            raise no_room() from None
        raise
    except BaseException:
        await run_in_threadpool(drop, uploads, job_id)
        raise
    return path, size


async def _written(request: Request, path: Path, most: int) -> int:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    size = 0
    with open(number, "wb", buffering=0) as file:
        try:
            async for block in _blocks(request):
                size += len(block)
                if size > most:
                    raise too_many_bytes(most)
                await run_in_threadpool(_write_all, number, block)
        except ClientDisconnect:
            raise Problem(400, "broken_off", both("上传中断", "the upload broke off")) from None
        await run_in_threadpool(os.fsync, file.fileno())
    if not size:
        raise Problem(
            400,
            "empty",
            both("内容为空", "the body is empty"),
            both("把文件作为请求内容发送", "send the file as the body of the request"),
        )
    return size


def _write_all(number: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(number, view) :]


async def _blocks(request: Request) -> AsyncIterator[bytes]:
    """Yield a body in larger blocks; raises Problem when it comes slower than is allowed."""
    started, size = time.monotonic(), 0
    waiting, held = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        seconds = time.monotonic() - started - GRACE_SECONDS
        if seconds > 0 and size < seconds * SLOWEST:
            raise Problem(
                408,
                "too_slow",
                both("上传过慢", "the upload is too slow"),
                both(f"平均每秒至少 {SLOWEST:,} 字节", f"at least {SLOWEST:,} bytes a second"),
                headers={"Connection": "close"},
            )
        waiting.append(chunk)
        held += len(chunk)
        if held >= AT_ONCE:
            yield b"".join(waiting)
            waiting, held = [], 0
    if held:
        yield b"".join(waiting)


def kind_of(path: Path) -> str:
    """Return what kind of file its content says that it is."""
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if head.startswith(b"PAR1"):
        return PARQUET
    if head.startswith(b"ARROW1"):
        return ARROW
    if head.startswith(OLE):
        return XLS
    if head.startswith(ZIP[:2]):
        return XLSX if _is_workbook(path) else ZIPPED
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"[" or (text[:1] == b"{" and b'"' in text[:200]):
        if _OURS.search(text):
            return JSON
        first = text.partition(b"\n")[0].rstrip()
        one_a_line = text[:1] == b"{" and first.endswith(b"}") and b"\n{" in text
        return LINES if one_a_line else LISTS
    return CSV


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return "[Content_Types].xml" in file.NameToInfo
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return False


def refuse_other_kind(declared: str, kind: str) -> None:
    """Fail if a file is not of the kind that its sender says; raises Problem."""
    name = declared.partition(";")[0].strip().lower()
    if name in _ANYTHING:
        return
    kinds = _DECLARED.get(name)
    if kinds is None:
        raise Problem(
            415,
            "kind_unknown",
            both("不接受这种文件", "this kind of file is not taken"),
            both(
                "JSON、CSV、Excel、Parquet，或结算清单",
                "JSON, CSV, Excel, Parquet, or settlement lists",
            ),
        )
    if kind not in kinds:
        raise Problem(
            415,
            "kind_differs",
            both("内容与 Content-Type 不符", "the content is not what Content-Type says"),
            both(f"内容像是 {kind}", f"the content looks like {kind}"),
        )


def refuse_wide(path: Path, kind: str) -> None:
    """Fail if a table has more columns than any of cases, before they are all looked at."""
    with open(path, "rb") as file:
        if kind == CSV:
            first = file.read(LONGEST_HEADER).partition(b"\n")[0]
            wide = len(first) == LONGEST_HEADER or max(map(first.count, b",;\t|")) > MOST_COLUMNS
        elif kind == PARQUET:
            file.seek(max(0, path.stat().st_size - 8))
            wide = int.from_bytes(file.read(4), "little") > LONGEST_FOOTER
        else:
            return
    if wide:
        raise Problem(
            422,
            "too_wide",
            both("列过多", "too many columns"),
            both(f"最多 {MOST_COLUMNS:,} 列", f"at most {MOST_COLUMNS:,} columns"),
        )


def refuse_without_room(uploads: Path, size: int) -> None:
    """Fail early if the disk has no room for an upload; raises Problem."""
    if shutil.disk_usage(uploads).free < size + SPARE:
        raise no_room()


def no_room() -> Problem:
    """The disk of the uploads is full."""
    return Problem(
        507,
        "no_room",
        both("服务器磁盘空间不足，没有接收", "the disk of the service is full: nothing was taken"),
        both("稍后重试，并告诉管理员", "try again later, and tell who runs the service"),
        headers={"Retry-After": "600", "Connection": "close"},
    )


def too_many_bytes(most: int) -> Problem:
    """The upload is longer than the service takes."""
    return Problem(
        413,
        "too_large",
        both("文件过大", "the file is too large"),
        both(f"最多 {most:,} 字节；分成几个文件", f"at most {most:,} bytes; split the file"),
        headers={"Connection": "close"},
    )

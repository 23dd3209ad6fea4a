"""What a job does: read, group, price, add up, write; in whatever process it runs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drgpay.cases import case_json
from drgpay.cases.case_json import open_case_json
from drgpay.cases.pieces import Source
from drgpay.ground.errors import both, in_language
from drgpay.report.preview_files import FORMATS, write_preview
from drgpay.runs.priced import WANTED, Pricing, price_cases
from drgpay.runs.priced_sums import Norms, sums_of
from drgpay.runs.pricing import Pricer
from drgpay.service.desk import PROMISE, Board, Desk
from drgpay.service.problems import Problem
from drgpay.service.roles import Caller, Role

RESULT, ABOUT, SUMS = "result.parquet", "about.json", "summary.json"
LEAST_HOSPITALS = 5  # from which on a hospital is shown what others are like together
OWN_JSON = ".casejson"
MARKED = "marked"  # the upload as a workbook, faulty cells marked


class Withdrawn(Exception):
    """The job is not to be gone on with."""


def upload_of(folder: Path) -> Path:
    """Return the uploaded file of a job; raises Problem where there is none any more."""
    for path in sorted(folder.glob("cases.*")):
        return path
    raise gone()


def gone() -> Problem:
    """What was uploaded, or what came of it, is no longer on the disk of the service."""
    return Problem(
        410,
        "gone",
        both("上传的文件或结果已不在服务器上", "the upload or its result is no longer on the disk"),
        both("请重新上传", "please upload it again"),
    )


def too_many_cases(most: int) -> Problem:
    """The upload has more cases than the service takes at once."""
    return Problem(
        413,
        "too_many_cases",
        both("病例过多", "too many cases"),
        both(f"最多 {most:,} 例；分成几个文件", f"at most {most:,} cases; split the file"),
    )


def work(
    desk: Desk,
    folder: Path,
    out: Path,
    caller: Caller,
    asked: Mapping[str, Any],
    *,
    most: int,
    progress: Callable[[int, int | None], None],
) -> dict[str, Any]:
    """Preview the cases of an upload into the folder `out`; return what is told of it.

    `progress` gets the cases done and their number, None where that is not known, and may raise
    Withdrawn. Raises Problem and InputError for a file that cannot be used.
    """
    began = time.process_time()
    board, lang = desk.board, str(asked.get("lang", "zh"))
    scheme = asked.get("scheme") or None
    grouper = desk.grouper(scheme) if scheme else board.grouper
    pricing = None
    if board.pricer is not None and not scheme:
        own = caller.hospital if caller.role is Role.HOSPITAL else ""
        values = {pool: value.yuan for pool, value in board.values.items()}
        pricing = Pricing(board.pricer, values, own)
    done = price_cases(
        _source(upload_of(folder)), grouper, pricing, progress=_counted(most, progress)
    )
    table = done.table
    sums = sums_of(table, _norms(board, caller))
    about = _about(board, done, pricing is not None, scheme, lang)
    out.mkdir(mode=0o700)
    pq.write_table(table, out / RESULT, compression="zstd")
    _write(out / ABOUT, about)
    _write(out / SUMS, sums)
    kind = str(asked.get("as", "json"))
    if kind in FORMATS and kind != "parquet":
        write_preview(table, about, sums, out / file_name(kind, lang), kind, lang)
    for path in (*out.iterdir(), out):
        _to_disk(path)
    return {
        "folder": out.name,
        "counts": about["counts"],
        "cpu_seconds": round(time.process_time() - began, 2),
    }


def file_name(kind: str, lang: str) -> str:
    """Return the name of a result's file; those for programs are of no language."""
    return (
        RESULT if kind == "parquet" else "result.csv" if kind == "csv" else f"result.{lang}.{kind}"
    )


def render(folder: Path, kind: str, lang: str) -> Path:
    """Return a result in a format, made when it is asked for the first time."""
    path = folder / file_name(kind, lang)
    if path.exists():
        return path
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    sums = json.loads((folder / SUMS).read_text(encoding="utf-8"))
    part = folder / f"{path.name}.{os.getpid()}.part"
    try:
        write_preview(pq.read_table(folder / RESULT), about, sums, part, kind, lang)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def mark(desk: Desk, folder: Path, out: Path, lang: str, name: str) -> Path:
    """Return the upload as a workbook with its faulty cells marked, made on the first asking.

    `name`: what the sender calls the upload; where it lies here is nobody's affair. Raises Problem for an upload that has no cells.
    """
    from drgpay.grouper.check import check_cases
    from drgpay.report.check_excel import ALL_ROWS_UP_TO, write_excel

    path = out / f"marked.{lang}.xlsx"
    if path.exists():
        return path
    upload = upload_of(folder)
    if upload.suffix == OWN_JSON:
        raise Problem(
            422,
            "no_cells",
            both("JSON 没有单元格可标", "JSON has no cells to mark"),
            both("as=json 中的 quarantined 列出问题", "see `quarantined` of as=json"),
        )
    checked = check_cases(
        upload, desk.board.grouper, purpose="grouping", lang=lang, keep_rows=ALL_ROWS_UP_TO
    )
    checked = replace(checked, files=(name or upload.name,))
    part = out / f"{path.name}.{os.getpid()}.part.xlsx"
    try:
        write_excel(checked, part, lang)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _source(path: Path) -> Source | Path:
    return open_case_json(path, WANTED) if path.suffix == OWN_JSON else path


def _counted(
    most: int, progress: Callable[[int, int | None], None]
) -> Callable[[int | None], Callable[[int], None]]:
    """Return a progress that refuses more cases than allowed."""

    def begin(total: int | None) -> Callable[[int], None]:
        if total is not None and total > most:
            raise too_many_cases(most)
        done = 0

        def step(number: int) -> None:
            nonlocal done
            done += number
            if done > most:
                raise too_many_cases(most)
            progress(done, total)

        progress(0, total)
        return step

    return begin


@lru_cache(maxsize=2)
def _norms_of(pricer: Pricer, least: int) -> Norms:
    return Norms.of(pricer, least)


def _norms(board: Board, caller: Caller) -> Norms | None:
    if board.pricer is None:
        return None
    return _norms_of(board.pricer, LEAST_HOSPITALS if caller.role is Role.HOSPITAL else 1)


def _about(board: Board, done: Any, priced: bool, scheme: str | None, lang: str) -> dict[str, Any]:
    """Return what is told beside the cases."""
    warnings = [in_language(text, lang) for text in (*done.codes.first(), *done.warnings)]
    notes = [{"code": "reading", "text": text} for text in warnings]
    counts = done.counts.as_dict()
    if not counts["in"]:
        text = both("文件中没有读到一个病例", "not one case was found in the file")
        notes.insert(0, {"code": "no_cases", "text": in_language(text, lang)})
    if board.pricer is None:
        text = both(
            "经办机构尚未发布清算结果，没有点数和金额",
            "no result is published yet: no points and no payment",
        )
        notes.insert(0, {"code": "nothing_published", "text": in_language(text, lang)})
    elif scheme:
        text = both(
            f"点数以 {board.pricer.scheme_name} 的基准点数为准，按 {scheme} 分组没有点数",
            f"base points are those of {board.pricer.scheme_name}: none by {scheme}",
        )
        notes.insert(0, {"code": "other_scheme", "text": in_language(text, lang)})
    return {
        "counts": counts,
        "notes": notes,
        "point_values": {
            pool: {
                "fraction": f"{value.yuan.numerator}/{value.yuan.denominator}",
                "run": value.run.id,
                "period": value.run.period,
                "provisional": value.provisional,
            }
            for pool, value in board.values.items()
        }
        if priced
        else {},
        "versions": {**board.versions, "scheme": {"id": done.scheme}},
        "unverified": board.unverified if priced else [],
        "promise": in_language(PROMISE, lang),
    }


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def warm_up(desk: Desk) -> None:
    """Compile what a job goes through."""
    case_json.warm_up()
    board = desk.board
    one = pa.table(
        {
            "case_id": ["1"], "sex": ["M"], "age_years": ["60"], "diagnoses": [["I63.900"]],
            "procedures": [["00.1100"]], "total_cost": ["100.00"], "los_days": ["3"],
        }
    )  # fmt: skip
    values = {pool: value.yuan for pool, value in board.values.items()}
    pricing = None if board.pricer is None else Pricing(board.pricer, values)
    sums_of(price_cases(one, board.grouper, pricing, threads=1).table, None)

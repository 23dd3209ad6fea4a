"""批量: a file of cases, how far it is, and what its cases come to. Built on the API of batches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drgpay.ground.errors import Bilingual, both, in_language
from drgpay.ground.languages import choose, choosing
from drgpay.ground.money import divide_rounded
from drgpay.ground.times import moment
from drgpay.names.codes import STATUSES
from drgpay.names.columns import BY_NAME, both_names
from drgpay.names.reasons import QUARANTINED
from drgpay.report.amounts import percent, ten_thousand_yuan, yuan
from drgpay.service import batch, jobs
from drgpay.service.batch_work import ABOUT, RESULT, SUMS
from drgpay.service.jobs import DONE, FAILED, RUNNING, WAITING, WITHDRAWN, Job
from drgpay.service.pages import results
from drgpay.service.pages.charts import Series, chart, lengths
from drgpay.service.pages.shell import page
from drgpay.service.problems import lang_of, not_there
from drgpay.service.roles import READERS
from drgpay.service.rows import KIB, Row
from drgpay.service.service import Service

MOST_FAULTS = 200  # faulty rows shown; the workbook has all
MOST_ROWS = 15  # groups and departments shown at first
STATES: dict[str, Bilingual] = {
    WAITING: both("排队中", "waiting"),
    RUNNING: both("处理中", "under way"),
    DONE: both("已完成", "done"),
    FAILED: both("未成功", "failed"),
    WITHDRAWN: both("已撤回", "withdrawn"),
}
USUAL = (  # columns that the page names; all are in docs/cases.md
    "case_id", "hospital_id", "pool", "sex", "age_years", "admission_date", "discharge_date",
    "diagnoses", "procedures", "total_cost", "pool_fund", "department",
)  # fmt: skip
_NO_CLASS = both("没有点数", "no points")
_SCRIPTS = ["vendor/echarts.js", "charts.js", "batch.js"]


async def start(request: Request) -> Response:
    """Show where a file is dropped, and the caller's jobs."""
    service: Service = request.app.state.service
    lang = lang_of(request.scope)
    found = await run_in_threadpool(jobs.list_jobs, service.store, request.state.caller)
    return page(
        request, "batch.html.j2", scripts=["batch.js"], columns=[BY_NAME[name] for name in USUAL], jobs=[_line(job, lang) for job in found],
        most_cases=f"{service.settings.batch_cases:,}",
        most_bytes=f"{service.settings.upload_bytes // (1024 * 1024):,}",
    )  # fmt: skip


def _line(job: Job, lang: str) -> dict[str, Any]:
    """Return a job as a line of the list."""
    counts = job.result.get("counts") or {}
    return {
        "id": job.id,
        "name": str(job.asked.get("name", "")) or job.id[:8],
        "state": job.state,
        "word": STATES[job.state].of(lang),
        "at": moment(job.made_at),
        "cases": f"{int(counts['in']):,}" if counts else "",
    }


async def show(request: Request, job_id: str) -> Response:
    """Show a job: how far it is, why it failed, or what came of it."""
    service: Service = request.app.state.service
    lang = lang_of(request.scope)
    job = await run_in_threadpool(_own, service, job_id, request)
    request.state.subject = job.id
    values: dict[str, Any] = {"job": _line(job, lang), "scripts": _SCRIPTS, "problem": None}
    if job.state == FAILED:
        told = batch.job_problem(job).as_dict(lang)
        values["problem"] = {"detail": "", "errors": [], "request_id": job.id, **told}
    if job.state == DONE:
        values |= await run_in_threadpool(_result, service, job, lang)
    return page(request, "batch_job.html.j2", **values)


async def delete(request: Request, job_id: str) -> Response:
    """Delete a job with its files, and show those that are left."""
    await batch.deleted(request, job_id)
    return RedirectResponse("/batch", 303)


def _own(service: Service, job_id: str, request: Request) -> Job:
    found = jobs.own_job(service.store, job_id, request.state.caller)
    if found is None:
        raise not_there(
            both("没有这个任务，或其结果已过期删除", "there is no such job, or no longer")
        )
    return found


def _result(service: Service, job: Job, lang: str) -> dict[str, Any]:
    """Return what a finished job's page shows."""
    folder = batch.result_folder(service, job)
    sums = batch.summary_dict(json.loads((folder / SUMS).read_text(encoding="utf-8")), lang)
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    total = sums["total"]
    priced = int(total["priced"]) > 0
    return {
        "promise": about["promise"],
        "basis": _basis(about, lang),
        "priced": priced,
        "total": _sums(total),
        "counts": {name: f"{int(number):,}" for name, number in job.result["counts"].items()},
        "count_words": COUNT_WORDS,
        "statuses": [_counted(row, total["cases"]) for row in sums["statuses"]],
        "unpriced": [_counted(row, total["cases"]) for row in sums["unpriced"]],
        "classes": [
            {"code": "", "name": row["name"] or in_language(_NO_CLASS, lang), **_sums(row)}
            for row in sums["classes"]
        ],
        "indicators": sums["indicators"],
        "groups": _tables(sums["groups"]),
        "departments": _tables(sums["departments"]),
        "charts": _charts(sums, lang) if priced else {},
        **_faults(folder, lang),
    }


def _basis(about: dict[str, Any], lang: str) -> dict[str, Any]:
    """Return what the previews of a job rest on."""
    versions = about["versions"]
    run, policy = versions["run"] or {}, versions["policy"] or {}
    return {
        "engine": versions["engine"],
        "scheme": versions["scheme"]["id"],
        "policy": policy.get("id", ""),
        "digest": str(run.get("digest", ""))[:12],
        "published": run.get("period", ""),
        "values": [
            {
                "pool": pool,
                "value": results.point_value_text(Fraction(own["fraction"])),
                "period": own["period"],
                "provisional": own["provisional"],
            }
            for pool, own in about["point_values"].items()
        ],
        "unverified": results.parameter_names(about["unverified"], lang),
    }


COUNT_WORDS: dict[str, Bilingual] = {"in": both("读入", "Read"), **STATUSES}


def _counted(row: dict[str, Any], cases: int) -> dict[str, str]:
    return {
        "name": row["name"] or "—",
        "cases": f"{row['cases']:,}",
        "share": percent(row["cases"], cases),
    }


def _sums(row: dict[str, Any]) -> dict[str, str]:
    """Return sums as texts."""
    over, priced = int(row["over_cost_fen"]), int(row["priced"])
    return {
        "cases": f"{row['cases']:,}",
        "points": _points(str(row["points"])),
        "paid": yuan(int(row["expected_fen"])),
        "cost": yuan(int(row["cost_fen"])),
        "over": yuan(over, signed=True),
        "over_short": ten_thousand_yuan(over, signed=True),
        "sign": "gain" if over > 0 else "loss" if over < 0 else "",
        "ratio": percent(int(row["expected_fen"]), int(row["cost_fen"])),
        "each": yuan(divide_rounded(over, priced), signed=True) if priced else "—",
        "gaining": f"{row['gaining']:,}",
        "losing": f"{row['losing']:,}",
        "held": f"{row['held']:,}" if row.get("held") else "",
        "held_cost": yuan(int(row.get("held_cost_fen") or 0)),
    }


def _points(text: str) -> str:
    whole, _, part = text.partition(".")
    return f"{int(whole):,}.{part or '0000'}"


def _tables(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return rows by their loss, largest first; the first ones, and the rest behind a click."""
    made = [
        {
            "code": row.get("drg", ""),
            "name": row.get("drg_name") or row.get("department") or "—",
            **_sums(row),
        }
        for row in rows
    ]
    return {"first": made[:MOST_ROWS], "rest": made[MOST_ROWS:], "number": f"{len(made):,}"}


def _charts(sums: dict[str, Any], lang: str) -> dict[str, str]:
    """Return the charts of gains and losses by group and by department."""
    t = choosing(lang)
    made = {}
    for name, label in (
        ("groups", t("结余与亏损最大的病组", "groups with the largest gains and losses")),
        ("departments", t("结余与亏损最大的科室", "departments with the largest gains and losses")),
    ):
        rows = [row for row in sums[name] if int(row["priced"])]
        shown = rows if len(rows) <= 12 else [*rows[:6], *rows[-6:]]
        if not shown:
            continue
        fen = [int(row["over_cost_fen"]) for row in shown]
        names = [
            f"{row['drg']} {row['drg_name']}" if "drg" in row else row["department"] or "—"
            for row in shown
        ]
        texts = [f"{yuan(one, signed=True)} {t('元', 'yuan')}" for one in fen]
        own = Series(name=t("支付减费用", "payment less cost"), values=lengths(fen), texts=texts)
        made[name] = chart("sides", names, [own], label=label, unit=t("万元", "10,000 yuan"))
    return made


def _faults(folder: Path, lang: str) -> dict[str, Any]:
    """Return the quarantined rows: where, what, why, and what to do."""
    table = pq.read_table(
        folder / RESULT,
        columns=["row", "case_id", "status", "reason", "fault_column", "fault_value"],
    )
    bad = table.filter(pc.equal(pc.cast(table["status"], "string"), "quarantined"))
    rows = []
    for row in bad.slice(0, MOST_FAULTS).to_pylist():
        reason = QUARANTINED.get(row["reason"])
        rows.append(
            {
                "row": row["row"],
                "case": row["case_id"] or "—",
                "column": _column(row["fault_column"] or "", lang),
                "value": row["fault_value"] or "",
                "why": in_language(reason.message, lang) if reason else row["reason"],
                "remedy": in_language(reason.remedy, lang) if reason else "",
            }
        )
    return {"faults": rows, "faults_all": f"{len(bad):,}", "more_faults": len(bad) > len(rows)}


def _column(name: str, lang: str) -> str:
    return choose(lang, both_names(name), name) if name else ""


ROWS = (
    Row(method="GET", path="/batch", call=start, roles=READERS, page=True),
    Row(method="GET", path="/batch/{job_id}", call=show, roles=READERS, page=True,
        audit="see job"),
    Row(method="POST", path="/batch/{job_id}/delete", call=delete, roles=READERS, page=True,
        body=KIB, audit="delete job"),
)  # fmt: skip

"""Runs of a folder as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from drgpay.ground.errors import Bilingual, in_language, located
from drgpay.ground.languages import is_chinese
from drgpay.runs.records import RunInfo

from .amounts import yuan


def run_lines(
    runs: Sequence[RunInfo],
    strange: Sequence[Path],
    lang: str = "zh",
    *,
    verified: bool = False,
    others: Mapping[Path, Mapping[str, Bilingual]] = MappingProxyType({}),
) -> Iterator[str]:
    """Yield a head line and three or four lines for each run.

    `others`: what changed in results that are no runs (letters, signals, trials), by folder.
    """
    zh = is_chinese(lang)
    yield f"清算结果 {len(runs)} 个" if zh else f"{len(runs)} runs"
    for run in runs:
        yield ""
        yield _title(run, zh)
        values = ("；" if zh else "; ").join(
            f"{pool} {value or '—'}" for pool, value in run.point_values
        )
        if zh:
            due = "累计实付" if run.kind == "month" else "应付合计"
            name = "暂定点值" if run.kind == "month" else "点值"
            yield f"  {name} {values}（元/点）；{due} {yuan(run.due_fen)} 元"
            yield f"  政策 {run.policy}，分组方案 {run.scheme}，drgpay {run.drgpay_version}，摘要码 {run.digest[:12]}"
        else:
            due = "paid so far" if run.kind == "month" else "due"
            name = "provisional values" if run.kind == "month" else "point values"
            yield f"  {name} {values} (yuan); {due} {yuan(run.due_fen)} yuan"
            yield f"  policy {run.policy}, scheme {run.scheme}, drgpay {run.drgpay_version}, digest {run.digest[:12]}"
        if run.reopens:
            yield f"  {_reopens(run, zh)}"
        if run.trial:
            yield ("  【试算】" if zh else "  [TRIAL] ") + "; ".join(run.trial)
        if verified:
            yield from (f"  {line}" for line in _matches(run, zh))
    for folder, changed in others.items():
        yield ""
        told = [located(name, text) for name, text in changed.items()]
        names = ("；" if zh else "; ").join(in_language(text, lang) for text in told)
        if zh:
            yield f"{folder}：{f'文件已不同：{names}' if names else '各文件与写出时一致'}"
        else:
            yield f"{folder}: {f'files differ: {names}' if names else 'files as they were written'}"
    for folder in strange:
        yield ""
        yield f"{folder}：不是清算结果" if zh else f"{folder}: no run"


def _title(run: RunInfo, zh: bool) -> str:
    when = f"{run.year}" if run.kind == "year" else run.month
    if run.kind == "month":
        what = (
            f"月度结算 {run.year if run.month == '1–12' else ''} {when}" if zh else f"month {when}"
        )
        return f"{run.name}  {run.region_name}（{run.region_id}） {' '.join(what.split())}"
    if zh:
        return f"{run.name}  {run.region_name}（{run.region_id}） {when} 年  第 {run.version} 版"
    return f"{run.name}  {run.region_name} ({run.region_id}) {when}  version {run.version}"


def _reopens(run: RunInfo, zh: bool) -> str:
    if run.reopened:
        return f"重开自 {run.reopened}" if zh else f"reopens {run.reopened}"
    digest = run.reopens_digest[:12]
    if zh:
        return f"重开自 {run.reopens}（{digest}），此处没有找到这一结果"
    return f"reopens {run.reopens} ({digest}), which was not found here"


def _matches(run: RunInfo, zh: bool) -> Iterator[str]:
    """Yield a line on the run's tables and one for each region folder of its inputs."""
    if run.changed is None:
        yield "结果的文件：没有摘要码，未核对" if zh else "files: without digests, not checked"
    elif run.changed:
        names = ("、" if zh else ", ").join(run.changed)
        yield (
            f"结果的文件：清算后被改动、已不在或新增：{names}"
            if zh
            else f"files: changed, gone or new: {names}"
        )
    else:
        yield "结果的文件：与写出时一致" if zh else "files: as they were written"
    if run.inputs_match is None:
        yield (
            "输入：没有找到统筹区文件夹，未核对"
            if zh
            else "inputs: no region folder was found, not checked"
        )
    for folder, differing in run.compared:
        place = f"（{folder}）" if zh else f" ({folder})"
        if not differing:
            yield f"输入{place}：与清算时一致" if zh else f"inputs{place}: as they were"
            continue
        joint = "、" if zh else ", "
        other = joint.join(name for name in differing if name in run.inputs)
        added = joint.join(name for name in differing if name not in run.inputs)
        told = [other] if other else []
        told += [f"多出 {added}" if zh else f"added: {added}"] if added else []
        names = ("；" if zh else "; ").join(told)
        yield f"输入{place}：已与清算时不同：{names}" if zh else f"inputs{place}: differ: {names}"

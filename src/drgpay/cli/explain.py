"""`drgpay explain`: why cases are in their groups, and what would have changed them."""

from __future__ import annotations

import datetime as dt
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import (
    PATH,
    codes_option,
    command,
    flag,
    json_option,
    option,
    out_option,
    readings_option,
)
from drgpay.cli.progress import bar
from drgpay.cli.reading import reading_options
from drgpay.cli.start import spare_imports
from drgpay.cli.told import counts_text, note, notes, say, tell
from drgpay.ground.errors import InputError, both
from drgpay.ground.languages import choose
from drgpay.ground.reference import DEFAULT_SCHEME

if TYPE_CHECKING:
    from drgpay.cases.options import ReadOptions
    from drgpay.grouper.explain import Explanation
    from drgpay.grouper.versions import AnyGrouper
    from drgpay.names.readings import Readings
    from drgpay.runs.pricing import Pricer

SEXES = choose(LANG, ["男", "女", "M", "F"], ["M", "F"])


@command(
    "解释一个病例为何进入该组、怎样的事实会入别的组：给出诊断等，或用 --from 文件与 --case 病例号。"
    "用 -o 解释文件中的许多病例。",
    "Explain why a case is in its group and what would have changed it: give its facts, or a "
    "file with --from and --case. With -o, explain many cases of a file.",
    short=(
        "解释一个或许多病例为何进入该组、怎样的事实会入别的组",
        "Explain why cases are in their groups",
    ),
)
@option("--from", "source", "病例文件", "case file", type=PATH)
@option("--case", "case_id", "病例号", "case id")
@option("--sex", "性别", "sex", type=click.Choice(SEXES))
@option("--age", "周岁", "age in years", type=int)
@option("--age-days", "日龄", "age in days", type=click.IntRange(min=0))
@option("--weight", "出生体重（克）", "birth weight in g", type=click.IntRange(min=0))
@option("--los", "住院天数", "length of stay in days", type=click.IntRange(min=0))
@flag("--icu", "重症监护", "intensive care")
@option("--dx", "诊断，主要诊断在前，以|或,分隔", "diagnoses, principal first, by | or ,")
@option(
    "--px",
    "手术操作，主要手术在前",
    "procedures, main one first",
    default="",
    show_default=False,
)
@option(
    "--scheme",
    f"分组方案；默认 {DEFAULT_SCHEME}，有 --run 时为其所用方案",
    f"scheme; default {DEFAULT_SCHEME}, or that of --run",
)
@readings_option
@codes_option
@option(
    "--discharged",
    "出院日期；--scheme 是一族方案时据此取版本。--from 文件中的病例按各自的出院日期",
    "day of discharge: which version, where --scheme is a family; cases of a file (--from) go by "
    "their own",
    type=click.DateTime(["%Y-%m-%d"]),
)
@reading_options
@option(
    "--run",
    "run_dir",
    "清算结果文件夹：列出点数与金额",
    "folder of a settled run: show points and money",
    type=PATH,
)
@json_option
@option("--svg", "把分组路径画成SVG", "draw the path as SVG", type=PATH)
@out_option("解释许多病例，写入此 .parquet 文件", "explain many cases into this .parquet file")
@option(
    "--cases",
    "case_ids",
    "与 -o 同用：病例号，以逗号分隔；默认 all（全部）",
    "with -o: case ids by comma; default all",
)
@option("--workers", "进程数", "processes", type=click.IntRange(1, 64))
def explain(
    source: Path | None,
    case_id: str | None,
    sex: str | None,
    age: int | None,
    age_days: int | None,
    weight: int | None,
    los: int | None,
    icu: bool,
    dx: str | None,
    px: str,
    scheme: str | None,
    readings: Readings,
    codes: str | None,
    discharged: dt.datetime | None,
    reading: ReadOptions,
    run_dir: Path | None,
    as_json: bool,
    svg: Path | None,
    out: Path | None,
    case_ids: str | None,
    workers: int | None,
) -> None:
    """Explain one case, or many."""
    spare_imports()
    sex = {"男": "M", "女": "F"}.get(sex or "", sex)
    given = [sex, age, age_days, weight, los, dx, px or None, icu or None, discharged]
    if source is not None and any(value is not None for value in given):
        raise InputError(
            both(
                "--from 文件中的病例不能再用选项改动",
                "a case of a file (--from) is not changed by options",
            ),
            remedy=both("只用 --from 与 --case，或只用选项", "use --from and --case, or options"),
        )
    if (
        source is None
        and out is None
        and run_dir is None
        and (sex is None or age is None or not dx)
    ):
        raise InputError(
            both("缺少 --sex、--age 或 --dx", "--sex, --age or --dx is missing"),
            remedy=both("或用 --from 文件 --case 病例号", "or use --from FILE --case ID"),
        )
    if source is None and (out is not None or run_dir is not None):
        raise InputError(
            both("缺少 --from：病例所在的文件", "--from is missing: the file of the cases"),
            remedy=both(
                "-o 和 --run 要与 --from 文件同用", "give -o and --run together with --from FILE"
            ),
        )
    pricer = None
    if run_dir is not None:
        from drgpay.runs.pricing import Pricer

        pricer = Pricer(run_dir)
    grouper = _grouper(scheme, readings, codes, pricer)
    if out is not None and source is not None:
        _explain_many(source, out, grouper, case_ids or case_id, pricer, workers, reading)
        return
    if source is not None:
        made = _of_file(source, case_id, grouper, pricer, reading.with_codes(codes))
    else:
        facts = {
            "sex": sex,
            "age_years": age,
            "age_days": age_days,
            "birth_weight_g": weight,
            "los_days": los,
            "icu": icu,
            "diagnoses": _codes(dx or ""),
            "procedures": _codes(px),
        }
        made = _of_facts(grouper, facts, None if discharged is None else discharged.date())
    if svg is not None:
        from drgpay.ground.outputs import whole_file
        from drgpay.report.explain_svg import explanation_svg

        with whole_file(svg) as part:
            part.write_text(explanation_svg(made, LANG), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(made.as_dict(), ensure_ascii=False, indent=1))
    else:
        click.echo(made.text(LANG))


def _grouper(
    scheme: str | None, readings: Readings, codes: str | None, pricer: Pricer | None
) -> AnyGrouper:
    """Return the grouper; with a run that of its scheme, unless another is named."""
    from drgpay.grouper.versions import any_grouper

    if pricer is not None:
        scheme = scheme or pricer.scheme_name
        readings = readings or pricer.readings
    name = scheme or DEFAULT_SCHEME
    found = any_grouper(Path(name) if "/" in name else name, readings, codes)
    if pricer is not None:
        pricer.check_grouper(found)
    return found


def _of_facts(grouper: AnyGrouper, facts: dict[str, Any], day: dt.date | None) -> Explanation:
    """Return the explanation of a case given by options; says what holds with a proviso."""
    from drgpay.grouper.explain import explain as explain_case
    from drgpay.grouper.provisos import is_outside
    from drgpay.grouper.versions import VersionedGrouper

    made = explain_case(grouper, **facts, discharge_date=day)
    if isinstance(grouper, VersionedGrouper) and day is None:
        note(
            both(
                f"没有出院日期，按今日施行的 {made.scheme} 解释；"
                "出院日期用 --discharged，版本用 --scheme 写明",
                f"without a day of discharge, {made.scheme} explains, in force today; "
                "give --discharged, or name a version with --scheme",
            ),
            err=True,
        )
    elif day is not None and is_outside(day, grouper.scheme) and made.scheme == grouper.scheme.id:
        note(
            both(
                f"{day} 不在分组方案 {made.scheme} 的施行期内",
                f"the scheme {made.scheme} was not in force on {day}",
            ),
            err=True,
        )
    return made


def _of_file(
    source: Path,
    case_id: str | None,
    grouper: AnyGrouper,
    pricer: Pricer | None,
    reading: ReadOptions,
) -> Explanation:
    """Return the explanation of a case of a file; says what holds with a proviso."""
    from drgpay.grouper.explain_file import explain_case

    if pricer is not None:
        if case_id is None:
            raise InputError(
                both("缺少 --case 病例号", "--case is missing"),
                remedy=both("--run 要与 --case 同用", "give --case together with --run"),
            )
        pricer.case(case_id)
    made, codes = explain_case(source, case_id, grouper, reading=reading, prices=pricer)
    for text in (*codes.first(), *codes.provisos()):
        note(text, err=True)
    return made


def _explain_many(
    source: Path,
    out: Path,
    grouper: AnyGrouper,
    ids: str | None,
    pricer: Pricer | None,
    workers: int | None,
    reading: ReadOptions,
) -> None:
    from drgpay.ground.threads import default_threads
    from drgpay.grouper.explain_file import explain_file

    started = time.perf_counter()
    done = explain_file(
        source,
        out,
        grouper,
        only=None if ids in (None, "all") else _codes(ids or ""),
        prices=pricer,
        lang=LANG,
        workers=workers or default_threads(),
        reading=reading,
        progress=lambda total: bar(t("解释", "explaining"), total),
    )
    seconds = time.perf_counter() - started
    notes(done.codes.first())
    for version in done.versions:
        say(
            f"  按版本 {version.scheme} 解释 {version.cases:,} 例",
            f"  explained by version {version.scheme}: {version.cases:,}",
        )
    click.echo(counts_text(done.counts) + t(f"；{seconds:.2f} 秒", f"; {seconds:.2f} s"))
    say(f"结果 {done.path}", f"result {done.path}")
    notes(done.warnings)
    tell(done.codes.line())


def _codes(text: str) -> list[str]:
    for mark in ",，;；、":
        text = text.replace(mark, "|")
    return [code.strip() for code in text.split("|") if code.strip()]

"""`drgpay explain`: why cases are in their groups, and what would have changed them."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drgpay._reference import DEFAULT_SCHEME
from drgpay.cli.counts import counts_text
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import codes_option, surgical_match_option
from drgpay.cli.progress import bar
from drgpay.cli.reading import reading_options
from drgpay.cli.start import spare_pandas
from drgpay.errors import InputError, both

if TYPE_CHECKING:
    from drgpay.cases.options import ReadOptions
    from drgpay.grouper import Grouper
    from drgpay.settlement.pricing import Pricer

SEXES = ["M", "F"] if LANG == "en" else ["男", "女", "M", "F"]


@click.command(
    short_help=t(
        "解释一个或许多病例为何进入该组、怎样的事实会入别的组",
        "Explain why cases are in their groups",
    ),
    help=t(
        "解释一个病例为何进入该组、怎样的事实会入别的组：给出诊断等，或用 --from 文件与 --case 病例号。"
        "用 -o 解释文件中的许多病例。",
        "Explain why a case is in its group and what would have changed it: give its facts, or a "
        "file with --from and --case. With -o, explain many cases of a file.",
    ),
)
@click.option("--from", "source", type=click.Path(path_type=Path), help=t("病例文件", "case file"))
@click.option("--case", "case_id", help=t("病例号", "case id"))
@click.option("--sex", type=click.Choice(SEXES), help=t("性别", "sex"))
@click.option("--age", type=int, help=t("周岁", "age in years"))
@click.option("--age-days", type=click.IntRange(min=0), help=t("日龄", "age in days"))
@click.option("--weight", type=click.IntRange(min=0), help=t("出生体重（克）", "birth weight in g"))
@click.option("--los", type=click.IntRange(min=0), help=t("住院天数", "length of stay in days"))
@click.option("--icu", is_flag=True, help=t("重症监护", "intensive care"))
@click.option(
    "--dx", help=t("诊断，主要诊断在前，以|或,分隔", "diagnoses, principal first, by | or ,")
)
@click.option("--px", default="", help=t("手术操作，主要手术在前", "procedures, main one first"))
@click.option(
    "--scheme",
    help=t(
        f"分组方案；默认 {DEFAULT_SCHEME}，有 --run 时为其所用方案",
        f"scheme; default {DEFAULT_SCHEME}, or that of --run",
    ),
)
@surgical_match_option
@codes_option
@click.option(
    "--discharged",
    type=click.DateTime(["%Y-%m-%d"]),
    help=t(
        "出院日期；--scheme 是一族方案时据此取版本",
        "day of discharge: which version, where --scheme is a family",
    ),
)
@reading_options
@click.option(
    "--run",
    "run_dir",
    type=click.Path(path_type=Path),
    help=t("清算结果文件夹：列出点数与金额", "folder of a settled run: show points and money"),
)
@click.option("--json", "as_json", is_flag=True, help=t("输出JSON", "print JSON"))
@click.option(
    "--svg", type=click.Path(path_type=Path), help=t("把分组路径画成SVG", "draw the path as SVG")
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help=t("解释许多病例，写入此 .parquet 文件", "explain many cases into this .parquet file"),
)
@click.option(
    "--cases",
    "case_ids",
    help=t(
        "与 -o 同用：病例号，以逗号分隔；默认 all（全部）",
        "with -o: case ids by comma; default all",
    ),
)
@click.option("--workers", type=click.IntRange(1, 64), help=t("进程数", "processes"))
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
    surgical_match: str | None,
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
    spare_pandas()
    sex = {"男": "M", "女": "F"}.get(sex or "", sex)
    given = [sex, age, age_days, weight, los, dx, px or None, icu or None]
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
    pricer = _pricer(run_dir)
    day = None if discharged is None else discharged.date()
    if source is not None and day is None:
        day = _discharge(source, case_id if out is None else None, reading)
    grouper = _grouper(scheme, surgical_match, codes, pricer, day)
    if out is not None and source is not None:
        _explain_many(source, out, grouper, case_ids or case_id, pricer, workers, reading)
        return
    if source is not None:
        facts, price = _of_file(source, case_id, pricer, reading, grouper.more)
    else:
        price = None
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
    from drgpay.grouper.explain import explain as explain_case

    made = explain_case(grouper, **facts, price=price)
    if svg is not None:
        from drgpay.outputs import whole_file
        from drgpay.report.explain_svg import explanation_svg

        with whole_file(svg) as part:
            part.write_text(explanation_svg(made, LANG), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(made.as_dict(), ensure_ascii=False, indent=1))
    else:
        click.echo(made.text(LANG))


def _pricer(run_dir: Path | None) -> Pricer | None:
    if run_dir is None:
        return None
    from drgpay.settlement.pricing import Pricer

    return Pricer.of_run(run_dir)


def _grouper(
    scheme: str | None,
    surgical_match: str | None,
    codes: str | None,
    pricer: Pricer | None,
    day: dt.date | None,
) -> Grouper:
    """Return the grouper; of a family of schemes the version in force on a day."""
    from drgpay.grouper.versions import VersionedGrouper, any_grouper

    if pricer is not None:
        used = pricer.manifest["scheme"]
        scheme = scheme or used["id"]
        surgical_match = surgical_match or used["surgical_match"]
    name = scheme or DEFAULT_SCHEME
    given = Path(name) if "/" in name else name
    found = any_grouper(given, surgical_match, codes)
    if not isinstance(found, VersionedGrouper):
        grouper = found
    elif day is not None:
        grouper = found.at(day)
    else:
        grouper = found.groupers[found.today]
        click.echo(
            t(
                f"注意：没有出院日期，按今日施行的 {grouper.scheme.id} 解释；"
                "出院日期用 --discharged，版本用 --scheme 写明",
                f"note: without a day of discharge, {grouper.scheme.id} explains, in force today; "
                "give --discharged, or name a version with --scheme",
            ),
            err=True,
        )
    if pricer is not None:
        pricer.check_scheme(grouper.scheme)
    return grouper


def _discharge(source: Path, case_id: str | None, reading: ReadOptions) -> dt.date | None:
    """Return the day of discharge of a case of a file, None when it is not known."""
    from drgpay.cases import parse
    from drgpay.columns import GROUPING_COLUMNS

    wanted = (*GROUPING_COLUMNS, "discharge_date")
    row, _, _ = _case_row(source, case_id, wanted, reading)
    if "discharge_date" not in row.column_names:
        return None
    days, _ = parse.dates(row["discharge_date"])
    if days[0] == parse.MISSING_DATE:
        return None
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(days[0]))


def _of_file(
    source: Path,
    case_id: str | None,
    pricer: Pricer | None,
    reading: ReadOptions,
    asked: Sequence[str],
) -> tuple[dict[str, Any], Any]:
    """Return the facts of a case of a file and, with a run, what tells its price."""
    if pricer is None:
        return case_facts(source, case_id, reading, asked), None
    if case_id is None:
        raise InputError(
            both("缺少 --case 病例号", "--case is missing"),
            remedy=both("--run 要与 --case 同用", "give --case together with --run"),
        )

    return case_facts(source, case_id, reading, asked), pricer.case(case_id)


def _explain_many(
    source: Path,
    out: Path,
    grouper: Grouper,
    ids: str | None,
    pricer: Pricer | None,
    workers: int | None,
    reading: ReadOptions,
) -> None:
    from drgpay.grouper.explain_file import explain_file
    from drgpay.grouper.stream import default_threads

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
    click.echo(counts_text(done.counts) + t(f"；{seconds:.2f} 秒", f"; {seconds:.2f} s"))
    click.echo(t(f"结果 {done.path}", f"result {done.path}"))


def _codes(text: str) -> list[str]:
    for mark in ",，;；、":
        text = text.replace(mark, "|")
    return [code.strip() for code in text.split("|") if code.strip()]


def _case_row(
    source: Path, case_id: str | None, wanted: tuple[str, ...], reading: ReadOptions | None
) -> tuple[Any, str, int]:
    """Return the row of a case of a file, or of its first case, file and row; raises InputError."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from drgpay.cases import parse
    from drgpay.cases.options import AS_FOUND
    from drgpay.cases.sources import open_source

    found: list[tuple[Any, str, int]] = []
    for piece in open_source(source, wanted, options=reading or AS_FOUND).pieces:
        table = piece.load()
        ids = pc.utf8_trim_whitespace(parse.flat(table["case_id"]).cast(pa.string()))
        if case_id is None:
            places = [0] if len(table) else []
        else:
            places = pc.indices_nonzero(pc.fill_null(pc.equal(ids, case_id), False)).to_pylist()
        for at in places:
            number = piece.first_row + at if piece.numbers is None else int(piece.numbers[at])
            found.append((table.slice(at, 1), piece.file, number))
        if found and case_id is None:
            break
    if len(found) > 1:
        rows = ", ".join(str(number) for _, _, number in found[:5])
        raise InputError(
            both(f"病例号 {case_id} 出现 {len(found)} 次：第 {rows} 行",
                 f"case {case_id!r} stands {len(found)} times: rows {rows}"),
            where=source,
            remedy=both("每个病例号只留一行，再解释", "keep one row of each case id"),
        )  # fmt: skip
    if found:
        return found[0]
    if case_id is None:
        raise InputError(
            both("文件中没有病例", "the file holds no case"),
            where=source,
            remedy=both("核对文件", "check the file"),
        )
    raise InputError(
        both(f"没有病例 {case_id}", f"no case {case_id!r}"),
        where=source,
        remedy=both("核对病例号", "check the case id"),
    )


def case_facts(
    source: Path,
    case_id: str | None,
    reading: ReadOptions | None = None,
    asked: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the facts of a case of a file, or of its first case; raises InputError.

    `asked` are the columns that the scheme asks besides those that all schemes may ask.
    """
    import numpy as np
    import pyarrow as pa

    from drgpay.cases import parse
    from drgpay.cases.encode import Faults, encode_cases
    from drgpay.columns import CODED, GROUPING_COLUMNS, GROUPING_MORE, both_names

    wanted = (*GROUPING_COLUMNS, *asked)
    row, file, number_of_row = _case_row(source, case_id, wanted, reading)
    faults = Faults.of(row, file, number_of_row)

    def nothing(codes: pa.Array) -> Any:
        return np.zeros(len(codes), dtype=np.int32)

    case = encode_cases(row, nothing, nothing, faults, more=asked)
    if not case.good[0]:
        notes = faults.close()
        zh, note = (notes.table(lang).to_pylist()[0] for lang in ("zh", "en"))
        raise InputError(
            both(
                f"病例 {zh['case_id']}：{both_names(zh['column'])} = “{zh['value']}”：{zh['message']}",
                f"{note['case_id']}: {note['column']} = {note['value']!r}: {note['message']}",
            ),
            where=f"{note['file']}:{note['row']}",
            remedy=both(zh["remedy"], note["remedy"]),
        )

    def number(values: Any) -> int | None:
        return None if values[0] < 0 else int(values[0])

    def more(name: str) -> int | str | None:
        value = number(case.number(name))
        if name not in CODED:
            return value
        return next((code for code, own in CODED[name].items() if own == value), None)

    return {
        "sex": "M" if case.sex[0] == 1 else "F",
        "age_years": int(case.age_years[0]),
        "age_days": number(case.age_days),
        "birth_weight_g": number(case.birth_weight_g),
        "los_days": number(case.los_days),
        "icu": bool(case.icu[0]),
        **{name: more(name) for name in GROUPING_MORE},
        "diagnoses": parse.flat(case.diagnoses.words).to_pylist(),
        "procedures": parse.flat(case.procedures.words).to_pylist(),
    }

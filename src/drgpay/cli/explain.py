"""`drgpay explain`: why a case is in its group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.start import spare_pandas
from drgpay.errors import InputError, both


@click.command(
    help=t(
        "解释一个病例为何进入该组：给出诊断等，或用 --from 文件与 --case 病例号。",
        "Explain why a case is in its group: give its facts, or a file with --from and --case.",
    )
)
@click.option("--from", "source", type=click.Path(path_type=Path), help=t("病例文件", "case file"))
@click.option("--case", "case_id", help=t("病例号", "case id"))
@click.option("--sex", type=click.Choice(["M", "F"]), help=t("性别", "sex"))
@click.option("--age", type=int, help=t("周岁", "age in years"))
@click.option("--age-days", type=click.IntRange(min=0), help=t("日龄", "age in days"))
@click.option("--weight", type=click.IntRange(min=0), help=t("出生体重（克）", "birth weight in g"))
@click.option("--los", type=click.IntRange(min=0), help=t("住院天数", "length of stay in days"))
@click.option("--icu", is_flag=True, help=t("重症监护", "intensive care"))
@click.option(
    "--dx", help=t("诊断，主要诊断在前，以|或,分隔", "diagnoses, principal first, by | or ,")
)
@click.option("--px", default="", help=t("手术操作，主要手术在前", "procedures, main one first"))
@click.option("--scheme", default="zj-drg-2022", show_default=True, help=t("分组方案", "scheme"))
@click.option("--surgical-match", type=click.Choice(["main", "any"]), help=t("手术匹配", "reading"))
@click.option("--json", "as_json", is_flag=True, help=t("输出JSON", "print JSON"))
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
    scheme: str,
    surgical_match: str | None,
    as_json: bool,
) -> None:
    """Explain one case."""
    spare_pandas()
    from drgpay.grouper.explain import explain as explain_case
    from drgpay.grouper.stream import grouper_of

    grouper = grouper_of(Path(scheme) if "/" in scheme else scheme, surgical_match)
    given = [sex, age, age_days, weight, los, dx, px or None, icu or None]
    if source is not None and any(value is not None for value in given):
        raise InputError(
            both(
                "--from 文件中的病例不能再用选项改动",
                "a case of a file (--from) is not changed by options",
            ),
            remedy=both("只用 --from 与 --case，或只用选项", "use --from and --case, or options"),
        )
    if source is not None:
        facts = case_facts(source, case_id)
    else:
        if sex is None or age is None or not dx:
            raise InputError(
                both("缺少 --sex、--age 或 --dx", "--sex, --age or --dx is missing"),
                remedy=both("或用 --from 文件 --case 病例号", "or use --from FILE --case ID"),
            )
        facts = {
            "sex": sex,
            "age_years": age,
            "age_days": age_days,
            "birth_weight_g": weight,
            "los_days": los,
            "icu": icu,
            "diagnoses": _codes(dx),
            "procedures": _codes(px),
        }
    made = explain_case(grouper, **facts)
    if as_json:
        click.echo(json.dumps(made.as_dict(), ensure_ascii=False, indent=1))
    else:
        click.echo(made.text(LANG))


def _codes(text: str) -> list[str]:
    for mark in ",，;；、":
        text = text.replace(mark, "|")
    return [code.strip() for code in text.split("|") if code.strip()]


def case_facts(source: Path, case_id: str | None) -> dict[str, Any]:
    """Return the facts of a case of a file, or of its first case; raises InputError."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from drgpay.cases import parse
    from drgpay.cases.encode import Faults, encode_cases
    from drgpay.cases.sources import open_source
    from drgpay.columns import GROUPING_COLUMNS

    for piece in open_source(source, GROUPING_COLUMNS).pieces:
        table = piece.load()
        ids = parse.flat(table["case_id"]).cast(pa.string())
        at = 0 if case_id is None else pc.index(ids, case_id).as_py()
        if at < 0:
            continue
        row = table.slice(at, 1)
        faults = Faults.of(row, piece.file, piece.first_row + at)

        def nothing(codes: pa.Array) -> Any:
            return np.zeros(len(codes), dtype=np.int32)

        case = encode_cases(row, nothing, nothing, faults)
        if not case.good[0]:
            notes = faults.close()
            zh, note = (notes.table(lang).to_pylist()[0] for lang in ("zh", "en"))
            raise InputError(
                both(
                    f"病例 {zh['case_id']}：{zh['column']} = “{zh['value']}”：{zh['message']}",
                    f"{note['case_id']}: {note['column']} = {note['value']!r}: {note['message']}",
                ),
                where=f"{note['file']}:{note['row']}",
                remedy=both(zh["remedy"], note["remedy"]),
            )

        def number(values: Any) -> int | None:
            return None if values[0] < 0 else int(values[0])

        return {
            "sex": "M" if case.sex[0] == 1 else "F",
            "age_years": int(case.age_years[0]),
            "age_days": number(case.age_days),
            "birth_weight_g": number(case.birth_weight_g),
            "los_days": number(case.los_days),
            "icu": bool(case.icu[0]),
            "diagnoses": parse.flat(case.diagnoses.words).to_pylist(),
            "procedures": parse.flat(case.procedures.words).to_pylist(),
        }
    raise InputError(
        both(f"没有病例 {case_id}", f"no case {case_id!r}"),
        where=source,
        remedy=both("核对病例号", "check the case id"),
    )

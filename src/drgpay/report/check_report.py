"""What checks found, as text for the screen and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from drgpay.cases.checks.catalogue import CHECKS, SEVERITIES, Check
from drgpay.ground.errors import in_language
from drgpay.ground.languages import choose, is_chinese
from drgpay.grouper.check import Checked
from drgpay.names.codes import word
from drgpay.names.columns import BY_NAME, chinese_header

from .amounts import padded

EXAMPLES = 2


def severity_text(severity: str, lang: str) -> str:
    """Return the word for a severity."""
    return word("severity", severity, lang, "findings")


def column_text(column: str, lang: str) -> str:
    """Return a column as it is called."""
    return chinese_header(column) if is_chinese(lang) and column else column


def finding_advice(finding: Mapping[str, Any], lang: str) -> str:
    """Return the codes that help with a finding: nearest ones, and those that would group."""
    texts = (finding["nearest"], finding["would_group"])
    return (choose(lang, "；", "; ")).join(text for text in texts if text)


def counts_line(done: Checked, lang: str) -> str:
    """Return cases in = without finding + with findings + quarantined."""
    c = done.counts
    counts = (f"{n:,}" for n in (c.total, c.clean, c.with_findings, c.quarantined))
    return choose(
        lang,
        "收到 {} 例 = 无问题 {} + 有问题 {} + 隔离 {}",
        "in {} = clean {} + with findings {} + quarantined {}",
    ).format(*counts)


def convention_line(done: Checked, lang: str) -> str:
    """Return by which convention the files count the days of a stay, empty when they do not say."""
    plain, plus = done.conventions
    if not plain and not plus:
        return ""
    return choose(
        lang,
        f"住院天数：{plain:,} 例为出院日期减入院日期，{plus:,} 例再加1天",
        f"days of stay: {plain:,} cases discharge minus admission, {plus:,} one more",
    )


def not_made_line(done: Checked, lang: str) -> str:
    """Return how many checks were not made for want of columns, empty when all were."""
    if not done.not_made:
        return ""
    present_needs = sorted({need for name in done.not_made for need in CHECKS[name].needs})
    absent = [name for name in present_needs if name not in done.columns]
    names = (choose(lang, "、", ", ")).join(column_text(name, lang) for name in absent)
    number = len(done.not_made)
    if done.columns_differ:
        return choose(
            lang,
            f"有的文件或工作表没有这些列，{number} 项检查在其中未做：{names}",
            f"{number} checks were not made where a file or sheet lacks the columns {names}",
        )
    return choose(
        lang,
        f"文件中没有这些列，{number} 项检查未做：{names}",
        f"{number} checks were not made, for want of the columns {names}",
    )


def lacking_line(done: Checked, lang: str) -> str:
    """Return which columns a settlement needs and the files lack, empty when none or not asked."""
    if done.purpose != "settlement":
        return ""
    needed = [c.name for c in BY_NAME.values() if c.required_for == "settlement"]
    lacking = [name for name in needed if name not in done.columns]
    if not lacking or not done.counts.total:
        return ""
    names = (choose(lang, "、", ", ")).join(column_text(name, lang) for name in lacking)
    if is_chinese(lang):
        return f"缺少清算必需的列：{names}（补上才能清算；只分组时不需要）"
    return (
        f"columns that a settlement needs are missing: {names} (grouping alone needs none of them)"
    )


def text_report(done: Checked, lang: str = "zh") -> str:
    """Return the summary for the screen: counts, then each check with its first examples."""
    lines = [counts_line(done, lang)]
    about = (lacking_line(done, lang), convention_line(done, lang), not_made_line(done, lang))
    lines += [line for line in about if line]
    if done.unknown_columns:
        names = (choose(lang, "、", ", ")).join(done.unknown_columns)
        lines.append(choose(lang, f"没有用到的列：{names}", f"columns not used: {names}"))
    lines += [in_language(note, lang) for note in done.notes]
    if not done.by_check:
        lines.append(choose(lang, "没有发现问题", "nothing was found"))
        return "\n".join(lines)
    lines.append("")
    for name, number in done.by_check.items():
        check = CHECKS[name]
        share = number / max(1, done.counts.total)
        severity = padded(severity_text(check.severity, lang), 7)
        count = padded(f"{number:,}", 9, right=True)
        shown = choose(lang, f"（{name}）", f" ({name})")
        lines.append(f"{severity} {count} {share:8.2%}  {check.message(lang)}{shown}")
        arrow = choose(lang, "建议：", "advice: ")
        lines.append(f"{' ' * 28}{arrow}{check.advice(lang)}")
        lines += [f"{' ' * 28}{text}" for text in _examples(done, name, lang)]
    return "\n".join(lines)


def _examples(done: Checked, name: str, lang: str) -> list[str]:
    own = done.findings.filter(pc.equal(done.findings["check"].cast(pa.string()), name))
    shown = []
    for row in own.slice(0, EXAMPLES).to_pylist():
        value = "" if row["value"] is None else str(row["value"])
        near, would = row["nearest"], row["would_group"]
        column = column_text(row["column"], lang)
        many = len(done.files) > 1 or len(done.findings["file"].unique()) > 1
        if is_chinese(lang):
            place = f"{row['file']} 第{row['row']}行" if many else f"第{row['row']}行"
            told = f"{place} {column}{'：' + value if value else '空缺'}"
            told += f"，相近的编码 {near}" if near else ""
            shown.append(told + (f"，{would}" if would else ""))
        else:
            place = f"{row['file']}:{row['row']}" if many else f"row {row['row']}"
            told = f"{place} {column} {value or 'empty'}"
            told += f"; nearest codes {near}" if near else ""
            shown.append(told + (f"; would group: {would}" if would else ""))
    return shown


def check_facts(check: Check, lang: str) -> dict[str, Any]:
    """Return what the catalogue says of a check."""
    return {
        "check": check.name,
        "severity": check.severity,
        "stops": check.stops,
        "columns": list(check.columns),
        "message": check.message(lang),
        "advice": check.advice(lang),
        "source": check.source,
        "verified": check.verified,
    }


def as_json(done: Checked, lang: str = "zh") -> dict[str, Any]:
    """Return everything that is known, as JSON takes it."""
    findings = done.findings.to_pylist()
    for row in findings:
        base = "procedures" if str(row["column"]).startswith("procedure") else "diagnoses"
        near = done.nearest.get((base, row["value"] or "")) if row.pop("nearest") else None
        if near:
            row["nearest"] = list(near)
            row["nearest_names"] = [done.names.get((base, code), "") for code in near]
        if not row["would_group"]:
            del row["would_group"]
    return {
        "files": list(done.files),
        "scheme": done.scheme,
        "purpose": done.purpose,
        "counts": done.counts.as_dict(),
        "by_severity": {severity: done.of_severity(severity) for severity in SEVERITIES},
        "by_check": [
            {**check_facts(CHECKS[name], lang), "cases": number}
            for name, number in done.by_check.items()
        ],
        "days_of_stay": {"difference": done.conventions[0], "plus_one": done.conventions[1]},
        "checks_not_made": list(done.not_made),
        "columns_not_used": list(done.unknown_columns),
        "notes": [in_language(note, lang) for note in done.notes],
        "findings_in_all": done.found,
        "findings": findings,
        "profile": done.profile.to_pylist(),
    }


def write_json(done: Checked, path: Path, lang: str = "zh") -> None:
    """Write the JSON file."""
    text = json.dumps(as_json(done, lang), ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")

"""Why a case is in its group: MDC, ADRG and rule that took it, severity of each diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from drgpay.grouper.engine import Grouper
from drgpay.grouper.outcome import REASON_TEXTS, Grouping
from drgpay.schemes import Scheme


@dataclass(frozen=True, slots=True)
class DiagnosisSeverity:
    """What one secondary diagnosis counts: its level by the table, and whether it is excluded.

    `verdict`: `counts`, `excluded` (the principal diagnosis stands on its exclusion list), `none`
    (no level in the table), `unknown` (not in the scheme's code system).
    """

    code: str
    name: str
    level: str
    exclusion_list: str
    verdict: str
    decisive: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """The grouping of a case with the rules that made it; texts as the scheme's tables say."""

    grouping: Grouping
    scheme: str
    surgical_match: str
    principal: tuple[str, str]
    procedures: tuple[tuple[str, str], ...]
    mdc_name: str
    mdc_rule: str
    adrg_name: str
    adrg_rule: str
    adrg_kind: str
    drg_rule: str
    secondary: tuple[DiagnosisSeverity, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)

    def text(self, lang: str = "zh") -> str:
        """Return the explanation in words, Chinese or English."""
        return "\n".join(_lines(self, lang))


def explain(
    grouper: Grouper,
    *,
    sex: str,
    age_years: int,
    diagnoses: Sequence[str],
    procedures: Sequence[str] = (),
    age_days: int | None = None,
    birth_weight_g: int | None = None,
    los_days: int | None = None,
    icu: bool = False,
) -> Explanation:
    """Group one case and say why; arguments and errors are those of `Grouper.group_case`.

    >>> made = explain(Grouper("chs-drg-1.1"), sex="F", age_years=61,
    ...                diagnoses=["K22.301", "K11.901"], procedures=["96.0800x005"])
    >>> made.grouping.drg, made.secondary[0].verdict
    ('GZ13', 'counts')
    """
    grouping = grouper.group_case(
        sex=sex,
        age_years=age_years,
        diagnoses=diagnoses,
        procedures=procedures,
        age_days=age_days,
        birth_weight_g=birth_weight_g,
        los_days=los_days,
        icu=icu,
    )
    scheme = grouper.scheme
    mdc = next((m for m in scheme.mdcs if m.mdc == grouping.mdc), None)
    adrg = next((a for a in scheme.adrgs if a.key == grouping.adrg_key), None)
    drg = next(
        (d for d in scheme.drgs if (d.adrg_key, d.drg) == (grouping.adrg_key, grouping.drg)), None
    )
    return Explanation(
        grouping,
        scheme.id,
        scheme.surgical_match,
        (diagnoses[0], scheme.diagnoses.name(diagnoses[0])),
        tuple((code, scheme.procedures.name(code)) for code in procedures),
        mdc.name if mdc else "",
        mdc.rule if mdc else "",
        adrg.name if adrg else "",
        adrg.rule if adrg else "",
        adrg.kind if adrg else "",
        drg.rule if drg else "",
        severities(scheme, diagnoses, grouping.severity_diagnosis),
    )


def severities(
    scheme: Scheme, diagnoses: Sequence[str], decisive: str
) -> tuple[DiagnosisSeverity, ...]:
    """Return what each secondary diagnosis counts beside the principal one."""
    own_lists = set(_lists_of_principal(scheme, diagnoses[0]))
    result = []
    decided = False
    for code in diagnoses[1:]:
        at = pc.index(scheme.severity["code"], code).as_py()
        level = scheme.severity["level"][at].as_py() if at >= 0 else ""
        exclusion = scheme.severity["exclusion_list"][at].as_py() if at >= 0 else ""
        if at >= 0:
            verdict = "excluded" if exclusion in own_lists else "counts"
        else:
            verdict = "none" if scheme.diagnoses.index.get(code) else "unknown"
        this = code == decisive and not decided
        decided = decided or this
        name = scheme.diagnoses.name(code)
        result.append(DiagnosisSeverity(code, name, level, exclusion, verdict, this))
    return tuple(result)


def _lists_of_principal(scheme: Scheme, code: str) -> list[str]:
    rows = np.flatnonzero(np.asarray(pc.equal(scheme.exclusions["principal"], code)))
    return [scheme.exclusions["exclusion_list"][int(row)].as_py() for row in rows]


_VERDICTS = {
    "counts": ("计入", "counts"),
    "excluded": (
        "不计：主要诊断在同一排除表{list}中",
        "excluded: the principal is on its list {list}",
    ),
    "none": ("不属于并发症或合并症", "neither MCC nor CC"),
    "unknown": ("不在本方案的编码库中", "not in the scheme's code system"),
}


def _lines(e: Explanation, lang: str) -> list[str]:
    zh = lang == "zh"
    g = e.grouping

    def pick(chinese: str, english: str) -> str:
        return chinese if zh else english

    def named(code: str, name: str) -> str:
        return f"{code} {name}".strip()

    lines = [
        pick(
            f"分组方案 {e.scheme}（手术匹配 {e.surgical_match}）",
            f"scheme {e.scheme} (surgical_match {e.surgical_match})",
        ),
        pick("主要诊断  ", "principal   ") + named(*e.principal),
    ]
    label = pick("手术操作  ", "procedures  ")
    lines += [
        (label if i == 0 else " " * (10 if zh else 12)) + named(*item)
        for i, item in enumerate(e.procedures)
    ]
    lines.append(f"→ {g.drg} {g.name}")
    reason = REASON_TEXTS[g.reason][0 if zh else 1]
    if reason:
        lines.append(f"  {reason}" + (f" {g.by_procedure}" if g.by_procedure else ""))
    if g.mdc:
        lines.append(f"  MDC   {g.mdc} {e.mdc_name}")
        lines.append(pick("        规则 ", "        rule ") + e.mdc_rule)
    if g.adrg:
        kind = {
            "surgical": ("手术/操作组", "surgical or procedure"),
            "medical": ("内科组", "medical"),
        }
        lines.append(
            f"  ADRG  {e.grouping.adrg_key} {e.adrg_name}（{kind[e.adrg_kind][0 if zh else 1]}）"
        )
        lines.append(pick("        规则 ", "        rule ") + e.adrg_rule)
        lines.append(f"  DRG   {g.drg}")
        lines.append(pick("        规则 ", "        rule ") + e.drg_rule)
    lines.append(pick(f"严重程度 {g.severity}", f"severity {g.severity}"))
    for s in e.secondary:
        verdict = _VERDICTS[s.verdict][0 if zh else 1].format(list=s.exclusion_list)
        mark = pick("  ← 决定严重程度", "  ← decides") if s.decisive else ""
        lines.append(
            f"  {named(s.code, s.name)}：{s.level + ' ' if s.level else ''}{verdict}{mark}"
        )
    return lines

"""What the preview page shows of an answer: texts and lengths, ready to be set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from drgpay.ground.languages import choose, choosing, is_chinese
from drgpay.ground.money import points_text
from drgpay.grouper import explain_text as words
from drgpay.grouper.explain import Explanation
from drgpay.grouper.trace import Tried
from drgpay.names.codes import spoken
from drgpay.report.amounts import percent, yuan

MOST_FAILED = 8  # rules that did not hold, shown beside a step
BAR = 400  # length of the longer of two bars


def shown_answer(answer: dict[str, Any], told: Explanation, lang: str) -> dict[str, Any]:
    """Return an answer as it is shown."""
    cost, paid = answer["total_cost_fen"], answer["expected_fen"]
    grouped = bool(answer["mdc"]["code"])
    made = {
        **{name: answer[name] for name in ("drg", "mdc", "adrg", "status", "reason", "severity")},
        "grouped": grouped and answer["status"]["code"] == "grouped",
        "case_class": answer["case_class"],
        "points": answer["points"],
        "value": answer["point_value"],
        "cost": None if cost is None else yuan(cost),
        "paid": None if paid is None else yuan(paid),
        "over": None,
        "due": None if answer["due_fen"] is None else yuan(answer["due_fen"]),
        "notes": [note["text"] for note in answer["notes"]],
        "versions": answer["versions"],
        "unverified": answer["unverified"],
        "promise": answer["promise"],
        "codes": _codes(answer, told, lang),
        "steps": list(_steps(told, lang)),
        "nearest": list(_nearest(told, lang, priced=paid is not None)),
        "warning": choose(lang, *words.WARNING),
        "readings": [words.reading_line(item, lang).strip() for item in told.readings],
        "would": None if told.would is None else choose(lang, *told.would.texts),
    }
    if paid is not None and cost is not None:
        over, most = answer["over_cost_fen"], max(paid, cost, 1)
        made |= {
            "over": yuan(over, signed=True),
            "over_sign": "gain" if over >= 0 else "loss",
            "ratio": percent(paid, cost),
            "bars": (paid * BAR // most, cost * BAR // most),
        }
    return made


def _codes(answer: dict[str, Any], told: Explanation, lang: str) -> list[dict[str, Any]]:
    """Return each code with its mark: MCC or CC, whether it counts, why not."""
    t, rows = choosing(lang), []
    said = {s.code: s for s in told.secondary}
    for kind, given in answer["codes"].items():
        for place, code in enumerate(given):
            row = {
                "kind": kind, "place": place, "code": code["code"], "name": code["name"],
                "written": code.get("written", ""), "mark": "", "sort": "", "why": "",
                "nearest": code.get("nearest", ()),
            }  # fmt: skip
            severity = said.get(code["code"]) if kind == "diagnoses" and place else None
            if code.get("unknown"):
                row |= {"mark": "?", "sort": "bad", "why": t("不在本方案的编码库中", "not in the scheme's code system")}  # fmt: skip
            elif severity is not None:
                verdict = choose(lang, *words.VERDICTS[severity.verdict])
                row["why"] = verdict.format(
                    list=severity.exclusion_list, principal=told.principal[0]
                )
                if severity.decisive:
                    row["why"] += t("，决定严重程度", ", decides the severity")
                row["mark"] = severity.level
                row["sort"] = "good" if severity.verdict == "counts" else "off"
            elif kind == "diagnoses" and not place:
                row["mark"], row["sort"] = t("主诊", "principal"), "own"
            rows.append(row)
    return rows


def _failed(steps: Sequence[Tried], told: Explanation, lang: str, near: bool) -> dict[str, Any]:
    """Return the rules that did not take the case, the rest counted."""
    t = choosing(lang)
    found = [s for s in steps if s.failure is not None]
    shown = [s for s in found if s.failure is not None and (s.failure.near or not near)]
    texts = [
        {"title": words.named(s.rule.key, s.rule.name), "why": words.failed_text(s, lang, told)}
        for s in shown[:MOST_FAILED]
    ]
    rest = len(found) - len(texts)
    also = t("另有", "another ") if texts else ""
    more = t(f"{also}{rest}条规则的条件不成立", f"{also}{rest} rules did not hold") if rest else ""
    return {"failed": texts, "more": more}


def _step(kind: str, step: Tried, lang: str, failed: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "title": words.named(step.rule.code, step.rule.name),
        "rule": words.rule_text(step.rule.text, lang),
        "took": step.took,
        **failed,
    }


def _steps(told: Explanation, lang: str) -> Iterable[dict[str, Any]]:
    """Yield the way of a case: each MDC, ADRG and DRG passed, beside it what did not hold."""
    t, last = choosing(lang), told.trace.attempts[-1]
    waiting: list[dict[str, str]] = []
    plain = 0
    if last.procedure:
        code = told.procedures[last.procedure][0]
        text = t(f"主要手术未能入组，以手术 {code} 单独再试", f"tried again with {code} alone")
        waiting.append({"title": "", "why": text})
    for mdc in last.mdcs:
        if mdc.failure is not None:
            if words.only_principal(mdc):
                plain += 1
            else:
                title = words.named(mdc.rule.code, mdc.rule.name)
                waiting.append({"title": title, "why": words.failed_text(mdc, lang, told)})
            continue
        failed = {"failed": waiting[:MOST_FAILED], "more": _plain(plain, lang)}
        yield _step("MDC", mdc, lang, failed)
        waiting, plain = [], 0
        yield from _inside(mdc, told, lang)
    if not told.grouping.mdc:
        yield {
            "kind": "DRG", "title": words.named(told.grouping.drg, told.grouping.name), "rule": "",
            "took": False, "failed": waiting[:MOST_FAILED], "more": _plain(plain, lang),
        }  # fmt: skip


def _plain(number: int, lang: str) -> str:
    return choose(
        lang,
        f"{number}个MDC：主要诊断不在其列表中",
        f"{number} MDCs: the principal diagnosis is not on their lists",
    ) if number else ""  # fmt: skip


def _inside(mdc: Tried, told: Explanation, lang: str) -> Iterable[dict[str, Any]]:
    t = choosing(lang)
    failed = _failed(mdc.inner, told, lang, near=True)
    held = [s for s in mdc.inner if s.failure is None]
    if not held:
        title = t(
            f"试了{len(mdc.inner)}个ADRG，没有接收的", f"none of {len(mdc.inner)} ADRGs takes it"
        )
        yield {"kind": "ADRG", "title": title, "rule": "", "took": False, **failed}
    for adrg in held:
        kind = choose(lang, *words.KINDS[adrg.rule.kind])
        yield _step(f"ADRG · {kind}", adrg, lang, failed)
        failed = {"failed": [], "more": ""}
        for drg in adrg.inner:
            if drg.took:
                yield _step("DRG", drg, lang, _failed(adrg.inner, told, lang, near=False))
        if not adrg.took and adrg.inner:
            title = t("没有DRG成立", "no DRG holds")
            why = _failed(adrg.inner, told, lang, near=False)
            yield {"kind": "DRG", "title": title, "rule": "", "took": False, **why}


def _nearest(told: Explanation, lang: str, *, priced: bool) -> Iterable[dict[str, Any]]:
    """Yield the nearest other groups: what leads there, and what it would earn.

    A case that is held earns nothing in any group, which says nothing of the groups.
    """
    for number, other in enumerate(told.nearest):
        text = words.changes_text(other.changes, told, lang)
        if not is_chinese(lang):
            text = text[:1].upper() + text[1:]
        row = {"drg": other.drg, "name": other.name, "change": text, "points": None}
        if priced and told.prices and told.price is not None:
            price, own = told.prices[number], told.price
            row |= {
                "points": points_text(price.points),
                "paid": yuan(price.fen),
                "more": yuan(price.fen - own.fen, signed=True),
                "sign": {"more": "gain", "less": "loss", "same": ""}[words.direction(price, own)],
                "case_class": spoken("case_class", price.case_class).of(lang),
            }
        yield row


def difference(ways: Sequence[dict[str, Any]]) -> dict[str, str] | None:
    """Return what the second coding would earn above the first; None where either is unknown."""
    first, second = (way["expected_fen"] for way in ways)
    if first is None or second is None:
        return None
    return {
        "paid": yuan(second - first, signed=True),
        "sign": "gain" if second > first else "loss" if second < first else "",
        "same": ways[0]["drg"]["code"] == ways[1]["drg"]["code"],
    }

"""Objections, opinions and agreements of the book as sheets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.languages import choosing
from drgpay.ground.money import yuan_text
from drgpay.ground.times import day
from drgpay.ledger.entries import Entry
from drgpay.wrapper.registers import Filed, in_force

from .sheets import Field, Sheet

WORDS: Mapping[str, Bilingual] = {
    "objection": both("异议登记", "Objections"),
    "opinion": both("意见登记", "Opinions"),
    "agreement": both("服务协议", "Agreements"),
    "number": both("编号", "No."),
    "hospital": both("医疗机构编码", "Institution"),
    "day": both("日期", "Day"),
    "about": both("关于", "About"),
    "text": both("内容", "Text"),
    "evidence": both("依据文件", "Evidence"),
    "state": both("状态", "State"),
    "answer": both("答复", "Answer"),
    "effect": both("处理结果", "Effect"),
    "version": both("纳入的版本", "Version that took it up"),
    "edition": both("版次", "Version"),
    "indices": both("指标（元）", "Index, yuan"),
    "policy": both("政策", "Policy"),
    "assessment": both("考核记录号", "Assessment, entry"),
    "paper": both("文本", "Paper"),
    "digest": both("文本摘要", "Digest of the paper"),
    "force": both("现行", "In force"),
}
STATES: Mapping[str, Bilingual] = {
    "open": both("待答复", "waits for an answer"),
    "accepted": both("采纳", "accepted"),
    "refused": both("不采纳", "refused"),
    "in_effect": both("已落实", "in effect"),
    "taken_up": both("已纳入版本", "taken up"),
}
OPINION_ON: Mapping[str, Bilingual] = {
    "group": both("分组", "group"),
    "weight": both("权重", "weight"),
    "coefficient": both("系数", "coefficient"),
}


def _fields(keys: str, lang: str) -> list[Field]:
    codes, long = ("number", "hospital", "digest", "edition"), ("text", "answer", "effect")
    return [
        Field(
            key, WORDS[key].of(lang), "code" if key in codes else "long" if key in long else "wide"
        )
        for key in keys.split()
    ]


def filed_sheet(kind: str, rows: Iterable[Filed], lang: str) -> Sheet:
    """Return objections or opinions, each with its number, answer and what came of it."""
    last = "effect" if kind == "objection" else "version"
    fields = _fields(f"number hospital day about text evidence state answer {last}", lang)
    return Sheet(WORDS[kind].of(lang), fields, [_filed(own, last, lang) for own in rows])


def _filed(own: Filed, last: str, lang: str) -> dict[str, Any]:
    body, t = own.entry.body, choosing(lang)
    about = body.get("about") or f"{OPINION_ON[body['what']].of(lang)} {body['code']}"
    came = own.last(last) or ""
    by = own.last("effect_entry")
    if by:
        came += t(f"（第 {by} 号）", f" (entry {by})")
    return {
        "number": str(own.number), "hospital": own.hospital_id, "day": day(own.entry.at),
        "about": about, "text": body["text"],
        "evidence": "、".join(d.name for d in own.entry.documents),
        "state": STATES[own.state].of(lang), "answer": own.last("text") or "", last: came,
    }  # fmt: skip


def agreements_sheet(entries: Iterable[Entry], lang: str) -> Sheet:
    """Return agreements with their versions; which of each institution is in force."""
    found = list(entries)
    now = {entry.number for entry in in_force(found).values()}
    t = choosing(lang)
    fields = _fields(
        "number hospital edition force day indices policy assessment paper digest", lang
    )
    rows = [
        {
            "number": str(e.number), "hospital": e.body["hospital_id"],
            "edition": str(e.body["version"]), "force": t("是", "yes") if e.number in now else "",
            "day": day(e.at),
            "indices": "；".join(
                f"{own['pool']} {yuan_text(own['index_fen'])}" for own in e.body["indices"]
            ),
            "policy": e.body["policy"]["id"], "assessment": str(e.body["assessment"] or ""),
            "paper": e.documents[0].name, "digest": e.documents[0].digest[:16],
        }
        for e in found
    ]  # fmt: skip
    return Sheet(WORDS["agreement"].of(lang), fields, rows)

"""What each parameter of a policy takes, from the catalogue, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from drgpay.ground.errors import in_language
from drgpay.policy.catalogue import CATALOGUE, NO, Known
from drgpay.policy.choice_words import choice_text
from drgpay.policy.constraints import MANY, Count, Decimal

from .policy_show import padded, text_width
from .texts import UNITS, Words

HEADINGS = {
    "zh": ("参数", "名称", "单位", "规则", "取值"),
    "en": ("key", "name", "unit", "rule", "takes"),
}


def parameter_lines(lang: str) -> Iterator[str]:
    """Yield key, Chinese name, unit, rule of docs/rules.md and what fits, of every parameter."""
    w = Words(lang)
    rows = [
        (known.key, known.name, w.of(UNITS, known.unit), known.rule, takes(known, lang))
        for known in CATALOGUE.values()
    ]
    table = [HEADINGS[lang], *rows]
    widths = [max(text_width(row[i]) for row in table) for i in range(4)]
    for row in table:
        cells = [padded(text, width) for text, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]])


def takes(known: Known, lang: str) -> str:
    """Return what fits a parameter, and when it matters."""
    zh = lang == "zh"
    kind = known.takes
    said = in_language(kind.said, lang)
    if isinstance(kind, Count | Decimal):
        ends = f"{kind.low}–{kind.high}" if kind.high < MANY else f"≥ {kind.low}"
        said += f" {kind.low if kind.low == kind.high else ends}"
    if known.choices:
        words = [choice_text(known.key, code, lang) for code in known.choices]
        said += "：" + "、".join(words) if zh else ": " + ", ".join(words)
    if known.none:
        word = "不设" if known.none == NO else known.none
        said += f"；none：{word}" if zh else "; none"
    if known.when:
        key, *codes = known.when
        words = [choice_text(key, code, lang) for code in codes]
        said += (
            f"（仅用于 {key} = {'、'.join(words)}）"
            if zh
            else f" (with {key} = {', '.join(words)})"
        )
    return said

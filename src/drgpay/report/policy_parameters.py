"""What each parameter of a policy takes, from the catalogue, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from drgpay.ground.errors import in_language
from drgpay.ground.languages import choosing
from drgpay.policy.catalogue import NO, Known
from drgpay.policy.catalogues import CATALOGUES, PAYMENT_FILES
from drgpay.policy.choice_words import choice_text
from drgpay.policy.constraints import MANY, Count, Decimal

from .sheets import Field, Sheet, text_lines
from .texts import UNITS, Words

HEADINGS = {
    "zh": ("参数", "名称", "单位", "规则", "取值"),
    "en": ("key", "name", "unit", "rule", "takes"),
}


def parameter_lines(lang: str, catalogue: str = PAYMENT_FILES) -> Iterator[str]:
    """Return key, Chinese name, unit, rule of docs/rules.md and what fits, of all of a catalogue."""
    w = Words(lang)
    rows = (
        {
            "key": known.key,
            "name": known.name,
            "unit": w.of(UNITS, known.unit),
            "rule": known.rule,
            "takes": takes(known, lang),
        }
        for known in CATALOGUES[catalogue].values()
    )
    keys = zip(HEADINGS["en"], HEADINGS[lang], strict=True)
    return text_lines(Sheet("", [Field(key, heading) for key, heading in keys], rows))


def takes(known: Known, lang: str) -> str:
    """Return what fits a parameter, and when it matters."""
    t = choosing(lang)
    kind = known.takes
    said = in_language(kind.said, lang)
    if isinstance(kind, Count | Decimal):
        ends = f"{kind.low}–{kind.high}" if kind.high < MANY else f"≥ {kind.low}"
        said += f" {kind.low if kind.low == kind.high else ends}"
    if known.choices:
        words = [choice_text(known.key, code, lang) for code in known.choices]
        said += t("：" + "、".join(words), ": " + ", ".join(words))
    if known.none:
        word = "不设" if known.none == NO else known.none
        said += t(f"；none：{word}", "; none")
    if known.when:
        key, *codes = known.when
        words = [choice_text(key, code, lang) for code in codes]
        said += t(f"（仅用于 {key} = {'、'.join(words)}）", f" (with {key} = {', '.join(words)})")
    return said

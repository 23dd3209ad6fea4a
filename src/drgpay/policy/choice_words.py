"""Chinese words for the choices that policy parameters offer, shown beside their codes."""

from __future__ import annotations

import re

from drgpay.ground.languages import choose, is_chinese
from drgpay.names.choices import OF_KEY, WORDS, word_of
from drgpay.policy.catalogue import NO
from drgpay.policy.catalogues import EVERY
from drgpay.policy.constraints import NONE

__all__ = ["OF_KEY", "WORDS", "choice_text", "choice_word", "choices_text", "setting_text"]


PLAIN = {"none": NO, "true": "是", "false": "否"}  # values that are no choices


def choice_word(key: str, code: str) -> str:
    """Return the Chinese word of a parameter's choice, empty for what is no choice of it.

    `none` has one where it means more than that there is nothing.
    """
    known = EVERY.get(key)
    if known is None or code not in known.choices:
        return known.none if known is not None and code == NONE and known.none != NO else ""
    return word_of(key, code)


def choice_text(key: str, code: str, lang: str = "zh") -> str:
    """Return a choice as Chinese papers show it, 中文（code）; any other text as it is.

    >>> choice_text("trim.method", "none"), choice_text("keep_ratio", "0.85")
    ('不裁剪（none）', '0.85')
    """
    word = choose(lang, choice_word(key, code), "")
    return f"{word}（{code}）" if word else code


def choices_text(key: str, text: str, lang: str = "zh") -> str:
    """Return a value as a person writes it (`a; b: 0.5`) with every choice of it in Chinese.

    >>> choices_text("coef_applies_to", "normal; low")
    '正常病例（normal）; 低倍率病例（low）'
    >>> choices_text("violator_no_increase", "true"), choices_text("value_dp", "none")
    ('是', '无')
    >>> choices_text("not_a_choice", "100: 3; none: 2")
    '100: 3; 其余: 2'
    """
    if not is_chinese(lang):
        return text
    found = []
    for item in text.split("; "):
        code, colon, rest = item.partition(": ")
        plain = "其余" if colon and code == "none" else PLAIN.get(code, code)
        shown = choice_text(key, code)
        found.append((plain if shown == code else shown) + colon + rest)
    return "; ".join(found)


def setting_text(text: str, lang: str = "zh") -> str:
    """Return a setting of a trial (KEY=VALUE) with the Chinese word of each choice in it.

    >>> setting_text("prepay_basis=month_value"), setting_text("keep_ratio=0.7")
    ('prepay_basis=月度点值（month_value）', 'keep_ratio=0.7')
    >>> setting_text("coef_applies_to=normal,low")
    'coef_applies_to=正常病例（normal）、低倍率病例（low）'
    """
    key, equals, value = text.partition("=")
    known = EVERY.get(key)
    if not is_chinese(lang) or known is None or not known.choices:
        return text
    return key + equals + "、".join(choice_text(key, c.strip()) for c in re.split("[,;]", value))

"""The words that tables of cases are understood by: one table for readers, template and documents.

Everything else than these words is refused; a mapping file translates what an area writes itself.
"""

from __future__ import annotations

SEX_WORDS: dict[str, tuple[str, ...]] = {
    "M": ("M", "m", "男", "男性", "1"),
    "F": ("F", "f", "女", "女性", "2"),
    "": ("0", "9"),  # unknown, not stated
}
FLAG_WORDS: dict[str, tuple[str, ...]] = {
    "1": ("1", "是", "有", "Y", "y", "yes", "Yes", "true", "True", "TRUE"),
    "0": ("0", "否", "无", "N", "n", "no", "No", "false", "False", "FALSE"),
}
CHOICE_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "payment_mode": {
        "drg": ("drg", "DRG", "按病组", "病组", "按病组付费"),
        "day_surgery": ("day_surgery", "日间手术"),
        "bed_day": ("bed_day", "按床日", "床日", "按床日付费"),
    }
}
CODE_SEPARATORS = ("|", ";", "；", "、", ",", "，")


def by_word(words: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return word → meaning of a table of understood words."""
    return {word: meant for meant, some in words.items() for word in some}


def understood() -> list[tuple[str, str, str]]:
    """Return (Chinese name of the column or kind, meaning, words) of all understood words."""
    rows = [("性别", meant or "（未知）", words) for meant, words in SEX_WORDS.items()]
    rows += [("是或否", meant, words) for meant, words in FLAG_WORDS.items()]
    rows += [("支付方式", meant, words) for meant, words in CHOICE_WORDS["payment_mode"].items()]
    return [(name, meant, "、".join(words)) for name, meant, words in rows]

"""The words that tables of cases are understood by: one table for readers, template and documents.

Everything else than these words is refused; a mapping file translates what an area writes itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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
    "discharge_way": {
        "1": ("1", "医嘱离院"),
        "2": ("2", "医嘱转院"),
        "3": ("3", "医嘱转社区", "医嘱转社区卫生服务机构", "医嘱转社区卫生服务机构/乡镇卫生院"),
        "4": ("4", "非医嘱离院"),
        "5": ("5", "死亡"),
        "9": ("9", "其他", "其它"),
    },
    "admission_way": {
        "1": ("1", "急诊"),
        "2": ("2", "门诊"),
        "3": ("3", "其他医疗机构转入", "转入"),
        "9": ("9", "其他", "其它"),
    },
    "special_charge": {
        "1": ("1", "人工血管"),
        "2": ("2", "连续性血液净化"),
        "3": ("3", "血液透析超过5次"),
    },
    "payment_mode": {
        "drg": ("drg", "DRG", "按病组", "病组", "按病组付费"),
        "day_surgery": ("day_surgery", "日间手术"),
        "bed_day": ("bed_day", "按床日", "床日", "按床日付费"),
    },
}
# of a table with a row for each code: which kind of code a row has
ROW_KINDS: dict[str, tuple[str, ...]] = {
    "diagnoses": ("诊断", "西医诊断", "出院诊断", "diagnosis", "D"),
    "procedures": ("手术", "手术操作", "操作", "procedure", "P"),
}
# the same of the code that comes first among those of its kind
MAIN_ROWS: dict[str, tuple[str, ...]] = {
    "diagnoses": ("主要诊断", "主诊断", "出院主要诊断", "principal"),
    "procedures": ("主要手术", "主要手术操作", "主手术"),
}
FURTHER_ROWS: dict[str, tuple[str, ...]] = {
    "diagnoses": ("其他诊断", "次要诊断", "出院其他诊断"),
    "procedures": ("其他手术", "其他手术操作", "次要手术"),
}
# what people and programs write into a cell that holds nothing; compared as `bare` gives them
EMPTY_WORDS: tuple[str, ...] = (
    "-", "--", "---", "—", "——", "–", "－", "―", "/", "//", "／", "\\", "＼", "\\N",
    "无", "空", "未填", "不详", "不适用", "NULL", "(null)", "<null>", "[null]", "nan", "NaT", "<NA>",
    "None", "nil", "N/A", "NA",
)  # fmt: skip
# characters that take no room: they are blanks, too
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
CODE_SEPARATORS = ("|", ";", "；", "、", ",", "，")


def by_word(words: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return word → meaning of a table of understood words."""
    return {word: meant for meant, some in words.items() for word in some}


def bare(text: str) -> str:
    """Return a text without blanks of any kind around it.

    >>> bare("\u3000-\u200b"), bare(" I63.900 ")
    ('-', 'I63.900')
    """
    plain = text.strip()
    while plain and (plain[0] in INVISIBLE or plain[-1] in INVISIBLE):
        plain = plain.strip(INVISIBLE).strip()
    return plain


_EMPTY = frozenset(word.lower() for word in EMPTY_WORDS)


def is_empty(text: str) -> bool:
    """Whether a text stands for nothing: blanks, or a word that people write for it.

    >>> [is_empty(text) for text in ("", "—", "null", "N/A", "0", "死亡")]
    [True, True, True, True, False, False]
    """
    plain = bare(text)
    return not plain or plain.lower() in _EMPTY


_NUMBER = re.compile(r"0*(\d{1,9})(?:\.0*)?", re.ASCII)
_CODE_THEN_NAME = re.compile(r"(\d{1,3})\s*[-:：.、．]?\s*(\D+)", re.ASCII)
_NAME_WITH_CODE = re.compile(r"(\D+?)\s*[(（\[【]\s*(\d{1,3})\s*[)）\]】]", re.ASCII)


def coded(text: str, words: Mapping[str, str]) -> str | None:
    """Return what a word of a closed list means, also with its zeros or its name beside it.

    >>> ways = by_word(CHOICE_WORDS["discharge_way"])
    >>> [coded(text, ways) for text in ("5", "5.0", "05", "5死亡", "死亡(5)", "4死亡", "活")]
    ['5', '5', '5', '5', '5', None, None]
    """
    plain = bare(text)
    if plain in words:
        return words[plain]
    number = _NUMBER.fullmatch(plain)
    if number is not None:
        return words.get(number[1])
    for pattern in (_CODE_THEN_NAME, _NAME_WITH_CODE):
        found = pattern.fullmatch(plain)
        if found is not None:
            meant = {words.get(part.strip()) for part in found.groups()}
            return meant.pop() if len(meant) == 1 else None
    return None

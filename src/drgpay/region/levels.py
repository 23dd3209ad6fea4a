"""Levels of hospitals (等级) that two tables write in two ways: 二级 in one, 2级 in the other.

Levels are compared as they are written, and nothing is guessed: what differs only in its writing
is refused, as a hospital would otherwise miss the row that is meant for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from drgpay.ground.errors import Bilingual, both

_DIGITS = str.maketrans(
    {"一": "1", "二": "2", "三": "3", "两": "2", "贰": "2", "叁": "3", "壹": "1"}
)
_ROMAN = {"iii": "3", "ii": "2", "i": "1"}
_GRADES = {"a": "甲", "b": "乙", "c": "丙"}


def plain_level(text: str) -> str:
    """Return what a level says, however it is written.

    >>> plain_level("二级"), plain_level(" 2 级"), plain_level("Ⅱ级医院"), plain_level("level 2")
    ('2', '2', '2', '2')
    >>> plain_level("三级甲等"), plain_level("三甲"), plain_level("3A"), plain_level("三级")
    ('3甲', '3甲', '3甲', '3')
    """
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).lower().translate(_DIGITS)
    plain = re.sub("level|医疗机构|医院|[级等]", "", plain)
    roman = re.match("i+", plain)
    if roman and roman[0] in _ROMAN:
        plain = _ROMAN[roman[0]] + plain[roman.end() :]
    return re.sub(r"(?<=^[0-9])[abc]$", lambda found: _GRADES[found[0]], plain)


def written_twice(own: Collection[str], table: Collection[str]) -> list[tuple[str, str]]:
    """Return levels of hospitals and of a table that mean one thing and are written in two ways.

    >>> written_twice({"二级", "三级"}, {"2级", "三级", "一级"})
    [('二级', '2级')]
    """
    return [
        (mine, other)
        for mine in sorted(own)
        for other in sorted(table)
        if mine != other and (mine not in table or other not in own) and alike(mine, other)
    ]


def alike(one: str, other: str) -> bool:
    """Whether two levels say the same; an empty one says nothing."""
    return bool(one and other) and plain_level(one) == plain_level(other)


def differently_written(hospitals: str, mine: str, table: str, other: str) -> Bilingual:
    """Return the fault of a level that two tables write in two ways, with its remedy."""
    return both(
        f"等级的写法不一致：{hospitals} 写作“{mine}”，{table} 写作“{other}”；"
        "若为同一等级，请改成同一写法",
        f"a level is written in two ways: {mine!r} in {hospitals}, {other!r} in {table}; write it "
        "in one way if it is one level",
    )

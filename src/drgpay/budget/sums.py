"""Sums that have to be one."""

from __future__ import annotations

from drgpay.ground.errors import Bilingual, BooksError, both
from drgpay.ground.money import yuan_text


def tie(what: Bilingual, one: int, other: int) -> None:
    """Fail if two sums in fen that are one differ. Raises BooksError."""
    if one != other:
        raise BooksError(
            both(
                f"{what.chinese}：{yuan_text(one)} 元与 {yuan_text(other)} 元不等",
                f"{what}: {yuan_text(one)} is not {yuan_text(other)} yuan",
            )
        )

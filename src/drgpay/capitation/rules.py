"""The policy's parameters of capitation (H1 to H3; S2 3), read from a mapping by key.

Nothing has a default: a key that is missing is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from drgpay.capitation.tables import factor
from drgpay.ground.errors import Bilingual, PolicyError, both, fault_at, located, quoted
from drgpay.ground.money import decimal_fraction
from drgpay.policy.catalogue import CATALOGUE
from drgpay.policy.year import says

KEYS = tuple(key for key in CATALOGUE if key.startswith("capitation."))


@dataclass(frozen=True, slots=True)
class Rules:
    """The parameters in force; `rate_fen` is of a person and year, `deficit_share` the fund's."""

    method: str
    rate_fen: Fraction | None
    area_of_resident: str
    invalid_charged: bool
    special_factors: frozenset[str]
    keep_ratio: Fraction
    deficit_share: Fraction


def rules_of(policy: Mapping[str, Any]) -> Rules:
    """Return the rules of a policy; raises PolicyError with every fault of its capitation keys."""
    faults: list[Bilingual] = []
    values: dict[str, Any] = {}
    for key in KEYS:
        try:
            values[key] = policy[key]
        except KeyError:
            faults.append(fault_at(key, "缺少", "missing"))
    for key in KEYS:
        choices = CATALOGUE[key].choices
        if choices and key in values and values[key] not in choices:
            faults.append(
                fault_at(
                    key,
                    f"{quoted(values[key])}不可用，可用：{'、'.join(choices)}",
                    f"{values[key]!r} is not one of {', '.join(choices)}",
                )
            )
    keep = _ratio(values, "capitation.keep_ratio", faults)
    deficit = _ratio(values, "capitation.deficit_share", faults)
    rate = _number(values, "capitation.rate_yuan", faults)
    if rate is not None and rate < 0:
        faults.append(fault_at("capitation.rate_yuan", "为负", "is negative"))
    if (
        values.get("capitation.method") == "rate"
        and rate is None
        and "capitation.rate_yuan" in values
    ):
        faults.append(
            fault_at(
                "capitation.rate_yuan",
                "人头预算方式（capitation.method）为按人头标准（rate）时，须写明人均标准（元），现为无",
                "capitation.method = rate needs a rate, this is none",
            )
        )
    words = values.get("capitation.special_factors") or ()
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        faults.append(
            fault_at("capitation.special_factors", "不是文本的列表", "is not a list of texts")
        )
        words = ()
    if faults:
        raise PolicyError(
            both("按人头付费的政策参数不能用", "the policy's parameters of capitation are unfit"),
            faults=faults,
            remedy=both(
                "在政策文件中补全或更正；不实行按人头付费的，移走 capitation 文件夹",
                "mend them in the policy file, or take the folder capitation away",
            ),
        )
    return Rules(
        values["capitation.method"],
        None if rate is None else rate * 100,
        values["capitation.area_of_resident"],
        says(values, "capitation.invalid_cost", "charged", "excluded"),
        frozenset(factor(word) for word in words),
        keep,
        deficit,
    )


def _number(values: Mapping[str, Any], key: str, faults: list[Bilingual]) -> Fraction | None:
    value = values.get(key)
    if value is None:
        return None
    try:
        return value if isinstance(value, Fraction) else decimal_fraction(value)
    except ValueError as error:
        faults.append(located(key, error))
        return None


def _ratio(values: Mapping[str, Any], key: str, faults: list[Bilingual]) -> Fraction:
    found = _number(values, key, faults)
    if found is None and key in values and values[key] is None:
        faults.append(fault_at(key, "没有值", "no value"))
    if found is not None and not 0 <= found <= 1:
        faults.append(fault_at(key, "不在0至1之间", "is not between 0 and 1"))
    return found if found is not None else Fraction(0)

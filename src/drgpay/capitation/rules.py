"""The policy's parameters of capitation (H1 to H3; S2 3), read from a mapping by key.

Nothing has a default: a key that is missing is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from drgpay.capitation.tables import factor
from drgpay.ground.errors import PolicyError, both, fault_at
from drgpay.policy.year import says


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
    """Return the rules of a policy; raises PolicyError where a rate is asked for and none is given.

    Types, ranges and choices are those of the catalogue, by which the policy was read.
    """
    rate = policy["capitation.rate_yuan"]
    if policy["capitation.method"] == "rate" and rate is None:
        raise PolicyError(
            both("按人头付费的政策参数不能用", "the policy's parameters of capitation are unfit"),
            faults=[
                fault_at(
                    "capitation.rate_yuan",
                    "人头预算方式（capitation.method）为按人头标准（rate）时，须写明人均标准（元），现为无",
                    "capitation.method = rate needs a rate, this is none",
                )
            ],
            remedy=both(
                "在政策文件中补全或更正；不实行按人头付费的，移走 capitation 文件夹",
                "mend them in the policy file, or take the folder capitation away",
            ),
        )
    return Rules(
        policy["capitation.method"],
        None if rate is None else rate * 100,
        policy["capitation.area_of_resident"],
        says(policy, "capitation.invalid_cost", "charged", "excluded"),
        frozenset(factor(word) for word in policy["capitation.special_factors"]),
        policy["capitation.keep_ratio"],
        policy["capitation.deficit_share"],
    )
